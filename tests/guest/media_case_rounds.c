/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "media_case.h"
#include "media_driver.h"

/*
 * Maps a buffer, writes at once, unmaps it, and looks in another mapping whether all of it is
 * there: a mapping that is announced before it is made loses the first writes.
 */
#define ROUNDS 1000u
#define PROGRESS_ROUNDS 250u

struct rounds {
    struct media_client *client;
    uint32_t session;
    uint32_t mem_offset;
    uint64_t lost;    /* words */
    uint64_t slowest; /* ns that a mapping took */
    uint64_t total;   /* ns of all of them */
};

static uint64_t word(unsigned round, size_t i)
{
    return (round * 0x9e3779b97f4a7c15ull) ^ i;
}

static int map(struct rounds *r, struct media_window *window)
{
    uint64_t from = media_driver_now(), took;
    int rc = media_client_mmap(r->client, r->session, r->mem_offset, window);

    took = media_driver_now() - from;
    r->total += took;
    if (took > r->slowest)
        r->slowest = took;
    return rc;
}

static int one_round(struct rounds *r, unsigned round)
{
    struct media_window window;
    volatile uint64_t *words;
    int rc = map(r, &window);

    if (rc)
        return rc;
    words = (volatile uint64_t *)(void *)window.at;
    for (size_t i = 0; i < window.length / 8; i++)
        words[i] = word(round, i);
    rc = media_client_munmap(r->client, &window);
    if (!rc)
        rc = map(r, &window);
    if (rc)
        return rc;
    words = (volatile uint64_t *)(void *)window.at;
    for (size_t i = 0; i < window.length / 8; i++)
        r->lost += words[i] != word(round, i);
    return media_client_munmap(r->client, &window);
}

/* One small buffer, so that nothing but the mapping takes time. */
static int prepare(struct media_case *c, struct rounds *r, struct media_stream *stream)
{
    struct media_window *window = &stream->windows[0][0];
    struct media_frame_info info;
    uint32_t size;
    int rc;

    c->ask.width = 128;
    c->ask.height = 96;
    rc = media_stream_begin(stream, r->client, &c->place, &c->ask);
    if (!rc)
        rc = media_stream_buffers(stream, 1);
    if (rc)
        return rc;
    r->session = stream->session;
    size = media_stream_buffer(stream, 0, &info);
    rc = media_stream_ioctl(stream, VIDIOC_QUERYBUF, "QUERYBUF", &info, size);
    r->mem_offset = stream->check.multi_planar ? info.planes[0].m.mem_offset : info.buffer.m.offset;
    return rc ? rc : media_client_munmap(r->client, window);
}

int media_case_rounds(struct media_case *c)
{
    static struct media_stream stream;
    unsigned count = c->frames ? c->frames : ROUNDS, i;
    struct media_client client;
    struct rounds r = {.client = &client};
    int rc, end;

    if (media_case_client(c, 0, &client))
        return 1;
    rc = prepare(c, &r, &stream);
    for (i = 0; i < count && !rc; i++) {
        rc = one_round(&r, i);
        if ((i + 1) % PROGRESS_ROUNDS == 0) {
            printf("@@ progress=%u of=%u\n", i + 1, count);
            fflush(stdout);
        }
    }
    end = media_stream_end(&stream);
    media_client_finish(&client);
    printf("@@ rounds=%u lost_words=%llu map_us=%llu slowest_map_us=%llu\n", i,
           (unsigned long long)r.lost, i ? (unsigned long long)r.total / i / 2000 : 0ull,
           (unsigned long long)r.slowest / 1000);
    if (rc)
        fprintf(stderr, "media: round %u: %s\n", i, strerror(-rc));
    if (r.lost)
        fprintf(stderr, "media: %llu words were written and are not there\n",
                (unsigned long long)r.lost);
    return rc || end || r.lost;
}

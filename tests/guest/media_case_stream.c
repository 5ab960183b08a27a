/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "media_case.h"
#include "media_driver.h"

#define PROGRESS_FRAMES 50

int media_case_client(struct media_case *c, unsigned index, struct media_client *client)
{
    int rc = media_client_init(client, c->sockets[index], &c->place);

    c->sockets[index] = -1;
    if (rc)
        fprintf(stderr, "media: %s: %s\n", c->place.bar_path, strerror(-rc));
    return rc;
}

void media_case_close_sockets(struct media_case *c, unsigned but)
{
    for (unsigned i = 0; i < MEDIA_CASE_SOCKETS; i++) {
        if (i == but || c->sockets[i] < 0)
            continue;
        close(c->sockets[i]);
        c->sockets[i] = -1;
    }
}

static void print_run(const struct media_stream *stream, unsigned buffers, uint64_t took)
{
    const struct media_check *k = &stream->check;
    uint64_t steps = k->last_sequence - k->first_sequence;
    uint64_t span = k->last_time - k->first_time;

    printf("@@ format=%s width=%u height=%u planes=%u buffers=%u interval_us=%llu\n",
           media_stream_name(stream->format.fmt.pix.pixelformat), stream->format.fmt.pix.width,
           stream->format.fmt.pix.height, stream->planes, buffers,
           (unsigned long long)k->interval / 1000);
    printf("@@ frames=%llu verified=%llu drops=%llu first_sequence=%llu\n",
           (unsigned long long)k->frames, (unsigned long long)(k->summed - k->bad_sum),
           (unsigned long long)k->drops, (unsigned long long)k->first_sequence);
    printf("@@ bad_sum=%llu bad_stamp=%llu bad_sequence=%llu bad_time=%llu bad_clock=%llu "
           "bad_fields=%llu\n",
           (unsigned long long)k->bad_sum, (unsigned long long)k->bad_stamp,
           (unsigned long long)k->bad_sequence, (unsigned long long)k->bad_time,
           (unsigned long long)k->bad_clock, (unsigned long long)k->bad_fields);
    printf("@@ clock_worst_us=%llu clock_slope_ppm=%lld\n",
           (unsigned long long)k->worst_clock / 1000,
           steps ? ((long long)span - (long long)(steps * k->interval)) * 1000000 /
                       (long long)(steps * k->interval)
                 : 0ll);
    printf("@@ seconds=%.2f check_us=%llu buffers_used=%d\n", (double)took / 1e9,
           k->frames ? (unsigned long long)(k->busy / k->frames / 1000) : 0ull,
           __builtin_popcountll(k->indexes));
}

/* The frame in the middle of the run is the one that is saved. */
static int run(struct media_case *c, struct media_stream *stream)
{
    int rc = media_stream_buffers(stream, c->buffers);
    uint64_t from;

    if (!rc)
        rc = media_stream_start(stream);
    from = media_driver_now();
    for (unsigned i = 0; i < c->frames && !rc; i++) {
        bool keep = c->save && i == c->frames / 2;
        unsigned index;

        rc = media_stream_next(stream, keep, &index);
        if (!rc && keep)
            rc = media_stream_save(stream, index, c->save);
        if (!rc && keep)
            rc = media_stream_queue(stream, index);
        if (!rc && (i + 1) % PROGRESS_FRAMES == 0) {
            printf("@@ progress=%u of=%u\n", i + 1, c->frames);
            fflush(stdout);
        }
    }
    print_run(stream, c->buffers, media_driver_now() - from);
    return rc ? rc : media_stream_stop(stream);
}

static int verdict(struct media_case *c, const struct media_check *check)
{
    if (check->frames != c->frames || media_check_bad(check)) {
        fprintf(stderr, "media: %llu of %u frames came, %llu things were wrong with them\n",
                (unsigned long long)check->frames, c->frames,
                (unsigned long long)media_check_bad(check));
        return 1;
    }
    if (c->no_drops && check->drops) {
        fprintf(stderr, "media: %llu frames were dropped\n", (unsigned long long)check->drops);
        return 1;
    }
    return 0;
}

static int stream_with(struct media_case *c, struct media_stream *stream)
{
    struct media_client client;
    int rc, end;

    if (media_case_client(c, 0, &client))
        return 1;
    rc = media_stream_begin(stream, &client, &c->place, &c->ask);
    if (!rc)
        rc = run(c, stream);
    end = media_stream_end(stream);
    media_client_finish(&client);
    if (rc || end)
        return 1;
    return verdict(c, &stream->check);
}

int media_case_stream(struct media_case *c)
{
    static struct media_stream stream;

    return stream_with(c, &stream);
}

int media_case_buffers32(struct media_case *c)
{
    static struct media_stream stream;
    int rc;

    c->buffers = 32;
    if (c->frames < 3 * 32)
        c->frames = 3 * 32;
    rc = stream_with(c, &stream);
    if (!rc && stream.check.indexes != 0xffffffffu) {
        fprintf(stderr, "media: not all of the 32 buffers came back: %#llx\n",
                (unsigned long long)stream.check.indexes);
        rc = 1;
    }
    return rc;
}

/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "media_case.h"
#include "steady.h"

/* Streams while workers die: every frame that comes is whole, in order, and in its buffer. */

static int run(struct media_case *c, struct media_stream *stream)
{
    struct steady steady;
    int rc = media_stream_buffers(stream, c->buffers);

    if (!rc)
        rc = media_stream_start(stream);
    steady_init(&steady, "frames", c->until);
    while (!rc) {
        uint64_t before = media_check_bad(&stream->check);
        unsigned index;

        rc = media_stream_next(stream, false, &index);
        if (!rc && !steady_unit(&steady, media_check_bad(&stream->check) == before))
            break;
    }
    printf("@@ frames=%llu verified=%llu drops=%llu steps=%llu clock_worst_us=%llu\n",
           (unsigned long long)stream->check.frames,
           (unsigned long long)(stream->check.summed - stream->check.bad_sum),
           (unsigned long long)stream->check.drops,
           (unsigned long long)(stream->check.last_sequence - stream->check.first_sequence),
           (unsigned long long)stream->check.worst_clock / 1000);
    if (!steady_end(&steady))
        rc = -1;
    return rc ? rc : media_stream_stop(stream);
}

int media_case_steady(struct media_case *c)
{
    static struct media_stream stream;
    struct media_client client;
    int rc, end;

    if (!c->until) {
        fprintf(stderr, "media: steady wants --until FILE\n");
        return 1;
    }
    if (media_case_client(c, 0, &client))
        return 1;
    rc = media_stream_begin(&stream, &client, &c->place, &c->ask);
    if (!rc)
        rc = run(c, &stream);
    end = media_stream_end(&stream);
    media_client_finish(&client);
    return rc || end;
}

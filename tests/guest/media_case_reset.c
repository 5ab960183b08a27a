/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <unistd.h>

#include "media_case.h"

/* A driver that goes without a word, and the one that comes after it. */

static int begin(struct media_case *c, struct media_client *client, struct media_stream *stream)
{
    if (media_case_client(c, 0, client))
        return 1;
    return media_stream_begin(stream, client, &c->place, &c->ask) ||
           media_stream_buffers(stream, c->buffers);
}

int media_case_abandon(struct media_case *c)
{
    static struct media_stream stream;
    struct media_client client;
    unsigned index;

    if (begin(c, &client, &stream) || media_stream_start(&stream))
        return 1;
    for (unsigned i = 0; i < 20; i++)
        if (media_stream_next(&stream, false, &index))
            return 1;
    /* Buffers mapped and queued, frames on their way. */
    return media_check_bad(&stream.check) != 0;
}

/* Whether the window's memory is new: the bytes of the last driver's frames are nobody's to see. */
static int check_clean(const struct media_stream *stream)
{
    for (unsigned i = 0; i < stream->buffers; i++) {
        const struct media_window *window = &stream->windows[i][0];
        uint64_t any = 0;

        for (size_t k = 0; k < window->mapped / 8; k++)
            any |= ((const uint64_t *)(const void *)window->at)[k];
        if (any) {
            fprintf(stderr, "media: buffer %u is not empty when it is new\n", i);
            return 1;
        }
    }
    return 0;
}

int media_case_fresh(struct media_case *c)
{
    static struct media_stream stream;
    struct media_client client;
    unsigned index;
    int rc = begin(c, &client, &stream), end;

    if (!rc)
        rc = check_clean(&stream);
    if (!rc)
        rc = media_stream_start(&stream);
    for (unsigned i = 0; i < 20 && !rc; i++)
        rc = media_stream_next(&stream, false, &index);
    if (!rc)
        rc = media_stream_stop(&stream);
    end = media_stream_end(&stream);
    media_client_finish(&client);
    printf("@@ after_reset=%llu\n", (unsigned long long)stream.check.frames);
    return rc || end || media_check_bad(&stream.check);
}

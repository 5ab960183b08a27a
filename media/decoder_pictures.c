/* SPDX-License-Identifier: MIT */
#include "media/decoder_pictures.h"

#include <stdlib.h>

/* Stands for a buffer of libavutil's, and keeps it. */
struct counted {
    const struct av_library *av;
    struct quota *quota;
    AVBufferRef *buffer; /* owned */
    uint64_t size;       /* bytes taken for it */
};

static void let_go(void *opaque, uint8_t *data)
{
    struct counted *counted = opaque;

    counted->av->av_buffer_unref(&counted->buffer);
    quota_give(counted->quota, counted->size);
    free(counted);
}

static int take(const struct av_library *av, struct quota *quota, AVBufferRef **buffer)
{
    uint64_t size = (uint64_t)(*buffer)->size;
    struct counted *counted;
    AVBufferRef *outer;

    if (quota_take(quota, size) < 0)
        return AVERROR(ENOMEM);
    counted = malloc(sizeof(*counted));
    outer = counted != NULL
                ? av->av_buffer_create((*buffer)->data, (*buffer)->size, let_go, counted, 0)
                : NULL;
    if (outer == NULL) {
        free(counted);
        quota_give(quota, size);
        return AVERROR(ENOMEM);
    }
    *counted = (struct counted){av, quota, *buffer, size};
    *buffer = outer;
    return 0;
}

int decoder_pictures_take(const struct av_library *av, struct quota *quota, AVFrame *frame)
{
    int r = 0;

    for (unsigned i = 0; i < AV_NUM_DATA_POINTERS && frame->buf[i] != NULL && r == 0; i++)
        r = take(av, quota, &frame->buf[i]);
    for (unsigned i = 0; r != 0 && i < AV_NUM_DATA_POINTERS; i++)
        av->av_buffer_unref(&frame->buf[i]);
    return r;
}

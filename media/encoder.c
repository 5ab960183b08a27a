/* SPDX-License-Identifier: MIT */
#include "media/encoder.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "media/encoder_codec.h"
#include "media/encoder_input.h"

/* No encoder here keeps so many pictures inside. */
#define MAX_INSIDE 64u
/* What an encoder keeps, in pictures: those that it refers to, waits with, and works on. */
#define PICTURES 8u

struct encoder {
    const struct av_library *av;      /* borrowed */
    struct quota *memory;             /* borrowed; NULL: nobody counts */
    uint64_t charge;                  /* bytes taken from it */
    struct encoder_settings settings; /* of what is open */
    const AVCodec *codec;
    AVCodecContext *context; /* NULL: the next picture begins anew */
    struct encoder_input input;
    int64_t next;                /* number of the next picture */
    uint64_t times[MAX_INSIDE];  /* of picture n at n % MAX_INSIDE */
    unsigned inside;             /* pictures that nothing came of yet */
    AVPacket *ready[MAX_INSIDE]; /* what came, oldest first */
    unsigned ready_count;
    bool broken; /* something of the stream was lost: a key picture has to come */
};

struct encoder *encoder_create(const struct av_library *av, struct quota *memory)
{
    struct encoder *encoder = calloc(1, sizeof(*encoder));

    if (encoder != NULL) {
        encoder->av = av;
        encoder->memory = memory;
    }
    return encoder;
}

/* What is ready stays. */
static void close_codec(struct encoder *encoder)
{
    encoder->av->avcodec_free_context(&encoder->context);
    if (encoder->charge != 0)
        quota_give(encoder->memory, encoder->charge);
    encoder->charge = 0;
    encoder_input_finish(&encoder->input);
    encoder->inside = 0;
    encoder->broken = false;
}

void encoder_forget(struct encoder *encoder)
{
    close_codec(encoder);
    while (encoder->ready_count > 0)
        encoder->av->av_packet_free(&encoder->ready[--encoder->ready_count]);
}

void encoder_destroy(struct encoder *encoder)
{
    if (encoder == NULL)
        return;
    encoder_forget(encoder);
    free(encoder);
}

/* ---- what comes out ---- */

/* Takes over all that the codec has to give now. 0, -ENODATA at the end of the stream, or another
 * -errno. */
static int collect(struct encoder *encoder)
{
    const struct av_library *av = encoder->av;
    int r;

    while (encoder->ready_count < MAX_INSIDE) {
        AVPacket *packet = av->av_packet_alloc();

        if (packet == NULL)
            return -ENOMEM;
        r = av->avcodec_receive_packet(encoder->context, packet);
        if (r < 0) {
            av->av_packet_free(&packet);
            return r == AVERROR(EAGAIN) ? 0 : av_library_failure(r);
        }
        encoder->ready[encoder->ready_count++] = packet;
        if (encoder->inside > 0)
            encoder->inside--;
    }
    return -EIO;
}

int encoder_finish(struct encoder *encoder)
{
    int r;

    if (encoder->context == NULL || encoder->inside == 0)
        return 0;
    r = av_library_failure(encoder->av->avcodec_send_frame(encoder->context, NULL));
    if (r == 0)
        r = collect(encoder);
    close_codec(encoder);
    return r == -ENODATA ? 0 : r;
}

bool encoder_is_empty(const struct encoder *encoder)
{
    return encoder->inside == 0 && encoder->ready_count == 0;
}

bool encoder_has_output(const struct encoder *encoder)
{
    return encoder->ready_count > 0;
}

static uint32_t flags_of(const struct av_library *av, const AVPacket *packet)
{
    size_t size = 0;
    const uint8_t *stats;

    if (packet->flags & AV_PKT_FLAG_KEY)
        return V4L2_BUF_FLAG_KEYFRAME;
    /* Four bytes of quality, then the type. */
    stats = av->av_packet_get_side_data(packet, AV_PKT_DATA_QUALITY_STATS, &size);
    if (stats != NULL && size > 4 && stats[4] == AV_PICTURE_TYPE_B)
        return V4L2_BUF_FLAG_BFRAME;
    return V4L2_BUF_FLAG_PFRAME;
}

int encoder_take(struct encoder *encoder, uint8_t *to, uint32_t size, struct encoder_output *output)
{
    AVPacket *packet;

    if (encoder->ready_count == 0)
        return -ENODATA;
    packet = encoder->ready[0];
    memmove(&encoder->ready[0], &encoder->ready[1],
            --encoder->ready_count * sizeof(encoder->ready[0]));
    *output = (struct encoder_output){
        .size = (uint32_t)packet->size,
        .time = encoder->times[(uint64_t)packet->pts % MAX_INSIDE],
        .flags = flags_of(encoder->av, packet),
    };
    if (output->size <= size)
        memcpy(to, packet->data, output->size);
    else
        encoder->broken = true;
    encoder->av->av_packet_free(&packet);
    return output->size <= size ? 0 : -ENOSPC;
}

/* ---- what goes in ---- */

/* Takes what the codec will keep. Nobody tells how much that is. */
static int charge(struct encoder *encoder, const struct encoder_settings *settings)
{
    uint64_t size = 0;
    int r;

    for (unsigned i = 0; i < settings->raw.format->planes; i++)
        size += settings->raw.plane_size[i];
    r = encoder->memory != NULL ? quota_take(encoder->memory, size * PICTURES) : 0;
    if (r == 0 && encoder->memory != NULL)
        encoder->charge = size * PICTURES;
    return r;
}

static int open_codec(struct encoder *encoder, const struct encoder_settings *settings)
{
    const struct av_library *av = encoder->av;
    enum AVPixelFormat takes;
    bool full;
    int r;

    encoder->codec = encoder_codec_find(av, settings->coded);
    if (encoder->codec == NULL)
        return -EOPNOTSUPP;
    r = charge(encoder, settings);
    if (r == 0)
        r = encoder_codec_open(av, encoder->codec, settings, &encoder->context);
    if (r != 0) {
        close_codec(encoder);
        return r;
    }
    takes = encoder->context->pix_fmt;
    full = encoder->context->color_range == AVCOL_RANGE_JPEG;
    r = encoder_input_init(&encoder->input, av, settings, takes, full);
    if (r != 0)
        close_codec(encoder);
    else
        encoder->settings = *settings;
    return r;
}

/* Gets ready for pictures with these settings. */
static int follow(struct encoder *encoder, const struct encoder_settings *settings)
{
    if (encoder->context != NULL && memcmp(settings, &encoder->settings, sizeof(*settings)) == 0)
        return 0;
    if (encoder->context != NULL &&
        encoder_codec_can_follow(encoder->codec, &encoder->settings, settings)) {
        encoder_codec_follow(encoder->av, encoder->context, settings);
        encoder->settings = *settings;
        return 0;
    }
    encoder_finish(encoder);
    close_codec(encoder);
    return open_codec(encoder, settings);
}

static int send(struct encoder *encoder, AVFrame *frame, uint64_t time, bool key)
{
    int r;

    key = key || encoder->broken;
    frame->pts = encoder->next;
    frame->pict_type = key ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
    frame->quality = encoder_codec_picture_quality(&encoder->settings);
    frame->color_range = encoder->context->color_range;
    encoder->times[(uint64_t)encoder->next % MAX_INSIDE] = time;
    encoder->next++;
    r = av_library_failure(encoder->av->avcodec_send_frame(encoder->context, frame));
    if (r != 0)
        return r;
    encoder->inside++;
    encoder->broken = false;
    return collect(encoder);
}

int encoder_put(struct encoder *encoder, const struct encoder_settings *settings,
                uint8_t *const *planes, uint64_t time, bool key)
{
    int r = follow(encoder, settings);
    AVFrame *frame;

    if (r != 0)
        return r;
    frame = encoder_input_frame(&encoder->input, settings, planes);
    r = frame != NULL ? send(encoder, frame, time, key) : -ENOMEM;
    encoder_input_release(&encoder->input);
    if (r != 0)
        close_codec(encoder);
    return r;
}

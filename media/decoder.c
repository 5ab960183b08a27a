/* SPDX-License-Identifier: MIT */
#include "media/decoder.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"

/* A packet that gives no picture and no end after so many errors is given up. */
#define MOST_ERRORS 16u

int decoder_init(struct decoder *decoder, const struct av_library *av,
                 const struct decoder_codec *codec, struct quota *memory)
{
    *decoder = (struct decoder){.av = av, .memory = memory, .codec = codec};
    decoder_output_init(&decoder->output, av);
    decoder_slots_init(&decoder->slots, av);
    decoder->packet = av->av_packet_alloc();
    decoder->frame = av->av_frame_alloc();
    return decoder->packet != NULL && decoder->frame != NULL ? 0 : -ENOMEM;
}

static void drop_frame(struct decoder *decoder)
{
    decoder->av->av_frame_unref(decoder->frame);
    decoder->has_frame = false;
}

/* Everything before is forgotten. */
static void forget(struct decoder *decoder)
{
    drop_frame(decoder);
    if (decoder->waiting)
        decoder->av->av_packet_unref(decoder->packet);
    decoder->waiting = false;
    decoder->draining = false;
    decoder->drained = false;
}

static void close_codec(struct decoder *decoder)
{
    forget(decoder);
    if (decoder->context != NULL)
        decoder->av->avcodec_free_context(&decoder->context);
}

void decoder_finish(struct decoder *decoder)
{
    if (decoder->frame != NULL)
        close_codec(decoder);
    decoder_output_finish(&decoder->output);
    decoder_slots_finish(&decoder->slots);
    decoder->av->av_packet_free(&decoder->packet);
    decoder->av->av_frame_free(&decoder->frame);
}

void decoder_select(struct decoder *decoder, const struct decoder_codec *codec)
{
    decoder->wants_key = false;
    close_codec(decoder);
    decoder->codec = codec;
}

/* Memory for a picture: a buffer of the guest's if there is one that suits, else the codec's own.
 */
static int get_buffer(AVCodecContext *context, AVFrame *frame, int flags)
{
    struct decoder *decoder = context->opaque;
    int r;

    if (decoder->codec->direct && context->width == (int)decoder->running.width &&
        context->height == (int)decoder->running.height &&
        decoder_slots_claim(&decoder->slots, context, frame))
        return 0;
    r = decoder->av->avcodec_default_get_buffer2(context, frame, flags);
    return r == 0 ? decoder_pictures_take(decoder->av, decoder->memory, frame) : r;
}

/* 0 or -errno. */
static int open_codec(struct decoder *decoder)
{
    const struct av_library *av = decoder->av;
    const AVCodec *codec = decoder_codec_library(decoder->codec, av);
    char text[AV_ERROR_MAX_STRING_SIZE];
    int r;

    if (codec == NULL)
        return -EOPNOTSUPP;
    decoder->context = av->avcodec_alloc_context3(codec);
    if (decoder->context == NULL)
        return -ENOMEM;
    /* Sessions share the threads of the device, each in its turn. */
    decoder->context->thread_count = 1;
    decoder->context->opaque = decoder;
    decoder->context->get_buffer2 = get_buffer;
    decoder->context->max_pixels = DECODER_MAX_PIXELS;
    decoder->context->flags |= AV_CODEC_FLAG_UNALIGNED; /* crops to the pixel */
    r = av->avcodec_open2(decoder->context, codec, NULL);
    if (r < 0) {
        log_warning("decoder: %s does not open: %s", codec->name, av_library_text(av, r, text));
        av->avcodec_free_context(&decoder->context);
        return av_library_failure(r);
    }
    return 0;
}

static void flush(struct decoder *decoder)
{
    forget(decoder);
    if (decoder->context != NULL)
        decoder->av->avcodec_flush_buffers(decoder->context);
}

static bool send(struct decoder *decoder)
{
    int r = decoder->av->avcodec_send_packet(decoder->context, decoder->packet);

    decoder->av->av_packet_unref(decoder->packet);
    return r >= 0;
}

/* Whether pictures that it is made from may be missing. */
static bool is_orphan(struct decoder *decoder)
{
    if (decoder->wants_key && av_library_is_key(decoder->frame))
        decoder->wants_key = false;
    return decoder->wants_key;
}

/* Takes the next picture out, if there is one. False: the packet is broken. */
static bool receive(struct decoder *decoder)
{
    const struct av_library *av = decoder->av;
    bool good = true;

    for (unsigned errors = 0; errors < MOST_ERRORS; errors++) {
        int r = av->avcodec_receive_frame(decoder->context, decoder->frame);

        if (r == AVERROR_EOF && decoder->waiting) {
            decoder->waiting = false;
            av->avcodec_flush_buffers(decoder->context);
            good = send(decoder);
            continue;
        }
        decoder->has_frame = r >= 0;
        decoder->drained = r == AVERROR_EOF;
        if (r >= 0 && is_orphan(decoder)) {
            drop_frame(decoder);
            good = false;
            continue;
        }
        if (r >= 0 || r == AVERROR_EOF || r == AVERROR(EAGAIN))
            return good;
        good = false;
    }
    return false;
}

/* The source as a packet of our own: the guest may change its bytes while a codec reads them. 0 or
 * -errno. */
static int make_packet(struct decoder *decoder, const struct m2m_work *work)
{
    const struct m2m_plane *source = &work->source[0];
    int r;

    if (source->size == 0 || source->size > INT32_MAX - AV_INPUT_BUFFER_PADDING_SIZE)
        return -EINVAL;
    r = decoder->av->av_new_packet(decoder->packet, (int)source->size);
    if (r < 0)
        return av_library_failure(r);
    memcpy(decoder->packet->data, source->data, source->size);
    decoder->packet->pts = (int64_t)work->source_time;
    return 0;
}

/* Whether the packet changes the size of an MPEG-2 stream: it has a sequence header of another
 * size. libavcodec would lose the picture that it still holds then. */
static bool loses_picture(const struct decoder *decoder)
{
    const uint8_t *data = decoder->packet->data;
    int width = decoder->context->width & 0xfff, height = decoder->context->height & 0xfff;

    if (decoder->codec->fourcc != V4L2_PIX_FMT_MPEG2 || width == 0)
        return false;
    for (int i = 0; i + 7 <= decoder->packet->size; i++)
        if (data[i] == 0 && data[i + 1] == 0 && data[i + 2] == 1 && data[i + 3] == 0xb3)
            return (data[i + 4] << 4 | data[i + 5] >> 4) != width ||
                   ((data[i + 5] & 15) << 8 | data[i + 6]) != height;
    return false;
}

/* False: it is broken, or cannot be decoded. */
static bool feed(struct decoder *decoder, const struct m2m_work *work)
{
    bool good = true;

    if (decoder->context == NULL && open_codec(decoder) != 0)
        return false;
    if (decoder->draining) /* given up half-way, or over: the codec begins anew */
        flush(decoder);
    if (make_packet(decoder, work) != 0)
        return false;
    if (loses_picture(decoder)) {
        decoder->waiting = true;
        decoder->av->avcodec_send_packet(decoder->context, NULL);
    } else {
        good = send(decoder);
    }
    return receive(decoder) && good;
}

static void begin_drain(struct decoder *decoder)
{
    if (decoder->draining || decoder->waiting)
        return;
    decoder->draining = true;
    decoder->drained = decoder->context == NULL;
    if (decoder->context == NULL)
        return;
    decoder->av->avcodec_send_packet(decoder->context, NULL);
    if (!decoder->has_frame)
        receive(decoder);
}

static uint32_t flags_of(const AVFrame *frame)
{
    if (av_library_is_key(frame))
        return V4L2_BUF_FLAG_KEYFRAME;
    if (frame->pict_type == AV_PICTURE_TYPE_P)
        return V4L2_BUF_FLAG_PFRAME;
    return frame->pict_type == AV_PICTURE_TYPE_B ? V4L2_BUF_FLAG_BFRAME : 0;
}

/* The buffer may be of another format, if the guest kept it over a change. */
static bool has_room(const struct decoder *decoder, const struct m2m_work *work)
{
    if (work->target_planes < decoder->picture.format->planes)
        return false;
    for (unsigned i = 0; i < decoder->picture.format->planes; i++)
        if (work->target[i].size < decoder->picture.plane_size[i])
            return false;
    return true;
}

/* The one copy. 0 or -errno. */
static int copy_frame(struct decoder *decoder, const struct m2m_work *work)
{
    uint8_t *planes[PICTURE_MAX_PLANES] = {0};

    if (!has_room(decoder, work))
        return -ENOSPC;
    for (unsigned i = 0; i < decoder->picture.format->planes; i++)
        planes[i] = work->target[i].data;
    return decoder_output_write(&decoder->output, decoder->frame, &decoder->picture, planes);
}

static void fill(struct decoder *decoder, struct m2m_work *work, int r)
{
    if (r != 0)
        log_stranger("decoder: a picture of %ux%u does not get into a buffer: error %d",
                     decoder->running.width, decoder->running.height, -r);
    for (unsigned i = 0; i < decoder->picture.format->planes; i++)
        work->bytesused[i] = decoder->picture.plane_size[i];
    if (decoder->frame->pts != AV_NOPTS_VALUE)
        work->target_time = (uint64_t)decoder->frame->pts;
    work->target_flags = r != 0 ? V4L2_BUF_FLAG_ERROR : flags_of(decoder->frame);
    work->filled = true;
}

/* The picture lies in a buffer of the guest's already. */
static void give_slot(struct decoder *decoder, struct m2m_work *work,
                      const struct decoder_slot *slot)
{
    fill(decoder, work, 0);
    work->other = slot == decoder->slots.offer ? 0 : slot->buffer->index + 1;
    decoder->direct++;
}

/* The guest can prepare its buffers as soon as the stream's headers are read, though the codec
 * holds pictures back. */
static void foresee(struct decoder *decoder, struct m2m_work *work)
{
    if (decoder->told.width == 0 && decoder->context != NULL &&
        decoder_output_foresee(&decoder->output, decoder->context, &decoder->found))
        work->changed =
            decoder->found.width <= DECODER_MAX_SIDE && decoder->found.height <= DECODER_MAX_SIDE;
}

/* The picture in hand goes out, if it goes together with the buffers. */
static void give(struct decoder *decoder, struct m2m_work *work)
{
    struct decoder_slot *slot = decoder_slots_of(&decoder->slots, decoder->frame);
    bool taken = decoder->slots.offer != NULL && decoder->slots.offer->claimed;

    decoder_output_format(&decoder->output, decoder->frame, &decoder->found);
    if (!decoder_format_fits(&decoder->found, &decoder->told) ||
        (work->target_planes > 0 && !decoder_format_fits(&decoder->found, &decoder->running))) {
        work->changed = true;
        return;
    }
    if (slot != NULL) {
        give_slot(decoder, work, slot);
    } else if (work->target_planes > 0 && !taken) {
        fill(decoder, work, copy_frame(decoder, work));
        decoder->copied++;
    } else {
        return;
    }
    drop_frame(decoder);
    receive(decoder);
}

/* libavcodec looks at the number of pixels only. */
static bool too_large(const AVFrame *frame)
{
    return frame->width > (int)DECODER_MAX_SIDE || frame->height > (int)DECODER_MAX_SIDE;
}

void decoder_step(struct decoder *decoder, struct m2m_work *work)
{
    if (work->flush) {
        flush(decoder);
        decoder->wants_key = false; /* a seek: as with any decoder */
    }
    if (work->source_planes > 0)
        work->source_bad = !feed(decoder, work);
    if (work->drain)
        begin_drain(decoder);
    while (decoder->has_frame && too_large(decoder->frame)) {
        log_stranger("decoder: refused a picture of %dx%d: %u is the most", decoder->frame->width,
                     decoder->frame->height, DECODER_MAX_SIDE);
        work->source_bad = true;
        drop_frame(decoder);
        receive(decoder);
    }
    if (decoder->has_frame)
        give(decoder, work);
    else
        foresee(decoder, work);
    work->pending = decoder->has_frame;
    work->placed = work->pending && decoder_slots_of(&decoder->slots, decoder->frame) != NULL;
    work->kept = decoder->slots.offer != NULL && decoder->slots.offer->claimed &&
                 !(work->filled && work->other == 0);
    work->ended = decoder->draining && decoder->drained && !decoder->has_frame;
    if (work->ended)
        flush(decoder);
}

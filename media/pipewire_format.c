/* SPDX-License-Identifier: MIT */
#include "media/pipewire_format.h"

#include <errno.h>

#include <spa/buffer/meta.h>
#include <spa/param/buffers.h>
#include <spa/param/param.h>
#include <spa/param/video/format-utils.h>

#define MAX_SIDE 8192u
#define MAX_RATE 1000u
#define LATE_NS 1000000000u

struct row {
    uint32_t spa;
    struct frame_format format;
};

/* In the order in which they are wished for: those with the most of the picture first. */
static const struct row rows[] = {
    {SPA_VIDEO_FORMAT_YUY2, {"YUY2", FRAME_PACKED, 2, {0, 1, 3}}},
    {SPA_VIDEO_FORMAT_UYVY, {"UYVY", FRAME_PACKED, 2, {1, 0, 2}}},
    {SPA_VIDEO_FORMAT_YVYU, {"YVYU", FRAME_PACKED, 2, {0, 3, 1}}},
    {SPA_VIDEO_FORMAT_RGB, {"RGB", FRAME_RGB, 3, {0, 1, 2}}},
    {SPA_VIDEO_FORMAT_BGR, {"BGR", FRAME_RGB, 3, {2, 1, 0}}},
    {SPA_VIDEO_FORMAT_RGBx, {"RGBx", FRAME_RGB, 4, {0, 1, 2}}},
    {SPA_VIDEO_FORMAT_BGRx, {"BGRx", FRAME_RGB, 4, {2, 1, 0}}},
    {SPA_VIDEO_FORMAT_xRGB, {"xRGB", FRAME_RGB, 4, {1, 2, 3}}},
    {SPA_VIDEO_FORMAT_xBGR, {"xBGR", FRAME_RGB, 4, {3, 2, 1}}},
    {SPA_VIDEO_FORMAT_RGBA, {"RGBA", FRAME_RGB, 4, {0, 1, 2}}},
    {SPA_VIDEO_FORMAT_BGRA, {"BGRA", FRAME_RGB, 4, {2, 1, 0}}},
    {SPA_VIDEO_FORMAT_ARGB, {"ARGB", FRAME_RGB, 4, {1, 2, 3}}},
    {SPA_VIDEO_FORMAT_ABGR, {"ABGR", FRAME_RGB, 4, {3, 2, 1}}},
    {SPA_VIDEO_FORMAT_NV12, {"NV12", FRAME_SEMIPLANAR, 1, {0, 0, 1}}},
    {SPA_VIDEO_FORMAT_NV21, {"NV21", FRAME_SEMIPLANAR, 1, {0, 1, 0}}},
    {SPA_VIDEO_FORMAT_I420, {"I420", FRAME_PLANAR, 1, {0, 1, 2}}},
    {SPA_VIDEO_FORMAT_YV12, {"YV12", FRAME_PLANAR, 1, {0, 2, 1}}},
    {SPA_VIDEO_FORMAT_GRAY8, {"GRAY8", FRAME_GRAY, 1, {0}}},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

const struct frame_format *pipewire_format_find(uint32_t spa)
{
    for (size_t i = 0; i < ROWS; i++)
        if (rows[i].spa == spa)
            return &rows[i].format;
    return NULL;
}

/* ---- wishes ---- */

struct wish {
    bool native, size, rate; /* exactly the stream's; else any */
};

static uint32_t native_format(const struct media_stream *stream)
{
    switch (stream->picture.format->layout) {
    case PIXEL_NV12:
        return SPA_VIDEO_FORMAT_NV12;
    case PIXEL_YUV420:
        return SPA_VIDEO_FORMAT_I420;
    case PIXEL_RGB24:
        return SPA_VIDEO_FORMAT_RGB;
    default:
        return SPA_VIDEO_FORMAT_YUY2;
    }
}

static void add_formats(struct spa_pod_builder *b, uint32_t native, bool only)
{
    struct spa_pod_frame choice;

    spa_pod_builder_prop(b, SPA_FORMAT_VIDEO_format, 0);
    if (only) {
        spa_pod_builder_id(b, native);
        return;
    }
    spa_pod_builder_push_choice(b, &choice, SPA_CHOICE_Enum, 0);
    spa_pod_builder_id(b, native); /* the default, and then all */
    spa_pod_builder_id(b, native);
    for (size_t i = 0; i < ROWS; i++)
        if (rows[i].spa != native)
            spa_pod_builder_id(b, rows[i].spa);
    spa_pod_builder_pop(b, &choice);
}

static void add_size(struct spa_pod_builder *b, const struct media_stream *stream, bool only)
{
    struct spa_rectangle size = SPA_RECTANGLE(stream->picture.width, stream->picture.height);

    if (only)
        spa_pod_builder_add(b, SPA_FORMAT_VIDEO_size, SPA_POD_Rectangle(&size), 0);
    else
        spa_pod_builder_add(b, SPA_FORMAT_VIDEO_size,
                            SPA_POD_CHOICE_RANGE_Rectangle(&size, &SPA_RECTANGLE(1, 1),
                                                           &SPA_RECTANGLE(MAX_SIDE, MAX_SIDE)),
                            0);
}

static void add_rate(struct spa_pod_builder *b, const struct media_stream *stream, bool only)
{
    struct spa_fraction rate =
        SPA_FRACTION(stream->interval.denominator, stream->interval.numerator);

    if (only)
        spa_pod_builder_add(b, SPA_FORMAT_VIDEO_framerate, SPA_POD_Fraction(&rate), 0);
    else
        spa_pod_builder_add(
            b, SPA_FORMAT_VIDEO_framerate,
            SPA_POD_CHOICE_RANGE_Fraction(&rate, &SPA_FRACTION(0, 1), &SPA_FRACTION(MAX_RATE, 1)),
            0);
}

static const struct spa_pod *build_wish(struct spa_pod_builder *b,
                                        const struct media_stream *stream, struct wish wish)
{
    struct spa_pod_frame object;

    spa_pod_builder_push_object(b, &object, SPA_TYPE_OBJECT_Format, SPA_PARAM_EnumFormat);
    spa_pod_builder_add(b, SPA_FORMAT_mediaType, SPA_POD_Id(SPA_MEDIA_TYPE_video),
                        SPA_FORMAT_mediaSubtype, SPA_POD_Id(SPA_MEDIA_SUBTYPE_raw), 0);
    add_formats(b, native_format(stream), wish.native);
    add_size(b, stream, wish.size);
    add_rate(b, stream, wish.rate);
    return spa_pod_builder_pop(b, &object);
}

unsigned pipewire_format_wishes(struct spa_pod_builder *builder, const struct media_stream *stream,
                                const struct spa_pod **params)
{
    static const struct wish wishes[PIPEWIRE_FORMAT_WISHES] = {
        {true, true, true}, {true, true, false}, {false, true, false}, {true, false, false}, {0},
    };

    for (unsigned i = 0; i < PIPEWIRE_FORMAT_WISHES; i++)
        params[i] = build_wish(builder, stream, wishes[i]);
    return PIPEWIRE_FORMAT_WISHES;
}

/* ---- what was agreed on ---- */

int pipewire_format_parse(struct pipewire_format *format, const struct spa_pod *pod)
{
    struct spa_video_info_raw info = {0};
    uint32_t type, subtype;

    *format = (struct pipewire_format){0};
    if (spa_format_parse(pod, &type, &subtype) < 0 || type != SPA_MEDIA_TYPE_video ||
        subtype != SPA_MEDIA_SUBTYPE_raw || spa_format_video_raw_parse(pod, &info) < 0)
        return -EINVAL;
    if (info.size.width == 0 || info.size.height == 0 || info.size.width > MAX_SIDE ||
        info.size.height > MAX_SIDE)
        return -EINVAL;
    format->format = pipewire_format_find(info.format);
    if (format->format == NULL)
        return -EOPNOTSUPP;
    format->width = info.size.width;
    format->height = info.size.height;
    format->rate = (struct v4l2_fract){info.framerate.num, info.framerate.denom};
    /* Who does not say it is a webcam as the USB video class has them. */
    format->colors.bt709 = info.color_matrix == SPA_VIDEO_COLOR_MATRIX_BT709;
    format->colors.full_range = info.color_range == SPA_VIDEO_COLOR_RANGE_0_255;
    return 0;
}

/* ---- buffers ---- */

unsigned pipewire_format_buffers(struct spa_pod_builder *builder, const struct spa_pod **params)
{
    params[0] = spa_pod_builder_add_object(
        builder, SPA_TYPE_OBJECT_ParamBuffers, SPA_PARAM_Buffers, SPA_PARAM_BUFFERS_buffers,
        SPA_POD_CHOICE_RANGE_Int(4, 2, 16), SPA_PARAM_BUFFERS_dataType,
        SPA_POD_CHOICE_FLAGS_Int(1 << SPA_DATA_MemFd | 1 << SPA_DATA_DmaBuf |
                                 1 << SPA_DATA_MemPtr));
    params[1] = spa_pod_builder_add_object(builder, SPA_TYPE_OBJECT_ParamMeta, SPA_PARAM_Meta,
                                           SPA_PARAM_META_type, SPA_POD_Id(SPA_META_Header),
                                           SPA_PARAM_META_size,
                                           SPA_POD_Int(sizeof(struct spa_meta_header)));
    params[2] = spa_pod_builder_add_object(builder, SPA_TYPE_OBJECT_ParamMeta, SPA_PARAM_Meta,
                                           SPA_PARAM_META_type, SPA_POD_Id(SPA_META_VideoCrop),
                                           SPA_PARAM_META_size,
                                           SPA_POD_Int(sizeof(struct spa_meta_region)));
    return 3;
}

/* The producer may write to it at any time. */
static int read_chunk(const struct spa_data *data, const uint8_t *memory, struct frame_block *block)
{
    const volatile struct spa_chunk *chunk = data->chunk;
    uint32_t offset = chunk->offset, size = chunk->size;
    int32_t stride = chunk->stride, flags = chunk->flags;

    if (flags & (int32_t)SPA_CHUNK_FLAG_CORRUPTED)
        return -EBADMSG;
    if (size == 0)
        return -ENODATA;
    if (stride < 0 || offset >= data->maxsize)
        return -EINVAL;
    if (size > data->maxsize - offset)
        size = data->maxsize - offset;
    *block = (struct frame_block){
        .data = memory != NULL ? memory + offset : NULL, .size = size, .stride = (uint32_t)stride};
    return 0;
}

static int check_header(const struct spa_buffer *buffer)
{
    const volatile struct spa_meta_header *header =
        spa_buffer_find_meta_data(buffer, SPA_META_Header, sizeof(struct spa_meta_header));

    return header != NULL && (header->flags & SPA_META_HEADER_FLAG_CORRUPTED) ? -EBADMSG : 0;
}

static int apply_crop(const struct spa_buffer *buffer, struct frame *frame)
{
    const volatile struct spa_meta_region *meta =
        spa_buffer_find_meta_data(buffer, SPA_META_VideoCrop, sizeof(struct spa_meta_region));
    struct frame_rectangle part;

    if (meta == NULL)
        return 0;
    part = (struct frame_rectangle){(uint32_t)meta->region.position.x,
                                    (uint32_t)meta->region.position.y, meta->region.size.width,
                                    meta->region.size.height};
    if (part.width == 0 || part.height == 0)
        return 0; /* says nothing */
    return frame_crop(frame, &part);
}

int pipewire_format_locate(struct frame *frame, const struct pipewire_format *format,
                           const struct spa_buffer *buffer, const uint8_t *const *data)
{
    struct frame_block blocks[FRAME_MAX_PLANES];
    unsigned count = buffer->n_datas < FRAME_MAX_PLANES ? buffer->n_datas : FRAME_MAX_PLANES;
    int r = check_header(buffer);

    for (unsigned i = 0; i < count && r == 0; i++)
        r = read_chunk(&buffer->datas[i], data[i], &blocks[i]);
    if (r == 0)
        r = frame_locate(frame, format->format, format->width, format->height, blocks, count);
    frame->colors = format->colors;
    return r == 0 ? apply_crop(buffer, frame) : r;
}

uint64_t pipewire_format_time(const struct spa_buffer *buffer, uint64_t now)
{
    const volatile struct spa_meta_header *header =
        spa_buffer_find_meta_data(buffer, SPA_META_Header, sizeof(struct spa_meta_header));
    int64_t pts = header != NULL ? header->pts : -1;

    if (pts <= 0 || (uint64_t)pts > now || now - (uint64_t)pts > LATE_NS)
        return now;
    return (uint64_t)pts / 1000 * 1000;
}

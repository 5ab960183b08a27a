/* SPDX-License-Identifier: MIT */
#include "media/av_scale.h"

#include <errno.h>

#include "media/encoder_input.h"

void av_scale_init(struct av_scale *scale, const struct av_library *av)
{
    *scale = (struct av_scale){.av = av};
}

void av_scale_finish(struct av_scale *scale)
{
    if (scale->scaler != NULL)
        scale->av->sws_freeContext(scale->scaler);
    scale->scaler = NULL;
    if (scale->made != NULL)
        scale->av->av_frame_free(&scale->made);
}

enum AVPixelFormat av_scale_plain(int format)
{
    switch (format) {
    case AV_PIX_FMT_YUVJ420P:
        return AV_PIX_FMT_YUV420P;
    case AV_PIX_FMT_YUVJ422P:
        return AV_PIX_FMT_YUV422P;
    case AV_PIX_FMT_YUVJ444P:
        return AV_PIX_FMT_YUV444P;
    case AV_PIX_FMT_YUVJ440P:
        return AV_PIX_FMT_YUV440P;
    default:
        return (enum AVPixelFormat)format;
    }
}

bool av_scale_is_full(const AVFrame *frame)
{
    return frame->color_range == AVCOL_RANGE_JPEG ||
           (int)av_scale_plain(frame->format) != frame->format;
}

static uint32_t nearest_fourcc(enum AVPixelFormat format)
{
    switch (format) {
    case AV_PIX_FMT_YUYV422:
        return V4L2_PIX_FMT_YUYV;
    case AV_PIX_FMT_UYVY422:
        return V4L2_PIX_FMT_UYVY;
    case AV_PIX_FMT_NV12:
        return V4L2_PIX_FMT_NV12;
    case AV_PIX_FMT_P010LE:
    case AV_PIX_FMT_YUV420P10LE:
        return V4L2_PIX_FMT_P010;
    case AV_PIX_FMT_YUV422P:
        return V4L2_PIX_FMT_YUV422P;
    case AV_PIX_FMT_GRAY8:
        return V4L2_PIX_FMT_GREY;
    case AV_PIX_FMT_RGB24:
        return V4L2_PIX_FMT_RGB24;
    default:
        return V4L2_PIX_FMT_YUV420;
    }
}

bool av_scale_shape(const AVFrame *frame, struct picture *picture)
{
    enum AVPixelFormat format = av_scale_plain(frame->format);
    int width = frame->width / (int)PICTURE_STEP * (int)PICTURE_STEP;
    int height = frame->height / (int)PICTURE_STEP * (int)PICTURE_STEP;

    if (width <= 0 || height <= 0 || width > (int)PICTURE_MAX_SIDE ||
        height > (int)PICTURE_MAX_SIDE)
        return false;
    picture_init(picture, pixel_format_find(nearest_fourcc(format)), (uint32_t)width,
                 (uint32_t)height);
    return true;
}

/* A picture's memory in libavutil's words. */
static void describe(const struct picture *picture, uint8_t *const *planes, uint8_t *data[4],
                     int lines[4])
{
    for (unsigned i = 0; i < pixel_format_parts(picture->format); i++) {
        struct picture_part part = picture_part(picture, planes, i);

        data[i] = part.data;
        lines[i] = (int)part.stride;
    }
}

int av_scale_make(struct av_scale *scale, enum AVPixelFormat format, int width, int height)
{
    AVFrame *made = scale->made;

    if (made != NULL && made->format == (int)format && made->width == width &&
        made->height == height)
        return 0;
    if (made != NULL)
        scale->av->av_frame_free(&scale->made);
    scale->made = made = scale->av->av_frame_alloc();
    if (made == NULL)
        return -ENOMEM;
    made->format = (int)format;
    made->width = width;
    made->height = height;
    return av_library_failure(scale->av->av_frame_get_buffer(made, 64));
}

/* The matrix that a frame's numbers were made with: libswscale's word for it. */
static int matrix_of(const AVFrame *frame)
{
    if (frame->colorspace == AVCOL_SPC_UNSPECIFIED)
        return frame->height < 720 ? SWS_CS_ITU601 : SWS_CS_ITU709;
    return frame->colorspace <= AVCOL_SPC_BT2020_NCL ? (int)frame->colorspace : SWS_CS_DEFAULT;
}

static bool is_same(const struct av_scale_task *a, const struct av_scale_task *b)
{
    return a->from == b->from && a->from_width == b->from_width &&
           a->from_height == b->from_height && a->to == b->to && a->to_width == b->to_width &&
           a->to_height == b->to_height && a->from_full == b->from_full && a->to_full == b->to_full;
}

/* The ranges have to be known from the start: libswscale would copy a picture of equal size and
 * format as it is, whatever it hears of them later. 0 or -ENOTSUP. */
static int prepare(struct av_scale *scale, const struct av_scale_task *task)
{
    const struct av_library *av = scale->av;
    const struct {
        const char *name;
        int value;
    } options[] = {
        {"srcw", task->from_width},
        {"srch", task->from_height},
        {"src_format", task->from},
        {"src_range", task->from_full},
        {"dstw", task->to_width},
        {"dsth", task->to_height},
        {"dst_format", task->to},
        {"dst_range", task->to_full},
        {"sws_flags", SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INP},
    };

    if (scale->scaler != NULL && is_same(&scale->task, task))
        return 0;
    av->sws_freeContext(scale->scaler);
    scale->scaler = av->sws_alloc_context();
    if (scale->scaler == NULL)
        return -ENOTSUP;
    for (unsigned i = 0; i < sizeof(options) / sizeof(options[0]); i++)
        av->av_opt_set_int(scale->scaler, options[i].name, options[i].value, 0);
    scale->task = *task;
    if (av->sws_init_context(scale->scaler, NULL, NULL) >= 0)
        return 0;
    av->sws_freeContext(scale->scaler);
    scale->scaler = NULL;
    return -ENOTSUP;
}

int av_scale_fill(struct av_scale *scale, const AVFrame *frame, int width, int height, bool full)
{
    const struct av_library *av = scale->av;
    const int *matrix = av->sws_getCoefficients(matrix_of(frame));
    const AVFrame *made = scale->made;
    const struct av_scale_task task = {
        .from = (int)av_scale_plain(frame->format),
        .from_width = width,
        .from_height = height,
        .from_full = av_scale_is_full(frame),
        .to = made->format,
        .to_width = made->width,
        .to_height = made->height,
        .to_full = full,
    };
    int r;

    if (!av->sws_isSupportedInput((enum AVPixelFormat)task.from))
        return -ENOTSUP;
    r = prepare(scale, &task);
    if (r < 0)
        return r;
    av->sws_setColorspaceDetails(scale->scaler, matrix, task.from_full, matrix, full, 0, 1 << 16,
                                 1 << 16);
    r = av->sws_scale(scale->scaler, (const uint8_t *const *)frame->data, frame->linesize, 0,
                      height, made->data, made->linesize);
    return av_library_failure(r);
}

int av_scale_run(struct av_scale *scale, const AVFrame *frame, const struct picture *picture,
                 uint8_t *const *planes)
{
    enum AVPixelFormat to = encoder_input_format(picture->format);
    const uint8_t *source[4] = {NULL};
    struct picture from;
    uint8_t *data[4] = {NULL};
    int lines[4] = {0}, r;

    if (!av_scale_shape(frame, &from) || to == AV_PIX_FMT_NONE)
        return -EOPNOTSUPP;
    describe(picture, planes, data, lines);
    if (av_scale_plain(frame->format) == to && !av_scale_is_full(frame) &&
        from.width == picture->width && from.height == picture->height) {
        for (unsigned i = 0; i < 4; i++)
            source[i] = frame->data[i];
        scale->av->av_image_copy(data, lines, source, frame->linesize, to, (int)picture->width,
                                 (int)picture->height);
        return 0;
    }
    r = av_scale_make(scale, to, (int)picture->width, (int)picture->height);
    if (r == 0)
        r = av_scale_fill(scale, frame, (int)from.width, (int)from.height, false);
    if (r != 0)
        return r;
    for (unsigned i = 0; i < 4; i++)
        source[i] = scale->made->data[i];
    scale->av->av_image_copy(data, lines, source, scale->made->linesize, to, (int)picture->width,
                             (int)picture->height);
    return 0;
}

/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "media_stream.h"

const char *media_stream_name(uint32_t fourcc)
{
    static char text[5];

    for (unsigned i = 0; i < 4; i++)
        text[i] = (char)(fourcc >> (8 * i) & 0x7f);
    return text;
}

/* Which buffer type has the format; 0 when none. */
static uint32_t find_type(struct media_stream *stream, uint32_t fourcc)
{
    static const struct {
        uint32_t cap, type;
    } kinds[] = {
        {V4L2_CAP_VIDEO_CAPTURE, V4L2_BUF_TYPE_VIDEO_CAPTURE},
        {V4L2_CAP_VIDEO_CAPTURE_MPLANE, V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE},
    };

    for (unsigned k = 0; k < 2; k++) {
        if (!(stream->place->caps & kinds[k].cap))
            continue;
        for (uint32_t i = 0; i < 256; i++) {
            struct v4l2_fmtdesc desc = {.index = i, .type = kinds[k].type};

            if (media_client_ioctl(stream->client, stream->session, VIDIOC_ENUM_FMT, &desc,
                                   sizeof(desc)))
                break;
            if (desc.pixelformat == fourcc)
                return kinds[k].type;
        }
    }
    return 0;
}

/* What a plane of a known format must hold; 0 for others. */
static uint64_t layout(uint32_t fourcc, unsigned plane, uint64_t stride, uint64_t height)
{
    switch (fourcc) {
    case V4L2_PIX_FMT_YUYV:
    case V4L2_PIX_FMT_UYVY:
    case V4L2_PIX_FMT_RGB24:
    case V4L2_PIX_FMT_BGR24:
    case V4L2_PIX_FMT_XBGR32:
    case V4L2_PIX_FMT_GREY:
        return stride * height;
    case V4L2_PIX_FMT_NV12:
    case V4L2_PIX_FMT_YUV420:
        return stride * height * 3 / 2;
    case V4L2_PIX_FMT_NV12M:
        return plane ? stride * height / 2 : stride * height;
    default:
        return 0;
    }
}

/* Sizes that the frames must have, from what S_FMT answered. */
static int take_layout(struct media_stream *stream)
{
    const struct v4l2_pix_format *pix = &stream->format.fmt.pix;
    const struct v4l2_pix_format_mplane *mp = &stream->format.fmt.pix_mp;
    bool multi = stream->type == V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE;

    stream->planes = multi ? mp->num_planes : 1;
    if (!stream->planes || stream->planes > VIDEO_MAX_PLANES)
        return media_stream_fail(-EPROTO, "S_FMT: the number of planes");
    stream->check.multi_planar = multi;
    stream->check.planes = stream->planes;
    for (unsigned i = 0; i < stream->planes; i++) {
        uint64_t size = multi
                            ? layout(mp->pixelformat, i, mp->plane_fmt[i].bytesperline, mp->height)
                            : layout(pix->pixelformat, i, pix->bytesperline, pix->height);
        uint64_t image = multi ? mp->plane_fmt[i].sizeimage : pix->sizeimage;

        stream->check.plane_size[i] = (size + 7) & ~7ull;
        if (!image || image < size)
            return media_stream_fail(-EPROTO, "S_FMT: sizeimage is too small");
    }
    return 0;
}

static int set_format(struct media_stream *stream, const struct media_stream_ask *want)
{
    struct v4l2_format *format = &stream->format;
    bool multi = stream->type == V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE;
    int rc;

    memset(format, 0, sizeof(*format));
    format->type = stream->type;
    /* Width and height come first in both layouts, then the format. */
    format->fmt.pix.width = want->width;
    format->fmt.pix.height = want->height;
    format->fmt.pix.pixelformat = want->fourcc;
    if (multi)
        format->fmt.pix_mp.field = V4L2_FIELD_ANY;
    rc = media_stream_ioctl(stream, VIDIOC_S_FMT, "S_FMT", format, sizeof(*format));
    if (rc)
        return rc;
    if (format->fmt.pix.width != want->width || format->fmt.pix.height != want->height ||
        format->fmt.pix.pixelformat != want->fourcc) {
        fprintf(stderr, "media: S_FMT made it %s %ux%u\n",
                media_stream_name(format->fmt.pix.pixelformat), format->fmt.pix.width,
                format->fmt.pix.height);
        return -EINVAL;
    }
    return take_layout(stream);
}

static int set_rate(struct media_stream *stream, unsigned fps)
{
    struct v4l2_streamparm parm = {.type = stream->type};
    struct v4l2_fract *got = &parm.parm.capture.timeperframe;
    int rc;

    got->numerator = 1;
    got->denominator = fps;
    rc = media_stream_ioctl(stream, VIDIOC_S_PARM, "S_PARM", &parm, sizeof(parm));
    if (rc)
        return rc;
    if (!got->numerator || !got->denominator)
        return media_stream_fail(-EPROTO, "S_PARM: a frame of no time");
    if ((uint64_t)got->numerator * fps != got->denominator) {
        fprintf(stderr, "media: S_PARM made it %u/%u s a frame\n", got->numerator,
                got->denominator);
        return -EINVAL;
    }
    stream->interval = *got;
    stream->check.interval = 1000000000ull * got->numerator / got->denominator;
    return 0;
}

int media_stream_negotiate(struct media_stream *stream, const struct media_stream_ask *want)
{
    int rc;

    stream->type = find_type(stream, want->fourcc);
    if (!stream->type) {
        fprintf(stderr, "media: the device has no format %s\n", media_stream_name(want->fourcc));
        return -EINVAL;
    }
    rc = set_format(stream, want);
    return rc ? rc : set_rate(stream, want->fps);
}

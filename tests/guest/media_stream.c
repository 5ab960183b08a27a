/* SPDX-License-Identifier: MIT */
#include "media_stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAME_WAIT_MS 5000

const char *media_stream_name(uint32_t fourcc)
{
    static char text[5];

    for (unsigned i = 0; i < 4; i++)
        text[i] = (char)(fourcc >> (8 * i) & 0x7f);
    return text;
}

static int fail(int rc, const char *what)
{
    fprintf(stderr, "media: %s: %s\n", what, strerror(-rc));
    return rc;
}

static int ask(struct media_stream *stream, uint32_t code, const char *name, void *payload,
               size_t size)
{
    int rc = media_client_ioctl(stream->client, stream->session, code, payload, size);

    return rc ? fail(rc, name) : 0;
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
        return fail(-EPROTO, "S_FMT: the number of planes");
    stream->check.multi_planar = multi;
    stream->check.planes = stream->planes;
    for (unsigned i = 0; i < stream->planes; i++) {
        uint64_t size = multi
                            ? layout(mp->pixelformat, i, mp->plane_fmt[i].bytesperline, mp->height)
                            : layout(pix->pixelformat, i, pix->bytesperline, pix->height);
        uint64_t image = multi ? mp->plane_fmt[i].sizeimage : pix->sizeimage;

        stream->check.plane_size[i] = (size + 7) & ~7ull;
        if (!image || image < size)
            return fail(-EPROTO, "S_FMT: sizeimage is too small");
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
    rc = ask(stream, VIDIOC_S_FMT, "S_FMT", format, sizeof(*format));
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
    rc = ask(stream, VIDIOC_S_PARM, "S_PARM", &parm, sizeof(parm));
    if (rc)
        return rc;
    if (!got->numerator || !got->denominator)
        return fail(-EPROTO, "S_PARM: a frame of no time");
    if ((uint64_t)got->numerator * fps != got->denominator) {
        fprintf(stderr, "media: S_PARM made it %u/%u s a frame\n", got->numerator,
                got->denominator);
        return -EINVAL;
    }
    stream->interval = *got;
    stream->check.interval = 1000000000ull * got->numerator / got->denominator;
    return 0;
}

int media_stream_begin(struct media_stream *stream, struct media_client *client,
                       const struct media_place *place, const struct media_stream_ask *want)
{
    size_t bytes = 0;
    int rc;

    memset(stream, 0, sizeof(*stream));
    stream->client = client;
    stream->place = place;
    rc = media_client_open(client, &stream->session);
    if (rc) {
        stream->client = NULL;
        return fail(rc, "OPEN");
    }
    stream->type = find_type(stream, want->fourcc);
    if (!stream->type) {
        fprintf(stderr, "media: the device has no format %s\n", media_stream_name(want->fourcc));
        return -EINVAL;
    }
    rc = set_format(stream, want);
    if (!rc)
        rc = set_rate(stream, want->fps);
    if (rc || !want->copy)
        return rc;
    /* One block for all planes; sizes are multiples of 8. */
    for (unsigned i = 0; i < stream->planes; i++)
        bytes += stream->check.multi_planar ? stream->format.fmt.pix_mp.plane_fmt[i].sizeimage
                                            : stream->format.fmt.pix.sizeimage;
    stream->copy_size = bytes;
    stream->copy = malloc(bytes);
    return stream->copy ? 0 : -ENOMEM;
}

uint32_t media_stream_buffer(const struct media_stream *stream, unsigned index,
                             struct media_frame_info *info)
{
    memset(info, 0, sizeof(*info));
    info->buffer.index = index;
    info->buffer.type = stream->type;
    info->buffer.memory = V4L2_MEMORY_MMAP;
    if (!stream->check.multi_planar)
        return sizeof(info->buffer);
    info->buffer.length = stream->planes;
    return (uint32_t)(sizeof(info->buffer) + stream->planes * sizeof(info->planes[0]));
}

static int map_buffer(struct media_stream *stream, unsigned index)
{
    bool multi = stream->check.multi_planar;
    struct media_frame_info info;
    uint32_t size = media_stream_buffer(stream, index, &info);
    int rc = ask(stream, VIDIOC_QUERYBUF, "QUERYBUF", &info, size);

    if (rc)
        return rc;
    if (info.buffer.index != index || info.buffer.type != stream->type ||
        (multi && info.buffer.length != stream->planes))
        return fail(-EPROTO, "QUERYBUF: another buffer than asked for");
    for (unsigned i = 0; i < stream->planes; i++) {
        uint32_t offset = multi ? info.planes[i].m.mem_offset : info.buffer.m.offset;
        uint32_t length = multi ? info.planes[i].length : info.buffer.length;
        struct media_window *window = &stream->windows[index][i];

        rc = media_client_mmap(stream->client, stream->session, offset, window);
        if (rc)
            return fail(rc, "MMAP");
        if (!length || window->length < length || length < stream->check.plane_size[i])
            return fail(-EPROTO, "MMAP: the buffer is too small");
    }
    return 0;
}

int media_stream_buffers(struct media_stream *stream, unsigned count)
{
    struct v4l2_requestbuffers req = {
        .count = count,
        .type = stream->type,
        .memory = V4L2_MEMORY_MMAP,
    };
    int rc = ask(stream, VIDIOC_REQBUFS, "REQBUFS", &req, sizeof(req));

    if (rc)
        return rc;
    if (req.count != count || count > MEDIA_STREAM_BUFFERS) {
        fprintf(stderr, "media: REQBUFS gave %u buffers, not %u\n", req.count, count);
        return -ENOMEM;
    }
    stream->buffers = count;
    for (unsigned i = 0; i < count; i++) {
        rc = map_buffer(stream, i);
        if (rc)
            return rc;
    }
    return 0;
}

int media_stream_queue(struct media_stream *stream, unsigned index)
{
    struct media_frame_info info;
    uint32_t size = media_stream_buffer(stream, index, &info);
    int rc = ask(stream, VIDIOC_QBUF, "QBUF", &info, size);

    if (rc)
        return rc;
    if (info.buffer.index != index || !(info.buffer.flags & V4L2_BUF_FLAG_QUEUED))
        return fail(-EPROTO, "QBUF: the answer does not say QUEUED");
    return 0;
}

int media_stream_start(struct media_stream *stream)
{
    uint32_t type = stream->type;

    for (unsigned i = 0; i < stream->buffers; i++) {
        int rc = media_stream_queue(stream, i);

        if (rc)
            return rc;
    }
    return ask(stream, VIDIOC_STREAMON, "STREAMON", &type, sizeof(type));
}

int media_stream_next(struct media_stream *stream, bool keep, unsigned *index)
{
    uint8_t *planes[VIDEO_MAX_PLANES];
    size_t copied = 0;
    struct media_frame_info info;
    int rc = media_client_dqbuf(stream->client, stream->session, FRAME_WAIT_MS, &info);

    if (rc)
        return fail(rc, "DQBUF");
    if (info.buffer.index >= stream->buffers)
        return fail(-EPROTO, "DQBUF: no such buffer");
    for (unsigned i = 0; i < stream->planes; i++) {
        struct media_window *window = &stream->windows[info.buffer.index][i];
        uint32_t used =
            stream->check.multi_planar ? info.planes[i].bytesused : info.buffer.bytesused;

        planes[i] = window->at;
        /* One that is too big is found out by the check. */
        if (stream->copy && used <= window->length && used <= stream->copy_size - copied) {
            memcpy(stream->copy + copied, window->at, used);
            planes[i] = stream->copy + copied;
            copied += used;
        }
    }
    media_check_frame(&stream->check, &info, planes);
    *index = info.buffer.index;
    return keep ? 0 : media_stream_queue(stream, info.buffer.index);
}

static int unmap_all(struct media_stream *stream)
{
    int rc = 0;

    for (unsigned i = 0; i < stream->buffers; i++) {
        for (unsigned k = 0; k < stream->planes; k++) {
            int one = stream->windows[i][k].at
                          ? media_client_munmap(stream->client, &stream->windows[i][k])
                          : 0;

            if (one && !rc)
                rc = fail(one, "MUNMAP");
        }
    }
    stream->buffers = 0;
    return rc;
}

int media_stream_stop(struct media_stream *stream)
{
    struct v4l2_requestbuffers req = {.type = stream->type, .memory = V4L2_MEMORY_MMAP};
    uint32_t type = stream->type;
    int rc = ask(stream, VIDIOC_STREAMOFF, "STREAMOFF", &type, sizeof(type));

    if (!rc)
        rc = unmap_all(stream);
    if (!rc)
        rc = ask(stream, VIDIOC_REQBUFS, "REQBUFS 0", &req, sizeof(req));
    return rc;
}

int media_stream_end(struct media_stream *stream)
{
    int rc, one;

    if (!stream->client)
        return 0;
    rc = unmap_all(stream);
    one = media_client_close(stream->client, stream->session);
    free(stream->copy);
    stream->copy = NULL;
    stream->client = NULL;
    if (one && !rc)
        rc = fail(one, "CLOSE");
    return rc;
}

static int save_text(const struct media_stream *stream, const char *path)
{
    const struct v4l2_pix_format *pix = &stream->format.fmt.pix;
    const struct v4l2_pix_format_mplane *mp = &stream->format.fmt.pix_mp;
    char name[512];
    FILE *file;

    snprintf(name, sizeof(name), "%s.txt", path);
    file = fopen(name, "w");
    if (!file)
        return -errno;
    fprintf(file, "format %s\nwidth %u\nheight %u\n", media_stream_name(pix->pixelformat),
            pix->width, pix->height);
    fprintf(file, "stride %u\n",
            stream->check.multi_planar ? mp->plane_fmt[0].bytesperline : pix->bytesperline);
    fprintf(file, "planes %u\n", stream->planes);
    for (unsigned i = 0; i < stream->planes; i++)
        fprintf(file, "size%u %llu\n", i,
                (unsigned long long)(stream->check.plane_size[i] ? stream->check.plane_size[i]
                                                                 : stream->windows[0][i].length));
    return fclose(file) ? -errno : 0;
}

int media_stream_save(const struct media_stream *stream, unsigned index, const char *path)
{
    FILE *file = fopen(path, "wb");
    int rc = 0;

    if (!file)
        return fail(-errno, path);
    for (unsigned i = 0; i < stream->planes; i++) {
        const struct media_window *window = &stream->windows[index][i];
        uint64_t size = stream->check.plane_size[i];

        if (!size)
            size = window->length;
        if (fwrite(window->at, 1, size, file) != size)
            rc = -EIO;
    }
    if (fclose(file))
        rc = -errno;
    if (!rc)
        rc = save_text(stream, path);
    return rc ? fail(rc, path) : 0;
}

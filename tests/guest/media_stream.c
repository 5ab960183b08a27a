/* SPDX-License-Identifier: MIT */
#include "media_stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAME_WAIT_MS 5000

int media_stream_fail(int rc, const char *what)
{
    fprintf(stderr, "media: %s: %s\n", what, strerror(-rc));
    return rc;
}

int media_stream_ioctl(struct media_stream *stream, uint32_t code, const char *name, void *payload,
                       size_t size)
{
    int rc = media_client_ioctl(stream->client, stream->session, code, payload, size);

    return rc ? media_stream_fail(rc, name) : 0;
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
        return media_stream_fail(rc, "OPEN");
    }
    stream->check.sum_every = want->sum_every;
    rc = media_stream_negotiate(stream, want);
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
    int rc = media_stream_ioctl(stream, VIDIOC_QUERYBUF, "QUERYBUF", &info, size);

    if (rc)
        return rc;
    if (info.buffer.index != index || info.buffer.type != stream->type ||
        (multi && info.buffer.length != stream->planes))
        return media_stream_fail(-EPROTO, "QUERYBUF: another buffer than asked for");
    for (unsigned i = 0; i < stream->planes; i++) {
        uint32_t offset = multi ? info.planes[i].m.mem_offset : info.buffer.m.offset;
        uint32_t length = multi ? info.planes[i].length : info.buffer.length;
        struct media_window *window = &stream->windows[index][i];

        rc = media_client_mmap(stream->client, stream->session, offset, window);
        if (rc)
            return media_stream_fail(rc, "MMAP");
        if (!length || window->length < length || length < stream->check.plane_size[i])
            return media_stream_fail(-EPROTO, "MMAP: the buffer is too small");
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
    int rc = media_stream_ioctl(stream, VIDIOC_REQBUFS, "REQBUFS", &req, sizeof(req));

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
    int rc = media_stream_ioctl(stream, VIDIOC_QBUF, "QBUF", &info, size);

    if (rc)
        return rc;
    if (info.buffer.index != index || !(info.buffer.flags & V4L2_BUF_FLAG_QUEUED))
        return media_stream_fail(-EPROTO, "QBUF: the answer does not say QUEUED");
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
    return media_stream_ioctl(stream, VIDIOC_STREAMON, "STREAMON", &type, sizeof(type));
}

int media_stream_next(struct media_stream *stream, bool keep, unsigned *index)
{
    uint8_t *planes[VIDEO_MAX_PLANES];
    size_t copied = 0;
    struct media_frame_info info;
    int rc = media_client_dqbuf(stream->client, stream->session, FRAME_WAIT_MS, &info);

    if (rc)
        return media_stream_fail(rc, "DQBUF");
    if (info.buffer.index >= stream->buffers)
        return media_stream_fail(-EPROTO, "DQBUF: no such buffer");
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
                rc = media_stream_fail(one, "MUNMAP");
        }
    }
    stream->buffers = 0;
    return rc;
}

int media_stream_stop(struct media_stream *stream)
{
    struct v4l2_requestbuffers req = {.type = stream->type, .memory = V4L2_MEMORY_MMAP};
    uint32_t type = stream->type;
    int rc = media_stream_ioctl(stream, VIDIOC_STREAMOFF, "STREAMOFF", &type, sizeof(type));

    if (!rc)
        rc = unmap_all(stream);
    if (!rc)
        rc = media_stream_ioctl(stream, VIDIOC_REQBUFS, "REQBUFS 0", &req, sizeof(req));
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
        rc = media_stream_fail(one, "CLOSE");
    return rc;
}

/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "media_story.h"

/* QBUF or another ioctl of that shape. */
static int on_buffer(struct media_story *s, uint32_t code, uint32_t index,
                     struct media_frame_info *info)
{
    struct media_stream shape = {.type = s->type, .planes = s->planes};

    shape.check.multi_planar = s->type == V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE;
    return media_story_ioctl(s, code, info, media_stream_buffer(&shape, index, info));
}

static int qbuf(struct media_story *s, uint32_t index)
{
    struct media_frame_info info;

    return on_buffer(s, VIDIOC_QBUF, index, &info);
}

static int on_off(struct media_story *s, uint32_t code)
{
    uint32_t type = s->type;

    return media_story_ioctl(s, code, &type, sizeof(type));
}

static void bad_requests(struct media_story *s)
{
    struct v4l2_requestbuffers req = {.count = 2, .type = V4L2_BUF_TYPE_VIDEO_OUTPUT};

    req.memory = V4L2_MEMORY_MMAP;
    media_story_expect(s, "REQBUFS of an output",
                       media_story_ioctl(s, VIDIOC_REQBUFS, &req, sizeof(req)), -EINVAL);
    req.type = s->type;
    req.memory = 77;
    media_story_expect(s, "REQBUFS of no memory",
                       media_story_ioctl(s, VIDIOC_REQBUFS, &req, sizeof(req)), -EINVAL);
    req.memory = V4L2_MEMORY_MMAP;
    req.count = 0xffffffff;
    media_story_expect(s, "REQBUFS of too many",
                       media_story_ioctl(s, VIDIOC_REQBUFS, &req, sizeof(req)), 0);
    media_story_expect(s, "REQBUFS of too many gives some", req.count >= 1 && req.count <= 64, 1);
    media_story_expect(s, "REQBUFS: capabilities",
                       !!(req.capabilities & V4L2_BUF_CAP_SUPPORTS_MMAP), 1);
    media_story_expect(s, "REQBUFS 0", media_story_request(s, 0), 0);
}

void media_story_queue(struct media_story *s)
{
    struct media_frame_info info;
    uint32_t at, length;

    media_story_expect(s, "STREAMON without buffers", on_off(s, VIDIOC_STREAMON), -EINVAL);
    media_story_expect(s, "STREAMOFF without buffers", on_off(s, VIDIOC_STREAMOFF), 0);
    media_story_expect(s, "QBUF without buffers", qbuf(s, 0), -EINVAL);
    media_story_expect(s, "QUERYBUF without buffers", media_story_query(s, 0, &at, &length),
                       -EINVAL);
    bad_requests(s);
    media_story_expect(s, "REQBUFS 3", media_story_request(s, 3), 0);
    media_story_expect(s, "QUERYBUF past the end", media_story_query(s, 3, &at, &length), -EINVAL);
    media_story_expect(s, "QBUF past the end", qbuf(s, 3), -EINVAL);
    media_story_expect(s, "QBUF", qbuf(s, 1), 0);
    media_story_expect(s, "QBUF twice", qbuf(s, 1), -EINVAL);
    media_story_expect(s, "STREAMON", on_off(s, VIDIOC_STREAMON), 0);
    media_story_expect(s, "STREAMON twice", on_off(s, VIDIOC_STREAMON), 0);
    media_story_expect(s, "a frame", media_client_dqbuf(s->client, s->session, 5000, &info), 0);
    media_story_expect(s, "a frame: the buffer", (int)info.buffer.index, 1);
    media_story_expect(s, "no frame without a buffer",
                       media_client_dqbuf(s->client, s->session, 200, &info), -ETIMEDOUT);
    media_story_expect(s, "QBUF while streaming", qbuf(s, 0), 0);
    media_story_expect(s, "STREAMOFF", on_off(s, VIDIOC_STREAMOFF), 0);
    media_story_expect(s, "no frame after STREAMOFF",
                       media_client_dqbuf(s->client, s->session, 200, &info), -ETIMEDOUT);
    media_story_expect(s, "QBUF of what STREAMOFF gave back", qbuf(s, 0), 0);
    media_story_expect(s, "STREAMON again", on_off(s, VIDIOC_STREAMON), 0);
    media_story_expect(s, "a frame again", media_client_dqbuf(s->client, s->session, 5000, &info),
                       0);
    media_story_expect(s, "the sequence begins anew", (int)info.buffer.sequence < 10, 1);
    media_story_expect(s, "QBUF before REQBUFS 0", qbuf(s, 2), 0);
    media_story_expect(s, "REQBUFS 0 while streaming", media_story_request(s, 0), 0);
    media_story_expect(s, "QBUF after REQBUFS 0", qbuf(s, 0), -EINVAL);
}

static int create(struct media_story *s, uint32_t count, uint32_t *first)
{
    struct v4l2_create_buffers ask = {.count = count, .memory = V4L2_MEMORY_MMAP};
    int rc;

    ask.format.type = s->type;
    rc = media_story_ioctl(s, VIDIOC_G_FMT, &ask.format, sizeof(ask.format));
    if (!rc)
        rc = media_story_ioctl(s, VIDIOC_CREATE_BUFS, &ask, sizeof(ask));
    *first = ask.index;
    if (!rc && count)
        media_story_expect(s, "CREATE_BUFS: the count", (int)ask.count, (int)count);
    return rc;
}

void media_story_create(struct media_story *s)
{
    struct media_frame_info info;
    uint32_t first = 77, at, length;
    int rc = create(s, 0, &first);

    if (rc == -ENOTTY)
        return;
    media_story_expect(s, "CREATE_BUFS of 0", rc, 0);
    media_story_expect(s, "CREATE_BUFS of 0: the next index", (int)first, 0);
    media_story_expect(s, "CREATE_BUFS of 2", create(s, 2, &first), 0);
    media_story_expect(s, "CREATE_BUFS of 2: the first", (int)first, 0);
    media_story_expect(s, "CREATE_BUFS of 1 more", create(s, 1, &first), 0);
    media_story_expect(s, "CREATE_BUFS of 1 more: its index", (int)first, 2);
    media_story_expect(s, "QUERYBUF of the third", media_story_query(s, 2, &at, &length), 0);
    media_story_expect(s, "QUERYBUF of a fourth", media_story_query(s, 3, &at, &length), -EINVAL);
    rc = on_buffer(s, VIDIOC_PREPARE_BUF, 1, &info);
    if (rc != -ENOTTY) {
        media_story_expect(s, "PREPARE_BUF", rc, 0);
        media_story_expect(s, "PREPARE_BUF: the flag",
                           !!(info.buffer.flags & V4L2_BUF_FLAG_PREPARED), 1);
        media_story_expect(s, "PREPARE_BUF twice", on_buffer(s, VIDIOC_PREPARE_BUF, 1, &info),
                           -EINVAL);
    }
    media_story_expect(s, "QBUF of a created buffer", qbuf(s, 1), 0);
    media_story_expect(s, "QBUF of the third", qbuf(s, 2), 0);
    media_story_expect(s, "STREAMON", on_off(s, VIDIOC_STREAMON), 0);
    media_story_expect(s, "a frame", media_client_dqbuf(s->client, s->session, 5000, &info), 0);
    media_story_expect(s, "a frame: the first that was queued", (int)info.buffer.index, 1);
    media_story_expect(s, "a frame of the third",
                       media_client_dqbuf(s->client, s->session, 5000, &info), 0);
    media_story_expect(s, "a frame of the third: its index", (int)info.buffer.index, 2);
    media_story_expect(s, "STREAMOFF", on_off(s, VIDIOC_STREAMOFF), 0);
    media_story_expect(s, "REQBUFS 0", media_story_request(s, 0), 0);
}

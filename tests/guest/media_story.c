/* SPDX-License-Identifier: MIT */
#include "media_story.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int take_first(void *context, const struct v4l2_fmtdesc *desc)
{
    struct media_story *s = context;

    if (!s->fourcc) {
        s->fourcc = desc->pixelformat;
        s->type = desc->type;
    }
    return 0;
}

int media_story_begin(struct media_story *s, struct media_case *c, struct media_client *client)
{
    struct v4l2_format format = {.type = 0};
    int rc;

    memset(s, 0, sizeof(*s));
    s->c = c;
    s->client = client;
    rc = media_client_open(client, &s->session);
    if (!rc)
        rc = media_case_each_format(c, client, s->session, take_first, s);
    if (rc || !s->fourcc) {
        fprintf(stderr, "media: no session with a format: %s\n", strerror(-rc));
        return 1;
    }
    format.type = s->type;
    format.fmt.pix.width = 640;
    format.fmt.pix.height = 480;
    format.fmt.pix.pixelformat = s->fourcc;
    media_story_expect(s, "S_FMT", media_story_ioctl(s, VIDIOC_S_FMT, &format, sizeof(format)), 0);
    s->planes = 1;
    if (s->type == V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE)
        s->planes = format.fmt.pix_mp.num_planes;
    return 0;
}

void media_story_expect(struct media_story *s, const char *what, int got, int wanted)
{
    s->tried++;
    if (got == wanted)
        return;
    s->bad++;
    if (got > 0 || wanted > 0)
        fprintf(stderr, "media: %s: %d, expected: %d\n", what, got, wanted);
    else
        fprintf(stderr, "media: %s: %s, expected: %s\n", what, got ? strerror(-got) : "success",
                wanted ? strerror(-wanted) : "success");
}

void media_story_end(struct media_story *s)
{
    media_story_expect(s, "CLOSE", media_client_close(s->client, s->session), 0);
}

int media_story_ioctl(struct media_story *s, uint32_t code, void *payload, size_t size)
{
    return media_client_ioctl(s->client, s->session, code, payload, size);
}

int media_story_request(struct media_story *s, uint32_t count)
{
    struct v4l2_requestbuffers req = {.count = count, .type = s->type};

    req.memory = V4L2_MEMORY_MMAP;
    return media_story_ioctl(s, VIDIOC_REQBUFS, &req, sizeof(req));
}

int media_story_query(struct media_story *s, uint32_t index, uint32_t *mem_offset, uint32_t *length)
{
    struct media_stream shape = {.type = s->type, .planes = s->planes};
    struct media_frame_info info;
    uint32_t size;
    int rc;

    shape.check.multi_planar = s->type == V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE;
    size = media_stream_buffer(&shape, index, &info);
    rc = media_story_ioctl(s, VIDIOC_QUERYBUF, &info, size);
    if (rc)
        return rc;
    *mem_offset = shape.check.multi_planar ? info.planes[0].m.mem_offset : info.buffer.m.offset;
    *length = shape.check.multi_planar ? info.planes[0].length : info.buffer.length;
    return 0;
}

static void past_the_end(struct media_story *s)
{
    struct v4l2_fmtdesc desc = {.index = 1000, .type = s->type};
    struct v4l2_frmsizeenum size = {.index = 1000, .pixel_format = s->fourcc};
    struct v4l2_frmivalenum rate = {.index = 1000, .pixel_format = s->fourcc};

    media_story_expect(s, "ENUM_FMT past the end",
                       media_story_ioctl(s, VIDIOC_ENUM_FMT, &desc, sizeof(desc)), -EINVAL);
    desc.index = 0;
    desc.type = V4L2_BUF_TYPE_VIDEO_OUTPUT;
    media_story_expect(s, "ENUM_FMT of an output",
                       media_story_ioctl(s, VIDIOC_ENUM_FMT, &desc, sizeof(desc)), -EINVAL);
    media_story_expect(s, "ENUM_FRAMESIZES past the end",
                       media_story_ioctl(s, VIDIOC_ENUM_FRAMESIZES, &size, sizeof(size)), -EINVAL);
    size.index = 0;
    size.pixel_format = 0x20202020;
    media_story_expect(s, "ENUM_FRAMESIZES of no format",
                       media_story_ioctl(s, VIDIOC_ENUM_FRAMESIZES, &size, sizeof(size)), -EINVAL);
    rate.width = 640;
    rate.height = 480;
    media_story_expect(s, "ENUM_FRAMEINTERVALS past the end",
                       media_story_ioctl(s, VIDIOC_ENUM_FRAMEINTERVALS, &rate, sizeof(rate)),
                       -EINVAL);
}

static void nonsense(struct media_story *s)
{
    struct v4l2_format format = {.type = s->type};
    struct v4l2_streamparm parm = {.type = s->type};
    struct v4l2_fract *time = &parm.parm.capture.timeperframe;

    media_story_expect(s, "G_FMT", media_story_ioctl(s, VIDIOC_G_FMT, &format, sizeof(format)), 0);
    /* What is impossible is mended, not refused. */
    format.fmt.pix.width = 0x7fffffff;
    format.fmt.pix.height = 1;
    format.fmt.pix.pixelformat = 0x20202020;
    media_story_expect(s, "TRY_FMT of nonsense",
                       media_story_ioctl(s, VIDIOC_TRY_FMT, &format, sizeof(format)), 0);
    media_story_expect(s, "TRY_FMT mends the format", format.fmt.pix.pixelformat != 0x20202020, 1);
    media_story_expect(s, "TRY_FMT mends the width", format.fmt.pix.width < 0x7fffffff, 1);
    format.type = V4L2_BUF_TYPE_VBI_CAPTURE;
    media_story_expect(s, "G_FMT of VBI",
                       media_story_ioctl(s, VIDIOC_G_FMT, &format, sizeof(format)), -EINVAL);
    media_story_expect(s, "G_PARM", media_story_ioctl(s, VIDIOC_G_PARM, &parm, sizeof(parm)), 0);
    media_story_expect(s, "G_PARM: readbuffers", (int)parm.parm.capture.readbuffers, 0);
    time->numerator = 0;
    time->denominator = 0;
    media_story_expect(s, "S_PARM of 0/0", media_story_ioctl(s, VIDIOC_S_PARM, &parm, sizeof(parm)),
                       0);
    media_story_expect(s, "S_PARM mends 0/0", time->numerator && time->denominator, 1);
}

void media_story_formats(struct media_story *s)
{
    past_the_end(s);
    nonsense(s);
}

void media_story_inputs(struct media_story *s)
{
    struct v4l2_input input = {.index = 0};
    uint32_t index = 77;

    media_story_expect(s, "ENUMINPUT",
                       media_story_ioctl(s, VIDIOC_ENUMINPUT, &input, sizeof(input)), 0);
    media_story_expect(s, "ENUMINPUT: a camera", (int)input.type, V4L2_INPUT_TYPE_CAMERA);
    input.index = 1000;
    media_story_expect(s, "ENUMINPUT past the end",
                       media_story_ioctl(s, VIDIOC_ENUMINPUT, &input, sizeof(input)), -EINVAL);
    media_story_expect(s, "G_INPUT", media_story_ioctl(s, VIDIOC_G_INPUT, &index, 4), 0);
    media_story_expect(s, "G_INPUT: the first", (int)index, 0);
    media_story_expect(s, "S_INPUT", media_story_ioctl(s, VIDIOC_S_INPUT, &index, 4), 0);
    index = 1000;
    media_story_expect(s, "S_INPUT of none", media_story_ioctl(s, VIDIOC_S_INPUT, &index, 4),
                       -EINVAL);
}

void media_story_controls(struct media_story *s)
{
    struct {
        struct v4l2_ext_controls head;
        struct v4l2_ext_control one;
    } ask = {.head = {.which = V4L2_CTRL_WHICH_CUR_VAL, .count = 1}}, before;
    struct v4l2_query_ext_ctrl query = {.id = 0x00ffffff};
    int rc = media_story_ioctl(s, VIDIOC_QUERY_EXT_CTRL, &query, sizeof(query));

    /* A device without controls has not these ioctls; then there is nothing to tell. */
    if (rc == -ENOTTY)
        return;
    media_story_expect(s, "QUERY_EXT_CTRL of none", rc, -EINVAL);
    ask.one.id = 0x00ffffff;
    ask.one.value = 5;
    before = ask;
    media_story_expect(s, "S_EXT_CTRLS of none",
                       media_story_ioctl(s, VIDIOC_S_EXT_CTRLS, &ask, sizeof(ask)), -EINVAL);
    media_story_expect(s, "S_EXT_CTRLS of none: the count comes back", (int)ask.head.count, 1);
    media_story_expect(s, "S_EXT_CTRLS of none: the control comes back",
                       memcmp(&ask.one, &before.one, sizeof(ask.one)) == 0, 1);
    ask.head.count = 0;
    media_story_expect(s, "G_EXT_CTRLS of 0",
                       media_story_ioctl(s, VIDIOC_G_EXT_CTRLS, &ask.head, sizeof(ask.head)), 0);
}

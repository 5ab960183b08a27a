/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "tests/frontend/media_guest.h"
#include "tests/shortage/visit.h"

#define TYPE V4L2_BUF_TYPE_VIDEO_CAPTURE
#define WIDTH 160u
#define HEIGHT 120u
#define BUFFERS 3u
#define FRAMES 4u

/* What one session has. */
struct session {
    uint32_t id;
    uint64_t offset[BUFFERS], length[BUFFERS];
    bool mapped[BUFFERS];
};

#define IOCTL(v, s, name, payload)                                                                 \
    VISIT_STEP(v, #name, media_guest_ioctl(&(v)->frontend, (s)->id, VIDIOC_##name, payload), 0)

/* What a program asks at first. */
static void ask(struct visit *v, struct session *s)
{
    struct v4l2_fmtdesc description = {.type = TYPE};
    struct v4l2_frmsizeenum size = {.pixel_format = V4L2_PIX_FMT_YUYV};
    struct v4l2_queryctrl query = {.id = V4L2_CTRL_FLAG_NEXT_CTRL};
    struct v4l2_control control = {.id = V4L2_CID_HFLIP, .value = 1};
    struct v4l2_event_subscription wish = {
        .type = V4L2_EVENT_CTRL, .id = V4L2_CID_HFLIP, .flags = V4L2_EVENT_SUB_FL_ALLOW_FEEDBACK};
    struct v4l2_format format = {
        .type = TYPE,
        .fmt.pix = {.width = WIDTH, .height = HEIGHT, .pixelformat = V4L2_PIX_FMT_YUYV}};
    struct v4l2_streamparm parm = {.type = TYPE, .parm.capture.timeperframe = {1, 120}};

    IOCTL(v, s, ENUM_FMT, &description);
    IOCTL(v, s, ENUM_FRAMESIZES, &size);
    IOCTL(v, s, QUERYCTRL, &query);
    IOCTL(v, s, SUBSCRIBE_EVENT, &wish);
    IOCTL(v, s, S_CTRL, &control);
    IOCTL(v, s, S_FMT, &format);
    IOCTL(v, s, S_PARM, &parm);
}

/* Returns whether all of them are there. */
static bool make_buffers(struct visit *v, struct session *s)
{
    struct v4l2_requestbuffers request = {
        .count = BUFFERS - 1, .type = TYPE, .memory = V4L2_MEMORY_MMAP};
    struct v4l2_create_buffers more = {
        .count = 1, .memory = V4L2_MEMORY_MMAP, .format = {.type = TYPE}};
    bool good = IOCTL(v, s, REQBUFS, &request);

    IOCTL(v, s, G_FMT, &more.format);
    good = IOCTL(v, s, CREATE_BUFS, &more) && good;
    for (uint32_t i = 0; good && i < BUFFERS; i++) {
        struct v4l2_buffer buffer = {.index = i, .type = TYPE, .memory = V4L2_MEMORY_MMAP};

        if (IOCTL(v, s, QUERYBUF, &buffer))
            s->mapped[i] = VISIT_STEP(v, "MMAP",
                                      media_guest_mmap(&v->frontend, s->id, buffer.m.offset,
                                                       &s->offset[i], &s->length[i]),
                                      0);
        buffer = (struct v4l2_buffer){.index = i, .type = TYPE, .memory = V4L2_MEMORY_MMAP};
        good = IOCTL(v, s, QBUF, &buffer) && s->mapped[i] && good;
    }
    return good;
}

/* Some frames come, and each has been drawn where the guest sees it. A stream that could not begin
 * brings none. */
static void take_frames(struct visit *v, struct session *s)
{
    struct virtio_media_event_dqbuf event;
    struct v4l2_buffer buffer;

    for (unsigned i = 0; i < FRAMES && visit_goes_on(v); i++) {
        int r = media_guest_event(&v->frontend, &event, FRONTEND_PATIENCE);

        VISIT_STEP(v, "a frame", r, r < 0 ? 0 : r);
        if (r < 0)
            return;
        if (event.hdr.event != VIRTIO_MEDIA_EVT_DQBUF || event.hdr.session_id != s->id)
            continue;
        VISIT_STEP(v, "a frame with an error", event.buffer.flags & V4L2_BUF_FLAG_ERROR, 0);
        VISIT_STEP(v, "a frame's index", event.buffer.index < BUFFERS, true);
        buffer = event.buffer;
        IOCTL(v, s, QBUF, &buffer);
    }
}

static void end(struct visit *v, struct session *s)
{
    struct v4l2_requestbuffers none = {.type = TYPE, .memory = V4L2_MEMORY_MMAP};

    for (unsigned i = 0; i < BUFFERS; i++)
        if (s->mapped[i])
            VISIT_STEP(v, "MUNMAP", media_guest_munmap(&v->frontend, s->offset[i]), 0);
    IOCTL(v, s, REQBUFS, &none);
    if (visit_goes_on(v))
        VISIT_STEP(v, "close", media_guest_close(&v->frontend, s->id) < 0, false);
}

/* Two sessions: one is ended as it should be, the other left in the middle of its stream. */
void visit_media(struct visit *v)
{
    struct session sessions[2] = {0};
    int type = TYPE;

    VISIT_STEP(v, "post events", media_guest_post_events(&v->frontend, 8), 0);
    for (unsigned i = 0; i < 2; i++) {
        struct session *s = &sessions[i];
        bool ready;

        if (!VISIT_STEP(v, "open", media_guest_open(&v->frontend, &s->id), 0))
            continue;
        ask(v, s);
        ready = make_buffers(v, s);
        ready = IOCTL(v, s, STREAMON, &type) && ready;
        if (ready)
            take_frames(v, s);
        if (i == 0) {
            IOCTL(v, s, STREAMOFF, &type);
            end(v, s);
        }
    }
}

/* ---- what outlives a program ---- */

static struct session settled;

void visit_media_settle(struct visit *v)
{
    int type = TYPE;

    settled = (struct session){0};
    VISIT_STEP(v, "post events", media_guest_post_events(&v->frontend, 8), 0);
    VISIT_STEP(v, "open", media_guest_open(&v->frontend, &settled.id), 0);
    ask(v, &settled);
    make_buffers(v, &settled);
    IOCTL(v, &settled, STREAMON, &type);
    take_frames(v, &settled);
}

void visit_media_see(struct visit *v)
{
    struct v4l2_control control = {.id = V4L2_CID_HFLIP};
    struct v4l2_format format = {.type = TYPE};

    IOCTL(v, &settled, G_CTRL, &control);
    VISIT_STEP(v, "a control's value", control.value, 1);
    IOCTL(v, &settled, G_FMT, &format);
    VISIT_STEP(v, "the format", format.fmt.pix.width == WIDTH && format.fmt.pix.height == HEIGHT,
               true);
    take_frames(v, &settled);
}

/* Whatever session it is, if any. */
void visit_media_ask(struct visit *v)
{
    struct v4l2_capability what = {0};
    int r = visit_goes_on(v) ? media_guest_ioctl(&v->frontend, 1, VIDIOC_QUERYCAP, &what) : 0;

    VISIT_STEP(v, "ask", r < 0 ? r : 0, 0);
}

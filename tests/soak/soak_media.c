/* SPDX-License-Identifier: MIT */
#include "soak_load.h"

#include <errno.h>
#include <signal.h>

#include "tests/session/media_story.h"

#define FRAMES 12u
#define SESSIONS 10u /* that only come and go */

static void crowd(struct story *s)
{
    uint32_t sessions[SESSIONS];

    for (unsigned i = 0; i < SESSIONS; i++) {
        struct v4l2_format format = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};

        assert_int_equal(media_guest_open(&s->frontend, &sessions[i]), 0);
        assert_int_equal(media_guest_ioctl(&s->frontend, sessions[i], VIDIOC_G_FMT, &format), 0);
    }
    for (unsigned i = 0; i < SESSIONS; i += 2) /* the others are left behind */
        assert_true(media_guest_close(&s->frontend, sessions[i]) >= 0);
}

/* A frame that comes late is no longer asked for. */
static void forget_frames(struct story *s)
{
    struct virtio_media_event_dqbuf event;

    while (media_guest_event(&s->frontend, &event, 0) > 0) {
    }
}

static void stream(struct story *s, struct stream *stream, bool dies)
{
    begin_stream(s, stream, WIDTH, HEIGHT, BUFFERS + 4);
    for (unsigned i = 0; i < FRAMES; i++) {
        if (dies && i == FRAMES / 2)
            kill(story_worker(s), SIGKILL);
        take_frame(s, stream);
    }
}

static void join(struct story *s)
{
    story_join(s);
    assert_int_equal(media_guest_post_events(&s->frontend, EVENTS), 0);
}

void soak_media_life(struct story *s, unsigned long turn)
{
    struct stream first, second;

    join(s);
    crowd(s);
    stream(s, &first, false);
    if (turn % 3 == 0) {
        end_stream(s, &first);
        forget_frames(s);
        stream(s, &second, false);
    } else if (turn % 3 == 1) { /* the guest is reset while it streams */
        assert_int_equal(frontend_reset(&s->frontend), 0);
        assert_int_equal(frontend_start(&s->frontend), 0);
        assert_int_equal(media_guest_post_events(&s->frontend, EVENTS), 0);
        crowd(s);
        stream(s, &second, false);
        end_stream(s, &second);
    }
    story_leave(s);
}

void soak_media_death(struct story *s, unsigned long turn)
{
    struct stream one;

    join(s);
    crowd(s);
    stream(s, &one, true);
    if (turn % 2 == 0)
        end_stream(s, &one);
    story_leave(s);
}

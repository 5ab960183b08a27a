/* SPDX-License-Identifier: MIT */
#include "codec_crowd.h"

#include <signal.h>
#include <string.h>

#include "footprint.h"
#include "tests/frontend/media_guest.h"
#include "upgrade_story.h"

#define SESSIONS CODEC_CROWD_SESSIONS
#define BUFFERS CODEC_CROWD_BUFFERS
#define THREADS CODEC_CROWD_THREADS
#define EVENTS 32u
#define WIDTH 128u
#define HEIGHT 96u
#define OUTPUT V4L2_BUF_TYPE_VIDEO_OUTPUT
#define CAPTURE V4L2_BUF_TYPE_VIDEO_CAPTURE

static uint32_t below(struct codec_crowd *crowd, uint32_t limit)
{
    crowd->random = crowd->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(crowd->random >> 33) % limit;
}

static int ask(struct story *s, const struct codec_crowd_member *m, unsigned long code,
               void *payload)
{
    return media_guest_ioctl(&s->frontend, m->session, code, payload);
}

static void set_format(struct story *s, const struct codec_crowd_member *m, int type,
                       uint32_t fourcc, uint32_t *size)
{
    struct v4l2_format format = {
        .type = (uint32_t)type,
        .fmt.pix = {.width = WIDTH, .height = HEIGHT, .pixelformat = fourcc},
    };

    assert_int_equal(ask(s, m, VIDIOC_S_FMT, &format), 0);
    assert_int_equal(format.fmt.pix.pixelformat, fourcc);
    *size = format.fmt.pix.sizeimage;
}

static int queue(struct story *s, const struct codec_crowd_member *m, uint32_t type, uint32_t index)
{
    struct v4l2_buffer buffer = {
        .index = index, .type = type, .memory = V4L2_MEMORY_MMAP, .bytesused = m->used};

    return ask(s, m, VIDIOC_QBUF, &buffer);
}

static void request(struct story *s, const struct codec_crowd_member *m, uint32_t type)
{
    struct v4l2_requestbuffers wish = {.count = BUFFERS, .type = type, .memory = V4L2_MEMORY_MMAP};

    assert_int_equal(ask(s, m, VIDIOC_REQBUFS, &wish), 0);
    assert_true(wish.count >= BUFFERS);
}

/* A picture, or what no decoder has ever seen behind the start code of one it has. */
static void fill(struct story *s, struct codec_crowd *crowd, const struct codec_crowd_member *m,
                 uint32_t index)
{
    static const uint8_t start[] = {0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1e};
    uint8_t *at = guest_window_at(&s->frontend.window, m->offset[index], m->used);

    assert_non_null(at);
    for (uint32_t i = 0; i < m->used; i++)
        at[i] = (uint8_t)(crowd->encodes ? i * 3 + i / 256 : below(crowd, 256));
    if (!crowd->encodes && below(crowd, 2) == 0)
        memcpy(at, start, sizeof(start));
}

static void map_sources(struct story *s, struct codec_crowd *crowd, struct codec_crowd_member *m)
{
    for (uint32_t i = 0; i < BUFFERS; i++) {
        struct v4l2_buffer buffer = {.index = i, .type = OUTPUT, .memory = V4L2_MEMORY_MMAP};
        uint64_t length;

        assert_int_equal(ask(s, m, VIDIOC_QUERYBUF, &buffer), 0);
        assert_int_equal(
            media_guest_mmap(&s->frontend, m->session, buffer.m.offset, &m->offset[i], &length), 0);
        m->mapped |= 1u << i;
        fill(s, crowd, m, i);
    }
}

static void start(struct story *s, const struct codec_crowd_member *m, uint32_t type)
{
    for (uint32_t i = 0; i < BUFFERS; i++)
        assert_int_equal(queue(s, m, type, i), 0);
    assert_int_equal(ask(s, m, VIDIOC_STREAMON, &type), 0);
}

static void member_stream(struct story *s, struct codec_crowd *crowd, struct codec_crowd_member *m)
{
    static const uint32_t coded[] = {V4L2_PIX_FMT_MJPEG, V4L2_PIX_FMT_VP8, V4L2_PIX_FMT_H264};
    uint32_t format = coded[below(crowd, 3)], size;

    if (crowd->encodes)
        set_format(s, m, CAPTURE, format, &size);
    set_format(s, m, OUTPUT, crowd->encodes ? V4L2_PIX_FMT_YUYV : format, &size);
    m->used = crowd->encodes ? size : 3000;
    request(s, m, OUTPUT);
    map_sources(s, crowd, m);
    request(s, m, CAPTURE);
    start(s, m, OUTPUT);
    start(s, m, CAPTURE);
    m->streams = true;
    crowd->streams++;
}

static void unmap_one(struct story *s, struct codec_crowd_member *m)
{
    unsigned i = m->mapped & 1 ? 0 : 1;

    assert_int_equal(media_guest_munmap(&s->frontend, m->offset[i]), 0);
    m->mapped &= ~(1u << i);
}

static void member_close(struct story *s, struct codec_crowd *crowd, struct codec_crowd_member *m)
{
    assert_true(media_guest_close(&s->frontend, m->session) >= 0);
    crowd->closed++;
    crowd->killed_at_work += m->streams;
    m->open = m->streams = false;
}

static struct codec_crowd_member *member_of(struct codec_crowd *crowd, uint32_t session)
{
    for (unsigned i = 0; i < SESSIONS; i++)
        if (crowd->members[i].open && crowd->members[i].session == session)
            return &crowd->members[i];
    return NULL;
}

/* What came meanwhile; whoever still streams goes on. */
static void take_events(struct story *s, struct codec_crowd *crowd, unsigned most)
{
    struct virtio_media_event_dqbuf event;

    while (most-- > 0 && media_guest_event(&s->frontend, &event, 1) >= 0) {
        struct codec_crowd_member *m = member_of(crowd, event.hdr.session_id);

        if (event.hdr.event != VIRTIO_MEDIA_EVT_DQBUF || m == NULL)
            continue;
        crowd->sources += event.buffer.type == OUTPUT;
        crowd->pictures += event.buffer.type == CAPTURE && event.buffer.bytesused > 0;
        assert_int_equal(queue(s, m, event.buffer.type, event.buffer.index), 0);
    }
}

static void step(struct story *s, struct codec_crowd *crowd)
{
    struct codec_crowd_member *m = &crowd->members[below(crowd, SESSIONS)];
    uint32_t what = below(crowd, 8);

    if (!m->open && m->mapped != 0) {
        unmap_one(s, m);
    } else if (!m->open) {
        assert_int_equal(media_guest_open(&s->frontend, &m->session), 0);
        m->open = true;
        crowd->opened++;
    } else if (!m->streams && what < 6) {
        member_stream(s, crowd, m);
    } else if (what == 7) {
        member_close(s, crowd, m);
    }
    take_events(s, crowd, 2);
}

void codec_crowd_start(struct story *s, const char *kind)
{
    const char *const arguments[] = {
        "--window=1G", "--planes=single", "--threads=3", "--codecs=h264,vp8,mjpeg", kind, NULL};

    story_start(s, arguments);
    story_join(s);
    assert_int_equal(media_guest_post_events(&s->frontend, EVENTS), 0);
}

/* While they work, and at least one more of them comes. */
static void upgrade_amid(struct story *s, struct codec_crowd *crowd)
{
    pid_t pid = upgrade_begin(s, "--seconds=60");

    do
        step(s, crowd);
    while (!upgrade_is_made(s, pid));
}

void codec_crowd_round(struct story *s, struct codec_crowd *crowd, unsigned steps)
{
    struct footprint now;

    for (unsigned i = 0; i < SESSIONS; i++) {
        assert_int_equal(media_guest_open(&s->frontend, &crowd->members[i].session), 0);
        crowd->members[i].open = true;
        crowd->opened++;
    }
    story_await(s, "/device/sessions", SESSIONS);
    footprint_take(&now, story_worker(s));
    assert_int_equal(now.threads, 1 + THREADS); /* however many sessions there are */
    for (unsigned i = 0; i < steps; i++) {
        if (crowd->deaths > 0 && i % (steps / crowd->deaths) == 7)
            kill(story_worker(s), SIGKILL);
        step(s, crowd);
        if (crowd->upgrades > 0 && i % (steps / crowd->upgrades) == 7)
            upgrade_amid(s, crowd);
    }
    for (unsigned n = 0; n < SESSIONS; n++)
        if (crowd->members[n * 37 % SESSIONS].open)
            member_close(s, crowd, &crowd->members[n * 37 % SESSIONS]);
    for (unsigned i = 0; i < SESSIONS; i++)
        while (crowd->members[i].mapped != 0)
            unmap_one(s, &crowd->members[i]);
    story_await(s, "/device/sessions", 0);
    story_await(s, "/device/resources", 0);
    story_await(s, "/device/mapped", 0);
    story_await(s, "/device/loans", 0);
}

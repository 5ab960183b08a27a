/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_CODEC_FIXTURE_H
#define TESTS_UNIT_CODEC_FIXTURE_H

/* The driver of a codec, on top of the media fixture: two queues in one session. */
#include "media_fixture.h"

#include "media/m2m.h"

#define CODEC_EVENT_BUFFERS 16u

struct codec {
    struct media_fixture *f;
    uint32_t session;
    struct m2m *m2m;          /* the device's own, to look at the buffers' bytes */
    uint32_t output, capture; /* the types of its queues */
};

/* Opens a session, and gives the device event buffers. */
static inline void codec_open(struct codec *c, struct media_fixture *f)
{
    *c = (struct codec){.f = f};
    RING_DRIVER_MUST(media_open(f, &c->session) == 0);
    c->m2m = m2m_of(session_find(&f->media->sessions, c->session)->context);
    c->output = c->m2m->output.type;
    c->capture = c->m2m->capture.type;
    media_post_events(f, CODEC_EVENT_BUFFERS, 608);
}

static inline struct buffer_queue *codec_queue(struct codec *c, uint32_t type)
{
    return type == c->output ? &c->m2m->output : &c->m2m->capture;
}

/* The bytes of a plane, as the guest would see them. */
static inline uint8_t *codec_bytes(struct codec *c, uint32_t type, uint32_t index, unsigned plane)
{
    return buffer_data(codec_queue(c, type)->buffers[index]->plane[plane]->buffer);
}

static inline uint32_t codec_size(struct codec *c, uint32_t type, uint32_t index, unsigned plane)
{
    return codec_queue(c, type)->buffers[index]->plane[plane]->size;
}

static inline uint32_t codec_reqbufs(struct codec *c, uint32_t type, uint32_t count)
{
    struct v4l2_requestbuffers request = {.count = count, .type = type, .memory = V4L2_MEMORY_MMAP};

    return MEDIA_IOCTL(c->f, c->session, REQBUFS, &request);
}

static inline uint32_t codec_streamon(struct codec *c, uint32_t type)
{
    return MEDIA_IOCTL(c->f, c->session, STREAMON, &type);
}

static inline uint32_t codec_streamoff(struct codec *c, uint32_t type)
{
    return MEDIA_IOCTL(c->f, c->session, STREAMOFF, &type);
}

static inline uint32_t codec_subscribe(struct codec *c, uint32_t type)
{
    struct v4l2_event_subscription wish = {.type = type};

    return MEDIA_IOCTL(c->f, c->session, SUBSCRIBE_EVENT, &wish);
}

/* Queues a buffer with 'size' bytes (of its first plane; 0: all) and a timestamp in us. */
static inline uint32_t codec_qbuf(struct codec *c, uint32_t type, uint32_t index, uint32_t size,
                                  uint64_t time)
{
    struct media_buffer_payload b = {
        .buffer = {.index = index,
                   .type = type,
                   .memory = V4L2_MEMORY_MMAP,
                   .timestamp = {(time_t)(time / 1000000u), (suseconds_t)(time % 1000000u)}}};

    if (!V4L2_TYPE_IS_MULTIPLANAR(type)) {
        b.buffer.bytesused = size;
        return media_ioctl_raw(c->f, c->session, _IOC_NR(VIDIOC_QBUF), &b, sizeof(b.buffer));
    }
    b.buffer.length = VIDEO_MAX_PLANES;
    b.planes[0].bytesused = size;
    return media_ioctl_raw(c->f, c->session, _IOC_NR(VIDIOC_QBUF), &b, sizeof(b));
}

static inline uint32_t codec_decoder_cmd(struct codec *c, uint32_t cmd)
{
    struct v4l2_decoder_cmd command = {.cmd = cmd};

    return MEDIA_IOCTL(c->f, c->session, DECODER_CMD, &command);
}

static inline uint32_t codec_encoder_cmd(struct codec *c, uint32_t cmd)
{
    struct v4l2_encoder_cmd command = {.cmd = cmd};

    return MEDIA_IOCTL(c->f, c->session, ENCODER_CMD, &command);
}

/* Waits up to 'ms' for the next event, and takes it. False: none came. */
static inline bool codec_event_within(struct codec *c, unsigned ms,
                                      struct virtio_media_event_dqbuf *event)
{
    uint64_t end = units_now_ns() + ms * 1000000ull;

    while (!media_event(c->f, event)) {
        if (units_now_ns() >= end)
            return false;
        RING_DRIVER_MUST(sd_event_run(c->f->loop, 1000) >= 0);
    }
    media_post_events(c->f, 1, 608);
    return true;
}

/* An event that must come. */
static inline void codec_event(struct codec *c, struct virtio_media_event_dqbuf *event)
{
    RING_DRIVER_MUST(codec_event_within(c, 10000, event));
}

/* What the event is: the type of the queue whose buffer comes back, or V4L2_EVENT_* with this bit.
 */
#define CODEC_IS_EVENT 0x80000000u

static inline uint32_t codec_event_type(const struct virtio_media_event_dqbuf *event)
{
    const struct virtio_media_event_event *other = (const void *)event;

    return event->hdr.event == VIRTIO_MEDIA_EVT_EVENT ? other->event.type | CODEC_IS_EVENT
                                                      : event->buffer.type;
}

static inline uint64_t codec_time(const struct virtio_media_event_dqbuf *event)
{
    return (uint64_t)event->buffer.timestamp.tv_sec * 1000000u +
           (uint64_t)event->buffer.timestamp.tv_usec;
}

static inline uint32_t codec_used(const struct virtio_media_event_dqbuf *event, unsigned plane)
{
    return V4L2_TYPE_IS_MULTIPLANAR(event->buffer.type) ? event->planes[plane].bytesused
                                                        : event->buffer.bytesused;
}

#endif

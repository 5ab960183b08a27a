/* SPDX-License-Identifier: MIT */
#include "tests/points/points.h"

#include "media/media_kind.h"

static void find_queues(struct point_guest *g)
{
    uint32_t caps = g->f->media->config.device_caps;

    if (caps & V4L2_CAP_VIDEO_M2M_MPLANE) {
        g->capture = V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE;
        g->output = V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE;
    } else if (caps & V4L2_CAP_VIDEO_M2M) {
        g->capture = V4L2_BUF_TYPE_VIDEO_CAPTURE;
        g->output = V4L2_BUF_TYPE_VIDEO_OUTPUT;
    } else {
        g->capture = caps & V4L2_CAP_VIDEO_CAPTURE_MPLANE ? V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE
                                                          : V4L2_BUF_TYPE_VIDEO_CAPTURE;
    }
    g->type[g->types++] = g->capture;
    if (g->output != 0)
        g->type[g->types++] = g->output;
}

void point_guest_init(struct point_guest *g, const struct point_subject *subject)
{
    *g = (struct point_guest){.subject = subject};
    g->f = media_fixture_create(&subject->options, EXPORTER_ARENA);
    find_queues(g);
    assert_int_equal(media_open(g->f, &g->session), 0);
    media_post_events(g->f, POINT_EVENT_BUFFERS, 608);
}

void point_guest_finish(struct point_guest *g)
{
    assert_int_equal(media_close(g->f, g->session), NO_ANSWER);
    media_fixture_destroy(g->f);
}

void point_guest_open(struct point_guest *other, const struct point_guest *g)
{
    *other = *g;
    assert_int_equal(media_open(g->f, &other->session), 0);
}

struct point_format point_format_of(const struct v4l2_format *format)
{
    const struct v4l2_pix_format_mplane *mp = &format->fmt.pix_mp;
    const struct v4l2_pix_format *pix = &format->fmt.pix;
    struct point_format f = {pix->width, pix->height, pix->pixelformat,
                             pix->field, 1,           pix->colorspace};

    f.size[0] = pix->sizeimage;
    f.line[0] = pix->bytesperline;
    if (!V4L2_TYPE_IS_MULTIPLANAR(format->type))
        return f;
    f = (struct point_format){mp->width, mp->height,     mp->pixelformat,
                              mp->field, mp->num_planes, mp->colorspace};
    for (unsigned i = 0; i < f.planes && i < VIDEO_MAX_PLANES; i++) {
        f.size[i] = mp->plane_fmt[i].sizeimage;
        f.line[i] = mp->plane_fmt[i].bytesperline;
    }
    return f;
}

/* Width, height and pixelformat lie alike in both structs. */
void point_format_put(struct v4l2_format *format, uint32_t fourcc, uint32_t width, uint32_t height)
{
    format->fmt.pix.width = width;
    format->fmt.pix.height = height;
    format->fmt.pix.pixelformat = fourcc;
}

struct v4l2_format point_g_fmt(struct point_guest *g, uint32_t type)
{
    struct v4l2_format format = {.type = type};

    assert_int_equal(ASK(g, G_FMT, &format), 0);
    return format;
}

uint32_t point_fourcc(struct point_guest *g, uint32_t type, unsigned index)
{
    struct v4l2_fmtdesc desc = {.index = index, .type = type};

    return ASK(g, ENUM_FMT, &desc) == 0 ? desc.pixelformat : 0;
}

uint32_t point_reqbufs(struct point_guest *g, uint32_t type, uint32_t memory, uint32_t *count)
{
    struct v4l2_requestbuffers request = {.count = *count, .type = type, .memory = memory};
    uint32_t status = ASK(g, REQBUFS, &request);

    *count = request.count;
    return status;
}

uint32_t point_allocate(struct point_guest *g, uint32_t type, uint32_t count)
{
    uint32_t got = count;

    assert_int_equal(point_reqbufs(g, type, V4L2_MEMORY_MMAP, &got), 0);
    assert_true(got >= count);
    return got;
}

uint32_t point_buffer_raw(struct point_guest *g, uint32_t code, struct media_buffer_payload *b)
{
    if (!V4L2_TYPE_IS_MULTIPLANAR(b->buffer.type))
        return media_ioctl_raw(g->f, g->session, code, b, sizeof(b->buffer));
    return media_ioctl_raw(g->f, g->session, code, b, sizeof(*b));
}

uint32_t point_buffer(struct point_guest *g, uint32_t code, uint32_t type, uint32_t index,
                      struct media_buffer_payload *b)
{
    *b = (struct media_buffer_payload){
        .buffer = {.index = index, .type = type, .memory = V4L2_MEMORY_MMAP}};
    if (V4L2_TYPE_IS_MULTIPLANAR(type))
        b->buffer.length = VIDEO_MAX_PLANES;
    return point_buffer_raw(g, code, b);
}

uint32_t point_offset(const struct media_buffer_payload *b, unsigned i)
{
    return V4L2_TYPE_IS_MULTIPLANAR(b->buffer.type) ? b->planes[i].m.mem_offset
                                                    : b->buffer.m.offset;
}

uint32_t point_length(const struct media_buffer_payload *b, unsigned i)
{
    return V4L2_TYPE_IS_MULTIPLANAR(b->buffer.type) ? b->planes[i].length : b->buffer.length;
}

unsigned point_planes(const struct media_buffer_payload *b)
{
    return V4L2_TYPE_IS_MULTIPLANAR(b->buffer.type) ? b->buffer.length : 1;
}

uint32_t point_qbuf(struct point_guest *g, uint32_t type, uint32_t index)
{
    struct media_buffer_payload b;

    return point_buffer(g, QBUF, type, index, &b);
}

static struct buffer_queue *queue_of(struct point_guest *g, uint32_t type)
{
    return context_queue(session_find(&g->f->media->sessions, g->session)->context, type);
}

uint8_t *point_bytes(struct point_guest *g, uint32_t type, uint32_t index, unsigned plane)
{
    return buffer_data(queue_of(g, type)->buffers[index]->plane[plane]->buffer);
}

uint32_t point_qbuf_data(struct point_guest *g, uint32_t index, const uint8_t *data, uint32_t size,
                         uint64_t time)
{
    bool multi = V4L2_TYPE_IS_MULTIPLANAR(g->output);
    struct media_buffer_payload b = {
        .buffer = {.index = index,
                   .type = g->output,
                   .memory = V4L2_MEMORY_MMAP,
                   .field = V4L2_FIELD_NONE,
                   .timestamp = {(time_t)(time / 1000000u), (suseconds_t)(time % 1000000u)}}};

    assert_true(size <= queue_of(g, g->output)->buffers[index]->plane[0]->size);
    memcpy(point_bytes(g, g->output, index, 0), data, size);
    if (multi) {
        b.buffer.length = VIDEO_MAX_PLANES;
        b.planes[0].bytesused = size;
    } else {
        b.buffer.bytesused = size;
    }
    return point_buffer_raw(g, QBUF, &b);
}

uint32_t point_streamon(struct point_guest *g, uint32_t type)
{
    return ASK(g, STREAMON, &type);
}

uint32_t point_streamoff(struct point_guest *g, uint32_t type)
{
    return ASK(g, STREAMOFF, &type);
}

static uint32_t what_it_is(const struct virtio_media_event_dqbuf *event)
{
    struct virtio_media_event_event other;

    if (event->hdr.event != VIRTIO_MEDIA_EVT_EVENT)
        return event->buffer.type;
    memcpy(&other, event, sizeof(other));
    return other.event.type | POINT_EVENT;
}

static int find_event(const struct point_guest *g, uint32_t what)
{
    for (unsigned i = 0; i < g->events; i++)
        if (what_it_is(&g->event[i]) == what)
            return (int)i;
    return -1;
}

/* Takes what has come into the list. */
static void collect(struct point_guest *g)
{
    while (g->events < POINT_EVENTS && media_event(g->f, &g->event[g->events])) {
        g->events++;
        media_post_events(g->f, 1, 608);
    }
}

bool point_comes(struct point_guest *g, uint32_t what, unsigned ms)
{
    uint64_t end = units_now_ns() + ms * 1000000ull;

    for (collect(g); find_event(g, what) < 0; collect(g)) {
        if (units_now_ns() >= end)
            return false;
        assert_true(sd_event_run(g->f->loop, 1000) >= 0);
    }
    return true;
}

struct virtio_media_event_dqbuf point_take(struct point_guest *g, uint32_t what)
{
    struct virtio_media_event_dqbuf event;
    unsigned at;

    assert_true(point_comes(g, what, 10000));
    at = (unsigned)find_event(g, what);
    event = g->event[at];
    g->events--;
    memmove(&g->event[at], &g->event[at + 1], (g->events - at) * sizeof(event));
    return event;
}

struct v4l2_event point_take_event(struct point_guest *g, uint32_t type)
{
    struct virtio_media_event_dqbuf any = point_take(g, type | POINT_EVENT);
    struct virtio_media_event_event event;

    memcpy(&event, &any, sizeof(event));
    return event.event;
}

void point_starve(struct point_guest *g)
{
    struct virtqueue *events = &g->f->driver.queues[VIRTIO_MEDIA_EVENTQ];

    virtqueue_stop(events);
    ring_driver_start(&g->f->driver, VIRTIO_MEDIA_EVENTQ, MEDIA_RING);
}

uint32_t point_subscribe(struct point_guest *g, uint32_t type, uint32_t id, uint32_t flags)
{
    struct v4l2_event_subscription wish = {.type = type, .id = id, .flags = flags};

    return ASK(g, SUBSCRIBE_EVENT, &wish);
}

uint32_t point_ext(struct point_guest *g, uint32_t code, struct point_controls *call)
{
    uint8_t bytes[sizeof(*call) + 8 * sizeof(struct virtio_media_sg)];
    size_t head = sizeof(call->head) + call->head.count * sizeof(call->one[0]), size = head;
    struct virtio_media_sg sg[8] = {0};
    uint32_t status;

    memcpy(bytes, call, head);
    for (unsigned i = 0; i < call->head.count; i++) {
        if (call->one[i].size == 0)
            continue;
        sg[i] = (struct virtio_media_sg){ring_driver_alloc(&g->f->driver, call->one[i].size),
                                         call->one[i].size, 0};
        memcpy(ring_driver_at(&g->f->driver, sg[i].start), call->data[i], sg[i].len);
        memcpy(bytes + size, &sg[i], sizeof(sg[i]));
        size += sizeof(sg[i]);
    }
    status = media_ioctl_raw(g->f, g->session, code, bytes, (uint32_t)size);
    memcpy(call, bytes, head);
    for (unsigned i = 0; i < call->head.count && i < 8; i++)
        if (sg[i].len > 0)
            memcpy(call->data[i], ring_driver_at(&g->f->driver, sg[i].start), sg[i].len);
    return status;
}

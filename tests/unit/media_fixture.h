/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_MEDIA_FIXTURE_H
#define TESTS_UNIT_MEDIA_FIXTURE_H

/*
 * A whole virtio-media device with a driver at its rings and a fake window: what every test of
 * media/ begins with. Ioctls go as a Linux driver sends them: one guest buffer for both directions.
 * Needs no test library, so that a fuzzer can use it.
 */
#include "fake_port.h"
#include "ring_driver.h"

#include "base/log.h"
#include "media/media.h"
#include "media/media_device.h"
#include "protocol/v4l2_ioctl.h"

#define MEDIA_WINDOW (64ull << 20)
#define MEDIA_RING 256u
/* Given as the status where the device wrote no header. */
#define NO_ANSWER 0xffffffffu

struct media_fixture {
    struct ring_driver driver;
    sd_event *loop;
    struct stats stats;
    struct device_census census;
    struct quota quotas[QUOTAS_MAX];
    struct quota_numbers numbers[QUOTAS_MAX];
    struct arena arena;
    struct exporter exporter;
    struct fake_port port;
    struct device_host host;
    struct device *device;
    struct media *media;
    unsigned calls[2];
    bool starved;        /* there was no memory for a request */
    uint32_t written;    /* of the last answer taken */
    uint64_t answer_at;  /* guest address of the last request's answer header */
    uint64_t payload_at; /* and of its payload */
};

static inline void media_fixture_called(struct device_host *host, unsigned queue)
{
    struct media_fixture *f = (void *)((char *)host - offsetof(struct media_fixture, host));

    f->calls[queue]++;
}

static inline void media_fixture_config_changed(struct device_host *host, const void *config,
                                                uint32_t size)
{
    abort(); /* nothing in it ever changes */
}

static inline void media_starved(void *data)
{
    struct media_fixture *f = data;

    f->starved = true;
}

static inline struct media_fixture *media_fixture_create(const struct media_options *options,
                                                         enum exporter_kind kind)
{
    struct media_fixture *f = calloc(1, sizeof(*f));

    RING_DRIVER_MUST(f != NULL);
    log_init("test", NULL, LOG_LEVEL_ERROR);
    ring_driver_init(&f->driver, MEDIA_RING);
    for (unsigned q = 0; q < RING_DRIVER_QUEUES; q++) {
        f->driver.queues[q].starved = media_starved;
        f->driver.queues[q].starved_data = f;
    }
    RING_DRIVER_MUST(sd_event_new(&f->loop) >= 0);
    RING_DRIVER_MUST(arena_init(&f->arena, fd_memfd("arena", MEDIA_WINDOW), MEDIA_WINDOW) == 0);
    RING_DRIVER_MUST(exporter_init(&f->exporter, kind, &f->arena, NULL) == 0);
    fake_port_init(&f->port, f->loop, &f->arena, MEDIA_WINDOW);
    quotas_init(f->quotas, media_quota_rows, f->numbers, MEDIA_WINDOW, NULL);
    f->host = (struct device_host){
        .loop = f->loop,
        .memory = &f->driver.memory,
        .queues = f->driver.queues,
        .exporter = &f->exporter,
        .port = &f->port.port,
        .stats = &f->stats,
        .census = &f->census,
        .quotas = f->quotas,
        .call = media_fixture_called,
        .config_changed = media_fixture_config_changed,
    };
    f->device = media_device_create(&f->host, options);
    RING_DRIVER_MUST(f->device != NULL);
    f->media = (struct media *)(void *)f->device;
    f->device->impl->reset(f->device);
    f->device->impl->set_features(f->device, 0);
    return f;
}

static inline void media_fixture_destroy(struct media_fixture *f)
{
    fake_port_reset(&f->port);
    f->device->impl->destroy(f->device);
    for (unsigned i = 0; i < MEDIA_QUOTA_COUNT; i++)
        RING_DRIVER_MUST(f->numbers[i].used == 0 && !f->quotas[i].overdrawn);
    fake_port_finish(&f->port);
    exporter_finish(&f->exporter);
    arena_finish(&f->arena);
    ring_driver_finish(&f->driver);
    sd_event_unref(f->loop);
    free(f);
}

/* A driver begins from nothing, as after a reboot of the guest. */
static inline void media_fixture_reboot(struct media_fixture *f)
{
    for (unsigned q = 0; q < 2; q++)
        virtqueue_stop(&f->driver.queues[q]);
    fake_port_reset(&f->port);
    f->device->impl->reset(f->device);
    for (unsigned q = 0; q < 2; q++)
        ring_driver_start(&f->driver, q, MEDIA_RING);
}

/* Runs the loop until nothing is left to do now. */
static inline void media_loop(struct media_fixture *f)
{
    unsigned rounds = 0;

    do {
        /* As the worker does after a while. */
        for (unsigned q = 0; f->starved && q < 2; q++)
            f->device->impl->queue_ready(f->device, q);
        f->starved = false;
        while (sd_event_run(f->loop, 0) > 0)
            RING_DRIVER_MUST(++rounds < 1000000);
    } while (f->starved);
}

/* Runs the loop for 'ms', ticks of clocks and all. */
static inline void media_loop_for(struct media_fixture *f, unsigned ms)
{
    uint64_t end = units_now_ns() + ms * 1000000ull;

    for (uint64_t now = units_now_ns(); now < end; now = units_now_ns())
        RING_DRIVER_MUST(sd_event_run(f->loop, (end - now) / 1000 + 1) >= 0);
}

static inline bool media_take(struct media_fixture *f, uint32_t *status);

/* Runs the loop until the next answer comes, which it takes, and returns its status: a thread may
 * have to end its work first. */
static inline uint32_t media_await(struct media_fixture *f)
{
    uint64_t end = units_now_ns() + 60000000000ull;
    uint32_t status;

    media_loop(f);
    while (!media_take(f, &status)) {
        RING_DRIVER_MUST(units_now_ns() < end);
        RING_DRIVER_MUST(sd_event_run(f->loop, 1000) >= 0);
    }
    return status;
}

/* Makes a command available with 'room' bytes for the answer, and kicks. */
static inline void media_send(struct media_fixture *f, const void *bytes, uint32_t size,
                              uint32_t room)
{
    struct ring_driver_piece pieces[2] = {{.size = size}, {.size = room, .writable = true}};

    pieces[0].gpa = ring_driver_alloc(&f->driver, size);
    pieces[1].gpa = ring_driver_alloc(&f->driver, room);
    memcpy(ring_driver_at(&f->driver, pieces[0].gpa), bytes, size);
    memset(ring_driver_at(&f->driver, pieces[1].gpa), 0xee, room);
    f->answer_at = pieces[1].gpa;
    ring_driver_send(&f->driver, VIRTIO_MEDIA_COMMANDQ, pieces, room > 0 ? 2 : 1);
    f->device->impl->queue_ready(f->device, VIRTIO_MEDIA_COMMANDQ);
}

/* Takes the next answer, if there is one; *status is its header's, NO_ANSWER if it has none. */
static inline bool media_take(struct media_fixture *f, uint32_t *status)
{
    uint16_t head;

    *status = NO_ANSWER;
    if (!ring_driver_take(&f->driver, VIRTIO_MEDIA_COMMANDQ, &head, &f->written))
        return false;
    if (f->written >= 4)
        memcpy(status, ring_driver_at(&f->driver, f->answer_at), 4);
    return true;
}

/* Sends a command, lets the loop run, takes the answer, whose header's status it returns. */
static inline uint32_t media_do(struct media_fixture *f, const void *bytes, uint32_t size,
                                void *answer, uint32_t room)
{
    uint32_t status;

    media_send(f, bytes, size, room);
    status = media_await(f);
    if (answer != NULL)
        memcpy(answer, ring_driver_at(&f->driver, f->answer_at), room);
    return status;
}

static inline uint32_t media_open(struct media_fixture *f, uint32_t *session)
{
    struct virtio_media_cmd_header request = {.cmd = VIRTIO_MEDIA_CMD_OPEN};
    struct virtio_media_resp_open answer;
    uint32_t status = media_do(f, &request, sizeof(request), &answer, sizeof(answer));

    *session = answer.session_id;
    return status;
}

/* Returns NO_ANSWER, if all is well. */
static inline uint32_t media_close(struct media_fixture *f, uint32_t session)
{
    struct virtio_media_cmd_close request = {.hdr.cmd = VIRTIO_MEDIA_CMD_CLOSE,
                                             .session_id = session};

    return media_do(f, &request, sizeof(request), NULL, 0);
}

/* An ioctl whose buffer of 'size' bytes is both readable and writable; 'payload' takes the answer.
 */
static inline uint32_t media_ioctl_raw(struct media_fixture *f, uint32_t session, uint32_t code,
                                       void *payload, uint32_t size)
{
    struct virtio_media_cmd_ioctl request = {
        .hdr.cmd = VIRTIO_MEDIA_CMD_IOCTL, .session_id = session, .code = code};
    uint64_t head = ring_driver_alloc(&f->driver, sizeof(request));
    uint32_t status;

    f->payload_at = ring_driver_alloc(&f->driver, size);
    f->answer_at = ring_driver_alloc(&f->driver, sizeof(struct virtio_media_resp_header));
    memcpy(ring_driver_at(&f->driver, head), &request, sizeof(request));
    memcpy(ring_driver_at(&f->driver, f->payload_at), payload, size);
    ring_driver_send(&f->driver, VIRTIO_MEDIA_COMMANDQ,
                     (const struct ring_driver_piece[]){
                         {head, sizeof(request), false},
                         {f->payload_at, size, false},
                         {f->answer_at, sizeof(struct virtio_media_resp_header), true},
                         {f->payload_at, size, true}},
                     4);
    f->device->impl->queue_ready(f->device, VIRTIO_MEDIA_COMMANDQ);
    status = media_await(f);
    memcpy(payload, ring_driver_at(&f->driver, f->payload_at), size);
    return status;
}

#define MEDIA_IOCTL(f, session, name, payload)                                                     \
    media_ioctl_raw(f, session, _IOC_NR(VIDIOC_##name), payload, sizeof(*(payload)))

static inline struct virtio_media_cmd_mmap media_mmap_request(uint32_t session, uint32_t offset)
{
    return (struct virtio_media_cmd_mmap){.hdr.cmd = VIRTIO_MEDIA_CMD_MMAP,
                                          .session_id = session,
                                          .flags = VIRTIO_MEDIA_MMAP_FLAG_RW,
                                          .offset = offset};
}

static inline uint32_t media_mmap(struct media_fixture *f, uint32_t session, uint32_t offset,
                                  struct virtio_media_resp_mmap *answer)
{
    struct virtio_media_cmd_mmap request = media_mmap_request(session, offset);

    return media_do(f, &request, sizeof(request), answer, sizeof(*answer));
}

static inline uint32_t media_munmap(struct media_fixture *f, uint64_t shm_offset)
{
    struct virtio_media_cmd_munmap request = {.hdr.cmd = VIRTIO_MEDIA_CMD_MUNMAP,
                                              .shm_offset = shm_offset};

    return media_do(f, &request, sizeof(request), NULL, sizeof(struct virtio_media_resp_header));
}

/* The capture queue of a camera. */
static inline struct buffer_queue *media_queue(const struct media_fixture *f)
{
    return f->media->kind->ops->open(f->media->kind, 0)->capture;
}

static inline uint32_t media_type(const struct media_fixture *f)
{
    return media_queue(f)->type;
}

static inline uint32_t media_reqbufs(struct media_fixture *f, uint32_t session, uint32_t *count)
{
    struct v4l2_requestbuffers request = {
        .count = *count, .type = media_type(f), .memory = V4L2_MEMORY_MMAP};
    uint32_t status = MEDIA_IOCTL(f, session, REQBUFS, &request);

    *count = request.count;
    return status;
}

/* A v4l2_buffer with the planes after it. */
struct media_buffer_payload {
    struct v4l2_buffer buffer;
    struct v4l2_plane planes[VIDEO_MAX_PLANES];
};

static inline uint32_t media_buffer_ioctl(struct media_fixture *f, uint32_t session, uint32_t code,
                                          uint32_t index, struct media_buffer_payload *b)
{
    *b = (struct media_buffer_payload){
        .buffer = {.index = index, .type = media_type(f), .memory = V4L2_MEMORY_MMAP}};
    if (!V4L2_TYPE_IS_MULTIPLANAR(media_type(f)))
        return media_ioctl_raw(f, session, code, b, sizeof(b->buffer));
    b->buffer.length = VIDEO_MAX_PLANES;
    b->buffer.m.planes = (void *)0x7ffdeadbeef0;
    return media_ioctl_raw(f, session, code, b, sizeof(*b));
}

static inline uint32_t media_querybuf(struct media_fixture *f, uint32_t session, uint32_t index,
                                      struct media_buffer_payload *b)
{
    return media_buffer_ioctl(f, session, _IOC_NR(VIDIOC_QUERYBUF), index, b);
}

static inline uint32_t media_qbuf(struct media_fixture *f, uint32_t session, uint32_t index)
{
    struct media_buffer_payload b;

    return media_buffer_ioctl(f, session, _IOC_NR(VIDIOC_QBUF), index, &b);
}

static inline uint32_t media_streamon(struct media_fixture *f, uint32_t session)
{
    uint32_t type = media_type(f);

    return MEDIA_IOCTL(f, session, STREAMON, &type);
}

static inline uint32_t media_streamoff(struct media_fixture *f, uint32_t session)
{
    uint32_t type = media_type(f);

    return MEDIA_IOCTL(f, session, STREAMOFF, &type);
}

/* Sets the format and the rate, so that tests are fast. Returns the first status that is not 0. */
static inline uint32_t media_set(struct media_fixture *f, uint32_t session, uint32_t fourcc,
                                 uint32_t width, uint32_t height, uint32_t rate)
{
    struct v4l2_format format = {.type = media_type(f)};
    struct v4l2_streamparm parm = {.type = media_type(f)};
    uint32_t status;

    format.fmt.pix.width = width;
    format.fmt.pix.height = height;
    format.fmt.pix.pixelformat = fourcc;
    parm.parm.capture.timeperframe = (struct v4l2_fract){1, rate};
    status = MEDIA_IOCTL(f, session, S_FMT, &format);
    return status != 0 ? status : MEDIA_IOCTL(f, session, S_PARM, &parm);
}

/* Gives the device 'count' event buffers of 'size' bytes, and kicks. */
static inline void media_post_events(struct media_fixture *f, unsigned count, uint32_t size)
{
    for (unsigned i = 0; i < count; i++) {
        struct ring_driver_piece piece = {ring_driver_alloc(&f->driver, size), size, true};

        ring_driver_send(&f->driver, VIRTIO_MEDIA_EVENTQ, &piece, 1);
    }
    f->device->impl->queue_ready(f->device, VIRTIO_MEDIA_EVENTQ);
}

/* Takes the next event that came. False if there is none. */
static inline bool media_event(struct media_fixture *f, struct virtio_media_event_dqbuf *event)
{
    struct vring_desc *desc = ring_driver_at(&f->driver, f->driver.rings[1].desc);
    uint16_t head;

    if (!ring_driver_take(&f->driver, VIRTIO_MEDIA_EVENTQ, &head, &f->written))
        return false;
    memset(event, 0, sizeof(*event));
    memcpy(event, ring_driver_at(&f->driver, desc[head].addr),
           f->written < sizeof(*event) ? f->written : sizeof(*event));
    return true;
}

/* What the guest sees at an offset of its window; NULL where nothing is mapped. */
static inline const uint8_t *media_window_at(struct media_fixture *f, uint64_t offset)
{
    for (unsigned i = 0; i < f->port.count; i++)
        if (f->port.live[i].offset == offset)
            return buffer_data(f->port.live[i].buffer);
    return NULL;
}

#endif

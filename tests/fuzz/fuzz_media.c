/* SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "fuzz.h"
#include "protocol/cursor.h"
#include "tests/unit/media_fixture.h"

/*
 * A guest that sends whatever it likes to the media device: commands in any order, half right and
 * all wrong, while the window answers late, never or with errors, and the driver starts anew now
 * and then. What must hold at each step: the device knows what is in the window, and after a
 * reset it holds nothing.
 */
struct guest {
    struct media_fixture *f;
    struct reader input;
    uint32_t sessions[4];
    uint64_t shm_offset; /* of the last mapping */
    unsigned events;     /* buffers that the device has */
};

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

/* Planes whose unmapping the window refused: they are still there. */
static unsigned lost_planes(const struct guest *g)
{
    struct range *range = range_set_first(&g->f->media->window.places);
    unsigned lost = 0;

    for (; range != NULL; range = range_set_next(range))
        lost += ((struct plane *)(void *)range)->state == PLANE_LOST; /* 'place' comes first */
    return lost;
}

static void drain(struct guest *g)
{
    struct virtio_media_event_dqbuf event;
    uint32_t status;

    for (unsigned i = 0; i < 8; i++)
        sd_event_run(g->f->loop, 0);
    while (media_take(g->f, &status))
        continue;
    while (media_event(g->f, &event))
        g->events--;
    if (!g->f->port.asked)
        MUST(g->f->census.mapped + lost_planes(g) == g->f->port.count);
}

/* A command waits for the window: let it have its answer before the ring is full. */
static void settle(struct guest *g)
{
    if (g->f->port.asked)
        fake_port_answer(&g->f->port, g->f->port.result);
    drain(g);
}

/* Sends 'size' bytes in two pieces, with 'room' bytes for the answer that may lie over the request.
 */
static void send_bytes(struct guest *g, const void *bytes, uint32_t size, uint32_t room)
{
    uint8_t how = reader_u8(&g->input);
    uint32_t first = how % (size + 1);
    uint64_t at = ring_driver_alloc(&g->f->driver, size + 16);
    uint64_t answer = how & 1 ? at : ring_driver_alloc(&g->f->driver, room + 16);

    settle(g);
    memcpy(ring_driver_at(&g->f->driver, at), bytes, size);
    g->f->answer_at = answer;
    if (how % 61 == 60)
        answer = 0x1000; /* not in memory */
    ring_driver_send(&g->f->driver, 0,
                     (const struct ring_driver_piece[]){{at, first, false},
                                                        {at + first, size - first, false},
                                                        {answer, room, true}},
                     3);
    g->f->device->impl->queue_ready(g->f->device, 0);
    drain(g);
}

static uint32_t pick_session(struct guest *g)
{
    uint8_t which = reader_u8(&g->input);

    return which < 250 ? g->sessions[which % 4] : which;
}

static void do_open(struct guest *g)
{
    struct virtio_media_cmd_header request = {.cmd = VIRTIO_MEDIA_CMD_OPEN};
    struct virtio_media_resp_open answer;
    uint8_t which = reader_u8(&g->input) % 4;

    send_bytes(g, &request, sizeof(request), sizeof(answer));
    memcpy(&answer, ring_driver_at(&g->f->driver, g->f->answer_at), sizeof(answer));
    g->sessions[which] = answer.session_id;
}

static void do_close(struct guest *g)
{
    struct virtio_media_cmd_close request = {.hdr.cmd = VIRTIO_MEDIA_CMD_CLOSE,
                                             .session_id = pick_session(g)};

    send_bytes(g, &request, sizeof(request), reader_u8(&g->input) % 2 * 8);
}

/* Makes the fields that decide how far an ioctl gets right more often than chance would. */
static void shape_payload(struct guest *g, uint32_t code, uint8_t *payload)
{
    uint32_t type = media_type(g->f), small = reader_u8(&g->input) % 8;
    uint32_t memory = V4L2_MEMORY_MMAP, fourcc = V4L2_PIX_FMT_NV12;

    switch (code) {
    case _IOC_NR(VIDIOC_REQBUFS):
        memcpy(payload, &small, 4);
        memcpy(payload + 4, &type, 4);
        memcpy(payload + 8, &memory, 4);
        break;
    case _IOC_NR(VIDIOC_CREATE_BUFS):
        memcpy(payload + 4, &small, 4);
        memcpy(payload + 8, &memory, 4);
        memcpy(payload + 16, &type, 4);
        break;
    case _IOC_NR(VIDIOC_S_FMT):
        memcpy(payload, &type, 4);
        small *= 64;
        memcpy(payload + 8, &small, 4);
        memcpy(payload + 12, &small, 4);
        memcpy(payload + 16, &fourcc, 4);
        break;
    case _IOC_NR(VIDIOC_QUERYBUF):
    case _IOC_NR(VIDIOC_QBUF):
    case _IOC_NR(VIDIOC_PREPARE_BUF):
        memcpy(payload, &small, 4);
        memcpy(payload + 4, &type, 4);
        memcpy(payload + 60, &memory, 4);
        memcpy(payload + 72, &small, 4);
        payload[14] &= 0x7f; /* not a request's */
        break;
    default:
        memcpy(payload, &type, 4);
        break;
    }
}

static void do_ioctl(struct guest *g)
{
    static const uint8_t likely[] = {4, 5, 8, 9, 15, 18, 19, 22, 71, 72, 92, 93};
    struct virtio_media_cmd_ioctl request = {.hdr.cmd = VIRTIO_MEDIA_CMD_IOCTL,
                                             .session_id = pick_session(g)};
    uint8_t which = reader_u8(&g->input), bytes[16 + 2400];
    uint32_t size, extra = reader_u8(&g->input);
    const struct v4l2_ioctl *row;

    request.code = which < 180 ? likely[which % sizeof(likely)] : reader_u8(&g->input);
    row = v4l2_ioctl_find(request.code);
    size = (row != NULL ? row->size : 0) + (extra < 200 ? extra / 64 * 64 : 0);
    if (extra > 250 && size > 0)
        size--;
    memcpy(bytes, &request, sizeof(request));
    memset(bytes + 16, 0, sizeof(bytes) - 16);
    reader_get(&g->input, bytes + 16, reader_u8(&g->input) % 100);
    if (which % 8 != 0)
        shape_payload(g, request.code, bytes + 16);
    send_bytes(g, bytes, 16 + size, extra > 240 ? extra : 8 + size);
}

static void do_mmap(struct guest *g)
{
    struct virtio_media_cmd_mmap request = media_mmap_request(pick_session(g), 0);
    struct virtio_media_resp_mmap answer;
    uint8_t which = reader_u8(&g->input);

    request.offset = which < 240 ? (which % 64u) << 16 : reader_u32(&g->input);
    send_bytes(g, &request, sizeof(request), sizeof(answer));
    memcpy(&answer, ring_driver_at(&g->f->driver, g->f->answer_at), sizeof(answer));
    if (answer.hdr.status == 0)
        g->shm_offset = answer.shm_offset;
}

static void do_munmap(struct guest *g)
{
    struct virtio_media_cmd_munmap request = {.hdr.cmd = VIRTIO_MEDIA_CMD_MUNMAP,
                                              .shm_offset = g->shm_offset};
    uint8_t which = reader_u8(&g->input);

    if (which >= 100)
        request.shm_offset = which < 240 ? (which - 100u) * 4096ull : reader_u64(&g->input);
    send_bytes(g, &request, sizeof(request), 8);
}

static void do_garbage(struct guest *g)
{
    uint8_t bytes[256] = {0};
    uint32_t size = reader_u8(&g->input);

    reader_get(&g->input, bytes, size);
    bytes[0] %= 8;
    bytes[1] = bytes[2] = bytes[3] = 0;
    send_bytes(g, bytes, size, reader_u8(&g->input));
}

static void do_post_events(struct guest *g)
{
    unsigned count = reader_u8(&g->input) % 4;

    if (g->events + count >= MEDIA_RING)
        return;
    g->events += count;
    media_post_events(g->f, count, reader_u8(&g->input) < 200 ? 608 : 100);
}

/* As if the frame clock had ticked. */
static void do_tick(struct guest *g)
{
    struct buffer_queue *queue = media_queue(g->f);
    struct queue_buffer *buffer = queue->streaming ? buffer_queue_take(queue) : NULL;

    if (buffer == NULL)
        return;
    buffer->sequence = 1;
    buffer->timestamp = 1000;
    buffer->flags = reader_u8(&g->input) % 8 == 0 ? V4L2_BUF_FLAG_ERROR : 0;
    buffer_queue_done(queue, buffer);
}

static void do_port(struct guest *g)
{
    static const int results[] = {0, 0, 0, 0, -EIO, -ETIMEDOUT, -EBUSY, -ECANCELED};
    uint8_t how = reader_u8(&g->input);

    g->f->port.hold = how & 1;
    g->f->port.refuse = how % 16 == 15 ? -EEXIST : 0;
    g->f->port.result = results[how / 2 % 8];
}

static void do_reboot(struct guest *g)
{
    if (reader_u8(&g->input) % 4 != 0)
        return;
    media_fixture_reboot(g->f);
    g->events = 0;
    MUST(g->f->census.resources == 0 && g->f->census.sessions == 0 && g->f->census.mapped == 0);
    MUST(!media_queue(g->f)->streaming && g->f->media->command.chain == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const steps[])(struct guest *) = {
        do_open,  do_close,   do_ioctl, do_ioctl,  do_ioctl,       do_ioctl,
        do_ioctl, do_ioctl,   do_mmap,  do_mmap,   do_munmap,      do_tick,
        do_tick,  do_garbage, do_port,  do_reboot, do_post_events,
    };
    struct guest g = {0};
    uint8_t kind;

    reader_init(&g.input, data, size < 2048 ? size : 2048);
    kind = reader_u8(&g.input);
    g.f = media_fixture_create(&(struct media_options){.multiplanar = kind & 1, .max_sessions = 3},
                               kind & 2 ? EXPORTER_ARENA : EXPORTER_MEMFD);
    do_open(&g);
    while (!g.input.bad && g.input.left > 0)
        steps[reader_u8(&g.input) % (sizeof(steps) / sizeof(steps[0]))](&g);
    settle(&g);
    media_fixture_destroy(g.f);
    return 0;
}

void fuzz_shape(uint8_t *data, size_t size, uint64_t (*next)(void))
{
    /* The steps read what they need from anywhere: only spread the first ones out. */
    for (size_t i = 0; i < size && i < 2048; i++)
        data[i] = (uint8_t)(next() >> 32);
}

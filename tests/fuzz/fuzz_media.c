/* SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "fuzz.h"
#include "media_shapes.h"
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
    bool codec;          /* threads work, and each session has queues of its own */
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

/* A command waits for the window, or for a thread: let it have its answer before the ring is full.
 */
static void settle(struct guest *g)
{
    const struct command *command = &g->f->media->command;
    uint64_t end = units_now_ns() + FUZZ_PATIENCE_US * 1000;

    if (g->f->port.asked)
        fake_port_answer(&g->f->port, g->f->port.result);
    while (command->chain != NULL && !command->settled && !g->f->port.asked) {
        MUST(units_now_ns() < end);
        sd_event_run(g->f->loop, 1000);
    }
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

/* Mostly one that is open. */
static uint32_t pick_session(struct guest *g)
{
    uint8_t which = reader_u8(&g->input);

    for (unsigned i = 0; which < 240 && i < 4; i++)
        if (session_find(&g->f->media->sessions, g->sessions[(which + i) % 4]) != NULL)
            return g->sessions[(which + i) % 4];
    return which;
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

/* The type of some queue of a session, or any type. */
static uint32_t pick_type(struct guest *g, uint32_t id)
{
    const struct session *session = session_find(&g->f->media->sessions, id);
    uint8_t which = reader_u8(&g->input);

    if (session == NULL || session->context == NULL || which > 250)
        return which % 16;
    if (which % 2 && session->context->output != NULL)
        return session->context->output->type;
    return session->context->capture->type;
}

static void do_ioctl(struct guest *g)
{
    static const uint8_t likely[] = {4,  5,  8,  9,  15, 15, 15, 18, 18, 19, 22, 27, 28,
                                     36, 37, 71, 72, 73, 77, 90, 91, 92, 93, 96, 103};
    static const uint8_t seldom[] = {2, 2, 21, 26, 38, 39, 64, 64, 74, 75, 78, 94, 95, 97};
    struct virtio_media_cmd_ioctl request = {.hdr.cmd = VIRTIO_MEDIA_CMD_IOCTL,
                                             .session_id = pick_session(g)};
    uint8_t which = reader_u8(&g->input), bytes[16 + MEDIA_SHAPES_ROOM];
    uint32_t size, room, extra = reader_u8(&g->input);
    const struct v4l2_ioctl *row;

    request.code = which < 220 ? likely[which % sizeof(likely)] : reader_u8(&g->input);
    if (which >= 220 && which < 248)
        request.code = seldom[request.code % sizeof(seldom)];
    row = v4l2_ioctl_find(request.code);
    size = row != NULL ? row->size : 0;
    memcpy(bytes, &request, sizeof(request));
    memset(bytes + 16, 0, sizeof(bytes) - 16);
    if (which % 8 == 0)
        reader_get(&g->input, bytes + 16, reader_u8(&g->input) % 100);
    if (which % 8 != 1)
        size +=
            shape_payload(&g->input, request.code, pick_type(g, request.session_id), bytes + 16);
    else if (extra < 200)
        size += extra / 64 * 64; /* nothing but zeros */
    if (extra > 250 && size > 0)
        size--;
    room = extra > 240 ? extra : 8 + size;
    send_bytes(g, bytes, 16 + size, room);
}

/* An ioctl as a program sends it. */
static void send_ioctl(struct guest *g, uint32_t session, uint32_t code, void *payload,
                       uint32_t size)
{
    struct virtio_media_cmd_ioctl request = {
        .hdr.cmd = VIRTIO_MEDIA_CMD_IOCTL, .session_id = session, .code = code};
    uint8_t bytes[16 + MEDIA_SHAPES_ROOM];

    memcpy(bytes, &request, sizeof(request));
    memcpy(bytes + 16, payload, size);
    send_bytes(g, bytes, 16 + size, 8 + size);
}

static void stream_queue(struct guest *g, uint32_t session, uint32_t type, uint32_t memory)
{
    struct v4l2_requestbuffers request = {
        .count = 1 + reader_u8(&g->input) % 4, .type = type, .memory = memory};
    struct v4l2_format format = {.type = type};

    shape_put((uint8_t *)&format + 8, 16 + reader_u8(&g->input) % 8 * 16u);
    shape_put((uint8_t *)&format + 12, 16 + reader_u8(&g->input) % 8 * 8u);
    shape_put((uint8_t *)&format + 16, shape_format(&g->input));
    send_ioctl(g, session, _IOC_NR(VIDIOC_S_FMT), &format, sizeof(format));
    send_ioctl(g, session, _IOC_NR(VIDIOC_REQBUFS), &request, sizeof(request));
    for (uint32_t i = 0; i < request.count; i++) {
        uint8_t payload[MEDIA_SHAPES_ROOM] = {0};
        uint32_t size = shape_buffer(&g->input, payload, type, memory);

        shape_put(payload, i);
        send_ioctl(g, session, _IOC_NR(VIDIOC_QBUF), payload, 88 + size);
    }
    send_ioctl(g, session, _IOC_NR(VIDIOC_STREAMON), &type, sizeof(type));
}

/* What a program does to get a stream, nearly. */
static void do_stream(struct guest *g)
{
    uint32_t id = pick_session(g), memory = shape_memory(&g->input);
    const struct session *session = session_find(&g->f->media->sessions, id);
    uint32_t types[2] = {0};

    if (session == NULL || session->context == NULL)
        return;
    if (session->context->output != NULL)
        types[0] = session->context->output->type;
    if (session->context->capture != NULL)
        types[1] = session->context->capture->type;
    for (unsigned i = 0; i < 2; i++)
        if (types[i] != 0)
            stream_queue(g, id, types[i], g->codec ? V4L2_MEMORY_MMAP : memory);
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
    struct buffer_queue *queue = g->codec ? NULL : media_queue(g->f);
    struct queue_buffer *buffer =
        queue != NULL && queue->streaming ? buffer_queue_take(queue) : NULL;

    if (buffer == NULL)
        return;
    buffer->sequence = 1;
    buffer->timestamp = 1000;
    buffer->flags = reader_u8(&g->input) % 8 == 0 ? V4L2_BUF_FLAG_ERROR : 0;
    buffer_queue_done(queue, buffer);
}

/* The guest writes into a buffer, whoever works on it. */
static void do_write(struct guest *g)
{
    const struct session *session = session_find(&g->f->media->sessions, pick_session(g));
    uint8_t index = reader_u8(&g->input) % 4, size = reader_u8(&g->input);
    struct queue_buffer *buffer = NULL;

    if (session != NULL && session->context != NULL && session->context->output != NULL)
        buffer = buffer_queue_get(session->context->output, index);
    if (buffer != NULL && buffer->plane[0] != NULL && buffer->plane[0]->size > size)
        reader_get(&g->input, buffer_data(buffer->plane[0]->buffer), size);
}

/* Threads get some time. */
static void do_wait(struct guest *g)
{
    sd_event_run(g->f->loop, g->codec ? 200 : 0);
    drain(g);
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
    MUST(g->f->media->command.chain == NULL);
    MUST(g->codec || !media_queue(g->f)->streaming);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const steps[])(struct guest *) = {
        do_open,  do_close,  do_ioctl,       do_ioctl,  do_ioctl, do_ioctl, do_ioctl,
        do_ioctl, do_mmap,   do_mmap,        do_munmap, do_tick,  do_tick,  do_garbage,
        do_port,  do_reboot, do_post_events, do_write,  do_write, do_wait,  do_stream,
    };
    static const char *const kinds[] = {"pattern", "pattern", "decoder", "encoder"};
    struct media_options options = {.threads = 2, .codecs = "h264,hevc,vp8,vp9,av1,mpeg2,mjpeg"};
    struct guest g = {0};
    uint8_t kind;

    reader_init(&g.input, data, size < 2048 ? size : 2048);
    kind = reader_u8(&g.input);
    options.multiplanar = kind & 1;
    if (media_kind_find(kinds[kind / 4 % 4]) != NULL)
        options.kind = kinds[kind / 4 % 4];
    g.codec = options.kind != NULL && strcmp(options.kind, "pattern") != 0;
    g.f = media_fixture_create(&options, kind & 2 ? EXPORTER_ARENA : EXPORTER_MEMFD);
    g.f->numbers[MEDIA_QUOTA_SESSIONS].limit = 3;
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

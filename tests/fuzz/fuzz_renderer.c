/* SPDX-License-Identifier: MIT */
/*
 * The device around a renderer that takes its time: many commands in hand, work and window answered
 * in any order, well or badly, pauses and resets amid all of it. Whatever happens, each request is
 * answered exactly once, nothing is left over and nothing is touched after its end (the sanitizers
 * see to that).
 */
#include "fuzz.h"

#include "../unit/fake_renderer.h"

#define PAGE 4096u
#define IDS 6u
#define LONGEST_INPUT 4096u
#define MOST_IN_FLIGHT 48u
#define MUST RING_DRIVER_MUST

struct player {
    struct gpu_fixture *f;
    struct fake_renderer *fake;
    struct reader input;
    bool waits[256]; /* by head: a request that is not answered yet */
    unsigned waiting;
};

static uint32_t below(struct player *p, uint32_t limit)
{
    return reader_u8(&p->input) % limit;
}

static void put_entries(struct player *p, struct writer *w, uint32_t count)
{
    for (; count > 0; count--) {
        writer_u64(w, RING_DRIVER_HEAP + PAGE * below(p, 32));
        writer_u32(w, PAGE);
        writer_u32(w, 0);
    }
}

static void put_blob(struct player *p, struct writer *w)
{
    uint32_t memory = 1 + below(p, 3);
    uint32_t entries = memory == VIRTIO_GPU_BLOB_MEM_HOST3D ? 0 : 1;

    writer_u32(w, memory);
    writer_u32(w, VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE);
    writer_u32(w, entries);
    writer_u64(w, 0);
    writer_u64(w, PAGE);
    put_entries(p, w, entries);
}

static void put_body(struct player *p, struct writer *w, uint32_t type)
{
    uint32_t id = below(p, IDS);
    uint32_t entries;

    switch (type) {
    case VIRTIO_GPU_CMD_CTX_CREATE:
        writer_u32(w, 0);
        writer_u32(w, below(p, 4) ? 1 : MEMORY_STREAM_CAPSET);
        break;
    case VIRTIO_GPU_CMD_SUBMIT_3D:
        writer_u32(w, 16 * below(p, 2));
        writer_u32(w, 0);
        writer_zero(w, 16);
        break;
    case VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB:
        writer_u32(w, id);
        put_blob(p, w);
        break;
    case VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING:
        entries = 1 + below(p, 3);
        writer_u32(w, id);
        writer_u32(w, entries);
        put_entries(p, w, entries);
        break;
    case VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB:
        writer_u32(w, id);
        writer_u32(w, 0);
        writer_u64(w, PAGE * below(p, 8));
        break;
    case VIRTIO_GPU_CMD_TRANSFER_TO_HOST_3D:
    case VIRTIO_GPU_CMD_TRANSFER_FROM_HOST_3D:
        writer_zero(w, 32);
        writer_u32(w, id);
        break;
    default:
        writer_u32(w, id);
        break;
    }
}

static uint32_t pick_type(struct player *p)
{
    static const uint32_t types[] = {
        VIRTIO_GPU_CMD_CTX_CREATE,
        VIRTIO_GPU_CMD_CTX_DESTROY,
        VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE,
        VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE,
        VIRTIO_GPU_CMD_CTX_DETACH_RESOURCE,
        VIRTIO_GPU_CMD_RESOURCE_CREATE_3D,
        VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB,
        VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB,
        VIRTIO_GPU_CMD_RESOURCE_UNREF,
        VIRTIO_GPU_CMD_RESOURCE_UNREF,
        VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING,
        VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING,
        VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB,
        VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB,
        VIRTIO_GPU_CMD_RESOURCE_UNMAP_BLOB,
        VIRTIO_GPU_CMD_SUBMIT_3D,
        VIRTIO_GPU_CMD_SUBMIT_3D,
        VIRTIO_GPU_CMD_TRANSFER_TO_HOST_3D,
        VIRTIO_GPU_CMD_TRANSFER_FROM_HOST_3D,
        VIRTIO_GPU_CMD_GET_DISPLAY_INFO,
    };

    return types[below(p, sizeof(types) / sizeof(types[0]))];
}

static void send_one(struct player *p)
{
    uint32_t type = pick_type(p);
    const struct command *command = command_find(type);
    uint8_t bytes[256] = {0};
    struct writer w;

    writer_init(&w, bytes, sizeof(bytes));
    writer_u32(&w, type);
    writer_u32(&w, below(p, 4)); /* fence, and ring */
    writer_u64(&w, below(p, 256));
    writer_u32(&w, 1 + below(p, 3));
    writer_u32(&w, below(p, 3));
    put_body(p, &w, type);
    gpu_send(p->f, 0, bytes, command->tail ? (uint32_t)w.used : command->size, 512);
    MUST(!p->waits[p->f->head]);
    p->waits[p->f->head] = true;
    p->waiting++;
}

static void take_answers(struct player *p)
{
    while (gpu_answered(p->f, 0)) {
        gpu_take(p->f, 0);
        MUST(p->f->written >= 24);
        MUST(p->waits[p->f->head]);
        p->waits[p->f->head] = false;
        p->waiting--;
    }
}

static void end_some(struct player *p, bool well)
{
    static const int bad[] = {-EINVAL, -ENOMEM, -ENODEV, -EIO};

    if (p->fake->count > 0)
        fake_end_at(p->fake, below(p, p->fake->count), well || below(p, 4) ? 0 : bad[below(p, 4)]);
}

/* An unmapping that fails leaves the mapping to the window: it is only cancelled here. */
static void answer_window(struct player *p, bool well)
{
    static const int bad[] = {-ECANCELED, -EIO};
    struct fake_port *port = &p->f->port;

    if (port->asked > 0)
        fake_port_answer(port, well || below(p, 4)     ? 0
                               : port->requests[0].map ? bad[below(p, 2)]
                                                       : -ECANCELED);
}

static void settle(struct player *p)
{
    for (unsigned turns = 0; p->waiting > 0; turns++) {
        MUST(turns < 10000);
        end_some(p, true);
        answer_window(p, true);
        p->f->device->impl->queue_ready(p->f->device, 0);
        gpu_loop(p->f);
        take_answers(p);
    }
    MUST(p->f->driver.queues[0].in_flight == 0);
    MUST(p->f->census.mapped == p->f->port.count);
}

static void pause_and_go_on(struct player *p)
{
    struct virtqueue *queue = &p->f->driver.queues[0];
    struct virtqueue_setup setup = {
        .size = queue->size, .desc = queue->desc, .avail = queue->avail, .used = queue->used};
    bool fresh;

    setup.base = virtqueue_stop(queue);
    for (unsigned n = below(p, 4); n > 0; n--) {
        end_some(p, false);
        if (p->f->port.asked > 0)
            fake_port_answer(&p->f->port, -ECANCELED);
    }
    gpu_loop(p->f);
    MUST(!gpu_answered(p->f, 0));
    MUST(virtqueue_start(queue, &setup, &fresh) == 0);
    p->f->device->impl->queue_ready(p->f->device, 0);
}

static void reset(struct player *p)
{
    struct gpu_fixture *f = p->f;

    virtqueue_stop(&f->driver.queues[0]);
    fake_port_reset(&f->port);
    f->device->impl->reset(f->device);
    ring_driver_start(&f->driver, 0, 256);
    gpu_loop(f);
    MUST(!gpu_answered(f, 0));
    MUST(f->census.resources == 0 && f->census.contexts == 0 && f->census.mapped == 0);
    MUST(f->census.bytes == 0);
    memset(p->waits, 0, sizeof(p->waits));
    p->waiting = 0;
}

static void play(struct player *p)
{
    switch (below(p, 32)) {
    case 0:
        take_answers(p);
        pause_and_go_on(p);
        break;
    case 1:
        if (below(p, 8) == 0)
            reset(p);
        break;
    case 2:
        settle(p);
        break;
    case 3 ... 9:
        end_some(p, false);
        break;
    case 10 ... 13:
        answer_window(p, false);
        break;
    case 14:
        gpu_loop(p->f);
        break;
    default:
        if (p->waiting >= MOST_IN_FLIGHT)
            settle(p);
        send_one(p);
        break;
    }
    take_answers(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct gpu_options options = {0};
    struct player p = {0};

    log_init("fuzz_renderer", NULL, LOG_LEVEL_ERROR);
    reader_init(&p.input, data, size < LONGEST_INPUT ? size : LONGEST_INPUT);
    p.f = gpu_fixture_create(&options, below(&p, 2) ? EXPORTER_ARENA : EXPORTER_MEMFD);
    gpu_limit(p.f, GPU_QUOTA_RESOURCES, 4);
    p.fake = fake_renderer_add(p.f);
    p.f->port.hold = true;
    while (p.input.left > 0)
        play(&p);
    settle(&p);
    reset(&p);
    gpu_fixture_destroy(p.f);
    return 0;
}

void fuzz_shape(uint8_t *data, size_t size, uint64_t (*next)(void))
{
    for (size_t i = 0; i < size && i < LONGEST_INPUT; i++)
        data[i] = (uint8_t)(next() >> 56);
}

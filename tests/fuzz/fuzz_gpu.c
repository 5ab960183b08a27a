/* SPDX-License-Identifier: MIT */
/*
 * A driver of a virtio-gpu device that sends what the input says: commands that make sense,
 * commands with a field out of place, and noise, while the window answers late or with errors and
 * rings stop and start. Besides the sanitizers, an oracle watches: every request is answered once
 * and in order, ids are what the answers said they are, what is mapped is what the window holds,
 * and nothing is left after a reset.
 */
#include "fuzz.h"

#include "../unit/gpu_fixture.h"
#include "gpu/command.h"
#include "protocol/cursor.h"

#define LONGEST_INPUT 4096u
#define IDS 5u
#define PAGE 4096u
#define MOST_BYTES 512u

struct player {
    struct gpu_fixture *f;
    struct reader input;
    bool blob[IDS]; /* as the answers say */
    bool context[IDS];
    int odd_blobs; /* of ids that noise made */
    int odd_contexts;
    bool held;     /* a request is not answered yet */
    uint16_t head; /* and which */
    uint32_t type; /* of it */
    uint32_t id;   /* of what it is about */
};

#define MUST RING_DRIVER_MUST

static uint32_t below(struct player *p, uint32_t limit)
{
    return reader_u8(&p->input) % limit;
}

static uint64_t pick_size(struct player *p)
{
    switch (below(p, 16)) {
    case 0:
        return 0;
    case 1:
        return PAGE + 8;
    case 2:
        return 0 - (uint64_t)PAGE * below(p, 4);
    case 3:
        return WINDOW * below(p, 3);
    default:
        return PAGE * (1 + below(p, 4));
    }
}

/* Bytes in a blob, mostly. */
static uint64_t pick_range(struct player *p)
{
    switch (below(p, 16)) {
    case 0:
        return UINT64_MAX - below(p, 32);
    case 1:
        return below(p, 32);
    default:
        return 8 * below(p, 256);
    }
}

static uint64_t pick_gpa(struct player *p)
{
    switch (below(p, 8)) {
    case 0:
        return UINT64_MAX - PAGE * below(p, 3);
    case 1:
        return RING_DRIVER_GPA + RING_DRIVER_RAM - PAGE * below(p, 3);
    case 2:
        return RING_DRIVER_SEAM - PAGE / 2;
    default:
        return RING_DRIVER_HEAP + PAGE * below(p, 64);
    }
}

static void put_entries(struct player *p, struct writer *w, uint32_t count)
{
    for (; count > 0; count--) {
        writer_u64(w, pick_gpa(p));
        writer_u32(w, below(p, 8) ? PAGE * (1 + below(p, 4)) : below(p, 3) - 1);
        writer_u32(w, 0);
    }
}

static void put_blob(struct player *p, struct writer *w)
{
    uint32_t memory = below(p, 4) ? VIRTIO_GPU_BLOB_MEM_HOST3D : below(p, 6);
    uint32_t entries = memory == VIRTIO_GPU_BLOB_MEM_HOST3D ? 0 : below(p, 5);

    writer_u32(w, memory);
    writer_u32(w, below(p, 16) ? VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE : below(p, 16));
    writer_u32(w, entries);
    writer_u64(w, below(p, 16) == 0);
    writer_u64(w, pick_size(p));
    put_entries(p, w, entries);
}

static void put_stream(struct player *p, struct writer *w)
{
    uint32_t count = below(p, 4);

    writer_u32(w, count * (uint32_t)sizeof(struct memory_stream_command));
    writer_u32(w, 0);
    for (; count > 0; count--) {
        uint32_t opcode = below(p, 16) ? 1 + below(p, 2) : below(p, 5);
        bool sum = opcode == MEMORY_STREAM_SUM;

        writer_u32(w, opcode);
        writer_u32(w, below(p, IDS));
        writer_u64(w, pick_range(p));
        writer_u64(w, pick_range(p));
        writer_u64(w, sum ? 0 : below(p, 256));
        writer_u32(w, sum ? below(p, IDS) : 0);
        writer_u32(w, 0);
        writer_u64(w, sum ? pick_range(p) : 0);
    }
}

/* What comes after the header of a command that makes sense. */
static void put_body(struct player *p, struct writer *w)
{
    switch (p->type) {
    case VIRTIO_GPU_CMD_CTX_CREATE:
        writer_u32(w, below(p, 70));
        writer_u32(w, below(p, 8) ? MEMORY_STREAM_CAPSET : below(p, 3));
        writer_zero(w, 64);
        break;
    case VIRTIO_GPU_CMD_SUBMIT_3D:
        put_stream(p, w);
        break;
    case VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB:
        writer_u32(w, p->id);
        put_blob(p, w);
        break;
    case VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING: {
        uint32_t entries = below(p, 5);

        writer_u32(w, p->id);
        writer_u32(w, entries);
        put_entries(p, w, entries);
        break;
    }
    case VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB:
        writer_u32(w, p->id);
        writer_u32(w, 0);
        writer_u64(w, below(p, 8) ? PAGE * below(p, 32) : pick_size(p));
        break;
    default:
        writer_u32(w, p->id);
        writer_u32(w, 0);
        break;
    }
}

static uint32_t pick_type(struct player *p)
{
    static const uint32_t often[] = {
        VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB,
        VIRTIO_GPU_CMD_RESOURCE_UNREF,
        VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB,
        VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB,
        VIRTIO_GPU_CMD_RESOURCE_UNMAP_BLOB,
        VIRTIO_GPU_CMD_CTX_CREATE,
        VIRTIO_GPU_CMD_CTX_DESTROY,
        VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE,
        VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE,
        VIRTIO_GPU_CMD_CTX_DETACH_RESOURCE,
        VIRTIO_GPU_CMD_SUBMIT_3D,
        VIRTIO_GPU_CMD_SUBMIT_3D,
        VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING,
        VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING,
        VIRTIO_GPU_CMD_GET_CAPSET,
        VIRTIO_GPU_CMD_GET_CAPSET_INFO,
    };

    if (below(p, 16))
        return often[below(p, sizeof(often) / sizeof(often[0]))];
    return 0x100 * (1 + below(p, 4)) + below(p, 0x12);
}

/* Writes a command to 'bytes'. Returns its size. */
static uint32_t compose(struct player *p, uint8_t *bytes)
{
    const struct command *command;
    uint32_t ctx = below(p, 3);
    struct writer w;
    uint32_t size;

    p->type = pick_type(p);
    p->id = below(p, IDS);
    if (p->type == VIRTIO_GPU_CMD_CTX_CREATE || p->type == VIRTIO_GPU_CMD_CTX_DESTROY)
        p->id = ctx;
    writer_init(&w, bytes, MOST_BYTES);
    writer_u32(&w, p->type);
    writer_u32(&w, below(p, 4));
    writer_u64(&w, reader_u8(&p->input));
    writer_u32(&w, ctx);
    writer_u32(&w, below(p, 64));
    put_body(p, &w);
    command = command_find(p->type);
    size = (uint32_t)w.used;
    if (command != NULL && !command->tail) {
        memset(bytes + size, 0, MOST_BYTES - size);
        size = command->size;
    }
    return size;
}

/* Changes a few bytes, or the size. The id and type that the oracle knows stay what is sent. */
static uint32_t spoil(struct player *p, uint8_t *bytes, uint32_t size)
{
    for (uint32_t n = below(p, 4); n > 0; n--)
        bytes[below(p, size)] = reader_u8(&p->input);
    if (below(p, 2))
        size = below(p, 128);
    memcpy(&p->type, bytes, sizeof(p->type));
    memcpy(&p->id, bytes + (p->type >> 8 == 2 && p->type < 0x202 ? 16 : 24), sizeof(p->id));
    return size;
}

/* Checks an answer against what was known, and learns from it. */
static void learn(struct player *p, uint32_t type)
{
    bool ok = type == NODATA;
    bool is_context = p->type == VIRTIO_GPU_CMD_CTX_CREATE || p->type == VIRTIO_GPU_CMD_CTX_DESTROY;
    bool *known = is_context ? p->context : p->blob;
    int *odd = is_context ? &p->odd_contexts : &p->odd_blobs;
    bool odd_known = *odd > 0;

    known = p->id < IDS ? &known[p->id] : &odd_known;
    switch (p->type) {
    case VIRTIO_GPU_CMD_CTX_CREATE:
    case VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB:
        MUST(!ok || p->id != 0);
        MUST(!ok || !*known || known == &odd_known);
        *odd += ok && known == &odd_known;
        *known = *known || ok;
        break;
    case VIRTIO_GPU_CMD_CTX_DESTROY:
    case VIRTIO_GPU_CMD_RESOURCE_UNREF:
        MUST(!ok || *known);
        MUST(type != (is_context ? BAD_CONTEXT : BAD_RESOURCE) || !*known || known == &odd_known);
        *odd -= ok && known == &odd_known;
        *known = *known && !ok;
        break;
    default:
        break;
    }
}

static unsigned count(const bool *known, int odd)
{
    unsigned n = (unsigned)odd;

    for (unsigned i = 0; i < IDS; i++)
        n += known[i];
    return n;
}

static void take_answer(struct player *p)
{
    uint32_t type;

    if (!gpu_answered(p->f, 0))
        return;
    MUST(p->held);
    type = gpu_take(p->f, 0);
    MUST(p->f->head == p->head);
    MUST(p->f->written == 0 || (type >= NODATA && type <= BAD_PARAMETER));
    p->held = false;
    if (p->f->written != 0)
        learn(p, type);
}

/* Lets the window answer what it was asked, well or badly. */
static void answer_window(struct player *p)
{
    struct fake_port *port = &p->f->port;
    static const int bad[] = {-EIO, -ENOMEM, -ECANCELED, -ETIMEDOUT};

    if (port->asked == 0)
        return;
    if (below(p, 8) || p->input.left == 0)
        fake_port_answer(port, 0);
    else
        fake_port_answer(port, port->requests[0].map ? bad[below(p, 4)] : -ECANCELED);
}

static void settle(struct player *p)
{
    struct gpu_fixture *f = p->f;

    do {
        answer_window(p);
        gpu_loop(f);
        f->device->impl->queue_ready(f->device, 0); /* what was cancelled is done again */
        gpu_loop(f);
    } while (f->port.asked > 0);
    take_answer(p);
    MUST(!p->held);
    MUST(f->census.mapped == f->port.count);
    MUST(f->driver.queues[0].in_flight == 0);
}

static void send_command(struct player *p)
{
    static const uint32_t rooms[] = {0, 8, 24, 32, 40, 2048, 2048, 2048};
    uint8_t bytes[MOST_BYTES] = {0};
    uint32_t size = compose(p, bytes);
    uint32_t queue = below(p, 32) == 0;

    if (below(p, 8) == 0)
        size = spoil(p, bytes, size);
    gpu_send(p->f, queue, bytes, size, below(p, 4) ? 2048 : rooms[below(p, 8)]);
    if (queue == 1) {
        gpu_take(p->f, 1);
        return;
    }
    p->held = true;
    p->head = p->f->head;
    take_answer(p);
    if (p->held && below(p, 4))
        settle(p);
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
    MUST(f->census.resources == 0 && f->census.contexts == 0);
    MUST(f->census.mapped == 0 && f->census.bytes == 0);
    memset(p->blob, 0, sizeof(p->blob));
    memset(p->context, 0, sizeof(p->context));
    p->odd_blobs = 0;
    p->odd_contexts = 0;
    p->held = false;
}

/* What most drivers have most of the time: a context that streams, and a blob in it. */
static void furnish(struct player *p)
{
    struct gpu_fixture *f = p->f;

    p->context[1] = gpu_context(f, 1, MEMORY_STREAM_CAPSET) == NODATA;
    f->port.hold = false;
    p->blob[1] = gpu_create_blob(f, 1, 1, 4 * PAGE) == NODATA;
    MUST(gpu_attach(f, 1, 1) == NODATA);
    MUST(gpu_map(f, 1, below(p, 8) * PAGE) == MAP_INFO);
    f->port.hold = true;
}

/* The VM stops and goes on: what was in hand comes again. */
static void pause_and_go_on(struct player *p)
{
    struct gpu_fixture *f = p->f;
    struct virtqueue *queue = &f->driver.queues[0];
    struct virtqueue_setup setup = {
        .size = queue->size, .desc = queue->desc, .avail = queue->avail, .used = queue->used};
    bool fresh;

    if (f->port.asked && below(p, 2))
        fake_port_answer(&f->port, -ECANCELED);
    setup.base = virtqueue_stop(queue);
    gpu_loop(f);
    MUST(virtqueue_start(queue, &setup, &fresh) == 0);
    f->device->impl->queue_ready(f->device, 0);
    gpu_loop(f);
}

static void play(struct player *p)
{
    struct gpu_fixture *f = p->f;

    if (p->held) {
        if (below(p, 4) == 0)
            pause_and_go_on(p);
        settle(p);
    }
    switch (below(p, 128)) {
    case 0:
        reset(p);
        f->device->impl->set_features(f->device, ALL_FEATURES);
        if (below(p, 4))
            furnish(p);
        break;
    case 1:
        f->device->impl->set_features(f->device, below(p, 4) ? ALL_FEATURES : below(p, 32));
        break;
    default:
        send_command(p);
        break;
    }
    if (!p->held)
        MUST(f->census.resources == count(p->blob, p->odd_blobs));
    if (!p->held)
        MUST(f->census.contexts == count(p->context, p->odd_contexts));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct gpu_options options = {.output_count = 1};
    struct player p = {0};

    log_init("fuzz_gpu", NULL, LOG_LEVEL_ERROR);
    reader_init(&p.input, data, size < LONGEST_INPUT ? size : LONGEST_INPUT);
    p.f = gpu_fixture_create(&options, below(&p, 2) ? EXPORTER_ARENA : EXPORTER_MEMFD);
    gpu_limit(p.f, GPU_QUOTA_RESOURCES, 3);
    gpu_limit(p.f, GPU_QUOTA_ATTACHMENTS, 12);
    gpu_limit(p.f, GPU_QUOTA_MAPPINGS, 2);
    gpu_limit(p.f, GPU_QUOTA_MEMORY, 16 * PAGE);
    p.f->port.hold = true;
    if (below(&p, 4))
        furnish(&p);
    while (p.input.left > 0)
        play(&p);
    if (p.held)
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

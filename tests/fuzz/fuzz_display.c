/* SPDX-License-Identifier: MIT */
/*
 * The outputs: pictures, blobs of every kind and what only a renderer can read are shown, drawn,
 * flipped and forgotten, with pointers over them, while sinks come, go and take their time, outputs
 * change, and the device is reset amid all of it. Whatever happens, each request is answered once,
 * a sink is told of nothing outside the picture, and nothing is left over.
 */
#include "fuzz.h"

#include "../unit/fake_renderer.h"
#include "../unit/fake_sink.h"

#include "gpu/command.h"

#define PAGE 4096u
#define IDS 8u
#define SIDE 80u
#define LONGEST_INPUT 4096u
#define MOST_IN_FLIGHT 48u
#define MUST RING_DRIVER_MUST

struct player {
    struct gpu_fixture *f;
    struct fake_renderer *fake;
    struct fake_sink *sinks[AUDIENCE_MAX];
    struct reader input;
    bool waits[2][256]; /* by queue and head: a request that is not answered yet */
    unsigned waiting;
    unsigned held; /* display_hold */
};

static uint32_t below(struct player *p, uint32_t limit)
{
    return reader_u8(&p->input) % limit;
}

static struct display *display(struct player *p)
{
    return &gpu_of_fixture(p->f)->display;
}

static void put_rect(struct player *p, struct writer *w)
{
    for (unsigned i = 0; i < 2; i++)
        writer_u32(w, below(p, 16) ? below(p, 4) * 8 : UINT32_MAX - below(p, 4));
    for (unsigned i = 0; i < 2; i++)
        writer_u32(w, below(p, 16) ? 1 + below(p, SIDE) : UINT32_MAX - below(p, 32));
}

static uint32_t pick_format(struct player *p)
{
    static const uint32_t formats[] = {1, 2, 3, 4, 67, 68, 121, 134, 0};

    return formats[below(p, 9)];
}

static uint32_t pick_side(struct player *p)
{
    return below(p, 4) ? 64 : below(p, SIDE + 1);
}

static void put_entries(struct player *p, struct writer *w, uint32_t count)
{
    for (; count > 0; count--) {
        writer_u64(w, RING_DRIVER_HEAP + PAGE * below(p, 64));
        writer_u32(w, PAGE * (1 + below(p, 8)));
        writer_u32(w, 0);
    }
}

static void put_blob(struct player *p, struct writer *w)
{
    uint32_t memory = below(p, 2) ? VIRTIO_GPU_BLOB_MEM_HOST3D : VIRTIO_GPU_BLOB_MEM_GUEST;
    uint32_t entries = memory == VIRTIO_GPU_BLOB_MEM_HOST3D ? 0 : 1 + below(p, 3);

    writer_u32(w, memory);
    writer_u32(w, 0);
    writer_u32(w, entries);
    writer_u64(w, 0);
    writer_u64(w, PAGE * (1 + below(p, 8)));
    put_entries(p, w, entries);
}

static void put_scanout_blob(struct player *p, struct writer *w)
{
    writer_u32(w, below(p, 8) ? 64 : below(p, SIDE));
    writer_u32(w, below(p, 8) ? 1 + below(p, 80) : UINT32_MAX);
    writer_u32(w, pick_format(p));
    writer_u32(w, 0);
    writer_u32(w, below(p, 8) ? 256 + 16 * below(p, 4) : UINT32_MAX);
    writer_zero(w, 12);
    writer_u32(w, below(p, 8) ? 64 * below(p, 256) : UINT32_MAX);
}

static void put_body(struct player *p, struct writer *w, uint32_t type)
{
    uint32_t id = below(p, IDS);
    uint32_t entries;

    switch (type) {
    case VIRTIO_GPU_CMD_CTX_CREATE:
        writer_u32(w, 0);
        writer_u32(w, below(p, 2) ? 1 : MEMORY_STREAM_CAPSET);
        break;
    case VIRTIO_GPU_CMD_RESOURCE_CREATE_2D:
        writer_u32(w, id);
        writer_u32(w, pick_format(p));
        writer_u32(w, pick_side(p));
        writer_u32(w, pick_side(p));
        break;
    case VIRTIO_GPU_CMD_RESOURCE_CREATE_3D:
        writer_u32(w, id);
        writer_u32(w, 2);
        writer_u32(w, pick_format(p));
        writer_u32(w, 0);
        writer_u32(w, pick_side(p));
        writer_u32(w, pick_side(p));
        writer_zero(w, 16);
        writer_u32(w, below(p, 2));
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
    case VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D:
        put_rect(p, w);
        writer_u64(w, below(p, 8) ? 4 * below(p, 256) : UINT64_MAX - below(p, 8));
        writer_u32(w, id);
        break;
    case VIRTIO_GPU_CMD_SET_SCANOUT:
    case VIRTIO_GPU_CMD_SET_SCANOUT_BLOB:
        put_rect(p, w);
        writer_u32(w, below(p, 3));
        writer_u32(w, id);
        put_scanout_blob(p, w);
        break;
    case VIRTIO_GPU_CMD_RESOURCE_FLUSH:
        put_rect(p, w);
        writer_u32(w, id);
        break;
    case VIRTIO_GPU_CMD_UPDATE_CURSOR:
    case VIRTIO_GPU_CMD_MOVE_CURSOR:
        writer_u32(w, below(p, 3));
        writer_u32(w, 16 * below(p, 8) - 32);
        writer_u32(w, 16 * below(p, 8) - 32);
        writer_u32(w, 0);
        writer_u32(w, id);
        break;
    case VIRTIO_GPU_CMD_GET_EDID:
        writer_u32(w, below(p, 3));
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
        VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE,
        VIRTIO_GPU_CMD_RESOURCE_CREATE_2D,
        VIRTIO_GPU_CMD_RESOURCE_CREATE_2D,
        VIRTIO_GPU_CMD_RESOURCE_CREATE_3D,
        VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB,
        VIRTIO_GPU_CMD_RESOURCE_UNREF,
        VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING,
        VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING,
        VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING,
        VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D,
        VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D,
        VIRTIO_GPU_CMD_SET_SCANOUT,
        VIRTIO_GPU_CMD_SET_SCANOUT,
        VIRTIO_GPU_CMD_SET_SCANOUT_BLOB,
        VIRTIO_GPU_CMD_SET_SCANOUT_BLOB,
        VIRTIO_GPU_CMD_RESOURCE_FLUSH,
        VIRTIO_GPU_CMD_RESOURCE_FLUSH,
        VIRTIO_GPU_CMD_RESOURCE_FLUSH,
        VIRTIO_GPU_CMD_RESOURCE_FLUSH,
        VIRTIO_GPU_CMD_UPDATE_CURSOR,
        VIRTIO_GPU_CMD_UPDATE_CURSOR,
        VIRTIO_GPU_CMD_MOVE_CURSOR,
        VIRTIO_GPU_CMD_GET_DISPLAY_INFO,
        VIRTIO_GPU_CMD_GET_EDID,
    };

    return types[below(p, sizeof(types) / sizeof(types[0]))];
}

static void send_one(struct player *p)
{
    uint32_t type = pick_type(p);
    const struct command *command = command_find(type);
    unsigned q = command->queue;
    uint8_t bytes[256] = {0};
    struct writer w;

    writer_init(&w, bytes, sizeof(bytes));
    writer_u32(&w, type);
    writer_u32(&w, below(p, 2)); /* a fence */
    writer_u64(&w, below(p, 256));
    writer_u32(&w, 1);
    writer_u32(&w, 0);
    put_body(p, &w, type);
    gpu_send(p->f, q, bytes, command->tail ? (uint32_t)w.used : command->size, 1200);
    MUST(!p->waits[q][p->f->head]);
    p->waits[q][p->f->head] = true;
    p->waiting++;
}

static void take_answers(struct player *p)
{
    for (unsigned q = 0; q < 2; q++)
        while (gpu_answered(p->f, q)) {
            gpu_take(p->f, q);
            MUST(p->f->written >= 24);
            MUST(p->waits[q][p->f->head]);
            p->waits[q][p->f->head] = false;
            p->waiting--;
        }
}

/* What the renderer reads, it writes. */
static void end_some(struct player *p, bool well)
{
    if (p->fake->count > 0)
        fake_end_at(p->fake, below(p, p->fake->count), well || below(p, 8) ? 0 : -EIO);
}

static void sinks_answer(struct player *p)
{
    for (unsigned i = 0; i < AUDIENCE_MAX; i++)
        for (unsigned output = 0; p->sinks[i] != NULL && output < 3; output++)
            display_updated(&p->sinks[i]->sink, output);
}

static void change_sink(struct player *p)
{
    unsigned i = below(p, AUDIENCE_MAX);

    if (p->sinks[i] != NULL) {
        display_remove_sink(display(p), &p->sinks[i]->sink);
        p->sinks[i] = NULL;
        return;
    }
    p->sinks[i] = fake_sink_add(p->f);
    p->sinks[i]->later = below(p, 2);
    if (below(p, 4) == 0)
        p->sinks[i]->sink.flags = 0;
}

static void change_output(struct player *p)
{
    display_set_output(display(p), below(p, 3), 64 * below(p, 4), 64 * below(p, 4), below(p, 80));
}

static void hold(struct player *p)
{
    if (p->held > 0 && below(p, 2)) {
        display_release(display(p));
        p->held--;
    } else if (p->held < 3) {
        display_hold(display(p));
        p->held++;
    }
}

/* Every byte that a sink may read can be read. */
static void look(struct player *p)
{
    struct sink_frame frame;
    uint32_t sum = 0;

    if (!display_frame(display(p), below(p, 4), &frame))
        return;
    for (uint32_t y = 0; y < frame.height; y++)
        for (uint32_t x = 0; x < frame.width * 4; x++)
            sum += frame.pixels[(size_t)y * frame.stride + x];
    MUST(frame.width > 0 && sum < UINT32_MAX);
}

static void settle(struct player *p)
{
    for (; p->held > 0; p->held--)
        display_release(display(p));
    for (unsigned turns = 0; p->waiting > 0; turns++) {
        MUST(turns < 10000);
        end_some(p, true);
        sinks_answer(p);
        gpu_loop(p->f);
        take_answers(p);
    }
    MUST(p->f->driver.queues[0].in_flight == 0 && p->f->driver.queues[1].in_flight == 0);
}

static void reset(struct player *p)
{
    struct gpu_fixture *f = p->f;

    for (unsigned q = 0; q < 2; q++)
        virtqueue_stop(&f->driver.queues[q]);
    f->device->impl->reset(f->device);
    for (unsigned q = 0; q < 2; q++)
        ring_driver_start(&f->driver, q, 256);
    gpu_loop(f);
    MUST(!gpu_answered(f, 0) && !gpu_answered(f, 1));
    MUST(f->census.resources == 0 && gpu_used(f, GPU_QUOTA_MEMORY) == 0);
    MUST(LIST_EMPTY(&display(p)->fetches) && LIST_EMPTY(&display(p)->cursor_fetches));
    memset(p->waits, 0, sizeof(p->waits));
    p->waiting = 0;
}

static void play(struct player *p)
{
    switch (below(p, 40)) {
    case 0:
        if (below(p, 8) == 0)
            reset(p);
        break;
    case 1:
        settle(p);
        break;
    case 2:
        change_sink(p);
        break;
    case 3:
        change_output(p);
        break;
    case 4:
        hold(p);
        break;
    case 5 ... 7:
        look(p);
        break;
    case 8 ... 13:
        end_some(p, false);
        break;
    case 14 ... 16:
        sinks_answer(p);
        break;
    case 17:
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
    const struct gpu_options options = {.output_count = 2};
    struct player p = {0};

    log_init("fuzz_display", NULL, LOG_LEVEL_ERROR);
    reader_init(&p.input, data, size < LONGEST_INPUT ? size : LONGEST_INPUT);
    p.f = gpu_fixture_create(&options, below(&p, 2) ? EXPORTER_ARENA : EXPORTER_MEMFD);
    gpu_limit(p.f, GPU_QUOTA_MEMORY, 64 * PAGE);
    p.fake = fake_renderer_add(p.f);
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

/* SPDX-License-Identifier: MIT */
#include "led.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "gpu_fixture.h"
#include "store_fixture.h"

#include "gpu/context.h"
#include "gpu/picture.h"
#include "gpu/resource.h"

/*
 * A worker may die at any instruction of any command. So each command of a driver's life is carried
 * out instruction by instruction, and whenever that has changed what outlives the worker, a
 * successor takes over from a copy of it: it must give the answer, once, and have what the device
 * would have had if nobody had died; and so must its successor.
 */
#define PAGE 4096u
#define ROOM (64u * PAGE) /* of the window */
#define RING 64u
#define SIDE 16u
#define PIXELS (SIDE * SIDE * 4u)
#define USED_RAM (1u << 20) /* of the guest's memory */
#define USED_CELLS 1200u
#define USED_RECORD (offsetof(struct ring_record, flights) + RING * sizeof(uint64_t))
#define PUTS 64u

/* What the shelf was told. */
struct left {
    uint64_t key;
    pid_t pid;
    int fd; /* of that process */
    bool dropped;
};

struct shared {
    struct journal_running running;
    uint64_t life;
    unsigned count;
    struct left left[PUTS];
    struct ring_record records[2];
};

/* All that outlives a worker. */
struct world {
    int ram_fd, arena_fd;
    void *store;
    struct shared *shared;
};

/* What can change of it, as it was at one instant. */
struct instant {
    uint8_t cells[USED_CELLS * sizeof(struct store_cell)];
    uint8_t ram[USED_RAM];
    uint8_t arena[ROOM];
    uint8_t shared[offsetof(struct shared, records)];
    uint8_t records[2][USED_RECORD];
};

static struct world world;               /* the living worker's */
static struct ring_driver driver;        /* the test's view of its guest */
static int kept[PUTS];                   /* the door's: by place in 'left'; -1 */
static struct ring_driver_ring rings[2]; /* the driver's */

static void *map_new(size_t size)
{
    void *memory =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    assert_true(memory != MAP_FAILED);
    return memory;
}

static void world_init(struct world *w)
{
    *w = (struct world){
        .ram_fd = fd_memfd("ram", RING_DRIVER_RAM),
        .arena_fd = fd_memfd("arena", ROOM),
        .store = store_memory_map(),
        .shared = map_new(sizeof(*w->shared)),
    };
    assert_true(w->ram_fd >= 0 && w->arena_fd >= 0);
}

static void world_finish(struct world *w)
{
    close(w->ram_fd);
    close(w->arena_fd);
    store_memory_unmap(w->store);
    munmap(w->shared, sizeof(*w->shared));
}

static void world_save(const struct world *w, struct instant *to)
{
    memcpy(to->cells, w->store, sizeof(to->cells));
    assert_int_equal(pread(w->ram_fd, to->ram, USED_RAM, 0), USED_RAM);
    assert_int_equal(pread(w->arena_fd, to->arena, ROOM, 0), ROOM);
    memcpy(to->shared, w->shared, sizeof(to->shared));
    for (unsigned q = 0; q < 2; q++)
        memcpy(to->records[q], &w->shared->records[q], USED_RECORD);
}

static void world_restore(const struct world *w, const struct instant *from)
{
    memcpy(w->store, from->cells, sizeof(from->cells));
    assert_int_equal(pwrite(w->ram_fd, from->ram, USED_RAM, 0), USED_RAM);
    assert_int_equal(pwrite(w->arena_fd, from->arena, ROOM, 0), ROOM);
    memcpy(w->shared, from->shared, sizeof(from->shared));
    for (unsigned q = 0; q < 2; q++)
        memcpy(&w->shared->records[q], from->records[q], USED_RECORD);
}

/* ---- a worker ---- */

struct life {
    struct world *world;
    struct shelf shelf; /* its owner is found by 'living' */
    struct store store;
    struct guest_memory memory;
    struct virtqueue queues[2];
    sd_event *loop;
    struct stats stats;
    struct device_census census;
    struct arena arena;
    struct exporter exporter;
    struct fake_port port;
    struct device_host host;
    struct quota quotas[QUOTAS_MAX];
    struct quota_numbers numbers[QUOTAS_MAX];
    struct device *device;
};

static struct life living; /* of the process that it is in */

static uint64_t shelf_takes(struct shelf *base, int fd)
{
    struct shared *shared = living.world->shared;
    struct left *left = &shared->left[shared->count];

    if (shared->count == PUTS)
        abort();
    *left = (struct left){.key = 1000 + shared->count, .pid = getpid(), .fd = dup(fd)};
    __atomic_store_n(&shared->count, shared->count + 1, __ATOMIC_RELEASE);
    return left->key;
}

static void shelf_drops(struct shelf *base, uint64_t key)
{
    living.world->shared->left[key - 1000].dropped = true;
}

static int shelf_gives(struct shelf *base, uint64_t key)
{
    if (key < 1000 || key >= 1000 + living.world->shared->count ||
        living.world->shared->left[key - 1000].dropped)
        return -ENOENT;
    return dup(kept[key - 1000]);
}

static void never_called(struct device_host *host, unsigned queue)
{
}

static void config_same(struct device_host *host, const void *config, uint32_t size)
{
}

static int shares_nothing(struct device_host *host, const uint8_t uuid[static 16], int fd)
{
    return 0;
}

static void unshares_nothing(struct device_host *host, const uint8_t uuid[static 16])
{
}

static void give_memory(struct life *l)
{
    struct guest_region_spec spec = {.gpa = RING_DRIVER_GPA, .size = RING_DRIVER_RAM};
    int fd = dup(l->world->ram_fd);

    guest_memory_init(&l->memory);
    RING_DRIVER_MUST(guest_memory_set(&l->memory, &spec, &fd, 1) == 0);
}

static void lend(struct life *l)
{
    RING_DRIVER_MUST(sd_event_new(&l->loop) >= 0);
    RING_DRIVER_MUST(arena_init(&l->arena, dup(l->world->arena_fd), ROOM) == 0);
    RING_DRIVER_MUST(exporter_init(&l->exporter, EXPORTER_ARENA, &l->arena, NULL) == 0);
    RING_DRIVER_MUST(store_attach(&l->store, l->world->store) == 0);
    fake_port_init(&l->port, l->loop, &l->arena, ROOM);
    l->shelf = (struct shelf){shelf_takes, shelf_drops, shelf_gives};
    l->arena.shelf = &l->shelf;
    quotas_init(l->quotas, gpu_quota_rows, l->numbers, ROOM, NULL);
    l->host = (struct device_host){
        .loop = l->loop,
        .memory = &l->memory,
        .queues = l->queues,
        .exporter = &l->exporter,
        .port = &l->port.port,
        .stats = &l->stats,
        .census = &l->census,
        .quotas = l->quotas,
        .store = &l->store,
        .shelf = &l->shelf,
        .running = &l->world->shared->running,
        .life = ++l->world->shared->life,
        .call = never_called,
        .config_changed = config_same,
        .share_object = shares_nothing,
        .unshare_object = unshares_nothing,
    };
}

static void start_queue(struct life *l, unsigned q)
{
    struct ring_record *record = &l->world->shared->records[q];
    struct virtqueue_setup setup = {
        .size = RING,
        .base = record->place.size != 0 ? ring_record_base(record) : 0,
        .desc = rings[q].desc,
        .avail = rings[q].avail,
        .used = rings[q].used,
    };
    bool fresh;

    virtqueue_init(&l->queues[q], &l->memory);
    l->queues[q].record = record;
    RING_DRIVER_MUST(virtqueue_start(&l->queues[q], &setup, &fresh) == 0);
    l->queues[q].enabled = true;
}

/* Everything up to the first request. */
static void begin_life(struct life *l, struct world *w)
{
    static const struct gpu_options options = {.output_count = 1};

    memset(l, 0, sizeof(*l));
    l->world = w;
    give_memory(l);
    lend(l);
    l->device = gpu_device_create(&l->host, &options);
    RING_DRIVER_MUST(l->device != NULL);
    l->device->impl->reset(l->device);
    l->device->impl->set_features(l->device, ALL_FEATURES);
    l->device->impl->resume(l->device);
    start_queue(l, 0);
    start_queue(l, 1);
}

static void work(struct life *l)
{
    for (unsigned q = 0; q < 2; q++)
        l->device->impl->queue_ready(l->device, q);
    while (sd_event_run(l->loop, 0) > 0)
        ;
}

/* ---- what a device has ---- */

static uint64_t mix(uint64_t sum, uint64_t word)
{
    return (sum ^ word) * 0x9e3779b97f4a7c15ull + (sum >> 29);
}

static uint64_t mix_bytes(uint64_t sum, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        sum = mix(sum, bytes[i]);
    return sum;
}

static uint64_t mix_resource(uint64_t sum, const struct resource *r)
{
    sum = mix(mix(mix(sum, r->node.id), resource_size(r)), r->memory);
    sum = mix(mix(sum, r->state), r->state == RESOURCE_MAPPED ? r->offset : 0);
    sum = mix(mix(sum, backing_size(r->pins)), r->uuid != NULL);
    for (size_t i = 0; r->is_image && i < (size_t)r->width * r->height * 4; i++)
        sum = mix(sum, r->picture != NULL ? r->picture->data[i] : 0);
    if (r->buffer != NULL)
        sum = mix_bytes(sum, buffer_data(r->buffer), r->buffer->size);
    return sum;
}

static uint64_t digest(const struct life *l)
{
    const struct gpu *gpu = (const struct gpu *)l->device;
    const struct scanout *scanout = &gpu->display.scanouts[0];
    const struct cursor *cursor = &gpu->display.cursors[0];
    struct id_node *node, *inner;
    uint64_t sum = mix(quota_used(gpu_quota(gpu, GPU_QUOTA_MEMORY)), l->port.count);

    for (node = id_map_first(&gpu->resources); node != NULL; node = id_map_next(node))
        sum = mix_resource(sum, ID_MAP_OF(node, struct resource, node));
    for (node = id_map_first(&gpu->contexts); node != NULL; node = id_map_next(node)) {
        const struct context *context = ID_MAP_OF(node, struct context, node);

        sum = mix(mix(sum, node->id), context->capset);
        for (inner = id_map_first(&context->attachments); inner != NULL; inner = id_map_next(inner))
            sum = mix(mix(sum, inner->id), ID_MAP_OF(inner, struct attachment, node)->count);
    }
    if (scanout->resource != NULL)
        sum = mix(mix(mix(sum, scanout->resource->node.id), scanout->rect.width), scanout->stride);
    if (cursor->visible)
        sum = mix_bytes(mix(mix(sum, (uint32_t)cursor->x), (uint32_t)cursor->y),
                        cursor->picture.pixels, sizeof(cursor->picture.pixels));
    return sum;
}

/* ---- a command ---- */

static struct {
    unsigned queue;
    uint64_t answer_at;
    uint32_t expected; /* its answer; 0: the cursor's have none */
    uint64_t after;    /* the device's digest */
} now;

static const char *wrong(struct world *w, struct life *l)
{
    uint16_t avail = rings[now.queue].avail_idx, used = 0;
    uint32_t type = 0;

    if (pread(w->ram_fd, &used, 2, (off_t)(rings[now.queue].used - RING_DRIVER_GPA + 2)) != 2 ||
        used != avail)
        return "it was not answered once";
    if (now.answer_at != 0 &&
        pread(w->ram_fd, &type, 4, (off_t)(now.answer_at - RING_DRIVER_GPA)) != 4)
        return "no answer";
    if (type != now.expected)
        return "the answer is another";
    return digest(l) == now.after ? NULL : "the device has something else";
}

/* In a process of its own: takes over from a copy of all that is there now. */
static void succeed(void)
{
    struct instant *instant = malloc(sizeof(*instant));
    struct world copy;
    const char *fault;
    int out = dup(STDERR_FILENO);

    RING_DRIVER_MUST(instant != NULL && freopen("/dev/null", "w", stderr) != NULL);
    world_save(&world, instant);
    world_init(&copy);
    world_restore(&copy, instant);
    begin_life(&living, &copy);
    work(&living);
    fault = wrong(&copy, &living);
    /* What it put on the shelf, its own successor has as well. */
    for (unsigned i = 0; i < copy.shared->count; i++)
        if (copy.shared->left[i].pid == getpid())
            kept[i] = copy.shared->left[i].fd;
    if (fault == NULL) {
        begin_life(&living, &copy);
        work(&living);
        fault = wrong(&copy, &living);
    }
    if (fault != NULL)
        dprintf(out, "a successor: %s\n", fault);
    _exit(fault != NULL);
}

static void run_successor(void)
{
    int status = -1;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0)
        succeed();
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* The door takes what a worker that stands still has put on the shelf. */
static void collect(void)
{
    for (unsigned i = 0; i < world.shared->count; i++) {
        char path[64];

        if (kept[i] >= 0 || world.shared->left[i].dropped)
            continue;
        snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)world.shared->left[i].pid,
                 world.shared->left[i].fd);
        kept[i] = open(path, O_RDWR | O_CLOEXEC);
        assert_true(kept[i] >= 0);
    }
}

static void forget_kept(unsigned from)
{
    for (unsigned i = from; i < PUTS; i++)
        fd_close(&kept[i]);
}

static pid_t start_worker(void)
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid > 0)
        return pid;
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
        _exit(LED_NOT_ALLOWED);
    begin_life(&living, &world);
    raise(SIGSTOP);
    work(&living);
    world.shared->running.pad = 1; /* to say that it is done */
    now.after = digest(&living);
    world.shared->life = now.after;
    raise(SIGSTOP);
    _exit(0);
}

/* Waits until it stands still; skips the test where no process may be led. */
static void await_stop(pid_t pid)
{
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == LED_NOT_ALLOWED) {
        print_message("no process may be led step by step here: nothing is tested\n");
        skip();
    }
    assert_true(WIFSTOPPED(status));
}

static void end_worker(pid_t pid)
{
    int status;

    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
}

/* Lets a worker carry it out, and notes what comes of it. */
static void carry_out(void)
{
    uint64_t life = world.shared->life;
    pid_t pid = start_worker();

    await_stop(pid);
    assert_int_equal(ptrace(PTRACE_CONT, pid, NULL, NULL), 0);
    await_stop(pid);
    assert_int_equal(world.shared->running.pad, 1);
    world.shared->running.pad = 0;
    now.after = world.shared->life;
    world.shared->life = life + 1;
    collect();
    end_worker(pid);
}

/* Of a cell only what can change while it is valid, and what makes it so. */
#define HEAD (offsetof(struct store_cell, bytes) + sizeof(uint64_t))

/* What is looked at after each instruction. */
static bool changed(void)
{
    static uint8_t heads[USED_CELLS][HEAD];
    static uint8_t shared[offsetof(struct shared, records)];
    static uint8_t records[2][USED_RECORD];
    static uint16_t used[2];
    uint32_t high = ((struct store_head *)world.store)->high;
    bool is_other = false;

    assert_true(high <= USED_CELLS);
    for (uint32_t i = 0; i < high; i++) {
        const struct store_cell *cell = (const struct store_cell *)world.store + i;

        if (memcmp(heads[i], cell, HEAD) == 0)
            continue;
        is_other = true;
        memcpy(heads[i], cell, HEAD);
    }
    is_other |= memcmp(shared, world.shared, sizeof(shared)) != 0;
    for (unsigned q = 0; q < 2; q++) {
        const uint16_t *idx = ring_driver_at(&driver, rings[q].used + 2);

        is_other |= memcmp(records[q], &world.shared->records[q], USED_RECORD) != 0;
        is_other |= used[q] != *idx;
        used[q] = *idx;
        memcpy(records[q], &world.shared->records[q], USED_RECORD);
    }
    memcpy(shared, world.shared, sizeof(shared));
    return is_other;
}

#define STRIDE 1u /* of the changes: HOSTBLOB_TEST_STRIDE says otherwise */

static unsigned deaths;

/* Leads a worker through it, with a successor wherever it may die. */
static void lead(void)
{
    static unsigned turn;
    const char *other = getenv("HOSTBLOB_TEST_STRIDE");
    unsigned stride = other != NULL && atoi(other) > 0 ? (unsigned)atoi(other) : STRIDE;
    pid_t pid = start_worker();

    await_stop(pid);
    changed();
    while (world.shared->running.pad == 0) {
        int status;

        assert_int_equal(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSTOPPED(status));
        if (!changed() || turn++ % stride != 0)
            continue;
        collect();
        deaths++;
        run_successor();
    }
    end_worker(pid);
}

/* A command of the driver: killed at every instant, and then carried out. */
static void command(unsigned queue, const void *bytes, uint32_t size, uint32_t expected)
{
    struct ring_driver_piece pieces[2] = {{.size = size}, {.size = 64, .writable = true}};
    struct instant *before = malloc(sizeof(*before));
    unsigned count = world.shared->count;

    assert_non_null(before);
    pieces[0].gpa = ring_driver_alloc(&driver, size);
    pieces[1].gpa = ring_driver_alloc(&driver, 64);
    memcpy(ring_driver_at(&driver, pieces[0].gpa), bytes, size);
    ring_driver_send(&driver, queue, pieces, queue == 0 ? 2 : 1);
    memcpy(rings, driver.rings, sizeof(rings));
    now.queue = queue;
    now.answer_at = queue == 0 ? pieces[1].gpa : 0;
    now.expected = expected;
    world_save(&world, before);
    carry_out(); /* for what is to come of it */
    forget_kept(count);
    world_restore(&world, before);
    lead();
    forget_kept(count);
    world_restore(&world, before);
    carry_out();
    free(before);
}

#define COMMAND(request, expected) command(0, &(request), sizeof(request), expected)

static void about(uint32_t type, uint32_t context, uint32_t id, uint32_t expected)
{
    struct virtio_gpu_ctx_resource request = gpu_about(type, context, id);

    COMMAND(request, expected);
}

static void begin(void)
{
    uint64_t base = RING_DRIVER_GPA;

    for (unsigned i = 0; i < PUTS; i++)
        kept[i] = -1;
    world_init(&world);
    store_create(&living.store, world.store);
    memset(&driver, 0, sizeof(driver));
    driver.heap = RING_DRIVER_HEAP;
    driver.ram = mmap(NULL, RING_DRIVER_RAM, PROT_READ | PROT_WRITE, MAP_SHARED, world.ram_fd, 0);
    assert_true(driver.ram != MAP_FAILED);
    for (unsigned q = 0; q < 2; q++, base += RING_DRIVER_RING_BYTES)
        driver.rings[q] = (struct ring_driver_ring){.size = RING,
                                                    .desc = base,
                                                    .avail = base + RING * 16u,
                                                    .used = base + RING_DRIVER_RING_BYTES / 2};
    memcpy(rings, driver.rings, sizeof(rings));
    deaths = 0;
}

static void end(void)
{
    forget_kept(0);
    munmap(driver.ram, RING_DRIVER_RAM);
    world_finish(&world);
}

/* ---- lives ---- */

static void create_blob(uint32_t id)
{
    struct virtio_gpu_resource_create_blob request = gpu_blob(1, id, 2 * PAGE);

    COMMAND(request, NODATA);
    about(VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE, 1, id, NODATA);
}

static void create_context(void)
{
    struct virtio_gpu_ctx_create request = {
        .hdr = gpu_header(VIRTIO_GPU_CMD_CTX_CREATE, 1),
        .nlen = htole32(4),
        .context_init = htole32(MEMORY_STREAM_CAPSET),
        .debug_name = "test",
    };

    COMMAND(request, NODATA);
}

static void fill(uint32_t id, uint64_t seed)
{
    struct {
        struct virtio_gpu_cmd_submit submit;
        struct memory_stream_command fill;
    } request = {
        .submit = {.hdr = gpu_header(VIRTIO_GPU_CMD_SUBMIT_3D, 1),
                   .size = htole32(sizeof(struct memory_stream_command))},
        .fill = {.opcode = MEMORY_STREAM_FILL, .resource = id, .size = 64, .seed = seed},
    };

    COMMAND(request, NODATA);
}

static void map(uint32_t id, uint64_t offset)
{
    struct virtio_gpu_resource_map_blob request = gpu_map_request(id, offset);

    COMMAND(request, MAP_INFO);
}

static void a_blob_s_life(void **state)
{
    struct virtio_gpu_ctx_destroy destroy = {.hdr = gpu_header(VIRTIO_GPU_CMD_CTX_DESTROY, 1)};

    begin();
    create_context();
    create_blob(1);
    map(1, 4 * PAGE);
    fill(1, 5);
    about(VIRTIO_GPU_CMD_RESOURCE_UNMAP_BLOB, 0, 1, NODATA);
    create_blob(2);
    fill(2, 6);       /* while it has no place */
    map(2, 5 * PAGE); /* drives the first out of its place */
    map(1, 9 * PAGE);
    about(VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID, 0, 1, VIRTIO_GPU_RESP_OK_RESOURCE_UUID);
    about(VIRTIO_GPU_CMD_CTX_DETACH_RESOURCE, 1, 1, NODATA);
    about(VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE, 1, 1, NODATA);
    about(VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE, 1, 1, NODATA);
    about(VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE, 1, 7, BAD_RESOURCE);
    about(VIRTIO_GPU_CMD_RESOURCE_UNREF, 0, 1, NODATA); /* mapped */
    about(VIRTIO_GPU_CMD_RESOURCE_UNREF, 0, 1, BAD_RESOURCE);
    COMMAND(destroy, NODATA);
    about(VIRTIO_GPU_CMD_RESOURCE_UNREF, 0, 2, NODATA);
    print_message("%u deaths\n", deaths);
    assert_true(deaths > 100);
    end();
}

static void create_picture(uint32_t id, uint32_t side)
{
    struct virtio_gpu_resource_create_2d create = {
        .hdr = gpu_header(VIRTIO_GPU_CMD_RESOURCE_CREATE_2D, 0),
        .resource_id = htole32(id),
        .format = htole32(VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM),
        .width = htole32(side),
        .height = htole32(side),
    };
    struct {
        struct virtio_gpu_resource_attach_backing attach;
        struct virtio_gpu_mem_entry entry;
    } back = {
        .attach = {.hdr = gpu_header(VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING, 0),
                   .resource_id = htole32(id),
                   .nr_entries = htole32(1)},
        .entry = {.addr = htole64(ring_driver_alloc(&driver, side * side * 4)),
                  .length = htole32(side * side * 4)},
    };
    struct virtio_gpu_transfer_to_host_2d transfer = {
        .hdr = gpu_header(VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D, 0),
        .r = {0, 0, htole32(side), htole32(side)},
        .resource_id = htole32(id),
    };

    COMMAND(create, NODATA);
    COMMAND(back, NODATA);
    memset(ring_driver_at(&driver, le64toh(back.entry.addr)), (int)(40 + id), side * side * 4);
    COMMAND(transfer, NODATA);
}

static void set_scanout(uint32_t id)
{
    struct virtio_gpu_set_scanout request = {.hdr = gpu_header(VIRTIO_GPU_CMD_SET_SCANOUT, 0),
                                             .r = {0, 0, htole32(SIDE), htole32(SIDE)},
                                             .resource_id = htole32(id)};

    COMMAND(request, NODATA);
}

static void cursor(uint32_t type, uint32_t id, uint32_t x)
{
    struct virtio_gpu_update_cursor request = {
        .hdr = gpu_header(type, 0), .pos = {.x = htole32(x), .y = htole32(7)}, .resource_id = id};

    command(1, &request, sizeof(request), 0);
}

static void a_picture_s_life(void **state)
{
    struct virtio_gpu_resource_flush flush = {
        .hdr = gpu_header(VIRTIO_GPU_CMD_RESOURCE_FLUSH, 0),
        .r = {0, 0, htole32(SIDE), htole32(SIDE)},
        .resource_id = htole32(3),
    };

    begin();
    create_picture(3, SIDE);
    set_scanout(3);
    COMMAND(flush, NODATA);
    create_picture(4, SINK_CURSOR_SIDE);
    cursor(VIRTIO_GPU_CMD_UPDATE_CURSOR, 4, 5);
    cursor(VIRTIO_GPU_CMD_MOVE_CURSOR, 0, 50);
    cursor(VIRTIO_GPU_CMD_UPDATE_CURSOR, 0, 50);
    about(VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING, 0, 4, NODATA);
    about(VIRTIO_GPU_CMD_RESOURCE_UNREF, 0, 4, NODATA);
    about(VIRTIO_GPU_CMD_RESOURCE_UNREF, 0, 3, NODATA); /* an output shows it */
    print_message("%u deaths\n", deaths);
    assert_true(deaths > 50);
    end();
}

int main(void)
{
#ifdef __SANITIZE_ADDRESS__
    printf("skipped: sanitized code has too many instructions to be led through each\n");
    return 77;
#endif
    log_init("test", NULL, LOG_LEVEL_ERROR); /* what is said is led step by step as well */
    const struct CMUnitTest tests[] = {
        FD_TEST(a_blob_s_life),
        FD_TEST(a_picture_s_life),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

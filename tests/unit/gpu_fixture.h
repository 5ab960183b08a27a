/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_GPU_FIXTURE_H
#define TESTS_UNIT_GPU_FIXTURE_H

/*
 * A whole virtio-gpu device with a driver at its rings and a fake window: what every test of gpu/
 * begins with. A test sends commands as structs and gets the type of the answer; the answer's bytes
 * are in 'answer'.
 */
#include "fake_port.h"
#include "ring_driver.h"

#include "base/fd.h"
#include "base/log.h"
#include "gpu/gpu.h"
#include "gpu/gpu_device.h"
#include "protocol/memory_stream.h"

#define WINDOW (256ull << 20)
#define ALL_FEATURES                                                                               \
    (1ull << VIRTIO_GPU_F_VIRGL | 1ull << VIRTIO_GPU_F_EDID | 1ull << VIRTIO_GPU_F_RESOURCE_BLOB | \
     1ull << VIRTIO_GPU_F_RESOURCE_UUID | 1ull << VIRTIO_GPU_F_CONTEXT_INIT)
#define GPU_SHARED_MAX 16u

struct gpu_fixture {
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
    unsigned calls[2];
    bool starved; /* there was no memory for a request */
    unsigned config_changes;
    struct {
        uint8_t uuid[16];
        int fd; /* a duplicate, owned */
    } shared[GPU_SHARED_MAX];
    unsigned shared_count;
    int share_result;
    uint8_t answer[4096];
    uint32_t written;
    uint16_t head;               /* of the last request sent or answer taken */
    uint64_t answer_at[2][1024]; /* guest address of each request's answer, by queue and head */
};

static inline void gpu_called(struct device_host *host, unsigned queue)
{
    struct gpu_fixture *f = (void *)((char *)host - offsetof(struct gpu_fixture, host));

    f->calls[queue]++;
}

static inline void gpu_config_changed(struct device_host *host, const void *config, uint32_t size)
{
    struct gpu_fixture *f = (void *)((char *)host - offsetof(struct gpu_fixture, host));

    f->config_changes++;
}

static inline int gpu_share(struct device_host *host, const uint8_t uuid[static 16], int fd)
{
    struct gpu_fixture *f = (void *)((char *)host - offsetof(struct gpu_fixture, host));

    RING_DRIVER_MUST(f->shared_count < GPU_SHARED_MAX);
    if (f->share_result < 0)
        return f->share_result;
    memcpy(f->shared[f->shared_count].uuid, uuid, 16);
    f->shared[f->shared_count++].fd = fd_duplicate(fd);
    return 0;
}

/* The place of what is shared under that UUID, or shared_count. */
static inline unsigned gpu_shared(const struct gpu_fixture *f, const uint8_t *uuid)
{
    unsigned i = 0;

    while (i < f->shared_count && memcmp(f->shared[i].uuid, uuid, 16) != 0)
        i++;
    return i;
}

static inline void gpu_unshare(struct device_host *host, const uint8_t uuid[static 16])
{
    struct gpu_fixture *f = (void *)((char *)host - offsetof(struct gpu_fixture, host));
    unsigned i = gpu_shared(f, uuid);

    RING_DRIVER_MUST(i < f->shared_count); /* nothing is taken back that was not given */
    fd_close(&f->shared[i].fd);
    f->shared[i] = f->shared[--f->shared_count];
}

static inline void gpu_starved(void *data)
{
    struct gpu_fixture *f = data;

    f->starved = true;
}

static inline struct gpu_fixture *gpu_fixture_create(const struct gpu_options *options,
                                                     enum exporter_kind kind)
{
    struct gpu_fixture *f = calloc(1, sizeof(*f));

    RING_DRIVER_MUST(f != NULL);
    ring_driver_init(&f->driver, 256);
    for (unsigned q = 0; q < RING_DRIVER_QUEUES; q++) {
        f->driver.queues[q].starved = gpu_starved;
        f->driver.queues[q].starved_data = f;
    }
    RING_DRIVER_MUST(sd_event_new(&f->loop) >= 0);
    RING_DRIVER_MUST(arena_init(&f->arena, fd_memfd("arena", WINDOW), WINDOW) == 0);
    RING_DRIVER_MUST(exporter_init(&f->exporter, kind, &f->arena, NULL) == 0);
    fake_port_init(&f->port, f->loop, &f->arena, WINDOW);
    quotas_init(f->quotas, gpu_quota_rows, f->numbers, WINDOW, NULL);
    f->host = (struct device_host){
        .loop = f->loop,
        .memory = &f->driver.memory,
        .queues = f->driver.queues,
        .exporter = &f->exporter,
        .port = &f->port.port,
        .stats = &f->stats,
        .census = &f->census,
        .quotas = f->quotas,
        .call = gpu_called,
        .config_changed = gpu_config_changed,
        .share_object = gpu_share,
        .unshare_object = gpu_unshare,
    };
    f->device = gpu_device_create(&f->host, options);
    RING_DRIVER_MUST(f->device != NULL);
    f->device->impl->reset(f->device);
    f->device->impl->set_features(f->device, ALL_FEATURES);
    return f;
}

/* What the guest may have, and what it has. */
static inline void gpu_limit(struct gpu_fixture *f, enum gpu_quota quota, uint64_t limit)
{
    f->numbers[quota].limit = limit;
}

static inline uint64_t gpu_used(const struct gpu_fixture *f, enum gpu_quota quota)
{
    return f->numbers[quota].used;
}

static inline void gpu_fixture_destroy(struct gpu_fixture *f)
{
    fake_port_reset(&f->port);
    f->device->impl->destroy(f->device);
    for (unsigned i = 0; i < GPU_QUOTA_COUNT; i++)
        RING_DRIVER_MUST(f->numbers[i].used == 0 && !f->quotas[i].overdrawn);
    RING_DRIVER_MUST(f->shared_count == 0);
    fake_port_finish(&f->port);
    exporter_finish(&f->exporter);
    arena_finish(&f->arena);
    ring_driver_finish(&f->driver);
    sd_event_unref(f->loop);
    free(f);
}

/* Runs the loop until nothing is left to do. Returns how often. */
static inline unsigned gpu_loop(struct gpu_fixture *f)
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
    return rounds;
}

/* Makes a command available on queue 'q' with 'room' bytes for the answer, and kicks. */
static inline void gpu_send(struct gpu_fixture *f, unsigned q, const void *bytes, uint32_t size,
                            uint32_t room)
{
    struct ring_driver_piece pieces[2] = {{.size = size}, {.size = room, .writable = true}};

    pieces[0].gpa = ring_driver_alloc(&f->driver, size);
    pieces[1].gpa = ring_driver_alloc(&f->driver, room);
    memcpy(ring_driver_at(&f->driver, pieces[0].gpa), bytes, size);
    memset(ring_driver_at(&f->driver, pieces[1].gpa), 0xee, room);
    f->head = ring_driver_send(&f->driver, q, pieces, room > 0 ? 2 : 1);
    f->answer_at[q][f->head] = pieces[1].gpa;
    f->device->impl->queue_ready(f->device, q);
}

/* Takes the next answer of queue 'q', which must be there; it is at f->answer_at. Returns its type,
 * 0 if it is empty. */
static inline uint32_t gpu_take(struct gpu_fixture *f, unsigned q)
{
    uint32_t type = 0;
    uint64_t at;

    RING_DRIVER_MUST(ring_driver_take(&f->driver, q, &f->head, &f->written));
    memset(f->answer, 0, sizeof(f->answer));
    at = f->answer_at[q][f->head]; /* 0: the test sent it in a way of its own */
    if (at != 0 && f->written <= sizeof(f->answer))
        memcpy(f->answer, ring_driver_at(&f->driver, at), f->written);
    memcpy(&type, f->answer, sizeof(type));
    return le32toh(type);
}

static inline bool gpu_answered(struct gpu_fixture *f, unsigned q)
{
    uint16_t *used = ring_driver_at(&f->driver, f->driver.rings[q].used);

    return le16toh(used[1]) != f->driver.rings[q].used_seen;
}

/* Sends a command, lets the loop run, takes the answer. */
static inline uint32_t gpu_do(struct gpu_fixture *f, const void *bytes, size_t size)
{
    gpu_send(f, 0, bytes, (uint32_t)size, 2048);
    gpu_loop(f);
    return gpu_take(f, 0);
}

#define GPU_DO(f, request) gpu_do(f, &(request), sizeof(request))

static inline struct virtio_gpu_ctrl_hdr gpu_header(uint32_t type, uint32_t ctx)
{
    return (struct virtio_gpu_ctrl_hdr){.type = htole32(type), .ctx_id = htole32(ctx)};
}

static inline uint32_t gpu_context(struct gpu_fixture *f, uint32_t ctx, uint32_t init)
{
    struct virtio_gpu_ctx_create request = {
        .hdr = gpu_header(VIRTIO_GPU_CMD_CTX_CREATE, ctx),
        .nlen = htole32(4),
        .context_init = htole32(init),
        .debug_name = "test",
    };

    return GPU_DO(f, request);
}

static inline struct virtio_gpu_resource_create_blob gpu_blob(uint32_t ctx, uint32_t id,
                                                              uint64_t size)
{
    return (struct virtio_gpu_resource_create_blob){
        .hdr = gpu_header(VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB, ctx),
        .resource_id = htole32(id),
        .blob_mem = htole32(VIRTIO_GPU_BLOB_MEM_HOST3D),
        .blob_flags = htole32(VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE),
        .size = htole64(size),
    };
}

static inline uint32_t gpu_create_blob(struct gpu_fixture *f, uint32_t ctx, uint32_t id,
                                       uint64_t size)
{
    struct virtio_gpu_resource_create_blob request = gpu_blob(ctx, id, size);

    return GPU_DO(f, request);
}

static inline struct virtio_gpu_resource_map_blob gpu_map_request(uint32_t id, uint64_t offset)
{
    return (struct virtio_gpu_resource_map_blob){
        .hdr = gpu_header(VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB, 0),
        .resource_id = htole32(id),
        .offset = htole64(offset),
    };
}

static inline uint32_t gpu_map(struct gpu_fixture *f, uint32_t id, uint64_t offset)
{
    struct virtio_gpu_resource_map_blob request = gpu_map_request(id, offset);

    return GPU_DO(f, request);
}

/* A command of the many that name a resource and nothing else. */
static inline struct virtio_gpu_ctx_resource gpu_about(uint32_t type, uint32_t ctx, uint32_t id)
{
    return (struct virtio_gpu_ctx_resource){.hdr = gpu_header(type, ctx),
                                            .resource_id = htole32(id)};
}

static inline uint32_t gpu_do_about(struct gpu_fixture *f, uint32_t type, uint32_t ctx, uint32_t id)
{
    struct virtio_gpu_ctx_resource request = gpu_about(type, ctx, id);

    return GPU_DO(f, request);
}

static inline uint32_t gpu_unmap(struct gpu_fixture *f, uint32_t id)
{
    return gpu_do_about(f, VIRTIO_GPU_CMD_RESOURCE_UNMAP_BLOB, 0, id);
}

static inline uint32_t gpu_unref(struct gpu_fixture *f, uint32_t id)
{
    return gpu_do_about(f, VIRTIO_GPU_CMD_RESOURCE_UNREF, 0, id);
}

static inline uint32_t gpu_attach(struct gpu_fixture *f, uint32_t ctx, uint32_t id)
{
    return gpu_do_about(f, VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE, ctx, id);
}

static inline uint32_t gpu_detach(struct gpu_fixture *f, uint32_t ctx, uint32_t id)
{
    return gpu_do_about(f, VIRTIO_GPU_CMD_CTX_DETACH_RESOURCE, ctx, id);
}

#define NODATA VIRTIO_GPU_RESP_OK_NODATA
#define MAP_INFO VIRTIO_GPU_RESP_OK_MAP_INFO
#define UNSPEC VIRTIO_GPU_RESP_ERR_UNSPEC
#define NO_MEMORY VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY
#define BAD_SCANOUT VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID
#define BAD_RESOURCE VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID
#define BAD_CONTEXT VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID
#define BAD_PARAMETER VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER

#endif

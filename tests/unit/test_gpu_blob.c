/* SPDX-License-Identifier: MIT */
#include "gpu_test.h"

#include "gpu/resource.h"

#define PAGE 4096u
#define MAX_ENTRIES 64u

struct blob_with_entries {
    struct virtio_gpu_resource_create_blob blob;
    struct virtio_gpu_mem_entry entries[MAX_ENTRIES];
};

struct attach_with_entries {
    struct virtio_gpu_resource_attach_backing attach;
    struct virtio_gpu_mem_entry entries[MAX_ENTRIES];
};

static struct blob_with_entries guest_blob(uint32_t id, uint64_t size, uint32_t entries)
{
    struct blob_with_entries request = {.blob = gpu_blob(0, id, size)};

    request.blob.blob_mem = VIRTIO_GPU_BLOB_MEM_GUEST;
    request.blob.nr_entries = entries;
    for (uint32_t i = 0; i < entries && i < MAX_ENTRIES; i++)
        request.entries[i] = (struct virtio_gpu_mem_entry){
            .addr = RING_DRIVER_HEAP + i * 2ull * PAGE,
            .length = PAGE,
        };
    return request;
}

static uint32_t send_guest_blob(struct gpu_fixture *f, const struct blob_with_entries *request,
                                uint32_t entries)
{
    return gpu_do(f, request, sizeof(request->blob) + entries * sizeof(request->entries[0]));
}

static struct gpu *gpu_of(struct gpu_fixture *f)
{
    return (struct gpu *)(void *)f->device;
}

static void assert_census(struct gpu_fixture *f, unsigned resources, unsigned mapped,
                          uint64_t bytes)
{
    assert_int_equal(f->census.resources, resources);
    assert_int_equal(f->census.mapped, mapped);
    assert_true(f->census.bytes == bytes);
    assert_int_equal(f->port.count, mapped);
}

static void a_host_blob_goes_through_its_life(void **state)
{
    struct gpu_fixture *f = *state;
    uint32_t info;

    assert_int_equal(gpu_context(f, 1, 0), NODATA);
    assert_int_equal(gpu_create_blob(f, 1, 7, 4 * PAGE), NODATA);
    assert_census(f, 1, 0, 4 * PAGE);
    assert_int_equal(gpu_map(f, 7, 16 * PAGE), MAP_INFO);
    assert_int_equal(f->written, 32);
    memcpy(&info, f->answer + 24, sizeof(info));
    assert_int_equal(info, VIRTIO_GPU_MAP_CACHE_CACHED);
    assert_census(f, 1, 1, 4 * PAGE);
    assert_true(f->port.live[0].offset == 16 * PAGE);
    assert_int_equal(f->port.live[0].buffer->id, 7);
    assert_int_equal(gpu_unmap(f, 7), NODATA);
    assert_census(f, 1, 0, 4 * PAGE);
    assert_int_equal(gpu_map(f, 7, 0), MAP_INFO);
    assert_int_equal(gpu_unmap(f, 7), NODATA);
    assert_int_equal(gpu_unref(f, 7), NODATA);
    assert_census(f, 0, 0, 0);
    assert_int_equal(gpu_unref(f, 7), BAD_RESOURCE);
}

static void ids_are_checked(void **state)
{
    struct gpu_fixture *f = *state;

    gpu_context(f, 1, 0);
    assert_int_equal(gpu_create_blob(f, 1, 0, PAGE), BAD_RESOURCE);
    assert_int_equal(gpu_create_blob(f, 1, 7, PAGE), NODATA);
    assert_int_equal(gpu_create_blob(f, 1, 7, PAGE), BAD_RESOURCE);
    assert_int_equal(gpu_create_blob(f, 2, 8, PAGE), BAD_CONTEXT);
    assert_int_equal(gpu_create_blob(f, 0, 8, PAGE), BAD_CONTEXT);
    /* What Linux sends after a CREATE_BLOB whose failure it did not wait for. */
    assert_int_equal(gpu_map(f, 8, 0), BAD_RESOURCE);
    assert_int_equal(gpu_attach(f, 1, 8), BAD_RESOURCE);
    assert_int_equal(gpu_unmap(f, 8), BAD_RESOURCE);
    assert_int_equal(gpu_unref(f, 8), BAD_RESOURCE);
    assert_census(f, 1, 0, PAGE);
}

static void sizes_and_kinds_are_checked(void **state)
{
    struct gpu_fixture *f = *state;
    struct virtio_gpu_resource_create_blob request;

    gpu_context(f, 1, 0);
    assert_int_equal(gpu_create_blob(f, 1, 7, 0), BAD_PARAMETER);
    assert_int_equal(gpu_create_blob(f, 1, 7, PAGE + 1), BAD_PARAMETER);
    assert_int_equal(gpu_create_blob(f, 1, 7, UINT64_MAX), BAD_PARAMETER);
    assert_int_equal(gpu_create_blob(f, 1, 7, 0 - (uint64_t)PAGE), BAD_PARAMETER);
    assert_int_equal(gpu_create_blob(f, 1, 7, WINDOW + PAGE), BAD_PARAMETER);
    for (uint32_t kind = 0; kind < 6; kind++) {
        request = gpu_blob(1, 7, PAGE);
        request.blob_mem = kind < 1 || kind > 3 ? kind : 0x80000001u;
        assert_int_equal(GPU_DO(f, request), BAD_PARAMETER);
    }
    request = gpu_blob(1, 7, PAGE);
    request.blob_flags = 8;
    assert_int_equal(GPU_DO(f, request), BAD_PARAMETER);
    request.blob_flags = VIRTIO_GPU_BLOB_FLAG_USE_CROSS_DEVICE;
    f->device->impl->set_features(f->device, ALL_FEATURES & ~(1ull << VIRTIO_GPU_F_RESOURCE_UUID));
    assert_int_equal(GPU_DO(f, request), BAD_PARAMETER);
    f->device->impl->set_features(f->device, ALL_FEATURES);
    request = gpu_blob(1, 7, PAGE);
    request.blob_id = 1;
    assert_int_equal(GPU_DO(f, request), BAD_PARAMETER);
    request = gpu_blob(1, 7, PAGE);
    request.nr_entries = 1;
    assert_int_equal(GPU_DO(f, request), BAD_PARAMETER);
    assert_census(f, 0, 0, 0);
}

static void features_are_needed(void **state)
{
    struct gpu_fixture *f = *state;
    struct blob_with_entries guest = guest_blob(9, PAGE, 1);

    gpu_context(f, 1, 0);
    f->device->impl->set_features(f->device, 1ull << VIRTIO_GPU_F_VIRGL);
    assert_int_equal(gpu_create_blob(f, 1, 7, PAGE), UNSPEC);
    assert_int_equal(gpu_map(f, 7, 0), UNSPEC);
    f->device->impl->set_features(f->device, 1ull << VIRTIO_GPU_F_RESOURCE_BLOB);
    assert_int_equal(gpu_create_blob(f, 1, 7, PAGE), BAD_PARAMETER);
    assert_int_equal(gpu_context(f, 2, 0), UNSPEC);
    assert_int_equal(send_guest_blob(f, &guest, 1), NODATA);
}

static void places_are_checked_before_the_window_is_asked(void **state)
{
    struct gpu_fixture *f = *state;

    gpu_context(f, 1, 0);
    gpu_create_blob(f, 1, 7, 2 * PAGE);
    gpu_create_blob(f, 1, 8, 2 * PAGE);
    assert_int_equal(gpu_map(f, 7, 1), BAD_PARAMETER);
    assert_int_equal(gpu_map(f, 7, WINDOW - PAGE), BAD_PARAMETER);
    assert_int_equal(gpu_map(f, 7, WINDOW), BAD_PARAMETER);
    assert_int_equal(gpu_map(f, 7, 0 - (uint64_t)PAGE), BAD_PARAMETER);
    assert_int_equal(f->port.maps, 0);
    assert_int_equal(gpu_unmap(f, 7), BAD_PARAMETER);
    assert_int_equal(f->port.unmaps, 0);
    assert_int_equal(gpu_map(f, 7, WINDOW - 2 * PAGE), MAP_INFO);
    assert_int_equal(gpu_map(f, 7, 0), BAD_PARAMETER);
    assert_int_equal(gpu_map(f, 8, WINDOW - 2 * PAGE), BAD_PARAMETER); /* overlap: the port says */
    assert_int_equal(gpu_map(f, 8, 0), MAP_INFO);
    assert_int_equal(gpu_unmap(f, 7), NODATA);
    assert_int_equal(gpu_unmap(f, 7), BAD_PARAMETER);
    assert_census(f, 2, 1, 4 * PAGE);
}

static void only_mappable_host_memory_is_mapped(void **state)
{
    struct gpu_fixture *f = *state;
    struct virtio_gpu_resource_create_blob request = gpu_blob(1, 7, PAGE);
    struct blob_with_entries guest = guest_blob(8, PAGE, 1);
    struct blob_with_entries both = guest_blob(9, PAGE, 1);

    gpu_context(f, 1, 0);
    request.blob_flags = VIRTIO_GPU_BLOB_FLAG_USE_SHAREABLE;
    assert_int_equal(GPU_DO(f, request), NODATA);
    assert_int_equal(send_guest_blob(f, &guest, 1), NODATA);
    both.blob.hdr.ctx_id = 1;
    both.blob.blob_mem = VIRTIO_GPU_BLOB_MEM_HOST3D_GUEST;
    assert_int_equal(send_guest_blob(f, &both, 1), NODATA);
    for (uint32_t id = 7; id <= 9; id++)
        assert_int_equal(gpu_map(f, id, 0), BAD_PARAMETER);
    assert_int_equal(f->port.maps, 0);
    assert_census(f, 3, 0, PAGE);
}

static void there_may_be_no_window(void **state)
{
    struct gpu_fixture *f = *state;

    gpu_context(f, 1, 0);
    gpu_create_blob(f, 1, 6, 4 * PAGE);
    f->port.port.size = 2 * PAGE; /* smaller than what was made before */
    assert_int_equal(gpu_map(f, 6, 0), BAD_PARAMETER);
    assert_int_equal(f->port.maps, 0);
    f->port.port.size = 0;
    assert_int_equal(gpu_create_blob(f, 1, 7, PAGE), NODATA);
    assert_int_equal(gpu_map(f, 7, 0), UNSPEC);
    assert_int_equal(gpu_create_blob(f, 1, 8, 1ull << 30), NO_MEMORY);
}

static void guest_pages_are_checked(void **state)
{
    struct gpu_fixture *f = *state;
    struct blob_with_entries request = guest_blob(7, 4 * PAGE, 4);

    request.entries[3].length = PAGE - 1; /* one byte short */
    assert_int_equal(send_guest_blob(f, &request, 4), BAD_PARAMETER);
    request.entries[3].length = 0;
    assert_int_equal(send_guest_blob(f, &request, 4), BAD_PARAMETER);
    request.entries[3].length = PAGE;
    request.entries[3].addr = RING_DRIVER_GPA + RING_DRIVER_RAM - PAGE + 1;
    assert_int_equal(send_guest_blob(f, &request, 4), BAD_PARAMETER);
    request.entries[3].addr = 0;
    assert_int_equal(send_guest_blob(f, &request, 4), BAD_PARAMETER);
    request.entries[3].addr = UINT64_MAX - 100;
    assert_int_equal(send_guest_blob(f, &request, 4), BAD_PARAMETER);
    request.entries[3].addr = RING_DRIVER_SEAM - 100; /* over two regions that touch */
    assert_int_equal(send_guest_blob(f, &request, 3), BAD_PARAMETER);
    assert_int_equal(send_guest_blob(f, &request, 5), BAD_PARAMETER);
    request.blob.nr_entries = UINT32_MAX;
    assert_int_equal(send_guest_blob(f, &request, 4), BAD_PARAMETER);
    request.blob.nr_entries = 4;
    request.blob.blob_id = 1;
    assert_int_equal(send_guest_blob(f, &request, 4), BAD_PARAMETER);
    request.blob.blob_id = 0;
    assert_census(f, 0, 0, 0);
    assert_int_equal(gpu_used(f, GPU_QUOTA_PAGES), 0);
    assert_int_equal(send_guest_blob(f, &request, 4), NODATA);
    assert_int_equal(gpu_used(f, GPU_QUOTA_PAGES), 5); /* the last one's pages are in two places */
    assert_census(f, 1, 0, 0);
    assert_int_equal(gpu_unref(f, 7), NODATA);
    assert_int_equal(gpu_used(f, GPU_QUOTA_PAGES), 0);
}

static void host_memory_has_no_guest_pages(void **state)
{
    struct gpu_fixture *f = *state;
    struct blob_with_entries request = guest_blob(7, PAGE, 1);

    gpu_context(f, 1, 0);
    request.blob.hdr.ctx_id = 1;
    request.blob.blob_mem = VIRTIO_GPU_BLOB_MEM_HOST3D;
    assert_int_equal(send_guest_blob(f, &request, 1), BAD_PARAMETER);
    assert_census(f, 0, 0, 0);
}

static void the_pieces_of_all_backings_are_limited(void **state)
{
    struct gpu_fixture *f = *state;
    struct blob_with_entries request = guest_blob(7, 4 * PAGE, 4);

    gpu_limit(f, GPU_QUOTA_PAGES, 7);
    assert_int_equal(send_guest_blob(f, &request, 4), NODATA);
    request.blob.resource_id = 8;
    assert_int_equal(send_guest_blob(f, &request, 4), NO_MEMORY);
    assert_int_equal(gpu_used(f, GPU_QUOTA_PAGES), 4);
    assert_int_equal(gpu_unref(f, 7), NODATA);
    assert_int_equal(send_guest_blob(f, &request, 4), NODATA);
}

static void neighbouring_pages_are_joined(void **state)
{
    struct gpu_fixture *f = *state;
    struct blob_with_entries request = guest_blob(7, 3 * PAGE, 3);
    struct resource *resource;

    request.entries[1].addr = request.entries[0].addr + PAGE;
    assert_int_equal(send_guest_blob(f, &request, 3), NODATA);
    resource = resource_find(gpu_of(f), 7);
    assert_int_equal(backing_count(resource->pins), 2);
    assert_true(resource->pins->iov[0].iov_len == 2 * PAGE);
    assert_ptr_equal(resource->pins->iov[1].iov_base,
                     guest_memory_at(&f->driver.memory, request.entries[2].addr, PAGE));
    assert_true(backing_size(resource->pins) == 3 * PAGE);
}

static uint32_t attach(struct gpu_fixture *f, uint32_t id, uint32_t count, uint32_t sent)
{
    struct attach_with_entries request = {
        .attach = {gpu_header(VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING, 0), id, count},
    };
    struct blob_with_entries pages = guest_blob(1, PAGE, sent);

    memcpy(request.entries, pages.entries, sizeof(pages.entries));
    return gpu_do(f, &request, sizeof(request.attach) + sent * sizeof(request.entries[0]));
}

static uint32_t detach(struct gpu_fixture *f, uint32_t id)
{
    return gpu_do_about(f, VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING, 0, id);
}

static void backing_comes_and_goes(void **state)
{
    struct gpu_fixture *f = *state;
    struct blob_with_entries request = guest_blob(7, 2 * PAGE, 0);

    gpu_context(f, 1, 0);
    gpu_create_blob(f, 1, 8, PAGE);
    assert_int_equal(send_guest_blob(f, &request, 0), NODATA);
    assert_int_equal(detach(f, 7), BAD_RESOURCE);
    assert_int_equal(attach(f, 7, 0, 0), BAD_PARAMETER);
    assert_int_equal(attach(f, 7, 1, 1), BAD_PARAMETER); /* too little */
    assert_int_equal(attach(f, 7, 3, 2), BAD_PARAMETER); /* more than sent */
    assert_int_equal(attach(f, 7, UINT32_MAX, 2), BAD_PARAMETER);
    assert_int_equal(attach(f, 9, 2, 2), BAD_RESOURCE);
    assert_int_equal(attach(f, 8, 2, 2), BAD_PARAMETER); /* HOST3D */
    assert_int_equal(detach(f, 8), BAD_RESOURCE);
    assert_int_equal(attach(f, 7, 2, 2), NODATA);
    assert_int_equal(attach(f, 7, 2, 2), UNSPEC);
    assert_int_equal(detach(f, 7), NODATA);
    assert_int_equal(detach(f, 7), BAD_RESOURCE);
    assert_int_equal(gpu_used(f, GPU_QUOTA_PAGES), 0);
    assert_int_equal(attach(f, 7, 2, 2), NODATA);
}

static void the_window_s_refusals_reach_the_guest(void **state)
{
    struct gpu_fixture *f = *state;
    const struct {
        int error;
        uint32_t type;
    } rows[] = {
        {-EINVAL, BAD_PARAMETER}, {-EEXIST, BAD_PARAMETER}, {-ENOMEM, NO_MEMORY},
        {-ENOSPC, NO_MEMORY},     {-EIO, UNSPEC},           {-ETIMEDOUT, UNSPEC},
    };

    gpu_context(f, 1, 0);
    gpu_create_blob(f, 1, 7, PAGE);
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        f->port.refuse = rows[i].error;
        assert_int_equal(gpu_map(f, 7, 0), rows[i].type);
        f->port.refuse = 0;
        f->port.result = rows[i].error;
        assert_int_equal(gpu_map(f, 7, 0), rows[i].type);
        assert_census(f, 1, 0, PAGE);
        f->port.result = 0;
        assert_int_equal(gpu_map(f, 7, 0), MAP_INFO);
        f->port.refuse = rows[i].error;
        assert_int_equal(gpu_unmap(f, 7), rows[i].type);
        f->port.refuse = 0;
        f->port.result = rows[i].error;
        assert_int_equal(gpu_unmap(f, 7), rows[i].type);
        assert_census(f, 1, 1, PAGE); /* still there, so one may try again */
        f->port.result = 0;
        assert_int_equal(gpu_unmap(f, 7), NODATA);
    }
}

static void what_the_window_does_not_know_counts_as_unmapped(void **state)
{
    struct gpu_fixture *f = *state;

    gpu_context(f, 1, 0);
    gpu_create_blob(f, 1, 7, PAGE);
    gpu_map(f, 7, 0);
    f->port.count = 0;
    assert_int_equal(gpu_unmap(f, 7), NODATA);
    assert_census(f, 1, 0, PAGE);
    gpu_map(f, 7, 0);
    f->port.count = 0;
    assert_int_equal(gpu_unref(f, 7), NODATA);
    assert_census(f, 0, 0, 0);
    gpu_create_blob(f, 1, 8, PAGE);
    gpu_map(f, 8, 0);
    f->port.result = -ENOENT;
    assert_int_equal(gpu_unref(f, 8), NODATA);
    f->port.count = 0; /* the fake took nothing out */
    assert_census(f, 0, 0, 0);
}

static void unref_waits_until_the_blob_has_left_the_window(void **state)
{
    struct gpu_fixture *f = *state;
    struct virtio_gpu_ctx_resource unref = gpu_about(VIRTIO_GPU_CMD_RESOURCE_UNREF, 0, 7);

    gpu_context(f, 1, 0);
    gpu_create_blob(f, 1, 7, PAGE);
    gpu_map(f, 7, 0);
    f->port.hold = true;
    gpu_send(f, 0, &unref, sizeof(unref), 24);
    gpu_loop(f);
    assert_int_equal(f->port.unmaps, 1);
    assert_false(gpu_answered(f, 0));
    assert_int_equal(f->census.resources, 1); /* the buffer lives until the answer */
    fake_port_answer(&f->port, 0);
    gpu_loop(f);
    assert_int_equal(gpu_take(f, 0), NODATA);
    assert_census(f, 0, 0, 0);
}

static void unref_forgets_even_what_the_window_keeps(void **state)
{
    struct gpu_fixture *f = *state;

    gpu_context(f, 1, 0);
    gpu_create_blob(f, 1, 7, PAGE);
    gpu_map(f, 7, 0);
    f->port.result = -ETIMEDOUT;
    assert_int_equal(gpu_unref(f, 7), UNSPEC);
    assert_int_equal(f->census.resources, 0);
    assert_int_equal(f->census.mapped, 0);
    assert_int_equal(gpu_unref(f, 7), BAD_RESOURCE);
    f->port.count = 0;
}

/* The window shuts and opens again, and the rings never stop. */
static void what_is_cancelled_is_done_again(void **state)
{
    struct gpu_fixture *f = *state;
    struct virtio_gpu_resource_map_blob map = gpu_map_request(7, PAGE);
    struct virtio_gpu_ctx_resource unmap = gpu_about(VIRTIO_GPU_CMD_RESOURCE_UNMAP_BLOB, 0, 7);
    struct virtio_gpu_ctx_resource unref = gpu_about(VIRTIO_GPU_CMD_RESOURCE_UNREF, 0, 7);
    const struct {
        const void *bytes;
        uint32_t size, type;
    } rows[] = {{&map, sizeof(map), MAP_INFO},
                {&unmap, sizeof(unmap), NODATA},
                {&map, sizeof(map), MAP_INFO},
                {&unref, sizeof(unref), NODATA}};

    gpu_context(f, 1, 0);
    gpu_create_blob(f, 1, 7, PAGE);
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        f->port.result = -ECANCELED;
        gpu_send(f, 0, rows[i].bytes, rows[i].size, 32);
        gpu_loop(f);
        assert_false(gpu_answered(f, 0));
        assert_int_equal(f->census.resources, 1);
        f->driver.queues[0].enabled = false;
        f->device->impl->queue_ready(f->device, 0);
        gpu_loop(f);
        assert_false(gpu_answered(f, 0));
        f->driver.queues[0].enabled = true;
        f->port.result = 0;
        f->device->impl->queue_ready(f->device, 0);
        gpu_loop(f);
        assert_int_equal(gpu_take(f, 0), rows[i].type);
        assert_false(gpu_answered(f, 0));
    }
    assert_census(f, 0, 0, 0);
}

static void destroying_the_context_leaves_the_mapping(void **state)
{
    struct gpu_fixture *f = *state;
    struct virtio_gpu_ctrl_hdr destroy = gpu_header(VIRTIO_GPU_CMD_CTX_DESTROY, 1);

    gpu_context(f, 1, 0);
    gpu_create_blob(f, 1, 7, PAGE);
    gpu_attach(f, 1, 7);
    gpu_map(f, 7, 0);
    assert_int_equal(GPU_DO(f, destroy), NODATA);
    assert_census(f, 1, 1, PAGE);
    assert_int_equal(gpu_unref(f, 7), NODATA);
    assert_census(f, 0, 0, 0);
}

static void limits_are_kept(void **state)
{
    struct gpu_fixture *f = *state;
    struct blob_with_entries guest = guest_blob(20, PAGE, 1);

    gpu_limit(f, GPU_QUOTA_RESOURCES, 3);
    gpu_limit(f, GPU_QUOTA_CONTEXTS, 2);
    gpu_limit(f, GPU_QUOTA_MEMORY, 8 * PAGE);
    gpu_context(f, 1, 0);
    assert_int_equal(gpu_context(f, 2, 0), NODATA);
    assert_int_equal(gpu_context(f, 3, 0), NO_MEMORY);
    assert_int_equal(gpu_create_blob(f, 1, 1, 8 * PAGE), NODATA);
    assert_int_equal(gpu_create_blob(f, 1, 2, PAGE), NO_MEMORY);
    gpu_unref(f, 1);
    assert_int_equal(gpu_create_blob(f, 1, 2, 9 * PAGE), NO_MEMORY);
    assert_int_equal(gpu_create_blob(f, 1, 2, 7 * PAGE), NODATA);
    assert_int_equal(gpu_create_blob(f, 1, 3, PAGE), NODATA);
    assert_int_equal(send_guest_blob(f, &guest, 1), NODATA);
    guest.blob.resource_id = 21;
    assert_int_equal(send_guest_blob(f, &guest, 1), NO_MEMORY);
    assert_int_equal(f->census.resources, 3);
}

/* No more descriptors than the process may have: the guest is told, and everything goes on. */
static void blobs_until_the_host_is_full(void **state)
{
    struct gpu_fixture *f = *state;
    uint32_t id = 1, type;

    gpu_context(f, 1, 0);
    do
        type = gpu_create_blob(f, 1, id++, PAGE);
    while (type == NODATA && id < 100000);
    assert_int_equal(type, NO_MEMORY);
    assert_int_equal(f->census.resources, id - 2);
    while (--id > 1)
        assert_int_equal(gpu_unref(f, id - 1), NODATA);
    assert_census(f, 0, 0, 0);
}

static void a_reset_drops_everything_without_asking(void **state)
{
    struct gpu_fixture *f = *state;
    struct blob_with_entries guest = guest_blob(20, PAGE, 1);
    unsigned unmaps;

    gpu_context(f, 1, 0);
    for (uint32_t id = 1; id <= 10; id++) {
        gpu_create_blob(f, 1, id, PAGE);
        gpu_attach(f, 1, id);
        assert_int_equal(gpu_map(f, id, id * PAGE), MAP_INFO);
    }
    send_guest_blob(f, &guest, 1);
    unmaps = f->port.unmaps;
    fake_port_reset(&f->port);
    f->device->impl->reset(f->device);
    assert_int_equal(f->port.unmaps, unmaps);
    assert_census(f, 0, 0, 0);
    assert_int_equal(f->census.contexts, 0);
    assert_int_equal(gpu_used(f, GPU_QUOTA_PAGES), 0);
    assert_int_equal(gpu_used(f, GPU_QUOTA_ATTACHMENTS), 0);
    /* The same ids work again. */
    assert_int_equal(gpu_context(f, 1, 0), NODATA);
    assert_int_equal(gpu_create_blob(f, 1, 1, PAGE), NODATA);
    assert_int_equal(gpu_map(f, 1, PAGE), MAP_INFO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GPU_TEST(a_host_blob_goes_through_its_life),
        GPU_ARENA_TEST(a_host_blob_goes_through_its_life),
        GPU_TEST(ids_are_checked),
        GPU_TEST(sizes_and_kinds_are_checked),
        GPU_TEST(features_are_needed),
        GPU_TEST(places_are_checked_before_the_window_is_asked),
        GPU_ARENA_TEST(places_are_checked_before_the_window_is_asked),
        GPU_TEST(only_mappable_host_memory_is_mapped),
        GPU_TEST(there_may_be_no_window),
        GPU_TEST(guest_pages_are_checked),
        GPU_TEST(host_memory_has_no_guest_pages),
        GPU_TEST(the_pieces_of_all_backings_are_limited),
        GPU_TEST(neighbouring_pages_are_joined),
        GPU_TEST(backing_comes_and_goes),
        GPU_TEST(the_window_s_refusals_reach_the_guest),
        GPU_TEST(what_the_window_does_not_know_counts_as_unmapped),
        GPU_TEST(unref_waits_until_the_blob_has_left_the_window),
        GPU_TEST(unref_forgets_even_what_the_window_keeps),
        GPU_TEST(what_is_cancelled_is_done_again),
        GPU_TEST(destroying_the_context_leaves_the_mapping),
        GPU_TEST(limits_are_kept),
        GPU_TEST(blobs_until_the_host_is_full),
        GPU_TEST(a_reset_drops_everything_without_asking),
        GPU_ARENA_TEST(a_reset_drops_everything_without_asking),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
#include "fd_count.h"

#include <errno.h>
#include <string.h>

#include "gpu/picture.h"
#include "gpu/resource.h"
#include "gpu_2d.h"

#define MIB (1ull << 20)

static struct gpu_options options;

static int setup(void **state, enum exporter_kind kind)
{
    fd_count_setup(state);
    *state = gpu_fixture_create(&options, kind);
    assert_int_equal(gpu_context(*state, 1, 0), NODATA);
    return 0;
}

static int setup_arena(void **state)
{
    return setup(state, EXPORTER_ARENA);
}

static int setup_memfd(void **state)
{
    return setup(state, EXPORTER_MEMFD);
}

static int teardown(void **state)
{
    gpu_fixture_destroy(*state);
    return fd_count_teardown(state);
}

static uint32_t create(struct gpu_fixture *f, uint32_t id, bool cross_device)
{
    struct virtio_gpu_resource_create_blob request = gpu_blob(1, id, MIB);

    if (cross_device)
        request.blob_flags |= htole32(VIRTIO_GPU_BLOB_FLAG_USE_CROSS_DEVICE);
    return GPU_DO(f, request);
}

static uint32_t assign(struct gpu_fixture *f, uint32_t id, uint8_t *uuid)
{
    struct virtio_gpu_resource_assign_uuid request = {
        .hdr = gpu_header(VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID, 0), .resource_id = htole32(id)};
    uint32_t type = GPU_DO(f, request);

    if (type == VIRTIO_GPU_RESP_OK_RESOURCE_UUID) {
        assert_int_equal(f->written, sizeof(struct virtio_gpu_resp_resource_uuid));
        memcpy(uuid, ((struct virtio_gpu_resp_resource_uuid *)f->answer)->uuid, 16);
    }
    return type;
}

#define OK_UUID VIRTIO_GPU_RESP_OK_RESOURCE_UUID

static void a_resource_has_one_name(void **state)
{
    struct gpu_fixture *f = *state;
    uint8_t uuids[8][16], again[16];

    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(create(f, i + 1, true), NODATA);
        assert_int_equal(assign(f, i + 1, uuids[i]), OK_UUID);
        assert_int_equal(uuids[i][6] >> 4, 4); /* random */
        assert_int_equal(uuids[i][8] >> 6, 2);
        for (unsigned k = 0; k < i; k++)
            assert_memory_not_equal(uuids[i], uuids[k], 16);
    }
    assert_int_equal(assign(f, 3, again), OK_UUID);
    assert_memory_equal(again, uuids[2], 16);
    assert_int_equal(assign(f, 9, again), BAD_RESOURCE);
    assert_int_equal(assign(f, 0, again), BAD_RESOURCE);
}

static void others_can_have_what_is_theirs(void **state)
{
    struct gpu_fixture *f = *state;
    struct resource *resource;
    uint8_t uuid[16], other[16];
    unsigned at;

    assert_int_equal(create(f, 1, true), NODATA);
    assert_int_equal(create(f, 2, true), NODATA);
    assert_int_equal(f->shared_count, 0);
    assert_int_equal(assign(f, 1, uuid), OK_UUID);
    assert_int_equal(assign(f, 1, uuid), OK_UUID);
    assert_int_equal(assign(f, 2, other), OK_UUID);
    assert_int_equal(f->shared_count, 2);
    resource = resource_find((struct gpu *)(void *)f->device, 1);
    at = gpu_shared(f, uuid);
    assert_true(at < 2 && fd_same_file(f->shared[at].fd, resource->buffer->fd));
    assert_int_equal(gpu_unref(f, 1), NODATA);
    assert_int_equal(f->shared_count, 1);
    assert_int_equal(gpu_shared(f, other), 0);
    f->device->impl->reset(f->device);
    assert_int_equal(f->shared_count, 0);
}

static void a_picture_can_be_had(void **state)
{
    struct gpu_fixture *f = *state;
    uint8_t uuid[16];

    assert_int_equal(gpu_create_2d(f, 1, BGRX, 64, 64), NODATA);
    assert_int_equal(assign(f, 1, uuid), OK_UUID);
    assert_int_equal(f->shared_count, 1);
    assert_true(fd_same_file(f->shared[0].fd,
                             resource_find((struct gpu *)(void *)f->device, 1)->picture->fd));
    assert_int_equal(gpu_unref(f, 1), NODATA);
    assert_int_equal(f->shared_count, 0);
}

/* The descriptor of the arena is all that the guest has. */
static void a_piece_of_the_arena_is_not_given_away(void **state)
{
    struct gpu_fixture *f = *state;
    uint8_t uuid[16];

    assert_int_equal(create(f, 1, true), NODATA);
    assert_int_equal(gpu_map(f, 1, 0), MAP_INFO);
    assert_int_equal(assign(f, 1, uuid), OK_UUID);
    assert_int_equal(f->shared_count, 0);
    assert_int_equal(gpu_unref(f, 1), NODATA);
}

static void what_the_driver_keeps_is_not_shared(void **state)
{
    struct gpu_fixture *f = *state;
    uint8_t uuid[16];

    assert_int_equal(create(f, 1, false), NODATA);
    assert_int_equal(assign(f, 1, uuid), OK_UUID);
    assert_int_equal(f->shared_count, 0);
    /* Nor is what the door cannot be told of. */
    f->share_result = -ENOTCONN;
    assert_int_equal(create(f, 2, true), NODATA);
    assert_int_equal(assign(f, 2, uuid), OK_UUID);
    assert_int_equal(gpu_unref(f, 2), NODATA);
}

static void it_must_have_been_agreed(void **state)
{
    struct gpu_fixture *f = *state;
    struct device_facts facts;
    uint8_t uuid[16];

    f->device->impl->facts(f->device, &facts);
    assert_true(facts.features & 1ull << VIRTIO_GPU_F_RESOURCE_UUID);
    f->device->impl->set_features(f->device, ALL_FEATURES & ~(1ull << VIRTIO_GPU_F_RESOURCE_UUID));
    assert_int_equal(create(f, 1, true), BAD_PARAMETER);
    assert_int_equal(create(f, 1, false), NODATA);
    assert_int_equal(assign(f, 1, uuid), UNSPEC);
}

#define ROW(function, how) cmocka_unit_test_setup_teardown(function, setup_##how, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(a_resource_has_one_name, memfd),
        ROW(a_resource_has_one_name, arena),
        ROW(others_can_have_what_is_theirs, memfd),
        ROW(a_picture_can_be_had, arena),
        ROW(a_piece_of_the_arena_is_not_given_away, arena),
        ROW(what_the_driver_keeps_is_not_shared, memfd),
        ROW(it_must_have_been_agreed, memfd),
    };

    log_init("test", NULL, LOG_LEVEL_WARNING);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

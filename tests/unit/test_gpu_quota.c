/* SPDX-License-Identifier: MIT */
#include "gpu_test.h"

#include "fake_renderer.h"

#include "gpu/texture_size.h"

/*
 * Each of a GPU's quotas over the rings: beyond it the guest gets its error and is counted, and
 * what it gives back it may have again. That nothing stays counted is what every fixture's end
 * checks.
 */
#define PAGE 4096ull

static void expect(const struct gpu_fixture *f, enum gpu_quota quota, uint64_t used,
                   uint64_t refused)
{
    assert_int_equal(f->numbers[quota].used, used);
    assert_int_equal(f->numbers[quota].refused, refused);
}

static void resources_are_limited(void **state)
{
    struct gpu_fixture *f = *state;

    gpu_limit(f, GPU_QUOTA_RESOURCES, 2);
    gpu_context(f, 1, 0);
    assert_int_equal(gpu_create_blob(f, 1, 7, PAGE), NODATA);
    assert_int_equal(gpu_create_blob(f, 1, 8, PAGE), NODATA);
    assert_int_equal(gpu_create_blob(f, 1, 9, PAGE), NO_MEMORY);
    expect(f, GPU_QUOTA_RESOURCES, 2, 1);
    expect(f, GPU_QUOTA_MEMORY, 2 * PAGE, 0); /* and nothing else was taken */
    assert_int_equal(gpu_unref(f, 7), NODATA);
    assert_int_equal(gpu_create_blob(f, 1, 9, PAGE), NODATA);
    expect(f, GPU_QUOTA_RESOURCES, 2, 1);
}

static void contexts_are_limited(void **state)
{
    struct gpu_fixture *f = *state;
    struct virtio_gpu_ctrl_hdr destroy = gpu_header(VIRTIO_GPU_CMD_CTX_DESTROY, 1);

    gpu_limit(f, GPU_QUOTA_CONTEXTS, 1);
    assert_int_equal(gpu_context(f, 1, 0), NODATA);
    assert_int_equal(gpu_context(f, 2, 0), NO_MEMORY);
    expect(f, GPU_QUOTA_CONTEXTS, 1, 1);
    assert_int_equal(GPU_DO(f, destroy), NODATA);
    expect(f, GPU_QUOTA_CONTEXTS, 0, 1);
    assert_int_equal(gpu_context(f, 2, 0), NODATA);
}

static void memory_is_limited(void **state)
{
    struct gpu_fixture *f = *state;

    gpu_limit(f, GPU_QUOTA_MEMORY, 4 * PAGE);
    gpu_context(f, 1, 0);
    assert_int_equal(gpu_create_blob(f, 1, 7, 3 * PAGE), NODATA);
    assert_int_equal(gpu_create_blob(f, 1, 8, 2 * PAGE), NO_MEMORY);
    expect(f, GPU_QUOTA_MEMORY, 3 * PAGE, 1);
    expect(f, GPU_QUOTA_RESOURCES, 1, 0);
    assert_int_equal(f->census.bytes, 3 * PAGE);
    assert_int_equal(gpu_create_blob(f, 1, 8, PAGE), NODATA);
    assert_int_equal(gpu_unref(f, 7), NODATA);
    expect(f, GPU_QUOTA_MEMORY, PAGE, 1);
    assert_int_equal(f->numbers[GPU_QUOTA_MEMORY].peak, 4 * PAGE);
}

static void mappings_are_limited(void **state)
{
    struct gpu_fixture *f = *state;

    gpu_limit(f, GPU_QUOTA_MAPPINGS, 2);
    gpu_context(f, 1, 0);
    for (uint32_t id = 1; id <= 3; id++)
        assert_int_equal(gpu_create_blob(f, 1, id, PAGE), NODATA);
    assert_int_equal(gpu_map(f, 1, 0), MAP_INFO);
    assert_int_equal(gpu_map(f, 2, 0), BAD_PARAMETER); /* the place is taken: it costs nothing */
    expect(f, GPU_QUOTA_MAPPINGS, 1, 0);
    assert_int_equal(gpu_map(f, 2, PAGE), MAP_INFO);
    assert_int_equal(gpu_map(f, 3, 2 * PAGE), NO_MEMORY);
    expect(f, GPU_QUOTA_MAPPINGS, 2, 1);
    assert_int_equal(gpu_unmap(f, 1), NODATA);
    assert_int_equal(gpu_map(f, 3, 2 * PAGE), MAP_INFO);
    assert_int_equal(gpu_unref(f, 2), NODATA);
    expect(f, GPU_QUOTA_MAPPINGS, 1, 1);
    fake_port_reset(&f->port);
    f->device->impl->reset(f->device);
    for (unsigned i = 0; i < GPU_QUOTA_COUNT; i++)
        assert_int_equal(f->numbers[i].used, 0);
}

static uint32_t create_texture(struct gpu_fixture *f, uint32_t id, uint32_t side)
{
    struct virtio_gpu_resource_create_3d request = fake_texture(id, 1, side, side);

    return GPU_DO(f, request);
}

static void textures_are_limited(void **state)
{
    struct gpu_fixture *f = *state;
    struct fake_renderer *fake = fake_renderer_add(f);

    fake->at_once = true;
    gpu_limit(f, GPU_QUOTA_TEXTURES, 64 * 64 * 4 + 100);
    assert_int_equal(create_texture(f, 7, 64), NODATA);
    assert_int_equal(create_texture(f, 8, 8), NO_MEMORY);
    assert_int_equal(create_texture(f, 8, UINT32_MAX), NO_MEMORY);
    expect(f, GPU_QUOTA_TEXTURES, 64 * 64 * 4, 2);
    assert_int_equal(create_texture(f, 8, 4), NODATA);
    assert_int_equal(gpu_unref(f, 7), NODATA);
    expect(f, GPU_QUOTA_TEXTURES, 4 * 4 * 4, 2);
}

/* What a renderer fails to make costs nothing. */
static void a_failure_is_given_back(void **state)
{
    struct gpu_fixture *f = *state;
    struct virtio_gpu_resource_create_blob odd = gpu_blob(1, 7, PAGE);

    gpu_context(f, 1, 0);
    odd.blob_id = htole64(5);
    assert_int_equal(GPU_DO(f, odd), BAD_PARAMETER);
    expect(f, GPU_QUOTA_MEMORY, 0, 0);
    expect(f, GPU_QUOTA_RESOURCES, 0, 0);
}

static void textures_have_a_size(void **state)
{
    static const struct {
        struct renderer_resource what;
        uint64_t size;
    } known[] = {
        {{.target = 0, .format = 31, .width = 1000, .height = 1, .depth = 1}, 1000},
        {{.target = 2, .format = 1, .width = 640, .height = 480, .depth = 1}, 640 * 480 * 4},
        {{.target = 2, .format = 31, .width = 64, .height = 64, .depth = 1}, 64 * 64 * 16},
        {{.target = 2, .format = 94, .width = 64, .height = 64, .depth = 1}, 64 * 64 * 8},
        {{.target = 2, .format = 64, .width = 3, .height = 3, .depth = 1}, 9},
        {{.target = 2, .format = 108, .width = 64, .height = 64, .depth = 1}, 64 * 64},
        {{.target = 2, .format = 1, .width = 4, .height = 4, .depth = 1, .last_level = 2},
         (16 + 4 + 1) * 4},
        {{.target = 2, .format = 1, .width = 4, .height = 4, .last_level = UINT32_MAX},
         (16 + 4 + 1 + 29) * 4},
        {{.target = 3, .format = 1, .width = 4, .height = 4, .depth = 4, .nr_samples = 4}, 1024},
        {{.target = 7, .format = 1, .width = 4, .height = 4, .depth = 1, .array_size = 6}, 384},
        {{.target = 2, .format = 1, .width = UINT32_MAX, .height = UINT32_MAX, .depth = 9},
         UINT64_MAX},
        {{.target = 2,
          .format = 1,
          .width = 1u << 31,
          .height = 1u << 31,
          .depth = 1,
          .array_size = 1u << 31},
         UINT64_MAX},
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        assert_true(texture_size(&known[i].what) == known[i].size);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GPU_TEST(resources_are_limited), GPU_TEST(contexts_are_limited),
        GPU_TEST(memory_is_limited),     GPU_TEST(mappings_are_limited),
        GPU_TEST(textures_are_limited),  GPU_TEST(a_failure_is_given_back),
        FD_TEST(textures_have_a_size),
    };

    log_init("test_gpu_quota", NULL, LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

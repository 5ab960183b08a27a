/* SPDX-License-Identifier: MIT */
#include "gpu_2d.h"
#include "nth_sweep.h"

/* A GPU in need: whatever it cannot get, the driver gets an answer, and the next driver all. */
#define CTX 1u
#define PAGE 4096u
#define AT (RING_DRIVER_GPA + (8u << 20)) /* of guest pages that the fixture does not give out */
#define WIDTH 64u
#define HEIGHT 48u
#define BYTES (WIDTH * HEIGHT * 4u)

static bool good;

/* A step that went as it should. */
#define STEP(call, expected) (good = ((call) == (expected)) && good)

static uint32_t submit_fill(struct gpu_fixture *f, uint32_t id)
{
    struct {
        struct virtio_gpu_cmd_submit submit;
        struct memory_stream_command command;
    } stream = {
        .submit = {.hdr = gpu_header(VIRTIO_GPU_CMD_SUBMIT_3D, CTX),
                   .size = htole32(sizeof(stream.command))},
        .command = {.opcode = MEMORY_STREAM_FILL, .resource = id, .size = PAGE, .seed = 7},
    };

    return GPU_DO(f, stream);
}

static void use_blobs(struct gpu_fixture *f)
{
    STEP(gpu_context(f, CTX, MEMORY_STREAM_CAPSET), NODATA);
    STEP(gpu_create_blob(f, CTX, 7, 2 * PAGE), NODATA);
    STEP(gpu_attach(f, CTX, 7), NODATA);
    STEP(gpu_map(f, 7, 0), MAP_INFO);
    STEP(submit_fill(f, 7), NODATA);
    STEP(gpu_create_blob(f, CTX, 8, PAGE), NODATA);
    STEP(gpu_map(f, 8, 8 * PAGE), MAP_INFO);
    STEP(gpu_do_about(f, VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID, 0, 8),
         VIRTIO_GPU_RESP_OK_RESOURCE_UUID);
    STEP(gpu_unmap(f, 7), NODATA);
    STEP(gpu_map(f, 7, 4 * PAGE), MAP_INFO);
    STEP(gpu_detach(f, CTX, 7), NODATA);
    STEP(gpu_unref(f, 7), NODATA);
}

static void show(struct gpu_fixture *f)
{
    const struct virtio_gpu_rect all = gpu_rect(0, 0, WIDTH, HEIGHT);
    struct virtio_gpu_update_cursor update = {.hdr = gpu_header(VIRTIO_GPU_CMD_UPDATE_CURSOR, 0),
                                              .resource_id = htole32(21)};

    STEP(gpu_create_2d(f, 20, BGRX, WIDTH, HEIGHT), NODATA);
    STEP(gpu_back(f, 20, AT, BYTES), NODATA);
    STEP(gpu_transfer(f, 20, all, 0), NODATA);
    STEP(gpu_scanout(f, 0, 20, all), NODATA);
    STEP(gpu_flush(f, 20, all), NODATA);
    STEP(gpu_create_2d(f, 21, BGRA, 64, 64), NODATA);
    STEP(gpu_back(f, 21, AT, 64 * 64 * 4), NODATA);
    STEP(gpu_transfer(f, 21, gpu_rect(0, 0, 64, 64), 0), NODATA);
    STEP(gpu_cursor(f, &update), true);
    STEP(gpu_do_about(f, VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING, 0, 20), NODATA);
}

static bool use(void *fixture)
{
    good = true;
    use_blobs(fixture);
    show(fixture);
    return good;
}

static const struct gpu_options options = {.output_count = 2};

static void *create(enum exporter_kind kind)
{
    return gpu_fixture_create(&options, kind);
}

static void reboot(void *fixture)
{
    struct gpu_fixture *f = fixture;

    for (unsigned q = 0; q < 2; q++)
        virtqueue_stop(&f->driver.queues[q]);
    fake_port_reset(&f->port);
    f->device->impl->reset(f->device);
    for (unsigned q = 0; q < 2; q++)
        ring_driver_start(&f->driver, q, 256);
}

static void end(void *fixture)
{
    struct gpu_fixture *f = fixture;

    assert_int_equal(f->census.resources, 0);
    assert_int_equal(f->census.contexts, 0);
    assert_int_equal(f->census.mapped, 0);
    assert_int_equal(f->census.bytes, 0);
    gpu_fixture_destroy(f);
}

static const struct nth_subject subject = {create, use, reboot, end};

static void every_call_fails_in_turn(void **state)
{
    nth_sweep(&subject, EXPORTER_MEMFD);
}

static void every_call_fails_in_turn_with_the_arena(void **state)
{
    nth_sweep(&subject, EXPORTER_ARENA);
}

/* It is made, or it is not; and nothing is left of it. */
static void every_call_of_its_making_fails_in_turn(void **state)
{
    struct gpu_fixture *f = create(EXPORTER_MEMFD);
    unsigned refused = 0;
    bool fired = true;

    for (unsigned nth = 1; fired; nth++) {
        f->device->impl->destroy(f->device);
        nth_arm(nth);
        f->device = gpu_device_create(&f->host, &options);
        fired = nth_disarm();
        refused += f->device == NULL;
        if (f->device == NULL)
            f->device = gpu_device_create(&f->host, &options);
        assert_non_null(f->device);
        f->device->impl->reset(f->device);
        f->device->impl->set_features(f->device, ALL_FEATURES);
    }
    assert_true(refused > 5);
    assert_true(use(f));
    gpu_fixture_destroy(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(every_call_fails_in_turn),
        FD_TEST(every_call_fails_in_turn_with_the_arena),
        FD_TEST(every_call_of_its_making_fails_in_turn),
    };

    log_init("test", NULL, LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
#include "gpu_test.h"

#include "gpu/resource.h"

#define PAGE 4096u
#define CTX 1u
#define BIG (64ull << 20)
#define MAX_COMMANDS 64u

struct stream {
    struct virtio_gpu_cmd_submit submit;
    struct memory_stream_command commands[MAX_COMMANDS];
};

static struct stream stream_of(unsigned count)
{
    return (struct stream){
        .submit = {.hdr = gpu_header(VIRTIO_GPU_CMD_SUBMIT_3D, CTX),
                   .size = count * (uint32_t)sizeof(struct memory_stream_command)},
    };
}

static size_t stream_size(const struct stream *stream)
{
    return sizeof(stream->submit) + stream->submit.size;
}

static uint32_t submit(struct gpu_fixture *f, const struct stream *stream)
{
    return gpu_do(f, stream, stream_size(stream));
}

static struct memory_stream_command fill(uint32_t id, uint64_t offset, uint64_t size, uint64_t seed)
{
    return (struct memory_stream_command){
        .opcode = MEMORY_STREAM_FILL,
        .resource = id,
        .offset = offset,
        .size = size,
        .seed = seed,
    };
}

static struct memory_stream_command sum(uint32_t id, uint64_t offset, uint64_t size, uint32_t to,
                                        uint64_t to_offset)
{
    return (struct memory_stream_command){
        .opcode = MEMORY_STREAM_SUM,
        .resource = id,
        .offset = offset,
        .size = size,
        .result_resource = to,
        .result_offset = to_offset,
    };
}

static uint32_t submit_one(struct gpu_fixture *f, struct memory_stream_command command)
{
    struct stream stream = stream_of(1);

    stream.commands[0] = command;
    return submit(f, &stream);
}

static uint64_t *words(struct gpu_fixture *f, uint32_t id)
{
    struct gpu *gpu = (struct gpu *)(void *)f->device;

    return buffer_data(resource_find(gpu, id)->buffer);
}

static void make(struct gpu_fixture *f, uint32_t id, uint64_t size)
{
    assert_int_equal(gpu_create_blob(f, CTX, id, size), NODATA);
    assert_int_equal(gpu_attach(f, CTX, id), NODATA);
}

static void fill_and_sum_reach_the_guest_s_bytes(void **state)
{
    struct gpu_fixture *f = *state;
    struct stream stream = stream_of(3);
    const uint64_t *at;

    gpu_context(f, CTX, MEMORY_STREAM_CAPSET);
    make(f, 7, 4 * PAGE);
    make(f, 8, PAGE);
    assert_int_equal(gpu_map(f, 7, PAGE), MAP_INFO);
    stream.commands[0] = fill(7, PAGE, 2 * PAGE, 0x1234);
    stream.commands[1] = sum(7, PAGE, 2 * PAGE, 8, PAGE - 8);
    stream.commands[2] = sum(7, 0, 8, 8, 0);
    assert_int_equal(submit(f, &stream), NODATA);
    at = words(f, 7);
    assert_true(at[PAGE / 8 - 1] == 0 && at[3 * PAGE / 8] == 0);
    for (unsigned i = 0; i < 2 * PAGE / 8; i++)
        assert_true(at[PAGE / 8 + i] == memory_stream_word(0x1234, i));
    assert_true(words(f, 8)[PAGE / 8 - 1] == memory_stream_sum(at + PAGE / 8, 2 * PAGE / 8));
    assert_true(words(f, 8)[0] == memory_stream_sum(at, 1));
}

static void the_bytes_stay_over_map_and_unmap(void **state)
{
    struct gpu_fixture *f = *state;

    gpu_context(f, CTX, MEMORY_STREAM_CAPSET);
    make(f, 7, 2 * PAGE);
    assert_int_equal(submit_one(f, fill(7, 0, 2 * PAGE, 5)), NODATA);
    gpu_map(f, 7, 4 * PAGE);
    assert_true(words(f, 7)[100] == memory_stream_word(5, 100));
    gpu_unmap(f, 7);
    gpu_map(f, 7, 0);
    assert_true(words(f, 7)[100] == memory_stream_word(5, 100));
    assert_int_equal(submit_one(f, sum(7, 0, PAGE, 7, 8)), NODATA);
}

static void large_ranges_are_done_in_slices(void **state)
{
    struct gpu_fixture *f = *state;
    struct stream stream = stream_of(2);
    uint64_t *at;

    gpu_context(f, CTX, MEMORY_STREAM_CAPSET);
    make(f, 7, BIG);
    make(f, 8, PAGE);
    stream.commands[0] = fill(7, 0, BIG, 99);
    stream.commands[1] = sum(7, 0, BIG, 8, 16);
    gpu_send(f, 0, &stream, (uint32_t)stream_size(&stream), 24);
    assert_false(gpu_answered(f, 0));
    assert_true(gpu_loop(f) > 16); /* others had their turn in between */
    assert_int_equal(gpu_take(f, 0), NODATA);
    at = words(f, 7);
    for (uint64_t i = 0; i < BIG / 8; i++)
        if (at[i] != memory_stream_word(99, i))
            fail_msg("word %llu is wrong", (unsigned long long)i);
    assert_true(words(f, 8)[2] == memory_stream_sum(at, BIG / 8));
}

static void the_queue_stands_still_behind_a_long_stream(void **state)
{
    struct gpu_fixture *f = *state;
    struct stream stream = stream_of(1);
    struct virtio_gpu_ctx_resource unref = gpu_about(VIRTIO_GPU_CMD_RESOURCE_UNREF, 0, 7);
    uint16_t first;

    gpu_context(f, CTX, MEMORY_STREAM_CAPSET);
    make(f, 7, BIG);
    stream.commands[0] = fill(7, 0, BIG, 1);
    gpu_send(f, 0, &stream, (uint32_t)stream_size(&stream), 24);
    first = f->head;
    gpu_send(f, 0, &unref, sizeof(unref), 24);
    assert_int_equal(f->census.resources, 1);
    gpu_loop(f);
    assert_int_equal(gpu_take(f, 0), NODATA);
    assert_int_equal(f->head, first);
    assert_int_equal(gpu_take(f, 0), NODATA);
    assert_int_equal(f->census.resources, 0);
}

static void a_reset_abandons_a_long_stream(void **state)
{
    struct gpu_fixture *f = *state;
    struct stream stream = stream_of(1);

    gpu_context(f, CTX, MEMORY_STREAM_CAPSET);
    make(f, 7, BIG);
    stream.commands[0] = fill(7, 0, BIG, 1);
    gpu_send(f, 0, &stream, (uint32_t)stream_size(&stream), 24);
    fake_port_reset(&f->port);
    f->device->impl->reset(f->device);
    assert_int_equal(gpu_loop(f), 0); /* nothing of it is left in the loop */
    assert_false(gpu_answered(f, 0));
    assert_int_equal(f->driver.queues[0].in_flight, 0);
    assert_int_equal(f->census.resources, 0);
    /* And the device still works. */
    assert_int_equal(gpu_context(f, CTX, MEMORY_STREAM_CAPSET), NODATA);
    make(f, 7, PAGE);
    assert_int_equal(submit_one(f, fill(7, 0, PAGE, 1)), NODATA);
}

static void ranges_are_checked(void **state)
{
    struct gpu_fixture *f = *state;
    const struct memory_stream_command bad[] = {
        fill(7, 0, 0, 1),
        fill(7, 4, 8, 1),
        fill(7, 0, 12, 1),
        fill(7, 2 * PAGE, 8, 1),
        fill(7, 8, 2 * PAGE, 1),
        fill(7, 0, 2 * PAGE + 8, 1),
        fill(7, UINT64_MAX - 7, 8, 1),
        fill(7, 8, UINT64_MAX - 7, 1),
        fill(7, UINT64_MAX - 7, 16, 1),
        fill(0, 0, 8, 1),
        fill(99, 0, 8, 1),
        fill(9, 0, 8, 1), /* not attached */
        sum(7, 0, 8, 0, 0),
        sum(7, 0, 8, 9, 0),
        sum(7, 0, 8, 7, 2 * PAGE),
        sum(7, 0, 8, 7, 4),
        sum(7, 0, 8, 7, UINT64_MAX - 7),
        sum(9, 0, 8, 7, 0),
        {.opcode = 0, .resource = 7, .size = 8},
        {.opcode = 3, .resource = 7, .size = 8},
        {.opcode = MEMORY_STREAM_FILL, .resource = 7, .size = 8, .pad = 1},
        {.opcode = MEMORY_STREAM_FILL, .resource = 7, .size = 8, .result_resource = 7},
        {.opcode = MEMORY_STREAM_SUM, .resource = 7, .size = 8, .result_resource = 7, .seed = 1},
    };

    gpu_context(f, CTX, MEMORY_STREAM_CAPSET);
    make(f, 7, 2 * PAGE);
    gpu_create_blob(f, CTX, 9, PAGE);
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (submit_one(f, bad[i]) != BAD_PARAMETER)
            fail_msg("command %u was not refused", i);
    for (unsigned i = 0; i < 2 * PAGE / 8; i++)
        assert_true(words(f, 7)[i] == 0);
    assert_int_equal(submit_one(f, fill(7, 2 * PAGE - 8, 8, 1)), NODATA);
    assert_int_equal(gpu_detach(f, CTX, 7), NODATA);
    assert_int_equal(submit_one(f, fill(7, 0, 8, 1)), BAD_PARAMETER);
}

static void guest_memory_is_not_for_streams(void **state)
{
    struct gpu_fixture *f = *state;
    struct virtio_gpu_resource_create_blob guest = gpu_blob(CTX, 7, PAGE);

    gpu_context(f, CTX, MEMORY_STREAM_CAPSET);
    guest.blob_mem = VIRTIO_GPU_BLOB_MEM_GUEST;
    assert_int_equal(GPU_DO(f, guest), NODATA);
    guest.resource_id = 8;
    guest.blob_mem = VIRTIO_GPU_BLOB_MEM_HOST3D_GUEST;
    assert_int_equal(GPU_DO(f, guest), NODATA);
    for (uint32_t id = 7; id <= 8; id++) {
        assert_int_equal(gpu_attach(f, CTX, id), NODATA);
        assert_int_equal(submit_one(f, fill(id, 0, 8, 1)), BAD_PARAMETER);
    }
}

static void the_first_bad_command_ends_a_stream(void **state)
{
    struct gpu_fixture *f = *state;
    struct stream stream = stream_of(3);

    gpu_context(f, CTX, MEMORY_STREAM_CAPSET);
    make(f, 7, PAGE);
    stream.commands[0] = fill(7, 0, 8, 1);
    stream.commands[1] = fill(7, 8, 0, 1);
    stream.commands[2] = fill(7, 16, 8, 1);
    assert_int_equal(submit(f, &stream), BAD_PARAMETER);
    assert_true(words(f, 7)[0] == memory_stream_word(1, 0));
    assert_true(words(f, 7)[2] == 0);
    /* Also when it comes after slices, and when it is not whole. */
    make(f, 8, BIG);
    stream.commands[0] = fill(8, 0, BIG, 1);
    assert_int_equal(submit(f, &stream), BAD_PARAMETER);
    stream.commands[0] = fill(7, 0, 8, 2);
    stream.submit.size = sizeof(stream.commands[0]) + 4;
    assert_int_equal(submit(f, &stream), BAD_PARAMETER);
    assert_true(words(f, 7)[0] == memory_stream_word(2, 0));
}

static void sizes_of_streams_are_checked(void **state)
{
    struct gpu_fixture *f = *state;
    struct stream stream = stream_of(2);
    uint32_t size = sizeof(stream.submit) + 2 * sizeof(stream.commands[0]);

    gpu_context(f, CTX, MEMORY_STREAM_CAPSET);
    make(f, 7, PAGE);
    stream.commands[0] = fill(7, 0, 8, 1);
    stream.commands[1] = fill(7, 8, 8, 1);
    stream.submit.size++;
    assert_int_equal(gpu_do(f, &stream, size), BAD_PARAMETER);
    stream.submit.size = UINT32_MAX;
    assert_int_equal(gpu_do(f, &stream, size), BAD_PARAMETER);
    assert_true(words(f, 7)[0] == 0);
    stream.submit.size = sizeof(stream.commands[0]); /* what follows is not read */
    assert_int_equal(gpu_do(f, &stream, size), NODATA);
    assert_true(words(f, 7)[0] != 0 && words(f, 7)[1] == 0);
    stream.submit.size = 0;
    assert_int_equal(submit(f, &stream), NODATA);
}

static void contexts_are_checked(void **state)
{
    struct gpu_fixture *f = *state;
    struct stream stream = stream_of(1);

    stream.commands[0] = fill(7, 0, 8, 1);
    assert_int_equal(submit(f, &stream), BAD_CONTEXT);
    stream.submit.size = 0;
    assert_int_equal(submit(f, &stream), BAD_CONTEXT);
    /* An empty stream carries a fence in any context, a full one needs the capset. */
    gpu_context(f, CTX, 0);
    make(f, 7, PAGE);
    assert_int_equal(submit(f, &stream), NODATA);
    stream = stream_of(1);
    stream.commands[0] = fill(7, 0, 8, 1);
    assert_int_equal(submit(f, &stream), BAD_PARAMETER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GPU_TEST(fill_and_sum_reach_the_guest_s_bytes),
        GPU_ARENA_TEST(fill_and_sum_reach_the_guest_s_bytes),
        GPU_TEST(the_bytes_stay_over_map_and_unmap),
        GPU_ARENA_TEST(the_bytes_stay_over_map_and_unmap),
        GPU_TEST(large_ranges_are_done_in_slices),
        GPU_ARENA_TEST(large_ranges_are_done_in_slices),
        GPU_TEST(the_queue_stands_still_behind_a_long_stream),
        GPU_TEST(a_reset_abandons_a_long_stream),
        GPU_TEST(ranges_are_checked),
        GPU_TEST(guest_memory_is_not_for_streams),
        GPU_TEST(the_first_bad_command_ends_a_stream),
        GPU_TEST(sizes_of_streams_are_checked),
        GPU_TEST(contexts_are_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

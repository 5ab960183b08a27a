/* SPDX-License-Identifier: MIT */
#include "bad.h"

#include <string.h>

#include "tests/session/gpu_rows.h"

/*
 * A guest whose commands lie, one kind of lie after the other. Each is answered with its error,
 * said and counted; the bystander, mapped and attached to context 1, keeps every byte; and nothing
 * is left when the guest has gone.
 */
#define MINE 8000u          /* the bystander: see subject.c */
#define MINE_AT (62u * MIB) /* in the window */
#define WINDOW (64u * MIB)
#define COUNT(table) ((unsigned)(sizeof(table) / sizeof((table)[0])))

static void lies(struct story *s, const struct row *table, unsigned count)
{
    bad_start(s);
    bad_join(s, true);
    subject_bind(s);
    for (unsigned i = 0; i < 3; i++) {
        gpu_rows_play(s, table, count);
        subject_serves(s);
    }
    story_leave(s);
    bad_told(s, "command_errors", "is answered ERR_");
    bad_afterwards(s);
    story_end(s);
}

static const struct row unknown_commands_are_refused_rows[] = {
    {"0", UNSPEC, COMMAND(virtio_gpu_ctrl_hdr, .type = 0)},
    {"the next one", UNSPEC, COMMAND(virtio_gpu_ctrl_hdr, .type = 0x10e)},
    {"an answer", UNSPEC, COMMAND(virtio_gpu_ctrl_hdr, .type = 0x1100)},
    {"the last number", UNSPEC, COMMAND(virtio_gpu_ctrl_hdr, .type = UINT32_MAX)},
    {"a negative one", UNSPEC, COMMAND(virtio_gpu_ctrl_hdr, .type = 1u << 31)},
};

static void unknown_commands_are_refused(void **state)
{
    lies(story(state), unknown_commands_are_refused_rows, COUNT(unknown_commands_are_refused_rows));
}

static const struct row ids_that_lie_are_refused_rows[] = {
    {"0", NO_RESOURCE, CREATE_2D(0, BGRX, 8, 8)},
    {"taken", NO_RESOURCE, CREATE_2D(MINE, BGRX, 8, 8)},
    {"a blob's, taken", NO_RESOURCE, BLOB(1, MINE, HOST, MAPPABLE, 0, PAGE, 0)},
    {"a blob's, 0", NO_RESOURCE, BLOB(1, 0, HOST, MAPPABLE, 0, PAGE, 0)},
    {"unref of nothing", NO_RESOURCE, UNREF(99)},
    {"unref of 0", NO_RESOURCE, UNREF(0)},
    {"unref of the last number", NO_RESOURCE, UNREF(UINT32_MAX)},
    {"made", OK, CREATE_2D(5, BGRX, 8, 8)},
    {"unref", OK, UNREF(5)},
    {"unref twice", NO_RESOURCE, UNREF(5)},
};

static void ids_that_lie_are_refused(void **state)
{
    lies(story(state), ids_that_lie_are_refused_rows, COUNT(ids_that_lie_are_refused_rows));
}

static const struct row backing_that_lies_is_refused_rows[] = {
    {"made", OK, CREATE_2D(5, BGRX, 32, 32)},
    {"off, but not on", NO_RESOURCE, DETACH_BACKING(5)},
    {"of nothing there", NO_RESOURCE, ATTACH_BACKING(99, 1), .entries = 1},
    {"none", BAD, ATTACH_BACKING(5, 0)},
    {"more than sent", BAD, ATTACH_BACKING(5, 3), .entries = 2},
    {"as many as there are numbers", BAD, ATTACH_BACKING(5, UINT32_MAX), .entries = 1},
    {"as many as wrap", BAD, ATTACH_BACKING(5, 0x10000001), .entries = 1},
    {"far too large", BAD, ATTACH_BACKING(5, 1), .entries = 1, .entry_size = UINT32_MAX},
    {"on", OK, ATTACH_BACKING(5, 1), .entries = 1},
    {"on twice", UNSPEC, ATTACH_BACKING(5, 1), .entries = 1},
    {"off", OK, DETACH_BACKING(5)},
    {"off twice", NO_RESOURCE, DETACH_BACKING(5)},
    {"on the bystander", BAD, ATTACH_BACKING(MINE, 1), .entries = 1},
    {"a blob's, more than sent", BAD, BLOB(0, 6, GUEST, 0, 0, PAGE, 9), .entries = 1},
    {"a blob's, all numbers", BAD, BLOB(0, 6, GUEST, 0, 0, PAGE, UINT32_MAX), .entries = 1},
    {"unref", OK, UNREF(5)},
};

static void backing_that_lies_is_refused(void **state)
{
    lies(story(state), backing_that_lies_is_refused_rows, COUNT(backing_that_lies_is_refused_rows));
}

static const struct row sizes_that_lie_are_refused_rows[] = {
    {"no width", BAD, CREATE_2D(5, BGRX, 0, 8)},
    {"no height", BAD, CREATE_2D(5, BGRX, 8, 0)},
    {"all there is", BAD, CREATE_2D(5, BGRX, UINT32_MAX, UINT32_MAX)},
    {"bytes that wrap", BAD, CREATE_2D(5, BGRX, 0x40000001, 4)},
    {"4 GiB", BAD, CREATE_2D(5, BGRX, 65536, 16384)},
    {"a blob of nothing", BAD, BLOB(1, 5, HOST, MAPPABLE, 0, 0, 0)},
    {"a blob of half a page", BAD, BLOB(1, 5, HOST, MAPPABLE, 0, PAGE / 2, 0)},
    {"a blob larger than the window", BAD, BLOB(1, 5, HOST, MAPPABLE, 0, WINDOW + PAGE, 0)},
    {"a blob of all there is", BAD, BLOB(1, 5, HOST, MAPPABLE, 0, UINT64_MAX - PAGE + 1, 0)},
    {"a blob larger than allowed", NO_MEMORY, BLOB(1, 5, HOST, 0, 0, 1ull << 40, 0)},
    {"more than its pages", BAD, BLOB(0, 5, GUEST, 0, 0, 2 * PAGE, 1), .entries = 1},
    {"no kind of memory", BAD, BLOB(1, 5, 9, MAPPABLE, 0, PAGE, 0)},
};

static void sizes_that_lie_are_refused(void **state)
{
    lies(story(state), sizes_that_lie_are_refused_rows, COUNT(sizes_that_lie_are_refused_rows));
}

static const struct row rectangles_that_lie_are_refused_rows[] = {
    {"made", OK, CREATE_2D(5, BGRX, 32, 32)},
    {"backed", OK, ATTACH_BACKING(5, 1), .entries = 1},
    {"one too wide", BAD, TRANSFER(5, 0, 0, 0, 33, 1)},
    {"round the end", BAD, TRANSFER(5, 0, 1, 0, UINT32_MAX, 1)},
    {"far away", BAD, TRANSFER(5, 0, UINT32_MAX, UINT32_MAX, 2, 2)},
    {"past the pages", BAD, TRANSFER(5, PAGE, 0, 0, 32, 32)},
    {"the last offset", BAD, TRANSFER(5, UINT64_MAX, 0, 0, 1, 1)},
    {"an offset that wraps", BAD, TRANSFER(5, UINT64_MAX - 4000, 0, 0, 32, 32)},
    {"shown, too wide", BAD, SCANOUT(0, 5, 0, 0, 33, 32)},
    {"shown, round the end", BAD, SCANOUT(0, 5, UINT32_MAX, 0, 2, 2)},
    {"flushed, too high", BAD, FLUSH(5, 0, 0, 32, 33)},
    {"flushed, round the end", BAD, FLUSH(5, 1, UINT32_MAX, 1, 2)},
    {"a blob, lines too near", BAD, SCANOUT_BLOB(0, MINE, 32, 32, BGRX, 64, 0)},
    {"a blob, no stride", BAD, SCANOUT_BLOB(0, MINE, 32, 32, BGRX, 0, 0)},
    {"a blob, too far", BAD, SCANOUT_BLOB(0, MINE, 32, 32, BGRX, 128, UINT32_MAX)},
    {"a blob, all", BAD,
     SCANOUT_BLOB(0, MINE, UINT32_MAX, UINT32_MAX, BGRX, UINT32_MAX, UINT32_MAX)},
    {"unref", OK, UNREF(5)},
};

static void rectangles_that_lie_are_refused(void **state)
{
    lies(story(state), rectangles_that_lie_are_refused_rows,
         COUNT(rectangles_that_lie_are_refused_rows));
}

static const struct row places_that_lie_are_refused_rows[] = {
    {"made", OK, BLOB(1, 5, HOST, MAPPABLE, 0, 2 * PAGE, 0)},
    {"half a page", BAD, MAP(5, PAGE / 2)},
    {"one byte", BAD, MAP(5, 1)},
    {"the window's end", BAD, MAP(5, WINDOW)},
    {"half behind it", BAD, MAP(5, WINDOW - PAGE)},
    {"all there is", BAD, MAP(5, UINT64_MAX - PAGE + 1)},
    {"where the bystander is", BAD, MAP(5, MINE_AT)},
    {"where it ends", BAD, MAP(5, MINE_AT - PAGE)},
    {"not mapped", BAD, UNMAP(5)},
    {"mapped", MAPPED, MAP(5, 0)},
    {"mapped twice", BAD, MAP(5, 4 * PAGE)},
    {"unmapped", OK, UNMAP(5)},
    {"unmapped twice", BAD, UNMAP(5)},
    {"nothing there", NO_RESOURCE, MAP(99, 0)},
    {"nothing there, out", NO_RESOURCE, UNMAP(99)},
    {"unref", OK, UNREF(5)},
    {"a blob of the guest", OK, BLOB(0, 5, GUEST, 0, 0, PAGE, 1), .entries = 1},
    {"is not mapped", BAD, MAP(5, 0)},
    {"unref", OK, UNREF(5)},
    {"one that is not mappable", OK, BLOB(1, 5, HOST, 0, 0, PAGE, 0)},
    {"is not mapped", BAD, MAP(5, 0)},
    {"unref", OK, UNREF(5)},
};

static void places_that_lie_are_refused(void **state)
{
    lies(story(state), places_that_lie_are_refused_rows, COUNT(places_that_lie_are_refused_rows));
}

/* Destroyed while it is mapped, attached, shown, or of a context that goes. */
static const struct row what_is_in_use_is_destroyed_rows[] = {
    {"a context", OK, CONTEXT(7, 3, MEMORY)},
    {"its blob", OK, BLOB(7, 5, HOST, MAPPABLE, 0, 2 * PAGE, 0)},
    {"attached", OK, ATTACH(7, 5)},
    {"mapped", MAPPED, MAP(5, 0)},
    {"shown", OK, SCANOUT_BLOB(0, 5, 32, 32, BGRX, 128, 0)},
    {"the context goes", OK, CONTEXT_END(7)},
    {"the context goes twice", NO_CONTEXT, CONTEXT_END(7)},
    {"the blob goes", OK, UNREF(5)},
    {"it is not shown any more", NO_RESOURCE, FLUSH(5, 0, 0, 32, 32)},
    {"its place is free", OK, BLOB(1, 5, HOST, MAPPABLE, 0, 2 * PAGE, 0)},
    {"and mapped", MAPPED, MAP(5, 0)},
    {"goes", OK, UNREF(5)},
    {"pages", OK, BLOB(0, 6, GUEST, 0, 0, PAGE, 1), .entries = 1},
    {"shown", OK, SCANOUT_BLOB(0, 6, 32, 32, BGRX, 128, 0)},
    {"they go", OK, DETACH_BACKING(6)},
    {"flushed without them", OK, FLUSH(6, 0, 0, 32, 32)},
    {"goes", OK, UNREF(6)},
    {"a picture", OK, CREATE_2D(8, BGRX, 64, 64)},
    {"is the pointer", OK, CURSOR(UPDATE_CURSOR, 0, 8)},
    {"is shown", OK, SCANOUT(0, 8, 0, 0, 64, 64)},
    {"goes", OK, UNREF(8)},
    {"is no pointer", NO_RESOURCE, CURSOR(UPDATE_CURSOR, 0, 8)},
    {"nothing is shown", OK, SCANOUT(0, 0, 0, 0, 0, 0)},
};

static void what_is_in_use_is_destroyed(void **state)
{
    lies(story(state), what_is_in_use_is_destroyed_rows, COUNT(what_is_in_use_is_destroyed_rows));
}

static const struct row contexts_that_lie_are_refused_rows[] = {
    {"0", NO_CONTEXT, CONTEXT(0, 3, MEMORY)},
    {"taken", NO_CONTEXT, CONTEXT(1, 3, MEMORY)},
    {"a name too long", BAD, CONTEXT(7, 65, MEMORY)},
    {"a name of all numbers", BAD, CONTEXT(7, UINT32_MAX, MEMORY)},
    {"a kind that is not there", BAD, CONTEXT(7, 3, 63)},
    {"ends, not there", NO_CONTEXT, CONTEXT_END(9)},
    {"a stream in none", NO_CONTEXT, SUBMIT(9, 0)},
    {"attached to none", NO_CONTEXT, ATTACH(9, MINE)},
    {"attached, nothing there", NO_RESOURCE, ATTACH(1, 99)},
    {"detached from none", NO_CONTEXT, DETACH(9, MINE)},
    {"made of none", NO_CONTEXT, BLOB(9, 5, HOST, MAPPABLE, 0, PAGE, 0)},
    {"another", OK, CONTEXT(7, 3, MEMORY)},
    {"detached from who has it not", NO_RESOURCE, DETACH(7, MINE)},
    {"ends", OK, CONTEXT_END(7)},
};

static void contexts_that_lie_are_refused(void **state)
{
    lies(story(state), contexts_that_lie_are_refused_rows,
         COUNT(contexts_that_lie_are_refused_rows));
}

static const struct row capsets_that_lie_are_refused_rows[] = {
    {"no such index", BAD,
     COMMAND(virtio_gpu_get_capset_info, HEAD(GET_CAPSET_INFO), .capset_index = 63)},
    {"the last index", BAD,
     COMMAND(virtio_gpu_get_capset_info, HEAD(GET_CAPSET_INFO), .capset_index = UINT32_MAX)},
    {"no such capset", BAD, COMMAND(virtio_gpu_get_capset, HEAD(GET_CAPSET), .capset_id = 63)},
    {"the last capset", BAD,
     COMMAND(virtio_gpu_get_capset, HEAD(GET_CAPSET), .capset_id = UINT32_MAX)},
    {"a version to come", BAD,
     COMMAND(virtio_gpu_get_capset, HEAD(GET_CAPSET), .capset_id = MEMORY,
             .capset_version = UINT32_MAX)},
};

static void capsets_that_lie_are_refused(void **state)
{
    lies(story(state), capsets_that_lie_are_refused_rows, COUNT(capsets_that_lie_are_refused_rows));
}

static const struct row streams_that_lie_are_refused_rows[] = {
    {"longer than what came", BAD, SUBMIT(1, 48)},
    {"all numbers", BAD, SUBMIT(1, UINT32_MAX), .tail = 48},
    {"64 MiB", BAD, SUBMIT(1, 64u << 20), .tail = 48},
    {"half a command", BAD, SUBMIT(1, 47), .tail = 48},
    {"zeros", BAD, SUBMIT(1, 48), .tail = 48},
    {"nothing", OK, SUBMIT(1, 0)},
};

static void streams_that_lie_are_refused(void **state)
{
    lies(story(state), streams_that_lie_are_refused_rows, COUNT(streams_that_lie_are_refused_rows));
}

static const struct row outputs_that_lie_are_refused_rows[] = {
    {"made", OK, CREATE_2D(5, BGRX, 32, 32)},
    {"output 1 of 1", NO_SCANOUT, SCANOUT(1, 5, 0, 0, 32, 32)},
    {"output 16", NO_SCANOUT, SCANOUT(16, 5, 0, 0, 32, 32)},
    {"the last number", NO_SCANOUT, SCANOUT(UINT32_MAX, 5, 0, 0, 32, 32)},
    {"a blob there", NO_SCANOUT, SCANOUT_BLOB(16, MINE, 32, 32, BGRX, 128, 0)},
    {"a pointer there", NO_SCANOUT, CURSOR(UPDATE_CURSOR, 16, 5)},
    {"moved there", NO_SCANOUT, CURSOR(MOVE_CURSOR, UINT32_MAX, 0)},
    {"a pointer of a wrong size", BAD, CURSOR(UPDATE_CURSOR, 0, 5)},
    {"a pointer of nothing", NO_RESOURCE, CURSOR(UPDATE_CURSOR, 0, 99)},
    {"EDID there", NO_SCANOUT, COMMAND(virtio_gpu_cmd_get_edid, HEAD(GET_EDID), .scanout = 16)},
    {"no size", BAD, SCANOUT(0, 5, 0, 0, 0, 0)},
    {"unref", OK, UNREF(5)},
};

static void outputs_that_lie_are_refused(void **state)
{
    lies(story(state), outputs_that_lie_are_refused_rows, COUNT(outputs_that_lie_are_refused_rows));
}

static uint32_t fence_77(struct story *s, void *command, uint32_t size)
{
    struct virtio_gpu_ctrl_hdr *header = command;

    header->flags = VIRTIO_GPU_FLAG_FENCE;
    header->fence_id = 77;
    return gpu_rows_ask(s, command, size);
}

/* Contexts and resources until the device says that it is enough; then all is as before. */
static void the_guest_wants_all(void **state)
{
    struct virtio_gpu_ctx_create context = {HEAD_IN(CTX_CREATE, 0), .context_init = MEMORY};
    struct virtio_gpu_resource_create_2d picture = {HEAD(RESOURCE_CREATE_2D), .format = BGRX,
                                                    .width = 1, .height = 1};
    struct virtio_gpu_resource_create_2d large = {HEAD(RESOURCE_CREATE_2D), .format = BGRX,
                                                  .width = 4096, .height = 4096};
    /* Fewer than by default: an allocator with a sanitizer keeps what was there. */
    const char *const limits[] = {"--limit=resources=20000", NULL};
    struct story *s = story(state);
    uint32_t id, answer = OK;

    story_start(s, limits);
    bad_note(s);
    bad_join(s, true);
    subject_bind(s);
    for (id = 2; answer == OK && id < 1000000; id++) {
        context.hdr.ctx_id = id;
        answer = fence_77(s, &context, sizeof(context));
    }
    assert_int_equal(answer, NO_MEMORY);
    for (id = 100000, answer = OK; answer == OK && id < 1000000; id++) {
        large.resource_id = id;
        answer = fence_77(s, &large, sizeof(large));
    }
    assert_int_equal(answer, NO_MEMORY);
    subject_serves(s);
    for (answer = OK; answer == OK && id < 1000000; id++) {
        picture.resource_id = id;
        answer = fence_77(s, &picture, sizeof(picture));
    }
    assert_int_equal(answer, NO_MEMORY);
    subject_serves(s);
    story_leave(s);
    bad_told(s, "command_errors", "is refused 1 more resources");
    bad_afterwards(s);
    story_end(s);
}

/* Streams that keep the device busy for minutes, each with a fence, as many as the ring takes; then
 * the driver begins anew. */
static void work_without_end_ends_with_a_reset(void **state)
{
    struct {
        struct virtio_gpu_cmd_submit head;
        struct memory_stream_command commands[60];
    } stream = {.head = {HEAD_IN(SUBMIT_3D, 1), .size = sizeof(stream.commands)}};
    struct story *s = story(state);

    for (unsigned i = 0; i < 60; i++)
        stream.commands[i] = (struct memory_stream_command){
            .opcode = MEMORY_STREAM_FILL, .resource = 5, .size = 32 * MIB, .seed = i};
    bad_start(s);
    bad_join(s, true);
    for (unsigned round = 0; round < 3; round++) {
        unsigned sent = 0;

        subject_bind(s);
        assert_int_equal(gpu_guest_create(&s->frontend, 1, 5, 32 * MIB), OK);
        assert_int_equal(gpu_guest_attach(&s->frontend, 1, 5), OK);
        while (gpu_guest_begin(&s->frontend, &stream, sizeof(stream), 24) >= 0)
            sent++;
        assert_true(sent > 10);
        assert_int_equal(frontend_pump(&s->frontend, -1, 50), 0);
        /* Whoever asks the program is answered meanwhile. */
        story_await(s, "/device/contexts", 1);
        assert_int_equal(frontend_reset(&s->frontend), 0);
        assert_int_equal(frontend_start(&s->frontend), 0);
    }
    subject_bind(s);
    subject_serves(s);
    bad_afterwards(s);
    story_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(unknown_commands_are_refused, gpu_qemu_arena),
        STORY(ids_that_lie_are_refused, gpu_qemu_arena),
        STORY(backing_that_lies_is_refused, gpu_qemu_arena),
        STORY(sizes_that_lie_are_refused, gpu_qemu_arena),
        STORY(sizes_that_lie_are_refused, gpu_qemu_single),
        STORY(rectangles_that_lie_are_refused, gpu_qemu_arena),
        STORY(places_that_lie_are_refused, gpu_qemu_arena),
        STORY(places_that_lie_are_refused, gpu_crosvm_single),
        STORY(what_is_in_use_is_destroyed, gpu_qemu_arena),
        STORY(what_is_in_use_is_destroyed, gpu_crosvm_single),
        STORY(contexts_that_lie_are_refused, gpu_qemu_arena),
        STORY(capsets_that_lie_are_refused, gpu_qemu_arena),
        STORY(streams_that_lie_are_refused, gpu_qemu_arena),
        STORY(outputs_that_lie_are_refused, gpu_qemu_arena),
        STORY(the_guest_wants_all, gpu_qemu_arena),
        STORY(work_without_end_ends_with_a_reset, gpu_qemu_arena),
        STORY(work_without_end_ends_with_a_reset, gpu_qemu_single),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * Every command of the device, over the wire, with its good answer and each of its errors: a table
 * that is played from top to bottom, since a command finds what those before it have made.
 */
#include "gpu_story.h"

#include <stdio.h>
#include <string.h>

#include "gpu_rows.h"
#include "protocol/virtio_gpu.h"

#define MOST GPU_ROWS_MOST
#define PAGES 8u

static const struct row rows[] = {
    {"display info", VIRTIO_GPU_RESP_OK_DISPLAY_INFO,
     COMMAND(virtio_gpu_ctrl_hdr, .type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO)},
    {"EDID", VIRTIO_GPU_RESP_OK_EDID,
     COMMAND(virtio_gpu_cmd_get_edid, HEAD(GET_EDID), .scanout = 0)},
    {"EDID of no output", NO_SCANOUT,
     COMMAND(virtio_gpu_cmd_get_edid, HEAD(GET_EDID), .scanout = 1)},
    {"EDID of the last number", NO_SCANOUT,
     COMMAND(virtio_gpu_cmd_get_edid, HEAD(GET_EDID), .scanout = UINT32_MAX)},

    {"capset info", VIRTIO_GPU_RESP_OK_CAPSET_INFO,
     COMMAND(virtio_gpu_get_capset_info, HEAD(GET_CAPSET_INFO), .capset_index = 0)},
    {"capset info past the end", BAD,
     COMMAND(virtio_gpu_get_capset_info, HEAD(GET_CAPSET_INFO), .capset_index = 63)},
    {"capset", VIRTIO_GPU_RESP_OK_CAPSET,
     COMMAND(virtio_gpu_get_capset, HEAD(GET_CAPSET), .capset_id = MEMORY, .capset_version = 1)},
    {"capset that is not there", BAD,
     COMMAND(virtio_gpu_get_capset, HEAD(GET_CAPSET), .capset_id = 63)},
    {"capset of a version to come", BAD,
     COMMAND(virtio_gpu_get_capset, HEAD(GET_CAPSET), .capset_id = MEMORY, .capset_version = 99)},

    {"2D, each format", OK, CREATE_2D(11, VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, 32, 32)},
    {"2D, each format", OK, CREATE_2D(12, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 32, 32)},
    {"2D, each format", OK, CREATE_2D(13, VIRTIO_GPU_FORMAT_A8R8G8B8_UNORM, 32, 32)},
    {"2D, each format", OK, CREATE_2D(14, VIRTIO_GPU_FORMAT_X8R8G8B8_UNORM, 32, 32)},
    {"2D, each format", OK, CREATE_2D(15, VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM, 32, 32)},
    {"2D, each format", OK, CREATE_2D(16, VIRTIO_GPU_FORMAT_X8B8G8R8_UNORM, 32, 32)},
    {"2D, each format", OK, CREATE_2D(17, VIRTIO_GPU_FORMAT_A8B8G8R8_UNORM, 32, 32)},
    {"2D, each format", OK, CREATE_2D(18, VIRTIO_GPU_FORMAT_R8G8B8X8_UNORM, 64, 64)},
    {"2D without an id", NO_RESOURCE, CREATE_2D(0, BGRX, 32, 32)},
    {"2D of an id that is taken", NO_RESOURCE, CREATE_2D(11, BGRX, 32, 32)},
    {"2D of no format", BAD, CREATE_2D(19, 0, 32, 32)},
    {"2D of a format of another size", BAD, CREATE_2D(19, 5, 32, 32)},
    {"2D without width", BAD, CREATE_2D(19, BGRX, 0, 32)},
    {"2D without height", BAD, CREATE_2D(19, BGRX, 32, 0)},
    {"2D wider than all", BAD, CREATE_2D(19, BGRX, UINT32_MAX, 32)},

    {"backing", OK, ATTACH_BACKING(11, 1), .entries = 1},
    {"backing twice", UNSPEC, ATTACH_BACKING(11, 1), .entries = 1},
    {"backing of nothing", NO_RESOURCE, ATTACH_BACKING(99, 1), .entries = 1},
    {"backing of no pages", BAD, ATTACH_BACKING(12, 0)},
    {"backing with fewer pages than it says", BAD, ATTACH_BACKING(12, 2), .entries = 1},
    {"backing with more pages than it says", BAD, ATTACH_BACKING(12, 1), .entries = 2},
    {"backing outside of the memory", BAD, ATTACH_BACKING(12, 1), .entries = 1,
     .entry_size = UINT32_MAX},
    {"backing in pieces", OK, ATTACH_BACKING(18, 4), .entries = 4},

    {"copy", OK, TRANSFER(11, 0, 0, 0, 32, 32)},
    {"copy of a part", OK, TRANSFER(11, 4 * 32 * 8 + 4 * 8, 8, 8, 8, 8)},
    {"copy over several pages", OK, TRANSFER(18, 0, 0, 0, 64, 64)},
    {"copy of nothing there", NO_RESOURCE, TRANSFER(99, 0, 0, 0, 1, 1)},
    {"copy without pages", BAD, TRANSFER(12, 0, 0, 0, 32, 32)},
    {"copy too wide", BAD, TRANSFER(11, 0, 8, 0, 32, 32)},
    {"copy that wraps", BAD, TRANSFER(11, 0, 8, 0, UINT32_MAX, 32)},
    {"copy past the pages", BAD, TRANSFER(11, 8, 0, 0, 32, 32)},
    {"copy past all", BAD, TRANSFER(11, UINT64_MAX, 0, 0, 32, 32)},

    {"scanout", OK, SCANOUT(0, 11, 0, 0, 32, 32)},
    {"scanout of a part", OK, SCANOUT(0, 18, 8, 8, 32, 32)},
    {"scanout on no output", NO_SCANOUT, SCANOUT(1, 11, 0, 0, 32, 32)},
    {"scanout of nothing there", NO_RESOURCE, SCANOUT(0, 99, 0, 0, 32, 32)},
    {"scanout past the picture", BAD, SCANOUT(0, 11, 1, 0, 32, 32)},
    {"scanout that wraps", BAD, SCANOUT(0, 11, UINT32_MAX, 0, 32, 32)},
    {"flush", OK, FLUSH(18, 8, 8, 16, 16)},
    {"flush of what is not shown", OK, FLUSH(11, 0, 0, 32, 32)},
    {"flush past the picture", BAD, FLUSH(18, 0, 0, 65, 64)},
    {"flush of nothing there", NO_RESOURCE, FLUSH(99, 0, 0, 1, 1)},
    {"scanout off", OK, SCANOUT(0, 0, 0, 0, 0, 0)},
    {"scanout off on no output", NO_SCANOUT, SCANOUT(16, 0, 0, 0, 0, 0)},

    {"cursor's picture", OK, CREATE_2D(20, VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, 64, 64)},
    {"cursor", OK, CURSOR(UPDATE_CURSOR, 0, 20)},
    {"cursor moves", OK, CURSOR(MOVE_CURSOR, 0, 0)},
    {"cursor hidden", OK, CURSOR(UPDATE_CURSOR, 0, 0)},
    {"cursor of nothing there", NO_RESOURCE, CURSOR(UPDATE_CURSOR, 0, 99)},
    {"cursor of another size", BAD, CURSOR(UPDATE_CURSOR, 0, 11)},
    {"cursor on no output", NO_SCANOUT, CURSOR(UPDATE_CURSOR, 1, 20)},
    {"cursor moves on no output", NO_SCANOUT, CURSOR(MOVE_CURSOR, 16, 0)},

    {"UUID", VIRTIO_GPU_RESP_OK_RESOURCE_UUID,
     ABOUT(RESOURCE_ASSIGN_UUID, virtio_gpu_resource_assign_uuid, 11)},
    {"UUID of nothing there", NO_RESOURCE,
     ABOUT(RESOURCE_ASSIGN_UUID, virtio_gpu_resource_assign_uuid, 99)},

    {"no backing", OK, DETACH_BACKING(11)},
    {"no backing twice", NO_RESOURCE, DETACH_BACKING(11)},
    {"no backing of nothing there", NO_RESOURCE, DETACH_BACKING(99)},
    {"copy after that", BAD, TRANSFER(11, 0, 0, 0, 32, 32)},
    {"unref", OK, UNREF(11)},
    {"unref twice", NO_RESOURCE, UNREF(11)},

    {"context", OK, CONTEXT(1, 3, MEMORY)},
    {"context that is taken", NO_CONTEXT, CONTEXT(1, 3, MEMORY)},
    {"context without an id", NO_CONTEXT, CONTEXT(0, 3, MEMORY)},
    {"context with too long a name", BAD, CONTEXT(2, 65, MEMORY)},
    {"context of an unknown capset", BAD, CONTEXT(2, 3, 63)},
    {"context of an unknown flag", BAD, CONTEXT(2, 3, MEMORY | 1u << 8)},

    {"blob of the host", OK, BLOB(1, 31, HOST, MAPPABLE, 0, PAGE, 0)},
    {"blob of the guest", OK, BLOB(0, 32, GUEST, 0, 0, 2 * PAGE, 2), .entries = 2},
    {"blob without an id", NO_RESOURCE, BLOB(1, 0, HOST, MAPPABLE, 0, PAGE, 0)},
    {"blob of an id that is taken", NO_RESOURCE, BLOB(1, 12, HOST, MAPPABLE, 0, PAGE, 0)},
    {"blob of no kind", BAD, BLOB(1, 33, 0, MAPPABLE, 0, PAGE, 0)},
    {"blob of a kind to come", BAD, BLOB(1, 33, 4, MAPPABLE, 0, PAGE, 0)},
    {"blob with an unknown flag", BAD, BLOB(1, 33, HOST, 8, 0, PAGE, 0)},
    {"blob in no context", NO_CONTEXT, BLOB(9, 33, HOST, MAPPABLE, 0, PAGE, 0)},
    {"blob of nothing", BAD, BLOB(1, 33, HOST, MAPPABLE, 0, 0, 0)},
    {"blob of half a page", BAD, BLOB(1, 33, HOST, MAPPABLE, 0, PAGE / 2, 0)},
    {"blob larger than the window", BAD, BLOB(1, 33, HOST, MAPPABLE, 0, 1ull << 40, 0)},
    {"blob larger than is allowed", NO_MEMORY, BLOB(1, 33, HOST, 0, 0, 1ull << 40, 0)},
    {"blob that the context does not know", BAD, BLOB(1, 33, HOST, MAPPABLE, 7, PAGE, 0)},
    {"blob of the host with pages", BAD, BLOB(1, 33, HOST, MAPPABLE, 0, PAGE, 1), .entries = 1},
    {"blob of the guest with too few", BAD, BLOB(0, 33, GUEST, 0, 0, 2 * PAGE, 1), .entries = 1},
    {"blob of the guest with a name", BAD, BLOB(0, 33, GUEST, 0, 7, PAGE, 1), .entries = 1},

    {"map", MAPPED, MAP(31, 8 * PAGE)},
    {"map twice", BAD, MAP(31, 16 * PAGE)},
    {"map of nothing there", NO_RESOURCE, MAP(99, 0)},
    {"map of guest pages", BAD, MAP(32, 0)},
    {"map of a picture", BAD, MAP(12, 0)},
    {"unmap", OK, UNMAP(31)},
    {"unmap twice", BAD, UNMAP(31)},
    {"unmap of nothing there", NO_RESOURCE, UNMAP(99)},
    {"map at half a page", BAD, MAP(31, 100)},
    {"map past the window", BAD, MAP(31, 1ull << 40)},
    {"map past all", BAD, MAP(31, UINT64_MAX - PAGE + 1)},
    {"map again", MAPPED, MAP(31, 8 * PAGE)},

    {"blob as scanout", OK, SCANOUT_BLOB(0, 31, 32, 32, BGRX, 128, 0)},
    {"guest's blob as scanout", OK, SCANOUT_BLOB(0, 32, 32, 32, BGRX, 128, 4096)},
    {"blob as scanout on no output", NO_SCANOUT, SCANOUT_BLOB(1, 31, 32, 32, BGRX, 128, 0)},
    {"no blob as scanout", BAD, SCANOUT_BLOB(0, 12, 32, 32, BGRX, 128, 0)},
    {"blob as scanout of no format", BAD, SCANOUT_BLOB(0, 31, 32, 32, 0, 128, 0)},
    {"blob as scanout, lines too near", BAD, SCANOUT_BLOB(0, 31, 32, 32, BGRX, 64, 0)},
    {"blob as scanout, too small", BAD, SCANOUT_BLOB(0, 31, 32, 33, BGRX, 128, 0)},
    {"blob as scanout, too far", BAD, SCANOUT_BLOB(0, 31, 32, 32, BGRX, 128, UINT32_MAX)},
    {"blob of nothing as scanout", NO_RESOURCE, SCANOUT_BLOB(0, 99, 32, 32, BGRX, 128, 0)},

    {"attach", OK, ATTACH(1, 31)},
    {"attach twice", OK, ATTACH(1, 31)},
    {"attach to no context", NO_CONTEXT, ATTACH(9, 31)},
    {"attach nothing", NO_RESOURCE, ATTACH(1, 99)},
    {"stream of nothing", OK, SUBMIT(1, 0)},
    {"stream without bytes", BAD, SUBMIT(1, 48)},
    {"stream of zeros", BAD, SUBMIT(1, 48), .tail = 48},
    {"stream in no context", NO_CONTEXT, SUBMIT(9, 0)},
    {"detach", OK, DETACH(1, 31)},
    {"detach again", OK, DETACH(1, 31)},
    {"detach once too often", NO_RESOURCE, DETACH(1, 31)},
    {"detach from no context", NO_CONTEXT, DETACH(9, 31)},

    {"3D without a renderer for it", UNSPEC, CREATE_3D(41, 32, 32)},
    {"3D transfer of nothing there", NO_RESOURCE, TRANSFER_3D(TRANSFER_TO_HOST_3D, 1, 99, 1, 1)},
    {"3D transfer of a blob", NO_RESOURCE, TRANSFER_3D(TRANSFER_FROM_HOST_3D, 1, 32, 1, 1)},

    {"unref of what is mapped and shown", OK, UNREF(31)},
    {"context ends", OK, CONTEXT_END(1)},
    {"context ends twice", NO_CONTEXT, CONTEXT_END(1)},
    {"no command", UNSPEC, COMMAND(virtio_gpu_ctrl_hdr, .type = 0)},
    {"command to come", UNSPEC, COMMAND(virtio_gpu_ctrl_hdr, .type = 0x10e)},
};

/* With a renderer that draws. */
static const struct row rows_3d[] = {
    {"context", OK, CONTEXT(1, 3, VIRTIO_GPU_CAPSET_VIRGL2)},
    {"3D", OK, CREATE_3D(41, 32, 32)},
    {"3D of an id that is taken", NO_RESOURCE, CREATE_3D(41, 32, 32)},
    {"3D without an id", NO_RESOURCE, CREATE_3D(0, 32, 32)},
    {"3D of no size", BAD, CREATE_3D(42, 0, 0)},
    {"3D, and its id is free again", OK, CREATE_3D(42, 8, 8)},
    {"transfer without pages", BAD, TRANSFER_3D(TRANSFER_TO_HOST_3D, 1, 41, 32, 32)},
    {"backing", OK, ATTACH_BACKING(41, 1), .entries = 1},
    {"attach", OK, ATTACH(1, 41)},
    {"transfer", OK, TRANSFER_3D(TRANSFER_TO_HOST_3D, 1, 41, 32, 32)},
    {"transfer back", OK, TRANSFER_3D(TRANSFER_FROM_HOST_3D, 1, 41, 32, 32)},
    {"transfer in no context", NO_CONTEXT, TRANSFER_3D(TRANSFER_TO_HOST_3D, 9, 41, 32, 32)},
    {"transfer of nothing there", NO_RESOURCE, TRANSFER_3D(TRANSFER_TO_HOST_3D, 1, 99, 1, 1)},
    {"scanout", OK, SCANOUT(0, 41, 0, 0, 32, 32)},
    {"flush", OK, FLUSH(41, 0, 0, 32, 32)},
    {"stream of nothing", OK, SUBMIT(1, 0)},
    {"detach", OK, DETACH(1, 41)},
    {"no backing", OK, DETACH_BACKING(41)},
    {"unref", OK, UNREF(41)},
    {"unref twice", NO_RESOURCE, UNREF(41)},
    {"context ends", OK, CONTEXT_END(1)},
};

/* Without any feature. */
static const struct row rows_bare[] = {
    {"EDID", UNSPEC, COMMAND(virtio_gpu_cmd_get_edid, HEAD(GET_EDID))},
    {"capset info", UNSPEC, COMMAND(virtio_gpu_get_capset_info, HEAD(GET_CAPSET_INFO))},
    {"capset", UNSPEC, COMMAND(virtio_gpu_get_capset, HEAD(GET_CAPSET), .capset_id = MEMORY)},
    {"UUID", UNSPEC, ABOUT(RESOURCE_ASSIGN_UUID, virtio_gpu_resource_assign_uuid, 1)},
    {"blob", UNSPEC, BLOB(0, 33, GUEST, 0, 0, PAGE, 1), .entries = 1},
    {"blob as scanout", UNSPEC, SCANOUT_BLOB(0, 31, 32, 32, BGRX, 128, 0)},
    {"map", UNSPEC, MAP(31, 0)},
    {"unmap", UNSPEC, UNMAP(31)},
    {"context", UNSPEC, CONTEXT(1, 3, 0)},
    {"context ends", UNSPEC, CONTEXT_END(1)},
    {"attach", UNSPEC, ATTACH(1, 1)},
    {"detach", UNSPEC, DETACH(1, 1)},
    {"3D", UNSPEC, CREATE_3D(41, 32, 32)},
    {"3D transfer", UNSPEC, TRANSFER_3D(TRANSFER_TO_HOST_3D, 0, 41, 32, 32)},
    {"3D transfer back", UNSPEC, TRANSFER_3D(TRANSFER_FROM_HOST_3D, 0, 41, 32, 32)},
    {"stream", UNSPEC, SUBMIT(1, 0)},
    {"2D", OK, CREATE_2D(1, BGRX, 64, 64)},
    {"backing", OK, ATTACH_BACKING(1, 4), .entries = 4},
    {"copy", OK, TRANSFER(1, 0, 0, 0, 64, 64)},
    {"scanout", OK, SCANOUT(0, 1, 0, 0, 64, 64)},
    {"flush", OK, FLUSH(1, 0, 0, 64, 64)},
    {"unref", OK, UNREF(1)},
};

static void every_command_has_its_answers(void **state)
{
    struct story *s = story(state);

    story_start(s, (const char *const[]){"--output=640x480", NULL});
    story_join(s);
    gpu_rows_play(s, rows, sizeof(rows) / sizeof(rows[0]));
    story_end(s);
}

/* The same commands, a byte too short and a byte too long. */
static void every_command_has_one_size(void **state)
{
    struct story *s = story(state);
    uint8_t bytes[MOST];

    story_start(s, NULL);
    story_join(s);
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool bare = rows[i].size == sizeof(struct virtio_gpu_ctrl_hdr);

        if (virtio_gpu_command_name(
                ((const struct virtio_gpu_ctrl_hdr *)rows[i].command)->type)[0] == 'u')
            continue; /* unknown */
        gpu_rows_compose(&rows[i], 0, bytes);
        if (!bare && gpu_rows_ask(s, bytes, rows[i].size - 1) != BAD)
            fail_msg("%s: a byte is missing, and nobody minds", rows[i].what);
        gpu_rows_compose(&rows[i], 0, bytes);
        if (gpu_rows_ask(s, bytes, rows[i].size + 1) < UNSPEC)
            fail_msg("%s: a byte is too many, and nobody minds", rows[i].what);
    }
    story_end(s);
}

/* A driver that negotiated nothing gets 2D, and a reason for all else. */
static void what_was_not_negotiated_is_refused(void **state)
{
    struct story *s = story(state);
    struct frontend_plan plan;

    frontend_plan_init(&plan, s->cast.habit);
    plan.features &= ~UINT64_C(0x3f);
    story_start(s, NULL);
    story_join_plan(s, &plan);
    gpu_rows_play(s, rows_bare, sizeof(rows_bare) / sizeof(rows_bare[0]));
    story_end(s);
}

static void commands_of_3d_have_their_answers(void **state)
{
    struct story *s = story(state);

    story_start(s, (const char *const[]){"--renderer=virgl", "--output=640x480", NULL});
    story_join(s);
    gpu_rows_play(s, rows_3d, sizeof(rows_3d) / sizeof(rows_3d[0]));
    story_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(every_command_has_its_answers, gpu_qemu_arena),
        STORY(every_command_has_its_answers, gpu_crosvm_single),
        STORY(every_command_has_one_size, gpu_qemu_arena),
        STORY(what_was_not_negotiated_is_refused, gpu_qemu_arena),
    };
    const struct CMUnitTest tests_3d[] = {
        STORY(commands_of_3d_have_their_answers, gpu_qemu_arena),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    if (gpu_story_can_draw())
        failed += cmocka_run_group_tests(tests_3d, NULL, NULL);
    return failed;
}

/* SPDX-License-Identifier: MIT */
#include "gpu_story.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/frontend/gpu_guest_3d.h"

/* What a driver asks of the outputs: each command once as it should be, and once for each way of
 * being wrong; and what becomes of a picture when the device pauses, begins anew, or dies. */
#define BAD_SCANOUT VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID
#define BAD_RESOURCE VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID
#define BAD_PARAMETER VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER
#define NO_MEMORY VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY
#define UNSPEC VIRTIO_GPU_RESP_ERR_UNSPEC
#define INFO VIRTIO_GPU_RESP_OK_DISPLAY_INFO
#define EDID VIRTIO_GPU_RESP_OK_EDID

#define BGRX VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM
#define BGRA VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM
#define WIDTH 320u
#define HEIGHT 200u
#define BYTES (WIDTH * HEIGHT * 4u)
#define ALL                                                                                        \
    {                                                                                              \
        0, 0, WIDTH, HEIGHT                                                                        \
    }

static const char *const two_outputs[] = {"--output=1280x800", "--output=1024x768", NULL};

struct row {
    const char *what;
    unsigned queue;
    const void *command;
    size_t size;
    int answer;
};

/* A row with a struct virtio_gpu_'kind' whose header says VIRTIO_GPU_CMD_'name'. */
#define ROW(what, queue, answer, name, kind, ...)                                                  \
    {                                                                                              \
        what, queue,                                                                               \
            &(const struct virtio_gpu_##kind){.hdr = {.type = VIRTIO_GPU_CMD_##name},              \
                                              __VA_ARGS__},                                        \
            sizeof(struct virtio_gpu_##kind), answer                                               \
    }
#define CREATE(what, answer, ...)                                                                  \
    ROW(what, 0, answer, RESOURCE_CREATE_2D, resource_create_2d, __VA_ARGS__)
#define TRANSFER(what, answer, ...)                                                                \
    ROW(what, 0, answer, TRANSFER_TO_HOST_2D, transfer_to_host_2d, __VA_ARGS__)
#define SCANOUT(what, answer, ...) ROW(what, 0, answer, SET_SCANOUT, set_scanout, __VA_ARGS__)
#define BLOB(what, answer, ...)                                                                    \
    ROW(what, 0, answer, SET_SCANOUT_BLOB, set_scanout_blob, .r = ALL, __VA_ARGS__)
#define FLUSH(what, answer, ...) ROW(what, 0, answer, RESOURCE_FLUSH, resource_flush, __VA_ARGS__)
#define CURSOR(what, answer, ...) ROW(what, 1, answer, UPDATE_CURSOR, update_cursor, __VA_ARGS__)
#define MOVE(what, answer, ...) ROW(what, 1, answer, MOVE_CURSOR, update_cursor, __VA_ARGS__)
#define ASK_EDID(what, answer, ...) ROW(what, 0, answer, GET_EDID, cmd_get_edid, __VA_ARGS__)

/* Before these rows: 1 is a picture of WIDTH x HEIGHT with pages, 2 one of 64 x 64 without, 3 a
 * host's blob of a MiB, 4 a guest's blob of BYTES. They are carried out one after the other. */
static const struct row rows[] = {
    ASK_EDID("an EDID", EDID, .scanout = 1),
    ASK_EDID("of no output", BAD_SCANOUT, .scanout = 2),
    ASK_EDID("of none at all", BAD_SCANOUT, .scanout = UINT32_MAX),

    CREATE("another picture", OK, .resource_id = 9, .format = BGRX, .width = 1, .height = 1),
    CREATE("the same again", BAD_RESOURCE, .resource_id = 9, .format = BGRX, .width = 1,
           .height = 1),
    CREATE("number 0", BAD_RESOURCE, .format = BGRX, .width = 1, .height = 1),
    CREATE("a blob's number", BAD_RESOURCE, .resource_id = 3, .format = BGRX, .width = 1,
           .height = 1),
    CREATE("no format", BAD_PARAMETER, .resource_id = 10, .width = 1, .height = 1),
    CREATE("an unknown format", BAD_PARAMETER, .resource_id = 10, .format = 7, .width = 1,
           .height = 1),
    CREATE("no width", BAD_PARAMETER, .resource_id = 10, .format = BGRX, .height = 1),
    CREATE("no height", BAD_PARAMETER, .resource_id = 10, .format = BGRX, .width = 1),
    CREATE("a size that wraps", BAD_PARAMETER, .resource_id = 10, .format = BGRX,
           .width = 0x80000000u, .height = 0x80000000u),
    CREATE("a huge one", NO_MEMORY, .resource_id = 10, .format = BGRX, .width = 32768,
           .height = 32768),

    TRANSFER("all pixels", OK, .r = ALL, .resource_id = 1),
    TRANSFER("a part", OK, .r = {10, 10, 20, 20}, .offset = (10 * WIDTH + 10) * 4,
             .resource_id = 1),
    TRANSFER("nothing", OK, .r = {0, 0, 0, 0}, .resource_id = 1),
    TRANSFER("to no resource", BAD_RESOURCE, .r = ALL, .resource_id = 77),
    TRANSFER("to a blob", BAD_PARAMETER, .r = ALL, .resource_id = 3),
    TRANSFER("without pages", BAD_PARAMETER, .r = {0, 0, 1, 1}, .resource_id = 2),
    TRANSFER("too wide", BAD_PARAMETER, .r = {1, 0, WIDTH, 1}, .resource_id = 1),
    TRANSFER("too high", BAD_PARAMETER, .r = {0, HEIGHT, 1, 1}, .resource_id = 1),
    TRANSFER("a rectangle that wraps", BAD_PARAMETER, .r = {UINT32_MAX, UINT32_MAX, 2, 2},
             .resource_id = 1),
    TRANSFER("beyond the pages", BAD_PARAMETER, .r = ALL, .offset = 4, .resource_id = 1),
    TRANSFER("far beyond them", BAD_PARAMETER, .r = ALL, .offset = UINT64_MAX, .resource_id = 1),

    SCANOUT("the picture", OK, .r = ALL, .resource_id = 1),
    SCANOUT("a part of it elsewhere", OK, .r = {8, 8, 64, 64}, .scanout_id = 1, .resource_id = 1),
    SCANOUT("on no output", BAD_SCANOUT, .r = ALL, .scanout_id = 2, .resource_id = 1),
    SCANOUT("on the 17th", BAD_SCANOUT, .r = ALL, .scanout_id = 16, .resource_id = 1),
    SCANOUT("no resource", BAD_RESOURCE, .r = ALL, .resource_id = 77),
    SCANOUT("a blob", BAD_PARAMETER, .r = ALL, .resource_id = 3),
    SCANOUT("too wide a part", BAD_PARAMETER, .r = {1, 0, WIDTH, HEIGHT}, .resource_id = 1),
    SCANOUT("a part without pixels", BAD_PARAMETER, .r = {0, 0, WIDTH, 0}, .resource_id = 1),
    SCANOUT("a part that wraps", BAD_PARAMETER, .r = {UINT32_MAX, 0, 2, 2}, .resource_id = 1),

    FLUSH("all of it", OK, .r = ALL, .resource_id = 1),
    FLUSH("nothing of it", OK, .r = {5, 5, 0, 0}, .resource_id = 1),
    FLUSH("what nobody shows", OK, .r = {0, 0, 64, 64}, .resource_id = 2),
    FLUSH("no resource", BAD_RESOURCE, .r = ALL, .resource_id = 77),
    FLUSH("more than there is", BAD_PARAMETER, .r = {0, 0, WIDTH, HEIGHT + 1}, .resource_id = 1),
    FLUSH("what wraps", BAD_PARAMETER, .r = {2, 2, UINT32_MAX, UINT32_MAX}, .resource_id = 1),

    BLOB("of the host", OK, .scanout_id = 1, .resource_id = 3, .width = WIDTH, .height = HEIGHT,
         .format = BGRX, .strides = {2048}, .offsets = {4096}),
    FLUSH("it", OK, .r = ALL, .resource_id = 3),
    FLUSH("more of it than is shown", OK, .r = {0, 0, UINT32_MAX, UINT32_MAX}, .resource_id = 3),
    BLOB("of the guest", OK, .resource_id = 4, .width = WIDTH, .height = HEIGHT, .format = BGRA,
         .strides = {WIDTH * 4}),
    FLUSH("it as well", OK, .r = ALL, .resource_id = 4),
    BLOB("on no output", BAD_SCANOUT, .scanout_id = 2, .resource_id = 3, .width = WIDTH,
         .height = HEIGHT, .format = BGRX, .strides = {2048}),
    BLOB("that is not there", BAD_RESOURCE, .resource_id = 77, .width = WIDTH, .height = HEIGHT,
         .format = BGRX, .strides = {2048}),
    BLOB("that is a picture", BAD_PARAMETER, .resource_id = 1, .width = WIDTH, .height = HEIGHT,
         .format = BGRX, .strides = {2048}),
    BLOB("with an unknown format", BAD_PARAMETER, .resource_id = 3, .width = WIDTH,
         .height = HEIGHT, .format = 99, .strides = {2048}),
    BLOB("with a part larger than all", BAD_PARAMETER, .resource_id = 3, .width = WIDTH - 1,
         .height = HEIGHT, .format = BGRX, .strides = {2048}),
    BLOB("with lines upon each other", BAD_PARAMETER, .resource_id = 3, .width = WIDTH,
         .height = HEIGHT, .format = BGRX, .strides = {WIDTH * 4 - 1}),
    BLOB("that is too small", BAD_PARAMETER, .resource_id = 4, .width = WIDTH, .height = HEIGHT,
         .format = BGRX, .strides = {WIDTH * 4}, .offsets = {4096}),
    BLOB("that is far too small", BAD_PARAMETER, .resource_id = 3, .width = WIDTH, .height = HEIGHT,
         .format = BGRX, .strides = {UINT32_MAX}, .offsets = {UINT32_MAX}),
    BLOB("that is off", OK, .scanout_id = 1),

    CURSOR("the picture of 64 x 64", OK, .pos = {.scanout_id = 1, .x = 5}, .resource_id = 2),
    CURSOR("a blob's first bytes", OK, .resource_id = 3),
    CURSOR("of the guest's pages", OK, .resource_id = 4),
    CURSOR("on no output", BAD_SCANOUT, .pos = {.scanout_id = 2}, .resource_id = 2),
    CURSOR("no resource", BAD_RESOURCE, .resource_id = 77),
    CURSOR("a picture that is too large", BAD_PARAMETER, .resource_id = 1),
    CURSOR("a picture that is too small", BAD_PARAMETER, .resource_id = 9),
    CURSOR("none", OK, .pos = {.scanout_id = 1}),
    MOVE("somewhere", OK, .pos = {.x = 100, .y = UINT32_MAX}),
    MOVE("on no output", BAD_SCANOUT, .pos = {.scanout_id = 16}),

    ROW("a pointer on the control queue", 0, UNSPEC, UPDATE_CURSOR, update_cursor,
        .resource_id = 2),
    ROW("a picture on the cursor queue", 1, UNSPEC, RESOURCE_CREATE_2D, resource_create_2d,
        .resource_id = 11, .format = BGRX, .width = 1, .height = 1),
};

/* Sends a command with room for the largest answer. Returns the answer's type. */
static int send(struct story *s, const void *command, size_t size, unsigned queue)
{
    uint8_t bytes[256] = {0};
    struct virtio_gpu_resp_edid answer = {0};
    int slot;

    assert_true(size < sizeof(bytes));
    memcpy(bytes, command, size);
    slot = frontend_submit(&s->frontend, queue, bytes, size, sizeof(answer));
    assert_true(slot >= 0);
    assert_true(frontend_await(&s->frontend, queue, (unsigned)slot, &answer, sizeof(answer),
                               FRONTEND_PATIENCE) >= (int)sizeof(answer.hdr));
    return (int)answer.hdr.type;
}

/* What the rows speak of. */
static void prepare(struct story *s)
{
    struct guest_ram *ram = &s->frontend.ram;
    uint64_t first = guest_ram_take(ram, GUEST_RAM_UPPER, BYTES / 2, 4096);
    uint64_t second = guest_ram_take(ram, GUEST_RAM_LOW, BYTES / 2, 4096);
    uint64_t blob = guest_ram_take(ram, GUEST_RAM_LOW, (BYTES + 4095) & ~4095u, 4096);

    assert_true(first != UINT64_MAX && second != UINT64_MAX && blob != UINT64_MAX);
    memset(guest_ram_at(ram, first), 0x11, BYTES / 2);
    memset(guest_ram_at(ram, second), 0x22, BYTES / 2);
    assert_int_equal(gpu_guest_picture(&s->frontend, 1, WIDTH, HEIGHT), OK);
    assert_int_equal(gpu_guest_attach_pages(&s->frontend, 1, first, second, BYTES), OK);
    assert_int_equal(gpu_guest_picture(&s->frontend, 2, 64, 64), OK);
    gpu_story_create(s, 3, MIB);
    assert_int_equal(gpu_guest_guest_blob(&s->frontend, 4, blob, (BYTES + 4095) & ~4095u), OK);
}

static void each_command_has_its_answer(void **state)
{
    struct story *s = story(state);

    gpu_story_open(s, two_outputs);
    prepare(s);
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int answer = send(s, rows[i].command, rows[i].size, rows[i].queue);

        if (answer != rows[i].answer)
            fail_msg("row %u, %s: the answer is 0x%x, not 0x%x", i, rows[i].what, answer,
                     rows[i].answer);
    }
    assert_int_equal(gpu_story_ping(s), INFO);
    story_end(s);
}

/* None of them has another length than its own. */
static void each_command_has_its_length(void **state)
{
    struct story *s = story(state);

    gpu_story_open(s, two_outputs);
    prepare(s);
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].answer == UNSPEC)
            continue; /* is on the wrong queue */
        assert_int_equal(send(s, rows[i].command, rows[i].size - 1, rows[i].queue), BAD_PARAMETER);
        assert_int_equal(send(s, rows[i].command, rows[i].size + 1, rows[i].queue), BAD_PARAMETER);
    }
    story_end(s);
}

/* ---- files ---- */

/* How many pictures lie in the folder, and the newest one's length. */
static unsigned count_pictures(const char *folder, off_t *size)
{
    char newest[64] = "", path[256];
    struct dirent *entry;
    unsigned count = 0;
    struct stat st;
    DIR *dir = opendir(folder);

    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        count++;
        if (strcmp(entry->d_name, newest) > 0)
            snprintf(newest, sizeof(newest), "%.60s", entry->d_name);
    }
    closedir(dir);
    snprintf(path, sizeof(path), "%s/%s", folder, newest);
    *size = count > 0 && stat(path, &st) == 0 ? st.st_size : 0;
    return count;
}

static void await_pictures(const char *folder, unsigned least)
{
    off_t size = 0;

    for (unsigned i = 0; i < 500 && count_pictures(folder, &size) < least; i++)
        usleep(10000);
    assert_in_range(count_pictures(folder, &size), least, least + 100);
    assert_in_range(size, 100, BYTES);
}

static void show(struct story *s)
{
    const struct virtio_gpu_set_scanout scanout = {
        .hdr = {.type = VIRTIO_GPU_CMD_SET_SCANOUT}, .r = ALL, .resource_id = 1};
    const struct virtio_gpu_resource_flush flush = {
        .hdr = {.type = VIRTIO_GPU_CMD_RESOURCE_FLUSH}, .r = ALL, .resource_id = 1};

    assert_int_equal(gpu_guest_transfer_2d(&s->frontend, 1, WIDTH, HEIGHT), OK);
    assert_int_equal(send(s, &scanout, sizeof(scanout), 0), OK);
    assert_int_equal(send(s, &flush, sizeof(flush), 0), OK);
}

static void remove_pictures(const char *folder)
{
    char command[256];

    snprintf(command, sizeof(command), "rm -r '%s'", folder);
    assert_int_equal(system(command), 0);
}

/* A picture outlives a pause, and nothing else: the driver that begins anew shows nothing. */
static void a_picture_is_written_to_a_file(void **state)
{
    struct story *s = story(state);
    char folder[] = "/tmp/hostblob-pictures-XXXXXX", option[64];
    const char *arguments[] = {option, NULL};
    const struct virtio_gpu_resource_flush flush = {
        .hdr = {.type = VIRTIO_GPU_CMD_RESOURCE_FLUSH}, .r = ALL, .resource_id = 1};

    assert_non_null(mkdtemp(folder));
    snprintf(option, sizeof(option), "--display=file:%s", folder);
    gpu_story_open(s, arguments);
    prepare(s);
    show(s);
    await_pictures(folder, 1);
    assert_int_equal(frontend_stop(&s->frontend), 0);
    assert_int_equal(frontend_start(&s->frontend), 0);
    assert_int_equal(send(s, &flush, sizeof(flush), 0), OK);
    await_pictures(folder, 2);
    assert_int_equal(frontend_reset(&s->frontend), 0);
    assert_int_equal(frontend_start(&s->frontend), 0);
    assert_int_equal(send(s, &flush, sizeof(flush), 0), BAD_RESOURCE);
    gpu_story_bind(s);
    prepare(s);
    show(s);
    await_pictures(folder, 3);
    story_end(s);
    remove_pictures(folder);
}

/* The next worker writes on, with higher numbers. */
static void another_worker_writes_on(void **state)
{
    struct story *s = story(state);
    char folder[] = "/tmp/hostblob-pictures-XXXXXX", option[64];
    const char *arguments[] = {option, NULL};

    assert_non_null(mkdtemp(folder));
    snprintf(option, sizeof(option), "--display=file:%s", folder);
    gpu_story_open(s, arguments);
    prepare(s);
    show(s);
    await_pictures(folder, 1);
    kill(story_worker(s), SIGKILL);
    story_await(s, "/worker/starts", 2);
    assert_int_equal(frontend_reset(&s->frontend), 0);
    assert_int_equal(frontend_start(&s->frontend), 0);
    gpu_story_bind(s);
    prepare(s);
    show(s);
    await_pictures(folder, 2);
    story_end(s);
    remove_pictures(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(each_command_has_its_answer, gpu_qemu_arena),
        STORY(each_command_has_its_answer, gpu_crosvm_single),
        STORY(each_command_has_its_length, gpu_qemu_arena),
        STORY(a_picture_is_written_to_a_file, gpu_qemu_arena),
        STORY(a_picture_is_written_to_a_file, gpu_crosvm_arena),
        STORY(another_worker_writes_on, gpu_qemu_arena),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

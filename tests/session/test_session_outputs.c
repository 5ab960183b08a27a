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

/* What becomes of a picture when the device pauses, begins anew, or dies. Every command with every
 * answer is in test_session_commands.c. */
#define BAD_RESOURCE VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID
#define WIDTH 320u
#define HEIGHT 200u
#define BYTES (WIDTH * HEIGHT * 4u)
#define PICTURE 1u

static const struct virtio_gpu_rect all = {0, 0, WIDTH, HEIGHT};

static int send(struct story *s, void *command, size_t size)
{
    struct virtio_gpu_ctrl_hdr answer;

    return gpu_guest_command(&s->frontend, command, size, &answer, sizeof(answer));
}

static int flush(struct story *s)
{
    struct virtio_gpu_resource_flush command = {
        .hdr = {.type = VIRTIO_GPU_CMD_RESOURCE_FLUSH}, .r = all, .resource_id = PICTURE};

    return send(s, &command, sizeof(command));
}

/* A picture with pages of its own, on the first output. */
static void show(struct story *s)
{
    struct guest_ram *ram = &s->frontend.ram;
    uint64_t first = guest_ram_take(ram, GUEST_RAM_UPPER, BYTES / 2, 4096);
    uint64_t second = guest_ram_take(ram, GUEST_RAM_LOW, BYTES / 2, 4096);
    struct virtio_gpu_set_scanout scanout = {
        .hdr = {.type = VIRTIO_GPU_CMD_SET_SCANOUT}, .r = all, .resource_id = PICTURE};

    assert_true(first != UINT64_MAX && second != UINT64_MAX);
    memset(guest_ram_at(ram, first), 0x11, BYTES / 2);
    memset(guest_ram_at(ram, second), 0x22, BYTES / 2);
    assert_int_equal(gpu_guest_picture(&s->frontend, PICTURE, WIDTH, HEIGHT), OK);
    assert_int_equal(gpu_guest_attach_pages(&s->frontend, PICTURE, first, second, BYTES), OK);
    assert_int_equal(gpu_guest_transfer_2d(&s->frontend, PICTURE, WIDTH, HEIGHT), OK);
    assert_int_equal(send(s, &scanout, sizeof(scanout)), OK);
    assert_int_equal(flush(s), OK);
}

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

    story_unless(s, HABIT_LIBKRUN, "pause");
    assert_non_null(mkdtemp(folder));
    snprintf(option, sizeof(option), "--display=file:%s", folder);
    gpu_story_open(s, arguments);
    show(s);
    await_pictures(folder, 1);
    assert_int_equal(frontend_stop(&s->frontend), 0);
    assert_int_equal(frontend_start(&s->frontend), 0);
    assert_int_equal(flush(s), OK);
    await_pictures(folder, 2);
    assert_int_equal(frontend_reset(&s->frontend), 0);
    assert_int_equal(frontend_start(&s->frontend), 0);
    assert_int_equal(flush(s), BAD_RESOURCE);
    gpu_story_bind(s);
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
    show(s);
    await_pictures(folder, 1);
    kill(story_worker(s), SIGKILL);
    story_await(s, "/worker/starts", 2);
    assert_int_equal(frontend_reset(&s->frontend), 0);
    assert_int_equal(frontend_start(&s->frontend), 0);
    gpu_story_bind(s);
    show(s);
    await_pictures(folder, 2);
    story_end(s);
    remove_pictures(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_picture_is_written_to_a_file, gpu_qemu_arena),
        STORY(a_picture_is_written_to_a_file, gpu_crosvm_arena),
        STORY(another_worker_writes_on, gpu_qemu_arena),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

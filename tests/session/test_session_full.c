/* SPDX-License-Identifier: MIT */
#include "gpu_story.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "subject.h"
#include "tests/frontend/gpu_guest_3d.h"

/* A file system that is full: who writes there says so, and leaves nothing that is half written. It
 * is a tmpfs of this test's own, in a mount namespace that nobody else sees. */
#define WIDTH 320u
#define HEIGHT 200u
#define BYTES (WIDTH * HEIGHT * 4u)
#define PICTURE 1u

static char folder[64]; /* where it is mounted; "": nothing may be mounted here */

/* ---- the file system ---- */

static int make_folder(void **state)
{
    if (unshare(CLONE_NEWNS) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
        return 0;
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return 0;
    strcpy(folder, "/tmp/hostblob-full-XXXXXX");
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **state)
{
    return folder[0] == '\0' ? 0 : rmdir(folder);
}

/* Mounts it with room for 'inodes' files besides its root, and for 64 KiB. */
static void begin(unsigned inodes)
{
    char options[64];

    snprintf(options, sizeof(options), "size=64k,nr_inodes=%u,mode=0700", inodes + 1);
    if (folder[0] == '\0' || mount("tmpfs", folder, "tmpfs", 0, options) < 0)
        skip();
}

static void end(void)
{
    assert_int_equal(umount2(folder, MNT_DETACH), 0);
}

static void path_in(char path[static 128], const char *name)
{
    snprintf(path, 128, "%s/%s", folder, name);
}

/* Fills it to the last byte. */
static void fill(void)
{
    static const char page[4096];
    char path[128];
    int fd;

    path_in(path, "ballast");
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    while (write(fd, page, sizeof(page)) > 0)
        ;
    assert_int_equal(errno, ENOSPC);
    close(fd);
}

static void empty(void)
{
    char path[128];

    path_in(path, "ballast");
    assert_int_equal(unlink(path), 0);
}

static unsigned count_files(void)
{
    DIR *dir = opendir(folder);
    unsigned count = 0;

    assert_non_null(dir);
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir))
        count += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    closedir(dir);
    return count;
}

/* ---- pictures ---- */

static int send_command(struct story *s, void *command, size_t size)
{
    struct virtio_gpu_ctrl_hdr answer;

    return gpu_guest_command(&s->frontend, command, size, &answer, sizeof(answer));
}

static void flush(struct story *s)
{
    struct virtio_gpu_resource_flush command = {.hdr = {.type = VIRTIO_GPU_CMD_RESOURCE_FLUSH},
                                                .r = {0, 0, WIDTH, HEIGHT},
                                                .resource_id = PICTURE};

    assert_int_equal(send_command(s, &command, sizeof(command)), OK);
}

static void show(struct story *s)
{
    struct guest_ram *ram = &s->frontend.ram;
    uint64_t pages = guest_ram_take(ram, GUEST_RAM_UPPER, BYTES, 4096);
    struct virtio_gpu_set_scanout scanout = {.hdr = {.type = VIRTIO_GPU_CMD_SET_SCANOUT},
                                             .r = {0, 0, WIDTH, HEIGHT},
                                             .resource_id = PICTURE};

    assert_true(pages != UINT64_MAX);
    assert_int_equal(gpu_guest_picture(&s->frontend, PICTURE, WIDTH, HEIGHT), OK);
    assert_int_equal(gpu_guest_attach_pages(&s->frontend, PICTURE, pages, pages + BYTES / 2, BYTES),
                     OK);
    assert_int_equal(gpu_guest_transfer_2d(&s->frontend, PICTURE, WIDTH, HEIGHT), OK);
    assert_int_equal(send_command(s, &scanout, sizeof(scanout)), OK);
    flush(s);
}

static void await_log(struct story *s, const char *text)
{
    for (unsigned i = 0; i < 1000 && !daemon_process_logged(&s->daemon, text); i++)
        usleep(10000);
    if (!daemon_process_logged(&s->daemon, text))
        fail_msg("the log does not say: %s", text);
}

/* PNG, 11.2.5: the last chunk. */
static bool is_whole_picture(const char *path)
{
    static const char last[] = "IEND\xae\x42\x60\x82";
    char bytes[8] = "";
    FILE *file = fopen(path, "re");
    bool whole;

    if (file == NULL)
        return false;
    whole = fseek(file, -8, SEEK_END) == 0 && fread(bytes, 1, 8, file) == 8 &&
            memcmp(bytes, last, 8) == 0;
    fclose(file);
    return whole;
}

static void a_full_folder_gets_no_half_picture(void **state)
{
    struct story *s = story(state);
    char option[96], path[128];
    const char *arguments[] = {option, NULL};

    begin(8);
    fill();
    snprintf(option, sizeof(option), "--display=file:%s", folder);
    gpu_story_open(s, arguments);
    show(s);
    await_log(s, "pictures of outputs cannot be written: No space left on device");
    assert_int_equal(gpu_story_ping(s), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
    assert_int_equal(count_files(), 1);
    empty();
    flush(s);
    path_in(path, "output-0-00000002.png");
    for (unsigned i = 0; i < 1000 && !is_whole_picture(path); i++)
        usleep(10000);
    assert_true(is_whole_picture(path));
    assert_int_equal(count_files(), 1);
    story_end(s);
    end();
}

/* ---- screenshots ---- */

/* Its exit status; what it says goes to 'output'. */
static int screenshot(struct story *s, const char *to, char *output, size_t size)
{
    return story_shell(output, size, "timeout 20 '%s' screenshot '%s' 0 '%s' 2>&1",
                       getenv("HOSTBLOB"), s->daemon.control_path, to);
}

/* And one that was there stays. */
static void a_full_disk_gets_no_half_screenshot(void **state)
{
    struct story *s = story(state);
    char output[1024], path[128], kept[128];

    begin(8);
    gpu_story_open(s, NULL);
    show(s);
    path_in(path, "screen.png");
    path_in(kept, "kept.png");
    assert_int_equal(screenshot(s, kept, output, sizeof(output)), 0);
    assert_true(is_whole_picture(kept));
    fill();
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(screenshot(s, i == 0 ? path : kept, output, sizeof(output)), EXIT_FAILURE);
        assert_non_null(strstr(output, "No space left on device"));
        assert_int_equal(count_files(), 2);
    }
    assert_true(is_whole_picture(kept));
    empty();
    assert_int_equal(screenshot(s, path, output, sizeof(output)), 0);
    assert_true(is_whole_picture(path));
    story_end(s);
    end();
}

/* ---- sockets ---- */

/* The program with both sockets there. Its exit status. */
static int run(const struct story *s, char *output, size_t size)
{
    return story_shell(output, size,
                       "timeout 20 '%s' --socket-path='%s/device' --control-path='%s/control' 2>&1",
                       getenv(s->cast.program), folder, folder);
}

/* There is room for none of the two sockets, and for one. */
static void a_full_folder_gets_no_socket(void **state)
{
    struct story *s = story(state);
    char output[4096], words[192];

    for (unsigned room = 0; room < 2; room++) {
        begin(room);
        assert_int_equal(run(s, output, sizeof(output)), EXIT_FAILURE);
        snprintf(words, sizeof(words), "Cannot listen on %s/%s: No space left on device", folder,
                 room == 0 ? "device" : "control");
        if (strstr(output, words) == NULL)
            fail_msg("\"%s\" is not in: %s", words, output);
        assert_int_equal(count_files(), 0);
        end();
    }
    s->ended = true;
}

/* ---- files that may not be large ---- */

/* A limit to the size of files is one to that of memory which is a file. */
static void a_limit_to_files_is_told(void **state)
{
    struct story *s = story(state);
    struct rlimit before, limit;
    const char *arguments[] = {"--window=64M", NULL};

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = 1u << 20;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_equal(daemon_process_start(&s->daemon, s->cast.program, arguments), -ESRCH);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_true(WIFEXITED(s->daemon.status));
    assert_int_equal(WEXITSTATUS(s->daemon.status), EXIT_FAILURE);
    assert_true(daemon_process_logged(&s->daemon, "The device cannot be set up: File too large"));
    assert_int_not_equal(access(s->daemon.socket_path, F_OK), 0);
    s->ended = true;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_full_folder_gets_no_half_picture, gpu_qemu_arena),
        STORY(a_full_disk_gets_no_half_screenshot, gpu_qemu_arena),
        STORY(a_full_folder_gets_no_socket, gpu_qemu_arena),
        STORY(a_full_folder_gets_no_socket, media_qemu),
        STORY(a_limit_to_files_is_told, gpu_qemu_arena),
        STORY(a_limit_to_files_is_told, media_qemu),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

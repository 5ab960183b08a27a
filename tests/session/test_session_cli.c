/* SPDX-License-Identifier: MIT */
#include "cli_story.h"
#include "gpu_story.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/frontend/gpu_guest_3d.h"

/* A name in the run directory for the story's device. */
static void name_device(struct story *s, const char *name)
{
    char path[160];

    snprintf(path, sizeof(path), "%s/%s.control", s->daemon.dir, name);
    assert_int_equal(symlink(s->daemon.control_path, path), 0);
}

static void says_how_it_is_used(void **state)
{
    static const char *const commands[] = {"run",        "check",     "list",     "maps",
                                           "limits",     "processes", "outputs",  "output",
                                           "screenshot", "resources", "contexts", "sessions",
                                           "set",        "top",       "metrics",  "upgrade"};
    struct story *s = story(state);

    s->ended = true;
    assert_int_equal(hostblob(s, "--help"), 0);
    for (unsigned i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        assert_int_equal(hostblob(s, "--help"), 0);
        expect(commands[i]);
        assert_int_equal(hostblob(s, "%s --help", commands[i]), 0);
        expect("Usage: hostblob ");
        expect("Example");
        assert_int_equal(hostblob(s, "%s --no-such-option", commands[i]), 2);
        expect("--no-such-option");
        expect("--help");
    }
    assert_int_equal(hostblob(s, "--version"), 0);
    assert_int_equal(hostblob(s, "."), 2);
    expect("'.' is no command of it");
    assert_int_equal(hostblob(s, "%s", ""), 2);
    expect("Say what to do");
}

static void refuses_nonsense_with_a_sentence(void **state)
{
    static const struct {
        const char *arguments, *sentence;
    } rows[] = {
        {"outputs", "something is missing: outputs"},
        {"outputs a b", "that is too much"},
        {"output gpu 0", "something is missing: output"},
        {"output gpu x off", "'x' is no output"},
        {"output gpu -1 off", "'-1' is no output"},
        {"output gpu 0 big", "'big' is no mode"},
        {"output gpu 0 '1x1 off'", "'1x1 off' is no mode"},
        {"screenshot gpu first a.png", "'first' is no output"},
        {"screenshot gpu", "something is missing"},
        {"check now and", "that is too much"},
        {"run", "there is no FILE and no --device to run"},
        {"run --device gpu", "it needs socket=PATH"},
        {"run a.conf b.conf", "'b.conf' is too much"},
        {"run a.conf --device gpu,socket=/s", "'a.conf' and --device exclude each other"},
        {"run --watchdog=soon a.conf", "--watchdog=soon cannot be: it must be a number of seconds"},
        {"run --watchdog=-1 a.conf", "0 (off) to 3600"},
        {"run --watchdog= a.conf", "0 (off) to 3600"},
        {"run --cgroup=some a.conf", "it must be 'auto', 'none' or a folder"},
    };
    struct story *s = story(state);

    s->ended = true;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(hostblob(s, "%s", rows[i].arguments), 2);
        expect(rows[i].sentence);
    }
}

static void shows_the_limits(void **state)
{
    static const char *const limits[] = {"--limit=mappings=1", "--limit=memory=256M", NULL};
    struct story *s = story(state);
    const char *path = s->daemon.control_path;

    gpu_story_open(s, limits);
    gpu_story_create(s, 7, MIB);
    assert_true(gpu_guest_map(&s->frontend, 7, MIB) >= REFUSED);
    assert_int_equal(hostblob(s, "limits --json %s", path), 0);
    expect_text("/0/control_path", path);
    assert_int_equal(number("/0/limits/mappings/used"), 1);
    assert_int_equal(number("/0/limits/mappings/limit"), 1);
    assert_int_equal(number("/0/limits/mappings/refused"), 1);
    assert_int_equal(number("/0/limits/memory/used"), MIB + 4096);
    assert_int_equal(number("/0/limits/memory/peak"), MIB + 4096);
    expect_text("/0/limits/mappings/answer", "OUT_OF_MEMORY");
    assert_int_equal(hostblob(s, "limits %s", path), 0);
    expect("memory         1028K  1028K  256M     0        OUT_OF_MEMORY");
    story_end(s);
}

static void shows_what_is_mapped(void **state)
{
    struct story *s = story(state);
    const char *path = s->daemon.control_path;

    gpu_story_open(s, NULL); /* which maps one page for results */
    gpu_story_create_mapped(s, 77, 2 * MIB, 4 * MIB);
    gpu_story_create_mapped(s, 5, MIB, 0);
    assert_int_equal(hostblob(s, "maps --json %s", path), 0);
    assert_int_equal(number(""), 1);
    expect_text("/0/control_path", path);
    assert_int_equal(number("/0/window"), 64 * MIB);
    assert_int_equal(number("/0/maps"), 3);
    assert_int_equal(number("/0/mapped_bytes"), 3 * MIB + 4096);
    assert_int_equal(number("/0/maps/0/id"), 5); /* by offset */
    assert_int_equal(number("/0/maps/0/offset"), 0);
    assert_int_equal(number("/0/maps/0/size"), MIB);
    assert_int_equal(number("/0/maps/1/id"), 77);
    assert_int_equal(number("/0/maps/1/offset"), 4 * MIB);
    expect_text("/0/maps/1/state", "mapped");
    if (!story_single(s))
        expect_text("/0/maps/1/kind", "arena");
    assert_int_equal(hostblob(s, "maps %s", path), 0);
    expect("3 buffers, 3076K of a window of 64M");
    expect("77    0x400000   2M");
    assert_int_equal(gpu_guest_unref(&s->frontend, 77), OK);
    assert_int_equal(gpu_guest_unref(&s->frontend, 5), OK);
    assert_int_equal(hostblob(s, "maps %s", path), 0);
    expect("1 buffer, 4K of");
    story_end(s);
}

static void shows_processes(void **state)
{
    struct story *s = story(state);
    const char *path = s->daemon.control_path;
    char *row, pid[16];

    gpu_story_open(s, NULL);
    assert_int_equal(hostblob(s, "processes --json %s", path), 0);
    assert_int_equal(number("/0/processes"), 3);
    expect_text("/0/processes/0/role", "starter");
    assert_int_equal(number("/0/processes/0/pid"), s->daemon.program);
    assert_int_equal(number("/0/processes/0/uid"), getuid());
    assert_int_equal(number("/0/processes/1/limits/core"), 0);
    expect_text("/0/processes/1/namespaces/uts", "shared");
    assert_int_equal(hostblob(s, "processes %s", path), 0);
    row = strstr(output, "\n  worker ");
    assert_non_null(row);
    snprintf(pid, sizeof(pid), " %d ", (int)story_worker(s));
    assert_non_null(strstr(row, pid));
    story_end(s);
}

static void lists_devices(void **state)
{
    struct story *s = story(state);

    gpu_story_open(s, NULL);
    gpu_story_create_mapped(s, 1, MIB, 0);
    assert_int_equal(hostblob(s, "list"), 0);
    expect("No device runs here.");
    name_device(s, "gpu-1");
    assert_int_equal(hostblob(s, "list"), 0);
    expect("gpu-1");
    expect("hostblob-gpu");
    expect("connected");
    assert_int_equal(hostblob(s, "list --json gpu"), 0);
    expect_text("/0/name", "gpu");
    expect_text("/0/report/program", "hostblob-gpu");
    assert_int_equal(number("/0/report/device/mapped"), 2);
    assert_int_equal(hostblob(s, "maps"), 0);
    expect("gpu-1: 2 buffers");
    name_device(s, "gpu-2");
    assert_int_equal(hostblob(s, "list --json"), 0);
    assert_int_equal(number(""), 2);
    assert_int_equal(hostblob(s, "maps gpu"), 1);
    expect("'gpu' may be gpu-1 or gpu-2");
    assert_int_equal(hostblob(s, "maps gpu-2"), 0);
    assert_int_equal(hostblob(s, "list gpu-2 camera"), 1);
    expect("There is no device 'camera'");
    expect("gpu-2");
    story_end(s);
}

static void says_what_to_do_about_a_device_that_is_not_there(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct story *s = story(state);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    story_start(s, NULL);
    assert_int_equal(hostblob(s, "outputs %s/nothing", s->daemon.dir), 1);
    expect("start the device with --control-path=");
    assert_int_equal(hostblob(s, "outputs /tmp"), 1);
    expect("/tmp is no socket");
    /* A device that was killed leaves its socket. */
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/dead.control", s->daemon.dir);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    close(fd);
    assert_int_equal(hostblob(s, "outputs dead"), 1);
    expect("that device has ended");
    assert_int_equal(hostblob(s, "list"), 0);
    expect("No device runs here.");
    unlink(address.sun_path);
    /* Another program's socket: the front-end's. */
    assert_int_equal(hostblob(s, "maps %s", s->daemon.socket_path), 1);
    expect("is no control socket");
    story_end(s);
}

/* A device for whom the asker is too slow at first: it hangs up on the first, tells the second its
 * report, and hears the third. */
static void be_impatient(int listener)
{
    static const char *const answers[] = {"", "{\"device\":{}}\n",
                                          "{\"ok\":false,\"error\":\"heard at last\"}\n"};

    for (unsigned i = 0; i < 3; i++) {
        int fd = accept(listener, NULL, NULL);
        char line[64];

        if (i > 0 && write(fd, answers[i], strlen(answers[i])) < 0)
            _exit(1);
        usleep(100000);
        /* What is not read when it is closed resets the connection. */
        if (i > 0 && read(fd, line, sizeof(line)) <= 0)
            _exit(1);
        close(fd);
    }
    _exit(0);
}

static void one_who_was_too_slow_asks_again(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct story *s = story(state);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), status;
    pid_t child;

    snprintf(address.sun_path, sizeof(address.sun_path), "/tmp/hostblob-slow-%d", (int)getpid());
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 4), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        be_impatient(fd);
    assert_int_equal(hostblob(s, "output %s 0 off", address.sun_path), 1);
    expect("The device says: heard at last");
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close(fd);
    unlink(address.sun_path);
    s->ended = true;
}

/* What a device refuses, it refuses with its own sentence. */
static void commands_reach_the_device(void **state)
{
    struct story *s = story(state);
    pid_t worker;

    story_start(s, NULL);
    assert_int_equal(hostblob(s, "output %s 99 off", s->daemon.control_path), 1);
    expect("The device says: ");
    assert_int_equal(
        hostblob(s, "screenshot %s 99 %s/a.png", s->daemon.control_path, s->daemon.dir), 1);
    expect("The device says: ");
    /* One that hangs is not waited for, for ever. */
    worker = story_worker(s);
    kill(worker, SIGSTOP);
    assert_int_equal(hostblob(s, "outputs %s", s->daemon.control_path), 1);
    expect("the device did not answer in time");
    kill(worker, SIGKILL);
    story_await(s, "/worker/starts", 2);
    story_end(s);
}

#define SIDE 32u
#define PICTURE 11u /* the resource */

/* The guest shows a picture of its own on the first output. */
static void show_picture(struct story *s)
{
    const struct virtio_gpu_rect all = {.width = SIDE, .height = SIDE};
    struct virtio_gpu_resource_create_2d create = {
        .hdr = {.type = VIRTIO_GPU_CMD_RESOURCE_CREATE_2D},
        .resource_id = PICTURE,
        .format = VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM,
        .width = SIDE,
        .height = SIDE,
    };
    struct virtio_gpu_transfer_to_host_2d transfer = {
        .hdr = {.type = VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D}, .r = all, .resource_id = PICTURE};
    struct virtio_gpu_set_scanout scanout = {
        .hdr = {.type = VIRTIO_GPU_CMD_SET_SCANOUT}, .r = all, .resource_id = PICTURE};
    struct virtio_gpu_ctrl_hdr answer;
    uint64_t half[2];

    for (unsigned i = 0; i < 2; i++) {
        half[i] = guest_ram_take(&s->frontend.ram, GUEST_RAM_LOW, SIDE * SIDE * 2, 4096);
        assert_true(half[i] != UINT64_MAX);
        memset(guest_ram_at(&s->frontend.ram, half[i]), 0x40 + 0x40 * (int)i, SIDE * SIDE * 2);
    }
    assert_int_equal(
        gpu_guest_command(&s->frontend, &create, sizeof(create), &answer, sizeof(answer)), OK);
    assert_int_equal(
        gpu_guest_attach_pages(&s->frontend, PICTURE, half[0], half[1], SIDE * SIDE * 4), OK);
    assert_int_equal(
        gpu_guest_command(&s->frontend, &transfer, sizeof(transfer), &answer, sizeof(answer)), OK);
    assert_int_equal(
        gpu_guest_command(&s->frontend, &scanout, sizeof(scanout), &answer, sizeof(answer)), OK);
}

static void shows_what_the_guest_shows(void **state)
{
    const char *const arguments[] = {"--output=800x600@60,name=Left", "--output=off", NULL};
    static const uint8_t begin[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n', 0, 0, 0, 13,
                                    'I',  'H', 'D', 'R', 0,    0,    0,    SIDE, 0, 0, 0, SIDE};
    struct story *s = story(state);
    const char *path = s->daemon.control_path;
    uint8_t bytes[4096];
    FILE *file;
    char png[160];
    size_t size;

    gpu_story_open(s, arguments);
    snprintf(png, sizeof(png), "%s/a.png", s->daemon.dir);
    assert_int_equal(hostblob(s, "screenshot %s 0 %s", path, png), 1); /* it shows nothing yet */
    expect("The device says: ");
    assert_int_not_equal(access(png, F_OK), 0);
    show_picture(s);
    assert_int_equal(hostblob(s, "outputs %s", path), 0);
    expect("0       Left");
    expect("800x600@60");
    expect("32x32 of resource 11");
    expect("off");
    expect("nothing");
    assert_int_equal(hostblob(s, "screenshot %s 0 %s", path, png), 0);
    file = fopen(png, "rb");
    assert_non_null(file);
    size = fread(bytes, 1, sizeof(bytes), file);
    fclose(file);
    assert_true(size > sizeof(begin) && size < sizeof(bytes));
    assert_memory_equal(bytes, begin, sizeof(begin));
    assert_int_equal(hostblob(s, "screenshot --pointer %s 0 - | cmp - %s && echo same", path, png),
                     0);
    expect("same");
    assert_int_equal(hostblob(s, "screenshot --pointer %s:0 - | cmp - %s && echo same", path, png),
                     0);
    expect("same");
    assert_int_equal(hostblob(s, "screenshot --pointer %s - | cmp - %s && echo same", path, png),
                     0);
    expect("same");
    assert_int_equal(hostblob(s, "screenshot %s:9 %s", path, png), 1);
    assert_int_equal(hostblob(s, "screenshot %s 0 %s/no/such.png", path, s->daemon.dir), 1);
    expect("cannot be written");
    /* Another monitor, and a second one. */
    assert_int_equal(hostblob(s, "output %s 0 1024x768", path), 0);
    assert_int_equal(hostblob(s, "output %s 1 640x480@75", path), 0);
    assert_int_equal(hostblob(s, "outputs --json %s", path), 0);
    assert_int_equal(number("/0/width"), 1024);
    assert_int_equal(number("/0/hz"), 60);
    assert_int_equal(number("/1/hz"), 75);
    assert_int_equal(number("/0/resource"), PICTURE);
    assert_int_equal(hostblob(s, "output %s 1 off", path), 0);
    assert_int_equal(hostblob(s, "outputs --json %s", path), 0);
    assert_int_equal(number("/1/width"), 0);
    assert_int_equal(hostblob(s, "output %s 2 off", path), 1);
    expect("they are 0 to 1");
    unlink(png);
    story_end(s);
}

static void checks_the_machine(void **state)
{
    struct story *s = story(state);

    s->ended = true;
    assert_int_equal(hostblob(s, "check --json"), 0);
    expect_text("/programs/hostblob-gpu/program", "hostblob-gpu");
    assert_int_equal(number("/programs/hostblob-gpu/renderers/memory/in"), 1);
    assert_int_equal(number("/programs/hostblob-gpu/exporters/memfd/in"), 1);
    assert_int_equal(number("/programs/hostblob-media/kinds/pattern/in"), 1);
    assert_int_equal(hostblob(s, "check"), 0);
    expect("hostblob-gpu\n");
    expect("    in   memory ");
    expect("    in   memfd ");
}

/* Started by 'hostblob run', a device is found by its name. */
static void what_it_runs_has_a_name(void **state)
{
    struct story *s = story(state);
    char path[160], other[160];
    struct stat st;
    pid_t pid;

    story_start(s, NULL); /* for its folder */
    snprintf(path, sizeof(path), "gpu,socket=%s/run.sock", s->daemon.dir);
    snprintf(other, sizeof(other), "gpu,socket=%s/run2.sock", s->daemon.dir);
    setenv("HOSTBLOB_RUN_DIR", s->daemon.dir, 1);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        execl(getenv("HOSTBLOB"), "hostblob", "run", "--device", path, "--device", other, NULL);
        _exit(127);
    }
    for (unsigned i = 0; i < 500; i++) {
        if (hostblob(s, "list --json") == 0 && number("") == 2)
            break;
        usleep(20000);
    }
    assert_int_equal(number(""), 2);
    snprintf(path, sizeof(path), "gpu-%d", (int)pid);
    expect_text("/0/name", path);
    snprintf(path, sizeof(path), "gpu-%d-2", (int)pid);
    expect_text("/1/name", path);
    expect_text("/0/report/front_end", "none");
    assert_int_equal(hostblob(s, "maps gpu-%d", (int)pid), 0); /* and not the other */
    snprintf(path, sizeof(path), "%s/gpu-%d.control", s->daemon.dir, (int)pid);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    kill(pid, SIGTERM);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_not_equal(stat(path, &st), 0);
    story_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(says_how_it_is_used, gpu_qemu_arena),
        STORY(refuses_nonsense_with_a_sentence, gpu_qemu_arena),
        STORY(shows_the_limits, gpu_qemu_arena),
        STORY(shows_what_is_mapped, gpu_qemu_arena),
        STORY(shows_what_is_mapped, gpu_qemu_single),
        STORY(shows_processes, gpu_qemu_arena),
        STORY(lists_devices, gpu_crosvm_arena),
        STORY(says_what_to_do_about_a_device_that_is_not_there, gpu_qemu_arena),
        STORY(one_who_was_too_slow_asks_again, gpu_qemu_arena),
        STORY(commands_reach_the_device, gpu_qemu_arena),
        STORY(shows_what_the_guest_shows, gpu_qemu_arena),
        STORY(checks_the_machine, gpu_qemu_arena),
        STORY(what_it_runs_has_a_name, gpu_qemu_arena),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
#include "pipewire_desktop.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct program desktop_daemon, desktop_camera, desktop_other;
static struct program manager;
static char folder[64];

int64_t desktop_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct program start_program(const char *const *argv)
{
    struct program program;
    int pipes[2];

    assert_int_equal(pipe(pipes), 0);
    program.pid = fork();
    if (program.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(pipes[0], STDIN_FILENO);
        close(pipes[0]);
        close(pipes[1]);
        execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    assert_true(program.pid > 0);
    close(pipes[0]);
    program.input = pipes[1];
    return program;
}

void desktop_end(struct program *program)
{
    if (program->pid <= 0)
        return;
    close(program->input);
    kill(program->pid, SIGKILL);
    waitpid(program->pid, NULL, 0);
    program->pid = 0;
}

void desktop_tell_camera(const char *line)
{
    assert_int_equal(write(desktop_camera.input, line, strlen(line)), strlen(line));
}

/* ---- the daemon ---- */

static void write_configuration(const char *path, bool test_source)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fprintf(file, "context.properties = { core.daemon = true core.name = pipewire-0 "
                  "support.dbus = false mem.allow-mlock = false }\n"
                  "context.spa-libs = { support.* = support/libspa-support "
                  "videotestsrc = videotestsrc/libspa-videotestsrc }\n"
                  "context.modules = [\n");
    for (const char *const *name =
             (const char *const[]){"protocol-native", "spa-node-factory", "client-node",
                                   "client-device", "spa-device-factory", "access", "adapter",
                                   "link-factory", "metadata", "session-manager", NULL};
         *name != NULL; name++)
        fprintf(file, " { name = libpipewire-module-%s }\n", *name);
    fprintf(file, "]\ncontext.objects = [\n");
    if (test_source)
        fprintf(file, " { factory = spa-node-factory args = { factory.name = videotestsrc "
                      "node.name = test-card node.description = \"Test Card\" "
                      "media.class = Video/Source } }\n");
    fprintf(file, "]\n");
    fclose(file);
}

/* Whether the daemon listens: its socket is there a little before that. */
static bool daemon_listens(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool listens;

    snprintf(address.sun_path, sizeof(address.sun_path), "%s/pipewire-0", folder);
    listens = connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
    close(fd);
    return listens;
}

void desktop_start_daemon(bool test_source)
{
    char path[96];

    snprintf(path, sizeof(path), "%s/daemon.conf", folder);
    write_configuration(path, test_source);
    desktop_daemon = start_program((const char *const[]){"pipewire", "-c", path, NULL});
    for (int64_t end = desktop_now_ms() + DESKTOP_LIMIT; !daemon_listens(); usleep(5000))
        assert_true(desktop_now_ms() < end);
}

struct program desktop_start_program(const char *name, const char *format, const char *memory,
                                     const char *width, const char *height)
{
    const char *program = getenv("HOSTBLOB_TEST_CAMERA");

    assert_non_null(program);
    return start_program((const char *const[]){program, name, format, memory, width, height, NULL});
}

bool desktop_run(const char *command)
{
    return system(command) == 0;
}

/* Whether the daemon itself shows the camera, within some seconds. */
static bool daemon_has_camera(void)
{
    for (int64_t end = desktop_now_ms() + 15000; desktop_now_ms() < end; usleep(20000))
        if (desktop_run("pw-cli ls Node 2>/dev/null | grep -q our-camera"))
            return true;
    return false;
}

/* One of some dozens of starts was seen to be in vain. Asking the daemon tells whether the fault is
 * this program's or the device's. */
void desktop_start_camera(const char *format, const char *memory, const char *width,
                          const char *height)
{
    for (unsigned tries = 0; tries < 4; tries++) {
        desktop_camera = desktop_start_program("our-camera", format, memory, width, height);
        if (daemon_has_camera())
            return;
        print_message("the camera's program is started again\n");
        desktop_end(&desktop_camera);
    }
    fail_msg("the daemon shows no camera");
}

/* Skips the test where there is none. It ends with the daemon. */
void desktop_start_manager(void)
{
    if (!desktop_run("command -v wireplumber dbus-run-session pw-cli >/dev/null")) {
        print_message("no session manager here (Debian: wireplumber, dbus-daemon)\n");
        skip();
    }
    manager = start_program((const char *const[]){"dbus-run-session", "--", "wireplumber", NULL});
    for (int64_t end = desktop_now_ms() + DESKTOP_LIMIT;
         !desktop_run("pw-cli ls Metadata 2>/dev/null | grep -q '\"default\"'"); usleep(50000))
        assert_true(desktop_now_ms() < end);
}

int desktop_setup(void **state)
{
    snprintf(folder, sizeof(folder), "/tmp/hostblob-test-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    setenv("XDG_RUNTIME_DIR", folder, 1);
    setenv("PIPEWIRE_RUNTIME_DIR", folder, 1);
    setenv("HOME", folder, 1);
    setenv("XDG_STATE_HOME", folder, 1);
    setenv("XDG_CONFIG_HOME", folder, 1);
    unsetenv("PIPEWIRE_REMOTE");
    return story_setup(state);
}

int desktop_teardown(void **state)
{
    char command[128];

    desktop_end(&desktop_camera);
    desktop_end(&desktop_other);
    desktop_end(&desktop_daemon);
    for (unsigned i = 0; manager.pid > 0 && i < 500; i++, usleep(10000))
        if (waitpid(manager.pid, NULL, WNOHANG) != 0) {
            close(manager.input);
            manager.pid = 0;
        }
    desktop_end(&manager);
    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    if (system(command) != 0)
        return -1;
    return story_teardown(state);
}

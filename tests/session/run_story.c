/* SPDX-License-Identifier: MIT */
#include "run_story.h"

#include "story.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 60000

long run_story_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void listen_as_manager(struct run_story *run)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(address.sun_path, sizeof(address.sun_path), "%s/notify", run->dir);
    run->notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(run->notify_fd >= 0);
    assert_int_equal(bind(run->notify_fd, (struct sockaddr *)&address, sizeof(address)), 0);
    setenv("NOTIFY_SOCKET", address.sun_path, 1);
}

void run_story_init(struct run_story *run)
{
    *run = (struct run_story){.dir = "/tmp/hostblob-run-XXXXXX", .notify_fd = -1};
    assert_non_null(mkdtemp(run->dir));
    snprintf(run->file, sizeof(run->file), "%s/a.conf", run->dir);
    snprintf(run->program, sizeof(run->program), "%s", getenv("HOSTBLOB"));
    setenv("HOSTBLOB_RUN_DIR", run->dir, 1);
    listen_as_manager(run);
}

/* Adds what comes within that time to what was heard, each message with an end of line. Who speaks
 * waits for who hears: so this is done while waiting for something else too. */
static bool hear(struct run_story *run, int ms)
{
    struct pollfd readable = {.fd = run->notify_fd, .events = POLLIN};
    size_t have = strlen(run->heard), room = sizeof(run->heard) - 2 - have;
    ssize_t n;

    if (poll(&readable, 1, ms) <= 0)
        return false;
    assert_true(room > 512);
    n = recv(run->notify_fd, run->heard + have, room, 0);
    assert_true(n >= 0);
    memcpy(run->heard + have + n, "\n", 2);
    return true;
}

void run_story_finish(struct run_story *run)
{
    char output[4096];

    if (run->pid > 0) {
        kill(run->pid, SIGTERM);
        while (waitpid(run->pid, NULL, WNOHANG) == 0)
            hear(run, 10);
        story_shell(output, sizeof(output), "tail -n 30 '%s/log'", run->dir);
        print_error("The log ends with:\n%s", output);
    }
    close(run->notify_fd);
    unsetenv("NOTIFY_SOCKET");
    story_shell(output, sizeof(output), "rm -rf '%s'", run->dir);
}

void run_story_write(struct run_story *run, const char *format, ...)
{
    FILE *file = fopen(run->file, "w");
    va_list args;

    assert_non_null(file);
    va_start(args, format);
    vfprintf(file, format, args);
    va_end(args);
    assert_int_equal(fclose(file), 0);
}

static void become(const struct run_story *run, const char *option)
{
    char log[96];
    int fd;

    snprintf(log, sizeof(log), "%s/log", run->dir);
    fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (fd < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
        _exit(126);
    if (option != NULL)
        execl(run->program, "hostblob", "run", option, run->file, NULL);
    else
        execl(run->program, "hostblob", "run", run->file, NULL);
    _exit(127);
}

void run_story_start(struct run_story *run, const char *option)
{
    run->pid = fork();
    assert_true(run->pid >= 0);
    if (run->pid == 0)
        become(run, option);
}

/* ---- what it says ---- */

/* The line that begins so, or NULL. */
static char *find_line(char *all, const char *text)
{
    for (char *at = strstr(all, text); at != NULL; at = strstr(at + 1, text))
        if (at == all || at[-1] == '\n')
            return at;
    return NULL;
}

bool run_story_heard(struct run_story *run, const char *text)
{
    bool has;

    while (hear(run, 0))
        continue;
    has = find_line(run->heard, text) != NULL;
    run->heard[0] = '\0';
    return has;
}

void run_story_await(struct run_story *run, const char *text)
{
    long end = run_story_now() + PATIENCE_MS;
    char *line;

    while ((line = find_line(run->heard, text)) == NULL) {
        if (run_story_now() > end)
            fail_msg("'%s' was not said, but: %s", text, run->heard);
        hear(run, 100);
    }
    line += strcspn(line, "\n");
    memmove(run->heard, line + 1, strlen(line + 1) + 1);
}

bool run_story_logged(const struct run_story *run, const char *text)
{
    char *log = calloc(1, 1 << 20), path[96];
    FILE *file;
    bool has;

    snprintf(path, sizeof(path), "%s/log", run->dir);
    file = fopen(path, "r");
    assert_true(log != NULL && file != NULL);
    log[fread(log, 1, (1 << 20) - 1, file)] = '\0';
    fclose(file);
    has = strstr(log, text) != NULL;
    free(log);
    return has;
}

void run_story_await_log(struct run_story *run, const char *text)
{
    long end = run_story_now() + PATIENCE_MS;

    while (!run_story_logged(run, text)) {
        if (run_story_now() > end)
            fail_msg("'%s' was not logged", text);
        hear(run, 20);
    }
}

/* ---- its processes ---- */

/* The command line, its words with spaces between them. */
static bool read_words(pid_t pid, char *words, size_t size)
{
    char path[64];
    ssize_t n;
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    n = fd >= 0 ? read(fd, words, size - 1) : -1;
    if (fd >= 0)
        close(fd);
    for (ssize_t i = 0; i < n; i++)
        words[i] = words[i] != '\0' ? words[i] : ' ';
    words[n > 0 ? n : 0] = '\0';
    return n > 0;
}

static pid_t parent_of(pid_t pid)
{
    char path[64], text[512];
    int parent = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    file = fopen(path, "r");
    if (file == NULL)
        return 0;
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    if (strrchr(text, ')') == NULL || sscanf(strrchr(text, ')') + 1, " %*c %d", &parent) != 1)
        return 0;
    return parent;
}

/* The first process whose command line has this text, and that is a child of 'parent' (0: or not),
 * and no zombie. */
static pid_t find_process(const char *text, pid_t parent)
{
    DIR *dir = opendir("/proc");
    pid_t found = 0;

    assert_non_null(dir);
    for (struct dirent *e = readdir(dir); e != NULL && found == 0; e = readdir(dir)) {
        pid_t pid = (pid_t)atoi(e->d_name);
        char words[4096];

        if (pid > 0 && pid != getpid() && read_words(pid, words, sizeof(words)) &&
            strstr(words, text) != NULL && (parent == 0 || parent_of(pid) == parent))
            found = pid;
    }
    closedir(dir);
    return found;
}

pid_t run_story_device(const struct run_story *run, const char *name)
{
    char text[160];

    snprintf(text, sizeof(text), "--socket-path=%s/%s.sock", run->dir, name);
    return find_process(text, run->pid);
}

/* Whether it answers. */
static bool answers(const struct run_story *run, const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool well;

    snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s.control", run->dir, name);
    well = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
    close(fd);
    return well;
}

pid_t run_story_await_device(struct run_story *run, const char *name, pid_t old)
{
    long end = run_story_now() + PATIENCE_MS;

    for (;;) {
        pid_t pid = run_story_device(run, name);

        if (pid > 0 && pid != old && answers(run, name))
            return pid;
        if (run_story_now() > end)
            fail_msg("the device %s does not come%s", name, old > 0 ? " back" : "");
        hear(run, 10);
    }
}

void run_story_reload(struct run_story *run)
{
    run_story_heard(run, "");
    assert_int_equal(kill(run->pid, SIGHUP), 0);
    run_story_await(run, "RELOADING=1");
    run_story_await(run, "READY=1");
}

static void expect_nothing_left(struct run_story *run)
{
    long end = run_story_now() + PATIENCE_MS;
    char output[1024];

    while (find_process(run->dir, 0) > 0) { /* killed, and not gone yet */
        if (run_story_now() > end)
            fail_msg("process %d is left", (int)find_process(run->dir, 0));
        usleep(10000);
    }
    story_shell(output, sizeof(output), "ls '%s' | grep -E 'sock|control'", run->dir);
    assert_string_equal(output, "");
}

int run_story_wait(struct run_story *run)
{
    long end = run_story_now() + PATIENCE_MS;
    int status;

    while (waitpid(run->pid, &status, WNOHANG) == 0) {
        if (run_story_now() > end)
            fail_msg("it does not end");
        hear(run, 10);
    }
    run->pid = 0;
    expect_nothing_left(run);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

int run_story_stop(struct run_story *run)
{
    assert_int_equal(kill(run->pid, SIGTERM), 0);
    return run_story_wait(run);
}

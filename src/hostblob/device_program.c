/* SPDX-License-Identifier: MIT */
#include "hostblob/device_program.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/units.h"

#define PATIENCE_NS UINT64_C(10000000000)
#define TRY_PATIENCE_NS UINT64_C(60000000000) /* drivers are loaded, and draw */
#define MAX_OPTIONS 32768u                    /* bytes of their list */
#define MAX_REPORT (1u << 20)                 /* and of what --check says */

char *device_program_path(const char *kind)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    char *slash, *path;

    if (n < 0)
        return NULL;
    self[n] = '\0';
    slash = strrchr(self, '/');
    if (slash == NULL)
        return NULL;
    *slash = '\0';
    return asprintf(&path, "%s/hostblob-%s", self, kind) < 0 ? NULL : path;
}

/* What it prints on its output 'which', and nothing on the others. */
static void become(char *const *argv, int which, int pipe_end)
{
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (int fd = 0; fd <= 2; fd++)
        if (dup2(fd == which ? pipe_end : nothing, fd) < 0)
            _exit(127);
    execv(argv[0], argv);
    _exit(127);
}

/* Reads to the end, as a string; what is beyond 'size' is lost. 0 or -errno. */
static int read_all(int fd, char *text, size_t size, uint64_t patience)
{
    uint64_t end = units_now_ns() + patience, now;
    char rest[256];
    size_t have = 0;

    while ((now = units_now_ns()) < end) {
        struct pollfd readable = {.fd = fd, .events = POLLIN};
        size_t room = size - 1 - have;
        ssize_t n;

        if (poll(&readable, 1, (int)((end - now) / 1000000) + 1) == 0)
            continue;
        n = room > 0 ? read(fd, text + have, room) : read(fd, rest, sizeof(rest));
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0) {
            text[have] = '\0';
            return 0;
        }
        have += room > 0 && n > 0 ? (size_t)n : 0;
    }
    return -ETIMEDOUT;
}

/* Runs a program, and reads its output 'which'. Its exit status, or -errno. */
static int run(char *const *argv, int which, char *text, size_t size, uint64_t patience)
{
    int pair[2], status = 0, r;
    pid_t pid;

    if (pipe2(pair, O_CLOEXEC) < 0)
        return -errno;
    pid = fork();
    if (pid == 0)
        become(argv, which, pair[1]);
    r = pid < 0 ? -errno : 0;
    close(pair[1]);
    if (r == 0)
        r = read_all(pair[0], text, size, patience);
    close(pair[0]);
    if (pid < 0)
        return r;
    if (r < 0)
        kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (r < 0)
        return r;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -ECHILD;
}

int device_program_options(const char *program, struct option_set *set)
{
    char *copy = strdup(program), *text = malloc(MAX_OPTIONS);
    char *argv[] = {copy, strdup("--print-options"), NULL};
    struct option_set_row *socket;
    int r = -ENOMEM;

    if (copy != NULL && text != NULL && argv[1] != NULL)
        r = run(argv, STDOUT_FILENO, text, MAX_OPTIONS, PATIENCE_NS);
    if (r > 0)
        r = -ENOEXEC;
    if (r == 0)
        r = option_set_parse(set, text);
    if (r == 0) {
        socket = (struct option_set_row *)(uintptr_t)option_set_find(set, "socket-path");
        if (socket != NULL)
            snprintf(socket->name, sizeof(socket->name), "socket");
    }
    free(argv[1]);
    free(text);
    free(copy);
    return r;
}

/* 'argv' with 'first' behind the program's path: an array that the caller frees. */
static char **insert(char *const *argv, char *first)
{
    size_t count = 0;
    char **words;

    while (argv[count] != NULL)
        count++;
    words = calloc(count + 2, sizeof(*words));
    if (words == NULL)
        return NULL;
    words[0] = argv[0];
    words[1] = first;
    memcpy(words + 2, argv + 1, (count - 1) * sizeof(*words));
    return words;
}

int device_program_check(char *const *argv, char *said, size_t size)
{
    static char first[] = "--check-options";
    char **words = insert(argv, first);
    int r;

    if (words == NULL)
        return -ENOMEM;
    r = run(words, STDERR_FILENO, said, size, PATIENCE_NS);
    free(words);
    return r == 0 || r < 0 ? r : r == 2 ? 1 : -ENOEXEC;
}

int device_program_try(char *const *argv, struct json_object **report)
{
    static char first[] = "--check";
    char **words = insert(argv, first), *text = malloc(MAX_REPORT);
    int r = -ENOMEM;

    *report = NULL;
    if (words != NULL && text != NULL)
        r = run(words, STDOUT_FILENO, text, MAX_REPORT, TRY_PATIENCE_NS);
    if (r == 0)
        *report = json_tokener_parse(text);
    if (*report != NULL && !json_object_is_type(*report, json_type_object)) {
        json_object_put(*report);
        *report = NULL;
    }
    free(text);
    free(words);
    return r < 0 ? r : *report != NULL ? 0 : -ENOEXEC;
}

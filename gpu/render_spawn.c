/* SPDX-License-Identifier: MIT */
#include "gpu/render_spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define SOCKET_FD 3 /* in the child */

const char *render_spawn_program(void)
{
    static const char *const places[] = {
        "/usr/libexec/virgl_render_server",
        "/usr/local/libexec/virgl_render_server",
        "/usr/lib/virgl_render_server",
    };
    const char *program = getenv("RENDER_SERVER_EXEC_PATH");

    if (program != NULL)
        return access(program, X_OK) == 0 ? program : NULL;
    for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        if (access(places[i], X_OK) == 0)
            return places[i];
    }
    return NULL;
}

/* Whether the 'NAME=' of both is the same. */
static bool same_name(const char *a, const char *b)
{
    size_t length = strcspn(a, "=");

    return strncmp(a, b, length) == 0 && b[length] == '=';
}

static bool is_overridden(const char *variable, const char *const *by)
{
    for (; *by != NULL; by++) {
        if (same_name(*by, variable))
            return true;
    }
    return false;
}

static unsigned count(const char *const *list)
{
    unsigned n = 0;

    while (list[n] != NULL)
        n++;
    return n;
}

/* Our environment with 'extra' in it: an array to be freed, of borrowed strings. NULL: no memory.
 */
static char **make_environment(const char *const *extra)
{
    const char *const *ours = (const char *const *)environ;
    const char **all = calloc((size_t)count(ours) + count(extra) + 1, sizeof(*all));
    unsigned n = 0;

    if (all == NULL)
        return NULL;
    for (; *ours != NULL; ours++) {
        if (!is_overridden(*ours, extra))
            all[n++] = *ours;
    }
    for (; *extra != NULL; extra++)
        all[n++] = *extra;
    return (char **)(uintptr_t)all;
}

/* Puts the descriptors where they belong, and closes all others. */
static void arrange_descriptors(const struct render_spawn *spawn)
{
    /* Out of the way first: either may be a number that the other is to get. */
    int socket = fcntl(spawn->socket, F_DUPFD, SOCKET_FD + 1);
    int null = open("/dev/null", O_RDONLY);

    if (socket < 0 || null < 0)
        _exit(127);
    if (spawn->output >= 0 &&
        (dup2(spawn->output, STDOUT_FILENO) < 0 || dup2(spawn->output, STDERR_FILENO) < 0))
        _exit(127);
    if (dup2(null, STDIN_FILENO) < 0 || dup2(socket, SOCKET_FD) < 0 ||
        close_range(SOCKET_FD + 1, ~0u, 0) < 0)
        _exit(127);
}

/* In the child: other threads of the parent may hold any lock, so there are system calls only. */
static void become_server(const struct render_spawn *spawn, char **environment, pid_t parent)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGCHLD};
    char option[] = "--socket-fd", number[] = {'0' + SOCKET_FD, '\0'};
    char *argv[] = {(char *)(uintptr_t)spawn->program, option, number, NULL};
    sigset_t none;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127);
    setpgid(0, 0);
    for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        signal(signals[i], SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    arrange_descriptors(spawn);
    if (spawn->shut != NULL && spawn->shut() < 0)
        _exit(126);
    execve(spawn->program, argv, environment);
    _exit(127);
}

pid_t render_spawn_start(const struct render_spawn *spawn)
{
    static const char *const nothing[] = {NULL};
    char **environment = make_environment(spawn->environment ? spawn->environment : nothing);
    pid_t parent = getpid();
    pid_t pid;
    int error;

    if (environment == NULL)
        return -ENOMEM;
    pid = fork();
    if (pid == 0)
        become_server(spawn, environment, parent);
    error = errno;
    free(environment);
    if (pid < 0)
        return -error;
    setpgid(pid, pid); /* whoever of the two is first: its group is asked for by its number */
    return pid;
}

/* SPDX-License-Identifier: MIT */
#include "tests/bench/backend.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/clock.h"
#include "tests/frontend/daemon_process.h"

#define WORDS 64u /* of a command */
#define STEP_US 200
#define PATIENCE_MS 10000

static const char place[] = "{socket}";

static bool listens_itself(const struct options *options)
{
    for (char **word = options->exec; word != NULL && *word != NULL; word++)
        if (strstr(*word, place) != NULL)
            return true;
    return false;
}

int backend_connect(const struct backend *backend)
{
    return daemon_process_connect_to(backend->path);
}

/* The words of the command, with the socket's path where it is asked for. */
static void fill_words(const struct backend *backend, char **words)
{
    unsigned count = 0;

    for (char **word = backend->options->exec; *word != NULL && count + 1 < WORDS; word++) {
        const char *at = strstr(*word, place);

        words[count] = *word;
        if (at != NULL && asprintf(&words[count], "%.*s%s%s", (int)(at - *word), *word,
                                   backend->path, at + strlen(place)) < 0)
            _exit(126);
        count++;
    }
    words[count] = NULL;
}

/* In the child. */
static void run(const struct backend *backend, int socket)
{
    const struct options *options = backend->options;
    int log = open(backend->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    char *words[WORDS];
    cpu_set_t one;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    fill_words(backend, words);
    if (log >= 0) {
        dup2(log, STDOUT_FILENO);
        dup2(log, STDERR_FILENO);
    }
    if (options->back_end_cpu != OPTIONS_ANY_CPU) {
        CPU_ZERO(&one);
        CPU_SET(options->back_end_cpu, &one);
        sched_setaffinity(0, sizeof(one), &one);
    }
    if (socket == options->fd)
        fcntl(socket, F_SETFD, 0);
    else if (socket >= 0)
        dup2(socket, options->fd);
    execvp(words[0], words);
    perror(words[0]);
    _exit(127);
}

static int make_folder(struct backend *backend)
{
    snprintf(backend->dir, sizeof(backend->dir), "/tmp/hostblob-bench-XXXXXX");
    if (mkdtemp(backend->dir) == NULL) {
        backend->dir[0] = '\0';
        return -errno;
    }
    if (listens_itself(backend->options))
        snprintf(backend->path, sizeof(backend->path), "%s/s", backend->dir);
    snprintf(backend->log, sizeof(backend->log), "%s/log", backend->dir);
    return 0;
}

static bool has_ended(struct backend *backend)
{
    if (backend->started != 0 &&
        waitpid(backend->started, &backend->status, WNOHANG) == backend->started)
        backend->started = 0;
    return backend->started == 0;
}

/* Connects as soon as it listens. */
static int await_socket(struct backend *backend)
{
    int64_t end = clock_ns() + PATIENCE_MS * INT64_C(1000000);

    while (clock_ns() < end) {
        int fd = backend_connect(backend);

        if (fd >= 0 || (fd != -ENOENT && fd != -ECONNREFUSED))
            return fd;
        if (has_ended(backend))
            return -ESRCH;
        usleep(STEP_US);
    }
    return -ETIMEDOUT;
}

static int start(struct backend *backend)
{
    bool listens = listens_itself(backend->options);
    int pair[2] = {-1, -1}, r = make_folder(backend);

    if (r < 0)
        return r;
    if (!listens && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    fflush(NULL);
    backend->start_ns = clock_ns();
    backend->started = fork();
    if (backend->started == 0)
        run(backend, pair[1]);
    if (backend->started < 0) {
        backend->started = 0; /* -1 is no process to be ended */
        return -errno;
    }
    backend->root = getpid();
    if (listens)
        return await_socket(backend);
    close(pair[1]);
    return pair[0];
}

static int join(struct backend *backend)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);
    int fd;

    snprintf(backend->path, sizeof(backend->path), "%s", backend->options->socket);
    if (strlen(backend->options->socket) >= sizeof(backend->path))
        return -ENAMETOOLONG;
    backend->start_ns = clock_ns();
    fd = backend_connect(backend);
    if (fd < 0)
        return fd;
    backend->root = backend->options->pid;
    if (backend->root == 0 && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0)
        backend->root = peer.pid;
    return fd;
}

int backend_start(struct backend *backend, const struct options *options)
{
    memset(backend, 0, sizeof(*backend));
    backend->options = options;
    return options->exec != NULL ? start(backend) : join(backend);
}

int64_t backend_await_end(struct backend *backend, int milliseconds)
{
    int64_t begun = clock_ns();

    if (backend->options->exec == NULL)
        return -ENOTSUP;
    while (clock_ns() < begun + milliseconds * INT64_C(1000000)) {
        if (has_ended(backend))
            return clock_ns() - begun;
        usleep(STEP_US);
    }
    return -ETIMEDOUT;
}

const char *backend_trouble(const struct backend *backend, char text[static 64])
{
    if (backend->started != 0 || backend->options->exec == NULL || backend->status == 0)
        return NULL;
    if (WIFSIGNALED(backend->status))
        snprintf(text, 64, "it died of signal %d (%s)", WTERMSIG(backend->status),
                 strsignal(WTERMSIG(backend->status)));
    else
        snprintf(text, 64, "it ended with status %d", WEXITSTATUS(backend->status));
    return text;
}

void backend_show_log(const struct backend *backend)
{
    char command[128];

    if (backend->log[0] == '\0')
        return;
    snprintf(command, sizeof(command), "tail -n 12 %s | sed 's/^/    | /' >&2", backend->log);
    if (system(command) != 0)
        fprintf(stderr, "    %s cannot be shown\n", backend->log);
}

/* Ends what a back-end has left behind, which is ours now. */
static void end_orphans(struct backend *backend)
{
    for (unsigned tries = 0; tries < 100; tries++) {
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ;
        backend_find(backend);
        if (backend->count == 0)
            return;
        for (unsigned i = 0; i < backend->count; i++)
            kill(backend->processes[i], SIGKILL);
        usleep(10000);
    }
}

/* The front-end has gone, so it mostly ends by itself. */
void backend_stop(struct backend *backend)
{
    if (backend->started > 0) {
        kill(backend->started, SIGTERM);
        if (backend_await_end(backend, 2000) < 0) {
            kill(backend->started, SIGKILL);
            backend_await_end(backend, 2000);
        }
    }
    if (backend->options != NULL && backend->options->exec != NULL)
        end_orphans(backend);
    if (backend->dir[0] != '\0') {
        unlink(backend->path);
        unlink(backend->log);
        rmdir(backend->dir);
    }
    backend->dir[0] = '\0';
}

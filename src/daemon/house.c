/* SPDX-License-Identifier: MIT */
#include "daemon/house.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKER_END_MS 4000
#define PATIENCE_TRIES 100u
#define PATIENCE_US 10000u
#ifdef HOSTBLOB_INSTRUMENTED
#define INSTRUMENTED true
#else
#define INSTRUMENTED false
#endif

extern char **environ;

/* ---- children ---- */

int child_init(struct child *child, pid_t pid)
{
    *child = (struct child){.pid = pid, .pidfd = pidfd_open(pid, 0)};
    return child->pidfd < 0 ? -errno : 0;
}

void child_signal(const struct child *child, int signal_number)
{
    if (child->pid > 0)
        pidfd_send_signal(child->pidfd, signal_number, NULL, 0);
}

void child_forget(struct child *child)
{
    fd_close(&child->pidfd);
    child->pid = 0;
}

static void child_end(struct child *child)
{
    child_signal(child, SIGKILL);
    if (child->pid > 0)
        waitpid(child->pid, NULL, 0);
    child_forget(child);
}

void child_begin(pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127);
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

/* ---- a house ---- */

void house_clear(struct house *h)
{
    *h = (struct house){
        .line = -1, .program = -1, .door.pidfd = -1, .worker.pidfd = -1, .leaving.pidfd = -1};
}

bool house_patience(int error, unsigned *tries)
{
    if (!fd_is_want(error) || ++*tries > PATIENCE_TRIES)
        return false;
    usleep(PATIENCE_US);
    return true;
}

void house_tell(struct house *h, const struct starter_message *m)
{
    unsigned tries = 0;
    ssize_t n;

    if (h->line < 0)
        return;
    do
        n = fd_send(h->line, m, sizeof(*m), NULL, 0);
    while (n < 0 && house_patience((int)n, &tries));
    /* One that has hung up is ending, and may do so in its own way. One that does not read would
     * never hear of a worker's end. */
    if (n != sizeof(*m) && n != -EPIPE && n != -ECONNRESET)
        child_signal(&h->door, SIGKILL);
}

void house_execute(int fd, char *const *argv)
{
    if (fd < 0)
        execv("/proc/self/exe", argv);
    else
        syscall(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH);
}

void house_command(char *const *argv, const struct house_words *words, char *last,
                   char *to[static HOUSE_ARGUMENTS + HOUSE_MORE])
{
    static char single[] = "--mapping=single";
    unsigned n = 0;

    for (; argv[n] != NULL && n < HOUSE_ARGUMENTS; n++)
        to[n] = argv[n];
    if (words->word[0] != '\0')
        to[n++] = (char *)(uintptr_t)words->word;
    if (words->foreign)
        to[n++] = single;
    to[n++] = last;
    to[n] = NULL;
}

static void become_worker(const struct house *h, char *const *words, const struct fd_list *fds)
{
    int arena = fds->count > 2 ? fds->fds[2] : -1;
    char argument[64];
    char *argv[HOUSE_ARGUMENTS + HOUSE_MORE];
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (unsigned i = 0; i < fds->count; i++)
        if (fd_set_inherited(fds->fds[i]) < 0)
            _exit(127);
    snprintf(argument, sizeof(argument), "--worker=%d,%d,%d", fds->fds[0], fds->fds[1], arena);
    house_command(words, &h->words, argument, argv);
    house_execute(h->program, argv);
    _exit(127);
}

void house_start_worker(struct house *h, char *const *argv, const struct fd_list *fds)
{
    struct starter_message m = {.type = STARTER_STARTED};
    pid_t parent = getpid(), pid;

    if (h->worker.pid > 0 || fds->count < 2 || fds->count > 3) {
        m.status = -EINVAL;
        house_tell(h, &m);
        return;
    }
    pid = fork();
    if (pid == 0) {
        child_begin(parent);
        become_worker(h, argv, fds);
    }
    m.status = -errno;
    if (pid > 0) {
        m.pid = pid;
        m.status = child_init(&h->worker, pid);
    }
    /* The door hangs up then, at which a worker ends by itself. */
    if (m.status < 0)
        h->worker.pid = m.pid = 0;
    house_tell(h, &m);
}

void house_kill_worker(struct house *h)
{
    if (!INSTRUMENTED || !h->ending)
        child_signal(&h->worker, SIGKILL);
}

bool house_await_worker(struct house *h)
{
    int status = 0;

    if (!INSTRUMENTED || h->worker.pid <= 0)
        return true;
    fd_close(&h->line);
    poll(&(struct pollfd){.fd = h->worker.pidfd, .events = POLLIN}, 1, WORKER_END_MS);
    child_signal(&h->worker, SIGKILL);
    waitpid(h->worker.pid, &status, 0);
    child_forget(&h->worker);
    return !WIFSIGNALED(status) || WTERMSIG(status) == SIGKILL;
}

void house_follow(struct house *h, struct house *next)
{
    struct child leaving = h->door;

    fd_close(&h->line);
    child_end(&h->worker);
    child_end(&h->leaving);
    fd_close(&h->program);
    *h = *next;
    h->leaving = leaving;
    house_clear(next);
}

void house_finish(struct house *h)
{
    fd_close(&h->line);
    child_end(&h->door);
    child_end(&h->worker);
    child_end(&h->leaving);
    fd_close(&h->program);
    house_clear(h);
}

/* SPDX-License-Identifier: MIT */
#include "daemon/starter_process.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

#include "base/fd.h"
#include "base/log.h"
#include "protocol/starter.h"

#define WORDS_MAX 256u

/* One of the children. */
struct child {
    pid_t pid; /* 0: it does not run */
    int pidfd; /* owned; it is signalled by this, so that never another process is meant */
};

struct starting {
    const struct starter_process *process;
    int line;    /* to the door, owned; -1: it has hung up */
    int signals; /* signalfd, owned */
    struct child door, worker;
    int status; /* of the door's end */
};

static int child_init(struct child *child, pid_t pid)
{
    *child = (struct child){.pid = pid, .pidfd = pidfd_open(pid, 0)};
    return child->pidfd < 0 ? -errno : 0;
}

static void child_signal(const struct child *child, int signal_number)
{
    if (child->pid > 0)
        pidfd_send_signal(child->pidfd, signal_number, NULL, 0);
}

static void child_forget(struct child *child)
{
    fd_close(&child->pidfd);
    child->pid = 0;
}

/* A child begins with this: it ends with its parent. systemd hears of it by the starter alone. */
static void be_a_child(pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127);
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

/* ---- the worker ---- */

static void become_worker(const struct starting *s, const struct fd_list *fds)
{
    int arena = fds->count > 2 ? fds->fds[2] : -1;
    char argument[64];
    char *argv[WORDS_MAX + 2];
    unsigned n = 0;
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (unsigned i = 0; i < fds->count; i++)
        if (fd_set_inherited(fds->fds[i]) < 0)
            _exit(127);
    snprintf(argument, sizeof(argument), "--worker=%d,%d,%d", fds->fds[0], fds->fds[1], arena);
    for (; s->process->argv[n] != NULL && n < WORDS_MAX; n++)
        argv[n] = s->process->argv[n];
    argv[n++] = argument;
    argv[n] = NULL;
    execv("/proc/self/exe", argv);
    _exit(127);
}

static void tell(struct starting *s, const struct starter_message *m)
{
    ssize_t n = s->line >= 0 ? fd_send(s->line, m, sizeof(*m), NULL, 0) : (ssize_t)sizeof(*m);

    /* One that has hung up is ending, and may do so in its own way. One that does not read would
     * never hear of a worker's end. */
    if (n != sizeof(*m) && n != -EPIPE && n != -ECONNRESET)
        child_signal(&s->door, SIGKILL);
}

static void start_worker(struct starting *s, const struct fd_list *fds)
{
    struct starter_message m = {.type = STARTER_STARTED};
    pid_t parent = getpid(), pid;

    if (s->worker.pid > 0 || fds->count < 2 || fds->count > 3) {
        m.status = -EINVAL;
        tell(s, &m);
        return;
    }
    pid = fork();
    if (pid == 0) {
        be_a_child(parent);
        become_worker(s, fds);
    }
    m.status = -errno;
    if (pid > 0) {
        m.pid = pid;
        m.status = child_init(&s->worker, pid);
    }
    /* The door hangs up then, at which a worker ends by itself. */
    if (m.status < 0)
        s->worker.pid = m.pid = 0;
    tell(s, &m);
}

/* ---- the door's wishes ---- */

/* For systemd, which reads lines: a door that went over to a stranger must not write its own. */
static void pass_status(struct starter_message *m)
{
    m->text[STARTER_TEXT - 1] = '\0';
    for (char *at = m->text; *at != '\0'; at++)
        if ((unsigned char)*at < 0x20)
            *at = '?';
    sd_notifyf(false, "STATUS=%s", m->text);
}

static void take_wish(struct starting *s, struct starter_message *m, const struct fd_list *fds)
{
    switch (m->type) {
    case STARTER_WORKER:
        start_worker(s, fds);
        break;
    case STARTER_KILL:
        child_signal(&s->worker, SIGKILL);
        break;
    case STARTER_READY:
        sd_notify(false, "READY=1");
        break;
    case STARTER_STOPPING:
        sd_notify(false, "STOPPING=1");
        break;
    case STARTER_STATUS:
        pass_status(m);
        break;
    case STARTER_ALIVE:
        sd_notify(false, "WATCHDOG=1");
        break;
    default:
        log_stranger("The door wishes for something unknown (%u).", m->type);
    }
}

static void read_line(struct starting *s)
{
    struct starter_message m;
    struct fd_list fds = {0};
    ssize_t n = fd_receive(s->line, &m, sizeof(m), &fds);

    if (n == sizeof(m))
        take_wish(s, &m, &fds);
    else if (n != -EAGAIN && n != -EINTR)
        fd_close(&s->line); /* its end is told by SIGCHLD */
    fd_list_finish(&fds);
}

/* ---- ends ---- */

static void tell_end(struct starting *s, const siginfo_t *si)
{
    const struct starter_message m = {
        .type = STARTER_ENDED,
        .pid = si->si_pid,
        .code = si->si_code,
        .status = si->si_status,
    };

    child_forget(&s->worker);
    tell(s, &m);
}

static void note_door(struct starting *s, const siginfo_t *si)
{
    child_forget(&s->door);
    if (si->si_code == CLD_EXITED) {
        s->status = si->si_status;
        return;
    }
    s->status = EXIT_FAILURE;
    if (si->si_status == SIGSYS)
        log_error("The door was killed by its sandbox (SIGSYS: a system call that it may not make; "
                  "--sandbox-log names it): the device ends.");
    else
        log_error("The door was killed by signal %d: the device ends.", si->si_status);
}

static void reap(struct starting *s)
{
    siginfo_t si;

    for (;;) {
        si.si_pid = 0;
        if (waitid(P_ALL, 0, &si, WEXITED | WNOHANG) < 0 || si.si_pid == 0)
            return;
        if (si.si_pid == s->door.pid)
            note_door(s, &si);
        else if (si.si_pid == s->worker.pid)
            tell_end(s, &si);
    }
}

static void read_signal(struct starting *s)
{
    struct signalfd_siginfo si;

    if (read(s->signals, &si, sizeof(si)) != sizeof(si))
        return;
    if (si.ssi_signo == SIGCHLD)
        reap(s);
    else
        child_signal(&s->door, SIGTERM);
}

static void serve(struct starting *s)
{
    struct pollfd fds[2];

    while (s->door.pid > 0) {
        fds[0] = (struct pollfd){.fd = s->line, .events = POLLIN};
        fds[1] = (struct pollfd){.fd = s->signals, .events = POLLIN};
        if (poll(fds, 2, -1) < 0)
            continue;
        if (fds[0].revents != 0)
            read_line(s);
        if (fds[1].revents != 0)
            read_signal(s);
    }
    fd_close(&s->line);
    child_signal(&s->worker, SIGKILL);
    if (s->worker.pid > 0)
        waitpid(s->worker.pid, NULL, 0);
    child_forget(&s->worker);
}

/* ---- life ---- */

static int take_signals(struct starting *s)
{
    sigset_t set;

    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return -errno;
    s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return s->signals < 0 ? -errno : 0;
}

/* SIGTERM stays blocked: the door's loop will take it. */
static void become_door(struct starting *s, int line, pid_t parent)
{
    be_a_child(parent);
    fd_close(&s->signals);
    fd_close(&s->line);
    exit(s->process->door(s->process->data, line));
}

/* 0 or -errno. */
static int start_door(struct starting *s)
{
    pid_t parent = getpid(), pid;
    int pair[2];
    int r;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    s->line = pair[0];
    fflush(NULL);
    pid = fork();
    if (pid == 0)
        become_door(s, pair[1], parent);
    r = pid < 0 ? -errno : fd_set_nonblock(s->line);
    close(pair[1]);
    return r < 0 ? r : child_init(&s->door, pid);
}

static void settle(struct starting *s)
{
    struct starter_message m = {.type = STARTER_SETTLED};
    int r = s->process->settle(s->process->data);

    if (r < 0) {
        child_signal(&s->door, SIGKILL);
        return;
    }
    m.status = r;
    tell(s, &m);
}

int starter_process_run(const struct starter_process *process)
{
    struct starting s = {
        .process = process,
        .line = -1,
        .signals = -1,
        .door = {.pidfd = -1},
        .worker = {.pidfd = -1},
        .status = EXIT_FAILURE,
    };
    int r = take_signals(&s);

    if (r == 0)
        r = start_door(&s);
    if (r < 0)
        log_error("The door cannot be started: %s.", strerror(-r));
    else
        settle(&s);
    if (r == 0)
        serve(&s);
    fd_close(&s.line);
    fd_close(&s.signals);
    return s.status;
}

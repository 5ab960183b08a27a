/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FUZZ_STARTER_WORLD_H
#define TESTS_FUZZ_STARTER_WORLD_H

/*
 * A world for the starter in which nothing is started: the linker puts these functions between
 * (--wrap). Children are rows of a table that die when the input says so; a program that is to be
 * executed is looked at, and never runs. What the starter may not do to anybody aborts.
 *
 * The world's own descriptors lie from WORLD_FDS on; all below that a target opens are the
 * starter's.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <poll.h>

#include "../unit/back_end_peer.h"
#include "base/fd.h"
#include "base/log.h"

#define WORLD_FDS 200
#define WORLD_CHILDREN 512u
#define WORLD_FIRST_PID 1000
/* The door, the one beside, the worker of each, and the door before an upgrade. */
#define WORLD_ALIVE 5u

/* How a part of the starter's life ends that does not return. */
enum world_end { WORLD_BEGINS, WORLD_CHILD, WORLD_BECAME };

struct world_child {
    bool alive, reaped;
    bool known;  /* the starter has a descriptor of it, or had one */
    bool killed; /* so that it can be waited for */
    int pidfd;   /* -1: none */
    int code, status;
};

struct world {
    bool armed; /* else all calls are the C library's */
    jmp_buf way_out;
    /* Of the target: what happens next, as far as the starter can see. */
    void (*next)(void);
    /* The starter talks to whoever started it. */
    void (*news)(const char *line);
    /* It becomes another program, or a child of its does. Returns whether that succeeds. */
    bool (*executes)(char *const *argv, bool child);
    struct world_child children[WORLD_CHILDREN];
    unsigned count;
    unsigned forks_fail, views; /* bits: of the next forks, which fail, which show the child */
    unsigned opens_fail;        /* the same of pidfd_open */
    bool in_child;
    int signals; /* ours, to be written */
    /* Of the lines to the device's door and to the one beside: the doors' ends, owned, -1; who is
     * at each, by a number of its own; and which child that is. */
    int ends[2];
    unsigned names[2], doors[2];
    unsigned lines; /* that ever were */
    unsigned line;  /* 1 + the one that the next fork is for; 0: it is for a worker */
};

static struct world world;

static inline void world_leave(enum world_end end)
{
    longjmp(world.way_out, (int)end);
}

/* The next of the bits. */
static inline bool world_bit(unsigned *bits)
{
    bool set = (*bits & 1) != 0;

    *bits >>= 1;
    return set;
}

static inline int world_raise(int fd)
{
    int high = fcntl(fd, F_DUPFD_CLOEXEC, WORLD_FDS);

    PEER_MUST(high >= 0);
    return high;
}

static inline struct world_child *world_child(pid_t pid)
{
    unsigned i = (unsigned)(pid - WORLD_FIRST_PID);

    return pid >= WORLD_FIRST_PID && i < world.count ? &world.children[i] : NULL;
}

static inline struct world_child *world_child_of(int pidfd)
{
    for (unsigned i = 0; i < world.count && pidfd >= 0; i++)
        if (world.children[i].pidfd == pidfd && !world.children[i].reaped)
            return &world.children[i];
    return NULL;
}

static inline void world_signal(uint32_t number)
{
    const struct signalfd_siginfo si = {.ssi_signo = number};
    ssize_t n = write(world.signals, &si, sizeof(si));

    PEER_MUST(n == sizeof(si) || errno == EAGAIN);
}

static inline void world_die(struct world_child *child, int code, int status)
{
    if (!child->alive)
        return;
    child->alive = false;
    child->code = code;
    child->status = status;
    world_signal(SIGCHLD);
}

static inline unsigned world_alive(void)
{
    unsigned n = 0;

    for (unsigned i = 0; i < world.count; i++)
        n += world.children[i].alive && world.children[i].known;
    return n;
}

static inline void world_begin(void)
{
    world = (struct world){.signals = -1, .ends = {-1, -1}};
}

static inline void world_finish(void)
{
    world.armed = false;
    fd_close(&world.signals);
    fd_close(&world.ends[0]);
    fd_close(&world.ends[1]);
}

/* ---- processes ---- */

#define WORLD_WRAP(type, name, parameters, arguments)                                              \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        return world.armed ? world_##name arguments : __real_##name arguments;                     \
    }

static inline pid_t world_fork(void)
{
    PEER_MUST(world_alive() < WORLD_ALIVE && !world.in_child);
    if (world.line > 0)
        world.doors[world.line - 1] = world.count;
    world.line = 0;
    if (world_bit(&world.forks_fail) || world.count == WORLD_CHILDREN) {
        errno = EAGAIN;
        return -1;
    }
    if (world_bit(&world.views)) {
        world.in_child = true;
        return 0;
    }
    world.children[world.count++] = (struct world_child){.alive = true, .pidfd = -1};
    return WORLD_FIRST_PID + (pid_t)world.count - 1;
}
WORLD_WRAP(pid_t, fork, (void), ())

static inline pid_t world_getppid(void)
{
    return getpid();
}
WORLD_WRAP(pid_t, getppid, (void), ())

static inline int world_pidfd_open(pid_t pid, unsigned flags)
{
    struct world_child *child = world_child(pid);

    if (child == NULL || child->reaped || world_bit(&world.opens_fail)) {
        errno = child == NULL || child->reaped ? ESRCH : EMFILE;
        return -1;
    }
    child->known = true;
    child->pidfd = eventfd(0, EFD_CLOEXEC);
    return child->pidfd;
}
WORLD_WRAP(int, pidfd_open, (pid_t pid, unsigned flags), (pid, flags))

/* Only its own children, and while their numbers are theirs. */
static inline int world_pidfd_send_signal(int fd, int number, siginfo_t *info, unsigned flags)
{
    struct world_child *child = world_child_of(fd);

    PEER_MUST(number == SIGKILL || number == SIGTERM);
    if (fd < 0)
        return -1;
    PEER_MUST(child != NULL);
    child->killed = child->killed || number == SIGKILL;
    if (number == SIGKILL)
        world_die(child, CLD_KILLED, SIGKILL);
    return 0;
}
WORLD_WRAP(int, pidfd_send_signal, (int fd, int number, siginfo_t *info, unsigned flags),
           (fd, number, info, flags))

/* One that is not killed would be waited for as long as it likes; one that the starter has no hold
 * of ends when its line does. */
static inline pid_t world_waitpid(pid_t pid, int *status, int options)
{
    struct world_child *child = world_child(pid);

    PEER_MUST(child != NULL && !child->reaped && options == 0);
    PEER_MUST(!child->alive || !child->known);
    child->alive = false;
    child->reaped = true;
    if (status != NULL)
        *status = child->code == CLD_EXITED ? child->status << 8 : SIGKILL;
    return pid;
}
WORLD_WRAP(pid_t, waitpid, (pid_t pid, int *status, int options), (pid, status, options))

static inline int world_waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
    for (unsigned i = 0; i < world.count; i++) {
        struct world_child *child = &world.children[i];
        pid_t pid = WORLD_FIRST_PID + (pid_t)i;

        if (child->reaped || (type == P_PID && (id_t)pid != id))
            continue;
        if (type == P_PID)
            return 0; /* it is there: that is all that is asked */
        if (child->alive)
            continue;
        child->reaped = true;
        info->si_pid = pid;
        info->si_code = child->code;
        info->si_status = child->status;
        return 0;
    }
    errno = ECHILD;
    return type == P_PID ? -1 : 0;
}
WORLD_WRAP(int, waitid, (idtype_t type, id_t id, siginfo_t *info, int options),
           (type, id, info, options))

/* ---- programs ---- */

/* What is open in the starter, and would be in the program. */
static inline bool world_inherits(int fd)
{
    int flags = fcntl(fd, F_GETFD);

    return flags >= 0 && (flags & FD_CLOEXEC) == 0;
}

static inline int world_execute(char *const *argv)
{
    bool child = world.in_child;

    if (world.executes(argv, child))
        world_leave(child ? WORLD_CHILD : WORLD_BECAME);
    errno = ENOEXEC;
    return -1;
}

static inline int world_execv(const char *path, char *const *argv)
{
    return world_execute(argv);
}
WORLD_WRAP(int, execv, (const char *path, char *const *argv), (path, argv))

static inline long world_syscall(long number, long fd, long path, long argv, long environment,
                                 long flags)
{
    PEER_MUST(number == SYS_execveat);
    return world_execute((char *const *)(uintptr_t)argv);
}
WORLD_WRAP(long, syscall, (long number, long a, long b, long c, long d, long e),
           (number, a, b, c, d, e))

/* Only a child ends like this. */
#define WORLD_WRAP_END(name)                                                                       \
    void __real_##name(int status) __attribute__((noreturn));                                      \
    void __wrap_##name(int status) __attribute__((noreturn));                                      \
    void __wrap_##name(int status)                                                                 \
    {                                                                                              \
        if (!world.armed)                                                                          \
            __real_##name(status);                                                                 \
        PEER_MUST(world.in_child);                                                                 \
        world_leave(WORLD_CHILD);                                                                  \
        abort();                                                                                   \
    }
WORLD_WRAP_END(_exit)
WORLD_WRAP_END(exit)

/* ---- what else would reach this process, or wait ---- */

static inline int world_prctl(int option, unsigned long a, unsigned long b, unsigned long c,
                              unsigned long d)
{
    return 0;
}
WORLD_WRAP(int, prctl,
           (int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d),
           (option, a, b, c, d))

typedef void world_handler(int);
static inline world_handler *world_set_handler(int number, world_handler *handler)
{
    return NULL;
}
world_handler *__real_signal(int number, world_handler *handler);
world_handler *__wrap_signal(int number, world_handler *handler);
world_handler *__wrap_signal(int number, world_handler *handler)
{
    return world.armed ? world_set_handler(number, handler) : __real_signal(number, handler);
}

static inline int world_sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
    return 0;
}
WORLD_WRAP(int, sigprocmask, (int how, const sigset_t *set, sigset_t *old), (how, set, old))

static inline int world_signalfd(int fd, const sigset_t *set, int flags)
{
    int pair[2];

    PEER_MUST(pipe2(pair, O_CLOEXEC | O_NONBLOCK) == 0);
    fd_close(&world.signals);
    world.signals = world_raise(pair[1]);
    PEER_MUST(fd_set_nonblock(world.signals) == 0);
    close(pair[1]);
    return pair[0];
}
WORLD_WRAP(int, signalfd, (int fd, const sigset_t *set, int flags), (fd, set, flags))

/* Time passes at once. */
static inline int world_usleep(useconds_t us)
{
    return 0;
}
WORLD_WRAP(int, usleep, (useconds_t us), (us))

int __real_socketpair(int domain, int type, int protocol, int *pair);

/* Another door's line: 'end' is borrowed. */
static inline void world_meet(unsigned which, int end)
{
    fd_close(&world.ends[which]);
    world.ends[which] = world_raise(end);
    world.names[which] = world.lines++;
    PEER_MUST(fd_set_nonblock(world.ends[which]) == 0);
}

/* Keeps the end that is for a door. */
static inline int world_socketpair(int domain, int type, int protocol, int *pair)
{
    int r = __real_socketpair(domain, type, protocol, pair);

    PEER_MUST(r == 0);
    world.line = world.lines > 0 ? 2 : 1;
    world_meet(world.line - 1, pair[1]);
    return 0;
}
WORLD_WRAP(int, socketpair, (int domain, int type, int protocol, int *pair),
           (domain, type, protocol, pair))

int __real_poll(struct pollfd *fds, nfds_t count, int timeout);

/* The starter waits: something happens, or nothing does. For one child's end it waits while that
 * ends by itself. */
static inline int world_poll(struct pollfd *fds, nfds_t count, int timeout)
{
    struct world_child *child = count == 1 ? world_child_of(fds[0].fd) : NULL;

    PEER_MUST(count == 1 ? child != NULL && timeout >= 0 : count == 3 && !world.in_child);
    if (count == 1) {
        world_die(child, CLD_EXITED, 0);
        return 1;
    }
    world.next();
    return __real_poll(fds, count, 0);
}
WORLD_WRAP(int, poll, (struct pollfd * fds, nfds_t count, int timeout), (fds, count, timeout))

/* Nobody reads it. */
void __wrap_log_write(enum log_level level, const char *file, int line, const char *format, ...);
void __wrap_log_write(enum log_level level, const char *file, int line, const char *format, ...)
{
}

/* ---- news for systemd ---- */

int __wrap_sd_notify(int unset, const char *state);
int __wrap_sd_notify(int unset, const char *state)
{
    world.news(state);
    return 0;
}

int __wrap_sd_notifyf(int unset, const char *format, ...) __attribute__((format(printf, 2, 3)));
int __wrap_sd_notifyf(int unset, const char *format, ...)
{
    char line[4096];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    world.news(line);
    return 0;
}

#endif

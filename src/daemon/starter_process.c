/* SPDX-License-Identifier: MIT */
#include "daemon/starter_process.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/units.h"
#include "daemon/upgrade.h"
#include "protocol/starter.h"

struct starting {
    struct starter_process *process;
    int signals;             /* signalfd, owned */
    struct house house;      /* the device's */
    struct house beside;     /* of an upgrade; without a door: there is none */
    char path[UPGRADE_PATH]; /* of its program */
    unsigned layers;
    int status;         /* of the door's end */
    uint64_t leaves_ns; /* when the door before an upgrade has to be gone, units_now_ns */
};

#define LEAVE_MS 30000u /* more than it takes (door/hand_over.c) */

/* ---- an upgrade ---- */

static void tell_beside_ended(struct starting *s, int code, int status)
{
    const struct starter_message m = {.type = STARTER_BESIDE_ENDED, .code = code, .status = status};

    house_tell(&s->house, &m);
}

static void begin_upgrade(struct starting *s, struct fd_list *fds)
{
    int channel = fd_list_take(fds, 0);
    int r = -EINVAL;

    if (s->beside.door.pid > 0)
        r = -EBUSY;
    else if (channel >= 0)
        r = upgrade_take_wish(s->process->control_path, s->path);
    if (r == 0)
        r = upgrade_find(s->process->argv[0], s->path);
    if (r >= 0)
        r = upgrade_start_beside(&s->beside, s->path, s->process->argv, &s->house.words, channel);
    fd_close(&channel);
    if (r < 0)
        tell_beside_ended(s, 0, r);
}

static void drop_beside(struct starting *s)
{
    if (s->beside.door.pid == 0)
        return;
    house_finish(&s->beside);
    tell_beside_ended(s, CLD_KILLED, SIGKILL);
}

static void let_leave(struct starting *s)
{
    unsigned ms = s->process->leave_ms > 0 ? s->process->leave_ms : LEAVE_MS;

    s->leaves_ns = units_now_ns() + ms * UINT64_C(1000000);
}

/* How long to wait for something to happen, at most; ms, -1 for ever. A door that should have left
 * long ago is killed: it may be what the upgrade was made against. */
static int patience(struct starting *s)
{
    uint64_t now = units_now_ns();

    if (s->house.leaving.pid == 0)
        return -1;
    if (now < s->leaves_ns)
        return (int)((s->leaves_ns - now) / 1000000) + 1;
    child_signal(&s->house.leaving, SIGKILL);
    return -1;
}

/* The one beside is the device's door now. The other may go on to answer who asked for this, and
 * ends by itself, or is ended. */
static void change_doors(struct starting *s)
{
    const struct starter_message yours = {.type = STARTER_YOURS};
    int r;

    house_follow(&s->house, &s->beside);
    let_leave(s);
    house_tell(&s->house, &yours);
    r = upgrade_become(&s->house, s->path, s->process->argv, s->layers, s->process->made);
    log_warning("This process goes on as the program before the upgrade: %s.", strerror(-r));
}

/* The first that it says. */
static void take_version(struct starting *s, const struct starter_message *m)
{
    s->beside.speaks = m->status == (int)STARTER_VERSION;
    if (s->beside.speaks)
        return;
    log_error("The program for the upgrade speaks another language with its starter (version %d, "
              "not %u).",
              m->status, STARTER_VERSION);
    drop_beside(s);
}

static void take_upgrade_wish(struct starting *s, struct house *h, const struct starter_message *m,
                              struct fd_list *fds)
{
    if (m->type == STARTER_SPEAKS && h == &s->beside)
        take_version(s, m);
    else if (m->type == STARTER_HOLDS && h == &s->beside)
        h->holds = true;
    else if (m->type == STARTER_UPGRADE && h == &s->house)
        begin_upgrade(s, fds);
    else if (m->type == STARTER_DROP && h == &s->house)
        drop_beside(s);
    else if (m->type == STARTER_GIVEN && h == &s->house && s->beside.holds)
        change_doors(s);
    else
        log_stranger("The door wishes for something out of turn (%u).", m->type);
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

/* The news of the device, which is the door's alone that it has. */
static void pass_news(struct starter_message *m)
{
    if (m->type == STARTER_READY)
        sd_notify(false, "READY=1");
    else if (m->type == STARTER_STOPPING)
        sd_notify(false, "STOPPING=1");
    else if (m->type == STARTER_ALIVE)
        sd_notify(false, "WATCHDOG=1");
    else
        pass_status(m);
}

static void take_wish(struct starting *s, struct house *h, struct starter_message *m,
                      struct fd_list *fds)
{
    switch (m->type) {
    case STARTER_WORKER:
        house_start_worker(h, s->process->argv, fds);
        break;
    case STARTER_KILL:
        house_kill_worker(h);
        break;
    case STARTER_READY:
    case STARTER_STOPPING:
    case STARTER_STATUS:
    case STARTER_ALIVE:
        h->ending = h->ending || m->type == STARTER_STOPPING;
        if (h == &s->house)
            pass_news(m);
        break;
    case STARTER_UPGRADE:
    case STARTER_DROP:
    case STARTER_GIVEN:
    case STARTER_SPEAKS:
    case STARTER_HOLDS:
        take_upgrade_wish(s, h, m, fds);
        break;
    default:
        log_stranger("The door wishes for something unknown (%u).", m->type);
    }
}

static void read_line(struct starting *s, struct house *h)
{
    struct starter_message m;
    struct fd_list fds = {0};
    ssize_t n = fd_receive(h->line, &m, sizeof(m), &fds);

    if (n == sizeof(m) && h == &s->beside && !h->speaks && m.type != STARTER_SPEAKS)
        log_stranger("The program for the upgrade does not say first what language it speaks.");
    else if (n == sizeof(m))
        take_wish(s, h, &m, &fds);
    else if (n != -EAGAIN)  /* it is there still, then */
        fd_close(&h->line); /* its end is told by SIGCHLD */
    fd_list_finish(&fds);
}

/* ---- ends ---- */

static void tell_end(struct house *h, const siginfo_t *si)
{
    const struct starter_message m = {
        .type = STARTER_ENDED,
        .pid = si->si_pid,
        .code = si->si_code,
        .status = si->si_status,
    };

    child_forget(&h->worker);
    house_tell(h, &m);
}

static void note_door(struct starting *s, const siginfo_t *si)
{
    child_forget(&s->house.door);
    if (s->beside.holds) { /* all that it had is there once more */
        change_doors(s);
        return;
    }
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

static void note_beside(struct starting *s, const siginfo_t *si)
{
    child_forget(&s->beside.door);
    house_finish(&s->beside);
    tell_beside_ended(s, si->si_code, si->si_status);
}

static void note_end(struct starting *s, const siginfo_t *si)
{
    if (si->si_pid == s->house.door.pid)
        note_door(s, si);
    else if (si->si_pid == s->house.leaving.pid)
        child_forget(&s->house.leaving);
    else if (si->si_pid == s->beside.door.pid)
        note_beside(s, si);
    else if (si->si_pid == s->house.worker.pid)
        tell_end(&s->house, si);
    else if (si->si_pid == s->beside.worker.pid)
        tell_end(&s->beside, si);
}

static void reap(struct starting *s)
{
    siginfo_t si;

    for (;;) {
        si.si_pid = 0;
        if (waitid(P_ALL, 0, &si, WEXITED | WNOHANG) < 0 || si.si_pid == 0)
            return;
        note_end(s, &si);
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
        child_signal(&s->house.door, SIGTERM);
}

static void serve(struct starting *s)
{
    struct pollfd fds[3];

    reap(s);
    while (s->house.door.pid > 0) {
        fds[0] = (struct pollfd){.fd = s->house.line, .events = POLLIN};
        fds[1] = (struct pollfd){.fd = s->signals, .events = POLLIN};
        fds[2] = (struct pollfd){.fd = s->beside.line, .events = POLLIN};
        if (poll(fds, 3, patience(s)) < 0)
            continue;
        if (fds[2].revents != 0)
            read_line(s, &s->beside);
        else if (fds[0].revents != 0)
            read_line(s, &s->house);
        else if (fds[1].revents != 0)
            read_signal(s);
    }
    house_finish(&s->beside);
    if (!house_await_worker(&s->house))
        s->status = EXIT_FAILURE;
    house_finish(&s->house);
}

/* ---- life ---- */

static int take_signals(struct starting *s)
{
    bool resumed = s->process->resume_fd >= 0; /* with a guest that would lose its device */
    unsigned tries = 0;
    sigset_t set;

    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return -errno;
    do
        s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    while (s->signals < 0 && resumed && house_patience(-errno, &tries));
    return s->signals < 0 ? -errno : 0;
}

/* SIGTERM stays blocked: the door's loop will take it. */
static void become_door(struct starting *s, int line, pid_t parent)
{
    child_begin(parent);
    fd_close(&s->signals);
    fd_close(&s->house.line);
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
    s->house.line = pair[0];
    fflush(NULL);
    pid = fork();
    if (pid == 0)
        become_door(s, pair[1], parent);
    r = pid < 0 ? -errno : fd_set_nonblock(s->house.line);
    close(pair[1]);
    return r < 0 ? r : child_init(&s->house.door, pid);
}

/* Starts the door, or finds it there. */
static int begin(struct starting *s, unsigned *inherited)
{
    int r;

    *inherited = 0;
    if (s->process->resume_fd < 0) {
        s->house.words = s->process->words;
        r = start_door(s);
        if (r < 0)
            log_error("The door cannot be started: %s.", strerror(-r));
        return r;
    }
    r = upgrade_resume(s->process->resume_fd, &s->house, inherited, &s->process->made);
    let_leave(s);
    if (r == 0)
        s->process->inherit(s->process->data, s->process->made);
    return r;
}

/* Returns whether it did: this process is of no use else. */
static bool settle(struct starting *s, unsigned inherited)
{
    struct starter_message m = {.type = STARTER_SETTLED};
    int r = s->process->settle(s->process->data, inherited);

    if (r < 0)
        return false;
    s->layers = (unsigned)r;
    m.status = r;
    house_tell(&s->house, &m);
    return true;
}

int starter_process_run(struct starter_process *process)
{
    struct starting s = {.process = process, .signals = -1, .status = EXIT_FAILURE};
    unsigned inherited;
    int r = take_signals(&s);

    house_clear(&s.house);
    house_clear(&s.beside);
    if (r == 0)
        r = begin(&s, &inherited);
    else
        log_error("The door cannot be started: %s.", strerror(-r));
    if (r == 0 && settle(&s, inherited))
        serve(&s);
    house_finish(&s.house);
    fd_close(&s.signals);
    return s.status;
}

/* SPDX-License-Identifier: MIT */
#include "hostblob/supervisor.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include "base/fd.h"
#include "base/log.h"

#define GRACE_US UINT64_C(5000000)

struct supervised {
    struct supervisor *supervisor;
    const struct device_spec *spec;
    pid_t pid; /* 0: ended */
    bool ready;
    sd_event_source *child;
};

struct supervisor {
    sd_event *loop;
    struct supervised devices[SUPERVISOR_MAX_DEVICES];
    unsigned count;
    bool ending;
    bool failed;
    int notify_fd; /* owned: where the devices say READY */
    sd_event_source *notify, *grace;
    char notify_path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
};

static unsigned alive(const struct supervisor *s)
{
    unsigned n = 0;

    for (unsigned i = 0; i < s->count; i++)
        n += s->devices[i].pid > 0;
    return n;
}

static void signal_all(const struct supervisor *s, int signal_number)
{
    for (unsigned i = 0; i < s->count; i++)
        if (s->devices[i].pid > 0)
            kill(s->devices[i].pid, signal_number);
}

static void end(struct supervisor *s)
{
    if (!s->ending) {
        s->ending = true;
        signal_all(s, SIGTERM);
        sd_event_source_set_time_relative(s->grace, GRACE_US);
        sd_event_source_set_enabled(s->grace, SD_EVENT_ONESHOT);
    }
    if (alive(s) == 0)
        sd_event_exit(s->loop, s->failed ? EXIT_FAILURE : EXIT_SUCCESS);
}

static int on_grace(sd_event_source *source, uint64_t now, void *data)
{
    log_error("A device does not end: it is killed.");
    signal_all(data, SIGKILL);
    return 0;
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *si, void *data)
{
    end(data);
    return 0;
}

static int on_child(sd_event_source *source, const siginfo_t *si, void *data)
{
    struct supervised *d = data;
    struct supervisor *s = d->supervisor;
    bool well = si->si_code == CLD_EXITED && si->si_status == 0;

    d->pid = 0;
    if (!well)
        log_error("The %s device %s %d.", d->spec->kind,
                  si->si_code == CLD_EXITED ? "ended with status" : "was killed by signal",
                  si->si_status);
    else if (!s->ending)
        log_info("The %s device ended; so do the others.", d->spec->kind);
    s->failed = s->failed || !well;
    end(s);
    return 0;
}

static struct supervised *device_of(struct supervisor *s, pid_t pid)
{
    for (unsigned i = 0; i < s->count; i++)
        if (s->devices[i].pid == pid)
            return &s->devices[i];
    return NULL;
}

static void tell_when_ready(struct supervisor *s)
{
    for (unsigned i = 0; i < s->count; i++)
        if (!s->devices[i].ready)
            return;
    log_info("All %u devices are ready.", s->count);
    sd_notify(false, "READY=1");
}

/* A device says how it is, in the words of sd_notify; the kernel says which one it is. */
static int on_notify(sd_event_source *source, int fd, uint32_t events, void *data)
{
    struct supervisor *s = data;
    char text[1024], control[CMSG_SPACE(sizeof(struct ucred))];
    struct iovec iov = {text, sizeof(text) - 1};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control,
                         .msg_controllen = sizeof(control)};
    ssize_t n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    struct cmsghdr *c = n >= 0 ? CMSG_FIRSTHDR(&msg) : NULL;
    struct supervised *d = NULL;
    struct ucred cred;

    if (c != NULL && c->cmsg_type == SCM_CREDENTIALS) {
        memcpy(&cred, CMSG_DATA(c), sizeof(cred));
        d = device_of(s, cred.pid);
    }
    if (d == NULL || d->ready)
        return 0;
    text[n] = '\0';
    if (strncmp(text, "READY=1", 7) == 0) {
        d->ready = true;
        tell_when_ready(s);
    }
    return 0;
}

static int notify_init(struct supervisor *s)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int on = 1;
    /* In the abstract namespace: no file, and gone with us. */
    int n =
        snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "hostblob-%d", (int)getpid());

    snprintf(s->notify_path, sizeof(s->notify_path), "@hostblob-%d", (int)getpid());
    s->notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s->notify_fd < 0 ||
        setsockopt(s->notify_fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0 ||
        bind(s->notify_fd, (struct sockaddr *)&address,
             (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)) < 0)
        return -errno;
    return sd_event_add_io(s->loop, &s->notify, s->notify_fd, EPOLLIN, on_notify, s);
}

static int start(struct supervisor *s, struct supervised *d)
{
    sigset_t none;

    d->pid = fork();
    if (d->pid < 0) {
        d->pid = 0;
        return -errno;
    }
    if (d->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        setenv("NOTIFY_SOCKET", s->notify_path, 1);
        unsetenv("LISTEN_FDS");
        unsetenv("LISTEN_PID");
        unsetenv("WATCHDOG_USEC");
        execv(d->spec->program, d->spec->argv);
        fprintf(stderr, "hostblob: cannot start %s: %s\n", d->spec->program, strerror(errno));
        _exit(127);
    }
    return sd_event_add_child(s->loop, &d->child, d->pid, WEXITED, on_child, d);
}

static int supervisor_init(struct supervisor *s, struct device_spec *specs, unsigned count)
{
    sigset_t set;
    int r = sd_event_default(&s->loop);

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    if (r >= 0)
        r = sd_event_add_signal(s->loop, NULL, SIGTERM, on_signal, s);
    if (r >= 0)
        r = sd_event_add_signal(s->loop, NULL, SIGINT, on_signal, s);
    if (r >= 0)
        r = sd_event_add_time_relative(s->loop, &s->grace, CLOCK_MONOTONIC, 0, 0, on_grace, s);
    if (r >= 0)
        r = sd_event_source_set_enabled(s->grace, SD_EVENT_OFF);
    if (r >= 0)
        r = notify_init(s);
    for (unsigned i = 0; i < count && r >= 0; i++) {
        s->devices[i] = (struct supervised){.supervisor = s, .spec = &specs[i]};
        s->count++;
        r = start(s, &s->devices[i]);
    }
    return r;
}

static void supervisor_finish(struct supervisor *s)
{
    signal_all(s, SIGKILL);
    for (unsigned i = 0; i < s->count; i++)
        s->devices[i].child = sd_event_source_disable_unref(s->devices[i].child);
    s->notify = sd_event_source_disable_unref(s->notify);
    s->grace = sd_event_source_disable_unref(s->grace);
    fd_close(&s->notify_fd);
    sd_event_unref(s->loop);
}

int supervisor_run(struct device_spec *specs, unsigned count)
{
    struct supervisor s = {.notify_fd = -1};
    int r = supervisor_init(&s, specs, count);

    if (r < 0)
        log_error("The devices cannot be started: %s.", strerror(-r));
    else
        r = sd_event_loop(s.loop);
    supervisor_finish(&s);
    return r < 0 ? EXIT_FAILURE : r;
}

/* SPDX-License-Identifier: MIT */
#include "hostblob/supervised.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/units.h"
#include "hostblob/notify_socket.h"

#define START_US UINT64_C(60000000) /* to be ready: renderers are tried before */
#define GRACE_US UINT64_C(5000000)  /* to end */
#define SOCKET_TRIES 100u           /* 2 ms each */
#define WRONG 2                     /* the status of a wrong command line */

static void set_state(struct supervised *d, enum supervised_state state, uint64_t timer_us)
{
    d->state = state;
    sd_event_source_set_time_relative(d->timer, timer_us);
    sd_event_source_set_enabled(d->timer, timer_us > 0 ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
    d->house->handler->changed(d->house->data);
}

/* ---- ends ---- */

static void describe_end(const struct supervised *d, const siginfo_t *si, char *text, size_t size)
{
    if (d->reason != NULL)
        snprintf(text, size, "was killed: it %s", d->reason);
    else if (si->si_code == CLD_EXITED)
        snprintf(text, size, "ended with status %d", si->si_status);
    else
        snprintf(text, size, "was killed by signal %d (%s)", si->si_status,
                 strsignal(si->si_status));
}

static void wait_for_next(struct supervised *d, const char *what)
{
    uint64_t ran_us = d->ready_ns > 0 ? (units_now_ns() - d->ready_ns) / 1000 : 0;
    uint64_t delay_us = backoff_next(&d->backoff, ran_us);

    log_error("The %s device %s %s; it is started again in %g s.", d->spec->kind, d->spec->name,
              what, (double)delay_us / 1e6);
    set_state(d, SUPERVISED_WAITING, delay_us);
}

static void give_up(struct supervised *d, const char *what)
{
    log_error("The %s device %s%s%s%s %s: it is not started again before its options are others.",
              d->spec->kind, d->spec->name, d->spec->place != NULL ? " (" : "",
              d->spec->place != NULL ? d->spec->place : "", d->spec->place != NULL ? ")" : "",
              what);
    set_state(d, SUPERVISED_FAILED, 0);
}

static void note_end(struct supervised *d, const siginfo_t *si)
{
    /* The signal comes before it is listened to. */
    bool well = si->si_status == (si->si_code == CLD_EXITED ? 0 : SIGTERM);
    bool wrong =
        si->si_code == CLD_EXITED && (si->si_status == WRONG || si->si_status == EX_CONFIG);
    char what[160];

    describe_end(d, si, what, sizeof(what));
    if (d->state == SUPERVISED_ENDING) {
        d->failed = !well;
        if (!well)
            log_error("The %s device %s %s.", d->spec->kind, d->spec->name, what);
        set_state(d, SUPERVISED_ENDED, 0);
    } else if (!d->house->handler->ended(d->house->data, d, si, what)) {
        set_state(d, SUPERVISED_ENDED, 0);
    } else if (wrong) {
        give_up(d, what);
    } else {
        wait_for_next(d, what);
    }
}

static int on_child(sd_event_source *source, const siginfo_t *si, void *data)
{
    struct supervised *d = data;

    d->pid = 0;
    if (si->si_code != CLD_EXITED || d->ready_ns > 0) /* or it had none of its own yet */
        d->killed = si->si_code != CLD_EXITED;
    d->child = sd_event_source_disable_unref(d->child);
    cgroups_kill(&d->house->cgroups, d->spec->name);
    note_end(d, si);
    d->reason = NULL;
    d->ready_ns = 0;
    return 0;
}

/* ---- starts ---- */

static void become(const struct supervised *d, int cgroup_procs, pid_t parent)
{
    char number[24];
    sigset_t none;

    /* Ctrl-C is the supervisor's. */
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(EXIT_FAILURE);
    if (cgroup_procs >= 0 && write(cgroup_procs, "0", 1) < 0)
        log_warning("The device %s is in no cgroup of its own: %s.", d->spec->name,
                    strerror(errno));
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setenv("NOTIFY_SOCKET", d->house->notify_address, 1);
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDNAMES");
    unsetenv("WATCHDOG_PID");
    unsetenv("WATCHDOG_USEC");
    snprintf(number, sizeof(number), "%llu", (unsigned long long)d->house->watchdog_us);
    if (d->house->watchdog_us > 0)
        setenv("WATCHDOG_USEC", number, 1);
    execv(d->spec->argv[0], d->spec->argv);
    fprintf(stderr, "hostblob: cannot start %s: %s\n", d->spec->argv[0], strerror(errno));
    _exit(127);
}

/* 0 or -errno. */
static int start(struct supervised *d)
{
    int procs = cgroups_open(&d->house->cgroups, d->spec->name);
    pid_t parent = getpid();
    int r;

    d->pid = fork();
    if (d->pid == 0)
        become(d, procs, parent);
    r = d->pid < 0 ? -errno : 0;
    if (procs >= 0)
        close(procs);
    else if (procs != -ENOENT)
        log_warning("The device %s has no cgroup: %s.", d->spec->name, strerror(-procs));
    if (r == 0)
        r = sd_event_add_child(d->house->loop, &d->child, d->pid, WEXITED, on_child, d);
    if (r < 0 && d->pid > 0) {
        kill(d->pid, SIGKILL);
        waitpid(d->pid, NULL, 0);
    }
    if (r < 0)
        d->pid = 0;
    return r < 0 ? r : 0;
}

void supervised_start(struct supervised *d)
{
    char what[96];
    int r = start(d);

    if (r == 0) {
        set_state(d, SUPERVISED_STARTING, START_US);
        return;
    }
    snprintf(what, sizeof(what), "cannot be started (%s)", strerror(-r));
    wait_for_next(d, what);
}

void supervised_end(struct supervised *d)
{
    if (d->pid == 0) {
        set_state(d, SUPERVISED_ENDED, 0);
        return;
    }
    if (d->state == SUPERVISED_ENDING)
        return;
    kill(d->pid, SIGTERM);
    set_state(d, SUPERVISED_ENDING, GRACE_US);
}

/* ---- signs of life ---- */

void supervised_hear(struct supervised *d, const char *text)
{
    if (d->state == SUPERVISED_STARTING && notify_socket_has(text, "READY=1")) {
        d->ready_ns = units_now_ns();
        set_state(d, SUPERVISED_READY, d->house->watchdog_us);
    } else if (d->state == SUPERVISED_READY && notify_socket_has(text, "WATCHDOG=1")) {
        sd_event_source_set_time_relative(d->timer, d->house->watchdog_us);
    }
}

static void put_down(struct supervised *d, const char *reason)
{
    d->reason = reason;
    kill(d->pid, SIGKILL); /* it may be stopped: SIGABRT would wait */
}

static int on_timer(sd_event_source *source, uint64_t now, void *data)
{
    struct supervised *d = data;

    if (d->state == SUPERVISED_WAITING)
        supervised_start(d);
    else if (d->state == SUPERVISED_STARTING)
        put_down(d, "was not ready in time");
    else if (d->state == SUPERVISED_READY)
        put_down(d, "gave no sign of life in time");
    else if (d->state == SUPERVISED_ENDING)
        put_down(d, "did not end when it was asked to");
    return 0;
}

/* ---- life ---- */

struct supervised *supervised_create(const struct supervised_house *house, struct device_spec *spec)
{
    struct supervised *d = calloc(1, sizeof(*d));

    if (d == NULL)
        return NULL;
    *d = (struct supervised){.house = house, .spec = spec};
    if (sd_event_add_time_relative(house->loop, &d->timer, CLOCK_MONOTONIC, 0, 0, on_timer, d) <
            0 ||
        sd_event_source_set_enabled(d->timer, SD_EVENT_OFF) < 0) {
        sd_event_source_disable_unref(d->timer);
        free(d);
        return NULL;
    }
    return d;
}

/* Whether nobody listens at it any more. The device's other processes end a little later. */
static bool is_dead(const struct sockaddr_un *address)
{
    bool dead = false;

    for (unsigned i = 0; i < SOCKET_TRIES && !dead; i++) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        if (fd < 0)
            return false;
        dead = connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 &&
               errno == ECONNREFUSED;
        close(fd);
        if (!dead)
            usleep(2000);
    }
    return dead;
}

/* The socket of a device that was killed stays behind. */
static void remove_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat st;

    if (path == NULL || strlen(path) >= sizeof(address.sun_path) || lstat(path, &st) < 0 ||
        !S_ISSOCK(st.st_mode))
        return;
    strcpy(address.sun_path, path);
    if (is_dead(&address))
        unlink(path);
}

static void free_spec(struct device_spec *spec)
{
    device_spec_finish(spec);
    free(spec);
}

void supervised_destroy(struct supervised *d)
{
    if (d == NULL)
        return;
    sd_event_source_disable_unref(d->child);
    sd_event_source_disable_unref(d->timer);
    if (d->pid > 0) {
        kill(d->pid, SIGKILL);
        waitpid(d->pid, NULL, 0);
        d->killed = true;
    }
    cgroups_remove(&d->house->cgroups, d->spec->name);
    if (d->killed) {
        remove_socket(device_spec_value(d->spec, "socket-path"));
        remove_socket(device_spec_value(d->spec, "control-path"));
    }
    free_spec(d->spec);
    free(d);
}

void supervised_respec(struct supervised *d, struct device_spec *spec)
{
    free_spec(d->spec);
    d->spec = spec;
}

/* SPDX-License-Identifier: MIT */
#include "hostblob/supervisor.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include "base/log.h"
#include "base/units.h"
#include "hostblob/notify_socket.h"
#include "hostblob/supervised.h"

struct supervisor {
    const struct supervisor_options *options;
    struct supervised_house house;
    struct notify_socket notify;
    TAILQ_HEAD(, supervised) devices;
    sd_event_source *look; /* when something has changed */
    bool began;            /* all have been ready once */
    bool told;             /* that they are, since the last reload */
    bool ending;
    bool failed;
    char status[512]; /* that was told last */
};

static void end(struct supervisor *s)
{
    struct supervised *d;

    if (s->ending)
        return;
    s->ending = true;
    sd_notify(false, "STOPPING=1");
    TAILQ_FOREACH(d, &s->devices, link)
    supervised_end(d);
    sd_event_source_set_enabled(s->look, SD_EVENT_ONESHOT);
}

/* ---- how they are ---- */

struct count {
    unsigned all, ready, failed, waiting, leaving, held, starting;
};

static struct count count_states(const struct supervisor *s)
{
    struct count n = {0};
    const struct supervised *d;

    TAILQ_FOREACH(d, &s->devices, link)
    {
        n.all++;
        n.ready += d->state == SUPERVISED_READY;
        n.failed += d->state == SUPERVISED_FAILED;
        n.waiting += d->state == SUPERVISED_WAITING;
        n.held += d->state == SUPERVISED_HELD;
        n.starting += d->state == SUPERVISED_STARTING;
        n.leaving += d->state == SUPERVISED_ENDING || d->state == SUPERVISED_ENDED;
    }
    return n;
}

/* "3 devices: 1 ready; not: camera, desktop". */
static void tell_status(struct supervisor *s, const struct count *n)
{
    char text[sizeof(s->status)];
    const struct supervised *d;
    const char *before = "; not: ";
    int used = snprintf(text, sizeof(text), "%u device%s: %u ready", n->all, n->all == 1 ? "" : "s",
                        n->ready);

    TAILQ_FOREACH(d, &s->devices, link)
    {
        if (d->state == SUPERVISED_READY || (size_t)used >= sizeof(text))
            continue;
        used += snprintf(text + used, sizeof(text) - (size_t)used, "%s%s", before, d->spec->name);
        before = ", ";
    }
    if (strcmp(text, s->status) == 0)
        return;
    strcpy(s->status, text);
    sd_notifyf(false, "STATUS=%s", text);
}

/* At first all have to be ready; later, what fails again and again is no reason to wait. */
static void tell_ready(struct supervisor *s, const struct count *n)
{
    unsigned settled = s->began ? n->ready + n->failed + n->waiting : n->ready;

    if (s->told || settled < n->all)
        return;
    s->told = true;
    if (s->began)
        log_info("The configuration is in force: %s.", s->status);
    else if (n->all > 0)
        log_info("%s%u device%s ready.", n->all > 1 ? "All " : "The ", n->all,
                 n->all > 1 ? "s are" : " is");
    s->began = true;
    sd_notify(false, "READY=1");
}

static void bury(struct supervisor *s)
{
    struct supervised *d, *next;

    TAILQ_FOREACH_SAFE(d, &s->devices, link, next)
    {
        if (d->state != SUPERVISED_ENDED)
            continue;
        s->failed = s->failed || (s->ending && d->failed);
        TAILQ_REMOVE(&s->devices, d, link);
        supervised_destroy(d);
    }
}

/* Runs when something has changed, and not within: a device may be destroyed here. */
static int on_look(sd_event_source *source, void *data)
{
    struct supervisor *s = data;
    struct supervised *d;
    struct count n;

    bury(s);
    n = count_states(s);
    if (s->ending)
        return n.all > 0 ? 0 : sd_event_exit(s->house.loop, s->failed ? EXIT_FAILURE : 0);
    /* A new one may want the socket of one that goes. */
    TAILQ_FOREACH(d, &s->devices, link)
    if (d->state == SUPERVISED_HELD && n.leaving == 0)
        supervised_start(d);
    n = count_states(s);
    tell_status(s, &n);
    tell_ready(s, &n);
    return 0;
}

/* ---- what happens to them ---- */

static void on_changed(void *data)
{
    struct supervisor *s = data;

    sd_event_source_set_enabled(s->look, SD_EVENT_ONESHOT);
}

static bool on_ended(void *data, struct supervised *d, const siginfo_t *si, const char *what)
{
    struct supervisor *s = data;
    bool well = si->si_code == CLD_EXITED && si->si_status == 0;
    bool refused = !s->began && d->state == SUPERVISED_STARTING && si->si_code == CLD_EXITED;
    const char *place = d->spec->place;

    if (!refused && !s->options->once)
        return true;
    if (refused)
        log_error("The %s device %s%s%s%s %s before it was ready: so none is started.",
                  d->spec->kind, d->spec->name, place != NULL ? " (" : "",
                  place != NULL ? place : "", place != NULL ? ")" : "", what);
    else
        log_error("The %s device %s %s; so do the others.", d->spec->kind, d->spec->name, what);
    s->failed = s->failed || !well || refused;
    end(s);
    return false;
}

static const struct supervised_handler device_handler = {on_changed, on_ended};

/* The kernel says which one speaks. */
static void on_heard(void *data, pid_t pid, const char *text)
{
    struct supervisor *s = data;
    struct supervised *d;

    TAILQ_FOREACH(d, &s->devices, link)
    if (d->pid == pid) {
        supervised_hear(d, text);
        return;
    }
}

static int on_end_signal(sd_event_source *source, const struct signalfd_siginfo *si, void *data)
{
    end(data);
    return 0;
}

/* ---- which there are ---- */

static void add_devices(struct supervisor *s, struct device_set *set)
{
    for (unsigned i = 0; i < set->count; i++) {
        struct supervised *d =
            set->all[i] != NULL ? supervised_create(&s->house, set->all[i]) : NULL;

        if (d != NULL)
            TAILQ_INSERT_TAIL(&s->devices, d, link);
        else if (set->all[i] != NULL)
            log_error("There is no memory for the device %s.", set->all[i]->name);
        if (d != NULL)
            set->all[i] = NULL;
    }
}

/* Finds the device in 'set' that this one is, and takes it out of there. */
static bool stays(struct supervised *d, struct device_set *set)
{
    for (unsigned i = 0; i < set->count; i++) {
        if (set->all[i] == NULL || strcmp(set->all[i]->name, d->spec->name) != 0 ||
            !device_spec_same(set->all[i], d->spec))
            continue;
        supervised_respec(d, set->all[i]);
        set->all[i] = NULL;
        return true;
    }
    return false;
}

static void change_devices(struct supervisor *s, struct device_set *set)
{
    struct supervised *d;

    TAILQ_FOREACH(d, &s->devices, link)
    {
        if (d->state == SUPERVISED_ENDING || d->state == SUPERVISED_ENDED)
            continue;
        if (!stays(d, set))
            supervised_end(d);
        else if (d->state == SUPERVISED_FAILED)
            d->state = SUPERVISED_HELD; /* the host may be another now */
    }
    add_devices(s, set);
}

static int on_reload(sd_event_source *source, const struct signalfd_siginfo *si, void *data)
{
    struct supervisor *s = data;
    struct device_set set = {.count = 0};

    if (s->ending)
        return 0;
    sd_notifyf(false, "RELOADING=1\nMONOTONIC_USEC=%llu",
               (unsigned long long)(units_now_ns() / 1000));
    if (s->options->reload(s->options->data, &set) == 0)
        change_devices(s, &set);
    device_set_finish(&set);
    s->told = false;
    on_changed(s);
    return 0;
}

/* ---- life ---- */

static int take_signals(struct supervisor *s)
{
    sigset_t set;
    int r;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    r = sd_event_add_signal(s->house.loop, NULL, SIGTERM, on_end_signal, s);
    if (r >= 0)
        r = sd_event_add_signal(s->house.loop, NULL, SIGINT, on_end_signal, s);
    if (r >= 0)
        r = sd_event_add_signal(s->house.loop, NULL, SIGHUP,
                                s->options->reload != NULL ? on_reload : on_end_signal, s);
    return r;
}

static int supervisor_init(struct supervisor *s)
{
    char why[256];
    int r = sd_event_default(&s->house.loop);

    if (r >= 0)
        r = take_signals(s);
    if (r >= 0)
        r = notify_socket_init(&s->notify, s->house.loop, on_heard, s);
    if (r >= 0)
        r = sd_event_add_defer(s->house.loop, &s->look, on_look, s);
    if (r >= 0)
        r = sd_event_set_watchdog(s->house.loop, true);
    if (r < 0)
        return r;
    s->house.notify_address = s->notify.address;
    r = cgroups_init(&s->house.cgroups, s->options->cgroup, why, sizeof(why));
    if (r < 0 && strcmp(s->options->cgroup, "auto") != 0)
        log_warning("The devices have no cgroups of their own: %s.", why);
    else if (r < 0)
        log_debug("The devices have no cgroups of their own: %s.", why);
    return 0;
}

static void supervisor_finish(struct supervisor *s)
{
    struct supervised *d;

    while ((d = TAILQ_FIRST(&s->devices)) != NULL) {
        TAILQ_REMOVE(&s->devices, d, link);
        supervised_destroy(d);
    }
    cgroups_finish(&s->house.cgroups);
    sd_event_source_disable_unref(s->look);
    notify_socket_finish(&s->notify);
    sd_event_unref(s->house.loop);
}

int supervisor_run(struct device_set *set, const struct supervisor_options *options)
{
    struct supervisor s = {
        .options = options,
        .house = {.watchdog_us = options->watchdog_us, .handler = &device_handler, .data = &s},
        .notify = {.fd = -1},
    };
    int r;

    TAILQ_INIT(&s.devices);
    r = supervisor_init(&s);
    if (r >= 0) {
        add_devices(&s, set);
        r = sd_event_loop(s.house.loop);
    } else {
        log_error("The devices cannot be started: %s.", strerror(-r));
    }
    supervisor_finish(&s);
    return r < 0 ? EXIT_FAILURE : r;
}

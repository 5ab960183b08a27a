/* SPDX-License-Identifier: MIT */
#include "gpu/watchdog.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "base/units.h"
#include "gpu/process_info.h"

#define MS UINT64_C(1000000) /* in nanoseconds */
#define ACCURACY_US 10000u
#define IDLE_LOOKS 2u /* a job that was queued may not have begun at the first */

struct watchdog {
    struct render_thread *thread;
    struct render_server *server;
    struct watchdog_limits limits;
    sd_event_source *timer;
    bool armed;
    unsigned idle;
    /* The call that was seen last. */
    uint64_t since_ns;
    uint64_t said_ns; /* when it was complained of; 0: never */
    pid_t pid;        /* who was looked at, 0: nobody yet */
    uint64_t cpu_ns;  /* what it had used then */
};

static void arm(struct watchdog *w, uint64_t in_ns)
{
    w->armed = true;
    sd_event_source_set_time_relative(w->timer, in_ns / 1000);
    sd_event_source_set_enabled(w->timer, SD_EVENT_ONESHOT);
}

static void kill_suspect(struct watchdog *w, const struct render_suspect *suspect, uint64_t age_ns,
                         const char *why)
{
    unsigned ms = (unsigned)(age_ns / MS);

    if (suspect->ctx_id == 0)
        log_error("The render server (pid %d) is killed after %u ms: it %s.", (int)suspect->pid, ms,
                  why);
    else
        log_stranger("The render process of context %u (pid %d) is killed after %u ms: it %s.",
                     suspect->ctx_id, (int)suspect->pid, ms, why);
    render_server_kill(w->server, suspect);
}

/* What is wrong with the process behind the call; NULL: nothing yet. */
static const char *judge(struct watchdog *w, pid_t pid, uint64_t age_ns)
{
    uint64_t cpu_ns = process_info_cpu_ns(pid);
    char state = process_info_state(pid);
    bool worked = pid != w->pid || cpu_ns != w->cpu_ns;

    w->pid = pid;
    w->cpu_ns = cpu_ns;
    if (state == 'T')
        return "is stopped";
    /* One that could run, but is not let, or that waits for a disk, is not to blame. */
    if (!worked && (state == 'S' || state == 't'))
        return "does nothing";
    if (age_ns > w->limits.work * MS)
        return "takes too long";
    return NULL;
}

/* A call that is for no context may have to do with any. */
static bool kill_stopped(struct watchdog *w, uint64_t age_ns)
{
    struct render_suspect suspect = {0};
    bool found = false;

    while (render_server_next(w->server, suspect.ctx_id, &suspect)) {
        if (process_info_state(suspect.pid) != 'T')
            continue;
        kill_suspect(w, &suspect, age_ns, "is stopped");
        found = true;
    }
    return found;
}

static void complain(struct watchdog *w, uint32_t ctx_id, uint64_t age_ns)
{
    uint64_t now = units_now_ns();

    if (age_ns < w->limits.own * MS || (w->said_ns != 0 && now - w->said_ns < w->limits.again * MS))
        return;
    w->said_ns = now;
    log_error("The renderer is stuck: a call for context %u has lasted %u s so far.", ctx_id,
              (unsigned)(age_ns / (1000 * MS)));
}

static void look(struct watchdog *w, const struct render_thread_hand *hand, uint64_t age_ns)
{
    struct render_suspect suspect;
    const char *why;

    if (w->server != NULL && render_server_suspect(w->server, hand->context, &suspect)) {
        why = judge(w, suspect.pid, age_ns);
        if (why != NULL)
            kill_suspect(w, &suspect, age_ns, why);
        return;
    }
    if (w->server != NULL && hand->context == 0 && kill_stopped(w, age_ns))
        return;
    complain(w, hand->context, age_ns);
}

static int on_time(sd_event_source *source, uint64_t usec, void *data)
{
    struct watchdog *w = data;
    struct render_thread_hand hand;
    uint64_t age_ns, now;

    w->armed = false;
    if (!render_thread_busy(w->thread, &hand)) {
        w->idle = render_thread_queued(w->thread) > 0 ? 0 : w->idle + 1;
        if (w->idle < IDLE_LOOKS)
            arm(w, w->limits.first * MS);
        return 0;
    }
    w->idle = 0;
    if (hand.since_ns != w->since_ns) {
        w->since_ns = hand.since_ns;
        w->said_ns = 0;
        w->pid = 0;
    }
    now = units_now_ns();
    age_ns = now > hand.since_ns ? now - hand.since_ns : 0;
    if (age_ns < w->limits.first * MS) {
        arm(w, w->limits.first * MS - age_ns);
        return 0;
    }
    look(w, &hand, age_ns);
    arm(w, w->limits.look * MS);
    return 0;
}

void watchdog_wake(struct watchdog *w)
{
    w->idle = 0;
    if (!w->armed)
        arm(w, w->limits.first * MS);
}

struct watchdog *watchdog_create(sd_event *loop, struct render_thread *thread,
                                 struct render_server *server, const struct watchdog_limits *limits)
{
    static const struct watchdog_limits usual = {
        .first = 500,
        .look = 250,
        .work = 5000,
        .own = 15000,
        .again = 60000,
    };
    struct watchdog *w = calloc(1, sizeof(*w));
    int ret;

    if (w == NULL)
        return NULL;
    w->thread = thread;
    w->server = server;
    w->limits = limits != NULL ? *limits : usual;
    ret = sd_event_add_time_relative(loop, &w->timer, CLOCK_MONOTONIC, 0, ACCURACY_US, on_time, w);
    if (ret >= 0)
        ret = sd_event_source_set_enabled(w->timer, SD_EVENT_OFF);
    if (ret < 0) {
        watchdog_destroy(w);
        errno = -ret;
        return NULL;
    }
    return w;
}

void watchdog_destroy(struct watchdog *w)
{
    if (w == NULL)
        return;
    sd_event_source_disable_unref(w->timer);
    free(w);
}

/* SPDX-License-Identifier: MIT */
#include "door/take_over.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/fd.h"
#include "base/log.h"
#include "door/door.h"
#include "door/handlers.h"

/* Nobody wants signs of life more often: this process would do nothing else. */
#define WATCHDOG_LEAST_US 1000u

static bool say(struct take_over *t, enum door_state_kind kind, const char *text)
{
    struct door_state m;

    door_state_init(&m, kind);
    if (kind == DOOR_STATE_REFUSED)
        snprintf(m.refused.text, sizeof(m.refused.text), "%s", text);
    return fd_send(t->channel, &m, m.size, NULL, 0) == (ssize_t)m.size;
}

/* This process is of no use. */
static void refuse(struct take_over *t, const char *text)
{
    if (t->state == TAKE_OVER_REFUSED)
        return;
    log_warning("This program does not take the device over: %s.", text);
    say(t, DOOR_STATE_REFUSED, text);
    t->state = TAKE_OVER_REFUSED;
    t->io = sd_event_source_disable_unref(t->io);
    sd_event_exit(t->door->loop, EXIT_FAILURE);
}

/* ---- whether it fits ---- */

static const char *check_program(const struct door *door, const struct door_state_offer *offer)
{
    static char why[160];

    if (strncmp(offer->program, door->options.program, sizeof(offer->program)) != 0) {
        snprintf(why, sizeof(why), "it is %s, and the device is of %.*s", door->options.program,
                 (int)sizeof(offer->program), offer->program);
        return why;
    }
    if (offer->layouts.journal != JOURNAL_VERSION ||
        offer->layouts.journal_page != sizeof(struct journal_page) ||
        offer->layouts.store != STORE_VERSION)
        return "its memory of what happened (the journal) has another layout";
    return NULL;
}

const char *take_over_check(const struct door *door, const struct door_state_offer *offer)
{
    const struct link_hello *theirs = &offer->facts, *ours = &door->facts;
    const char *reason = check_program(door, offer);

    if (reason != NULL)
        return reason;
    if (theirs->estate != ours->estate)
        return "what the device leaves to its next worker has another layout";
    if (theirs->queues != ours->queues || theirs->shmid != ours->shmid ||
        theirs->config_size != ours->config_size)
        return "the device has other queues, another window or another config space";
    if ((theirs->features & ~ours->features) != 0)
        return "the device does not have all features that it had";
    if (offer->window_size != door->options.window_size ||
        (offer->arena != 0) != (door->arena_fd >= 0))
        return "the window has another size, or buffers are mapped in another way";
    if ((offer->protocol_features & ~handlers_protocol_features(door->options.mem_slots)) != 0)
        return "the front-end took protocol features that it does not have";
    if (offer->watchdog_us != 0 && offer->watchdog_us < WATCHDOG_LEAST_US)
        return "signs of life are wanted more often than can be";
    return NULL;
}

bool take_over_begins(const struct take_over *t)
{
    return t->state == TAKE_OVER_LEARNS || t->state == TAKE_OVER_TAKES ||
           t->state == TAKE_OVER_HOLDS || t->state == TAKE_OVER_REFUSED;
}

void take_over_compare(struct take_over *t)
{
    const char *reason;

    if (t->state != TAKE_OVER_LEARNS || !t->offered || !t->door->known)
        return;
    reason = take_over_check(t->door, &t->offer);
    if (reason != NULL) {
        refuse(t, reason);
        return;
    }
    t->state = TAKE_OVER_TAKES;
    keeper_rest(&t->door->keeper);
}

/* The front-end keeps what it was told. */
static void keep_facts(struct take_over *t)
{
    struct link_hello *facts = &t->door->facts;

    if (t->offer.has_front_end) {
        t->door->later_features = facts->features;
        facts->features = t->offer.facts.features;
        memcpy(facts->config, t->offer.facts.config, sizeof(facts->config));
    }
    t->door->keeper.starts = t->offer.worker_starts;
}

void take_over_worker_died(struct take_over *t)
{
    if (t->state == TAKE_OVER_LEARNS) {
        refuse(t, "its worker died");
    } else if (t->state == TAKE_OVER_TAKES) {
        keep_facts(t);
        say(t, DOOR_STATE_ACCEPTED, NULL);
    }
}

/* ---- taking ---- */

static void hold(struct take_over *t)
{
    const char *reason = unpack_end(&t->unpack, t->door);

    if (reason != NULL) {
        refuse(t, reason);
        return;
    }
    t->state = TAKE_OVER_HOLDS;
    if (starter_say(&t->door->starter, STARTER_HOLDS, NULL) < 0)
        refuse(t, "the process that starts the workers does not hear it");
    else if (!say(t, DOOR_STATE_TAKEN, NULL))
        refuse(t, "the other door does not listen");
}

static void take_record(struct take_over *t, const struct door_state *record, struct fd_list *fds)
{
    const char *reason;

    if (record->kind == DOOR_STATE_OFFER && t->state == TAKE_OVER_LEARNS && !t->offered) {
        t->offered = true;
        t->offer = record->offer;
        take_over_compare(t);
    } else if (t->state != TAKE_OVER_TAKES || t->door->keeper.running) {
        refuse(t, "the state comes out of turn");
    } else if (record->kind == DOOR_STATE_END) {
        hold(t);
    } else {
        reason = unpack_take(&t->unpack, t->door, record, fds);
        if (reason != NULL)
            refuse(t, reason);
    }
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *data)
{
    struct take_over *t = data;
    struct door_state record;
    struct fd_list fds = {0};
    ssize_t n = fd_receive(fd, &record, sizeof(record), &fds);
    const char *reason;

    if (n == -EAGAIN || n == -EINTR)
        return 0;
    if (n <= 0) { /* if the other door has died, the starter knows */
        sd_event_source_set_enabled(source, SD_EVENT_OFF);
        return 0;
    }
    reason = door_state_check(&record, (uint32_t)n, fds.count, DOOR_STATE_GIVER);
    if (reason != NULL)
        refuse(t, reason);
    else
        take_record(t, &record, &fds);
    fd_list_finish(&fds);
    return 0;
}

/* ---- this is the device's door ---- */

void take_over_yours(struct take_over *t)
{
    struct door *door = t->door;
    int control_fd = t->unpack.control_fd;

    if (t->state != TAKE_OVER_HOLDS)
        return;
    t->state = TAKE_OVER_STARTS;
    t->io = sd_event_source_disable_unref(t->io); /* the other door has no say any more */
    door->listen_fd = t->unpack.listen_fd;
    t->unpack.listen_fd = t->unpack.control_fd = -1;
    if (door_listen(door, true) < 0)
        log_error("No other front-end can be let in any more.");
    door->handler->taken(door->data, control_fd);
    if (door->session != NULL) {
        guest_window_go_on(&door->session->window);
        connection_hold(&door->session->connection, false);
    }
    keeper_wake(&door->keeper);
    if (starter_watch(&door->starter, t->offer.watchdog_us) < 0)
        log_error("There can be no signs of life for the watchdog.");
    door->handler->status(door->data, door->session != NULL ? "serving a front-end"
                                                            : "waiting for a front-end");
}

void take_over_runs(struct take_over *t)
{
    if (t->state != TAKE_OVER_STARTS)
        return;
    log_info("The device is upgraded from %.*s to %s.", (int)sizeof(t->offer.version),
             t->offer.version, HOSTBLOB_VERSION);
    t->state = TAKE_OVER_NONE;
    say(t, DOOR_STATE_RUNS, NULL);
    t->io = sd_event_source_disable_unref(t->io);
    fd_close(&t->channel);
}

/* ---- life ---- */

void take_over_init(struct take_over *t, struct door *door)
{
    *t = (struct take_over){.door = door, .channel = -1};
    unpack_init(&t->unpack);
}

int take_over_start(struct take_over *t, int channel)
{
    int r = fd_set_nonblock(channel);

    t->channel = channel;
    t->state = TAKE_OVER_LEARNS;
    if (r == 0)
        r = sd_event_add_io(t->door->loop, &t->io, channel, EPOLLIN, on_io, t);
    return r < 0 ? r : 0;
}

void take_over_finish(struct take_over *t)
{
    t->io = sd_event_source_disable_unref(t->io);
    fd_close(&t->channel);
    unpack_finish(&t->unpack);
}

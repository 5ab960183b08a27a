/* SPDX-License-Identifier: MIT */
#include "door/door.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "door/conversation.h"

#define RING_FEATURES_OK(facts) ((facts)->queues > 0 && (facts)->queues <= JOURNAL_RINGS)

static void say(struct door *door, const char *text)
{
    door->handler->status(door->data, text);
}

/* ---- front-ends ---- */

void door_session_closed(void *data)
{
    struct door *door = data;
    sd_event_source_set_enabled(door->leave, SD_EVENT_ONESHOT);
}

static int on_leave(sd_event_source *source, void *data)
{
    struct door *door = data;

    conversation_end(door->session);
    free(door->session);
    door->session = NULL;
    journal_clear(&door->journal);
    if (door->later_features != 0)
        door->facts.features = door->later_features;
    door->later_features = 0;
    say(door, "waiting for a front-end");
    if (door->listen_fd < 0)
        return sd_event_exit(door->loop, 0);
    return 0;
}

void door_lend(struct door *door, struct session_lent *lent)
{
    *lent = (struct session_lent){
        .loop = door->loop,
        .keeper = &door->keeper,
        .journal = &door->journal,
        .facts = &door->facts,
        .window_size = door->options.window_size,
        .arena_fd = door->arena_fd,
        .mem_slots = door->options.mem_slots,
        .answer_limit_us = door->options.answer_limit_us,
        .shelf = &door->shelf,
        .kind = door->options.kind,
    };
}

static void session_begin(struct door *door, int fd)
{
    struct session_lent lent;
    static struct log_limit limit;
    int r = -ENOMEM;

    door_lend(door, &lent);
    door->session = calloc(1, sizeof(*door->session));
    if (door->session == NULL)
        fd_close(&fd);
    else
        r = conversation_begin(door->session, &lent, fd, door_session_closed, door);
    if (r < 0) {
        log_error("The front-end cannot be served: %s.", strerror(-r));
        if (door->session != NULL)
            sd_event_source_set_enabled(door->leave, SD_EVENT_ONESHOT);
        return;
    }
    if (log_limit_allows(&limit))
        log_info("A front-end is there.");
    say(door, "serving a front-end");
}

/* A front-end that comes before the worker has spoken waits. */
static void admit(struct door *door, int fd)
{
    if (door->session != NULL || door->arrived >= 0) {
        log_stranger("A second front-end is turned away: one is served at a time.");
        fd_close(&fd);
    } else if (!door->known) {
        door->arrived = fd;
    } else {
        session_begin(door, fd);
    }
}

static int on_accept(sd_event_source *source, int fd, uint32_t events, void *data)
{
    struct door *door = data;
    int peer = accepting_take(&door->accepting, "A front-end");

    if (peer >= 0)
        admit(door, peer);
    return 0;
}

int door_serve(struct door *door, int fd, bool listening)
{
    int r;

    if (!listening) {
        admit(door, fd);
        return 0;
    }
    door->listen_fd = fd;
    r = fd_set_nonblock(fd);
    if (r == 0)
        r = accepting_init(&door->accepting, door->loop, fd, on_accept, door);
    return r;
}

int door_listen(struct door *door, bool listen)
{
    accepting_finish(&door->accepting);
    if (!listen || door->listen_fd < 0)
        return 0;
    return accepting_insist(&door->accepting, door->loop, door->listen_fd, on_accept, door);
}

/* ---- the worker ---- */

static void on_hello(void *data, const struct link_hello *facts)
{
    struct door *door = data;

    stats_add(&door->journal.page->stats.worker_starts, 1);
    if (door->known) {
        if (memcmp(&door->facts, facts, sizeof(*facts)) != 0)
            log_warning("The new worker describes the device in other words than the first: the "
                        "front-end keeps the first.");
        if (door->session != NULL)
            conversation_worker_ready(door->session);
        take_over_runs(&door->take_over);
        return;
    }
    if (!RING_FEATURES_OK(facts) || facts->shmid > UINT8_MAX) {
        keeper_replace(&door->keeper, "it describes an impossible device");
        return;
    }
    door->facts = *facts;
    door->known = true;
    if (take_over_begins(&door->take_over)) {
        take_over_compare(&door->take_over);
        return;
    }
    door->handler->ready(door->data);
    if (door->arrived >= 0) {
        int fd = door->arrived;
        door->arrived = -1;
        session_begin(door, fd);
    }
}

static void on_ack(void *data, uint32_t serial, int result, uint64_t value)
{
    struct door *door = data;
    if (door->session != NULL)
        conversation_worker_ack(door->session, serial, result, value);
}

static void give_what_was_left(struct door *door, const struct link_message *ask)
{
    struct link_message give;
    int fds[LINK_SHELF_BATCH];
    unsigned count = door_shelf_give(&door->shelf, ask, &give, fds);

    keeper_give(&door->keeper, &give, fds, count);
}

static void on_request(void *data, const struct link_message *message, struct fd_list *fds)
{
    struct door *door = data;

    if (message->type == LINK_SHELF_ASK)
        give_what_was_left(door, message);
    else if (message->type == LINK_SHELF_PUT || message->type == LINK_SHELF_DROP)
        door_shelf_take(&door->shelf, message, fds);
    if (message->type == LINK_CONFIG_CHANGED && message->config.size <= LINK_MAX_CONFIG)
        memcpy(door->facts.config, message->config.data, message->config.size);
    if (message->type == LINK_COMMAND_DONE)
        errands_answered(&door->errands, message);
    else if (door->session != NULL)
        conversation_worker_request(door->session, message, fds);
}

/* No front-end is there whose driver the next worker could go on with. */
static void nobody_goes_on(struct door *door)
{
    journal_rings_void(&door->journal);
    journal_forget(&door->journal);
    door_shelf_clear(&door->shelf);
}

static void on_died(void *data)
{
    struct door *door = data;

    if (take_over_begins(&door->take_over)) {
        take_over_worker_died(&door->take_over);
        return;
    }
    /* It was ended, and not by what it was at. */
    if (door->keeper.resting)
        journal_runs(&door->journal.page->running, NULL);
    if (door->session != NULL)
        conversation_worker_died(door->session);
    else
        nobody_goes_on(door);
    errands_worker_died(&door->errands);
}

static const struct keeper_handler keeper_handler = {on_hello, on_ack, on_request, on_died};

/* ---- life ---- */

int door_init(struct door *door, sd_event *loop, const struct door_options *options,
              const struct door_handler *handler, void *data)
{
    int r, kept;

    *door = (struct door){
        .options = *options,
        .loop = loop,
        .journal.fd = -1,
        .arena_fd = -1,
        .listen_fd = -1,
        .arrived = -1,
        .control_fd = -1,
        .handler = handler,
        .data = data,
    };
    r = starter_init(&door->starter, loop, options->starter_fd, options->watchdog_us);
    kept = keeper_init(&door->keeper, loop, &keeper_handler, door, &door->starter);
    errands_init(&door->errands, loop, &door->keeper);
    door_shelf_init(&door->shelf);
    take_over_init(&door->take_over, door);
    if (r == 0)
        r = hand_over_init(&door->hand_over, door);
    if (r == 0)
        r = kept;
    if (r == 0)
        r = journal_create(&door->journal);
    if (r == 0 && options->arena) {
        door->arena_fd = fd_memfd("hostblob-arena", options->window_size);
        r = door->arena_fd < 0 ? door->arena_fd : 0;
    }
    if (r == 0)
        r = sd_event_add_defer(loop, &door->leave, on_leave, door);
    if (r >= 0)
        r = sd_event_source_set_enabled(door->leave, SD_EVENT_OFF);
    if (r >= 0) {
        door->keeper.journal_fd = door->journal.fd;
        door->keeper.arena_fd = door->arena_fd;
        r = keeper_start(&door->keeper);
    }
    if (r < 0) {
        log_error("The device cannot be set up: %s.", strerror(-r));
        door_finish(door);
    }
    return r < 0 ? r : 0;
}

int door_init_beside(struct door *door, sd_event *loop, const struct door_options *options,
                     int channel, const struct door_handler *handler, void *data)
{
    int r = door_init(door, loop, options, handler, data);

    if (r < 0) {
        fd_close(&channel);
        return r;
    }
    return take_over_start(&door->take_over, channel);
}

void door_abandon(struct door *door)
{
    keeper_rest(&door->keeper);
    starter_finish(&door->starter);
    accepting_finish(&door->accepting);
    sd_event_source_set_enabled(door->leave, SD_EVENT_OFF);
    if (door->session != NULL) {
        conversation_abandon(door->session);
        free(door->session);
        door->session = NULL;
    }
    fd_close(&door->listen_fd);
    fd_close(&door->arena_fd);
    door_shelf_clear(&door->shelf);
    door->handler->given(door->data);
}

void door_finish(struct door *door)
{
    hand_over_finish(&door->hand_over);
    accepting_finish(&door->accepting);
    door->leave = sd_event_source_disable_unref(door->leave);
    if (door->session != NULL) {
        if (take_over_begins(&door->take_over)) /* it is another door's still */
            conversation_abandon(door->session);
        else
            conversation_end(door->session);
        free(door->session);
        door->session = NULL;
    }
    errands_finish(&door->errands);
    keeper_finish(&door->keeper);
    starter_finish(&door->starter);
    fd_close(&door->arrived);
    fd_close(&door->listen_fd);
    fd_close(&door->arena_fd);
    door_shelf_clear(&door->shelf);
    journal_finish(&door->journal);
    take_over_finish(&door->take_over);
}

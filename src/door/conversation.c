/* SPDX-License-Identifier: MIT */
#include "door/conversation.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/log.h"
#include "base/probe_point.h"
#include "door/handlers.h"
#include "door/session_diagnosis.h"

/* ---- the front-end's requests ---- */

static void on_closed(void *data, const char *reason)
{
    static struct log_limit limit;
    struct session *s = data;

    if (log_limit_allows(&limit))
        log_info("The front-end is gone: %s.", reason);
    connection_hold(&s->connection, true);
    s->closed(s->data);
}

static void on_refused(void *data, const char *reason)
{
    stats_add(&session_stats(data)->front_end_errors, 1);
    log_stranger("The front-end broke the protocol: %s.", reason);
}

static void answer_waiting(struct session *s, int result, uint64_t value)
{
    s->waits_for = 0;
    connection_hold(&s->connection, false);
    handlers_worker_done(s, result, value);
}

/* Nobody goes on with what the driver had: no worker is there that could forget it. */
static void forget_driver(struct session *s)
{
    journal_forget(s->lent.journal);
    door_shelf_clear(s->lent.shelf);
}

/* The next driver must not see the last one's bytes. Who keeps them is dead, or about to be. */
static void wipe_arena(struct session *s)
{
    forget_driver(s);
    if (s->lent.arena_fd >= 0 &&
        fallocate(s->lent.arena_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
                  (off_t)s->lent.window_size) < 0)
        log_error("The arena cannot be emptied: %s.", strerror(errno));
}

/* There is no worker to carry out what waits. The next one is brought up to date from our copies,
 * so it is as if it were done. A driver that begins at base 0 begins anew, as far as can be seen
 * from here. */
static void answer_without_worker(struct session *s)
{
    const struct vhost_user_message *m = &s->waiting;
    uint64_t value = 0;

    if (m->header.request == VHOST_USER_GET_VRING_BASE)
        value = ring_position(&s->rings[m->state.index],
                              &s->lent.journal->page->rings[m->state.index].record);
    else if (m->header.request == VHOST_USER_SET_VRING_KICK)
        value = session_rings_started(s) == 1 &&
                s->rings[m->u64 & VHOST_USER_VRING_INDEX_MASK].base == 0;
    if (handlers_resets(m->header.request) ||
        (m->header.request == VHOST_USER_SET_VRING_KICK && value != 0))
        wipe_arena(s);
    answer_waiting(s, 0, value);
}

/* A request that breaks its rule leaves nothing to trust: the conversation is over. */
static bool request_good(struct session *s, const struct vhost_user_message *m,
                         const struct fd_list *fds)
{
    unsigned state = session_rings_started(s) > 0 ? VHOST_USER_RUNNING : VHOST_USER_IDLE;
    const char *reason = vhost_user_check(&m->header, fds->count, s->protocol_features, state);

    if (reason == NULL)
        return true;
    stats_add(&session_stats(s)->front_end_errors, 1);
    log_stranger("The front-end's request %u (%s) is refused: %s.", m->header.request,
                 vhost_user_request_name(m->header.request), reason);
    return false;
}

static void on_message(void *data, const struct vhost_user_message *m, struct fd_list *fds)
{
    struct session *s = data;
    bool reply_ack = s->protocol_features & VHOST_USER_BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK);
    int r;

    if (!request_good(s, m, fds)) {
        on_closed(s, "it broke the protocol");
        return;
    }
    log_debug("Front-end: %s, %u bytes, %u descriptors", vhost_user_request_name(m->header.request),
              m->header.size, fds->count);
    HOSTBLOB_PROBE3(message, m->header.request, m->header.size, fds->count);
    r = handlers_find(m->header.request)(s, m, fds);
    if (r < 0) {
        stats_add(&session_stats(s)->front_end_errors, 1);
        log_stranger("The front-end's %s is refused: %s.",
                     vhost_user_request_name(m->header.request), strerror(-r));
    }
    if (r == -EPROTO) {
        on_closed(s, "it broke the protocol");
    } else if (r == SESSION_WAITS) {
        s->waiting = *m;
        connection_hold(&s->connection, true);
        if (s->waits_for == 0 && keeper_ending(s->lent.keeper))
            s->waits_for = SESSION_WORKERS_END;
        else if (s->waits_for == 0)
            answer_without_worker(s);
    } else if (r <= 0) {
        connection_ack(&s->connection, m, reply_ack, r);
    }
    back_channel_poke(&s->window.channel);
}

static const struct connection_handler connection_handler = {on_message, on_refused, on_closed};

/* ---- the window's news ---- */

static void tell_window(struct session *s, enum guest_window_news news)
{
    static const uint32_t words[] = {
        [GUEST_WINDOW_IS_SHUT] = LINK_WINDOW_SHUT,
        [GUEST_WINDOW_IS_OPEN] = LINK_WINDOW_OPEN,
        [GUEST_WINDOW_IS_NONE] = LINK_WINDOW_NONE,
    };
    struct link_message m = {.type = LINK_WINDOW, .window.news = words[news]};

    s->news = news;
    keeper_send(s->lent.keeper, &m, NULL, 0, false);
}

static void on_window_changed(void *data, enum guest_window_news news)
{
    struct session *s = data;

    tell_window(s, news);
    if (news != GUEST_WINDOW_IS_SHUT)
        shared_objects_tell(&s->objects);
}

static void on_window_done(void *data, uint64_t ticket, int result)
{
    struct session *s = data;
    struct link_message m;

    link_begin(&m, LINK_SHM_DONE);
    m.shm.ticket = ticket;
    m.shm.result = result;
    keeper_send(s->lent.keeper, &m, NULL, 0, false);
}

static bool on_quiet(void *data)
{
    const struct session *s = data;
    return s->waits_for == 0 && connection_quiet(&s->connection);
}

/* The worker's look-up is answered. */
static void on_found(void *data, uint64_t ticket, int fd)
{
    struct session *s = data;
    struct link_message m = {.type = LINK_OBJECT_FOUND, .object.ticket = ticket};

    m.object.result = fd < 0 ? fd : 0;
    keeper_send(s->lent.keeper, &m, &fd, fd >= 0, false);
    fd_close(&fd);
}

static const struct shared_objects_handler objects_handler = {on_found};

static const struct guest_window_handler guest_window_handler = {on_window_changed, on_window_done,
                                                                 on_quiet};

/* ---- the worker's news ---- */

void conversation_worker_ack(struct session *s, uint32_t serial, int result, uint64_t value)
{
    if (s->waits_for == 0 || serial != s->waits_for) {
        if (result < 0)
            log_stranger("The new worker could not take over: %s.", strerror(-result));
        return;
    }
    answer_waiting(s, result, value);
    back_channel_poke(&s->window.channel);
}

void conversation_worker_died(struct session *s)
{
    guest_window_bequeath(&s->window);
    shared_objects_bequeath(&s->objects);
    journal_clear(s->lent.journal);
    if (s->waits_for != 0)
        answer_without_worker(s);
    back_channel_poke(&s->window.channel);
}

static void resume_ring(struct session *s, unsigned index)
{
    struct ring *ring = &s->rings[index];
    struct link_message m;
    int fds[2];
    unsigned count;
    int64_t serial;

    ring->base = ring_position(ring, &s->lent.journal->page->rings[index].record);
    count = ring_message(ring, index, &m, fds);
    m.ring_start.flags |= LINK_RING_RESUMED;
    serial = keeper_send(s->lent.keeper, &m, fds, count, true);
    ring->start = serial > 0 ? (uint32_t)serial : 0;
}

void conversation_worker_ready(struct session *s)
{
    struct link_message m = {.type = LINK_FEATURES, .features = s->features};

    keeper_send(s->lent.keeper, &m, NULL, 0, false);
    front_memory_message(&s->memory, &m);
    keeper_send(s->lent.keeper, &m, s->memory.fds, s->memory.count, true);
    session_tell_display(s);
    for (unsigned i = 0; i < s->lent.facts->queues; i++)
        if (s->rings[i].started)
            resume_ring(s, i);
    tell_window(s, s->news);
}

/* What the worker shares with the VM's other devices, or wants of them. */
static void worker_object(struct session *s, const struct link_message *m, struct fd_list *fds)
{
    uint8_t uuid[16];
    int r = 0;

    memcpy(uuid, m->object.uuid, sizeof(uuid));
    if (m->type == LINK_OBJECT_ADD)
        r = shared_objects_add(&s->objects, uuid, fd_list_take(fds, 0));
    else if (m->type == LINK_OBJECT_REMOVE)
        shared_objects_remove(&s->objects, uuid);
    else if (m->type == LINK_OBJECT_LOOKUP)
        shared_objects_lookup(&s->objects, uuid, m->object.ticket);
    if (r < 0)
        log_stranger("An object cannot be shared with other devices: %s.", strerror(-r));
}

void conversation_worker_request(struct session *s, const struct link_message *m,
                                 struct fd_list *fds)
{
    struct shm_wish wish = {
        .offset = m->shm.shm_offset,
        .size = m->shm.size,
        .fd_offset = m->shm.fd_offset,
        .ticket = m->shm.ticket,
        .id = m->shm.id,
    };

    if (m->type == LINK_SHM_MAP)
        guest_window_map(&s->window, &wish, fd_list_take(fds, 0));
    else if (m->type == LINK_SHM_UNMAP)
        guest_window_unmap(&s->window, &wish);
    else if (m->type == LINK_CONFIG_CHANGED && session_rings_started(s) > 0 &&
             (s->window.channel.mute ||
              (s->protocol_features & VHOST_USER_BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK))))
        back_channel_config_change(&s->window.channel);
    else
        worker_object(s, m, fds);
}

/* ---- life ---- */

static int begin(struct session *s, const struct session_lent *lent, int fd,
                 void (*closed)(void *data), void *data)
{
    struct shm_region region = {.shmid = (uint8_t)lent->facts->shmid, .size = lent->window_size};

    *s = (struct session){.lent = *lent, .display_fd = -1, .closed = closed, .data = data};
    guest_window_init(&s->window, lent->loop, lent->answer_limit_us, region, &guest_window_handler,
                      s);
    shared_objects_init(&s->objects, &s->window.channel, &objects_handler, s);
    s->window.stats = session_stats(s);
    s->window.latencies = &s->lent.journal->page->latencies;
    s->window.arena_fd = lent->arena_fd;
    front_memory_init(&s->memory);
    for (unsigned i = 0; i < JOURNAL_RINGS; i++)
        ring_init(&s->rings[i]);
    return connection_init(&s->connection, lent->loop, fd, &connection_handler, s);
}

int conversation_begin(struct session *s, const struct session_lent *lent, int fd,
                       void (*closed)(void *data), void *data)
{
    int r = begin(s, lent, fd, closed, data);

    stats_add(&session_stats(s)->connections, 1);
    return r;
}

int conversation_adopt(struct session *s, const struct session_lent *lent, int fd,
                       void (*closed)(void *data), void *data)
{
    int r = begin(s, lent, fd, closed, data);

    if (r == 0)
        connection_hold(&s->connection, true);
    return r;
}

/* The worker forgets this front-end: its rings, its memory, the device's state. */
static void dismiss(struct session *s)
{
    struct link_message m = {.type = LINK_RESET};

    tell_window(s, GUEST_WINDOW_IS_SHUT);
    keeper_send(s->lent.keeper, &m, NULL, 0, true);
    m = (struct link_message){.type = LINK_MEM_TABLE};
    keeper_send(s->lent.keeper, &m, NULL, 0, true);
}

/* What the front-end took along: none, if every buffer was taken out as its owner died. */
static void count_left(struct session *s)
{
    struct shm_mapping *m;
    static struct log_limit limit;
    struct journal_loan loan;
    uint32_t slot = 0;
    unsigned left = 0;

    if (s->lent.arena_fd < 0) {
        for (m = shm_ledger_first(&s->window.ledger); m != NULL; m = shm_ledger_next(m))
            left++;
    } else {
        /* The ledger has the arena; what lies in it is in the journal. */
        while (journal_loan_next(s->lent.journal, &slot, &loan))
            left++;
    }
    stats_add(&session_stats(s)->left_mapped, left);
    if (left > 0 && log_limit_allows(&limit))
        log_info("The front-end left with %u buffers mapped.", left);
}

static void finish(struct session *s)
{
    session_diagnosis_finish(s);
    guest_window_finish(&s->window);
    shared_objects_finish(&s->objects);
    front_memory_finish(&s->memory);
    fd_close(&s->display_fd);
    for (unsigned i = 0; i < JOURNAL_RINGS; i++)
        ring_finish(&s->rings[i]);
}

void conversation_abandon(struct session *s)
{
    connection_finish(&s->connection);
    finish(s);
}

void conversation_end(struct session *s)
{
    count_left(s);
    connection_finish(&s->connection);
    dismiss(s);
    finish(s);
    journal_rings_clear(s->lent.journal);
    /* Else the worker does it, who is told to begin anew; or who sees to its death does. */
    if (!s->lent.keeper->ready) {
        journal_rings_void(s->lent.journal);
        forget_driver(s);
    }
}

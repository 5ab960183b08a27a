/* SPDX-License-Identifier: MIT */
#include "door/ring_handlers.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "door/session_diagnosis.h"

/* The ring of that index, or NULL. */
static struct ring *ring_at(struct session *s, uint64_t index)
{
    if (index < s->lent.facts->queues)
        return &s->rings[index];
    log_stranger("The front-end speaks of ring %llu; there are %u.", (unsigned long long)index,
                 s->lent.facts->queues);
    return NULL;
}

/* The same, for what may not change while the ring runs. */
static struct ring *stopped_ring_at(struct session *s, uint64_t index)
{
    struct ring *ring = ring_at(s, index);

    if (ring != NULL && ring->started) {
        log_stranger("The front-end changes ring %u while it runs.", (unsigned)index);
        return NULL;
    }
    return ring;
}

int ring_handlers_num(struct session *s, const struct vhost_user_message *m, struct fd_list *fds)
{
    struct ring *ring = stopped_ring_at(s, m->state.index);
    uint32_t num = m->state.num;

    if (ring == NULL || num == 0 || num > 32768 || (num & (num - 1)) != 0)
        return -EINVAL;
    ring->size = num;
    return 0;
}

int ring_handlers_addr(struct session *s, const struct vhost_user_message *m, struct fd_list *fds)
{
    struct ring *ring = stopped_ring_at(s, m->addr.index);

    if (ring == NULL)
        return -EINVAL;
    ring->desc = m->addr.desc;
    ring->avail = m->addr.avail;
    ring->used = m->addr.used;
    ring->has_addresses = true;
    return 0;
}

int ring_handlers_set_base(struct session *s, const struct vhost_user_message *m,
                           struct fd_list *fds)
{
    struct ring *ring = stopped_ring_at(s, m->state.index);

    if (ring == NULL || m->state.num > UINT16_MAX)
        return -EINVAL;
    ring->base = (uint16_t)m->state.num;
    return 0;
}

/* The descriptor of KICK, CALL or ERR: -1 when the message says that there is none. */
static int take_vring_fd(const struct vhost_user_message *m, struct fd_list *fds, int *fd)
{
    bool none = (m->u64 & VHOST_USER_VRING_NO_FD) != 0;

    if (none == (fds->count > 0))
        return -EINVAL;
    *fd = none ? -1 : fd_list_take(fds, 0);
    return 0;
}

static void journal_ring_started(struct session *s, unsigned index)
{
    struct journal_ring *j = &s->lent.journal->page->rings[index];
    const struct ring *ring = &s->rings[index];

    j->size = ring->size;
    j->desc = ring->desc;
    j->avail = ring->avail;
    j->used = ring->used;
    j->enabled = ring->enabled;
    j->started = ring->started;
}

/* The ring starts here; whether it was the first of a fresh driver, only the worker can see. */
int ring_handlers_kick(struct session *s, const struct vhost_user_message *m, struct fd_list *fds)
{
    unsigned index = m->u64 & VHOST_USER_VRING_INDEX_MASK;
    struct ring *ring = stopped_ring_at(s, index);
    struct link_message tell;
    int tell_fds[2];
    unsigned count;
    int fd;

    if (ring == NULL || take_vring_fd(m, fds, &fd) < 0)
        return -EINVAL;
    fd_close(&ring->kick);
    ring->kick = fd;
    if (ring->size == 0 || !ring->has_addresses || fd < 0) {
        log_stranger("The front-end starts ring %u without its size, addresses or kick.", index);
        return -EINVAL;
    }
    if ((s->features & VHOST_USER_BIT(VHOST_USER_F_PROTOCOL_FEATURES)) == 0)
        ring->enabled = true;
    count = ring_message(ring, index, &tell, tell_fds);
    ring->started = true;
    journal_ring_started(s, index);
    session_ask_worker(s, &tell, tell_fds, count);
    ring->start = s->waits_for;
    return SESSION_WAITS;
}

int ring_handlers_call(struct session *s, const struct vhost_user_message *m, struct fd_list *fds)
{
    unsigned index = m->u64 & VHOST_USER_VRING_INDEX_MASK;
    struct ring *ring = ring_at(s, index);
    struct link_message tell = {.type = LINK_RING_CALL};
    int fd;

    if (ring == NULL || take_vring_fd(m, fds, &fd) < 0)
        return -EINVAL;
    fd_close(&ring->call);
    ring->call = fd;
    tell.ring = (struct link_ring){.index = index, .value = fd >= 0};
    if (ring->started)
        keeper_send(s->lent.keeper, &tell, &ring->call, fd >= 0, false);
    return 0;
}

int ring_handlers_err(struct session *s, const struct vhost_user_message *m, struct fd_list *fds)
{
    struct ring *ring = ring_at(s, m->u64 & VHOST_USER_VRING_INDEX_MASK);
    int fd;

    if (ring == NULL || take_vring_fd(m, fds, &fd) < 0)
        return -EINVAL;
    fd_close(&ring->err);
    ring->err = fd;
    return 0;
}

int ring_handlers_enable(struct session *s, const struct vhost_user_message *m, struct fd_list *fds)
{
    struct ring *ring = ring_at(s, m->state.index);
    struct link_message tell = {.type = LINK_RING_ENABLE};

    if (ring == NULL || m->state.num > 1)
        return -EINVAL;
    if (m->state.num == 0)
        guest_window_shut(&s->window);
    ring->enabled = m->state.num;
    s->lent.journal->page->rings[m->state.index].enabled = m->state.num;
    if (!ring->started)
        return 0;
    tell.ring = (struct link_ring){.index = m->state.index, .value = m->state.num};
    return session_ask_worker(s, &tell, NULL, 0);
}

int ring_handlers_get_base(struct session *s, const struct vhost_user_message *m,
                           struct fd_list *fds)
{
    struct ring *ring = ring_at(s, m->state.index);
    struct link_message tell = {.type = LINK_RING_STOP};
    struct vhost_user_vring_state state = {.index = m->state.index};

    if (ring == NULL)
        return -EPROTO; /* there is no answer that says no */
    guest_window_shut(&s->window);
    if (ring->started) {
        tell.ring.index = m->state.index;
        return session_ask_worker(s, &tell, NULL, 0);
    }
    state.num = ring->base;
    connection_answer(&s->connection, m, &state, sizeof(state));
    return SESSION_ANSWERED;
}

int ring_handlers_started(struct session *s, int result, uint64_t fresh)
{
    unsigned index = s->waiting.u64 & VHOST_USER_VRING_INDEX_MASK;
    struct ring *ring = &s->rings[index];

    session_diagnosis_reach(s, DIAGNOSIS_RUNS);
    if (result < 0) {
        log_stranger("Ring %u cannot be started: %s.", index, strerror(-result));
        ring_stopped(ring, ring->base);
        s->lent.journal->page->rings[index].started = false;
        return result;
    }
    if (fresh) {
        guest_window_fresh(&s->window);
        shared_objects_remove_all(&s->objects);
    }
    if (ring->enabled)
        guest_window_open(&s->window);
    return 0;
}

void ring_handlers_stopped(struct session *s, uint64_t base)
{
    struct vhost_user_vring_state state = {s->waiting.state.index, (uint16_t)base};

    ring_stopped(&s->rings[state.index], (uint16_t)base);
    s->lent.journal->page->rings[state.index].started = false;
    connection_answer(&s->connection, &s->waiting, &state, sizeof(state));
}

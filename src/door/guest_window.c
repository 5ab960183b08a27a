/* SPDX-License-Identifier: MIT */
#include "door/guest_window.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/units.h"

#define NO_TICKET 0u

/* One request under way. It names the mapping by its range and serial: the mapping may be gone
 * before the answer, and another in its place. */
struct guest_window_request {
    struct guest_window *w;
    uint64_t offset, size, serial;
    uint64_t ticket;
    uint64_t asked_ns;
    unsigned owner;
    bool second_try;
};

static void answer(struct guest_window *w, uint64_t ticket, int result)
{
    if (ticket != NO_TICKET)
        w->handler->done(w->data, ticket, result);
}

/* The end of a request. Another worker than the one who asked has the same tickets for requests of
 * its own. */
static void finish_request(struct guest_window_request *r, int result)
{
    if (r->owner == r->w->owner)
        answer(r->w, r->ticket, result);
    free(r);
}

static struct guest_window_request *request_create(struct guest_window *w,
                                                   const struct shm_mapping *m, uint64_t ticket)
{
    struct guest_window_request *r = malloc(sizeof(*r));

    if (r != NULL)
        *r = (struct guest_window_request){
            .w = w,
            .offset = m->range.start,
            .size = m->range.size,
            .serial = m->serial,
            .ticket = ticket,
            .asked_ns = units_now_ns(),
            .owner = w->owner,
        };
    return r;
}

/* The arena takes up the whole window: where it is, nothing else is. A buffer's id says nothing, a
 * guest may have chosen it. */
static bool has_arena(const struct guest_window *w)
{
    return w->arena_fd >= 0;
}

/* The mapping that the request is about, if it still is in that state. */
static struct shm_mapping *request_mapping(const struct guest_window_request *r,
                                           enum shm_state state)
{
    struct shm_mapping *m = shm_ledger_find(&r->w->ledger, r->offset, r->size);
    return m != NULL && m->serial == r->serial && m->state == state ? m : NULL;
}

static struct vhost_user_mmap mmap_of(const struct guest_window *w, uint64_t offset, uint64_t size,
                                      uint64_t fd_offset, uint64_t flags)
{
    return (struct vhost_user_mmap){
        .shmid = w->ledger.region.shmid,
        .shm_offset = offset,
        .len = size,
        .fd_offset = fd_offset,
        .flags = flags,
    };
}

/* Sends one SHMEM message; frees 'r' when it cannot be sent. */
static int send_mmap(struct guest_window *w, uint32_t request, const struct vhost_user_mmap *mmap,
                     int fd, back_channel_done *done, struct guest_window_request *r)
{
    int result = r != NULL ? back_channel_mmap(&w->channel, request, mmap, fd, done, r) : -ENOMEM;

    if (result < 0)
        free(r);
    else
        stats_add(&w->stats->shmem_requests, 1);
    return result;
}

/* The front-end has answered: yes, or no. */
static void note_latency(const struct guest_window_request *r, int result,
                         struct histogram *histogram)
{
    if (result == 0 || result == -EIO)
        histogram_add(histogram, units_now_ns() - r->asked_ns);
}

/* ---- taking out ---- */

static void unmapped(void *data, int result)
{
    struct guest_window_request *r = data;
    struct guest_window *w = r->w;
    struct shm_mapping *m = request_mapping(r, SHM_LEAVING);

    note_latency(r, result, &w->latencies->unmap);
    if (result == -EIO) {
        stats_add(&w->stats->shmem_refused, 1);
        log_stranger("The front-end refused to unmap %#llx+%#llx: it has no such mapping.",
                     (unsigned long long)r->offset, (unsigned long long)r->size);
    } else if (result == -ETIMEDOUT) {
        stats_add(&w->stats->shmem_refused, 1);
        log_stranger("The front-end does not say whether it unmapped %#llx+%#llx.",
                     (unsigned long long)r->offset, (unsigned long long)r->size);
    }
    /* Refused: it is not there, so it is gone. Not sent: it is still there, to be unmapped later.
     */
    if (m != NULL &&
        (result == 0 || result == -EIO || result == -ECONNRESET || result == -ETIMEDOUT)) {
        shm_ledger_gone(&w->ledger, m);
        stats_add(&w->stats->unmaps, 1);
    } else if (m != NULL) {
        m->orphan = true;
        m->doubtful = true;
    }
    finish_request(r, result == -EIO ? 0 : result);
}

/* What is not taken out stands in the way: it is worth some tries. */
static int ask_to_unmap(struct guest_window *w, const struct shm_mapping *m, uint64_t ticket)
{
    struct vhost_user_mmap mmap = mmap_of(w, m->range.start, m->range.size, 0, 0);
    int result = -ENOMEM;

    for (unsigned i = 0; i < FD_WANT_TRIES && result == -ENOMEM; i++)
        result = send_mmap(w, VHOST_USER_BACKEND_SHMEM_UNMAP, &mmap, -1, unmapped,
                           request_create(w, m, ticket));
    return result;
}

static void unmap(struct guest_window *w, struct shm_mapping *m, uint64_t ticket)
{
    int result;

    shm_ledger_leaving(m, ticket);
    m->doubtful = false;
    result = ask_to_unmap(w, m, ticket);
    if (result < 0) {
        /* Without a channel the front-end cannot be reached: it keeps its own reference until it
         * resets. */
        m->orphan = true;
        m->doubtful = true;
        answer(w, ticket, result);
    }
}

/* Unmaps what has no owner any more. */
static void unmap_orphans(struct guest_window *w)
{
    struct shm_mapping *m, *next;

    for (m = shm_ledger_first(&w->ledger); m != NULL; m = next) {
        next = shm_ledger_next(m);
        if (m->orphan && (m->state == SHM_MAPPED || m->doubtful))
            unmap(w, m, NO_TICKET);
    }
}

/* ---- putting in ---- */

static void barrier_passed(void *data, int result)
{
    struct guest_window_request *r = data;
    struct shm_mapping *m = request_mapping(r, SHM_MAPPED);

    if (result == 0 && m == NULL)
        result = -ECANCELED;
    if (result == 0)
        m->told = true;
    else if (m != NULL && !has_arena(r->w))
        m->orphan = true;
    finish_request(r, result);
}

static void mapped(void *data, int result);

/* The front-end refused although the range is free by our book: perhaps it still has an old mapping
 * there. */
static int map_again(struct guest_window *w, struct guest_window_request *r, struct shm_mapping *m)
{
    struct vhost_user_mmap away = mmap_of(w, r->offset, r->size, 0, 0);
    struct vhost_user_mmap in = mmap_of(w, r->offset, r->size, m->fd_offset, VHOST_USER_MMAP_RW);
    int result =
        back_channel_mmap(&w->channel, VHOST_USER_BACKEND_SHMEM_UNMAP, &away, -1, NULL, NULL);

    r->second_try = true;
    if (result == 0)
        result =
            back_channel_mmap(&w->channel, VHOST_USER_BACKEND_SHMEM_MAP, &in, m->fd, mapped, r);
    return result;
}

static void map_failed(struct guest_window *w, struct guest_window_request *r,
                       struct shm_mapping *m, int result)
{
    if (result != -ECANCELED) {
        log_stranger("The front-end did not map %#llx+%#llx: %s.", (unsigned long long)r->offset,
                     (unsigned long long)r->size, result == -EIO ? "refused" : strerror(-result));
        stats_add(&w->stats->shmem_refused, 1);
    }
    if (m != NULL)
        shm_ledger_gone(&w->ledger, m);
    finish_request(r, result);
}

static void mapped(void *data, int result)
{
    struct guest_window_request *r = data;
    struct guest_window *w = r->w;
    struct shm_mapping *m = request_mapping(r, SHM_ASKED);

    if (result == -EIO && m != NULL && !m->orphan && !r->second_try && w->drops_at_reset &&
        w->state != GUEST_WINDOW_SHUT && map_again(w, r, m) == 0)
        return;
    note_latency(r, result, &w->latencies->map);
    if (result < 0 || m == NULL) {
        map_failed(w, r, m, result < 0 ? result : -ECANCELED);
        return;
    }
    shm_ledger_mapped(m);
    stats_add(&w->stats->maps, 1);
    if (m->orphan && w->state != GUEST_WINDOW_SHUT)
        unmap(w, m, NO_TICKET);
    if (!w->needs_barrier || back_channel_barrier(&w->channel, true, barrier_passed, r) < 0)
        barrier_passed(r, 0);
}

static int map(struct guest_window *w, const struct shm_wish *wish, int fd)
{
    struct shm_mapping *m;
    struct vhost_user_mmap mmap =
        mmap_of(w, wish->offset, wish->size, wish->fd_offset, VHOST_USER_MMAP_RW);
    int result = shm_ledger_ask(&w->ledger, wish, fd, &m);

    if (result < 0)
        return result;
    result = send_mmap(w, VHOST_USER_BACKEND_SHMEM_MAP, &mmap, m->fd, mapped,
                       request_create(w, m, wish->ticket));
    if (result < 0)
        shm_ledger_gone(&w->ledger, m);
    return result;
}

/* Whether the wish is for what the worker before this one had mapped already. What else of it is in
 * the way is taken out, and what nobody owns and could not be: another try finds the place free. */
static bool inherit(struct guest_window *w, const struct shm_wish *wish, int fd)
{
    struct range *range;
    struct shm_mapping *m = shm_ledger_find(&w->ledger, wish->offset, wish->size);

    if (m != NULL && m->bequeathed && m->state == SHM_MAPPED && !m->orphan &&
        m->fd_offset == wish->fd_offset && fd_same_file(m->fd, fd)) {
        m->bequeathed = false;
        m->id = wish->id;
        return true;
    }
    for (range = range_set_overlap(&w->ledger.set, wish->offset, wish->size);
         range != NULL && range->start < wish->offset + wish->size; range = range_set_next(range)) {
        m = (struct shm_mapping *)(void *)range;
        if ((m->bequeathed && m->state == SHM_MAPPED && !m->orphan) || (m->orphan && m->doubtful)) {
            m->orphan = true;
            unmap(w, m, NO_TICKET);
        }
    }
    return false;
}

void guest_window_map(struct guest_window *w, const struct shm_wish *wish, int fd)
{
    int result;

    if (w->state != GUEST_WINDOW_OPEN || !w->writable || has_arena(w)) {
        fd_close(&fd);
        result = w->state != GUEST_WINDOW_OPEN ? -ECANCELED : -EINVAL;
    } else if (inherit(w, wish, fd)) {
        fd_close(&fd);
        answer(w, wish->ticket, 0);
        return;
    } else {
        result = map(w, wish, fd);
    }
    if (result < 0)
        answer(w, wish->ticket, result);
}

void guest_window_unmap(struct guest_window *w, const struct shm_wish *wish)
{
    struct shm_mapping *m = shm_ledger_find(&w->ledger, wish->offset, wish->size);

    if (m == NULL || has_arena(w) || m->orphan || m->state != SHM_MAPPED || !m->told) {
        answer(w, wish->ticket, -ENOENT);
    } else if (w->state == GUEST_WINDOW_SHUT) {
        m->orphan = true;
        answer(w, wish->ticket, -ECANCELED);
    } else {
        unmap(w, m, wish->ticket);
    }
}

/* ---- opening and shutting ---- */

/* Whether the arena is where it must be, if there is one. */
static bool arena_there(const struct guest_window *w)
{
    struct shm_mapping *m;

    if (!has_arena(w))
        return true;
    m = shm_ledger_find(&w->ledger, 0, w->ledger.region.size);
    return m != NULL && m->state == SHM_MAPPED;
}

/* Whether something that nobody owns is still on its way out: a mapping whose answer came after the
 * window was shut. */
static bool leaving(const struct guest_window *w)
{
    struct shm_mapping *m = shm_ledger_first(&w->ledger);

    while (m != NULL && !(m->orphan && m->state != SHM_MAPPED && !m->doubtful))
        m = shm_ledger_next(m);
    return m != NULL;
}

static int opening_barrier(struct guest_window *w);

static void opening_done(struct guest_window *w, int result)
{
    /* Its place must be free before the worker may ask for it. */
    if (result == 0 && leaving(w) && opening_barrier(w) == 0)
        return;
    w->state = GUEST_WINDOW_OPEN;
    if (result < 0 || !arena_there(w)) {
        log_stranger("The guest's window cannot be used: %s.",
                     result < 0 ? strerror(-result) : "the front-end refused the arena");
        w->handler->changed(w->data, GUEST_WINDOW_IS_NONE);
        return;
    }
    w->handler->changed(w->data, GUEST_WINDOW_IS_OPEN);
}

static void opened(void *data, int result)
{
    struct guest_window *w = data;

    if (--w->openings == 0 && w->state == GUEST_WINDOW_OPENING)
        opening_done(w, result);
}

/* Asks for the answer that everything before it is answered. */
static int opening_barrier(struct guest_window *w)
{
    int r = back_channel_barrier(&w->channel, w->needs_barrier, opened, w);

    if (r == 0)
        w->openings++;
    return r;
}

/* Gives the whole arena to the front-end, unless it has it already. */
static void map_arena(struct guest_window *w)
{
    struct shm_wish wish = {.size = w->ledger.region.size, .id = GUEST_WINDOW_ARENA_ID};
    int fd, result;

    if (!has_arena(w) || shm_ledger_find(&w->ledger, 0, wish.size) != NULL)
        return;
    fd = fd_duplicate(w->arena_fd);
    result = fd >= 0 ? map(w, &wish, fd) : fd;
    if (result < 0)
        log_stranger("The arena cannot be mapped: %s.", strerror(-result));
}

void guest_window_open(struct guest_window *w)
{
    int result;

    if (w->state != GUEST_WINDOW_SHUT)
        return;
    w->state = GUEST_WINDOW_OPENING;
    back_channel_hold(&w->channel, false);
    if (!w->writable) { /* the session has said why */
        w->state = GUEST_WINDOW_OPEN;
        w->handler->changed(w->data, GUEST_WINDOW_IS_NONE);
        return;
    }
    unmap_orphans(w);
    map_arena(w);
    /* Opens when all before it is answered: the channel keeps the order. */
    result = opening_barrier(w);
    if (result < 0)
        opening_done(w, result);
}

void guest_window_shut(struct guest_window *w)
{
    struct shm_mapping *m;

    if (w->state == GUEST_WINDOW_SHUT)
        return;
    back_channel_hold(&w->channel, true);
    /* An answer that the front-end gave before it began to stop the rings counts. */
    back_channel_drain(&w->channel);
    w->state = GUEST_WINDOW_SHUT;
    w->handler->changed(w->data, GUEST_WINDOW_IS_SHUT);
    back_channel_cancel_unsent(&w->channel);
    /* What is under way now will be answered, if ever, when nobody waits for it any more. */
    for (m = shm_ledger_first(&w->ledger); m != NULL; m = shm_ledger_next(m))
        if ((m->state != SHM_MAPPED || !m->told) && !has_arena(w))
            m->orphan = true;
}

/* What has no owner any more goes out. */
static void let_orphans_go(struct guest_window *w)
{
    if (w->state == GUEST_WINDOW_SHUT)
        return;
    unmap_orphans(w);
    /* Their places must be free before the next worker asks for them. */
    if (w->state == GUEST_WINDOW_OPEN && leaving(w) && opening_barrier(w) == 0) {
        w->state = GUEST_WINDOW_OPENING;
        w->handler->changed(w->data, GUEST_WINDOW_IS_SHUT);
    }
}

static void orphan_all(struct guest_window *w)
{
    struct shm_mapping *m;

    w->owner++;
    for (m = shm_ledger_first(&w->ledger); m != NULL; m = shm_ledger_next(m))
        if (!has_arena(w))
            m->orphan = true;
    let_orphans_go(w);
}

void guest_window_fresh(struct guest_window *w)
{
    struct shm_mapping *m;

    if (!w->drops_at_reset) {
        orphan_all(w);
        return;
    }
    /* What is not sent yet borrows its descriptor from the ledger. */
    if (w->state != GUEST_WINDOW_SHUT)
        back_channel_cancel_unsent(&w->channel);
    while ((m = shm_ledger_first(&w->ledger)) != NULL)
        shm_ledger_gone(&w->ledger, m);
}

void guest_window_bequeath(struct guest_window *w)
{
    struct shm_mapping *m;

    w->owner++;
    for (m = shm_ledger_first(&w->ledger); m != NULL && !has_arena(w); m = shm_ledger_next(m)) {
        m->bequeathed = m->state == SHM_MAPPED && m->told && !m->orphan;
        m->orphan = !m->bequeathed;
    }
    let_orphans_go(w);
}

bool guest_window_rests(const struct guest_window *w)
{
    return w->state != GUEST_WINDOW_OPENING && w->openings == 0 && back_channel_rests(&w->channel);
}

void guest_window_go_on(struct guest_window *w)
{
    back_channel_deafen(&w->channel, false);
    let_orphans_go(w);
}

void guest_window_init(struct guest_window *w, sd_event *loop, uint64_t limit_us,
                       struct shm_region region, const struct guest_window_handler *handler,
                       void *data)
{
    *w = (struct guest_window){.handler = handler, .data = data, .arena_fd = -1};
    shm_ledger_init(&w->ledger, region);
    back_channel_init(&w->channel, loop, limit_us, handler->quiet, data);
}

void guest_window_finish(struct guest_window *w)
{
    w->state = GUEST_WINDOW_SHUT;
    back_channel_finish(&w->channel);
    shm_ledger_finish(&w->ledger);
}

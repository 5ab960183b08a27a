/* SPDX-License-Identifier: MIT */
#include "worker/port.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/probe_point.h"
#include "base/trace.h"
#include "base/units.h"

#define PORT_OF(p) ((struct port *)(void *)(p))            /* 'base' comes first */
#define MAPPING_OF(r) ((struct port_mapping *)(void *)(r)) /* 'range' comes first */

static struct port_mapping *first_mapping(struct port *port)
{
    return MAPPING_OF(range_set_first(&port->mappings));
}

static void mapping_destroy(struct port *port, struct port_mapping *m)
{
    range_set_remove(&port->mappings, &m->range);
    if (m->slot >= 0)
        journal_loan_erase(port->journal, m->slot);
    free(m);
}

/* It is mapped, and the journal says so. */
static void mapping_settle(struct port *port, struct port_mapping *m)
{
    m->there = true;
    m->slot = journal_loan_put(port->journal, m->buffer->kind, m->buffer->id, m->buffer->owner,
                               m->range.start, m->range.size);
}

/* ---- pieces of the arena ---- */

/*
 * Those that are in the window are pinned in the arena, which knows where: there is no other record
 * of them here. Their slot is that of the journal, or:
 */
#define SLOT_NONE (-1)  /* the journal is full */
#define SLOT_WAITS (-2) /* they are not there yet */

static bool is_piece(const struct buffer *buffer)
{
    return buffer->kind == BUFFER_ARENA;
}

/* Its place is its name, also for the workers to come. */
static __attribute__((noinline, cold)) void piece_trace(const struct buffer *buffer,
                                                        uint64_t offset, enum trace_phase phase)
{
    trace_put(&(struct trace_event){
        .phase = phase,
        .category = "piece",
        .name = "piece",
        .id = offset,
        .lasting = true,
        .args = {{"offset", offset}, {"size", buffer->size}, {"id", buffer->id}},
    });
}

static void piece_comes(const struct buffer *buffer, uint64_t offset)
{
    HOSTBLOB_PROBE3(piece_in, offset, buffer->size, buffer->id);
    if (TRACE_ON())
        piece_trace(buffer, offset, TRACE_BEGIN);
}

static void piece_goes(const struct buffer *buffer)
{
    uint64_t offset;

    if (arena_slot(buffer) == SLOT_WAITS || !arena_offset(buffer, &offset))
        return;
    HOSTBLOB_PROBE2(piece_out, offset, buffer->size);
    if (TRACE_ON())
        piece_trace(buffer, offset, TRACE_END);
}

static void piece_settle(struct port *port, struct buffer *buffer, uint64_t offset)
{
    int slot = journal_loan_put(port->journal, buffer->kind, buffer->id, buffer->owner, offset,
                                buffer->size);

    arena_set_slot(buffer, slot >= 0 ? slot : SLOT_NONE);
}

static void piece_leave(struct port *port, struct buffer *buffer)
{
    piece_goes(buffer);
    if (arena_slot(buffer) >= 0)
        journal_loan_erase(port->journal, arena_slot(buffer));
    arena_set_slot(buffer, SLOT_NONE);
    arena_unpin(port->arena, buffer);
}

static void piece_forget(void *data, struct buffer *buffer, uint64_t offset)
{
    if (arena_pinned(buffer))
        piece_leave(data, buffer);
}

static int piece_place(struct port *port, struct buffer *buffer, uint64_t offset)
{
    uint64_t at;

    if (!arena_pinned(buffer))
        return arena_place(port->arena, buffer, offset);
    if (arena_offset(buffer, &at) && offset < at + buffer->size && at < offset + buffer->size)
        return -EEXIST;
    return -EBUSY; /* it is elsewhere */
}

static int piece_unmap(struct port *port, struct buffer *buffer, uint64_t offset)
{
    uint64_t at;

    if (!arena_pinned(buffer) || !arena_offset(buffer, &at) || at != offset ||
        arena_slot(buffer) == SLOT_WAITS)
        return -ENOENT;
    piece_leave(port, buffer);
    return 1;
}

/* ---- answers ---- */

static void piece_answered(struct port *port, struct port_mapping *m, bool gone)
{
    if (gone) {
        piece_leave(port, m->buffer);
    } else {
        piece_settle(port, m->buffer, m->range.start);
        piece_comes(m->buffer, m->range.start);
    }
    free(m);
}

/* The first request is answered: tells the device, which may make new ones. */
static void complete_first(struct port *port)
{
    struct port_request *r = TAILQ_FIRST(&port->requests);
    struct port_mapping *m = r->mapping;
    bool gone = r->map ? r->result < 0 : true;
    shm_port_done *done = r->done;
    void *data = r->data;
    int result = r->result;

    TAILQ_REMOVE(&port->requests, r, link);
    if (is_piece(m->buffer))
        piece_answered(port, m, gone);
    else if (gone)
        mapping_destroy(port, m);
    else
        mapping_settle(port, m);
    done(data, result); /* the request may be another one by then, or gone */
}

/* Answers come in the order of the requests, from the loop and not from within the call that asked.
 */
static void flush(struct port *port)
{
    struct port_request *r;

    while ((r = TAILQ_FIRST(&port->requests)) != NULL && r->answered)
        complete_first(port);
}

static int on_flush(sd_event_source *source, void *data)
{
    flush(data);
    return 0;
}

static void answered(struct port_request *r, int result)
{
    r->answered = true;
    r->result = result;
}

/* The same, where the device is the one who asks just now. */
static void answer_soon(struct port *port, struct port_request *r, int result)
{
    answered(r, result);
    sd_event_source_set_enabled(port->flush, SD_EVENT_ONESHOT);
}

static void fail_all(struct port *port, int result)
{
    struct port_request *r;
    struct port_requests waiting = TAILQ_HEAD_INITIALIZER(waiting);

    TAILQ_CONCAT(&waiting, &port->requests, link);
    while ((r = TAILQ_FIRST(&waiting)) != NULL) {
        TAILQ_REMOVE(&waiting, r, link);
        TAILQ_INSERT_HEAD(&port->requests, r, link);
        if (!r->answered)
            r->result = result;
        complete_first(port);
    }
}

/* ---- requests ---- */

static int send_request(struct port *port, struct port_request *r)
{
    const struct port_mapping *m = r->mapping;
    uint32_t type = r->map ? LINK_SHM_MAP : LINK_SHM_UNMAP;
    uint32_t size = link_size(type);
    struct link_message message;

    link_begin(&message, type);
    r->ticket = ++port->next_ticket;
    message.shm = (struct link_shm){
        .ticket = r->ticket,
        .shm_offset = m->range.start,
        .size = m->range.size,
        .fd_offset = m->buffer->fd_offset,
        .id = m->buffer->id,
    };
    r->sent = true;
    if (fd_send(port->link_fd, &message, size, &m->buffer->fd, r->map) != (ssize_t)size)
        return -ENOTCONN;
    return 0;
}

/* Goes on with a request, now that the window is open. */
static void carry_out(struct port *port, struct port_request *r)
{
    if (r->sent || r->answered)
        return;
    if (is_piece(r->mapping->buffer))
        answer_soon(port, r, 0);
    else if (send_request(port, r) < 0)
        answer_soon(port, r, -ENOTCONN);
}

static void request(struct port *port, struct port_mapping *m, bool map, shm_port_done *done,
                    void *data)
{
    struct port_request *r = &m->request;

    *r = (struct port_request){.map = map, .mapping = m, .done = done, .data = data};
    TAILQ_INSERT_TAIL(&port->requests, r, link);
    if (port->news == LINK_WINDOW_OPEN)
        carry_out(port, r);
}

static struct port_mapping *mapping_new(struct buffer *buffer, uint64_t offset)
{
    struct port_mapping *m = calloc(1, sizeof(*m));

    if (m == NULL)
        return NULL;
    m->range = (struct range){.start = offset, .size = buffer->size};
    m->buffer = buffer;
    m->slot = -1;
    return m;
}

/* Enters a mapping, which reserves its range. */
static int mapping_create(struct port *port, struct buffer *buffer, uint64_t offset,
                          struct port_mapping **mapping)
{
    struct port_mapping *m = mapping_new(buffer, offset);
    int r = m != NULL ? range_set_add(&port->mappings, &m->range) : -ENOMEM;

    if (r < 0)
        free(m);
    else
        *mapping = m;
    return r;
}

/* A piece that has its place, and has to wait for what was asked earlier. */
static __attribute__((noinline)) int piece_wait(struct port *port, struct buffer *buffer,
                                                uint64_t offset, shm_port_done *done, void *data)
{
    struct port_mapping *m = mapping_new(buffer, offset);

    arena_set_slot(buffer, SLOT_WAITS);
    if (m == NULL) {
        piece_leave(port, buffer);
        return -ENOMEM;
    }
    request(port, m, true, done, data);
    return 0;
}

/* A piece of the arena needs nobody else; but it does not come before what was asked earlier. */
static int piece_map(struct port *port, struct buffer *buffer, uint64_t offset, shm_port_done *done,
                     void *data)
{
    int r = piece_place(port, buffer, offset);

    if (r < 0)
        return r;
    if (port->news != LINK_WINDOW_OPEN || !TAILQ_EMPTY(&port->requests))
        return piece_wait(port, buffer, offset, done, data);
    piece_settle(port, buffer, offset);
    piece_comes(buffer, offset);
    return 1;
}

static int check_place(const struct port *port, const struct buffer *buffer, uint64_t offset)
{
    if (((offset | buffer->size) & (units_page_size() - 1)) != 0 || offset > port->base.size ||
        buffer->size > port->base.size - offset)
        return -EINVAL;
    if (is_piece(buffer) != (port->arena != NULL))
        return -EINVAL; /* the arena takes up the whole window */
    return 0;
}

/* A buffer by itself: the door is asked. Apart from what is quick. */
static __attribute__((noinline)) int single_map(struct port *port, struct buffer *buffer,
                                                uint64_t offset, shm_port_done *done, void *data)
{
    struct port_mapping *m;
    int r = mapping_create(port, buffer, offset, &m);

    if (r < 0)
        return r;
    request(port, m, true, done, data);
    return 0;
}

static __attribute__((noinline)) int single_unmap(struct port *port, struct buffer *buffer,
                                                  uint64_t offset, shm_port_done *done, void *data)
{
    struct port_mapping *m = MAPPING_OF(range_set_at(&port->mappings, offset));

    if (m == NULL || m->buffer != buffer || m->range.start != offset || !m->there || m->leaving)
        return -ENOENT;
    m->leaving = true;
    request(port, m, false, done, data);
    return 0;
}

static int port_map(struct shm_port *base, struct buffer *buffer, uint64_t offset,
                    shm_port_done *done, void *data)
{
    struct port *port = PORT_OF(base);
    int r;

    if (port->news == LINK_WINDOW_NONE)
        return -ENOTCONN;
    r = check_place(port, buffer, offset);
    if (r < 0)
        return r;
    return is_piece(buffer) ? piece_map(port, buffer, offset, done, data)
                            : single_map(port, buffer, offset, done, data);
}

static int port_unmap(struct shm_port *base, struct buffer *buffer, uint64_t offset,
                      shm_port_done *done, void *data)
{
    struct port *port = PORT_OF(base);

    return is_piece(buffer) ? piece_unmap(port, buffer, offset)
                            : single_unmap(port, buffer, offset, done, data);
}

static int port_adopt(struct shm_port *base, struct buffer *buffer, uint64_t offset)
{
    struct port *port = PORT_OF(base);
    struct port_mapping *m;
    int r = check_place(port, buffer, offset);

    if (r == 0 && is_piece(buffer)) {
        r = piece_place(port, buffer, offset);
        if (r == 0)
            piece_settle(port, buffer, offset);
        return r;
    }
    if (r == 0)
        r = mapping_create(port, buffer, offset, &m);
    if (r < 0)
        return r;
    mapping_settle(port, m);
    return 0;
}

static void port_name(struct shm_port *base, const struct buffer *buffer, uint64_t offset)
{
    struct port *port = PORT_OF(base);
    struct port_mapping *m;
    int slot = SLOT_NONE;

    if (is_piece(buffer)) {
        slot = arena_pinned(buffer) ? arena_slot(buffer) : SLOT_NONE;
    } else {
        m = MAPPING_OF(range_set_at(&port->mappings, offset));
        if (m != NULL && m->buffer == buffer && m->there)
            slot = m->slot;
    }
    if (slot >= 0)
        journal_loan_name(port->journal, slot, buffer->id, buffer->owner);
}

static const struct shm_port_impl port_impl = {port_map, port_unmap, port_adopt, port_name};

/* ---- the door's news ---- */

void port_window(struct port *port, enum link_window_news news)
{
    struct port_request *r;

    port->news = news;
    if (news == LINK_WINDOW_OPEN) {
        TAILQ_FOREACH(r, &port->requests, link)
        carry_out(port, r);
        return;
    }
    fail_all(port, news == LINK_WINDOW_SHUT ? -ECANCELED : -ENOTCONN);
}

void port_done(struct port *port, const struct link_shm *shm)
{
    struct port_request *r;

    TAILQ_FOREACH(r, &port->requests, link)
    {
        if (!r->sent || r->answered || r->ticket != shm->ticket)
            continue;
        answered(r, shm->result);
        flush(port);
        return;
    }
}

void port_forget(struct port *port)
{
    enum link_window_news news = port->news;
    struct port_mapping *m;

    port->news = LINK_WINDOW_NONE;
    while (!TAILQ_EMPTY(&port->requests)) /* whoever is told may take something out */
        fail_all(port, -ECANCELED);
    port->news = news;
    while ((m = first_mapping(port)) != NULL)
        mapping_destroy(port, m);
    if (port->arena != NULL)
        arena_each_loan(port->arena, piece_forget, port);
}

int port_init(struct port *port, sd_event *loop, uint64_t size, int link_fd, struct arena *arena,
              struct journal *journal)
{
    int r;

    *port = (struct port){
        .base = {.impl = &port_impl, .size = size},
        .link_fd = link_fd,
        .arena = arena,
        .journal = journal,
        .news = LINK_WINDOW_SHUT,
    };
    range_set_init(&port->mappings);
    TAILQ_INIT(&port->requests);
    r = sd_event_add_defer(loop, &port->flush, on_flush, port);
    if (r >= 0)
        r = sd_event_source_set_enabled(port->flush, SD_EVENT_OFF);
    return r < 0 ? r : 0;
}

void port_finish(struct port *port)
{
    port_forget(port);
    port->flush = sd_event_source_disable_unref(port->flush);
}

/* SPDX-License-Identifier: MIT */
#include "door/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "door/conversation.h"
#include "door/door.h"
#include "door/handlers.h"
#include "door/session_diagnosis.h"

void unpack_init(struct unpack *u)
{
    *u = (struct unpack){.listen_fd = -1, .control_fd = -1};
}

void unpack_finish(struct unpack *u)
{
    fd_close(&u->listen_fd);
    fd_close(&u->control_fd);
}

/* ---- descriptors ---- */

/* How many descriptors belong to a record with these flags. */
static bool count_is(const struct fd_list *fds, unsigned always, uint32_t flags, uint32_t each)
{
    return fds->count == always + (unsigned)__builtin_popcount(flags & each);
}

/* The next descriptor, if the flag says that it is there; else -1. */
static int next_fd(struct fd_list *fds, unsigned *at, uint32_t flags, uint32_t flag)
{
    return (flags & flag) != 0 ? fd_list_take(fds, (*at)++) : -1;
}

static bool is_socket(int fd, bool listening)
{
    int domain = 0, type = 0, accepts = 0;
    socklen_t size = sizeof(int);

    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX &&
           getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM &&
           getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &size) == 0 &&
           (accepts != 0) == listening;
}

/* ---- the house ---- */

static const char *take_journal(struct door *door, int fd)
{
    struct journal journal;

    if (journal_adopt(&journal, fd) < 0)
        return "the journal is of another layout";
    journal_finish(&door->journal);
    door->journal = journal;
    door->keeper.journal_fd = journal.fd;
    return NULL;
}

/* Exactly as large as the window, for good. */
static const char *take_arena(struct door *door, int fd)
{
    const int sealed = F_SEAL_SHRINK | F_SEAL_GROW;
    uint64_t size = 0;

    if ((door->arena_fd >= 0) != (fd >= 0) ||
        (fd >= 0 && (fd_file_size(fd, &size) < 0 || size != door->options.window_size ||
                     (fcntl(fd, F_GET_SEALS) & sealed) != sealed))) {
        fd_close(&fd);
        return "the arena is of another size";
    }
    fd_close(&door->arena_fd);
    door->arena_fd = door->keeper.arena_fd = fd;
    return NULL;
}

static const char *take_house(struct unpack *u, struct door *door, const struct door_state *record,
                              struct fd_list *fds)
{
    uint32_t flags = record->house.flags;
    unsigned at = 1;
    const char *reason;

    if (u->has_house ||
        !count_is(fds, 1, flags,
                  DOOR_STATE_HAS_ARENA | DOOR_STATE_HAS_LISTENER | DOOR_STATE_HAS_CONTROL))
        return "the house's descriptors are not what it says";
    u->has_house = true;
    reason = take_journal(door, fd_list_take(fds, 0));
    if (reason == NULL)
        reason = take_arena(door, next_fd(fds, &at, flags, DOOR_STATE_HAS_ARENA));
    if (reason != NULL)
        return reason;
    u->listen_fd = next_fd(fds, &at, flags, DOOR_STATE_HAS_LISTENER);
    u->control_fd = next_fd(fds, &at, flags, DOOR_STATE_HAS_CONTROL);
    if ((u->listen_fd >= 0 && !is_socket(u->listen_fd, true)) ||
        (u->control_fd >= 0 && !is_socket(u->control_fd, true)))
        return "a socket of the house does not listen";
    return NULL;
}

/* ---- the session ---- */

static const char *restore_window(struct session *s, const struct door_state_session *r, int fd)
{
    struct guest_window *w = &s->window;
    bool open = (r->flags & DOOR_STATE_WINDOW_OPEN) != 0;

    if (fd >= 0 && back_channel_attach(&w->channel, fd) < 0)
        return "the back-end channel cannot be used";
    if (r->news > GUEST_WINDOW_IS_NONE)
        return "the window is in no possible state";
    s->news = (enum guest_window_news)r->news;
    handlers_take_protocol_features(s, r->protocol_features);
    w->writable = (r->flags & DOOR_STATE_WINDOW_ASKED) != 0;
    w->state = open ? GUEST_WINDOW_OPEN : GUEST_WINDOW_SHUT;
    back_channel_deafen(&w->channel, true);
    back_channel_hold(&w->channel, !open);
    return NULL;
}

static const char *take_session(struct door *door, const struct door_state *record,
                                struct fd_list *fds)
{
    const struct door_state_session *r = &record->session;
    struct session_lent lent;
    unsigned at = 1;
    int channel;

    if (door->session != NULL ||
        !count_is(fds, 1, r->flags, DOOR_STATE_HAS_CHANNEL | DOOR_STATE_HAS_DISPLAY) ||
        !is_socket(fds->fds[0], false))
        return "the session's descriptors are not what it says";
    door->session = calloc(1, sizeof(*door->session));
    if (door->session == NULL)
        return "there is no memory";
    door_lend(door, &lent);
    if (conversation_adopt(door->session, &lent, fd_list_take(fds, 0), door_session_closed, door) <
        0)
        return "the front-end's socket cannot be used";
    channel = next_fd(fds, &at, r->flags, DOOR_STATE_HAS_CHANNEL);
    door->session->display_fd = next_fd(fds, &at, r->flags, DOOR_STATE_HAS_DISPLAY);
    door->session->features = r->features;
    return restore_window(door->session, r, channel);
}

static const char *take_region(struct session *s, const struct door_state *record,
                               struct fd_list *fds)
{
    const struct link_region *from = &record->region.region;
    const struct vhost_user_region region = {
        .gpa = from->gpa, .size = from->size, .user = from->user, .mmap_offset = from->fd_offset};

    return front_memory_add(&s->memory, &region, fds) < 0 ? "a region of memory cannot be" : NULL;
}

static bool ring_possible(const struct door_state_ring *r)
{
    const uint32_t started =
        DOOR_STATE_RING_STARTED | DOOR_STATE_RING_PLACED | DOOR_STATE_RING_KICK;

    if (r->size > 32768 || (r->size & (r->size - 1)) != 0 || r->base > UINT16_MAX)
        return false;
    return (r->flags & DOOR_STATE_RING_STARTED) == 0 ||
           (r->size > 0 && (r->flags & started) == started);
}

static const char *take_ring(struct unpack *u, struct session *s, const struct door_state *record,
                             struct fd_list *fds)
{
    const struct door_state_ring *r = &record->ring;
    struct ring *ring;
    unsigned at = 0;

    if (r->index >= s->lent.facts->queues || (u->rings & 1u << r->index) != 0 ||
        !ring_possible(r) ||
        !count_is(fds, 0, r->flags,
                  DOOR_STATE_RING_KICK | DOOR_STATE_RING_CALL | DOOR_STATE_RING_ERR))
        return "a ring cannot be";
    u->rings |= 1u << r->index;
    ring = &s->rings[r->index];
    ring->size = r->size;
    ring->base = (uint16_t)r->base;
    ring->has_addresses = (r->flags & DOOR_STATE_RING_PLACED) != 0;
    ring->started = (r->flags & DOOR_STATE_RING_STARTED) != 0;
    ring->enabled = (r->flags & DOOR_STATE_RING_ENABLED) != 0;
    ring->desc = r->desc;
    ring->avail = r->avail;
    ring->used = r->used;
    ring->kick = next_fd(fds, &at, r->flags, DOOR_STATE_RING_KICK);
    ring->call = next_fd(fds, &at, r->flags, DOOR_STATE_RING_CALL);
    ring->err = next_fd(fds, &at, r->flags, DOOR_STATE_RING_ERR);
    return NULL;
}

static const char *take_mapping(struct session *s, const struct door_state *record,
                                struct fd_list *fds)
{
    const struct door_state_mapping *r = &record->mapping;
    const struct shm_wish wish = {
        .offset = r->offset, .size = r->size, .fd_offset = r->fd_offset, .id = r->id};
    struct shm_mapping *m;

    if (shm_ledger_ask(&s->window.ledger, &wish, fd_list_take(fds, 0), &m) < 0)
        return "a mapping of the window cannot be";
    shm_ledger_mapped(m);
    m->orphan = (r->flags & DOOR_STATE_MAPPING_ORPHAN) != 0;
    m->doubtful = (r->flags & DOOR_STATE_MAPPING_DOUBTFUL) != 0;
    m->told = (r->flags & DOOR_STATE_MAPPING_TOLD) != 0;
    m->bequeathed = (r->flags & DOOR_STATE_MAPPING_BEQUEATHED) != 0;
    return NULL;
}

static const char *take_object(struct session *s, const struct door_state *record,
                               struct fd_list *fds)
{
    struct shared_object_state state = {
        .fd = fd_list_take(fds, 0),
        .told = (record->object.flags & DOOR_STATE_OBJECT_TOLD) != 0,
        .refused = (record->object.flags & DOOR_STATE_OBJECT_REFUSED) != 0,
    };

    memcpy(state.uuid, record->object.uuid, sizeof(state.uuid));
    return shared_objects_adopt(&s->objects, &state) < 0 ? "a shared object cannot be" : NULL;
}

static const char *take_shelf(struct door *door, const struct door_state *record,
                              struct fd_list *fds)
{
    if (record->shelf.count != fds->count)
        return "the shelf's descriptors are not what it says";
    for (unsigned i = 0; i < fds->count; i++) {
        const struct link_message put = {.type = LINK_SHELF_PUT,
                                         .shelf_key.key = record->shelf.keys[i]};
        struct fd_list one = {.count = 1, .fds = {fd_list_take(fds, i)}};

        door_shelf_take(&door->shelf, &put, &one);
        fd_list_finish(&one);
    }
    return NULL;
}

const char *unpack_take(struct unpack *u, struct door *door, const struct door_state *record,
                        struct fd_list *fds)
{
    if (record->kind == DOOR_STATE_HOUSE)
        return take_house(u, door, record, fds);
    if (!u->has_house)
        return "the state is in the wrong order";
    if (record->kind == DOOR_STATE_SESSION)
        return take_session(door, record, fds);
    if (record->kind == DOOR_STATE_SHELF)
        return take_shelf(door, record, fds);
    if (door->session == NULL)
        return "the state is in the wrong order";
    if (record->kind == DOOR_STATE_REGION)
        return take_region(door->session, record, fds);
    if (record->kind == DOOR_STATE_RING)
        return take_ring(u, door->session, record, fds);
    if (record->kind == DOOR_STATE_MAPPING)
        return take_mapping(door->session, record, fds);
    if (record->kind == DOOR_STATE_OBJECT)
        return take_object(door->session, record, fds);
    return "the state is in the wrong order";
}

const char *unpack_end(struct unpack *u, struct door *door)
{
    struct session *s = door->session;

    if (!u->has_house || (s == NULL && u->listen_fd < 0))
        return "the state is not whole";
    if (s != NULL && u->rings != (1u << s->lent.facts->queues) - 1)
        return "the state is not whole";
    if (s != NULL)
        session_diagnosis_known(s);
    return NULL;
}

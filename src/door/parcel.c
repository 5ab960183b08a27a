/* SPDX-License-Identifier: MIT */
#include "door/parcel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "door/door.h"
#include "door/handlers.h"

void parcel_init(struct parcel *parcel)
{
    *parcel = (struct parcel){.short_of_memory = false};
    TAILQ_INIT(&parcel->items);
}

static void item_destroy(struct parcel *parcel, struct parcel_item *item)
{
    TAILQ_REMOVE(&parcel->items, item, link);
    free(item);
}

void parcel_finish(struct parcel *parcel)
{
    struct parcel_item *item;

    while ((item = TAILQ_FIRST(&parcel->items)) != NULL)
        item_destroy(parcel, item);
}

/* The next record. Without memory it is one that nobody sends. */
static struct parcel_item *add(struct parcel *parcel, enum door_state_kind kind)
{
    static struct parcel_item nowhere;
    struct parcel_item *item = calloc(1, sizeof(*item));

    if (item == NULL) {
        parcel->short_of_memory = true;
        item = &nowhere;
        item->count = 0;
    } else {
        TAILQ_INSERT_TAIL(&parcel->items, item, link);
    }
    door_state_init(&item->record, kind);
    return item;
}

/* A descriptor, if it is there: then 'flag' is to be set. */
static uint32_t attach(struct parcel_item *item, int fd, uint32_t flag)
{
    if (fd < 0)
        return 0;
    item->fds[item->count++] = fd;
    return flag;
}

void parcel_offer(const struct door *door, struct door_state *record)
{
    struct door_state_offer *offer = &record->offer;

    door_state_init(record, DOOR_STATE_OFFER);
    snprintf(offer->program, sizeof(offer->program), "%s", door->options.program);
    snprintf(offer->version, sizeof(offer->version), "%s", HOSTBLOB_VERSION);
    offer->layouts = (struct door_state_layouts){
        .journal = JOURNAL_VERSION,
        .journal_page = sizeof(struct journal_page),
        .store = STORE_VERSION,
    };
    offer->window_size = door->options.window_size;
    offer->has_front_end = door->session != NULL;
    if (door->session != NULL)
        offer->protocol_features =
            door->session->protocol_features & handlers_protocol_features(door->options.mem_slots);
    offer->watchdog_us = door->options.watchdog_us;
    offer->arena = door->arena_fd >= 0;
    offer->worker_starts = door->keeper.starts;
    offer->facts = door->facts;
}

bool parcel_possible(const struct door *door)
{
    const struct session *s = door->session;

    if (door->arrived >= 0)
        return false;
    return s == NULL || (!s->connection.broken && s->connection.have == 0 && s->waits_for == 0 &&
                         guest_window_rests(&s->window) && shared_objects_rest(&s->objects));
}

static void fill_house(struct parcel *parcel, const struct door *door)
{
    struct parcel_item *item = add(parcel, DOOR_STATE_HOUSE);
    uint32_t *flags = &item->record.house.flags;

    attach(item, door->journal.fd, 0);
    *flags |= attach(item, door->arena_fd, DOOR_STATE_HAS_ARENA);
    *flags |= attach(item, door->listen_fd, DOOR_STATE_HAS_LISTENER);
    *flags |= attach(item, door->control_fd, DOOR_STATE_HAS_CONTROL);
}

static void fill_session(struct parcel *parcel, const struct session *s)
{
    struct parcel_item *item = add(parcel, DOOR_STATE_SESSION);
    struct door_state_session *r = &item->record.session;

    r->features = s->features;
    r->protocol_features = s->protocol_features;
    r->news = s->news;
    attach(item, s->connection.fd, 0);
    r->flags |= attach(item, s->window.channel.fd, DOOR_STATE_HAS_CHANNEL);
    r->flags |= attach(item, s->display_fd, DOOR_STATE_HAS_DISPLAY);
    if (s->window.state == GUEST_WINDOW_OPEN)
        r->flags |= DOOR_STATE_WINDOW_OPEN;
    if (s->window.writable)
        r->flags |= DOOR_STATE_WINDOW_ASKED;
}

static void fill_memory(struct parcel *parcel, const struct front_memory *memory)
{
    for (unsigned i = 0; i < memory->count; i++) {
        struct parcel_item *item = add(parcel, DOOR_STATE_REGION);

        item->record.region.region = memory->regions[i];
        attach(item, memory->fds[i], 0);
    }
}

static void fill_ring(struct parcel *parcel, const struct session *s, unsigned index)
{
    struct parcel_item *item = add(parcel, DOOR_STATE_RING);
    struct door_state_ring *r = &item->record.ring;
    const struct ring *ring = &s->rings[index];

    r->index = index;
    r->size = ring->size;
    r->base = ring_position(ring, &s->lent.journal->page->rings[index].record);
    r->flags = (ring->has_addresses ? DOOR_STATE_RING_PLACED : 0) |
               (ring->started ? DOOR_STATE_RING_STARTED : 0) |
               (ring->enabled ? DOOR_STATE_RING_ENABLED : 0);
    r->desc = ring->desc;
    r->avail = ring->avail;
    r->used = ring->used;
    r->flags |= attach(item, ring->kick, DOOR_STATE_RING_KICK);
    r->flags |= attach(item, ring->call, DOOR_STATE_RING_CALL);
    r->flags |= attach(item, ring->err, DOOR_STATE_RING_ERR);
}

/* Nothing is under way: what is not mapped was to be taken out, and could not be. */
static void fill_mappings(struct parcel *parcel, const struct shm_ledger *ledger)
{
    struct shm_mapping *m;

    for (m = shm_ledger_first(ledger); m != NULL; m = shm_ledger_next(m)) {
        struct parcel_item *item = add(parcel, DOOR_STATE_MAPPING);
        struct door_state_mapping *r = &item->record.mapping;
        bool doubtful = m->doubtful || m->state != SHM_MAPPED;

        r->offset = m->range.start;
        r->size = m->range.size;
        r->fd_offset = m->fd_offset;
        r->id = m->id;
        r->flags = (m->orphan || doubtful ? DOOR_STATE_MAPPING_ORPHAN : 0) |
                   (doubtful ? DOOR_STATE_MAPPING_DOUBTFUL : 0) |
                   (m->told ? DOOR_STATE_MAPPING_TOLD : 0) |
                   (m->bequeathed ? DOOR_STATE_MAPPING_BEQUEATHED : 0);
        attach(item, m->fd, 0);
    }
}

static void fill_objects(struct parcel *parcel, const struct shared_objects *objects)
{
    struct shared_object_state state;
    void *at = NULL;

    while (shared_objects_next(objects, &at, &state)) {
        struct parcel_item *item = add(parcel, DOOR_STATE_OBJECT);

        memcpy(item->record.object.uuid, state.uuid, sizeof(state.uuid));
        item->record.object.flags = (state.told ? DOOR_STATE_OBJECT_TOLD : 0) |
                                    (state.refused ? DOOR_STATE_OBJECT_REFUSED : 0);
        attach(item, state.fd, 0);
    }
}

static void fill_shelf(struct parcel *parcel, struct door_shelf *shelf)
{
    struct link_message ask = {.type = LINK_SHELF_ASK}, give;
    int fds[LINK_SHELF_BATCH];
    unsigned count;

    while ((count = door_shelf_give(shelf, &ask, &give, fds)) > 0) {
        struct parcel_item *item = add(parcel, DOOR_STATE_SHELF);

        item->record.shelf = give.shelf;
        for (unsigned i = 0; i < count; i++)
            attach(item, fds[i], 0);
        ask.shelf_key.key = give.shelf.keys[count - 1];
    }
}

int parcel_fill(struct parcel *parcel, struct door *door)
{
    struct session *s = door->session;

    fill_house(parcel, door);
    if (s != NULL) {
        fill_session(parcel, s);
        fill_memory(parcel, &s->memory);
        for (unsigned i = 0; i < door->facts.queues; i++)
            fill_ring(parcel, s, i);
        fill_mappings(parcel, &s->window.ledger);
        fill_objects(parcel, &s->objects);
    }
    fill_shelf(parcel, &door->shelf);
    add(parcel, DOOR_STATE_END);
    return parcel->short_of_memory ? -ENOMEM : 0;
}

int parcel_send(struct parcel *parcel, int fd)
{
    struct parcel_item *item;

    while ((item = TAILQ_FIRST(&parcel->items)) != NULL) {
        ssize_t n = fd_send(fd, &item->record, item->record.size, item->fds, item->count);

        if (n == -EAGAIN)
            return 0;
        if (n != (ssize_t)item->record.size)
            return n < 0 ? (int)n : -EIO;
        item_destroy(parcel, item);
    }
    return 1;
}

/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FUZZ_STRANGER_STATE_H
#define TESTS_FUZZ_STRANGER_STATE_H

/*
 * The state of a device as a stranger hands it over: records whose numbers are near to what makes
 * sense, with descriptors of many kinds, and a journal with words that nobody should have written.
 */
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../unit/back_end_peer.h"
#include "base/fd.h"
#include "base/units.h"
#include "door/door_state.h"
#include "door/guest_window.h"
#include "door/handlers.h"
#include "journal/journal.h"
#include "protocol/cursor.h"

#define STATE_PAGES 16u

/* The other ends of the sockets that it has; owned, -1. */
struct state_ends {
    int front, back;
};

static inline uint64_t state_number(struct reader *r)
{
    static const uint64_t odd[] = {0, 1, 4095, 65536, UINT32_MAX, INT64_MAX, UINT64_MAX};
    uint8_t choice = reader_u8(r);

    if (choice < 128)
        return choice % 4;
    if (choice < 224)
        return choice % (STATE_PAGES + 1) * units_page_size();
    return choice < 252 ? odd[choice % 7] : reader_u64(r);
}

static inline int state_listener(void)
{
    const struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    /* The kernel finds a name. */
    PEER_MUST(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(sa_family_t)) == 0);
    PEER_MUST(listen(fd, 1) == 0);
    return fd;
}

/* A connected socket, whose other end is kept. */
static inline int state_socket(int *end)
{
    int pair[2];

    PEER_MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
    fd_close(end);
    *end = pair[0];
    return pair[1];
}

/* A descriptor that nobody expects there; the caller owns it. */
static inline int state_odd_fd(struct reader *r, struct state_ends *ends)
{
    uint8_t kind = reader_u8(r);

    switch (kind % 8) {
    case 0:
        return eventfd(0, EFD_CLOEXEC);
    case 1:
        return open("/dev/zero", O_RDWR | O_CLOEXEC);
    case 2:
        return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    case 3:
        return socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    case 4:
        return state_listener();
    case 5:
        return state_socket(&ends->back);
    case 6:
        return memfd_create("unsealed", MFD_CLOEXEC);
    default:
        return fd_memfd("odd", kind / 8 % 4 * units_page_size());
    }
}

/* ---- records ---- */

struct state_parcel {
    struct door_state record;
    unsigned count;
    int fds[FD_LIST_MAX]; /* owned */
};

static inline void state_attach(struct state_parcel *p, int fd)
{
    if (p->count < FD_LIST_MAX)
        p->fds[p->count++] = fd;
    else
        fd_close(&fd);
}

/* What the device has, all borrowed; -1: not there. */
struct state_house {
    int journal_fd, arena_fd;
};

static inline void state_fill_house(struct state_parcel *p, struct reader *r,
                                    const struct state_house *house)
{
    uint8_t choice = reader_u8(r);
    uint32_t *flags = &p->record.house.flags;

    state_attach(p, dup(house->journal_fd));
    *flags |= house->arena_fd >= 0 ? DOOR_STATE_HAS_ARENA : 0;
    *flags |= choice & 1 ? 0 : DOOR_STATE_HAS_LISTENER;
    *flags |= choice & 2 ? 0 : DOOR_STATE_HAS_CONTROL;
    if (house->arena_fd >= 0)
        state_attach(p, dup(house->arena_fd));
    if ((choice & 1) == 0)
        state_attach(p, state_listener());
    if ((choice & 2) == 0)
        state_attach(p, state_listener());
}

static inline void state_fill_session(struct state_parcel *p, struct reader *r,
                                      struct state_ends *ends)
{
    struct door_state_session *s = &p->record.session;
    uint8_t choice = reader_u8(r);

    s->flags = reader_u8(r) % 16;
    s->features = VHOST_USER_BIT(VHOST_USER_F_PROTOCOL_FEATURES);
    s->protocol_features = handlers_protocol_features(false);
    if (choice & 1)
        s->protocol_features &= ~VHOST_USER_BIT(VHOST_USER_PROTOCOL_F_SHARED_OBJECT);
    if ((choice & 6) == 6)
        s->protocol_features &= ~VHOST_USER_BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK);
    if (choice >= 250)
        s->protocol_features = reader_u64(r);
    s->news = choice / 8 % 4;
    state_attach(p, state_socket(&ends->front));
    if (s->flags & DOOR_STATE_HAS_CHANNEL)
        state_attach(p, state_socket(&ends->back));
    if (s->flags & DOOR_STATE_HAS_DISPLAY)
        state_attach(p, eventfd(0, EFD_CLOEXEC));
}

static inline void state_fill_region(struct state_parcel *p, struct reader *r)
{
    struct link_region *region = &p->record.region.region;
    uint8_t choice = reader_u8(r);

    *region = (struct link_region){(uint64_t)(choice % 40) << 20, units_page_size(),
                                   (uint64_t)(choice % 40) << 20, 0};
    if (choice >= 224)
        *region = (struct link_region){state_number(r), state_number(r), state_number(r),
                                       state_number(r)};
    state_attach(p, fd_memfd("ram", units_page_size()));
}

static inline void state_fill_ring(struct state_parcel *p, struct reader *r)
{
    struct door_state_ring *ring = &p->record.ring;
    uint8_t choice = reader_u8(r);

    ring->index = choice % 2;
    ring->size = choice & 64 ? (uint32_t)state_number(r) : 64;
    ring->base = choice & 128 ? (uint32_t)state_number(r) : choice;
    ring->flags = reader_u8(r) % 64;
    ring->desc = state_number(r);
    ring->avail = state_number(r);
    ring->used = state_number(r);
    for (unsigned i = 0; i < 3; i++)
        if (ring->flags & 1u << i)
            state_attach(p, eventfd(0, EFD_CLOEXEC));
}

static inline void state_fill_mapping(struct state_parcel *p, struct reader *r,
                                      const struct state_house *house)
{
    struct door_state_mapping *m = &p->record.mapping;
    uint8_t choice = reader_u8(r);

    m->flags = reader_u8(r) % 16;
    m->offset = choice % (STATE_PAGES + 1) * units_page_size();
    m->size = units_page_size();
    m->id = choice;
    if (choice >= 240) {
        m->size = state_number(r);
        m->fd_offset = state_number(r);
    }
    if (choice % 16 == 15 && house->arena_fd >= 0) {
        m->offset = 0;
        m->size = STATE_PAGES * units_page_size();
        m->id = GUEST_WINDOW_ARENA_ID;
        state_attach(p, dup(house->arena_fd));
        return;
    }
    state_attach(p, fd_memfd("blob", 2 * units_page_size()));
}

static inline void state_fill_object(struct state_parcel *p, struct reader *r)
{
    uint8_t choice = reader_u8(r);

    p->record.object.uuid[0] = choice % 8;
    p->record.object.flags = choice / 8 % 4;
    if (choice & 64)
        state_attach(p, fd_memfd("object", units_page_size()));
}

static inline void state_fill_shelf(struct state_parcel *p, struct reader *r)
{
    struct link_shelf *shelf = &p->record.shelf;
    uint8_t choice = reader_u8(r);

    shelf->count = 1 + choice % 3;
    for (unsigned i = 0; i < shelf->count; i++) {
        shelf->keys[i] = reader_u8(r) % 8 == 0 ? state_number(r) : 1 + i;
        state_attach(p, fd_memfd("shelf", units_page_size()));
    }
}

static inline void state_fill_text(struct state_parcel *p, struct reader *r)
{
    reader_get(r, p->record.refused.text, reader_u8(r) % sizeof(p->record.refused.text));
}

/* The rest of a record of that kind. */
static inline void state_fill(struct state_parcel *p, struct reader *r, enum door_state_kind kind,
                              const struct state_house *house, struct state_ends *ends)
{
    p->count = 0;
    door_state_init(&p->record, kind);
    if (kind == DOOR_STATE_HOUSE)
        state_fill_house(p, r, house);
    else if (kind == DOOR_STATE_SESSION)
        state_fill_session(p, r, ends);
    else if (kind == DOOR_STATE_REGION)
        state_fill_region(p, r);
    else if (kind == DOOR_STATE_RING)
        state_fill_ring(p, r);
    else if (kind == DOOR_STATE_MAPPING)
        state_fill_mapping(p, r, house);
    else if (kind == DOOR_STATE_OBJECT)
        state_fill_object(p, r);
    else if (kind == DOOR_STATE_SHELF)
        state_fill_shelf(p, r);
    else if (kind == DOOR_STATE_REFUSED)
        state_fill_text(p, r);
}

/* Another program's, or damaged: a byte, a descriptor, the size. Returns how much is sent of it. */
static inline uint32_t state_spoil(struct state_parcel *p, struct reader *r,
                                   struct state_ends *ends)
{
    uint8_t choice = reader_u8(r);
    uint32_t at = reader_u8(r), size = p->record.size; /* whatever becomes of the word */

    if (choice < 64) {
        ((uint8_t *)&p->record)[at] = reader_u8(r);
    } else if (choice < 128 && p->count > 0) {
        fd_close(&p->fds[at % p->count]);
        p->fds[at % p->count] = state_odd_fd(r, ends);
    } else if (choice < 160 && p->count > 0) {
        fd_close(&p->fds[--p->count]);
    } else if (choice < 192) {
        for (unsigned i = 0; i < at % (FD_LIST_MAX + 1); i++)
            state_attach(p, state_odd_fd(r, ends));
    } else if (choice < 208) {
        p->record.version = (uint16_t)at;
    } else if (choice < 224) {
        p->record.size = at;
        return at;
    } else {
        return at;
    }
    return size;
}

static inline void state_send(struct state_parcel *p, int fd, uint32_t size)
{
    if (fd >= 0)
        fd_send_now(fd, &p->record, size, p->fds, p->count);
    for (unsigned i = 0; i < p->count; i++)
        fd_close(&p->fds[i]);
    p->count = 0;
}

/* ---- the journal ---- */

/* A word of it, anywhere near to where something lies. */
static inline void *state_place(struct journal *journal, struct reader *r)
{
    struct journal_page *page = journal->page;
    uint8_t area = reader_u8(r);
    uint32_t at = reader_u8(r) * 4u;

    switch (area % 8) {
    case 0:
        return (uint8_t *)&page->rings[area / 8 % 2] + at % 128;
    case 1:
        return (uint8_t *)page->rings[area / 8 % 2].record.flights + at;
    case 2:
        return (uint8_t *)&page->running + at % sizeof(page->running);
    case 3:
        return (uint8_t *)&page->census + at % sizeof(page->census);
    case 4:
        return &page->loans_high;
    case 5:
        return (uint8_t *)page->loans + at;
    case 6:
        return (uint8_t *)page + at % 32;
    default:
        return (uint8_t *)journal->store.cells + at + area / 8 * 256u;
    }
}

static inline void state_damage(struct journal *journal, struct reader *r)
{
    static const uint32_t odd[] = {0, 1, 2, 64, 65535, 65536, INT32_MAX, UINT32_MAX};
    unsigned words = reader_u8(r) % 32;

    for (unsigned i = 0; i < words; i++) {
        uint32_t *at = state_place(journal, r);
        uint8_t choice = reader_u8(r);

        *at = choice < 128 ? odd[choice % 8] : choice < 250 ? choice % 16 : reader_u32(r);
    }
}

/* A worker attaches what is left, and reads all that it says of rings and mappings. */
static inline void state_read_journal(int fd)
{
    struct journal journal;
    struct journal_loan loan;
    uint32_t slot = 0;
    unsigned count;

    if (journal_attach(&journal, dup(fd)) < 0)
        return;
    for (unsigned n = 0; journal_loan_next(&journal, &slot, &loan); n++)
        PEER_MUST(n < JOURNAL_LOANS && slot <= JOURNAL_LOANS);
    for (unsigned i = 0; i < 2; i++) {
        struct ring_record *record = &journal.page->rings[i].record;
        uint16_t *heads;

        ring_record_settle(record, 5);
        heads = ring_record_heads(record, 64, &count);
        PEER_MUST(count <= 64 && (heads != NULL || count == 0));
        for (unsigned k = 0; k < count; k++)
            PEER_MUST(heads[k] < 64);
        free(heads);
        ring_record_void(record);
        free(ring_record_heads(record, RING_RECORD_HEADS, &count));
        PEER_MUST(count == 0);
    }
    journal_finish(&journal);
}

#endif

/* SPDX-License-Identifier: MIT */
#ifndef DOOR_DOOR_STATE_H
#define DOOR_DOOR_STATE_H

#include <stdint.h>

#include "protocol/link.h"

/*
 * What one door hands to the door of another program (hand_over.h, take_over.h): records of fixed
 * size, each with descriptors, one a packet of a SOCK_SEQPACKET socketpair. The table in
 * door_state.c has for each kind its version, size and descriptors; what does not keep to it is
 * refused. The two programs may be of different ages, and the one that hands over has listened to
 * strangers: the other believes nothing of it.
 *
 * A record that changes gets another version, and so does DOOR_STATE_OFFER, which comes first and
 * is all that a program of another version reads.
 */
enum door_state_kind {
    /* Of the door that hands over. */
    DOOR_STATE_OFFER = 1, /* first of all: what the device is */
    DOOR_STATE_HOUSE,     /* the memory that is shared with the worker, the sockets */
    DOOR_STATE_SESSION,   /* a front-end is there */
    DOOR_STATE_REGION,    /* one of its memory; any number */
    DOOR_STATE_RING,      /* one of its queues */
    DOOR_STATE_MAPPING,   /* one of the guest's window; any number */
    DOOR_STATE_OBJECT,    /* one that is shared with other devices; any number */
    DOOR_STATE_SHELF,     /* what workers left for each other; any number */
    DOOR_STATE_END,       /* that is all */
    /* Of the door that takes over. */
    DOOR_STATE_ACCEPTED, /* the device fits: nothing is given up so far */
    DOOR_STATE_REFUSED,  /* the text says why; at any time before TAKEN */
    DOOR_STATE_TAKEN,    /* all of it is there and good */
    DOOR_STATE_RUNS,     /* the new worker serves the guest */
    DOOR_STATE_KINDS,
};

#define DOOR_STATE_NAME 32u  /* bytes of a program's name or version, with the NUL at the end */
#define DOOR_STATE_TEXT 256u /* of a sentence, likewise */

/* How each of the layouts in shared memory is numbered. */
struct door_state_layouts {
    uint32_t journal;      /* JOURNAL_VERSION */
    uint32_t journal_page; /* bytes */
    uint32_t store;        /* STORE_VERSION */
    uint32_t pad;
};

struct door_state_offer {
    char program[DOOR_STATE_NAME]; /* "hostblob-gpu" */
    char version[DOOR_STATE_NAME];
    struct door_state_layouts layouts;
    uint64_t window_size;       /* bytes */
    uint64_t protocol_features; /* that the front-end took, of those it was offered */
    uint64_t watchdog_us;
    uint32_t has_front_end;
    uint32_t arena; /* 1: own buffers lie in one mapping */
    uint32_t worker_starts;
    uint32_t pad;
    struct link_hello facts;
};

/* Descriptors: the journal; then as 'flags' says, in this order. */
#define DOOR_STATE_HAS_ARENA 1u
#define DOOR_STATE_HAS_LISTENER 2u /* else one front-end is served, and that is all */
#define DOOR_STATE_HAS_CONTROL 4u

struct door_state_house {
    uint32_t flags;
    uint32_t pad;
};

/* Descriptors: the front-end's socket; then as 'flags' says. */
#define DOOR_STATE_HAS_CHANNEL 1u
#define DOOR_STATE_HAS_DISPLAY 2u
#define DOOR_STATE_WINDOW_OPEN 4u
#define DOOR_STATE_WINDOW_ASKED 8u /* the front-end has asked for its size */

struct door_state_session {
    uint64_t features;
    uint64_t protocol_features;
    uint32_t news; /* enum guest_window_news */
    uint32_t flags;
};

/* With its descriptor. */
struct door_state_region {
    struct link_region region;
};

/* Descriptors as 'flags' says. */
#define DOOR_STATE_RING_KICK 1u
#define DOOR_STATE_RING_CALL 2u
#define DOOR_STATE_RING_ERR 4u
#define DOOR_STATE_RING_PLACED 8u /* its addresses were said */
#define DOOR_STATE_RING_STARTED 16u
#define DOOR_STATE_RING_ENABLED 32u

struct door_state_ring {
    uint32_t index;
    uint32_t size;
    uint32_t base;
    uint32_t flags;
    uint64_t desc, avail, used;
};

/* With its descriptor. */
#define DOOR_STATE_MAPPING_ORPHAN 1u
#define DOOR_STATE_MAPPING_DOUBTFUL 2u
#define DOOR_STATE_MAPPING_TOLD 4u
#define DOOR_STATE_MAPPING_BEQUEATHED 8u

struct door_state_mapping {
    uint64_t offset, size, fd_offset;
    uint32_t id;
    uint32_t flags;
};

/* With its descriptor, unless it is shared no more. */
#define DOOR_STATE_OBJECT_TOLD 1u
#define DOOR_STATE_OBJECT_REFUSED 2u

struct door_state_object {
    uint8_t uuid[16];
    uint32_t flags;
    uint32_t pad;
};

struct door_state_text {
    char text[DOOR_STATE_TEXT];
};

struct door_state {
    uint16_t kind;
    uint16_t version;
    uint32_t size; /* of the whole record, bytes */
    union {
        struct door_state_offer offer;
        struct door_state_house house;
        struct door_state_session session;
        struct door_state_region region;
        struct door_state_ring ring;
        struct door_state_mapping mapping;
        struct door_state_object object;
        struct link_shelf shelf;
        struct door_state_text refused;
    };
};

#define DOOR_STATE_HEADER 8u

/* Which end says it. */
enum door_state_end { DOOR_STATE_GIVER, DOOR_STATE_TAKER };

/* Writes the header of a record of that kind. */
void door_state_init(struct door_state *record, enum door_state_kind kind);
/* NULL when the record, 'size' bytes with 'fds' descriptors from 'from', keeps to the table; else
 * the reason, a sentence without its end (static). */
const char *door_state_check(const struct door_state *record, uint32_t size, unsigned fds,
                             enum door_state_end from);

#endif

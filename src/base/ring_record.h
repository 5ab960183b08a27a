/* SPDX-License-Identifier: MIT */
#ifndef BASE_RING_RECORD_H
#define BASE_RING_RECORD_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Which requests of a virtqueue are in flight: taken, and not yet answered, in whatever order that
 * happens. A plain struct in memory that outlives the one who serves the queue: whoever comes after
 * him, at whatever instant he died, finds each request either in flight or answered, so that he
 * answers every one exactly once. (vhost-user's inflight layout does the same.)
 *
 * A driver's name for a request is its head, the number of its first descriptor. What makes it
 * safe is the order of the stores:
 * - To take a request, flights[head] first, then 'taken', without which the former says nothing.
 * - To answer it, 'answering' first; then the used ring and its index, which shows the answer to
 *   the driver; then flights[head] and 'answering' are cleared, in this order. Where 'answering' is
 *   found set, the index tells whether the driver has seen the answer.
 * - To forget all, 'since' first: what was taken before it is void.
 *
 * Only the worker writes, and the door when it is dead. Nothing in it is believed: a head past the
 * end of the queue is not found.
 */
#define RING_RECORD_HEADS 32768u

/* Where a queue lies, in guest-physical addresses: another place is another queue. */
struct ring_place {
    uint64_t desc, avail, used;
    uint32_t size; /* entries */
    uint32_t pad;
};

struct ring_record {
    uint64_t taken;     /* requests; its low 16 bits are the next entry of the available ring */
    uint64_t since;     /* what was taken before is void */
    uint64_t answering; /* 0: none; else a bit, the used index with this answer, and the head */
    uint32_t begun;     /* the name of the start since which all this holds */
    uint32_t pad;
    struct ring_place place;
    uint64_t flights[RING_RECORD_HEADS]; /* by head; 0, or 1 + 'taken' when it was taken */
};

#define RING_RECORD_ANSWERING (UINT64_C(1) << 32)

/* Stores in the order of the program, as someone sees them who looks after a death. */
static inline void ring_record_put(uint64_t *at, uint64_t value)
{
    __atomic_store_n(at, value, __ATOMIC_RELEASE);
}

/* A queue at 'place' begins at entry 'base' with nothing in flight. */
void ring_record_begin(struct ring_record *record, const struct ring_place *place, uint16_t base);
/* Forgets what is in flight; the base stays. */
void ring_record_void(struct ring_record *record);
/* Whether what is in flight belongs to a queue at 'place' that starts at 'base'. */
bool ring_record_matches(const struct ring_record *record, const struct ring_place *place,
                         uint16_t base);

/* The request 'head' was taken from the next entry of the available ring. */
static inline void ring_record_take(struct ring_record *record, uint16_t head)
{
    uint64_t next = record->taken + 1;

    ring_record_put(&record->flights[head % RING_RECORD_HEADS], next);
    ring_record_put(&record->taken, next);
}

/* A number that no other request of the queue has or had, for one in flight. */
static inline uint64_t ring_record_tag(const struct ring_record *record, uint16_t head)
{
    return record->flights[head % RING_RECORD_HEADS];
}
/* The answer to 'head' will be shown to the driver when the used index becomes 'used'. */
static inline void ring_record_answer(struct ring_record *record, uint16_t head, uint16_t used)
{
    ring_record_put(&record->answering, RING_RECORD_ANSWERING | (uint64_t)used << 16 | head);
}

/* It has been shown. */
static inline void ring_record_answered(struct ring_record *record, uint16_t head)
{
    ring_record_put(&record->flights[head % RING_RECORD_HEADS], 0);
    /* Not before: the head may be taken again, and be in flight with the same used index. */
    ring_record_put(&record->answering, 0);
}

/* 'head' will not be answered. */
void ring_record_drop(struct ring_record *record, uint16_t head);

/* After the writer's death: decides about the answer that he was about to give. 'used' is the used
 * index that the driver sees. */
void ring_record_settle(struct ring_record *record, uint16_t used);
/* The next entry of the available ring to take. */
uint16_t ring_record_base(const struct ring_record *record);
/* The heads in flight below 'size' (at most RING_RECORD_HEADS), the oldest first. Sets *count.
 * Returns an array for the caller to free, NULL when there are none (*count is 0), or memory is out
 * (it is not). */
uint16_t *ring_record_heads(const struct ring_record *record, unsigned size, unsigned *count);

#endif

/* SPDX-License-Identifier: MIT */
#ifndef JOURNAL_STORE_H
#define JOURNAL_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What a device leaves to the worker that comes after it: records of any length, each with a kind
 * and a name of the device's choice, in memory that the door holds (behind the journal's page).
 * They are copies of what the device keeps in its own structs: it never reads them while it lives.
 *
 * Records are put and erased in changes. A change is made of any number of both, and of the answer
 * to the request that asked for it; after a death at any instant either all of it is seen, or
 * nothing. So a request that was taken and not answered has had its effect exactly if its answer is
 * there: then it gets that answer, else it is carried out again.
 *
 * How: a record lies in cells of one size, linked to a chain; 'kind' in the first makes it valid.
 * New records are written with kind 0. The change is a record itself, which lists the cells and
 * what their kinds are to become: one store makes it valid, then it is carried out, and by whoever
 * comes next if its writer dies over it. Cells that no valid record has are free; only the living
 * worker knows a list of them.
 *
 * A fact that is one word costs less: it is a word of a record, and a change may set it as well
 * (store_set).
 *
 * The memory is as large as its limit, and sparse: what is not used costs nothing.
 *
 * Who else may use it: any device kind. It gives its records kinds from 1 to STORE_KINDS - 1, wraps
 * what it does to them in its own file (gpu/estate.h does so for the gpu; a media session would be
 * a record, and a queue's buffers others), commits where it answers, and reads all of them back in
 * device_impl.resume.
 */
#define STORE_VERSION 3u
#define STORE_CELLS (1u << 22)
#define STORE_CELL_BYTES 48u /* most records are this small: cells are 64 bytes */
#define STORE_KINDS 0x10000u
#define STORE_MAX_ANSWER 64u
#define STORE_MAX_CHANGES 64u
#define STORE_SIZE ((uint64_t)STORE_CELLS * sizeof(struct store_cell)) /* bytes of the memory */

struct store_cell {
    uint32_t kind; /* 0: free, or a later part of a record */
    uint32_t size; /* bytes of the whole record */
    uint32_t next; /* the cell with the bytes that follow, or 0 */
    uint32_t id;   /* the device's name for it */
    uint8_t bytes[STORE_CELL_BYTES];
};

/* In the place of cell 0. */
struct store_head {
    uint64_t magic;
    uint32_t version;
    uint32_t high;  /* no cell at or above this one is used */
    uint32_t epoch; /* counts how often all was forgotten */
};

/* The answer to a request. */
struct store_answer {
    uint64_t tag;      /* of the request; 0: of none */
    uint32_t type;     /* the device's word for it */
    uint32_t size;     /* of what follows it, bytes: at most STORE_MAX_ANSWER */
    const void *bytes; /* borrowed */
};

struct store_change {
    uint32_t cell;
    uint32_t kind; /* what it becomes */
};

/* A word of a record, and what it becomes. */
struct store_word {
    uint32_t cell; /* the record's first */
    uint32_t at;   /* byte of its bytes, a multiple of 8 */
    uint64_t value;
};

/* One end of it: the worker's, which has a list of free cells, or the door's. */
struct store {
    struct store_cell *cells; /* borrowed */
    uint32_t epoch;           /* since which what follows holds */
    uint32_t free;            /* the first free cell below 'high', linked by 'next'; 0: none */
    unsigned count;           /* of the changes that are not committed */
    unsigned word_count;
    struct store_change changes[STORE_MAX_CHANGES]; /* more go in before their time */
    struct store_word words[STORE_MAX_CHANGES];     /* likewise */
};

/* The door: makes an empty one in STORE_SIZE zero bytes. */
void store_create(struct store *store, void *memory);
/* The worker: finishes a change that was cut short, drops what is damaged (and says so), and finds
 * the free cells. 0; -EPROTO when it is of another version; -ENOMEM. */
int store_attach(struct store *store, void *memory);
/* The door: goes on with one that another process made. 0, or -EPROTO when it is of another
 * version.
 */
int store_adopt(struct store *store, void *memory);
/* Forgets all, by one store. The memory may be punched afterwards, but for its first page. */
void store_clear(struct store *store);

/* A new record, part of the next commit. Returns its handle, or 0 when there is no room. */
uint32_t store_put(struct store *store, uint32_t kind, uint32_t id, const void *bytes, size_t size);
/* Erases the record with the next commit; nothing for 0. Sets *handle to 0. */
void store_erase(struct store *store, uint32_t *handle);
/* Erases the record *handle (nothing for 0) and makes another in its place: both with the next
 * commit. *handle is the new one's, 0 when there is no room. */
void store_replace(struct store *store, uint32_t kind, uint32_t id, const void *bytes, size_t size,
                   uint32_t *handle);
/* Sets a word in the first cell of the record, at byte 'at' of it (a multiple of 8), with the next
 * commit. Nothing for 0. */
void store_set(struct store *store, uint32_t handle, size_t at, uint64_t value);
/* A word of the same kind: it may be changed in place at any time, by one store with release. Valid
 * until the record is erased. */
static inline uint64_t *store_word(const struct store *store, uint32_t handle, size_t at)
{
    return (uint64_t *)(void *)(store->cells[handle].bytes + at);
}
/* Makes the changes since the last commit valid at once; when there is no room for that, one by
 * one. */
void store_commit(struct store *store);
/* The same, and with them the answer to the request 'tag' (0: to none): the device's word for it
 * and 'size' bytes, at most STORE_MAX_ANSWER. Returns the handle of the answer, to be erased when
 * it was given; 0 without a tag, or when there was no room for it. */
uint32_t store_commit_answer(struct store *store, uint64_t tag, uint32_t type, const void *bytes,
                             uint32_t size);
/* Forgets an answer that was given. Nothing for 0. */
void store_answered(struct store *store, uint32_t *handle);
static inline bool store_is_changed(const struct store *store)
{
    return store->count > 0 || store->word_count > 0;
}

/* The next record of that kind behind *handle (0 at the beginning). False at the end. */
bool store_next(const struct store *store, uint32_t kind, uint32_t *handle);
uint32_t store_id(const struct store *store, uint32_t handle);
size_t store_size(const struct store *store, uint32_t handle);
/* Copies up to 'size' bytes of the record. Returns how many. */
size_t store_read(const struct store *store, uint32_t handle, void *to, size_t size);
/* The same of a record that must have exactly 'size' bytes. False when it has not. */
bool store_read_whole(const struct store *store, uint32_t handle, void *to, size_t size);
/* The answer to the request 'tag', with what follows it in 'bytes'. Returns its handle, or 0. */
uint32_t store_find_answer(const struct store *store, uint64_t tag, struct store_answer *answer,
                           uint8_t bytes[static STORE_MAX_ANSWER]);

#endif

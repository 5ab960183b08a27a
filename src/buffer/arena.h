/* SPDX-License-Identifier: MIT */
#ifndef BUFFER_ARENA_H
#define BUFFER_ARENA_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/range_set.h"
#include "base/shelf.h"
#include "buffer/buffer.h"

/*
 * One sealed sparse memfd, as large as the guest's window and mapped there once. A buffer that lies
 * in it is given to the guest by arithmetic: what is at an offset of the arena is at the same
 * offset of the window. Taking it back punches the hole, so that its bytes are gone and its memory
 * free.
 *
 * An arena buffer has no place until arena_place. Until then, or after another buffer has
 * taken the place of an unmapped one, its bytes live in a memfd of its own (it is parked), and move
 * in when it is placed.
 *
 * Where the bytes of a buffer are is one word, which may lie where it outlives this process
 * (arena_track): it is changed when they have come to their new place, and before they leave the
 * old one. A memfd that it names is on the shelf.
 */
struct arena {
    int fd;                 /* owned */
    uint64_t size;          /* bytes */
    uint8_t *data;          /* the whole of it, mapped */
    struct range_set loans; /* struct arena_buffer::loan of every placed buffer */
    struct shelf *shelf;    /* borrowed, NULL: none */
};

struct arena_parked;

/* For what is inline here; 'base' is what everybody else sees. */
struct arena_buffer {
    struct buffer base;
    struct arena *arena;
    struct range loan; /* its place, while 'placed' */
    uint64_t *word;    /* see arena_track; NULL: nobody wants to know */
    struct arena_parked
        *parked; /* owned; NULL when placed, and as long as its bytes are all zeros */
    int slot;    /* see arena_slot */
    bool placed;
    bool pinned;
};

static inline struct arena_buffer *arena_buffer_of(const struct buffer *buffer)
{
    return (struct arena_buffer *)(uintptr_t)buffer;
}

/* Takes ownership of 'fd', a memfd of 'size' bytes, even on error. Returns 0 or -errno. */
int arena_init(struct arena *arena, int fd, uint64_t size);
/* Unmaps and closes it. No buffer of it may be left. */
void arena_finish(struct arena *arena);

/* A buffer of 'size' bytes (rounded up to pages) without a place; costs no memory. NULL with errno
 * set. */
struct buffer *arena_buffer_create(struct arena *arena, uint64_t size);

/* The word that says where the bytes are: is written at once, and at every change. Borrowed until
 * the buffer ends, or NULL. */
void arena_track(struct buffer *buffer, uint64_t *word);
/* The word of a buffer whose place is at 'offset'. */
uint64_t arena_word(uint64_t offset);
/* The buffer that had 'size' bytes where 'word' says; with zeros where it says that there are none.
 * It is not pinned. NULL with errno set: EINVAL when nothing can be there, EEXIST when something
 * else is, ENOENT when its memfd is not on the shelf; ENOMEM. */
struct buffer *arena_buffer_restore(struct arena *arena, uint64_t size, uint64_t word);
/* Throws away the bytes that no buffer has: when all are restored. */
void arena_punch_gaps(struct arena *arena);

/* arena_place where it is not in its place already. */
int arena_move(struct arena *arena, struct buffer *buffer, uint64_t offset);

/*
 * Gives 'buffer' the place at 'offset' (page aligned) and pins it there: the guest may use it from
 * now on. A buffer that is not pinned gives way: it is parked. Moves the buffer's bytes along.
 * Pinning what is pinned at the same place is nothing. Returns 0; -EINVAL when it does not fit the
 * arena or is not page aligned; -EEXIST when a pinned buffer is in the way; -EBUSY when pinned
 * elsewhere; -ENOMEM.
 */
static inline int arena_place(struct arena *arena, struct buffer *buffer, uint64_t offset)
{
    struct arena_buffer *own = arena_buffer_of(buffer);

    if (buffer->kind != BUFFER_ARENA || own->arena != arena || !own->placed ||
        own->loan.start != offset)
        return arena_move(arena, buffer, offset);
    own->pinned = true;
    return 0;
}

/* The guest no longer uses it: it keeps its place and bytes until somebody else needs the place. */
static inline void arena_unpin(struct arena *arena, struct buffer *buffer)
{
    assert(arena_buffer_of(buffer)->arena == arena);
    arena_buffer_of(buffer)->pinned = false;
}

/* A number that whoever pins a buffer may keep with it; -1 before. */
static inline int arena_slot(const struct buffer *buffer)
{
    return arena_buffer_of(buffer)->slot;
}

static inline void arena_set_slot(struct buffer *buffer, int slot)
{
    arena_buffer_of(buffer)->slot = slot;
}

/* Where the buffer lies; false if it has no place. */
static inline bool arena_offset(const struct buffer *buffer, uint64_t *offset)
{
    if (buffer->kind != BUFFER_ARENA || !arena_buffer_of(buffer)->placed)
        return false;
    *offset = arena_buffer_of(buffer)->loan.start;
    return true;
}

/* Whether the guest may use it. */
static inline bool arena_pinned(const struct buffer *buffer)
{
    return buffer->kind == BUFFER_ARENA && arena_buffer_of(buffer)->pinned;
}

/* Throws away every byte of the arena: for a fresh driver, which must not see the last one's. Only
 * without loans. */
int arena_punch_all(struct arena *arena);

/* Calls 'each' for every placed buffer, by offset: it may unpin it, and not move it. */
void arena_each_loan(const struct arena *arena,
                     void (*each)(void *data, struct buffer *buffer, uint64_t offset), void *data);

#endif

/* SPDX-License-Identifier: MIT */
#ifndef BASE_SHELF_H
#define BASE_SHELF_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Where a worker leaves descriptors (memfds, dmabufs) for the one that comes after it: somebody
 * else holds a duplicate of each until it is dropped. The keys are to be written where they outlive
 * the worker as well (journal/store.h): first the descriptor is put, then its key is written; first
 * the key is erased, then the descriptor is dropped. What nobody claims is dropped by the shelf.
 */
struct shelf {
    /* Leaves a duplicate of 'fd' (borrowed). Returns its key, never 0; 0: it cannot be left, which
     * was said. */
    uint64_t (*put)(struct shelf *shelf, int fd);
    /* It is not needed any more. Nothing for 0. */
    void (*drop)(struct shelf *shelf, uint64_t key);
    /* What a worker before us left under 'key': a descriptor that the caller owns; it stays on the
     * shelf until it is dropped. -ENOENT when it is not there, or was taken. */
    int (*take)(struct shelf *shelf, uint64_t key);
};

static inline uint64_t shelf_put(struct shelf *shelf, int fd)
{
    return shelf != NULL ? shelf->put(shelf, fd) : 0;
}

static inline int shelf_take(struct shelf *shelf, uint64_t key)
{
    return shelf != NULL && key != 0 ? shelf->take(shelf, key) : -ENOENT;
}

static inline void shelf_drop(struct shelf *shelf, uint64_t key)
{
    if (shelf != NULL && key != 0)
        shelf->drop(shelf, key);
}

#endif

/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_STORE_FIXTURE_H
#define TESTS_UNIT_STORE_FIXTURE_H

/* A store for a test, of the real size and sparse, and what goes with it in a journal. */
#include "fd_count.h"

#include <string.h>
#include <sys/mman.h>

#include "journal/journal.h"

/* A store's memory, all zero. */
static inline void *store_memory_map(void)
{
    void *memory = mmap(NULL, STORE_SIZE, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    assert_true(memory != MAP_FAILED);
    return memory;
}

static inline void store_memory_unmap(void *memory)
{
    munmap(memory, STORE_SIZE);
}

/* What a worker leaves. */
struct store_fixture {
    void *memory;
    struct store store;
    struct journal_running running;
};

static inline void store_fixture_init(struct store_fixture *f)
{
    *f = (struct store_fixture){.memory = store_memory_map()};
    store_create(&f->store, f->memory);
}

static inline void store_fixture_finish(struct store_fixture *f)
{
    store_memory_unmap(f->memory);
}

/* The worker is dead: another one attaches the store. */
static inline void store_fixture_die(struct store_fixture *f)
{
    assert_int_equal(store_attach(&f->store, f->memory), 0);
}

/* How many records of that kind there are. */
static inline unsigned store_count(const struct store *store, uint32_t kind)
{
    uint32_t handle = 0;
    unsigned n = 0;

    while (store_next(store, kind, &handle))
        n++;
    return n;
}

#endif

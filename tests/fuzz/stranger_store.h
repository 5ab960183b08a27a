/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FUZZ_STRANGER_STORE_H
#define TESTS_FUZZ_STRANGER_STORE_H

/*
 * A store that a stranger has written, for a device that is to go on with it: records of the
 * device's kinds, whose numbers are near to what makes sense, then words of the memory itself. Also
 * a shelf with a few files on it.
 */
#include "fuzz.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../unit/ring_driver.h"
#include "base/fd.h"
#include "base/shelf.h"
#include "journal/journal.h"
#include "protocol/cursor.h"

#define STRANGER_FILES 4u
#define STRANGER_RECORDS 24u /* fewer are written */
#define STRANGER_WORDS 32u
#define STRANGER_RECORD_MAX 20000u
#define STRANGER_PAGE 4096u
#define STRANGER_CELLS 64u /* the first of them, whose words are changed at random */

struct stranger_store {
    struct shelf shelf; /* first */
    struct store store;
    struct journal_running running;
    void *memory;
    int files[STRANGER_FILES]; /* by key - 1; owned; -1: taken */
};

static inline uint64_t stranger_shelf_takes(struct shelf *shelf, int fd)
{
    return STRANGER_FILES + 1; /* of a file that nobody will ask for */
}

static inline void stranger_shelf_drops(struct shelf *shelf, uint64_t key)
{
}

static inline int stranger_shelf_gives(struct shelf *shelf, uint64_t key)
{
    struct stranger_store *s = (struct stranger_store *)shelf;
    int fd = key >= 1 && key <= STRANGER_FILES ? s->files[key - 1] : -1;

    if (fd < 0)
        return -ENOENT;
    s->files[key - 1] = -1;
    return fd;
}

/* A word of a record: mostly one that is small, or a place or size of pages. */
static inline uint32_t stranger_word(struct reader *r)
{
    static const uint32_t odd[] = {UINT32_MAX, INT32_MAX, 0x80000000u, 4095, 4097, 0x10000, 0xfff0};
    uint8_t choice = reader_u8(r);

    if (choice < 96)
        return 0;
    if (choice < 192)
        return choice % 16;
    if (choice < 240)
        return choice % 24 * STRANGER_PAGE;
    if (choice < 252)
        return odd[choice % 7];
    return reader_u32(r);
}

/* One record, of the kind that the input says, mostly as long as such a one is. */
static inline void stranger_record(struct stranger_store *s, struct reader *r, const size_t *sizes,
                                   unsigned kinds)
{
    static uint32_t words[STRANGER_RECORD_MAX / 4];
    uint32_t kind = 1 + reader_u8(r) % (kinds + 1);
    size_t size = kind <= kinds ? sizes[kind - 1] : 8;
    uint8_t choice = reader_u8(r);

    if (choice % 16 == 15)
        size = reader_u8(r) * (choice < 128 ? 1u : 64u);
    memset(words, 0, size);
    for (size_t i = 0; i < size / 4 && i < 64; i++)
        words[i] = stranger_word(r);
    store_put(&s->store, kind, choice < 240 ? choice % 4u : stranger_word(r), words, size);
    if (choice & 16)
        store_commit(&s->store);
}

/* An empty one. */
static inline void stranger_store_init(struct stranger_store *s)
{
    memset(s, 0, sizeof(*s));
    s->shelf = (struct shelf){stranger_shelf_takes, stranger_shelf_drops, stranger_shelf_gives};
    s->memory = mmap(NULL, STORE_SIZE, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    RING_DRIVER_MUST(s->memory != MAP_FAILED);
    store_create(&s->store, s->memory);
    for (unsigned i = 0; i < STRANGER_FILES; i++)
        s->files[i] = fd_memfd("shelved", (i + 1) * STRANGER_PAGE * 4);
}

/* Writes what the input says, of which it takes a part. 'sizes': of the records of kinds 1 to
 * 'kinds'. */
static inline void stranger_store_write(struct stranger_store *s, struct reader *r,
                                        const size_t *sizes, unsigned kinds)
{
    unsigned records = reader_u8(r) % STRANGER_RECORDS, words = reader_u8(r) % STRANGER_WORDS;
    uint32_t *memory = s->memory;

    for (unsigned i = 0; i < records; i++)
        stranger_record(s, r, sizes, kinds);
    store_commit(&s->store);
    s->running = (struct journal_running){.tag = reader_u8(r) % 4u, .life = reader_u8(r) % 4u};
    for (unsigned i = 0; i < words; i++)
        memory[reader_u32(r) % (STRANGER_CELLS * sizeof(struct store_cell) / 4)] = stranger_word(r);
}

static inline void stranger_store_finish(struct stranger_store *s)
{
    for (unsigned i = 0; i < STRANGER_FILES; i++)
        fd_close(&s->files[i]);
    munmap(s->memory, STORE_SIZE);
}

#endif

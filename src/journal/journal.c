/* SPDX-License-Identifier: MIT */
#include "journal/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/units.h"

static uint64_t page_rounded_size(void)
{
    uint64_t size = sizeof(struct journal_page);
    units_round_up(size, units_page_size(), &size);
    return size;
}

static uint64_t file_size(void)
{
    return page_rounded_size() + STORE_SIZE;
}

static void *store_memory(const struct journal *journal)
{
    return (uint8_t *)journal->page + page_rounded_size();
}

static int map_page(struct journal *journal)
{
    void *page =
        mmap(NULL, file_size(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, journal->fd, 0);

    if (page == MAP_FAILED)
        return -errno;
    journal->page = page;
    return 0;
}

int journal_create(struct journal *journal)
{
    int r;

    *journal = (struct journal){.fd = fd_memfd("hostblob-journal", file_size())};
    if (journal->fd < 0)
        return journal->fd;
    r = map_page(journal);
    if (r < 0) {
        fd_close(&journal->fd);
        return r;
    }
    store_create(&journal->store, store_memory(journal));
    journal->page->version = JOURNAL_VERSION;
    journal->page->size = sizeof(struct journal_page);
    __atomic_store_n(&journal->page->magic, JOURNAL_MAGIC, __ATOMIC_RELEASE);
    return 0;
}

static bool has_room(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && (uint64_t)st.st_size >= file_size();
}

static bool is_ours(const struct journal_page *page)
{
    return __atomic_load_n(&page->magic, __ATOMIC_ACQUIRE) == JOURNAL_MAGIC &&
           page->version == JOURNAL_VERSION && page->size == sizeof(*page);
}

int journal_attach(struct journal *journal, int fd)
{
    int r;

    *journal = (struct journal){.fd = fd};
    r = has_room(fd) ? map_page(journal) : -EPROTO;
    if (r == 0 && !is_ours(journal->page))
        r = -EPROTO;
    if (r == 0)
        r = store_attach(&journal->store, store_memory(journal));
    if (r < 0)
        journal_finish(journal);
    else
        stats_add(&journal->page->lives, 1);
    return r;
}

/* Else an access could fault. */
static bool is_sealed(int fd)
{
    int seals = fcntl(fd, F_GET_SEALS);
    return seals >= 0 && (seals & F_SEAL_SHRINK) != 0;
}

int journal_adopt(struct journal *journal, int fd)
{
    int r;

    *journal = (struct journal){.fd = fd};
    r = has_room(fd) && is_sealed(fd) ? map_page(journal) : -EPROTO;
    if (r == 0 && !is_ours(journal->page))
        r = -EPROTO;
    if (r == 0)
        r = store_adopt(&journal->store, store_memory(journal));
    if (r < 0)
        journal_finish(journal);
    return r;
}

void journal_finish(struct journal *journal)
{
    if (journal->page != NULL)
        munmap(journal->page, file_size());
    journal->page = NULL;
    fd_close(&journal->fd);
}

void journal_rings_clear(struct journal *journal)
{
    for (unsigned i = 0; i < JOURNAL_RINGS; i++) {
        struct journal_ring *ring = &journal->page->rings[i];

        ring->started = ring->enabled = ring->size = 0;
        ring->desc = ring->avail = ring->used = 0;
    }
}

void journal_rings_void(struct journal *journal)
{
    for (unsigned i = 0; i < JOURNAL_RINGS; i++)
        ring_record_void(&journal->page->rings[i].record);
}

/* -ENOSPC when all are in use. */
static int free_slot(struct journal *journal)
{
    uint32_t slot = journal->free_loan;

    if (slot != 0) {
        journal->free_loan = journal->page->loans[--slot].next;
        return (int)slot;
    }
    return journal->new_loan < JOURNAL_LOANS ? (int)journal->new_loan++ : -ENOSPC;
}

int journal_loan_put(struct journal *journal, uint32_t kind, uint32_t id, uint32_t owner,
                     uint64_t offset, uint64_t size)
{
    int slot = free_slot(journal);
    struct journal_loan *loan;

    if (slot < 0)
        return slot;
    loan = &journal->page->loans[slot];
    loan->kind = kind;
    loan->id = id;
    loan->offset = offset;
    loan->size = size;
    loan->owner = owner;
    loan->since_ns = units_tick_ns();
    __atomic_store_n(&loan->valid, 1, __ATOMIC_RELEASE);
    if (journal->page->loans_high <= (uint32_t)slot)
        __atomic_store_n(&journal->page->loans_high, (uint32_t)slot + 1, __ATOMIC_RELEASE);
    return slot;
}

void journal_loan_name(struct journal *journal, int slot, uint32_t id, uint32_t owner)
{
    struct journal_loan *loan = &journal->page->loans[slot];

    __atomic_store_n(&loan->valid, 0, __ATOMIC_RELEASE);
    loan->id = id;
    loan->owner = owner;
    __atomic_store_n(&loan->valid, 1, __ATOMIC_RELEASE);
}

void journal_loan_erase(struct journal *journal, int slot)
{
    struct journal_loan *loan = &journal->page->loans[slot];

    __atomic_store_n(&loan->valid, 0, __ATOMIC_RELEASE);
    loan->next = journal->free_loan;
    journal->free_loan = (uint32_t)slot + 1;
}

void journal_clear(struct journal *journal)
{
    for (uint32_t i = 0; i < journal->page->loans_high && i < JOURNAL_LOANS; i++)
        __atomic_store_n(&journal->page->loans[i].valid, 0, __ATOMIC_RELEASE);
    journal->page->loans_high = 0;
    journal->free_loan = journal->new_loan = 0;
    memset(&journal->page->census, 0, sizeof(journal->page->census));
}

void journal_forget(struct journal *journal)
{
    uint64_t kept = page_rounded_size() + units_page_size(); /* the store's head */

    store_clear(&journal->store);
    /* It reads as zeros and costs nothing; if it cannot be, it only costs. */
    if (fallocate(journal->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)kept,
                  (off_t)(file_size() - kept)) < 0)
        log_debug("The journal keeps its memory: %s.", strerror(errno));
}

bool journal_loan_next(const struct journal *journal, uint32_t *slot, struct journal_loan *loan)
{
    uint32_t high = __atomic_load_n(&journal->page->loans_high, __ATOMIC_ACQUIRE);

    for (; *slot < high && *slot < JOURNAL_LOANS; (*slot)++) {
        const struct journal_loan *at = &journal->page->loans[*slot];
        if (!__atomic_load_n(&at->valid, __ATOMIC_ACQUIRE))
            continue;
        *loan = *at;
        (*slot)++;
        return true;
    }
    return false;
}

/* SPDX-License-Identifier: MIT */
#ifndef SHM_SHM_LEDGER_H
#define SHM_SHM_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/range_set.h"

/* The one VIRTIO shared memory region that a device has: the guest's window. */
struct shm_region {
    uint8_t shmid;
    uint64_t size; /* bytes, a power of two, at least SHM_REGION_MIN */
};

/* Smaller ones cannot be placed in a PCI BAR on hosts with 64 KiB pages. */
#define SHM_REGION_MIN (64u * 1024u)

/* NULL if 'size' can be the size of a region, else a sentence that says why not. */
const char *shm_region_check(uint64_t size);

/*
 * Every mapping that the front-end has, or may have, of ours:
 *
 *     asked -> mapped -> leaving -> gone
 *
 * It is asked when the request is sent, mapped when the answer says so, leaving when the
 * unmapping is sent, and gone (no longer in the ledger) when that is answered. A mapping holds its
 * descriptor until it is gone: so nothing that a guest can still reach is freed. A range is free
 * again only when its mapping is gone.
 *
 * An unmapping that could not be sent, because the rings stopped first, leaves the mapping
 * 'doubtful': it is still there and has to be asked for again. A mapping whose owner is gone is an
 * 'orphan': to be unmapped as soon as that is possible.
 */
enum shm_state { SHM_ASKED, SHM_MAPPED, SHM_LEAVING };

struct shm_mapping {
    struct range range; // shm_ledger::set: where it lies in the window
    enum shm_state state;
    bool doubtful;
    bool orphan;     /* its owner is gone: to be unmapped when that is possible */
    bool told;       /* its owner knows that it is mapped */
    bool bequeathed; /* its owner died; the next one has not said that it is his */
    int fd;          /* owned */
    uint64_t fd_offset;
    uint64_t ticket;   /* its owner's name for the request under way */
    uint64_t serial;   /* tells it from every other that was ever at its place */
    uint64_t since_ns; /* when it was mapped, for people; 0: it never was */
    uint32_t id;       /* for people */
};

struct shm_ledger {
    struct shm_region region;
    struct range_set set;
    uint64_t last_serial;
};

/* What is to be mapped. */
struct shm_wish {
    uint64_t offset; /* in the window */
    uint64_t size;
    uint64_t fd_offset;
    uint64_t ticket;
    uint32_t id;
};

void shm_ledger_init(struct shm_ledger *ledger, struct shm_region region);
/* Closes every descriptor: for when the front-end is gone. */
void shm_ledger_finish(struct shm_ledger *ledger);

/*
 * Checks a wish against all that a front-end might refuse, and enters it as asked. Takes ownership
 * of 'fd' even on error. -EINVAL: empty, not page aligned, outside the region, past the end of the
 * file, or not open for reading and writing; -EEXIST: overlaps a mapping; -ENOMEM; -EMFILE: this
 * process would run out of descriptors.
 */
int shm_ledger_ask(struct shm_ledger *ledger, const struct shm_wish *wish, int fd,
                   struct shm_mapping **mapping);
/* The mapping of exactly that range, or NULL. */
struct shm_mapping *shm_ledger_find(const struct shm_ledger *ledger, uint64_t offset,
                                    uint64_t size);
void shm_ledger_mapped(struct shm_mapping *mapping);
void shm_ledger_leaving(struct shm_mapping *mapping, uint64_t ticket);
/* Takes it out of the ledger, closes its descriptor and frees it. */
void shm_ledger_gone(struct shm_ledger *ledger, struct shm_mapping *mapping);

/* In order of their offsets; NULL at the end. */
struct shm_mapping *shm_ledger_first(const struct shm_ledger *ledger);
struct shm_mapping *shm_ledger_next(struct shm_mapping *mapping);
/* "asked", "mapped" or "leaving" */
const char *shm_state_name(enum shm_state state);

#endif

/* SPDX-License-Identifier: MIT */
#ifndef JOURNAL_JOURNAL_H
#define JOURNAL_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/histogram.h"
#include "base/quota.h"
#include "base/ring_record.h"
#include "base/stats.h"
#include "journal/store.h"

/*
 * What a device's two processes know together: a memfd that the door makes, that both map, and
 * that outlives the worker. Plain fixed structs. Each field has one writer, named below, and
 * is written so that a reader who comes after the writer's death at any instant finds a
 * consistent state: a record is filled first and made valid last, by one store (release), and
 * made invalid before it is changed.
 */
#define JOURNAL_MAGIC 0x4c4e524a424f4248ull /* "HBOBJRNL" */
#define JOURNAL_VERSION 5u
#define JOURNAL_RINGS 4u
#define JOURNAL_LOANS 16384u

/* One ring. The door writes what the front-end said of it, the worker how far it has come. Most of
 * the record is for the heads of a large ring, and takes no memory where the ring is small. */
struct journal_ring {
    uint32_t started; /* door */
    uint32_t enabled; /* door */
    uint32_t size;    /* door: entries */
    uint32_t pad;
    uint64_t desc, avail, used; /* door: front-end's virtual addresses */
    struct ring_record record; /* worker: which requests are in flight; the door, when it is dead */
};

/* One buffer in the guest's window; the worker writes them. */
struct journal_loan {
    uint32_t valid;  /* 1: the other fields hold */
    uint32_t kind;   /* enum buffer_kind */
    uint32_t id;     /* the device's name for the buffer */
    uint32_t next;   /* of one that was erased: see journal::free_loan. The writer's alone */
    uint64_t offset; /* in the window */
    uint64_t size;
    uint64_t since_ns; /* when it came there: CLOCK_MONOTONIC */
    uint32_t owner;    /* whose it is: the device's name for a context or session; 0: nobody's */
    uint32_t pad;
};

_Static_assert(sizeof(struct journal_loan) == 48, "its size is part of JOURNAL_VERSION");

/* The request that the worker carries out at this moment; the worker writes it, and the one after
 * it reads what the death was about. */
struct journal_running {
    uint64_t tag;  /* of the request, unique; 0: none. It is set last, and cleared first */
    uint64_t life; /* of the worker, see journal_page */
    uint32_t type; /* the rest is the device's, for people */
    uint32_t context;
    uint32_t resource;
    uint32_t pad;
};

/* 'what' is carried out from now on; NULL: nothing is. Nothing for a NULL 'running'. */
static inline void journal_runs(struct journal_running *running, const struct journal_running *what)
{
    if (running == NULL)
        return;
    __atomic_store_n(&running->tag, 0, __ATOMIC_RELEASE);
    if (what == NULL)
        return;
    running->life = what->life;
    running->type = what->type;
    running->context = what->context;
    running->resource = what->resource;
    __atomic_store_n(&running->tag, what->tag, __ATOMIC_RELEASE);
}

/*
 * What a person has changed at a device that runs, for the workers to come and for the programs
 * after an upgrade. The door writes it; the worker could too, so it believes no more than a range.
 */
struct journal_settings {
    uint32_t log_level;          /* 1 + enum log_level; 0: as it was started */
    uint32_t poll;               /* 1 + microseconds; 0: as it was started */
    uint64_t limits[QUOTAS_MAX]; /* in the order of the device's table; 0: as it was started */
};

/* How long the front-end took to answer, from our wish to its answer. The door writes it. */
struct journal_latencies {
    struct histogram map;
    struct histogram unmap;
};

struct journal_page {
    uint64_t magic;
    uint32_t version;
    uint32_t size;              /* bytes of this struct */
    uint64_t features;          /* door: negotiated virtio features */
    uint64_t protocol_features; /* door */
    struct journal_ring rings[JOURNAL_RINGS];
    uint64_t lives; /* workers that took the journal over; each adds one */
    struct journal_running running;
    struct stats stats;                      /* each counter by the one who counts */
    struct journal_latencies latencies;      /* door */
    struct journal_settings settings;        /* door */
    struct device_census census;             /* worker */
    struct quota_numbers quotas[QUOTAS_MAX]; /* worker, in the order of the device's table */
    uint32_t loans_high;                     /* worker: no loan at or above this index */
    uint32_t resume_tries; /* worker: that ended because they could not bring all back */
    struct journal_loan loans[JOURNAL_LOANS];
};

struct journal {
    int fd; /* owned; -1 when detached */
    struct journal_page *page;
    struct store store; /* what the device leaves to its successor: behind the page in the file */
    /* The writer of the loans knows which are free: those that it erased, the last one first, and
     * all from 'new_loan' on. */
    uint32_t free_loan; /* 1 + its slot; 0: none */
    uint32_t new_loan;
};

/* The door: a new, empty journal. 0 or -errno. */
int journal_create(struct journal *journal);
/* The worker: takes ownership of 'fd' even on error, checks magic, version and size. 0; -EPROTO
 * when it is of another kind; -errno. */
int journal_attach(struct journal *journal, int fd);
/* The door: goes on with one that another process made, which stays as it is. Takes ownership of
 * 'fd' even on error. 0; -EPROTO when it is of another kind, or could be cut short; -errno. */
int journal_adopt(struct journal *journal, int fd);
void journal_finish(struct journal *journal);

/* The front-end is gone: nothing is said of any ring. What is in flight is not touched. */
void journal_rings_clear(struct journal *journal);
/* The worker is dead, and nobody will answer what was in flight. */
void journal_rings_void(struct journal *journal);

/* Notes a buffer in the window, since now. Returns its slot, or -ENOSPC when JOURNAL_LOANS are
 * there. */
int journal_loan_put(struct journal *journal, uint32_t kind, uint32_t id, uint32_t owner,
                     uint64_t offset, uint64_t size);
/* It is another's, or goes by another id. */
void journal_loan_name(struct journal *journal, int slot, uint32_t id, uint32_t owner);
void journal_loan_erase(struct journal *journal, int slot);
/* Forgets all loans and the census: a fresh driver, or a new worker. */
void journal_clear(struct journal *journal);
/* Forgets what the device left: the driver that it was for is gone. */
void journal_forget(struct journal *journal);
/* Copies the valid loan at or after *slot to 'loan' and sets *slot behind it. False at the end. */
bool journal_loan_next(const struct journal *journal, uint32_t *slot, struct journal_loan *loan);

#endif

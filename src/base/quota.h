/* SPDX-License-Identifier: MIT */
#ifndef BASE_QUOTA_H
#define BASE_QUOTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"

/*
 * How much of one thing the guest may have of the host. Whatever a guest can make a device hold is
 * taken from a quota first, and given back where it ends. Over the limit the guest gets an error,
 * and the log one line that says why and how to allow more. Any thread may take and give, unless
 * the row says otherwise.
 */

/* What is shown of it: in memory that the device's processes share, and that outlives the worker,
 * which writes it. */
struct quota_numbers {
    uint64_t used;
    uint64_t peak; /* the most that was ever used, also by workers before this one */
    uint64_t limit;
    uint64_t refused; /* how often the guest asked for more */
};

struct quota {
    const struct quota_row *row;   /* borrowed */
    struct quota_numbers *numbers; /* borrowed */
    struct log_limit log;
    bool logging;   /* some thread is; atomic */
    bool overdrawn; /* more was given back than was taken: a fault of ours; atomic */
};

#define QUOTAS_MAX 12u /* that a kind of device has */

/* One row of a device's table of quotas; the device's quotas lie in the same order. */
struct quota_row {
    const char *name;   /* "memory": of --limit and the report */
    bool bytes;         /* counted in bytes, else in pieces */
    bool one_thread;    /* only one takes and gives, which costs less */
    uint64_t most;      /* the default */
    uint64_t windows;   /* which is at least so many times the guest's window */
    uint64_t least;     /* what a person may choose; 0: 64 KiB, or 1 piece */
    const char *answer; /* what the guest gets over it */
    const char *what;   /* for people: what is counted, and why the default is enough */
};

/* Takes 'n'. 0; -EDQUOT, counted and logged, when that is more than there may be. */
int quota_take(struct quota *quota, uint64_t n);
/* Gives back 'n' of what was taken. If that is more, which no guest can bring about unless the
 * device counts wrongly, nothing is in use any more, and the log says so once. */
void quota_give(struct quota *quota, uint64_t n);

static inline uint64_t quota_used(const struct quota *quota)
{
    return __atomic_load_n(&quota->numbers->used, __ATOMIC_RELAXED);
}

static inline uint64_t quota_limit(const struct quota *quota)
{
    return __atomic_load_n(&quota->numbers->limit, __ATOMIC_RELAXED);
}

/* Whether 'n' more could be taken; nothing is counted. */
static inline bool quota_fits(const struct quota *quota, uint64_t n)
{
    uint64_t limit = quota_limit(quota), used = quota_used(quota);

    return used <= limit && n <= limit - used;
}

/* Writes "1G" where bytes are counted, else "65536". */
void quota_format(bool bytes, uint64_t n, char text[static 24]);

/* For a new worker: quotas as the rows say, which end with a NULL name, and nothing used. The
 * limits are the 'chosen' ones (of quotas_parse; NULL: none is), or the defaults for a window of
 * 'window' bytes. */
void quotas_init(struct quota *quotas, const struct quota_row *rows, struct quota_numbers *numbers,
                 uint64_t window, const uint64_t *chosen);
/* The default of a row. */
uint64_t quota_default(const struct quota_row *row, uint64_t window);
/* Reads "memory=2G" into chosen[row], which is 0 for the default. NULL, or a sentence, valid until
 * the next call, that says what would be right. */
const char *quotas_parse(const struct quota_row *rows, const char *text, uint64_t *chosen);

#endif

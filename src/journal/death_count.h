/* SPDX-License-Identifier: MIT */
#ifndef JOURNAL_DEATH_COUNT_H
#define JOURNAL_DEATH_COUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "journal/journal.h"

/* As many workers may die at one request; the next one answers it with an error. */
#define DEATH_COUNT_MAX 2u

/* What the store keeps of it. */
struct death_note {
    uint64_t tag;  /* of the request */
    uint64_t life; /* of the worker that died at it last */
    uint64_t count;
};

/* How often workers have died at the request that the last of them died at. */
struct death_count {
    struct death_note note;
    uint32_t record; /* in the store; 0: nobody died */
};

/* Reads the record of that kind in 'store'. If the worker before this one died while it carried
 * something out ('running' names it; NULL is nothing), counts that, once for each life, and writes
 * it down at once. 'life' is this worker's own. True: a death was counted, which is to be said. */
bool death_count_init(struct death_count *count, struct store *store, uint32_t kind,
                      const struct journal_running *running, uint64_t life);
/* What becomes of the request: the end of a sentence for people. */
const char *death_count_verdict(const struct death_count *count);
/* Whether too many died at the request 'tag' (0: of none), which a worker before this one took. */
bool death_count_is_poison(const struct death_count *count, uint64_t tag);

#endif

/* SPDX-License-Identifier: MIT */
#include "base/log.h"
#include "worker/worker_parts.h"

#define NS_PER_US UINT64_C(1000)
#define MOST_POLL_US 1000u

static void take_poll(struct worker *w, uint32_t poll)
{
    uint64_t limit = poll > 0 ? (poll - 1) * NS_PER_US : w->poll.span.limit;

    if (poll <= MOST_POLL_US + 1 && limit != w->poll.span.limit)
        poll_span_init(&w->poll.span, limit);
}

void worker_take_settings(struct worker *w)
{
    const struct journal_settings *settings = &w->journal.page->settings;
    uint32_t level = settings->log_level;

    if (level > 0 && level <= LOG_LEVEL_DEBUG + 1u)
        log_set_level((enum log_level)(level - 1));
    take_poll(w, settings->poll);
    for (unsigned i = 0; i < QUOTAS_MAX && w->quotas[i].row != NULL; i++)
        if (settings->limits[i] > 0)
            __atomic_store_n(&w->quotas[i].numbers->limit, settings->limits[i], __ATOMIC_RELAXED);
}

/* SPDX-License-Identifier: MIT */
#include "base/stats.h"

void stats_each(const struct stats *stats,
                void (*each)(void *data, const char *name, uint64_t value), void *data)
{
#define STATS_EACH(name) each(data, #name, __atomic_load_n(&stats->name, __ATOMIC_RELAXED));
    STATS_LIST(STATS_EACH)
#undef STATS_EACH
}

/* SPDX-License-Identifier: MIT */
#include "base/quota.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"

#define LEAST_BYTES 65536u

static uint64_t get(const uint64_t *field)
{
    return __atomic_load_n(field, __ATOMIC_RELAXED);
}

static inline bool swap(const struct quota *quota, uint64_t *field, uint64_t *old, uint64_t new)
{
    if (quota->row->one_thread) {
        __atomic_store_n(field, new, __ATOMIC_RELAXED);
        return true;
    }
    return __atomic_compare_exchange_n(field, old, new, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

static bool fits(uint64_t limit, uint64_t used, uint64_t n)
{
    return used <= limit && n <= limit - used;
}

/* Not for a stranger's mistake: a desktop may well come here, and then its user has to know. */
static __attribute__((noinline)) int refuse(struct quota *quota, uint64_t used, uint64_t n)
{
    const struct quota_row *row = quota->row;
    char had[24], limit[24], more[24];

    __atomic_fetch_add(&quota->numbers->refused, 1, __ATOMIC_RELAXED);
    if (__atomic_exchange_n(&quota->logging, true, __ATOMIC_ACQUIRE))
        return -EDQUOT;
    quota_format(row->bytes, used, had);
    quota_format(row->bytes, quota_limit(quota), limit);
    quota_format(row->bytes, n, more);
    if (log_limit_allows(&quota->log))
        log_warning("The guest is refused %s more %s: it has %s of %s. --limit=%s=N lets it have "
                    "more.",
                    more, row->name, had, limit, row->name);
    __atomic_store_n(&quota->logging, false, __ATOMIC_RELEASE);
    return -EDQUOT;
}

int quota_take(struct quota *quota, uint64_t n)
{
    struct quota_numbers *numbers = quota->numbers;
    uint64_t limit = quota_limit(quota), used = quota_used(quota), peak;

    do {
        if (!fits(limit, used, n))
            return refuse(quota, used, n);
    } while (!swap(quota, &numbers->used, &used, used + n));
    peak = get(&numbers->peak);
    while (peak < used + n && !swap(quota, &numbers->peak, &peak, used + n))
        ;
    return 0;
}

void quota_give(struct quota *quota, uint64_t n)
{
    uint64_t used = quota_used(quota);

    while (!swap(quota, &quota->numbers->used, &used, n < used ? used - n : 0))
        ;
    if (n > used && !__atomic_exchange_n(&quota->overdrawn, true, __ATOMIC_RELAXED))
        log_error("The device has given back %llu of %s where it had only %llu: it has counted "
                  "wrongly, and the limit is not exact from now on.",
                  (unsigned long long)n, quota->row->name, (unsigned long long)used);
}

void quota_format(bool bytes, uint64_t n, char text[static 24])
{
    if (bytes)
        units_format_size(n, text);
    else
        snprintf(text, 24, "%llu", (unsigned long long)n);
}

uint64_t quota_default(const struct quota_row *row, uint64_t window)
{
    uint64_t windows;

    if (__builtin_mul_overflow(window, row->windows, &windows))
        windows = UINT64_MAX;
    return windows > row->most ? windows : row->most;
}

void quotas_init(struct quota *quotas, const struct quota_row *rows, struct quota_numbers *numbers,
                 uint64_t window, const uint64_t *chosen)
{
    for (unsigned i = 0; rows[i].name != NULL; i++) {
        assert(i < QUOTAS_MAX);
        quotas[i] = (struct quota){.row = &rows[i], .numbers = &numbers[i]};
        numbers[i].limit =
            chosen != NULL && chosen[i] != 0 ? chosen[i] : quota_default(&rows[i], window);
        numbers[i].used = 0;
    }
}

/* ---- the option ---- */

static char sentence[320];

static const char *no_such_name(const struct quota_row *rows)
{
    size_t n = (size_t)snprintf(sentence, sizeof(sentence), "it must be NAME=NUMBER, and NAME is");

    for (unsigned i = 0; rows[i].name != NULL && n < sizeof(sentence); i++)
        n += (size_t)snprintf(sentence + n, sizeof(sentence) - n, "%s %s", i == 0 ? "" : ",",
                              rows[i].name);
    return sentence;
}

static const char *no_such_value(const struct quota_row *row, uint64_t least)
{
    char text[24];

    quota_format(row->bytes, least, text);
    snprintf(sentence, sizeof(sentence), "%s must be %s, at least %s", row->name,
             row->bytes ? "a size with a unit such as 256M" : "a number", text);
    return sentence;
}

const char *quotas_parse(const struct quota_row *rows, const char *text, uint64_t *chosen)
{
    size_t length = strcspn(text, "=");
    const struct quota_row *row = rows;
    uint64_t value, least;

    while (row->name != NULL &&
           (strlen(row->name) != length || strncmp(row->name, text, length) != 0))
        row++;
    if (row->name == NULL || text[length] == '\0')
        return no_such_name(rows);
    least = row->least != 0 ? row->least : row->bytes ? LEAST_BYTES : 1;
    if (units_parse_size(text + length + 1, &value) < 0 || value < least)
        return no_such_value(row, least);
    chosen[row - rows] = value;
    return NULL;
}

/* SPDX-License-Identifier: MIT */
#include "base/units.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char suffixes[] = "KMGT";

/* Reads the digits at *text and passes over them. */
static int parse_digits(const char **text, uint64_t *value)
{
    const char *at = *text;

    *value = 0;
    if (*at < '0' || *at > '9')
        return -EINVAL;
    for (; *at >= '0' && *at <= '9'; at++) {
        if (__builtin_mul_overflow(*value, 10u, value) ||
            __builtin_add_overflow(*value, (uint64_t)(*at - '0'), value))
            return -ERANGE;
    }
    *text = at;
    return 0;
}

bool units_parse_number(const char *text, unsigned least, unsigned most, unsigned *number)
{
    uint64_t value;

    if (parse_digits(&text, &value) < 0 || *text != '\0' || value < least || value > most)
        return false;
    *number = (unsigned)value;
    return true;
}

int units_parse_size(const char *text, uint64_t *bytes)
{
    const char *suffix;
    uint64_t value;
    unsigned shift = 0;
    int ret = parse_digits(&text, &value);

    if (ret < 0)
        return ret;
    if (*text != '\0') {
        suffix = strchr(suffixes, *text == 'k' ? 'K' : *text);
        if (suffix == NULL || (text[1] != '\0' && strcmp(text + 1, "iB") != 0))
            return -EINVAL;
        shift = 10 * (unsigned)(suffix - suffixes + 1);
    }
    if (value > UINT64_MAX >> shift)
        return -ERANGE;
    *bytes = value << shift;
    return 0;
}

void units_format_size(uint64_t bytes, char text[static 24])
{
    int unit = -1;

    while (bytes != 0 && bytes % 1024 == 0 && suffixes[unit + 1] != '\0') {
        bytes /= 1024;
        unit++;
    }
    if (unit < 0)
        snprintf(text, 24, "%" PRIu64, bytes);
    else
        snprintf(text, 24, "%" PRIu64 "%c", bytes, suffixes[unit]);
}

uint64_t units_page_size(void)
{
    static uint64_t size;

    if (size == 0)
        size = (uint64_t)sysconf(_SC_PAGESIZE);
    return size;
}

bool units_round_up(uint64_t value, uint64_t align, uint64_t *rounded)
{
    uint64_t mask = align - 1;

    if (value > UINT64_MAX - mask)
        return false;
    *rounded = (value + mask) & ~mask;
    return true;
}

static uint64_t read_clock(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t units_now_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t units_tick_ns(void)
{
    return read_clock(CLOCK_MONOTONIC_COARSE);
}

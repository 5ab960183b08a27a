/* SPDX-License-Identifier: MIT */
#include "hostblob/backoff.h"

uint64_t backoff_next(struct backoff *b, uint64_t ran_us)
{
    if (b->last_us == 0 || ran_us >= BACKOFF_WELL_US)
        b->last_us = BACKOFF_FIRST_US;
    else
        b->last_us = b->last_us * 2 < BACKOFF_MOST_US ? b->last_us * 2 : BACKOFF_MOST_US;
    return b->last_us;
}

/* SPDX-License-Identifier: MIT */
#ifndef HOSTBLOB_BACKOFF_H
#define HOSTBLOB_BACKOFF_H

#include <stdint.h>

#define BACKOFF_FIRST_US UINT64_C(100000)
#define BACKOFF_MOST_US UINT64_C(30000000)
#define BACKOFF_WELL_US UINT64_C(30000000) /* whoever ran so long begins anew */

/* How long to wait before something that ended is started again: twice as long each time. */
struct backoff {
    uint64_t last_us; /* 0: it has not failed yet */
};

/* What it ended after, 'ran_us' of running well; the time to wait now. */
uint64_t backoff_next(struct backoff *backoff, uint64_t ran_us);

#endif

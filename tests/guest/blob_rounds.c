/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blob_card.h"
#include "blob_jobs.h"

/* One round: the first thing that is done with a new mapping is to write to it, as early as can
 * be; the host must see every word. Returns whether it does. */
static int round_good(struct blob_card *card, uint64_t seed, size_t size, uint64_t expected)
{
    struct blob blob;
    int rc = blob_create(card, &blob, size);

    if (rc != 0)
        blob_card_fail("round %llu: %s", (unsigned long long)seed, strerror(-rc));
    blob_map(card, &blob);
    blob_write(&blob, seed);
    uint64_t host = blob_host_sum(card, &blob, size);
    if (host != expected)
        printf("round %llu: %zu bytes, host's sum %llx instead of %llx, guest reads %zu words "
               "wrong\n",
               (unsigned long long)seed, size, (unsigned long long)host,
               (unsigned long long)expected, blob_wrong_words(&blob, seed));
    blob_destroy(card, &blob);
    return host == expected;
}

int blob_job_rounds(int argc, char **argv)
{
    unsigned count = argc > 1 ? (unsigned)atoi(argv[1]) : 10000;
    struct blob_card card;
    unsigned lost = 0;

    blob_card_open(&card);
    uint64_t start = blob_now_us();
    for (unsigned i = 0; i < count; i++) {
        /* 4 to 64 KiB; small ones often, since their write comes soonest after the map. */
        size_t size = (size_t)4096 << (i % 7 < 3 ? 0 : i % 5);
        lost += !round_good(&card, i, size, blob_expected_sum(i, size / 8));
        if ((i + 1) % 1000 == 0)
            printf("@@ progress=%u of=%u\n", i + 1, count);
    }
    blob_card_settle(&card);
    uint64_t took = blob_now_us() - start;
    blob_card_close(&card);
    printf("@@ rounds=%u lost=%u ms=%llu us_per_round=%llu\n", count, lost,
           (unsigned long long)took / 1000, (unsigned long long)took / (count ? count : 1));
    return lost != 0;
}

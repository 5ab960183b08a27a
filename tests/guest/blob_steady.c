/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "blob_card.h"
#include "blob_jobs.h"
#include "steady.h"

/* The job that goes on while workers die, and one beside it that needs no device. */

enum { MOST_KEPT = 8, KEPT_SIZE = 256 << 10, NAP_US = 10000 };

static void make(struct blob_card *card, struct blob *blob, size_t size, uint64_t seed)
{
    int rc = blob_create(card, blob, size);

    if (rc != 0)
        blob_card_fail("a blob of %zu bytes: %s", size, strerror(-rc));
    blob_map(card, blob);
    blob_write(blob, seed);
}

static bool guest_sees(const struct blob *blob, uint64_t seed)
{
    size_t wrong = blob_wrong_words(blob, seed);

    if (wrong != 0)
        printf("bad: %zu words of blob %u are wrong\n", wrong, blob->resource);
    return wrong == 0;
}

static bool host_sees(struct blob_card *card, const struct blob *blob, uint64_t seed)
{
    uint64_t sum = blob_host_sum(card, blob, blob->size);
    bool good = sum == blob_expected_sum(seed, blob->size / 8);

    if (!good)
        printf("bad: the host's sum of blob %u is %llx\n", blob->resource, (unsigned long long)sum);
    return good;
}

/* A new blob each time, written at once, seen by the host, and overwritten by it. */
static bool new_blob(struct blob_card *card, unsigned long turn)
{
    size_t size = (size_t)4096 << (turn % 7 < 3 ? 0 : turn % 5);
    struct blob blob;
    bool good;

    make(card, &blob, size, turn);
    good = host_sees(card, &blob, turn);
    blob_host_fill(card, &blob, ~(uint64_t)turn);
    good = guest_sees(&blob, ~(uint64_t)turn) && good;
    blob_destroy(card, &blob);
    return good;
}

/* One of those that are kept, with what the guest wrote into it at first. */
static bool kept_blob(struct blob_card *card, struct blob *kept, unsigned count, unsigned long turn)
{
    unsigned i = (unsigned)(turn / 2 % count);

    return guest_sees(&kept[i], i) && host_sees(card, &kept[i], i);
}

int blob_job_steady(int argc, char **argv)
{
    unsigned count = argc == 3 ? (unsigned)atoi(argv[2]) : 0;
    struct blob kept[MOST_KEPT];
    struct blob_card card;
    struct steady steady;
    bool good;

    if (count == 0 || count > MOST_KEPT)
        blob_card_fail("steady wants the file that ends it, and how many blobs to keep");
    blob_card_open(&card);
    for (unsigned i = 0; i < count; i++)
        make(&card, &kept[i], KEPT_SIZE, i);
    steady_init(&steady, "blobs", argv[1]);
    do {
        good = steady.units % 2 ? kept_blob(&card, kept, count, steady.units)
                                : new_blob(&card, steady.units);
    } while (steady_unit(&steady, good));
    for (unsigned i = 0; i < count; i++)
        blob_destroy(&card, &kept[i]);
    blob_card_settle(&card);
    blob_card_close(&card);
    return !steady_end(&steady);
}

int blob_job_clock(int argc, char **argv)
{
    struct steady steady;

    if (argc != 2)
        blob_card_fail("clock wants the file that ends it");
    steady_init(&steady, "clock", argv[1]);
    do {
        usleep(NAP_US);
    } while (steady_unit(&steady, true));
    return !steady_end(&steady);
}

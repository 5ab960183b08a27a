/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "blob_card.h"
#include "blob_jobs.h"

enum { MOST = 65536 };

/* Fills the window; each blob gets its own number as first and last word. Returns how many fit. */
static unsigned fill(struct blob_card *card, struct blob *blobs, size_t size)
{
    unsigned count = 0;

    for (; count < MOST; count++) {
        int rc = blob_create(card, &blobs[count], size);
        if (rc == -ENOSPC)
            return count;
        if (rc != 0)
            blob_card_fail("blob %u: %s", count, strerror(-rc));
        blob_map(card, &blobs[count]);
        blobs[count].words[0] = count;
        blobs[count].words[size / 8 - 1] = ~(uint64_t)count;
    }
    blob_card_fail("the window has no end");
}

/* The number of blobs in which not both the guest and the host find what fill() wrote. */
static unsigned bad_marks(struct blob_card *card, const struct blob *blobs, unsigned count,
                          size_t size)
{
    unsigned bad = 0;

    for (unsigned i = 0; i < count; i++) {
        const volatile uint64_t *words = blobs[i].words;
        uint64_t first = i;
        bad += words[0] != i || words[size / 8 - 1] != ~(uint64_t)i ||
               blob_host_sum(card, &blobs[i], 8) != memory_stream_sum(&first, 1);
    }
    return bad;
}

int blob_job_exhaust(int argc, char **argv)
{
    size_t size = (size_t)(argc > 1 ? atoi(argv[1]) : 1024) << 10;
    struct blob *blobs = calloc(MOST, sizeof(*blobs));
    struct blob_card card;
    unsigned counts[2], bad = 0;

    if (size == 0 || !blobs)
        blob_card_fail("exhaust wants a size in KiB");
    blob_card_open(&card);
    for (int turn = 0; turn < 2; turn++) {
        counts[turn] = fill(&card, blobs, size);
        bad += bad_marks(&card, blobs, counts[turn], size);
        for (unsigned i = 0; i < counts[turn]; i++)
            blob_destroy(&card, &blobs[i]);
        /* The kernel gives a place free again only after the device's answer. */
        blob_card_settle(&card);
    }
    blob_card_close(&card);
    free(blobs);
    printf("@@ first=%u second=%u bad=%u\n", counts[0], counts[1], bad);
    return !(counts[0] > 0 && counts[0] == counts[1] && bad == 0);
}

/* SPDX-License-Identifier: MIT */
#include "media_selftest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ROUNDS 600u /* more than twice around a ring of 256 */
#define BYTES 64u
#define CANARY 0xa5

struct rig {
    struct media_pci pci;
    struct media_dma dma;
    struct media_ring ring;
    uint8_t *bytes; /* a page, so that pieces can lie across its end in single pages */
    uint64_t changed;
};

/* One request of 'count' pieces, BYTES in all, in the middle of canaries. */
static int exchange(struct rig *rig, uint32_t round, unsigned count)
{
    struct media_piece pieces[8];
    struct media_done done;
    uint8_t *at = rig->bytes + 4096 - BYTES / 2;
    int rc;

    memset(rig->bytes, CANARY, 8192);
    for (unsigned i = 0; i < count; i++) {
        pieces[i].at = at + i * (BYTES / count);
        pieces[i].size = BYTES / count;
        pieces[i].write = true;
    }
    rc = media_ring_add(&rig->ring, pieces, count, round % 2, round);
    if (rc)
        return rc;
    media_ring_kick(&rig->ring);
    for (unsigned i = 0; i < 50000; i++) {
        rc = media_ring_take(&rig->ring, &done);
        if (rc)
            break;
        usleep(100);
    }
    if (rc <= 0)
        return rc ? rc : -ETIMEDOUT;
    if (done.token != round || !done.used || done.used > BYTES)
        return -EPROTO;
    /* Only what the device says it wrote may differ. */
    for (unsigned i = 0; i < 8192; i++) {
        unsigned in = (unsigned)(rig->bytes + i - at);

        if (rig->bytes[i] == CANARY)
            continue;
        if (rig->bytes + i < at || in >= done.used)
            return -EFAULT;
        rig->changed++;
    }
    return 0;
}

static int prepare(struct rig *rig, const struct media_driver_options *options)
{
    int rc = media_pci_open(&rig->pci, options->virtio_id);

    if (!rc)
        rc = media_pci_negotiate(&rig->pci, options->features);
    if (!rc)
        rc = media_dma_init(&rig->dma, (size_t)1 << 20, !options->small_pages);
    if (!rc)
        rc = media_ring_init(&rig->ring, &rig->pci, &rig->dma, 0);
    if (!rc) {
        rig->bytes = media_dma_alloc(&rig->dma, 8192, 4096);
        rc = rig->bytes ? media_pci_driver_ok(&rig->pci) : -ENOMEM;
    }
    return rc;
}

int media_selftest(const struct media_driver_options *options)
{
    static struct rig rig;
    uint32_t round = 0;
    int rc = prepare(&rig, options);

    for (; round < ROUNDS && !rc; round++)
        rc = exchange(&rig, round, 1 + round % 8);
    /* Of random bytes, one in 256 looks like the canary. */
    if (!rc && rig.changed < (uint64_t)ROUNDS * BYTES / 2)
        rc = -ENODATA;
    if (!rc)
        rc = media_dma_check(&rig.dma);
    printf("@@ rounds=%u changed=%llu features=%#llx huge=%d entries=%u kicks=%llu indirect=%llu\n",
           round, (unsigned long long)rig.changed, (unsigned long long)rig.pci.features,
           rig.dma.huge, rig.ring.size, (unsigned long long)rig.ring.kicks,
           (unsigned long long)rig.ring.indirects);
    media_pci_close(&rig.pci);
    media_dma_finish(&rig.dma);
    if (rc)
        fprintf(stderr, "media: selftest: round %u: %s\n", round, strerror(-rc));
    return rc != 0;
}

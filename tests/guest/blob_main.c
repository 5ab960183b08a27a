/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "blob_abi.h"
#include "blob_card.h"
#include "blob_jobs.h"

/* How many of every thousand blobs have which size. Two in a hundred carry most of the bytes, and
 * all of them together are what an emulated processor gets through in about half a minute. */
static const struct {
    size_t kib;
    unsigned permille;
} mix[] = {
    {65536, 2}, {32768, 2}, {16384, 4}, {4096, 12}, {1024, 60},
    {256, 120}, {64, 200},  {16, 200},  {4, 400},
};

/* The blobs that live at the same time: as many as fit in GROUP_BYTES, GROUP_COUNT at most, or
 * fewer when the caller says so. */
enum { GROUP_COUNT = 48, GROUP_BYTES = 96 << 20 };

struct tally {
    unsigned made, host_good, guest_good, gone;
    unsigned lost;  /* the first write was not seen */
    unsigned stale; /* bytes of an earlier owner were in it */
    uint64_t bytes;
    uint64_t *map_us; /* one for each blob made */
};

static uint64_t random_state = 88172645463325252ull;

static uint64_t random_next(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* The sizes of all blobs, in a shuffled order that is the same in every run. */
static size_t *sizes_of(unsigned count)
{
    size_t *sizes = malloc(count * sizeof(*sizes));
    unsigned n = 0;

    if (!sizes)
        blob_card_fail("no memory");
    for (size_t i = 0; i < sizeof(mix) / sizeof(mix[0]); i++)
        for (unsigned k = 0; k < (mix[i].permille * count + 999) / 1000 && n < count; k++)
            sizes[n++] = mix[i].kib << 10;
    while (n < count)
        sizes[n++] = 4096;
    for (unsigned i = count; i > 1; i--) {
        unsigned other = (unsigned)(random_next() % i);
        size_t kept = sizes[i - 1];
        sizes[i - 1] = sizes[other];
        sizes[other] = kept;
    }
    return sizes;
}

/* Makes and maps a blob and writes its first word, timed; the rest must read as zeros. */
static void make_one(struct blob_card *card, struct blob *blob, size_t size, struct tally *tally)
{
    uint64_t start = blob_now_us();
    int rc = blob_create(card, blob, size);

    if (rc != 0)
        blob_card_fail("blob %u of %zu bytes: %s", tally->made, size, strerror(-rc));
    blob_map(card, blob);
    *(volatile uint64_t *)blob->words = ~0ull;
    tally->map_us[tally->made++] = blob_now_us() - start;
    tally->bytes += size;
    uint64_t first = ~0ull;
    tally->lost += blob_host_sum(card, blob, 8) != memory_stream_sum(&first, 1);
    tally->stale += blob_dirty_words(blob, 1) != 0;
}

/* Verifies blobs that live together, so that one that lies on another is found; then destroys
 * them, every second one first. */
static void verify(struct blob_card *card, struct blob *blobs, unsigned count, struct tally *tally)
{
    for (unsigned i = 0; i < count; i++)
        blob_write(&blobs[i], blobs[i].resource);
    for (unsigned i = 0; i < count; i++) {
        uint64_t own = blob_expected_sum(blobs[i].resource, blobs[i].size / 8);
        tally->host_good += blob_host_sum(card, &blobs[i], blobs[i].size) == own;
    }
    for (unsigned i = 0; i < count; i++)
        blob_host_fill(card, &blobs[i], ~(uint64_t)blobs[i].resource);
    for (unsigned i = 0; i < count; i++)
        tally->guest_good += blob_wrong_words(&blobs[i], ~(uint64_t)blobs[i].resource) == 0;
    for (unsigned from = 0; from < 2; from++)
        for (unsigned i = from; i < count; i += 2, tally->gone++)
            blob_destroy(card, &blobs[i]);
}

static void run_all(struct blob_card *card, const size_t *sizes, unsigned count, unsigned live,
                    struct tally *tally)
{
    struct blob blobs[GROUP_COUNT];

    for (unsigned next = 0; next < count;) {
        unsigned n = 0;
        size_t bytes = 0;
        while (next < count && n < live && (n == 0 || bytes + sizes[next] <= GROUP_BYTES)) {
            bytes += sizes[next];
            make_one(card, &blobs[n++], sizes[next++], tally);
        }
        verify(card, blobs, n, tally);
        printf("@@ progress=%u of=%u\n", next, count);
    }
}

/* Exports a blob as a dma-buf, and checks that its mapping, the blob's own and the host's are one.
 * Returns whether they are. */
static int check_export(struct blob_card *card)
{
    struct blob blob, twin;

    if (blob_create(card, &blob, 1 << 20) != 0)
        blob_card_fail("the blob to export");
    blob_map(card, &blob);
    struct abi_prime prime = {.handle = blob.handle, .flags = O_CLOEXEC | O_RDWR, .fd = -1};
    if (ioctl(card->fd, ABI_PRIME_EXPORT, &prime) != 0)
        blob_card_fail("PRIME export: %s", strerror(errno));
    twin = blob;
    twin.words = mmap(NULL, blob.size, PROT_READ | PROT_WRITE, MAP_SHARED, prime.fd, 0);
    if (twin.words == MAP_FAILED)
        blob_card_fail("mmap of the dma-buf: %s", strerror(errno));
    blob_write(&twin, 7);
    int good = blob_wrong_words(&blob, 7) == 0 &&
               blob_host_sum(card, &blob, blob.size) == blob_expected_sum(7, blob.size / 8);
    blob_host_fill(card, &blob, 8);
    good = good && blob_wrong_words(&twin, 8) == 0;
    munmap(twin.words, blob.size);
    blob_destroy(card, &blob);
    close(prime.fd);
    return good;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

int blob_job_main(int argc, char **argv)
{
    unsigned count = argc > 1 ? (unsigned)atoi(argv[1]) : 1000;
    unsigned live = argc > 2 ? (unsigned)atoi(argv[2]) : GROUP_COUNT;
    struct blob_card card;
    struct tally tally = {.map_us = calloc(count ? count : 1, sizeof(uint64_t))};

    if (count == 0 || live == 0 || live > GROUP_COUNT || !tally.map_us)
        blob_card_fail("main wants a number of blobs, and how many live together");
    blob_card_open(&card);
    uint64_t start = blob_now_us();
    size_t *sizes = sizes_of(count);
    run_all(&card, sizes, count, live, &tally);
    free(sizes);
    int exported = check_export(&card);
    blob_card_settle(&card);
    blob_card_close(&card);
    qsort(tally.map_us, count, sizeof(uint64_t), compare);
    printf("@@ blobs=%u host_verified=%u guest_verified=%u destroyed=%u bytes=%llu\n", tally.made,
           tally.host_good, tally.guest_good, tally.gone, (unsigned long long)tally.bytes);
    printf("@@ lost=%u stale=%u export=%s\n", tally.lost, tally.stale, exported ? "good" : "bad");
    printf("@@ map_us_median=%llu map_us_p99=%llu ms=%llu\n",
           (unsigned long long)tally.map_us[count / 2],
           (unsigned long long)tally.map_us[(uint64_t)count * 99 / 100],
           (unsigned long long)(blob_now_us() - start) / 1000);
    free(tally.map_us);
    return !(tally.made == count && tally.host_good == count && tally.guest_good == count &&
             tally.gone == count && tally.lost == 0 && tally.stale == 0 && exported);
}

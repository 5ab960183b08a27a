/* SPDX-License-Identifier: MIT */
#ifndef TESTS_GUEST_BLOB_CARD_H
#define TESTS_GUEST_BLOB_CARD_H

#include <stddef.h>
#include <stdint.h>

#include "protocol/memory_stream.h"

/*
 * The virtual GPU, opened, with a context of the 'memory' renderer, and the blobs made on it.
 * Whatever goes wrong in a way that no job waits for ends the program with status 1 and a line
 * '@@ bad' that is followed by the reason.
 */
struct blob {
    uint32_t handle;   /* the kernel's */
    uint32_t resource; /* the device's */
    size_t size;       /* bytes */
    uint64_t *words;   /* the mapping; NULL: not mapped */
};

struct blob_card {
    int fd;
    struct blob result; /* where the host writes its sums */
};

/* Prints '@@ bad' and the reason, and ends the program. */
void blob_card_fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* Opens the render node of the virtio_gpu driver, waiting up to 5 s for it to appear, makes a
 * context with MEMORY_STREAM_CAPSET and a mapped blob for results. */
void blob_card_open(struct blob_card *card);

/* Destroys the result blob and closes the card, and with it what its blobs still hold. */
void blob_card_close(struct blob_card *card);

/* The path of the render node of the virtio_gpu driver, in static storage; NULL: there is none. */
const char *blob_card_path(void);

/* Makes a HOST3D blob that can be mapped, of 'size' bytes (a multiple of 4096). Returns 0, or a
 * negative errno: -ENOSPC when the window is full. */
int blob_create(struct blob_card *card, struct blob *blob, size_t size);

/* The same, of one that other devices of the VM may have: the kernel has it named by a UUID. */
int blob_create_shared(struct blob_card *card, struct blob *blob, size_t size);

/* Maps the blob; fails the program when the host did not make or map it. */
void blob_map(struct blob_card *card, struct blob *blob);

/* Unmaps and destroys the blob. */
void blob_destroy(struct blob_card *card, struct blob *blob);

/* Writes the pattern of the seed into the mapping. */
void blob_write(struct blob *blob, uint64_t seed);

/* The sum of the pattern of the seed over so many words, from arithmetic alone. */
uint64_t blob_expected_sum(uint64_t seed, size_t words);

/* The number of words of the mapping that are not the pattern of the seed. */
size_t blob_wrong_words(const struct blob *blob, uint64_t seed);

/* The number of words of the mapping that are not zero, from the word 'from' on. */
size_t blob_dirty_words(const struct blob *blob, size_t from);

/* The sum of the first 'size' bytes (a multiple of 8) as the host sees them in its own mapping;
 * fails the program when the host gives none within 30 s. */
uint64_t blob_host_sum(struct blob_card *card, const struct blob *blob, size_t size);

/* Has the host fill the blob with the pattern of the seed, and waits for the end of it. */
void blob_host_fill(struct blob_card *card, const struct blob *blob, uint64_t seed);

/* Waits until the device has answered all that was asked before, the destructions too. */
void blob_card_settle(struct blob_card *card);

/* Microseconds on the monotonic clock. */
uint64_t blob_now_us(void);

#endif

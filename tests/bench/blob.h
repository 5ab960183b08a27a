/* SPDX-License-Identifier: MIT */
#ifndef TESTS_BENCH_BLOB_H
#define TESTS_BENCH_BLOB_H

#include <stdint.h>

#include "tests/bench/gpu.h"

/* Host blobs, as a guest's driver makes, maps and destroys them. */
#define BLOB_CONTEXT 1u

/* Makes the context; says 'unsupported' if the back-end has no window, no blobs, or no kind of
 * context in which this program knows how to make one. 0 or -errno. */
int blob_begin(struct work *work);
/* Prepare commands in a slot. 0 or -ENOSPC. */
int blob_place_create(struct work *work, unsigned slot, uint32_t resource, uint64_t size);
int blob_place_map(struct work *work, unsigned slot, uint32_t resource, uint64_t offset);
int blob_place_unmap(struct work *work, unsigned slot, uint32_t resource);
int blob_place_unref(struct work *work, unsigned slot, uint32_t resource);
/* The four of them, each in the slot of its own: 0 makes, 1 maps, 2 unmaps, 3 destroys it. */
int blob_place(struct work *work, uint32_t resource, uint64_t size, uint64_t offset);
/* Makes 'count' blobs of a page, with the numbers from 'first' on, as many at once as fit into the
 * ring, and maps them side by side from 'offset' on if 'map'. The answer that stopped it (not the
 * wanted one), 0, or -errno. */
int64_t blob_make_many(struct work *work, uint32_t first, unsigned count, uint64_t offset,
                       bool make, bool map);

#endif

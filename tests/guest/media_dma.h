/* SPDX-License-Identifier: MIT */
#ifndef TESTS_GUEST_MEDIA_DMA_H
#define TESTS_GUEST_MEDIA_DMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Memory that a device can reach: locked, never copied by fork, with a known physical address. One
 * huge page if the kernel gives one; otherwise single pages, which lie anywhere in guest memory.
 */
struct media_dma {
    uint8_t *base;
    size_t size;      /* bytes */
    size_t used;      /* bytes handed out */
    size_t page;      /* bytes that lie together */
    uint64_t *frames; /* physical address of each page */
    bool huge;
};

/*
 * Takes 'size' bytes (rounded up to whole pages). 'huge' false asks for single pages only.
 * Returns 0 or -errno; -EPERM when the kernel does not tell physical addresses.
 */
int media_dma_init(struct media_dma *dma, size_t size, bool huge);

/* Gives all of it back. The device must have been reset before. */
void media_dma_finish(struct media_dma *dma);

/*
 * 'size' zeroed bytes at a multiple of 'align' (a power of two, a page at most). What fits into one
 * page lies in one. There is no free. NULL when the memory is used up.
 */
void *media_dma_alloc(struct media_dma *dma, size_t size, size_t align);

/*
 * The physical address of 'at', which lies in 'dma'; '*run' is set to how many bytes from there on
 * lie together, 'size' at most.
 */
uint64_t media_dma_address(const struct media_dma *dma, const void *at, size_t size, size_t *run);

/* Looks the addresses up again. Returns 0, or -ESTALE when the kernel moved a page. */
int media_dma_check(const struct media_dma *dma);

#endif

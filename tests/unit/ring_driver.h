/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_RING_DRIVER_H
#define TESTS_UNIT_RING_DRIVER_H

/*
 * The driver's end of virtqueues, in a guest memory made of a memfd: what a test of a device needs
 * to send it requests as a guest would, byte by byte. It may also lie; nothing here checks what the
 * test writes. Needs no test library, so that a fuzzer can use it.
 */
#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <linux/virtio_ring.h>

#include "base/fd.h"
#include "guest/virtqueue.h"

#define RING_DRIVER_GPA 0x40000000ull
#define RING_DRIVER_RAM (32ull << 20)
/* The memory is two regions that touch here. */
#define RING_DRIVER_SEAM (RING_DRIVER_GPA + RING_DRIVER_RAM / 2)
#define RING_DRIVER_QUEUES 2u
#define RING_DRIVER_RING_BYTES (128ull << 10)
#define RING_DRIVER_HEAP (RING_DRIVER_GPA + RING_DRIVER_QUEUES * RING_DRIVER_RING_BYTES)

struct ring_driver_ring {
    uint16_t size;
    uint16_t next_desc; /* descriptors are used in turn */
    uint16_t avail_idx;
    uint16_t used_seen;
    uint64_t desc, avail, used; /* guest-physical */
};

struct ring_driver {
    struct guest_memory memory; /* what the device sees */
    struct virtqueue queues[RING_DRIVER_QUEUES];
    struct ring_driver_ring rings[RING_DRIVER_QUEUES];
    uint8_t *ram;  /* the driver's view */
    uint64_t heap; /* the next free guest address */
};

#define RING_DRIVER_MUST(condition)                                                                \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static inline void *ring_driver_at(struct ring_driver *driver, uint64_t gpa)
{
    RING_DRIVER_MUST(gpa >= RING_DRIVER_GPA && gpa < RING_DRIVER_GPA + RING_DRIVER_RAM);
    return driver->ram + (gpa - RING_DRIVER_GPA);
}

/* 'size' bytes of guest memory, until the end is reached and it begins anew. */
static inline uint64_t ring_driver_alloc(struct ring_driver *driver, uint64_t size)
{
    uint64_t gpa = driver->heap;

    size = size == 0 ? 16 : (size + 15) & ~15ull;
    RING_DRIVER_MUST(size <= RING_DRIVER_RAM / 2);
    if (gpa + size > RING_DRIVER_GPA + RING_DRIVER_RAM)
        gpa = RING_DRIVER_HEAP;
    driver->heap = gpa + size;
    return gpa;
}

/* Starts queue 'q' as a fresh driver does. 'size' is a power of two up to 1024. */
static inline void ring_driver_start(struct ring_driver *driver, unsigned q, uint16_t size)
{
    struct ring_driver_ring *ring = &driver->rings[q];
    uint64_t base = RING_DRIVER_GPA + q * RING_DRIVER_RING_BYTES;
    struct virtqueue_setup setup = {.size = size};
    bool fresh;

    memset(ring_driver_at(driver, base), 0, RING_DRIVER_RING_BYTES);
    *ring = (struct ring_driver_ring){
        .size = size,
        .desc = base,
        .avail = base + size * 16u,
        .used = base + (RING_DRIVER_RING_BYTES / 2),
    };
    setup.desc = ring->desc;
    setup.avail = ring->avail;
    setup.used = ring->used;
    RING_DRIVER_MUST(virtqueue_start(&driver->queues[q], &setup, &fresh) == 0 && fresh);
    driver->queues[q].enabled = true;
}

static inline void ring_driver_set_memory(struct ring_driver *driver, int fd)
{
    uint64_t half = RING_DRIVER_RAM / 2;
    struct guest_region_spec specs[] = {
        {.gpa = RING_DRIVER_GPA, .size = half, .user = 0x10000},
        {.gpa = RING_DRIVER_SEAM, .size = half, .user = 0x10000 + half, .fd_offset = half},
    };
    int fds[] = {fd, fd_duplicate(fd)};

    RING_DRIVER_MUST(guest_memory_set(&driver->memory, specs, fds, 2) == 0);
}

static inline void ring_driver_init(struct ring_driver *driver, uint16_t size)
{
    int fd = fd_memfd("ring-driver", RING_DRIVER_RAM);

    memset(driver, 0, sizeof(*driver));
    RING_DRIVER_MUST(fd >= 0);
    driver->heap = RING_DRIVER_HEAP;
    driver->ram = mmap(NULL, RING_DRIVER_RAM, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    RING_DRIVER_MUST(driver->ram != MAP_FAILED);
    guest_memory_init(&driver->memory);
    ring_driver_set_memory(driver, fd);
    for (unsigned q = 0; q < RING_DRIVER_QUEUES; q++) {
        virtqueue_init(&driver->queues[q], &driver->memory);
        ring_driver_start(driver, q, size);
    }
}

/* Stops every queue; what the device holds of them is its own to free first. */
static inline void ring_driver_finish(struct ring_driver *driver)
{
    for (unsigned q = 0; q < RING_DRIVER_QUEUES; q++) {
        if (driver->queues[q].started)
            virtqueue_stop(&driver->queues[q]);
        virtqueue_finish(&driver->queues[q]);
    }
    guest_memory_finish(&driver->memory);
    munmap(driver->ram, RING_DRIVER_RAM);
}

/* A piece of a request. */
struct ring_driver_piece {
    uint64_t gpa;
    uint32_t size;
    bool writable;
};

/* Makes a request available, and says which number it has. */
static inline uint16_t ring_driver_send(struct ring_driver *driver, unsigned q,
                                        const struct ring_driver_piece *pieces, unsigned count)
{
    struct ring_driver_ring *ring = &driver->rings[q];
    struct vring_desc *desc = ring_driver_at(driver, ring->desc);
    uint16_t *avail = ring_driver_at(driver, ring->avail);
    uint16_t head = ring->next_desc;

    RING_DRIVER_MUST(count > 0 && count <= ring->size);
    for (unsigned i = 0; i < count; i++) {
        uint16_t at = ring->next_desc;

        ring->next_desc = (uint16_t)((at + 1) % ring->size);
        desc[at].addr = htole64(pieces[i].gpa);
        desc[at].len = htole32(pieces[i].size);
        desc[at].flags = htole16((pieces[i].writable ? VRING_DESC_F_WRITE : 0) |
                                 (i + 1 < count ? VRING_DESC_F_NEXT : 0));
        desc[at].next = htole16(ring->next_desc);
    }
    avail[2 + ring->avail_idx % ring->size] = htole16(head);
    __atomic_store_n(&avail[1], htole16(++ring->avail_idx), __ATOMIC_RELEASE);
    return head;
}

/* Takes the next answer: the number of its request, and how many bytes were written. False if there
 * is none. */
static inline bool ring_driver_take(struct ring_driver *driver, unsigned q, uint16_t *head,
                                    uint32_t *written)
{
    struct ring_driver_ring *ring = &driver->rings[q];
    uint16_t *used = ring_driver_at(driver, ring->used);
    struct vring_used_elem *entry;

    if (le16toh(__atomic_load_n(&used[1], __ATOMIC_ACQUIRE)) == ring->used_seen)
        return false;
    entry = ring_driver_at(driver, ring->used + 4 + 8ull * (ring->used_seen++ % ring->size));
    *head = (uint16_t)le32toh(entry->id);
    *written = le32toh(entry->len);
    return true;
}

#endif

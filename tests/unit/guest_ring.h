/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_GUEST_RING_H
#define TESTS_UNIT_GUEST_RING_H

#include "fd_count.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <linux/virtio_ring.h>

#include "base/fd.h"
#include "guest/guest_memory.h"
#include "guest/virtqueue.h"

/*
 * A guest for tests: RAM of two regions that touch, and a driver's side of one virtqueue in it. The
 * test writes rings and descriptors as it likes, right or wrong.
 */
#define GUEST_RAM 0x100000u      /* where the RAM begins for the guest */
#define GUEST_RAM_SIZE 0x200000u /* bytes, half of them in each region */
#define GUEST_HALF (GUEST_RAM_SIZE / 2)
#define GUEST_SPLIT (GUEST_RAM + GUEST_HALF) /* where the second region begins */
#define GUEST_HOLE 0x40000000u               /* nothing is here */
#define GUEST_USER UINT64_C(0x7f0000000000)

/* Where the test puts its things. */
#define GUEST_DESC (GUEST_RAM + 0x0u)
#define GUEST_AVAIL (GUEST_RAM + 0x80000u)
#define GUEST_USED (GUEST_RAM + 0xa0000u)
#define GUEST_BYTES (GUEST_RAM + 0xf0000u)
#define GUEST_TABLE (GUEST_SPLIT + 0x10000u) /* for an indirect table */

struct guest_ring {
    uint8_t *ram; /* as the guest sees it: GUEST_RAM_SIZE bytes */
    struct guest_memory memory;
    struct virtqueue queue;
    uint16_t size;
    uint16_t avail_idx; /* the driver's */
};

static inline void *guest_ring_at(struct guest_ring *ring, uint64_t gpa)
{
    return ring->ram + (gpa - GUEST_RAM);
}

static inline struct vring_desc *guest_ring_desc(struct guest_ring *ring, unsigned index)
{
    return (struct vring_desc *)guest_ring_at(ring, GUEST_DESC) + index;
}

static inline struct vring_avail *guest_ring_avail(struct guest_ring *ring)
{
    return guest_ring_at(ring, GUEST_AVAIL);
}

static inline struct vring_used *guest_ring_used(struct guest_ring *ring)
{
    return guest_ring_at(ring, GUEST_USED);
}

static inline uint16_t *guest_ring_used_event(struct guest_ring *ring)
{
    return &guest_ring_avail(ring)->ring[ring->size];
}

static inline uint16_t *guest_ring_avail_event(struct guest_ring *ring)
{
    return (uint16_t *)&guest_ring_used(ring)->ring[ring->size];
}

/* Writes descriptor 'index'. */
static inline void guest_ring_put(struct guest_ring *ring, unsigned index, uint64_t addr,
                                  uint32_t len, uint16_t flags, uint16_t next)
{
    *guest_ring_desc(ring, index) =
        (struct vring_desc){.addr = addr, .len = len, .flags = flags, .next = next};
}

/* Makes the chain that begins at descriptor 'head' available. */
static inline void guest_ring_offer(struct guest_ring *ring, uint16_t head)
{
    guest_ring_avail(ring)->ring[ring->avail_idx % ring->size] = head;
    __atomic_store_n(&guest_ring_avail(ring)->idx, ++ring->avail_idx, __ATOMIC_RELEASE);
}

static inline struct virtqueue_setup guest_ring_setup(uint16_t size)
{
    return (struct virtqueue_setup){
        .size = size, .desc = GUEST_DESC, .avail = GUEST_AVAIL, .used = GUEST_USED};
}

/* Two regions of one file, the first at a place that is not page aligned. */
static inline void guest_ring_memory(struct guest_ring *ring)
{
    const uint64_t lead = 512;
    int fd = fd_memfd("guest", GUEST_RAM_SIZE + 4096);
    struct guest_region_spec specs[2] = {
        {GUEST_SPLIT, GUEST_HALF, GUEST_USER + GUEST_HALF, lead + GUEST_HALF},
        {GUEST_RAM, GUEST_HALF, GUEST_USER, lead},
    };
    void *start = mmap(NULL, GUEST_RAM_SIZE + 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    assert_true(start != MAP_FAILED);
    ring->ram = (uint8_t *)start + lead;
    guest_memory_init(&ring->memory);
    assert_int_equal(
        guest_memory_set(&ring->memory, specs, (int[]){fd_duplicate(fd), fd_duplicate(fd)}, 2), 0);
    fd_close(&fd);
}

/* RAM, and a started and enabled queue of 'size' entries. */
static inline void guest_ring_init(struct guest_ring *ring, struct virtqueue_setup setup)
{
    bool fresh = false;

    *ring = (struct guest_ring){.size = setup.size, .avail_idx = setup.base};
    guest_ring_memory(ring);
    guest_ring_avail(ring)->idx = setup.base;
    guest_ring_used(ring)->idx = setup.base;
    virtqueue_init(&ring->queue, &ring->memory);
    assert_int_equal(virtqueue_start(&ring->queue, &setup, &fresh), 0);
    assert_int_equal(fresh, setup.base == 0);
    ring->queue.enabled = true;
}

static inline void guest_ring_finish(struct guest_ring *ring)
{
    virtqueue_finish(&ring->queue);
    guest_memory_finish(&ring->memory);
    munmap(ring->ram - 512, GUEST_RAM_SIZE + 4096);
}

#endif

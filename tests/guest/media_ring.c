/* SPDX-License-Identifier: MIT */
#include "media_ring.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include <linux/virtio_config.h>

static volatile uint16_t *used_event(struct media_ring *ring)
{
    return &ring->avail->ring[ring->size];
}

static uint64_t address(struct media_ring *ring, const volatile void *at)
{
    size_t run;

    return media_dma_address(ring->dma, (const void *)(uintptr_t)at, 1, &run);
}

/* Polled: no interrupt, please. With EVENT_IDX that is an index far ahead. */
static void want_no_interrupt(struct media_ring *ring)
{
    if (ring->event_idx)
        *used_event(ring) = (uint16_t)(ring->used_index + 0x8000);
    else
        ring->avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
}

static int place(struct media_ring *ring)
{
    unsigned n = ring->size;
    uint8_t *used;

    ring->desc = media_dma_alloc(ring->dma, n * sizeof(struct vring_desc), 16);
    ring->avail = media_dma_alloc(ring->dma, 6 + 2 * n, 2);
    used = media_dma_alloc(ring->dma, 6 + 8 * n, 4);
    if (!ring->desc || !ring->avail || !used)
        return -ENOMEM;
    ring->used = (volatile struct vring_used *)(void *)used;
    ring->avail_event = (volatile uint16_t *)(void *)(used + 4 + 8 * n);
    for (unsigned i = 0; i < n; i++)
        ring->desc[i].next = (uint16_t)(i + 1);
    ring->free_count = n;
    return 0;
}

int media_ring_init(struct media_ring *ring, struct media_pci *pci, struct media_dma *dma,
                    unsigned index)
{
    int rc;

    memset(ring, 0, sizeof(*ring));
    ring->pci = pci;
    ring->dma = dma;
    ring->number = (uint16_t)index;
    ring->event_idx = pci->features >> VIRTIO_RING_F_EVENT_IDX & 1;
    ring->indirect = pci->features >> VIRTIO_RING_F_INDIRECT_DESC & 1;
    ring->size = media_pci_queue_max(pci, index);
    if (!ring->size)
        return -ENODEV;
    if (ring->size > MEDIA_RING_MAX)
        ring->size = MEDIA_RING_MAX;
    rc = place(ring);
    if (rc)
        return rc;
    want_no_interrupt(ring);
    ring->notify = media_pci_queue_enable(pci, index, ring->size, address(ring, ring->desc),
                                          address(ring, ring->avail), address(ring, ring->used));
    return ring->notify ? 0 : -ERANGE;
}

/* Descriptors for the pieces, cut where physical memory is. Returns their number or -E2BIG. */
static int cut(struct media_ring *ring, const struct media_piece *pieces, unsigned count,
               struct vring_desc *out, uint32_t *room)
{
    unsigned n = 0;

    *room = 0;
    for (unsigned i = 0; i < count; i++) {
        const uint8_t *at = pieces[i].at;
        size_t left = pieces[i].size, run;

        for (; left; left -= run, at += run) {
            if (n == MEDIA_RING_CHAIN)
                return -E2BIG;
            out[n].addr = media_dma_address(ring->dma, at, left, &run);
            out[n].len = (uint32_t)run;
            out[n].flags = pieces[i].write ? VRING_DESC_F_WRITE : 0;
            out[n].next = 0;
            if (pieces[i].write)
                *room += (uint32_t)run;
            n++;
        }
    }
    return (int)n;
}

static void write_direct(struct media_ring *ring, const struct vring_desc *from, unsigned count)
{
    uint16_t at = ring->free_head;

    for (unsigned i = 0; i < count; i++) {
        uint16_t flags = from[i].flags | (i + 1 < count ? VRING_DESC_F_NEXT : 0);

        ring->desc[at].addr = from[i].addr;
        ring->desc[at].len = from[i].len;
        ring->desc[at].flags = flags;
        at = ring->desc[at].next;
    }
    ring->free_head = at;
}

static int write_indirect(struct media_ring *ring, struct vring_desc *from, unsigned count)
{
    uint16_t at = ring->free_head;
    struct vring_desc **table = &ring->slots[at].table;

    if (!*table)
        *table = media_dma_alloc(ring->dma, MEDIA_RING_CHAIN * sizeof(**table), 16);
    if (!*table)
        return -ENOSPC;
    for (unsigned i = 0; i + 1 < count; i++) {
        from[i].flags |= VRING_DESC_F_NEXT;
        from[i].next = (uint16_t)(i + 1);
    }
    memcpy(*table, from, count * sizeof(*from));
    ring->desc[at].addr = address(ring, *table);
    ring->desc[at].len = count * (uint32_t)sizeof(*from);
    ring->desc[at].flags = VRING_DESC_F_INDIRECT;
    ring->free_head = ring->desc[at].next;
    ring->indirects++;
    return 0;
}

int media_ring_add(struct media_ring *ring, const struct media_piece *pieces, unsigned count,
                   bool indirect, uint32_t token)
{
    struct vring_desc made[MEDIA_RING_CHAIN];
    uint16_t head = ring->free_head;
    uint32_t room;
    int n = cut(ring, pieces, count, made, &room), taken;

    if (n <= 0)
        return n ? n : -EINVAL;
    indirect = indirect && ring->indirect && ring->free_count;
    taken = indirect ? 1 : n;
    if ((unsigned)taken > ring->free_count)
        return -ENOSPC;
    if (indirect) {
        int rc = write_indirect(ring, made, (unsigned)n);

        if (rc)
            return rc;
    } else {
        write_direct(ring, made, (unsigned)n);
    }
    ring->free_count -= (unsigned)taken;
    ring->slots[head].token = token;
    ring->slots[head].count = (uint16_t)taken;
    ring->slots[head].room = room;
    ring->avail->ring[ring->avail_index % ring->size] = head;
    ring->avail_index++;
    atomic_thread_fence(memory_order_release);
    ring->avail->idx = ring->avail_index;
    return 0;
}

void media_ring_kick(struct media_ring *ring)
{
    uint16_t before = ring->kicked;
    bool wanted;

    /* The index must be seen before the device's wish is read, or both sides wait. */
    atomic_thread_fence(memory_order_seq_cst);
    ring->kicked = ring->avail_index;
    if (ring->event_idx)
        wanted = vring_need_event(*ring->avail_event, ring->avail_index, before);
    else
        wanted = !(ring->used->flags & VRING_USED_F_NO_NOTIFY);
    if (!wanted)
        return;
    *ring->notify = ring->number;
    ring->kicks++;
}

int media_ring_take(struct media_ring *ring, struct media_done *done)
{
    volatile struct vring_used_elem *elem;
    uint16_t last, head;

    if (ring->used->idx == ring->used_index)
        return 0;
    atomic_thread_fence(memory_order_acquire);
    elem = &ring->used->ring[ring->used_index % ring->size];
    done->used = elem->len;
    if (elem->id >= ring->size || !ring->slots[elem->id].count)
        return -EPROTO;
    head = (uint16_t)elem->id;
    done->token = ring->slots[head].token;
    done->room = ring->slots[head].room;
    last = head;
    for (unsigned i = 1; i < ring->slots[head].count; i++)
        last = ring->desc[last].next;
    ring->desc[last].next = ring->free_head;
    ring->free_head = head;
    ring->free_count += ring->slots[head].count;
    ring->slots[head].count = 0;
    ring->used_index++;
    want_no_interrupt(ring);
    return done->used > done->room ? -EPROTO : 1;
}

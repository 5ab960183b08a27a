/* SPDX-License-Identifier: MIT */
#include "guest/chain_walk.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/virtio_ring.h>

#define FIRST_PIECES 8u
#define DESC_SIZE 16u

static int fault(struct chain_walk *walk, const char *reason)
{
    walk->fault = reason;
    return -EINVAL;
}

static int chain_grow(struct chain *chain)
{
    unsigned capacity = chain->capacity == 0 ? FIRST_PIECES : chain->capacity * 2;
    struct chain_piece *pieces;

    pieces = reallocarray(chain->pieces, capacity, sizeof(*pieces));
    if (pieces == NULL)
        return -ENOMEM;
    chain->pieces = pieces;
    chain->capacity = capacity;
    return 0;
}

/* Adds what one descriptor points to. */
static inline int chain_add(struct chain_walk *walk, struct chain *chain,
                            const struct vring_desc *desc)
{
    unsigned count = chain->readable + chain->writable;

    if (desc->len == 0)
        return 0;
    if (desc->addr > UINT64_MAX - desc->len)
        return fault(walk, "a descriptor wraps around the end of the address space");
    if (count >= walk->room)
        return fault(walk, "too many descriptors are in flight");
    if (count == chain->capacity && chain_grow(chain) < 0)
        return -ENOMEM;
    if ((desc->flags & VRING_DESC_F_WRITE) != 0) {
        chain->writable++;
        chain->writable_size += desc->len;
    } else {
        if (chain->writable > 0)
            return fault(walk, "a readable descriptor comes after a writable one");
        chain->readable++;
        chain->readable_size += desc->len;
    }
    chain->pieces[count] = (struct chain_piece){.gpa = desc->addr, .size = desc->len};
    return 0;
}

/* Copies 'size' bytes from 'offset' of a table. */
static inline bool table_read(struct chain_walk *walk, const struct chain_table *table,
                              uint64_t offset, void *to, size_t size)
{
    if (table->at == NULL)
        return guest_memory_read(walk->memory, table->gpa + offset, to, size);
    memcpy(to, table->at + offset, size);
    guest_memory_copied();
    return true;
}

/* Copies descriptor 'index' of 'table', once: what is checked is what is used. */
static inline int read_desc(struct chain_walk *walk, const struct chain_table *table,
                            uint64_t index, struct vring_desc *desc)
{
    if (!table_read(walk, table, index * DESC_SIZE, desc, sizeof(*desc)))
        return guest_memory_starved(walk->memory, table->gpa + index * DESC_SIZE)
                   ? -ENOMEM
                   : fault(walk, "a descriptor table is not in the guest's memory");
    desc->addr = le64toh(desc->addr);
    desc->len = le32toh(desc->len);
    desc->flags = le16toh(desc->flags);
    desc->next = le16toh(desc->next);
    return 0;
}

/* Walks the indirect table that 'outer' points to (virtio 1.3, 2.7.5.3). */
static int walk_indirect(struct chain_walk *walk, struct chain *chain,
                         const struct vring_desc *outer)
{
    uint32_t entries = outer->len / DESC_SIZE;
    struct vring_desc desc = {.flags = VRING_DESC_F_NEXT};
    struct chain_table table = {.gpa = outer->addr};
    int ret = 0;

    if (walk->no_indirect)
        return fault(walk, "an indirect table was not negotiated");
    if ((outer->flags & VRING_DESC_F_NEXT) != 0)
        return fault(walk, "a descriptor is indirect and has a next one");
    if (entries == 0 || outer->len % DESC_SIZE != 0 || entries > VIRTQUEUE_MAX_SIZE)
        return fault(walk, "an indirect table has an impossible size");
    if (outer->addr > UINT64_MAX - outer->len)
        return fault(walk, "an indirect table wraps around the end of the address space");
    table.at = guest_memory_at(walk->memory, outer->addr, outer->len);
    for (uint32_t walked = 0; ret == 0 && (desc.flags & VRING_DESC_F_NEXT) != 0; walked++) {
        if (walked == entries)
            return fault(walk, "the descriptors of an indirect table loop");
        if (desc.next >= entries)
            return fault(walk, "a next descriptor lies past the end of its indirect table");
        ret = read_desc(walk, &table, desc.next, &desc);
        if (ret == 0 && (desc.flags & VRING_DESC_F_INDIRECT) != 0)
            return fault(walk, "an indirect table is in an indirect table");
        if (ret == 0)
            ret = chain_add(walk, chain, &desc);
    }
    return ret;
}

int chain_walk_from(struct chain_walk *walk, struct chain *chain, uint16_t head)
{
    struct vring_desc desc = {.flags = VRING_DESC_F_NEXT, .next = head};
    int ret = 0;

    for (unsigned walked = 0; ret == 0 && (desc.flags & VRING_DESC_F_NEXT) != 0; walked++) {
        if (walked == walk->size)
            return fault(walk, "the descriptors of a request loop");
        if (desc.next >= walk->size)
            return fault(walk, "a descriptor has a number past the end of the table");
        ret = read_desc(walk, &walk->table, desc.next, &desc);
        if (ret == 0 && (desc.flags & VRING_DESC_F_INDIRECT) != 0)
            return walk_indirect(walk, chain, &desc);
        if (ret == 0)
            ret = chain_add(walk, chain, &desc);
    }
    return ret;
}

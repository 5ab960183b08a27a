/* SPDX-License-Identifier: MIT */
#include "door/ring.h"

#include <string.h>

#include "base/fd.h"

void ring_init(struct ring *ring)
{
    *ring = (struct ring){.kick = -1, .call = -1, .err = -1};
}

void ring_finish(struct ring *ring)
{
    fd_close(&ring->kick);
    fd_close(&ring->call);
    fd_close(&ring->err);
    ring_init(ring);
}

void ring_stopped(struct ring *ring, uint16_t base)
{
    ring->started = false;
    ring->enabled = false;
    ring->base = base;
    ring->start = 0;
    fd_close(&ring->kick);
}

uint16_t ring_position(const struct ring *ring, const struct ring_record *record)
{
    /* A worker may die before it comes to the message: then the record is of an earlier time. */
    if (ring->start == 0 || __atomic_load_n(&record->begun, __ATOMIC_ACQUIRE) != ring->start)
        return ring->base;
    return ring_record_base(record);
}

unsigned ring_message(const struct ring *ring, uint32_t index, struct link_message *message,
                      int fds[static 2])
{
    unsigned count = 0;

    memset(message, 0, sizeof(*message));
    message->type = LINK_RING_START;
    message->ring_start = (struct link_ring_start){
        .index = index,
        .size = ring->size,
        .base = ring->base,
        .desc = ring->desc,
        .avail = ring->avail,
        .used = ring->used,
        .flags = ring->enabled ? LINK_RING_ENABLED : 0,
    };
    if (ring->kick >= 0) {
        fds[count++] = ring->kick;
        message->ring_start.flags |= LINK_RING_HAS_KICK;
    }
    if (ring->call >= 0) {
        fds[count++] = ring->call;
        message->ring_start.flags |= LINK_RING_HAS_CALL;
    }
    return count;
}

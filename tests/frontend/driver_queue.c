/* SPDX-License-Identifier: MIT */
#include "tests/frontend/driver_queue.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_ring.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define ROOM_SIZE 16384u
#define DESCRIPTORS 4u /* of each slot */
#define TABLE_AT (ROOM_SIZE - DESCRIPTORS * sizeof(struct vring_desc))

_Static_assert(DRIVER_QUEUE_REQUEST + DRIVER_QUEUE_ANSWER <= TABLE_AT, "room");

static struct vring_avail *avail_ring(const struct driver_queue *queue)
{
    return guest_ram_at(queue->ram, queue->avail);
}

static struct vring_used *used_ring(const struct driver_queue *queue)
{
    return guest_ram_at(queue->ram, queue->used);
}

static uint64_t room(const struct driver_queue *queue, unsigned slot)
{
    return queue->rooms + (uint64_t)slot * ROOM_SIZE;
}

int driver_queue_init(struct driver_queue *queue, struct guest_ram *ram, uint16_t size)
{
    memset(queue, 0, sizeof(*queue));
    queue->ram = ram;
    queue->size = size;
    queue->slots =
        size / DESCRIPTORS < DRIVER_QUEUE_SLOTS ? size / DESCRIPTORS : DRIVER_QUEUE_SLOTS;
    queue->desc = guest_ram_take(ram, GUEST_RAM_LOW, size * sizeof(struct vring_desc), 16);
    queue->avail = guest_ram_take(ram, GUEST_RAM_LOW, 6 + 2ul * size, 2);
    queue->used = guest_ram_take(ram, GUEST_RAM_LOW, 6 + 8ul * size, 4);
    queue->rooms = guest_ram_take(ram, GUEST_RAM_UPPER, (uint64_t)queue->slots * ROOM_SIZE, 64);
    queue->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    queue->call = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (queue->kick < 0 || queue->call < 0)
        return -errno;
    return queue->used == UINT64_MAX || queue->rooms == UINT64_MAX ? -ENOMEM : 0;
}

void driver_queue_finish(struct driver_queue *queue)
{
    if (queue->ram == NULL)
        return;
    close(queue->kick);
    close(queue->call);
    memset(queue, 0, sizeof(*queue));
}

int driver_queue_share_call(struct driver_queue *queue, const struct driver_queue *with)
{
    return dup3(with->call, queue->call, O_CLOEXEC) < 0 ? -errno : 0;
}

void driver_queue_fresh(struct driver_queue *queue)
{
    uint64_t drained;

    memset(guest_ram_at(queue->ram, queue->desc), 0, queue->size * sizeof(struct vring_desc));
    memset(avail_ring(queue), 0, 6 + 2ul * queue->size);
    memset(used_ring(queue), 0, 6 + 8ul * queue->size);
    memset(queue->slot, 0, sizeof(queue->slot));
    queue->next_avail = queue->seen_used = queue->kicked_avail = 0;
    queue->free_from = 0;
    while (read(queue->call, &drained, sizeof(drained)) > 0)
        ;
    while (read(queue->kick, &drained, sizeof(drained)) > 0)
        ;
}

/* Appends [gpa, gpa + size) to a chain, in two pieces if asked. Returns the descriptors used. */
static unsigned put_piece(struct vring_desc *desc, uint64_t gpa, size_t size, uint16_t flags,
                          bool split)
{
    size_t first = split && size > 1 ? size / 2 : size;

    if (size == 0)
        return 0;
    desc[0] = (struct vring_desc){.addr = gpa, .len = (uint32_t)first, .flags = flags};
    if (first == size)
        return 1;
    desc[1] =
        (struct vring_desc){.addr = gpa + first, .len = (uint32_t)(size - first), .flags = flags};
    return 2;
}

int driver_queue_place(struct driver_queue *queue, unsigned slot, size_t size, uint64_t at,
                       size_t more, size_t space)
{
    struct vring_desc *ring = guest_ram_at(queue->ram, queue->desc), *chain;
    uint64_t gpa = room(queue, slot);
    uint16_t first = (uint16_t)(slot * DESCRIPTORS);
    unsigned count;

    if (slot >= queue->slots || size > DRIVER_QUEUE_REQUEST || space > DRIVER_QUEUE_ANSWER)
        return -ENOSPC;
    chain = queue->indirect ? guest_ram_at(queue->ram, gpa + TABLE_AT) : ring + first;
    count = put_piece(chain, gpa, size, 0, queue->split && more == 0);
    count += put_piece(chain + count, at, more, 0, false);
    count += put_piece(chain + count, gpa + DRIVER_QUEUE_REQUEST, space, VRING_DESC_F_WRITE,
                       queue->split);
    for (unsigned i = 0; i + 1 < count; i++) {
        chain[i].flags |= VRING_DESC_F_NEXT;
        chain[i].next = (uint16_t)(queue->indirect ? i + 1 : first + i + 1);
    }
    if (queue->indirect)
        ring[first] = (struct vring_desc){.addr = gpa + TABLE_AT,
                                          .len = (uint32_t)(count * sizeof(*chain)),
                                          .flags = VRING_DESC_F_INDIRECT};
    return 0;
}

void driver_queue_offer(struct driver_queue *queue, unsigned first, unsigned count)
{
    struct vring_avail *avail = avail_ring(queue);

    for (unsigned slot = first; slot < first + count; slot++) {
        queue->slot[slot] = (struct driver_slot){.busy = true};
        avail->ring[queue->next_avail % queue->size] = (uint16_t)(slot * DESCRIPTORS);
        queue->next_avail++;
    }
    __atomic_store_n(&avail->idx, queue->next_avail, __ATOMIC_RELEASE);
}

int driver_queue_submit(struct driver_queue *queue, const void *request, size_t size, size_t space)
{
    unsigned slot = queue->free_from;
    int r;

    while (slot < queue->slots && queue->slot[slot].busy)
        slot++;
    queue->free_from = slot;
    if (slot == queue->slots || size > DRIVER_QUEUE_REQUEST || space > DRIVER_QUEUE_ANSWER)
        return -ENOSPC;
    if (size > 0)
        memcpy(driver_queue_request(queue, slot), request, size);
    memset(guest_ram_at(queue->ram, room(queue, slot) + DRIVER_QUEUE_REQUEST), 0xee, space);
    r = driver_queue_place(queue, slot, size, 0, 0, space);
    if (r < 0)
        return r;
    driver_queue_offer(queue, slot, 1);
    return (int)slot;
}

void driver_queue_kick(struct driver_queue *queue)
{
    struct vring_used *used = used_ring(queue);
    /* The device's wish lies behind the used ring. */
    uint16_t *event = (uint16_t *)(void *)&used->ring[queue->size];
    uint64_t one = 1;

    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (queue->event_idx) {
        uint16_t before = queue->kicked_avail;

        queue->kicked_avail = queue->next_avail;
        if (!vring_need_event(__atomic_load_n(event, __ATOMIC_RELAXED), queue->next_avail, before))
            return;
    } else if (__atomic_load_n(&used->flags, __ATOMIC_RELAXED) & VRING_USED_F_NO_NOTIFY) {
        return;
    }
    if (write(queue->kick, &one, sizeof(one)) < 0)
        queue->violations++;
}

bool driver_queue_wants_kick(const struct driver_queue *queue)
{
    const struct vring_used *used = used_ring(queue);
    const uint16_t *event = (const uint16_t *)(const void *)&used->ring[queue->size];

    return queue->event_idx
               ? __atomic_load_n(event, __ATOMIC_ACQUIRE) == queue->next_avail
               : (__atomic_load_n(&used->flags, __ATOMIC_ACQUIRE) & VRING_USED_F_NO_NOTIFY) == 0;
}

bool driver_queue_collect(struct driver_queue *queue)
{
    struct vring_used *used = used_ring(queue);
    bool any = false;

    while (queue->seen_used != __atomic_load_n(&used->idx, __ATOMIC_ACQUIRE)) {
        struct vring_used_elem *elem = &used->ring[queue->seen_used % queue->size];
        unsigned slot = elem->id / DESCRIPTORS;

        queue->seen_used++;
        any = true;
        if (elem->id % DESCRIPTORS != 0 || slot >= queue->slots || !queue->slot[slot].busy ||
            queue->slot[slot].answered) {
            queue->violations++;
            continue;
        }
        queue->slot[slot].answered = true;
        queue->slot[slot].length = elem->len;
        queue->slot[slot].order = (uint16_t)(queue->seen_used - 1);
    }
    return any;
}

bool driver_queue_arm(struct driver_queue *queue)
{
    struct vring_avail *avail = avail_ring(queue);
    uint16_t *event = &avail->ring[queue->size];

    __atomic_store_n(event, queue->seen_used, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return queue->seen_used == __atomic_load_n(&used_ring(queue)->idx, __ATOMIC_ACQUIRE);
}

void *driver_queue_request(const struct driver_queue *queue, unsigned slot)
{
    return guest_ram_at(queue->ram, room(queue, slot));
}

const void *driver_queue_answer(const struct driver_queue *queue, unsigned slot)
{
    return guest_ram_at(queue->ram, room(queue, slot) + DRIVER_QUEUE_REQUEST);
}

void driver_queue_release(struct driver_queue *queue, unsigned slot)
{
    queue->slot[slot] = (struct driver_slot){0};
    if (slot < queue->free_from)
        queue->free_from = slot;
}

unsigned driver_queue_in_flight(const struct driver_queue *queue)
{
    unsigned count = 0;

    for (unsigned i = 0; i < queue->slots; i++)
        count += queue->slot[i].busy && !queue->slot[i].answered;
    return count;
}

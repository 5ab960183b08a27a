/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/floor.h"
#include "tests/bench/volley.h"

/*
 * The floor of a command: a process that takes what is in the ring, writes an answer of 24 bytes
 * for each, gives all of them back at once and calls once.
 */
#define RAM_SIZE (UINT64_C(16) << 20)
#define RING 512u
#define ANSWER 24u
#define OK 0x1100u

struct device {
    struct driver_queue *queue;
    uint16_t seen;
};

static void answer_one(struct device *device, struct vring_used *used, uint16_t head)
{
    struct guest_ram *ram = device->queue->ram;
    const struct vring_desc *ring = guest_ram_at(ram, device->queue->desc);
    const struct vring_desc *out = &ring[ring[head].next];
    uint32_t answer[ANSWER / 4];

    memcpy(answer, guest_ram_at(ram, ring[head].addr), sizeof(answer));
    answer[0] = OK;
    memcpy(guest_ram_at(ram, out->addr), answer, sizeof(answer));
    used->ring[device->seen % device->queue->size] = (struct vring_used_elem){head, ANSWER};
    device->seen++;
}

static void serve(void *data)
{
    struct device *device = data;
    struct driver_queue *queue = device->queue;
    const struct vring_avail *avail = guest_ram_at(queue->ram, queue->avail);
    struct vring_used *used = guest_ram_at(queue->ram, queue->used);
    uint64_t kicks, one = 1;

    for (;;) {
        uint16_t end;

        if (read(queue->kick, &kicks, sizeof(kicks)) < 0)
            _exit(1);
        end = __atomic_load_n(&avail->idx, __ATOMIC_ACQUIRE);
        if (end == device->seen)
            continue;
        while (device->seen != end)
            answer_one(device, used, avail->ring[device->seen % queue->size]);
        __atomic_store_n(&used->idx, device->seen, __ATOMIC_RELEASE);
        if (write(queue->call, &one, sizeof(one)) < 0)
            _exit(1);
    }
}

struct floor_ring {
    struct guest_ram ram;
    struct driver_queue queue;
    struct volley volley;
    struct device device;
    unsigned depth;
    pid_t child;
};

static int fire(void *data)
{
    struct floor_ring *ring = data;

    return volley_fire(&ring->volley, 0, ring->depth);
}

static void destroy(void *data)
{
    struct floor_ring *ring = data;

    floor_end(ring->child);
    driver_queue_finish(&ring->queue);
    guest_ram_finish(&ring->ram);
    free(ring);
}

static int make_ring(struct driver_queue *queue, struct guest_ram *ram)
{
    int r = guest_ram_init(ram, RAM_SIZE);

    if (r == 0)
        r = driver_queue_init(queue, ram, RING);
    if (r == 0 && (fcntl(queue->kick, F_SETFL, 0) < 0 || fcntl(queue->call, F_SETFL, 0) < 0))
        r = -errno;
    return r;
}

int floor_ring(struct floor *floor, const struct options *options, unsigned depth)
{
    struct floor_ring *ring = calloc(1, sizeof(*ring));
    int r;

    *floor = (struct floor){fire, destroy, ring, depth, OPTIONS_ANY_CPU, true};
    if (ring == NULL)
        return -ENOMEM;
    ring->ram.fd = -1;
    ring->depth = depth;
    ring->volley.queue = ring->device.queue = &ring->queue;
    r = make_ring(&ring->queue, &ring->ram);
    for (unsigned slot = 0; r == 0 && slot < depth; slot++)
        if (volley_place(&ring->volley, slot, ANSWER, 0, 0, ANSWER, OK) == NULL)
            r = -ENOSPC;
    if (r == 0)
        r = ring->child = floor_fork(options, serve, &ring->device);
    if (r < 0)
        floor_finish(floor);
    return r < 0 ? r : 0;
}

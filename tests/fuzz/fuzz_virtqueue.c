/* SPDX-License-Identifier: MIT */
#include <endian.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/virtio_ring.h>

#include "base/fd.h"
#include "base/log.h"
#include "fuzz.h"
#include "guest/guest_memory.h"
#include "guest/virtqueue.h"
#include "protocol/cursor.h"

/*
 * A driver that is all malice: the input says how the queue is set up, and the rest of it is the
 * guest's memory, rings and all. What comes out is read and written as a device would do it.
 */
#define RAM_GPA 0x10000u
#define RAM_SIZE 0x8000u /* in each of two regions that touch */
#define ROUNDS 64u
#define HELD 8u

static int ram_fd = -1;
static uint8_t *ram;
static struct ring_record record; /* the heads of earlier inputs are in it, as old as these are */

/* The guest's memory is one file for the whole run: making one for each input would be most of the
 * time. */
static void make_ram(void)
{
    if (ram_fd >= 0)
        return;
    log_init("fuzz", NULL, LOG_LEVEL_ERROR);
    ram_fd = fd_memfd("ram", (uint64_t)RAM_SIZE * 2);
    ram = mmap(NULL, (size_t)RAM_SIZE * 2, PROT_READ | PROT_WRITE, MAP_SHARED, ram_fd, 0);
    if (ram_fd < 0 || ram == MAP_FAILED)
        abort();
}

/* The whole memory is the input, over and over. */
static void fill_ram(const struct reader *r)
{
    size_t at = 0;

    memset(ram, 0, (size_t)RAM_SIZE * 2);
    while (r->left > 0 && at < (size_t)RAM_SIZE * 2) {
        size_t part = r->left;

        if (part > (size_t)RAM_SIZE * 2 - at)
            part = (size_t)RAM_SIZE * 2 - at;
        memcpy(ram + at, r->at, part);
        at += part;
    }
}

static void set_memory(struct guest_memory *memory)
{
    const struct guest_region_spec specs[2] = {{RAM_GPA, RAM_SIZE, 0x1000000, 0},
                                               {RAM_GPA + RAM_SIZE, RAM_SIZE, 0x2000000, RAM_SIZE}};

    guest_memory_init(memory);
    if (guest_memory_set(memory, specs, (int[]){dup(ram_fd), dup(ram_fd)}, 2) < 0)
        abort();
}

/* What must hold of every chain, whatever the guest wrote. */
static void check_chain(const struct virtqueue *queue, const struct chain *chain)
{
    uint64_t sizes[2] = {0, 0};

    if (chain->head >= queue->size)
        abort();
    if (chain->readable + chain->writable > queue->size + VIRTQUEUE_MAX_SIZE)
        abort();
    for (unsigned i = 0; i < chain->readable + chain->writable; i++) {
        const struct chain_piece *piece = &chain->pieces[i];

        if (piece->size == 0 || piece->gpa > UINT64_MAX - piece->size)
            abort();
        sizes[i >= chain->readable] += piece->size;
    }
    if (sizes[0] != chain->readable_size || sizes[1] != chain->writable_size)
        abort();
}

static void use_chain(struct guest_memory *memory, const struct chain *chain, uint8_t choice)
{
    uint8_t bytes[512];
    size_t got = chain_read(chain, memory, choice, bytes, sizeof(bytes));

    if (got > sizeof(bytes) || got > chain->readable_size)
        abort();
    memset(bytes, choice, sizeof(bytes));
    /* This may well overwrite the rings: the guest may say that its buffer lies there. */
    if (chain_write(chain, memory, choice % 8, bytes, sizeof(bytes)) > chain->writable_size)
        abort();
}

/* The driver stops the queue, and lets it go on or begins anew; or the process that serves it dies,
 * and another takes over by the record. */
static void interrupt(struct virtqueue *queue, struct virtqueue_setup *setup, uint8_t choice)
{
    bool fresh;

    setup->base = virtqueue_stop(queue);
    setup->base += (choice & 0x0c) == 0;
    queue->known = (choice & 2) != 0;
    if (virtqueue_start(queue, setup, &fresh) == 0)
        queue->enabled = true;
}

/* Somebody looks, or does no more. */
static void look(struct virtqueue *queue, uint8_t choice)
{
    if ((choice & 0x24) == 0x20)
        virtqueue_hush(queue);
    if ((choice & 0x24) == 0x24)
        virtqueue_listen(queue);
    if (virtqueue_look(queue) && virtqueue_look(queue)) /* seen once, it is no news */
        abort();
}

/* Takes requests and gives them back, some late, some never before the queue stops. */
static void serve(struct virtqueue *queue, struct guest_memory *memory,
                  struct virtqueue_setup *setup, uint8_t choice)
{
    struct chain *held[HELD];
    unsigned count = 0;

    for (unsigned i = 0; i < ROUNDS; i++, choice = (uint8_t)(choice * 5 + 1)) {
        struct chain *chain = virtqueue_pop(queue);

        if (chain == NULL)
            break;
        check_chain(queue, chain);
        use_chain(memory, chain, choice);
        if (count < HELD && (choice & 0x10) != 0)
            held[count++] = chain;
        else
            virtqueue_push(queue, chain, choice);
        if ((choice & 0x40) != 0)
            virtqueue_must_call(queue);
        look(queue, choice);
        if ((choice & 0xa8) == 0xa8)
            interrupt(queue, setup, choice);
    }
    if (queue->in_flight > count)
        abort();
    if ((choice & 1) != 0)
        virtqueue_stop(queue);
    while (count > 0) {
        struct chain *chain = held[--count];

        if (queue->started && (chain->head & 1) != 0)
            virtqueue_push(queue, chain, choice);
        else
            virtqueue_drop(queue, chain);
    }
    virtqueue_must_call(queue);
    if (queue->in_flight != 0 || queue->pieces != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct guest_memory memory;
    struct virtqueue queue;
    struct virtqueue_setup setup = {0};
    struct reader r;
    uint8_t flags;
    bool fresh;

    make_ram();
    reader_init(&r, data, size);
    flags = reader_u8(&r);
    setup.size = (uint16_t)(1u << (reader_u8(&r) % 16));
    if ((flags & 0x80) != 0)
        setup.size = (uint16_t)(setup.size * 3); /* not a power of two */
    setup.base = (uint16_t)reader_u32(&r);
    setup.event_idx = (flags & 1) != 0;
    setup.no_indirect = (flags & 0x42) == 0x42;
    /* Mostly where they can be; the low bits may be odd. */
    setup.desc = RAM_GPA + (reader_u32(&r) & 0x1ffff & ~((flags & 4) != 0 ? 0u : 15u));
    setup.avail = RAM_GPA + (reader_u32(&r) & 0x1ffff & ~((flags & 8) != 0 ? 0u : 1u));
    setup.used = RAM_GPA + (reader_u32(&r) & 0x1ffff & ~((flags & 16) != 0 ? 0u : 3u));
    if (r.bad)
        return 0;
    fill_ram(&r);
    set_memory(&memory);
    virtqueue_init(&queue, &memory);
    memset(&record, 0, sizeof(record.taken) + sizeof(record.since) + sizeof(record.answering));
    queue.record = &record;
    if (virtqueue_start(&queue, &setup, &fresh) == 0) {
        queue.enabled = true;
        serve(&queue, &memory, &setup, flags);
    }
    virtqueue_finish(&queue);
    guest_memory_finish(&memory);
    return 0;
}

/* Bends random bytes towards what a driver writes, or nearly every input would end at its first
 * rule: the rings lie apart, a few requests wait, and descriptors point to near places. */
void fuzz_shape(uint8_t *data, size_t size, uint64_t (*next)(void))
{
    const size_t header = 18;
    uint16_t entries;

    if (size < header + 0x4000)
        return;
    data[0] &= 0x43;
    data[1] = (uint8_t)(next() % 7);
    entries = (uint16_t)(1u << data[1]);
    memset(data + 2, 0, 4);
    memcpy(data + 6, &(uint32_t){htole32(0)}, 4);
    memcpy(data + 10, &(uint32_t){htole32(0x1000)}, 4);
    memcpy(data + 14, &(uint32_t){htole32(0x2000)}, 4);
    for (unsigned i = 0; i < 0x1000 / 16; i++) {
        uint64_t random = next();
        struct vring_desc desc = {
            .addr = htole64(RAM_GPA + random % 0x10000),
            .len = htole32((uint32_t)(random >> 20) % 0x200),
            .flags = htole16((random >> 40) % 8 == 0 ? VRING_DESC_F_INDIRECT : (random >> 44) % 4),
            .next = htole16((uint16_t)((random >> 50) % entries)),
        };

        if ((random >> 57) % 16 == 0)
            desc.addr = ~desc.addr; /* near the end of all addresses */
        if (random >> 61 != 0)
            memcpy(data + header + i * 16, &desc, sizeof(desc));
    }
    memcpy(data + header + 0x1002, &(uint16_t){htole16((uint16_t)(next() % (entries + 1u)))}, 2);
    for (unsigned i = 0; i < entries; i++)
        memcpy(data + header + 0x1004 + i * 2, &(uint16_t){htole16((uint16_t)(next() % entries))},
               2);
}

/* SPDX-License-Identifier: MIT */
#include "guest/virtqueue.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>

#include <linux/virtio_ring.h>

#include "base/log.h"
#include "guest/chain_walk.h"

/* What is kept for the next requests: so many chains, each with so many pieces. */
#define SPARE_CHAINS 64u
#define SPARE_PIECES 1024u

/* Offsets in the three parts (virtio 1.3, 2.7.5 to 2.7.8). */
#define DESC_SIZE 16u
#define AVAIL_FLAGS 0u
#define AVAIL_IDX 2u
#define AVAIL_RING 4u
#define USED_FLAGS 0u
#define USED_IDX 2u
#define USED_RING 4u
#define USED_ENTRY 8u

/* Where the driver says at which answer it wants to be called, and the device at which request. */
static uint64_t used_event_at(const struct virtqueue *queue)
{
    return AVAIL_RING + 2u * queue->size;
}

static uint64_t avail_event_at(const struct virtqueue *queue)
{
    return USED_RING + USED_ENTRY * queue->size;
}

static uint64_t tail_size(bool event_idx)
{
    return event_idx ? sizeof(uint16_t) : 0;
}

/* Each part lies in one region of the guest's memory, or is not there. */
static void translate(struct virtqueue *queue)
{
    struct guest_memory *memory = queue->memory;
    uint64_t tail = tail_size(queue->event_idx);

    do {
        queue->seen = memory->changes;
        queue->desc_at = guest_memory_at(memory, queue->desc, DESC_SIZE * (uint64_t)queue->size);
        queue->avail_at = guest_memory_at(memory, queue->avail, used_event_at(queue) + tail);
        queue->used_at = guest_memory_at(memory, queue->used, avail_event_at(queue) + tail);
    } while (queue->seen != memory->changes); /* looking finds out what was lost */
    if (queue->desc_at == NULL || queue->avail_at == NULL || queue->used_at == NULL)
        queue->seen--; /* there may be memory to map it the next time */
}

/* Has the three parts where they are now: before any of them is used. */
static inline void find_parts(struct virtqueue *queue)
{
    if (!guest_memory_same(queue->memory, queue->seen))
        translate(queue);
}

/* What the driver wrote before it is seen after this. */
static uint16_t get_word(const uint8_t *at)
{
    return le16toh(__atomic_load_n((const uint16_t *)(const void *)at, __ATOMIC_ACQUIRE));
}

/* And the driver sees what was written before this. */
static void put_word(uint8_t *at, uint16_t word)
{
    __atomic_store_n((uint16_t *)(void *)at, htole16(word), __ATOMIC_RELEASE);
}

void virtqueue_init(struct virtqueue *queue, struct guest_memory *memory)
{
    *queue = (struct virtqueue){.memory = memory};
}

static void chain_destroy(struct chain *chain)
{
    free(chain->pieces);
    free(chain);
}

void virtqueue_finish(struct virtqueue *queue)
{
    while (queue->spare != NULL) {
        struct chain *chain = queue->spare;

        queue->spare = chain->next;
        chain_destroy(chain);
    }
    free(queue->again);
    *queue = (struct virtqueue){0};
}

/* Whether the three parts are aligned and each lies in one region of the guest's memory. */
static bool parts_fit(struct virtqueue *queue, const struct virtqueue_setup *setup)
{
    uint64_t tail = tail_size(setup->event_idx);
    uint64_t avail_size = AVAIL_RING + 2u * (uint64_t)setup->size + tail;
    uint64_t used_size = USED_RING + USED_ENTRY * (uint64_t)setup->size + tail;

    if (setup->desc % VRING_DESC_ALIGN_SIZE != 0 || setup->avail % VRING_AVAIL_ALIGN_SIZE != 0 ||
        setup->used % VRING_USED_ALIGN_SIZE != 0)
        return false;
    return guest_memory_at(queue->memory, setup->desc, DESC_SIZE * (uint64_t)setup->size) != NULL &&
           guest_memory_at(queue->memory, setup->avail, avail_size) != NULL &&
           guest_memory_at(queue->memory, setup->used, used_size) != NULL;
}

/* Whether they may fit when there is more memory. */
static bool parts_starved(const struct virtqueue *queue, const struct virtqueue_setup *setup)
{
    return guest_memory_starved(queue->memory, setup->desc) ||
           guest_memory_starved(queue->memory, setup->avail) ||
           guest_memory_starved(queue->memory, setup->used);
}

/* Everything in flight is forgotten. */
static void begin_anew(struct virtqueue *queue)
{
    queue->generation++;
    queue->in_flight = 0;
    queue->pieces = 0;
    free(queue->again);
    queue->again = NULL;
    queue->again_count = 0;
    queue->again_next = 0;
}

void virtqueue_reset(struct virtqueue *queue)
{
    begin_anew(queue);
    if (queue->record != NULL)
        ring_record_void(queue->record);
}

/* Whether the queue goes on where this process stopped it. */
static bool goes_on(const struct virtqueue *queue, const struct virtqueue_setup *setup,
                    uint16_t used_idx)
{
    return queue->known && queue->next_avail == setup->base && queue->used_idx == used_idx &&
           queue->size == setup->size && queue->desc == setup->desc &&
           queue->avail == setup->avail && queue->used == setup->used;
}

/* Takes over what the record says is in flight: someone else had it. 0 or -ENOMEM. */
static int take_over(struct virtqueue *queue, uint16_t size, uint16_t used_idx)
{
    unsigned count;
    uint16_t *heads;

    ring_record_settle(queue->record, used_idx);
    heads = ring_record_heads(queue->record, size, &count);
    if (heads == NULL && count > 0)
        return -ENOMEM;
    begin_anew(queue);
    queue->again = heads;
    queue->again_count = count;
    if (count > 0)
        log_info("a queue goes on with %u requests that were taken before", count);
    return 0;
}

/* What becomes of the requests in flight. 0 or -ENOMEM. */
static int take_up(struct virtqueue *queue, const struct virtqueue_setup *setup, uint16_t used_idx,
                   bool fresh)
{
    const struct ring_place place = {
        .desc = setup->desc, .avail = setup->avail, .used = setup->used, .size = setup->size};

    if (!fresh && goes_on(queue, setup, used_idx))
        return 0;
    if (!fresh && !queue->known && queue->record != NULL &&
        ring_record_matches(queue->record, &place, setup->base))
        return take_over(queue, setup->size, used_idx);
    begin_anew(queue);
    if (queue->record != NULL)
        ring_record_begin(queue->record, &place, setup->base);
    if (used_idx != setup->base)
        log_stranger("a queue starts at entry %u, but %u were answered", setup->base, used_idx);
    return 0;
}

/* Somebody may have hushed the driver, and died. */
static void end_hush(uint8_t *used, bool event_idx)
{
    if (event_idx || get_word(used + USED_FLAGS) == 0)
        return;
    put_word(used + USED_FLAGS, 0);
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* before it is looked for what came without a kick */
}

int virtqueue_start(struct virtqueue *queue, const struct virtqueue_setup *setup, bool *fresh)
{
    uint16_t size = setup->size;
    uint8_t *used;
    uint16_t used_idx;
    int ret;

    if (queue->started)
        return -EBUSY;
    if (size == 0 || size > VIRTQUEUE_MAX_SIZE || (size & (size - 1)) != 0 ||
        !parts_fit(queue, setup))
        return parts_starved(queue, setup) ? -ENOMEM : -EINVAL;
    used = guest_memory_at(queue->memory, setup->used, USED_RING);
    if (used == NULL) /* another thread has just found it lost */
        return -EINVAL;
    /* What the driver has seen counts: with an index of our own it would miss answers, or see some
     * twice. */
    used_idx = get_word(used + USED_IDX);
    *fresh = setup->base == 0 && used_idx == 0;
    ret = take_up(queue, setup, used_idx, *fresh);
    if (ret < 0)
        return ret;
    end_hush(used, setup->event_idx);
    queue->size = size;
    queue->desc = setup->desc;
    queue->avail = setup->avail;
    queue->used = setup->used;
    queue->event_idx = setup->event_idx;
    queue->no_indirect = setup->no_indirect;
    queue->seen = queue->memory->changes - 1; /* they are translated when they are used */
    queue->next_avail = setup->base;
    queue->avail_idx = setup->base;
    queue->looked = setup->base;
    queue->used_idx = used_idx;
    queue->signalled = used_idx;
    queue->signalled_valid = false;
    queue->broken = false;
    queue->known = true;
    queue->started = true;
    if (queue->record != NULL)
        __atomic_store_n(&queue->record->begun, setup->name, __ATOMIC_RELEASE);
    return 0;
}

/* Without EVENT_IDX a flag says that no kick is needed; with it, the device does not move its
 * question on. */
static void set_hushed(struct virtqueue *queue, bool hushed)
{
    queue->hushed = hushed;
    find_parts(queue);
    if (!queue->event_idx && queue->used_at != NULL)
        put_word(queue->used_at + USED_FLAGS, hushed ? VRING_USED_F_NO_NOTIFY : 0);
}

uint16_t virtqueue_stop(struct virtqueue *queue)
{
    if (queue->hushed)
        set_hushed(queue, false);
    queue->started = false;
    return queue->next_avail;
}

static int break_queue(struct virtqueue *queue, const char *reason)
{
    queue->broken = true;
    log_stranger("the driver broke a queue: %s", reason);
    return -EINVAL;
}

void virtqueue_break(struct virtqueue *queue)
{
    if (queue->started)
        queue->broken = true;
}

/* A chain for the next request, empty. NULL when memory is out. */
static inline struct chain *chain_take(struct virtqueue *queue)
{
    struct chain *chain = queue->spare;

    if (chain == NULL)
        return calloc(1, sizeof(*chain));
    queue->spare = chain->next;
    queue->spares--;
    *chain = (struct chain){.pieces = chain->pieces, .capacity = chain->capacity};
    return chain;
}

/* Keeps a chain for later, unless that would hoard what a driver once made us allocate. */
static inline void chain_recycle(struct virtqueue *queue, struct chain *chain)
{
    if (queue->spares >= SPARE_CHAINS || chain->capacity > SPARE_PIECES) {
        chain_destroy(chain);
        return;
    }
    chain->next = queue->spare;
    queue->spare = chain;
    queue->spares++;
}

/* Collects the chain that begins at descriptor 'head'. 0, -EINVAL (and the queue is broken) or
 * -ENOMEM. */
static inline int collect(struct virtqueue *queue, struct chain *chain, uint16_t head)
{
    struct chain_walk walk = {
        .memory = queue->memory,
        .table = {.gpa = queue->desc, .at = queue->desc_at},
        .size = queue->size,
        .no_indirect = queue->no_indirect,
        .room = VIRTQUEUE_MAX_PIECES - queue->pieces,
    };
    int ret = chain_walk_from(&walk, chain, head);

    return ret == -EINVAL ? break_queue(queue, walk.fault) : ret;
}

/* How many requests wait; -EINVAL when the driver says more than can be. */
static inline int waiting(struct virtqueue *queue)
{
    uint16_t count = (uint16_t)(queue->avail_idx - queue->next_avail);

    if (queue->avail_at == NULL) { /* a new table may bring it back */
        log_stranger("the rings of a queue are no longer in the guest's memory");
        return 0;
    }
    if (count > 0)
        return count;
    queue->avail_idx = get_word(queue->avail_at + AVAIL_IDX);
    count = (uint16_t)(queue->avail_idx - queue->next_avail);
    if (count <= queue->size)
        return count;
    queue->avail_idx = queue->next_avail;
    return break_queue(queue, "more requests are available than the queue has entries");
}

/* Asks the driver for a kick at the next request, then looks again: one that came between would be
 * kicked by nobody (virtio 1.3, 2.7.10). */
static inline int waiting_or_ask(struct virtqueue *queue)
{
    int count = waiting(queue);

    if (count != 0 || !queue->event_idx || queue->hushed || queue->used_at == NULL)
        return count;
    put_word(queue->used_at + avail_event_at(queue), queue->next_avail);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return waiting(queue);
}

/* The number of the first descriptor of a request that waits. */
static uint16_t next_head(const struct virtqueue *queue)
{
    uint64_t slot = queue->next_avail & (queue->size - 1u);

    return queue->again_next < queue->again_count
               ? queue->again[queue->again_next]
               : get_word(queue->avail_at + AVAIL_RING + 2u * slot);
}

static inline bool waits(struct virtqueue *queue)
{
    if (!virtqueue_running(queue))
        return false;
    find_parts(queue);
    return queue->again_next < queue->again_count || waiting_or_ask(queue) > 0;
}

bool virtqueue_waits(struct virtqueue *queue)
{
    return waits(queue);
}

void virtqueue_hush(struct virtqueue *queue)
{
    if (!virtqueue_running(queue))
        return;
    queue->looked = queue->next_avail;
    set_hushed(queue, true);
}

bool virtqueue_listen(struct virtqueue *queue)
{
    if (!queue->hushed)
        return false;
    set_hushed(queue, false);
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* one that comes now is kicked, or seen */
    return virtqueue_waits(queue);
}

bool virtqueue_look(struct virtqueue *queue)
{
    uint16_t idx;

    if (!virtqueue_running(queue))
        return false;
    find_parts(queue);
    if (queue->avail_at == NULL)
        return false;
    idx = get_word(queue->avail_at + AVAIL_IDX);
    if (idx == queue->next_avail || idx == queue->looked)
        return false;
    queue->looked = idx;
    return true;
}

/* The number of the first descriptor of the request to take now; false when there is none. */
static inline bool pick_head(struct virtqueue *queue, uint16_t *head)
{
    if (!waits(queue))
        return false;
    *head = next_head(queue);
    if (queue->in_flight < queue->size)
        return true;
    break_queue(queue, "more requests are in flight than the queue has entries");
    return false;
}

/* 'chain', which begins at 'head', is the device's from now on. */
static inline void chain_leave(struct virtqueue *queue, struct chain *chain, uint16_t head)
{
    chain->head = head;
    chain->generation = queue->generation;
    queue->in_flight++;
    queue->pieces += chain->readable + chain->writable;
    chain->again = queue->again_next < queue->again_count;
    if (chain->again) {
        queue->again_next++; /* it is in the record, with its place in the order */
    } else {
        queue->next_avail++;
        if (queue->record != NULL)
            ring_record_take(queue->record, head);
    }
    if (queue->record != NULL)
        chain->tag = ring_record_tag(queue->record, head);
}

struct chain *virtqueue_pop(struct virtqueue *queue)
{
    struct chain *chain;
    uint16_t head = 0;
    int ret;

    if (!pick_head(queue, &head))
        return NULL;
    chain = chain_take(queue);
    ret = chain != NULL ? collect(queue, chain, head) : -ENOMEM;
    if (ret < 0) {
        if (ret == -ENOMEM)
            log_stranger("no memory for a request of the guest");
        if (chain != NULL)
            chain_recycle(queue, chain);
        if (ret == -ENOMEM && queue->starved != NULL)
            queue->starved(queue->starved_data);
        return NULL;
    }
    chain_leave(queue, chain, head);
    return chain;
}

/* Takes 'chain' out of what is in flight. Returns whether the driver waits for it. */
static inline bool chain_land(struct virtqueue *queue, const struct chain *chain)
{
    if (!virtqueue_holds(queue, chain))
        return false;
    queue->in_flight--;
    queue->pieces -= chain->readable + chain->writable;
    return true;
}

static void drop(struct virtqueue *queue, uint16_t head)
{
    if (queue->record != NULL)
        ring_record_drop(queue->record, head);
}

/* Writes one entry of the used ring, then the index that shows it to the driver. */
static inline void put_used(struct virtqueue *queue, uint16_t head, uint32_t written)
{
    uint64_t slot = queue->used_idx & (queue->size - 1u);
    struct vring_used_elem *entry;

    find_parts(queue);
    if (queue->used_at == NULL) {
        break_queue(queue, "the used ring is not in the guest's memory");
        drop(queue, head);
        return;
    }
    entry = (void *)(queue->used_at + USED_RING + USED_ENTRY * slot);
    __atomic_store_n(&entry->id, htole32(head), __ATOMIC_RELAXED);
    __atomic_store_n(&entry->len, htole32(written), __ATOMIC_RELAXED);
    queue->used_idx++;
    if (queue->record != NULL)
        ring_record_answer(queue->record, head, queue->used_idx);
    put_word(queue->used_at + USED_IDX, queue->used_idx);
    if (queue->record != NULL)
        ring_record_answered(queue->record, head);
    if (queue->used_idx == queue->signalled)
        queue->signalled_valid = false; /* once around: the distance says nothing any more */
}

void virtqueue_push(struct virtqueue *queue, struct chain *chain, uint32_t written)
{
    if (written > chain->writable_size)
        written = (uint32_t)chain->writable_size;
    if (chain_land(queue, chain)) {
        if (!queue->started)
            log_stranger("an answer to a stopped queue is lost");
        if (queue->started && !queue->broken)
            put_used(queue, chain->head, written);
        else
            drop(queue, chain->head);
    }
    chain_recycle(queue, chain);
}

void virtqueue_drop(struct virtqueue *queue, struct chain *chain)
{
    if (chain_land(queue, chain))
        drop(queue, chain->head);
    chain_recycle(queue, chain);
}

bool virtqueue_must_call(struct virtqueue *queue)
{
    bool known = queue->signalled_valid;
    uint16_t old = queue->signalled;

    if (!queue->started || (known && old == queue->used_idx))
        return false;
    queue->signalled = queue->used_idx;
    queue->signalled_valid = true;
    /* The used index must be out before we look at what the driver wants: it looks the other way
     * round. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    find_parts(queue);
    if (queue->avail_at == NULL)
        return false;
    if (!queue->event_idx)
        return (get_word(queue->avail_at + AVAIL_FLAGS) & VRING_AVAIL_F_NO_INTERRUPT) == 0;
    return !known ||
           vring_need_event(get_word(queue->avail_at + used_event_at(queue)), queue->used_idx, old);
}

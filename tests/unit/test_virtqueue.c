/* SPDX-License-Identifier: MIT */
#include "guest_ring.h"

#include <errno.h>

#define NEXT VRING_DESC_F_NEXT
#define WRITE VRING_DESC_F_WRITE
#define INDIRECT VRING_DESC_F_INDIRECT

static struct guest_ring ring;

static void begin(uint16_t size)
{
    guest_ring_init(&ring, guest_ring_setup(size));
}

/* The next request is one that no driver may make. */
static void must_break(void)
{
    assert_null(virtqueue_pop(&ring.queue));
    assert_true(ring.queue.broken);
    assert_int_equal(ring.queue.in_flight, 0);
    assert_null(virtqueue_pop(&ring.queue)); /* and nothing more is taken */
    assert_int_equal(guest_ring_used(&ring)->idx, 0);
    guest_ring_finish(&ring);
}

static void a_request_goes_round(void **state)
{
    struct chain *chain;
    char text[6] = {0};

    begin(8);
    assert_null(virtqueue_pop(&ring.queue));
    memcpy(guest_ring_at(&ring, GUEST_BYTES), "hello", 5);
    guest_ring_put(&ring, 3, GUEST_BYTES, 5, NEXT, 1);
    guest_ring_put(&ring, 1, GUEST_BYTES + 64, 16, NEXT | WRITE, 7);
    guest_ring_put(&ring, 7, GUEST_BYTES + 128, 4, WRITE, 0);
    guest_ring_offer(&ring, 3);
    chain = virtqueue_pop(&ring.queue);
    assert_non_null(chain);
    assert_int_equal(chain->head, 3);
    assert_int_equal(chain->readable, 1);
    assert_int_equal(chain->writable, 2);
    assert_int_equal(chain->readable_size, 5);
    assert_int_equal(chain->writable_size, 20);
    assert_int_equal(ring.queue.in_flight, 1);
    assert_int_equal(chain_read(chain, &ring.memory, 0, text, 5), 5);
    assert_string_equal(text, "hello");
    assert_int_equal(chain_write(chain, &ring.memory, 0, "aaaaaaaaaaaaaaaabbbb", 20), 20);
    assert_null(virtqueue_pop(&ring.queue));
    virtqueue_push(&ring.queue, chain, 20);
    assert_int_equal(guest_ring_used(&ring)->idx, 1);
    assert_int_equal(guest_ring_used(&ring)->ring[0].id, 3);
    assert_int_equal(guest_ring_used(&ring)->ring[0].len, 20);
    assert_memory_equal(guest_ring_at(&ring, GUEST_BYTES + 128), "bbbb", 4);
    assert_int_equal(ring.queue.in_flight, 0);
    assert_false(ring.queue.broken);
    guest_ring_finish(&ring);
}

/* Every index wraps more than once. */
static void many_requests_go_round(void **state)
{
    struct virtqueue_setup setup = guest_ring_setup(4);
    struct chain *held[4];

    setup.base = 65530;
    guest_ring_init(&ring, setup);
    for (unsigned round = 0; round < 70000; round += 4) {
        for (uint16_t i = 0; i < 4; i++) {
            guest_ring_put(&ring, i, GUEST_BYTES + i, i + 1u, WRITE, 0);
            guest_ring_offer(&ring, i);
        }
        for (unsigned i = 0; i < 4; i++) {
            held[i] = virtqueue_pop(&ring.queue);
            assert_non_null(held[i]);
            assert_int_equal(held[i]->head, i);
        }
        assert_null(virtqueue_pop(&ring.queue));
        for (unsigned i = 0; i < 4; i++)
            virtqueue_push(&ring.queue, held[i], i);
        assert_int_equal(guest_ring_used(&ring)->idx, ring.avail_idx);
    }
    assert_int_equal(ring.queue.pieces, 0);
    guest_ring_finish(&ring);
}

static void the_largest_queue_works(void **state)
{
    struct chain *chain;

    begin(32768);
    for (unsigned i = 0; i < 32768; i++)
        guest_ring_put(&ring, i, GUEST_BYTES, 1, i == 32767 ? 0 : NEXT, (uint16_t)(i + 1));
    guest_ring_offer(&ring, 0);
    chain = virtqueue_pop(&ring.queue);
    assert_non_null(chain);
    assert_int_equal(chain->readable, 32768);
    assert_int_equal(chain->readable_size, 32768);
    virtqueue_push(&ring.queue, chain, 0);
    assert_int_equal(ring.queue.spares, 0); /* such a chain is not hoarded */
    guest_ring_finish(&ring);
}

static void only_sensible_queues_start(void **state)
{
    static const uint16_t bad_sizes[] = {0, 3, 12, 32769, 65535, 40000};
    struct virtqueue_setup setup;
    struct virtqueue queue;
    bool fresh = true;

    guest_ring_memory(&ring);
    virtqueue_init(&queue, &ring.memory);
    for (unsigned i = 0; i < sizeof(bad_sizes) / sizeof(bad_sizes[0]); i++) {
        setup = guest_ring_setup(bad_sizes[i]);
        assert_int_equal(virtqueue_start(&queue, &setup, &fresh), -EINVAL);
    }
#define REFUSED(field, value)                                                                      \
    do {                                                                                           \
        setup = guest_ring_setup(256);                                                             \
        setup.field = (value);                                                                     \
        assert_int_equal(virtqueue_start(&queue, &setup, &fresh), -EINVAL);                        \
    } while (0)
    REFUSED(desc, GUEST_DESC + 8);
    REFUSED(avail, GUEST_AVAIL + 1);
    REFUSED(used, GUEST_USED + 2);
    REFUSED(desc, GUEST_HOLE);
    REFUSED(avail, GUEST_HOLE);
    REFUSED(used, GUEST_HOLE);
    REFUSED(desc, GUEST_SPLIT - 16);                     /* over two regions */
    REFUSED(used, GUEST_RAM + GUEST_RAM_SIZE - 8 * 256); /* the end is missing */
    REFUSED(avail, UINT64_MAX - 1);
    REFUSED(desc, UINT64_MAX - 15);
    assert_false(queue.started);
    setup = guest_ring_setup(256);
    assert_int_equal(virtqueue_start(&queue, &setup, &fresh), 0);
    assert_true(fresh);
    assert_int_equal(virtqueue_start(&queue, &setup, &fresh), -EBUSY);
    virtqueue_finish(&queue);
    guest_ring_finish(&ring);
}

static void a_queue_must_be_enabled(void **state)
{
    struct chain *chain;

    begin(8);
    guest_ring_put(&ring, 0, GUEST_BYTES, 1, 0, 0);
    guest_ring_offer(&ring, 0);
    ring.queue.enabled = false;
    assert_null(virtqueue_pop(&ring.queue));
    ring.queue.enabled = true;
    chain = virtqueue_pop(&ring.queue);
    assert_non_null(chain);
    ring.queue.enabled = false; /* what is in hand is still answered */
    virtqueue_push(&ring.queue, chain, 0);
    assert_int_equal(guest_ring_used(&ring)->idx, 1);
    guest_ring_finish(&ring);
}

/* Takes the next request and checks which it is. */
static struct chain *pop(uint16_t head)
{
    struct chain *chain = virtqueue_pop(&ring.queue);

    assert_non_null(chain);
    assert_int_equal(chain->head, head);
    return chain;
}

/* What the driver sees as the answer number 'index'. */
static unsigned answered(unsigned index)
{
    assert_true(index < guest_ring_used(&ring)->idx);
    return guest_ring_used(&ring)->ring[index % ring.size].id;
}

/* Offers the requests from 'first' up to 'end', of one descriptor each. */
static void offer(uint16_t first, uint16_t end)
{
    for (uint16_t i = first; i < end; i++) {
        guest_ring_put(&ring, i, GUEST_BYTES, 8, WRITE, 0);
        guest_ring_offer(&ring, i);
    }
}

static void a_stopped_queue_goes_on_where_it_was(void **state)
{
    struct virtqueue_setup setup = guest_ring_setup(8);
    struct chain *first, *second, *dropped;
    bool fresh = true;

    begin(8);
    offer(0, 5);
    virtqueue_push(&ring.queue, pop(0), 0);
    first = pop(1);
    second = pop(2);
    dropped = pop(3);
    assert_true(virtqueue_running(&ring.queue));
    /* One answered, three in hand, one not taken: whoever goes on begins with that one. */
    setup.base = virtqueue_stop(&ring.queue);
    assert_int_equal(setup.base, 4);
    assert_false(virtqueue_running(&ring.queue));
    assert_null(virtqueue_pop(&ring.queue));
    assert_false(virtqueue_must_call(&ring.queue));
    virtqueue_drop(&ring.queue, dropped);
    assert_int_equal(virtqueue_start(&ring.queue, &setup, &fresh), 0);
    assert_false(fresh);
    assert_true(virtqueue_holds(&ring.queue, first) && virtqueue_holds(&ring.queue, second));
    assert_int_equal(ring.queue.in_flight, 2);
    virtqueue_push(&ring.queue, pop(4), 8);
    virtqueue_push(&ring.queue, second, 8);
    virtqueue_push(&ring.queue, first, 8);
    assert_null(virtqueue_pop(&ring.queue));
    assert_int_equal(guest_ring_used(&ring)->idx, 4);
    assert_int_equal(answered(1), 4);
    assert_int_equal(answered(2), 2);
    assert_int_equal(answered(3), 1);
    assert_int_equal(ring.queue.in_flight, 0);
    guest_ring_finish(&ring);
}

/* Each of these is another queue than the one that was stopped: its driver waits for nothing. */
static void a_queue_that_begins_anew_waits_for_nothing(void **state)
{
    for (unsigned change = 0; change < 6; change++) {
        struct virtqueue_setup setup = guest_ring_setup(8);
        struct chain *chain, *other;
        bool fresh;

        begin(8);
        offer(0, 2);
        chain = pop(0);
        setup.base = virtqueue_stop(&ring.queue);
        setup.base += change == 0;
        setup.size -= change == 1 ? 4 : 0;
        setup.desc += change == 2 ? 16 : 0;
        setup.avail += change == 3 ? 2 : 0;
        setup.used += change == 4 ? 4 : 0;
        if (change == 5) {
            setup.base = 0;
            guest_ring_avail(&ring)->idx = 0;
        }
        assert_int_equal(virtqueue_start(&ring.queue, &setup, &fresh), 0);
        assert_int_equal(fresh, change == 5);
        assert_false(virtqueue_holds(&ring.queue, chain));
        assert_int_equal(ring.queue.in_flight, 0);
        assert_int_equal(ring.queue.pieces, 0);
        virtqueue_push(&ring.queue, chain, 8);
        assert_int_equal(guest_ring_used(&ring)->idx, 0);
        other = virtqueue_pop(&ring.queue);
        if (other != NULL)
            virtqueue_drop(&ring.queue, other);
        assert_int_equal(ring.queue.in_flight, 0);
        guest_ring_finish(&ring);
    }
}

/* The driver resets a ring while the device has it stopped. */
static void a_reset_queue_forgets_its_requests(void **state)
{
    struct virtqueue_setup setup = guest_ring_setup(8);
    struct chain *chain;
    bool fresh;

    begin(8);
    offer(0, 2);
    chain = pop(0);
    setup.base = virtqueue_stop(&ring.queue);
    virtqueue_reset(&ring.queue);
    assert_false(virtqueue_holds(&ring.queue, chain));
    assert_int_equal(virtqueue_start(&ring.queue, &setup, &fresh), 0);
    virtqueue_drop(&ring.queue, chain);
    assert_int_equal(ring.queue.in_flight, 0);
    virtqueue_push(&ring.queue, pop(1), 0);
    assert_int_equal(answered(0), 1);
    guest_ring_finish(&ring);
}

static void a_stopped_queue_takes_no_answers(void **state)
{
    struct chain *chain;

    begin(8);
    guest_ring_put(&ring, 0, GUEST_BYTES, 8, WRITE, 0);
    guest_ring_offer(&ring, 0);
    chain = virtqueue_pop(&ring.queue);
    virtqueue_stop(&ring.queue);
    virtqueue_push(&ring.queue, chain, 8);
    assert_int_equal(guest_ring_used(&ring)->idx, 0);
    guest_ring_finish(&ring);
}

static void used_lengths_stay_in_the_chain(void **state)
{
    begin(8);
    guest_ring_put(&ring, 0, GUEST_BYTES, 8, 0, 0);
    guest_ring_offer(&ring, 0);
    virtqueue_push(&ring.queue, virtqueue_pop(&ring.queue), 100);
    assert_int_equal(guest_ring_used(&ring)->ring[0].len, 0);
    guest_ring_put(&ring, 0, GUEST_BYTES, 8, WRITE, 0);
    guest_ring_offer(&ring, 0);
    virtqueue_push(&ring.queue, virtqueue_pop(&ring.queue), 100);
    assert_int_equal(guest_ring_used(&ring)->ring[1].len, 8);
    guest_ring_finish(&ring);
}

/* Case 1 of what a driver may do to us. */
static void a_loop_breaks_the_queue(void **state)
{
    begin(8);
    guest_ring_put(&ring, 0, GUEST_BYTES, 8, NEXT, 1);
    guest_ring_put(&ring, 1, GUEST_BYTES, 8, NEXT, 0);
    guest_ring_offer(&ring, 0);
    must_break();
    /* The same with descriptors that have no bytes, which leave no trace in the chain. */
    begin(8);
    guest_ring_put(&ring, 0, GUEST_BYTES, 0, NEXT, 0);
    guest_ring_offer(&ring, 0);
    must_break();
}

/* Case 2: a piece outside is found when it is read; the request fails and the queue goes on. */
static void a_piece_outside_memory_breaks_nothing(void **state)
{
    struct chain *chain;
    char byte;

    begin(8);
    guest_ring_put(&ring, 0, GUEST_HOLE, 8, 0, 0);
    guest_ring_offer(&ring, 0);
    chain = virtqueue_pop(&ring.queue);
    assert_non_null(chain);
    assert_int_equal(chain_read(chain, &ring.memory, 0, &byte, 1), 0);
    virtqueue_push(&ring.queue, chain, 0);
    guest_ring_put(&ring, 0, UINT64_MAX - 6, 8, 0, 0); /* but one that wraps is no range at all */
    guest_ring_offer(&ring, 0);
    assert_null(virtqueue_pop(&ring.queue));
    assert_true(ring.queue.broken);
    guest_ring_finish(&ring);
}

/* Case 3. */
static void a_next_past_the_end_breaks_the_queue(void **state)
{
    begin(8);
    guest_ring_put(&ring, 0, GUEST_BYTES, 8, NEXT, 8);
    guest_ring_put(&ring, 8, GUEST_BYTES, 8, 0, 0); /* there is one, but it is not in the table */
    guest_ring_offer(&ring, 0);
    must_break();
    begin(8);
    guest_ring_put(&ring, 0, GUEST_BYTES, 8, NEXT, 65535);
    guest_ring_offer(&ring, 0);
    must_break();
}

/* Case 4. */
static void a_head_past_the_end_breaks_the_queue(void **state)
{
    begin(8);
    guest_ring_offer(&ring, 8);
    must_break();
}

static void a_jump_of_the_index_breaks_the_queue(void **state)
{
    begin(8);
    for (uint16_t i = 0; i < 8; i++)
        guest_ring_put(&ring, i, GUEST_BYTES, 8, 0, 0);
    guest_ring_avail(&ring)->idx = 9;
    must_break();
    begin(8);
    guest_ring_avail(&ring)->idx = 65535; /* backwards */
    must_break();
}

static void too_many_in_flight_break_the_queue(void **state)
{
    struct chain *held[4];

    begin(4);
    guest_ring_put(&ring, 0, GUEST_BYTES, 8, 0, 0);
    for (unsigned i = 0; i < 4; i++) {
        guest_ring_offer(&ring, 0);
        held[i] = virtqueue_pop(&ring.queue);
        assert_non_null(held[i]);
    }
    guest_ring_offer(&ring, 0); /* a fifth, though the queue has four entries */
    assert_null(virtqueue_pop(&ring.queue));
    assert_true(ring.queue.broken);
    for (unsigned i = 0; i < 4; i++)
        virtqueue_push(&ring.queue, held[i], 0);
    assert_int_equal(ring.queue.in_flight, 0);
    assert_int_equal(guest_ring_used(&ring)->idx, 0); /* a broken queue is left alone */
    guest_ring_finish(&ring);
}

/* An indirect table of 'count' readable bytes at 'gpa', and a descriptor that points to it. */
static struct vring_desc *indirect(uint64_t gpa, unsigned count)
{
    struct vring_desc *table = guest_ring_at(&ring, gpa);

    for (unsigned i = 0; i < count; i++)
        table[i] = (struct vring_desc){.addr = GUEST_BYTES + i,
                                       .len = 1,
                                       .flags = i + 1 < count ? NEXT : 0,
                                       .next = (uint16_t)(i + 1)};
    guest_ring_put(&ring, 0, gpa, count * 16, INDIRECT, 0);
    return table;
}

static void an_indirect_table_is_followed(void **state)
{
    struct vring_desc *table;
    struct chain *chain;

    begin(8);
    table = indirect(GUEST_TABLE, 1000); /* more than the queue has: Linux does so */
    table[999].flags = WRITE;
    guest_ring_offer(&ring, 0);
    chain = virtqueue_pop(&ring.queue);
    assert_non_null(chain);
    assert_int_equal(chain->readable, 999);
    assert_int_equal(chain->writable, 1);
    virtqueue_push(&ring.queue, chain, 1);
    /* Normal ones first, then the table; the write flag of its descriptor says nothing. */
    guest_ring_put(&ring, 5, GUEST_BYTES, 100, NEXT, 0);
    indirect(GUEST_TABLE, 3);
    guest_ring_desc(&ring, 0)->flags |= WRITE;
    guest_ring_offer(&ring, 5);
    chain = virtqueue_pop(&ring.queue);
    assert_non_null(chain);
    assert_int_equal(chain->readable, 4);
    assert_int_equal(chain->readable_size, 103);
    virtqueue_push(&ring.queue, chain, 0);
    guest_ring_finish(&ring);
}

static void an_indirect_table_may_lie_anywhere(void **state)
{
    struct chain *chain;

    begin(8);
    indirect(GUEST_SPLIT - 24, 5); /* over two regions, in the middle of a descriptor */
    guest_ring_offer(&ring, 0);
    chain = virtqueue_pop(&ring.queue);
    assert_non_null(chain);
    assert_int_equal(chain->readable, 5);
    virtqueue_push(&ring.queue, chain, 0);
    guest_ring_finish(&ring);
}

static void the_largest_indirect_table_works(void **state)
{
    struct chain *chain;

    begin(8);
    indirect(GUEST_TABLE, 32768);
    guest_ring_offer(&ring, 0);
    chain = virtqueue_pop(&ring.queue);
    assert_non_null(chain);
    assert_int_equal(chain->readable, 32768);
    virtqueue_push(&ring.queue, chain, 0);
    indirect(GUEST_TABLE, 32768);
    guest_ring_desc(&ring, 0)->len += 16;
    guest_ring_offer(&ring, 0);
    assert_null(virtqueue_pop(&ring.queue));
    assert_true(ring.queue.broken);
    guest_ring_finish(&ring);
}

/* Case 5, one fault at a time. */
static void bad_indirect_tables_break_the_queue(void **state)
{
    struct virtqueue_setup setup = guest_ring_setup(8);

#define BAD_TABLE(...)                                                                             \
    do {                                                                                           \
        begin(8);                                                                                  \
        struct vring_desc *table = indirect(GUEST_TABLE, 4);                                       \
        struct vring_desc *outer = guest_ring_desc(&ring, 0);                                      \
        (void)table;                                                                               \
        (void)outer;                                                                               \
        __VA_ARGS__;                                                                               \
        guest_ring_offer(&ring, 0);                                                                \
        must_break();                                                                              \
    } while (0)
    BAD_TABLE(outer->len = 4 * 16 + 1);
    BAD_TABLE(outer->len = 15);
    BAD_TABLE(outer->len = 0);
    BAD_TABLE(outer->len = UINT32_MAX);
    BAD_TABLE(outer->len = UINT32_MAX & ~15u);
    BAD_TABLE(outer->flags |= NEXT);
    BAD_TABLE(outer->addr = GUEST_HOLE);
    BAD_TABLE(outer->addr = GUEST_RAM + GUEST_RAM_SIZE - 16; /* the rest is missing */
              ((struct vring_desc *)guest_ring_at(&ring, outer->addr))->flags = NEXT);
    BAD_TABLE(outer->addr = UINT64_MAX - 31);
    BAD_TABLE(table[1].flags |= INDIRECT);
    BAD_TABLE(table[3].flags = INDIRECT);
    BAD_TABLE(table[1].next = 4);
    BAD_TABLE(table[3].flags = NEXT; table[3].next = 0);
    BAD_TABLE(table[0].flags |= WRITE);
    begin(8);
    guest_ring_finish(&ring);
    setup.no_indirect = true;
    guest_ring_init(&ring, setup);
    indirect(GUEST_TABLE, 4);
    guest_ring_offer(&ring, 0);
    must_break();
}

/* Case 6. */
static void odd_lengths_are_summed_right(void **state)
{
    struct chain *chain;

    begin(8);
    guest_ring_put(&ring, 0, GUEST_HOLE, 0, NEXT | WRITE, 1); /* nothing, and nowhere */
    guest_ring_put(&ring, 1, 0, UINT32_MAX, NEXT, 2);
    guest_ring_put(&ring, 2, 0, UINT32_MAX, NEXT, 3);
    guest_ring_put(&ring, 3, 0, UINT32_MAX, NEXT | WRITE, 4);
    guest_ring_put(&ring, 4, 0, UINT32_MAX, WRITE, 0);
    guest_ring_offer(&ring, 0);
    chain = virtqueue_pop(&ring.queue);
    assert_non_null(chain);
    assert_int_equal(chain->readable, 2);
    assert_int_equal(chain->writable, 2);
    assert_true(chain->readable_size == 2 * UINT64_C(0xffffffff));
    assert_true(chain->writable_size == 2 * UINT64_C(0xffffffff));
    virtqueue_push(&ring.queue, chain, 0);
    guest_ring_put(&ring, 0, GUEST_HOLE, 0, 0, 0); /* a request of nothing at all is one */
    guest_ring_offer(&ring, 0);
    chain = virtqueue_pop(&ring.queue);
    assert_non_null(chain);
    assert_int_equal(chain->readable + chain->writable, 0);
    virtqueue_push(&ring.queue, chain, 0);
    assert_int_equal(guest_ring_used(&ring)->idx, 2);
    guest_ring_finish(&ring);
}

/* Case 7. */
static void readable_after_writable_breaks_the_queue(void **state)
{
    begin(8);
    guest_ring_put(&ring, 0, GUEST_BYTES, 8, NEXT | WRITE, 1);
    guest_ring_put(&ring, 1, GUEST_BYTES, 8, 0, 0);
    guest_ring_offer(&ring, 0);
    must_break();
}

static void pieces_in_flight_are_bounded(void **state)
{
    struct chain *held[64];
    unsigned count = 0;

    begin(64);
    indirect(GUEST_TABLE, 32768);
    while (count < 64) {
        guest_ring_offer(&ring, 0);
        held[count] = virtqueue_pop(&ring.queue);
        if (held[count] == NULL)
            break;
        count++;
    }
    assert_int_equal(count, VIRTQUEUE_MAX_PIECES / 32768);
    assert_true(ring.queue.broken);
    while (count > 0)
        virtqueue_drop(&ring.queue, held[--count]);
    assert_int_equal(ring.queue.pieces, 0);
    guest_ring_finish(&ring);
}

static void rings_that_vanish_are_survived(void **state)
{
    struct chain *chain;

    begin(8);
    guest_ring_put(&ring, 0, GUEST_BYTES, 8, WRITE, 0);
    guest_ring_offer(&ring, 0);
    chain = virtqueue_pop(&ring.queue);
    assert_int_equal(guest_memory_set(&ring.memory, NULL, NULL, 0), 0);
    assert_null(virtqueue_pop(&ring.queue));
    assert_false(ring.queue.broken); /* a new table may bring them back */
    virtqueue_push(&ring.queue, chain, 8);
    assert_true(ring.queue.broken); /* but this answer is lost */
    virtqueue_must_call(&ring.queue);
    guest_ring_finish(&ring);
}

/* The guest's memory becomes another file, as it was before. */
static void move_ram(void)
{
    struct guest_region_spec spec = {GUEST_RAM, GUEST_RAM_SIZE, GUEST_USER, 512};
    int fd = fd_memfd("moved", GUEST_RAM_SIZE + 4096);
    uint8_t *start = mmap(NULL, GUEST_RAM_SIZE + 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    assert_true(start != MAP_FAILED);
    memcpy(start + 512, ring.ram, GUEST_RAM_SIZE);
    munmap(ring.ram - 512, GUEST_RAM_SIZE + 4096);
    ring.ram = start + 512;
    assert_int_equal(guest_memory_set(&ring.memory, &spec, &fd, 1), 0);
}

static void rings_that_move_are_followed(void **state)
{
    struct virtqueue_setup setup = guest_ring_setup(8);
    struct chain *chain;

    setup.event_idx = true;
    guest_ring_init(&ring, setup);
    for (uint16_t i = 0; i < 3; i++)
        guest_ring_put(&ring, i, GUEST_BYTES + i, 8, WRITE, 0);
    guest_ring_offer(&ring, 0);
    guest_ring_offer(&ring, 1);
    chain = virtqueue_pop(&ring.queue); /* and both have been seen */
    move_ram();
    guest_ring_avail(&ring)->ring[1] = 2;
    *guest_ring_used_event(&ring) = 1;
    virtqueue_push(&ring.queue, chain, 8);
    assert_int_equal(guest_ring_used(&ring)->idx, 1);
    chain = virtqueue_pop(&ring.queue);
    assert_int_equal(chain->head, 2);
    assert_int_equal(chain->pieces[0].gpa, GUEST_BYTES + 2);
    assert_true(virtqueue_must_call(&ring.queue));
    virtqueue_push(&ring.queue, chain, 8);
    assert_true(virtqueue_must_call(&ring.queue)); /* by the word in the new place */
    assert_null(virtqueue_pop(&ring.queue));
    assert_int_equal(*guest_ring_avail_event(&ring), 2);
    guest_ring_finish(&ring);
}

static void requests_that_were_seen_wait_for_their_ring(void **state)
{
    struct guest_region_spec spec = {GUEST_RAM, GUEST_RAM_SIZE, GUEST_USER, 512};
    struct chain *chain;
    int fd;

    begin(8);
    fd = fd_duplicate(ring.memory.regions[0].fd);
    guest_ring_put(&ring, 0, GUEST_BYTES, 8, WRITE, 0);
    guest_ring_put(&ring, 1, GUEST_BYTES, 8, WRITE, 0);
    guest_ring_offer(&ring, 0);
    guest_ring_offer(&ring, 1);
    virtqueue_drop(&ring.queue, virtqueue_pop(&ring.queue));
    assert_int_equal(guest_memory_set(&ring.memory, NULL, NULL, 0), 0);
    assert_false(virtqueue_waits(&ring.queue));
    assert_null(virtqueue_pop(&ring.queue));
    assert_false(ring.queue.broken);
    assert_int_equal(guest_memory_set(&ring.memory, &spec, &fd, 1), 0);
    assert_true(virtqueue_waits(&ring.queue));
    chain = virtqueue_pop(&ring.queue);
    assert_int_equal(chain->head, 1);
    virtqueue_push(&ring.queue, chain, 0);
    assert_int_equal(guest_ring_used(&ring)->idx, 1);
    assert_false(virtqueue_waits(&ring.queue));
    guest_ring_finish(&ring);
}

static void without_event_idx_flags_say_when_to_call(void **state)
{
    begin(8);
    guest_ring_put(&ring, 0, GUEST_BYTES, 8, WRITE, 0);
    for (unsigned i = 0; i < 4; i++) {
        guest_ring_avail(&ring)->flags = i % 2 == 0 ? 0 : VRING_AVAIL_F_NO_INTERRUPT;
        guest_ring_offer(&ring, 0);
        virtqueue_push(&ring.queue, virtqueue_pop(&ring.queue), 0);
        assert_int_equal(virtqueue_must_call(&ring.queue), i % 2 == 0);
    }
    guest_ring_avail(&ring)->flags = 0;
    assert_false(virtqueue_must_call(&ring.queue)); /* nothing is new */
    guest_ring_finish(&ring);
}

static void begin_events(uint16_t base)
{
    struct virtqueue_setup setup = guest_ring_setup(8);

    setup.event_idx = true;
    setup.base = base;
    guest_ring_init(&ring, setup);
    guest_ring_put(&ring, 0, GUEST_BYTES, 8, WRITE, 0);
}

static void answer(void)
{
    struct chain *chain;

    guest_ring_offer(&ring, 0);
    chain = virtqueue_pop(&ring.queue);
    assert_non_null(chain);
    virtqueue_push(&ring.queue, chain, 0);
}

static void used_event_says_when_to_call(void **state)
{
    begin_events(65530);
    *guest_ring_used_event(&ring) = 65530;
    answer();
    assert_true(virtqueue_must_call(&ring.queue));
    assert_false(virtqueue_must_call(&ring.queue));
    *guest_ring_used_event(&ring) = 2; /* call at the ninth from here, past the wrap */
    for (unsigned i = 0; i < 7; i++) {
        answer();
        assert_false(virtqueue_must_call(&ring.queue));
    }
    answer();
    assert_true(virtqueue_must_call(&ring.queue));
    answer();
    assert_false(virtqueue_must_call(&ring.queue));
    /* A batch that steps over the event. */
    *guest_ring_used_event(&ring) = (uint16_t)(ring.queue.used_idx + 1);
    answer();
    answer();
    answer();
    assert_true(virtqueue_must_call(&ring.queue));
    guest_ring_finish(&ring);
}

/* Case 11: whatever the driver wrote there, at worst it is called once too often. */
static void garbage_in_the_event_fields_does_no_harm(void **state)
{
    begin_events(0);
    for (unsigned i = 0; i < 65536 + 100; i++) {
        *guest_ring_used_event(&ring) = (uint16_t)(i * 40503u);
        guest_ring_avail(&ring)->flags = (uint16_t)i;
        answer();
        virtqueue_must_call(&ring.queue);
    }
    /* After once around without a question, the answer is yes. */
    *guest_ring_used_event(&ring) = (uint16_t)(ring.queue.used_idx - 5);
    for (unsigned i = 0; i < 65536; i++)
        answer();
    assert_true(virtqueue_must_call(&ring.queue));
    assert_false(ring.queue.broken);
    guest_ring_finish(&ring);
}

static void an_empty_queue_asks_for_a_kick(void **state)
{
    begin_events(0);
    *guest_ring_avail_event(&ring) = 0x5555;
    answer();
    assert_int_equal(*guest_ring_avail_event(&ring), 0x5555); /* busy: no need */
    assert_null(virtqueue_pop(&ring.queue));
    assert_int_equal(*guest_ring_avail_event(&ring), 1);
    answer();
    assert_null(virtqueue_pop(&ring.queue));
    assert_int_equal(*guest_ring_avail_event(&ring), 2);
    guest_ring_finish(&ring);
    begin(8);
    guest_ring_used(&ring)->ring[8].id = 0x5555;
    assert_null(virtqueue_pop(&ring.queue)); /* not negotiated: not ours to write */
    assert_int_equal(guest_ring_used(&ring)->ring[8].id, 0x5555);
    guest_ring_finish(&ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(a_request_goes_round),
        FD_TEST(many_requests_go_round),
        FD_TEST(the_largest_queue_works),
        FD_TEST(only_sensible_queues_start),
        FD_TEST(a_queue_must_be_enabled),
        FD_TEST(a_stopped_queue_goes_on_where_it_was),
        FD_TEST(a_queue_that_begins_anew_waits_for_nothing),
        FD_TEST(a_reset_queue_forgets_its_requests),
        FD_TEST(a_stopped_queue_takes_no_answers),
        FD_TEST(used_lengths_stay_in_the_chain),
        FD_TEST(a_loop_breaks_the_queue),
        FD_TEST(a_piece_outside_memory_breaks_nothing),
        FD_TEST(a_next_past_the_end_breaks_the_queue),
        FD_TEST(a_head_past_the_end_breaks_the_queue),
        FD_TEST(a_jump_of_the_index_breaks_the_queue),
        FD_TEST(too_many_in_flight_break_the_queue),
        FD_TEST(an_indirect_table_is_followed),
        FD_TEST(an_indirect_table_may_lie_anywhere),
        FD_TEST(the_largest_indirect_table_works),
        FD_TEST(bad_indirect_tables_break_the_queue),
        FD_TEST(odd_lengths_are_summed_right),
        FD_TEST(readable_after_writable_breaks_the_queue),
        FD_TEST(pieces_in_flight_are_bounded),
        FD_TEST(rings_that_vanish_are_survived),
        FD_TEST(rings_that_move_are_followed),
        FD_TEST(requests_that_were_seen_wait_for_their_ring),
        FD_TEST(without_event_idx_flags_say_when_to_call),
        FD_TEST(used_event_says_when_to_call),
        FD_TEST(garbage_in_the_event_fields_does_no_harm),
        FD_TEST(an_empty_queue_asks_for_a_kick),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
#include "guest_ring.h"

#include <pthread.h>
#include <signal.h>

#include "base/units.h"

#define NEXT VRING_DESC_F_NEXT
#define WRITE VRING_DESC_F_WRITE

/*
 * A driver with a second processor that changes the rings while we read them (case 10). A request
 * may come out in any form that was there at some moment; what we act on must have been checked.
 */
static struct guest_ring ring;
static bool stop;
static unsigned flips;

#define TABLE_ENTRIES 4u
#define PIECE_GPA (GUEST_BYTES + 64u)
#define PIECE_SIZE 64u

/* Each word is right in even rounds, wrong in odd ones. */
static void *flip(void *data)
{
    struct vring_desc *table = guest_ring_at(&ring, GUEST_TABLE);

    for (unsigned i = 0; !__atomic_load_n(&stop, __ATOMIC_RELAXED); i++) {
        bool wrong = i % 2 == 1;

        __atomic_store_n(&table[1].next, wrong ? 0xffff : 2, __ATOMIC_RELAXED);
        __atomic_store_n(&table[2].addr, wrong ? UINT64_MAX : PIECE_GPA, __ATOMIC_RELAXED);
        __atomic_store_n(&table[2].flags, wrong ? WRITE : NEXT, __ATOMIC_RELAXED);
        __atomic_store_n(&guest_ring_desc(&ring, 0)->len, wrong ? UINT32_MAX : TABLE_ENTRIES * 16,
                         __ATOMIC_RELAXED);
        __atomic_store_n(&guest_ring_desc(&ring, 1)->next, wrong ? 0xffff : 0, __ATOMIC_RELAXED);
        __atomic_store_n(&flips, i, __ATOMIC_RELAXED);
    }
    return NULL;
}

static void put_table(void)
{
    struct vring_desc *table = guest_ring_at(&ring, GUEST_TABLE);

    for (uint16_t i = 0; i < TABLE_ENTRIES; i++)
        table[i] = (struct vring_desc){.addr = PIECE_GPA,
                                       .len = PIECE_SIZE,
                                       .flags = i + 1u < TABLE_ENTRIES ? NEXT : WRITE,
                                       .next = (uint16_t)(i + 1)};
    guest_ring_put(&ring, 0, GUEST_TABLE, TABLE_ENTRIES * 16, VRING_DESC_F_INDIRECT, 0);
    guest_ring_put(&ring, 1, PIECE_GPA, PIECE_SIZE, NEXT, 0);
}

static void check(const struct chain *chain)
{
    uint8_t bytes[PIECE_SIZE * (TABLE_ENTRIES + 1)];

    assert_true(chain->readable + chain->writable <= TABLE_ENTRIES + 1);
    for (unsigned i = 0; i < chain->readable + chain->writable; i++) {
        assert_int_equal(chain->pieces[i].gpa, PIECE_GPA);
        assert_int_equal(chain->pieces[i].size, PIECE_SIZE);
    }
    assert_int_equal(chain->readable_size, chain->readable * PIECE_SIZE);
    assert_int_equal(chain_read(chain, &ring.memory, 0, bytes, sizeof(bytes)),
                     chain->readable_size);
}

static void flipping_descriptors_are_survived(void **state)
{
    struct virtqueue_setup setup = guest_ring_setup(8);
    unsigned good = 0, bad = 0;
    pthread_t thread;
    bool fresh;

    guest_ring_init(&ring, setup);
    put_table();
    assert_int_equal(pthread_create(&thread, NULL, flip, NULL), 0);
    while ((good < 1000 || bad < 1000) && good + bad < 2000000) {
        struct chain *chain;

        guest_ring_offer(&ring, 1);
        chain = virtqueue_pop(&ring.queue);
        if (chain != NULL) {
            check(chain);
            virtqueue_push(&ring.queue, chain, 0);
            good++;
            continue;
        }
        assert_true(ring.queue.broken);
        assert_int_equal(ring.queue.in_flight, 0);
        bad++;
        virtqueue_stop(&ring.queue);
        setup.base = ring.avail_idx;
        guest_ring_used(&ring)->idx = ring.avail_idx;
        assert_int_equal(virtqueue_start(&ring.queue, &setup, &fresh), 0);
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
    print_message("%u good, %u bad, %u flips\n", good, bad, flips);
    assert_true(good > 0);
    assert_true(bad > 0);
    guest_ring_finish(&ring);
}

/* The page of the device's view that its question for a kick goes to. */
static uint8_t *question;

/* The device is about to write it: the other processor makes a request available at this instant,
 * and reads the question of before, which says that no kick is needed. */
static void on_question(int signal_number, siginfo_t *info, void *context)
{
    uint8_t *at = info->si_addr;

    if (at < question || at >= question + units_page_size()) {
        signal(SIGSEGV, SIG_DFL);
        return;
    }
    mprotect(question, units_page_size(), PROT_READ | PROT_WRITE);
    guest_ring_offer(&ring, 0);
}

static void a_request_between_two_looks_is_taken(void **state)
{
    struct sigaction action = {.sa_sigaction = on_question, .sa_flags = SA_SIGINFO}, before;
    struct virtqueue_setup setup = guest_ring_setup(8);
    struct chain *chain;
    uintptr_t word;

    setup.event_idx = true;
    guest_ring_init(&ring, setup);
    guest_ring_put(&ring, 0, GUEST_BYTES, 8, WRITE, 0);
    /* The last word of the used ring (virtio 1.3, 2.7.8). */
    word = (uintptr_t)guest_memory_at(&ring.memory, GUEST_USED + 4 + 8 * setup.size, 2);
    question = (uint8_t *)(word & ~(uintptr_t)(units_page_size() - 1));
    assert_int_equal(sigaction(SIGSEGV, &action, &before), 0);
    assert_int_equal(mprotect(question, units_page_size(), PROT_READ), 0);
    chain = virtqueue_pop(&ring.queue);
    assert_int_equal(sigaction(SIGSEGV, &before, NULL), 0);
    assert_int_equal(ring.avail_idx, 1); /* it did ask */
    assert_non_null(chain);
    virtqueue_push(&ring.queue, chain, 0);
    guest_ring_finish(&ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(flipping_descriptors_are_survived),
        FD_TEST(a_request_between_two_looks_is_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

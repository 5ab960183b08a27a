/* SPDX-License-Identifier: MIT */
#include "bad.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/virtio_ring.h>

/*
 * A driver that breaks the rules of its ring. At worst it has broken its own ring: the worker
 * lives, the door lives, and a driver that begins anew finds a device that works.
 */
#define RAM GUEST_RAM_HIGH /* the start of the upper half of guest memory */
#define LOW_END (32 * MIB) /* where the lower half ends */
#define NEXT VRING_DESC_F_NEXT
#define WRITE VRING_DESC_F_WRITE
#define INDIRECT VRING_DESC_F_INDIRECT
#define FIRST 248u /* of the ring's 256 descriptors, those that no slot of the library has */

/* A chain that begins at descriptor FIRST, or elsewhere if 'head' says so. */
static const struct chain {
    const char *what;
    struct vring_desc desc[3];
    uint16_t head; /* 0: FIRST */
    uint16_t jump; /* of the available index; 0: one */
} chains[] = {
    {"a loop of one", {{RAM, 24, NEXT, FIRST}}},
    {"a loop of two", {{RAM, 24, NEXT, FIRST + 1}, {RAM, 24, NEXT, FIRST}}},
    {"outside of memory", {{UINT64_C(1) << 50, 24, 0, 0}}},
    {"in the hole", {{LOW_END, 24, 0, 0}}},
    {"over an end of memory", {{LOW_END - 8, 64, 0, 0}}},
    {"round the end of addresses", {{UINT64_MAX - 8, 64, 0, 0}}},
    {"an answer outside of memory",
     {{RAM, 24, NEXT, FIRST + 1}, {UINT64_C(1) << 50, 24, WRITE, 0}}},
    {"a next that is not there", {{RAM, 24, NEXT, 256}}},
    {"a next far away", {{RAM, 24, NEXT, 65535}}},
    {"a head that is not there", {{RAM, 24, 0, 0}}, 256},
    {"a head far away", {{RAM, 24, 0, 0}}, 65535},
    {"an index too far ahead", {{RAM, 24, 0, 0}}, 0, 257},
    {"an index very far ahead", {{RAM, 24, 0, 0}}, 0, 40000},
    {"nothing at all", {{RAM, 0, 0, 0}}},
    {"all there can be", {{RAM, UINT32_MAX, 0, 0}}},
    {"all there can be, to write", {{RAM, 24, NEXT, FIRST + 1}, {RAM, UINT32_MAX, WRITE, 0}}},
    {"reading after writing", {{RAM, 24, WRITE | NEXT, FIRST + 1}, {RAM, 24, 0, 0}}},
    {"an empty table", {{RAM, 0, INDIRECT, 0}}},
    {"a table with half an entry", {{RAM, 24, INDIRECT, 0}}},
    {"a table too long", {{RAM, 16 * 65536, INDIRECT, 0}}},
    {"a table outside of memory", {{UINT64_C(1) << 50, 16, INDIRECT, 0}}},
    {"a table and a next", {{RAM, 16, INDIRECT | NEXT, FIRST + 1}, {RAM, 24, 0, 0}}},
    {"unknown flags", {{RAM, 24, 0xfff8, 0}}},
    {"no room for an answer", {{RAM, 24, 0, 0}}},
    {"too little room for an answer", {{RAM, 24, NEXT, FIRST + 1}, {RAM + 4096, 3, WRITE, 0}}},
    {"half a header", {{RAM, 11, NEXT, FIRST + 1}, {RAM + 4096, 64, WRITE, 0}}},
    {"nothing to read", {{RAM + 4096, 64, WRITE, 0}}},
};

static void offer(struct driver_queue *queue, const struct chain *chain)
{
    struct vring_desc *ring = guest_ram_at(queue->ram, queue->desc);
    struct vring_avail *avail = guest_ram_at(queue->ram, queue->avail);
    uint16_t idx = avail->idx;
    uint64_t one = 1;

    memcpy(ring + FIRST, chain->desc, sizeof(chain->desc));
    avail->ring[idx % queue->size] = chain->head != 0 ? chain->head : FIRST;
    __atomic_store_n(&avail->idx, (uint16_t)(idx + (chain->jump != 0 ? chain->jump : 1)),
                     __ATOMIC_RELEASE);
    assert_int_equal(write(queue->kick, &one, sizeof(one)), sizeof(one));
}

static void begin_anew(struct story *s)
{
    assert_int_equal(frontend_reset(&s->frontend), 0);
    assert_int_equal(frontend_start(&s->frontend), 0);
    subject_bind(s);
}

static void bad_chains_break_their_ring_at_worst(void **state)
{
    struct story *s = story(state);
    pid_t worker;

    bad_start(s);
    bad_join(s, true);
    subject_bind(s);
    worker = story_worker(s);
    for (size_t i = 0; i < sizeof(chains) / sizeof(chains[0]); i++) {
        print_message("a chain with: %s\n", chains[i].what);
        offer(&s->frontend.queues[i % 2], &chains[i]);
        assert_int_equal(frontend_pump(&s->frontend, -1, 20), 0);
        assert_int_equal(story_worker(s), worker);
        /* The other queue is of no account for the one of commands. */
        if (i % 2 != SUBJECT_QUEUE)
            subject_serves(s);
        begin_anew(s);
        subject_serves(s);
        s->frontend.queues[0].violations = s->frontend.queues[1].violations = 0;
    }
    assert_int_equal(daemon_process_number(&s->daemon, "/worker/starts"), 1);
    story_leave(s);
    bad_told(s, "chains_bad", "the driver broke a queue: ");
    bad_afterwards(s);
    story_end(s);
}

/* A table in a table. */
static void nested_tables_break_their_ring_at_worst(void **state)
{
    const struct chain chain = {"", {{RAM + 65536 * 64, 16, INDIRECT, 0}}};
    struct story *s = story(state);
    struct vring_desc *table;
    pid_t worker;

    bad_start(s);
    bad_join(s, true);
    subject_bind(s);
    worker = story_worker(s);
    table = guest_ram_at(&s->frontend.ram, RAM + 65536 * 64);
    *table = (struct vring_desc){RAM + 65536 * 64, 16, INDIRECT, 0};
    offer(&s->frontend.queues[0], &chain);
    assert_int_equal(frontend_pump(&s->frontend, -1, 50), 0);
    assert_int_equal(story_worker(s), worker);
    begin_anew(s);
    subject_serves(s);
    bad_afterwards(s);
    story_end(s);
}

/* Many kicks and nothing to do: each wakes at most once, and then nobody is busy. */
static void a_storm_of_kicks_is_nothing(void **state)
{
    struct story *s = story(state);
    uint64_t one = 1;

    bad_start(s);
    bad_join(s, true);
    subject_bind(s);
    for (unsigned i = 0; i < 1000000; i++)
        assert_int_equal(write(s->frontend.queues[i % 2].kick, &one, sizeof(one)), sizeof(one));
    subject_serves(s);
    assert_in_range(bad_busy_ticks(story_worker(s), s->daemon.pid, 300), 0, 5);
    subject_serves(s);
    bad_afterwards(s);
    story_end(s);
}

/* Another processor of the guest, that makes the same request available as fast as it is answered.
 */
static struct feeder {
    struct driver_queue *queue;
    atomic_bool ends;
} feeder;

static void *feed(void *data)
{
    struct vring_avail *avail = guest_ram_at(feeder.queue->ram, feeder.queue->avail);
    const struct vring_used *used = guest_ram_at(feeder.queue->ram, feeder.queue->used);
    uint64_t one = 1;

    for (unsigned i = 0; !feeder.ends; i++) {
        uint16_t answered = __atomic_load_n(&used->idx, __ATOMIC_ACQUIRE);

        __atomic_store_n(&avail->idx, (uint16_t)(answered + 200), __ATOMIC_RELEASE);
        if (i % 64 == 0 && write(feeder.queue->kick, &one, sizeof(one)) < 0)
            break;
    }
    return NULL;
}

/* The ring is never empty, and the door can stop it all the same. */
static void requests_without_end_keep_nobody_out(void **state)
{
    struct story *s = story(state);
    struct driver_queue *queue = &s->frontend.queues[SUBJECT_QUEUE];
    struct vring_desc *ring;
    struct vring_avail *avail;
    pthread_t thread;
    size_t size, space;

    bad_start(s);
    for (unsigned round = 0; round < 2; round++) {
        bad_join(s, true);
        subject_bind(s);
        size = subject_request(s, driver_queue_request(queue, 0), &space);
        ring = guest_ram_at(queue->ram, queue->desc);
        ring[FIRST] = (struct vring_desc){RAM, (uint32_t)size, NEXT, FIRST + 1};
        ring[FIRST + 1] = (struct vring_desc){RAM + 8192, (uint32_t)space, WRITE, 0};
        avail = guest_ram_at(queue->ram, queue->avail);
        for (unsigned i = 0; i < queue->size; i++)
            avail->ring[i] = FIRST;
        feeder = (struct feeder){.queue = queue};
        assert_int_equal(pthread_create(&thread, NULL, feed, NULL), 0);
        usleep(200000);
        assert_int_equal(frontend_tell_memory(&s->frontend), 0);
        assert_int_equal(frontend_enable_ring(&s->frontend, SUBJECT_QUEUE, false), 0);
        assert_int_equal(frontend_stop_ring(&s->frontend, SUBJECT_QUEUE), 0);
        feeder.ends = true;
        pthread_join(thread, NULL);
        assert_int_equal(frontend_reset(&s->frontend), 0);
        s->frontend.queues[SUBJECT_QUEUE].violations = 0;
        story_leave(s);
    }
    assert_true(daemon_process_number(&s->daemon, "/counters/commands") > 1000);
    bad_afterwards(s);
    story_end(s);
}

/* Another processor of the guest, that writes into requests while the device reads them. */
static struct flipper {
    volatile uint32_t *words; /* of the slot that all requests are in */
    atomic_bool ends;
} flipper;

static void *flip(void *data)
{
    uint64_t at = 0;

    while (!flipper.ends) {
        uint32_t word = (uint32_t)memory_stream_word(at++, 9);

        /* The beginning of a slot: numbers, ids, sizes and counts. */
        flipper.words[word / 16 % 16] = word % 3 ? word >> 20 : word;
    }
    return NULL;
}

static void bytes_change_while_they_are_read(void **state)
{
    struct story *s = story(state);
    struct driver_queue *queue = &s->frontend.queues[SUBJECT_QUEUE];
    uint8_t request[256] = {0}, answer[512];
    time_t start = time(NULL);
    pthread_t thread;
    size_t size, space;

    bad_start(s);
    bad_join(s, true);
    subject_bind(s);
    size = subject_request(s, request, &space);
    flipper = (struct flipper){.words = driver_queue_request(queue, 0)};
    assert_int_equal(pthread_create(&thread, NULL, flip, NULL), 0);
    for (unsigned i = 0; i < 200 || (i < 4000 && time(NULL) - start < 2); i++) {
        struct virtio_gpu_ctrl_hdr *header = (void *)request;

        if (i % 2) /* long enough for any command, of numbers that exist */
            header->type = subject_is_gpu(s) ? 0x101 + i / 2 % 16 : 1 + i / 2 % 5;
        size = i % 2 ? sizeof(request) : subject_request(s, request, &space);
        assert_true(frontend_request(&s->frontend, SUBJECT_QUEUE, request, size, answer,
                                     sizeof(answer)) >= 0);
    }
    flipper.ends = true;
    pthread_join(thread, NULL);
    s->frontend.counts.refused = 0;
    assert_int_equal(story_worker(s), (pid_t)daemon_process_number(&s->daemon, "/worker/pid"));
    begin_anew(s);
    subject_serves(s);
    story_leave(s);
    bad_told_counter(s, "command_errors");
    bad_afterwards(s);
    story_end(s);
}

/* Bytes that are no command, in a chain that is one. */
static void commands_that_are_none_are_answered(void **state)
{
    struct story *s = story(state);
    bool gpu = subject_is_gpu(s);
    uint64_t seed = 7;
    uint8_t noise[256], answer[64];

    bad_start(s);
    bad_join(s, true);
    subject_bind(s);
    for (unsigned i = 0; i < 300; i++) {
        struct virtio_gpu_ctrl_hdr *header = (struct virtio_gpu_ctrl_hdr *)(void *)noise;
        size_t size = i % 2 ? sizeof(noise) : i % sizeof(noise);

        for (unsigned k = 0; k < sizeof(noise); k++)
            noise[k] = (uint8_t)memory_stream_word(seed++, 5);
        /* Every other one has a number that exists, or nearly. */
        if (i % 2)
            header->type = gpu ? 0x100 * (1 + i % 3) + i / 6 % 16 : i / 2 % 7;
        /* The second ring of hostblob-media is for events, which are not answers. */
        if (size > 0)
            assert_true(frontend_request(&s->frontend, gpu ? i / 2 % 2 : 0, noise, size, answer,
                                         sizeof(answer)) >= 0);
    }
    assert_int_equal(daemon_process_number(&s->daemon, "/worker/starts"), 1);
    s->frontend.counts.refused = 0;
    bad_afterwards(s);
    story_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(bad_chains_break_their_ring_at_worst, gpu_qemu_arena),
        STORY(bad_chains_break_their_ring_at_worst, media_qemu),
        STORY(nested_tables_break_their_ring_at_worst, gpu_qemu_arena),
        STORY(nested_tables_break_their_ring_at_worst, media_qemu),
        STORY(a_storm_of_kicks_is_nothing, gpu_qemu_arena),
        STORY(a_storm_of_kicks_is_nothing, media_qemu),
        STORY(requests_without_end_keep_nobody_out, gpu_qemu_arena),
        STORY(requests_without_end_keep_nobody_out, media_qemu),
        STORY(bytes_change_while_they_are_read, gpu_qemu_arena),
        STORY(bytes_change_while_they_are_read, media_qemu),
        STORY(commands_that_are_none_are_answered, gpu_qemu_arena),
        STORY(commands_that_are_none_are_answered, media_qemu),
        STORY(commands_that_are_none_are_answered, gpu_qemu_single),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
#include "fd_count.h"
#include "ring_driver.h"

#include "worker/worker_parts.h"

/*
 * A worker that looks at its two rings, in a loop of its own: what it finds, what it tells the
 * driver, and that everything else has its turn. Spans are so long or so short that no clock
 * matters.
 */
#define FOREVER (UINT64_C(3600) * 1000000000u)
#define RING 16u

static struct {
    struct ring_driver driver;
    struct worker worker;
    struct device device;
    unsigned served[RING_DRIVER_QUEUES]; /* requests */
    bool refills;                        /* each answer to ring 0 brings another request */
    bool answers;
    unsigned turns; /* of the other source */
} f;

static void put(unsigned q)
{
    const struct ring_driver_piece piece = {RING_DRIVER_HEAP, 8, false};

    ring_driver_send(&f.driver, q, &piece, 1);
}

static void fake_ready(struct device *device, unsigned q)
{
    struct virtqueue *queue = &f.worker.queues[q];
    struct chain *chain;
    uint16_t head;
    uint32_t written;

    for (unsigned batch = 4; batch > 0 && (chain = virtqueue_pop(queue)) != NULL; batch--) {
        f.served[q]++;
        virtqueue_push(queue, chain, 0);
        assert_true(ring_driver_take(&f.driver, q, &head, &written));
        if (f.refills && q == 0)
            put(0);
    }
    if (f.answers)
        worker_poll_answered(&f.worker);
}

static const struct device_impl impl = {.name = "fake", .queue_ready = fake_ready};

static int on_turn(sd_event_source *source, void *data)
{
    f.turns++;
    return 0;
}

/* Rings that look alike to a driver with EVENT_IDX, or without. */
static void start(unsigned q, bool event_idx)
{
    struct virtqueue *queue = &f.worker.queues[q];
    const struct ring_driver_ring *ring = &f.driver.rings[q];
    struct virtqueue_setup setup = {.size = ring->size,
                                    .desc = ring->desc,
                                    .avail = ring->avail,
                                    .used = ring->used,
                                    .event_idx = event_idx};
    bool fresh;

    virtqueue_init(queue, &f.driver.memory);
    assert_int_equal(virtqueue_start(queue, &setup, &fresh), 0);
    queue->enabled = true;
}

static void begin(bool event_idx, uint64_t span)
{
    memset(&f, 0, sizeof(f));
    ring_driver_init(&f.driver, RING);
    f.device = (struct device){.impl = &impl, .host = &f.worker.host};
    f.worker.device = &f.device;
    f.worker.facts.queues = RING_DRIVER_QUEUES;
    f.worker.poll.span = (struct poll_span){.limit = FOREVER, .span = span};
    f.worker.poll.faults = guest_fault_count;
    f.answers = true;
    assert_int_equal(sd_event_new(&f.worker.loop), 0);
    for (unsigned q = 0; q < RING_DRIVER_QUEUES; q++) {
        start(q, event_idx);
        assert_null(virtqueue_pop(&f.worker.queues[q])); /* and it asks for a kick */
    }
}

static void finish(void)
{
    for (unsigned q = 0; q < RING_DRIVER_QUEUES; q++) {
        virtqueue_stop(&f.worker.queues[q]);
        virtqueue_finish(&f.worker.queues[q]);
    }
    sd_event_unref(f.worker.loop);
    ring_driver_finish(&f.driver);
}

static void turn(void)
{
    assert_true(worker_poll_turn(&f.worker, 0) >= 0);
}

static uint16_t *used(unsigned q)
{
    return ring_driver_at(&f.driver, f.driver.rings[q].used);
}

/* Whether the driver would kick for its next request. */
static bool wants_kick(unsigned q)
{
    if (!f.worker.queues[q].event_idx)
        return (used(q)[0] & VRING_USED_F_NO_NOTIFY) == 0;
    return used(q)[2 + 4 * RING] == f.driver.rings[q].avail_idx;
}

static void tell(bool event_idx)
{
    begin(event_idx, FOREVER);
    put(0);
    turn();
    assert_int_equal(f.served[0], 0); /* nobody looks yet */
    worker_run_queue(&f.worker, 0);   /* the kick */
    assert_int_equal(f.served[0], 1);
    assert_true(f.worker.poll.looks);
    assert_true(event_idx || !wants_kick(0)); /* with EVENT_IDX it was asked before */
    for (unsigned i = 0; i < 10; i++) {
        put(i % 2);
        turn();
        assert_int_equal(f.served[0] + f.served[1], i + 2);
        assert_true(f.worker.poll.looks);
        assert_false(wants_kick(i % 2));
    }
    turn(); /* with nothing to find it does not wait for ever */
    assert_true(f.worker.poll.looks);
    f.worker.poll.span.span = 1;
    turn();
    assert_false(f.worker.poll.looks);
    assert_true(wants_kick(0));
    assert_true(wants_kick(1));
    put(0);
    turn();
    assert_int_equal(f.served[0], 6); /* that is a kick's again */
    finish();
}

static void requests_need_no_kick(void **state)
{
    tell(true);
    tell(false);
}

/* Between the last look and the wish for a kick. */
static void the_last_look_comes_after_the_wish(void **state)
{
    for (unsigned event_idx = 0; event_idx < 2; event_idx++) {
        begin(event_idx != 0, FOREVER);
        worker_poll_answered(&f.worker);
        put(1);
        f.worker.queues[1].looked = f.driver.rings[1].avail_idx; /* it is not to find it */
        f.worker.poll.span.span = 1;
        turn();
        assert_int_equal(f.served[1], 1);
        finish();
    }
}

static void neither_side_waits_for_the_other(void **state)
{
    sd_event_source *other = NULL;

    begin(true, FOREVER);
    f.refills = true;
    assert_true(sd_event_add_defer(f.worker.loop, &other, on_turn, NULL) >= 0);
    assert_true(sd_event_source_set_enabled(other, SD_EVENT_ON) >= 0);
    worker_poll_answered(&f.worker);
    put(0);
    for (unsigned i = 0; i < 10; i++) {
        put(1);
        turn();
        assert_int_equal(f.turns, i + 1);
        assert_int_equal(f.served[0], 4 * (i + 1));
        assert_int_equal(f.served[1], i + 1);
    }
    sd_event_source_disable_unref(other);
    finish();
}

/* A device that does not take them is told once. */
static void what_is_not_taken_is_not_looked_at_again(void **state)
{
    begin(true, FOREVER);
    worker_poll_answered(&f.worker);
    put(0);
    assert_true(worker_poll_notices(&f.worker, 0));
    assert_false(worker_poll_notices(&f.worker, 0));
    put(0);
    assert_true(worker_poll_notices(&f.worker, 0));
    assert_false(worker_poll_notices(&f.worker, 1));
    finish();
}

/* A worker that is to end answers no more; one whose memory went away hears of that first. */
static void some_things_come_first(void **state)
{
    begin(true, FOREVER);
    worker_poll_answered(&f.worker);
    put(0);
    guest_fault_count++;
    turn();
    assert_int_equal(f.served[0], 0);
    turn();
    assert_int_equal(f.served[0], 1);
    put(0);
    assert_true(sd_event_exit(f.worker.loop, 7) >= 0);
    assert_int_equal(worker_poll_loop(&f.worker), 7);
    assert_int_equal(f.served[0], 1);
    finish();
}

/* It sleeps until something comes, however often it has looked. */
static void a_worker_at_rest_sleeps(void **state)
{
    begin(false, 1);
    f.answers = false;
    worker_poll_answered(&f.worker);
    turn();
    assert_false(f.worker.poll.looks);
    f.worker.poll.span.limit = 1;
    put(0);
    worker_run_queue(&f.worker, 0); /* long after: it was in vain */
    assert_int_equal(f.worker.poll.span.span, 0);
    worker_poll_answered(&f.worker);
    assert_false(f.worker.poll.looks);
    assert_true(wants_kick(0));
    finish();
}

static void a_ring_that_stops_is_left_as_it_should_be(void **state)
{
    begin(false, FOREVER);
    worker_poll_answered(&f.worker);
    assert_false(wants_kick(0));
    virtqueue_stop(&f.worker.queues[0]);
    assert_true(wants_kick(0));
    put(0);
    turn();
    assert_int_equal(f.served[0], 0);
    /* And what a worker left that died. */
    assert_false(wants_kick(1));
    start(1, false);
    assert_true(wants_kick(1));
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(requests_need_no_kick),
        FD_TEST(the_last_look_comes_after_the_wish),
        FD_TEST(neither_side_waits_for_the_other),
        FD_TEST(what_is_not_taken_is_not_looked_at_again),
        FD_TEST(some_things_come_first),
        FD_TEST(a_worker_at_rest_sleeps),
        FD_TEST(a_ring_that_stops_is_left_as_it_should_be),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
#include "subject.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/virtio_ring.h>

/*
 * --poll: a worker that looks at its rings before it sleeps. Whatever happens while it looks, no
 * request is missed, though the driver was told that it need not kick.
 */
static const char *const polling[] = {"--poll=1000", NULL};

static struct driver_queue *ring(struct story *s)
{
    return &s->frontend.queues[SUBJECT_QUEUE];
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void pin(pid_t pid, int processor)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    assert_int_equal(sched_setaffinity(pid, sizeof(set), &set), 0);
}

/* Starts a device whose worker, and those after it, have a processor that is not ours: on ours they
 * would look in vain, and give it up. */
static void start(struct story *s)
{
    static cpu_set_t all;
    int first = 0, last = CPU_SETSIZE - 1;

    if (CPU_COUNT(&all) == 0)
        assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
    while (!CPU_ISSET(first, &all))
        first++;
    while (!CPU_ISSET(last, &all))
        last--;
    if (first == last) {
        s->ended = true;
        print_message("left out: there is one processor\n");
        skip();
    }
    story_start(s, polling);
    pin(0, first);
    pin(s->daemon.program, last);
    pin(story_worker(s), last);
}

/* Without EVENT_IDX the worker says by a flag that it looks. */
static void open_with(struct story *s, bool event_idx)
{
    struct frontend_plan plan;

    frontend_plan_init(&plan, s->cast.habit);
    plan.split = s->cast.split;
    if (!event_idx)
        plan.features &= ~VHOST_USER_BIT(VIRTIO_RING_F_EVENT_IDX);
    story_join_plan(s, &plan);
    subject_bind(s);
}

/* Sends requests until one is answered by a worker that looks on. */
static void await_looking(struct story *s)
{
    int64_t end = now_ms() + 20000;

    do {
        if (now_ms() > end)
            fail_msg("it never looks");
        subject_answers(s);
    } while (driver_queue_wants_kick(ring(s)));
}

static bool is_stopped(pid_t pid)
{
    char path[64], state = '?';
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    file = fopen(path, "re");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%*d (%*[^)]) %c", &state), 1);
    fclose(file);
    return state == 'T';
}

/* Stops the worker's process in the middle of looking. */
static pid_t freeze_looking(struct story *s)
{
    pid_t worker = story_worker(s);

    for (unsigned i = 0; i < 1000; i++) {
        await_looking(s);
        kill(worker, SIGSTOP);
        while (!is_stopped(worker))
            usleep(1000);
        if (!driver_queue_wants_kick(ring(s)))
            return worker;
        kill(worker, SIGCONT);
    }
    fail_msg("it never looks for long enough");
    return -1;
}

static void requests_are_answered(void **state)
{
    struct story *s = story(state);

    start(s);
    for (unsigned event_idx = 0; event_idx < 2; event_idx++) {
        open_with(s, event_idx != 0);
        for (unsigned i = 0; i < 4; i++) {
            await_looking(s);
            assert_true(subject_map(s)); /* the door's answer comes while it looks */
            subject_verify(s);
            assert_true(subject_unmap(s));
            subject_errs(s);
            subject_serves(s);
        }
        story_leave(s);
    }
    story_end(s);
}

static void a_worker_that_looks_may_die(void **state)
{
    struct story *s = story(state);
    uint8_t request[DRIVER_QUEUE_REQUEST];
    size_t space, size = subject_request(s, request, &space);

    start(s);
    for (unsigned event_idx = 0; event_idx < 2; event_idx++) {
        open_with(s, event_idx != 0);
        for (unsigned i = 0; i < 2; i++) {
            pid_t worker = freeze_looking(s);
            int slot = frontend_submit(&s->frontend, SUBJECT_QUEUE, request, size, space);

            assert_true(slot >= 0);
            kill(worker, SIGKILL);
            assert_true(frontend_await(&s->frontend, SUBJECT_QUEUE, (unsigned)slot, NULL, 0,
                                       FRONTEND_PATIENCE) > 0);
            story_await_another(s, worker);
            subject_serves(s);
        }
        story_leave(s);
    }
    story_end(s);
}

static void a_ring_may_stop_meanwhile(void **state)
{
    struct story *s = story(state);

    story_unless(s, HABIT_LIBKRUN, "pause");
    start(s);
    for (unsigned event_idx = 0; event_idx < 2; event_idx++) {
        open_with(s, event_idx != 0);
        for (unsigned i = 0; i < 4; i++) {
            await_looking(s);
            assert_int_equal(frontend_stop(&s->frontend), 0);
            assert_true(event_idx || driver_queue_wants_kick(ring(s)));
            assert_int_equal(frontend_start(&s->frontend), 0);
            subject_serves(s);
        }
        story_leave(s);
    }
    story_end(s);
}

static int64_t cpu_ns(clockid_t clock)
{
    struct timespec used;

    assert_int_equal(clock_gettime(clock, &used), 0);
    return used.tv_sec * INT64_C(1000000000) + used.tv_nsec;
}

/* Once it is idle it does not run at all, and what comes then is answered as ever. */
static void a_worker_at_rest_sleeps(void **state)
{
    struct story *s = story(state);
    clockid_t clock;
    int64_t before;

    start(s);
    open_with(s, true);
    await_looking(s);
    assert_int_equal(clock_getcpuclockid(story_worker(s), &clock), 0);
    for (unsigned i = 0; i < 20; i++) {
        before = cpu_ns(clock);
        usleep(300000);
        if (cpu_ns(clock) == before)
            break;
    }
    assert_int_equal(cpu_ns(clock), before);
    assert_true(driver_queue_wants_kick(ring(s)));
    subject_serves(s);
    story_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(requests_are_answered, gpu_qemu_arena),
        STORY(requests_are_answered, gpu_crosvm_single),
        STORY(requests_are_answered, media_qemu_single),
        STORY(a_worker_that_looks_may_die, gpu_qemu_arena),
        STORY(a_worker_that_looks_may_die, media_crosvm),
        STORY(a_ring_may_stop_meanwhile, gpu_qemu_single),
        STORY(a_ring_may_stop_meanwhile, media_qemu),
        STORY(a_worker_at_rest_sleeps, gpu_qemu_arena),
        STORY(a_worker_at_rest_sleeps, media_qemu),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

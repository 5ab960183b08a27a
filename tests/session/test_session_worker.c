/* SPDX-License-Identifier: MIT */
#include "gpu_story.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static void assert_dead(pid_t pid)
{
    for (unsigned i = 0; i < 500 && daemon_process_alive(pid); i++)
        usleep(10000);
    assert_false(daemon_process_alive(pid));
}

/* The guest begins anew on whatever the new worker knows, and it works. */
static void use_the_device(struct story *s, uint32_t context, uint32_t id, uint64_t seed)
{
    uint32_t result = id + 1;
    volatile uint64_t *words, *sum;

    assert_int_equal(gpu_guest_context(&s->frontend, context), OK);
    assert_int_equal(gpu_guest_create(&s->frontend, context, id, MIB), OK);
    assert_int_equal(gpu_guest_attach(&s->frontend, context, id), OK);
    assert_int_equal(gpu_guest_map(&s->frontend, id, id * MIB), MAPPED);
    assert_int_equal(gpu_guest_create(&s->frontend, context, result, 4096), OK);
    assert_int_equal(gpu_guest_attach(&s->frontend, context, result), OK);
    assert_int_equal(gpu_guest_map(&s->frontend, result, result * MIB), MAPPED);
    words = gpu_story_seen(s, id * MIB, MIB);
    sum = gpu_story_seen(s, result * MIB, 8);
    for (uint64_t i = 0; i < MIB / 8; i++)
        words[i] = memory_stream_word(seed, i);
    assert_int_equal(gpu_guest_sum(&s->frontend, context, id, 0, MIB, result, 0), OK);
    assert_true(*sum == memory_stream_sum(words, MIB / 8));
}

static void a_killed_worker_is_replaced(void **state)
{
    struct story *s = story(state);

    gpu_story_open(s, NULL);
    for (unsigned i = 0; i < 3; i++) {
        pid_t worker = story_worker(s);

        use_the_device(s, 100 + i, 1 + 4 * i, 7 + i);
        kill(worker, SIGKILL);
        story_await_another(s, worker);
        assert_dead(worker);
        assert_int_equal(gpu_story_ping(s), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
        use_the_device(s, 200 + i, 30 + 4 * i, 9 + i);
    }
    assert_int_equal(daemon_process_number(&s->daemon, "/worker/starts"), 4);
    story_end(s);
}

/* Requests in the ring when the worker dies are answered by the next one, each once. */
static void requests_outlive_the_worker(void **state)
{
    struct virtio_gpu_ctrl_hdr ping = {.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO};
    struct virtio_gpu_resp_display_info answer;
    struct story *s = story(state);
    int slots[50];
    pid_t worker;

    gpu_story_open(s, NULL);
    worker = story_worker(s);
    kill(worker, SIGSTOP);
    for (unsigned i = 0; i < 50; i++)
        slots[i] = gpu_guest_begin(&s->frontend, &ping, sizeof(ping), sizeof(answer));
    kill(worker, SIGKILL);
    for (unsigned i = 0; i < 50; i++)
        assert_int_equal(
            gpu_guest_end(&s->frontend, slots[i], &answer, sizeof(answer), FRONTEND_PATIENCE),
            VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
    story_end(s);
}

/* A question without a fence: it waits for nothing. Returns its slot. */
static int ask(struct story *s)
{
    struct virtio_gpu_ctrl_hdr ping = {.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO};
    int slot = frontend_submit(&s->frontend, GPU_GUEST_CONTROLQ, &ping, sizeof(ping),
                               sizeof(struct virtio_gpu_resp_display_info));

    assert_true(slot >= 0);
    return slot;
}

/* Waits for the answer to ask. */
static void hear(struct story *s, int slot)
{
    struct virtio_gpu_resp_display_info answer;

    assert_int_equal(frontend_await(&s->frontend, GPU_GUEST_CONTROLQ, (unsigned)slot, &answer,
                                    sizeof(answer), FRONTEND_PATIENCE),
                     sizeof(answer));
    assert_int_equal(answer.hdr.type, VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
}

#define MAPS 4u

/* The worker dies with requests in hand, between which it has answered others. The next one has to
 * answer those, and no other: whatever is answered twice is a violation. */
static void requests_in_hand_outlive_the_worker(void **state)
{
    struct virtio_gpu_resp_map_info answer;
    struct story *s = story(state);
    int maps[MAPS], late[MAPS];

    gpu_story_open(s, NULL);
    for (unsigned round = 0; round < 3; round++) {
        pid_t worker = story_worker(s);

        if (round == 0)
            assert_int_equal(gpu_guest_context(&s->frontend, 2), OK);
        for (uint32_t i = 0; i < MAPS; i++)
            assert_int_equal(gpu_guest_create(&s->frontend, 2, 10 + i, 65536), OK);
        s->frontend.mischief.deaf = true; /* so that maps stay in the worker's hands */
        for (uint32_t i = 0; i < MAPS; i++) {
            maps[i] = gpu_guest_map_begin(&s->frontend, 10 + i, (1 + i) * MIB);
            assert_true(maps[i] >= 0);
            /* The answer goes past the map, and its head is used again at the next turn. */
            hear(s, ask(s));
        }
        assert_int_equal(driver_queue_in_flight(&s->frontend.queues[GPU_GUEST_CONTROLQ]), MAPS);
        kill(worker, SIGSTOP);
        for (unsigned i = 0; i < MAPS; i++)
            late[i] = ask(s);
        kill(worker, SIGKILL);
        assert_dead(worker);
        s->frontend.mischief.deaf = false;
        for (unsigned i = 0; i < MAPS; i++) {
            hear(s, late[i]);
            assert_int_equal(
                gpu_guest_end(&s->frontend, maps[i], &answer, sizeof(answer), FRONTEND_PATIENCE),
                MAPPED);
        }
        for (uint32_t i = 0; i < MAPS; i++)
            assert_int_equal(gpu_guest_unref(&s->frontend, 10 + i), OK);
        assert_int_equal(driver_queue_in_flight(&s->frontend.queues[GPU_GUEST_CONTROLQ]), 0);
    }
    use_the_device(s, 200, 60, 5);
    story_end(s);
}

/* The same, but the VM is paused when the worker dies, and goes on with the next one. */
static void requests_in_hand_outlive_a_pause(void **state)
{
    struct virtio_gpu_resp_map_info answer;
    struct story *s = story(state);
    pid_t worker;
    int map;

    story_unless(s, HABIT_LIBKRUN, "pause");
    gpu_story_open(s, NULL);
    gpu_story_create(s, 1, MIB);
    worker = story_worker(s);
    s->frontend.mischief.deaf = true;
    map = gpu_guest_map_begin(&s->frontend, 1, MIB);
    hear(s, ask(s));
    assert_int_equal(frontend_stop(&s->frontend), 0);
    kill(worker, SIGKILL);
    assert_dead(worker);
    s->frontend.mischief.deaf = false;
    story_await_another(s, worker);
    assert_int_equal(frontend_start(&s->frontend), 0);
    assert_int_equal(gpu_guest_end(&s->frontend, map, &answer, sizeof(answer), FRONTEND_PATIENCE),
                     MAPPED);
    hear(s, ask(s));
    use_the_device(s, 200, 20, 5);
    story_end(s);
}

/* A worker may die between an answer and the call for it: the next one calls. */
static void another_worker_calls_the_driver(void **state)
{
    struct story *s = story(state);
    struct pollfd call = {.events = POLLIN};
    uint64_t drained;
    pid_t worker;

    story_unless(s, HABIT_LIBKRUN, "call of one ring alone");
    gpu_story_open(s, NULL);
    worker = story_worker(s);
    for (unsigned i = 0; i < FRONTEND_QUEUES; i++)
        while (read(s->frontend.queues[i].call, &drained, sizeof(drained)) > 0)
            ;
    call.fd = s->frontend.queues[GPU_GUEST_CURSORQ].call;
    kill(worker, SIGKILL);
    story_await_another(s, worker);
    assert_int_equal(gpu_story_ping(s), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
    /* Nobody asked anything of this one, and it is started after the other. */
    assert_int_equal(poll(&call, 1, FRONTEND_PATIENCE), 1);
    assert_int_equal(read(call.fd, &drained, sizeof(drained)), sizeof(drained));
    story_end(s);
}

/* The worker dies while it waits for a mapping. */
static void the_worker_dies_in_the_middle_of_a_map(void **state)
{
    struct virtio_gpu_resp_map_info answer;
    struct story *s = story(state);
    pid_t worker;
    int slot;

    gpu_story_open(s, NULL);
    gpu_story_create(s, 1, MIB);
    worker = story_worker(s);
    s->frontend.mischief.deaf = true;
    slot = gpu_guest_map_begin(&s->frontend, 1, MIB);
    usleep(50000);
    kill(worker, SIGKILL);
    assert_dead(worker);
    s->frontend.mischief.deaf = false;
    /* What was under way is in doubt: it is taken out, and mapped again. */
    assert_int_equal(gpu_guest_end(&s->frontend, slot, &answer, sizeof(answer), FRONTEND_PATIENCE),
                     MAPPED);
    gpu_story_verify_up(s, 1, MIB, MIB, 17);
    use_the_device(s, 200, 20, 5);
    story_end(s);
}

static uint64_t words_left(struct story *s, uint64_t offset, uint64_t size)
{
    volatile uint64_t *words = gpu_story_seen(s, offset, size);
    uint64_t left = 0;

    for (uint64_t i = 0; i < size / 8; i++)
        left += words[i] != 0;
    return left;
}

/* The worker that could have wiped a blob's bytes out is dead. The next driver must not see them,
 * neither in a blob of its own nor by looking about in the window, all of which it can read. */
static void the_next_driver_sees_nothing_of_a_dead_worker(void **state)
{
    struct story *s = story(state);
    pid_t worker;

    gpu_story_open(s, NULL);
    gpu_story_create_mapped(s, 1, MIB, MIB);
    gpu_story_verify_down(s, 1, MIB, MIB, 71);
    worker = story_worker(s);
    kill(worker, SIGKILL);
    story_await_another(s, worker);
    assert_int_equal(frontend_reset(&s->frontend), 0);
    assert_int_equal(frontend_start(&s->frontend), 0);
    gpu_story_bind(s);
    assert_int_equal(words_left(s, MIB, MIB), 0);
    gpu_story_create_mapped(s, 1, 2 * MIB, MIB);
    assert_int_equal(words_left(s, MIB, 2 * MIB), 0);
    story_end(s);
}

/* Nor what a driver wrote where it has no blob: all of the arena lies in its window. */
static void the_next_driver_sees_nothing_of_the_last(void **state)
{
    struct story *s = story(state);

    gpu_story_open(s, NULL);
    gpu_story_create_mapped(s, 1, MIB, MIB);
    gpu_story_verify_down(s, 1, MIB, MIB, 71);
    gpu_story_seen(s, 8 * MIB, 8)[0] = 71;
    assert_int_equal(frontend_reset(&s->frontend), 0);
    assert_int_equal(frontend_start(&s->frontend), 0);
    gpu_story_bind(s);
    assert_int_equal(words_left(s, MIB, MIB), 0);
    assert_int_equal(words_left(s, 8 * MIB, 4096), 0);
    story_end(s);
}

/* A worker that hangs is replaced when it owes the door an answer for too long. */
static void a_stopped_worker_is_replaced(void **state)
{
    struct story *s = story(state);
    pid_t worker;

    story_unless(s, HABIT_LIBKRUN, "pause");
    gpu_story_open(s, NULL);
    worker = story_worker(s);
    kill(worker, SIGSTOP);
    /* A pause has to be answered by the door in any case. */
    assert_int_equal(frontend_stop(&s->frontend), 0);
    assert_int_equal(frontend_start(&s->frontend), 0);
    assert_dead(worker);
    story_await_another(s, worker);
    assert_int_equal(gpu_story_ping(s), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
    use_the_device(s, 200, 20, 6);
    story_end(s);
}

/* Killed while no front-end is there. */
static void an_idle_worker_is_replaced(void **state)
{
    struct story *s = story(state);
    pid_t worker;

    story_start(s, NULL);
    worker = story_worker(s);
    kill(worker, SIGKILL);
    assert_dead(worker);
    for (unsigned i = 0; i < 500; i++) {
        long now = daemon_process_number(&s->daemon, "/worker/pid");
        if (now > 0 && now != worker)
            break;
        usleep(10000);
    }
    assert_int_not_equal(story_worker(s), worker);
    story_join(s);
    gpu_story_bind(s);
    gpu_story_create_mapped(s, 1, MIB, MIB);
    gpu_story_verify_up(s, 1, MIB, MIB, 7);
    story_end(s);
}

/* The worker has nothing to say without a door. */
static void the_worker_goes_with_the_door(void **state)
{
    struct story *s = story(state);
    pid_t worker;

    gpu_story_open(s, NULL);
    worker = story_worker(s);
    kill(s->daemon.pid, SIGKILL);
    assert_true(daemon_process_wait(&s->daemon, 5000) >= 0);
    assert_dead(worker);
    s->ended = true;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_killed_worker_is_replaced, gpu_qemu_arena),
        STORY(a_killed_worker_is_replaced, gpu_qemu_single),
        STORY(a_killed_worker_is_replaced, gpu_crosvm_single),
        STORY(requests_outlive_the_worker, gpu_qemu_arena),
        STORY(requests_outlive_the_worker, gpu_crosvm_arena),
        STORY(requests_in_hand_outlive_the_worker, gpu_qemu_single),
        STORY(requests_in_hand_outlive_the_worker, gpu_crosvm_single),
        STORY(requests_in_hand_outlive_a_pause, gpu_qemu_single),
        STORY(requests_in_hand_outlive_a_pause, gpu_crosvm_single),
        STORY(another_worker_calls_the_driver, gpu_qemu_arena),
        STORY(the_worker_dies_in_the_middle_of_a_map, gpu_qemu_single),
        STORY(the_worker_dies_in_the_middle_of_a_map, gpu_crosvm_single),
        STORY(the_next_driver_sees_nothing_of_a_dead_worker, gpu_qemu_arena),
        STORY(the_next_driver_sees_nothing_of_a_dead_worker, gpu_crosvm_arena),
        STORY(the_next_driver_sees_nothing_of_the_last, gpu_qemu_arena),
        STORY(a_stopped_worker_is_replaced, gpu_qemu_arena),
        STORY(a_stopped_worker_is_replaced, gpu_crosvm_single),
        STORY(an_idle_worker_is_replaced, gpu_qemu_arena),
        STORY(the_worker_goes_with_the_door, gpu_qemu_arena),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
#include "gpu_story.h"

#include <string.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "protocol/virtio_media.h"
#include "subject.h"

#define BIT(name) VHOST_USER_BIT(VHOST_USER_PROTOCOL_F_##name)
#define OFFERED                                                                                    \
    (BIT(MQ) | BIT(REPLY_ACK) | BIT(BACKEND_REQ) | BIT(CONFIG) | BIT(BACKEND_SEND_FD) |            \
     BIT(RESET_DEVICE) | BIT(SHARED_OBJECT) | BIT(SHMEM))

static void assert_window(const struct frontend *frontend, unsigned shmid, uint64_t size)
{
    assert_int_equal(frontend->shmem_config.regions, 1);
    assert_int_equal(frontend->shmem_config.pad, 0);
    for (unsigned i = 0; i < 256; i++)
        assert_true(frontend->shmem_config.sizes[i] == (i == shmid ? size : 0));
}

/* Bits whose acceptance would change what addresses or messages mean are never offered. */
static void offers_what_works_and_no_more(void **state)
{
    struct story *s = story(state);
    uint64_t ring = VHOST_USER_BIT(VIRTIO_F_VERSION_1) | VHOST_USER_BIT(VIRTIO_RING_F_EVENT_IDX) |
                    VHOST_USER_BIT(VIRTIO_RING_F_INDIRECT_DESC) |
                    VHOST_USER_BIT(VHOST_USER_F_PROTOCOL_FEATURES);

    story_start(s, NULL);
    story_join(s);
    assert_true(s->frontend.offered_protocol == OFFERED);
    assert_true((s->frontend.offered & ring) == ring);
    assert_false(s->frontend.offered & VHOST_USER_BIT(VIRTIO_F_RING_PACKED));
    assert_false(s->frontend.offered & VHOST_USER_BIT(VIRTIO_F_ACCESS_PLATFORM));
    assert_int_equal(s->frontend.queue_num, 2);
    if (s->cast.habit != HABIT_LIBKRUN) /* it never asks */
        assert_window(&s->frontend, strcmp(s->cast.program, STORY_GPU) == 0 ? 1 : 0, 64u << 20);
    story_end(s);
}

/* QEMU reads the whole of it, crosvm any piece. */
static void serves_the_config_space_at_any_offset(void **state)
{
    struct story *s = story(state);
    bool gpu = strcmp(s->cast.program, STORY_GPU) == 0;
    uint32_t size = gpu ? 20 : sizeof(struct virtio_media_config);
    uint8_t whole[64], piece;
    uint32_t word;

    story_start(s, NULL);
    story_join(s);
    assert_int_equal(frontend_get_config(&s->frontend, 0, size, whole), 0);
    for (uint32_t i = 0; i < size; i++) {
        assert_int_equal(frontend_get_config(&s->frontend, i, 1, &piece), 0);
        assert_int_equal(piece, whole[i]);
    }
    if (gpu) {
        memcpy(&word, whole + 12, sizeof(word));
        assert_int_equal(word, 2); /* num_capsets: memory stream, cross-domain */
    } else {
        memcpy(&word, whole, sizeof(word));
        assert_int_equal(word & V4L2_CAP_STREAMING, V4L2_CAP_STREAMING);
    }
    story_end(s);
}

/* Whether the control socket's report names the trap. */
static bool has_trap(const struct story *s, const char *name)
{
    struct json_object *state = daemon_process_state(&s->daemon);
    struct json_object *traps = NULL, *found;
    bool has = false;

    assert_int_equal(json_pointer_get(state, "/negotiated/traps", &traps), 0);
    for (size_t i = 0; i < json_object_array_length(traps); i++)
        if (json_object_object_get_ex(json_object_array_get_idx(traps, i), "name", &found))
            has = has || strcmp(json_object_get_string(found), name) == 0;
    json_object_put(state);
    return has;
}

static void offers_memory_slots_when_told_to(void **state)
{
    const char *const arguments[] = {"--mem-slots", NULL};
    struct story *s = story(state);

    story_start(s, arguments);
    story_join(s);
    assert_true(s->frontend.offered_protocol == (OFFERED | BIT(CONFIGURE_MEM_SLOTS)));
    assert_true(has_trap(s, "mem-slots") == (s->cast.habit == HABIT_QEMU));
    story_end(s);
}

/* One line for each connection, when the last ring is started, and the same in the report. */
static void says_what_was_negotiated(void **state)
{
    struct story *s = story(state);
    bool gpu = strcmp(s->cast.program, STORY_GPU) == 0;

    story_start(s, NULL);
    story_join(s);
    story_await(s, "/rings_started", 2); /* crosvm waits for no answer */
    assert_true(
        daemon_process_logged(&s->daemon, gpu ? "The front-end took: device features VIRGL"
                                              : "The front-end took: device features none"));
    assert_true(daemon_process_logged(&s->daemon, "guest memory of 64M in 2 regions."));
    assert_int_equal(daemon_process_number(&s->daemon, "/negotiated/memory_bytes"), 64 << 20);
    assert_int_equal(daemon_process_number(&s->daemon, "/negotiated/queues"), 2);
    if (s->cast.habit == HABIT_QEMU) {
        assert_true(daemon_process_logged(
            &s->daemon, "protocol MQ REPLY_ACK BACKEND_REQ CONFIG BACKEND_SEND_FD RESET_DEVICE "
                        "SHARED_OBJECT SHMEM; 2 queues of 256 256 entries; window of 64M; a "
                        "back-end channel"));
        assert_int_equal(daemon_process_number(&s->daemon, "/negotiated/traps"), 0);
    }
    story_end(s);
}

static void names_a_small_queue(void **state)
{
    struct story *s = story(state);
    struct frontend_plan plan;

    story_start(s, NULL);
    frontend_plan_init(&plan, s->cast.habit);
    plan.ring_size = 64;
    story_join_plan(s, &plan);
    story_await(s, "/rings_started", 2);
    assert_true(daemon_process_logged(&s->daemon, "Queue 0 (co"));
    assert_true(daemon_process_logged(&s->daemon, "vq_size=128"));
    assert_true(has_trap(s, "small-queue"));
    story_end(s);
}

/* QEMU tells the features, and fails then, at memory that it cannot share. */
static void names_memory_that_does_not_come(void **state)
{
    struct story *s = story(state);
    struct frontend_plan plan;

    if (s->cast.habit != HABIT_QEMU)
        skip();
    story_start(s, NULL);
    frontend_plan_init(&plan, s->cast.habit);
    story_connect(s, &plan);
    assert_int_equal(frontend_negotiate(&s->frontend), 0);
    assert_int_equal(
        frontend_tell_u64(&s->frontend, VHOST_USER_SET_FEATURES, s->frontend.features, true), 0);
    story_await(s, "/negotiated/traps", 1);
    assert_true(has_trap(s, "memory-not-shared"));
    assert_true(daemon_process_logged(&s->daemon, "share=on"));
    /* If it comes all the same, so does the rest. */
    assert_int_equal(frontend_start(&s->frontend), 0);
    assert_int_equal(gpu_story_ping(s), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
    assert_true(daemon_process_logged(&s->daemon, "The front-end took: "));
    story_end(s);
}

/* A front-end that speaks a draft of SHMEM, or none, gets a device that works but for the window,
 * and a line in the log. */
static void without_a_window(struct story *s, uint64_t unasked, const char *log)
{
    struct frontend_plan plan;
    char said[4096];

    story_start(s, NULL);
    frontend_plan_init(&plan, s->cast.habit);
    plan.protocol &= ~BIT(SHMEM);
    plan.protocol_unasked = unasked;
    story_join_plan(s, &plan);
    subject_bind_unmapped(s);
    assert_false(subject_map(s));
    subject_answers(s);
    assert_int_equal(story_shmem_requests(s), 0);
    assert_int_equal(s->frontend.counts.barriers, 0);
    assert_true(daemon_process_logged(&s->daemon, log));
    assert_true(has_trap(s, unasked != 0 ? "shmem-draft" : "no-shmem"));
    /* And a person is shown it. */
    assert_int_equal(
        story_shell(said, sizeof(said), "\"$HOSTBLOB\" list %s", s->daemon.control_path), 0);
    assert_non_null(strstr(said, log));
    story_end(s);
}

static void an_old_draft_at_bit_21_is_named(void **state)
{
    without_a_window(story(state), BIT(OLD_SHMEM_21), "old draft");
}

static void an_old_draft_at_bit_20_is_named(void **state)
{
    without_a_window(story(state), BIT(OLD_SHMEM_20), "old draft");
}

static void a_front_end_without_shmem_is_named(void **state)
{
    without_a_window(story(state), 0, "does not know SHMEM");
}

/* QEMU's vhost-user-gpu-pci takes SHMEM but has no window: each request would be an error there. */
static void a_front_end_that_never_asks_has_no_window(void **state)
{
    struct story *s = story(state);
    struct frontend_plan plan;

    story_unless(s, HABIT_LIBKRUN, "window that is asked for");
    story_start(s, NULL);
    frontend_plan_init(&plan, s->cast.habit);
    plan.no_window = true;
    story_join_plan(s, &plan);
    subject_bind_unmapped(s);
    assert_false(subject_map(s));
    assert_int_equal(story_shmem_requests(s), 0);
    assert_int_equal(s->frontend.counts.barriers, 0);
    story_await(s, "/rings_started", 2);
    assert_true(daemon_process_logged(&s->daemon, "never asked"));
    assert_true(has_trap(s, "window-not-asked"));
    story_end(s);
}

/* SHMEM without REPLY_ACK: nobody would know when a mapping works. */
static void no_shmem_without_answers(void **state)
{
    struct story *s = story(state);
    struct frontend_plan plan;

    story_unless(s, HABIT_CROSVM, "SHMEM without REPLY_ACK");
    story_unless(s, HABIT_LIBKRUN, "answer to a SHMEM request");
    story_start(s, NULL);
    frontend_plan_init(&plan, s->cast.habit);
    plan.protocol &= ~BIT(REPLY_ACK);
    story_join_plan(s, &plan);
    subject_bind_unmapped(s);
    assert_false(subject_map(s));
    assert_int_equal(story_shmem_requests(s), 0);
    assert_true(has_trap(s, "no-reply-ack"));
    story_end(s);
}

/* Without VHOST_USER_F_PROTOCOL_FEATURES in SET_FEATURES every ring is enabled as it starts. */
static void rings_are_enabled_at_once_without_bit_30(void **state)
{
    struct story *s = story(state);
    struct frontend_plan plan;

    story_unless(s, HABIT_LIBKRUN, "ring without SET_VRING_ENABLE");
    story_start(s, NULL);
    frontend_plan_init(&plan, s->cast.habit);
    plan.features &= ~VHOST_USER_BIT(VHOST_USER_F_PROTOCOL_FEATURES);
    story_join_plan(s, &plan);
    assert_int_equal(gpu_story_ping(s), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
    story_end(s);
}

/* Neither EVENT_IDX nor INDIRECT_DESC. */
static void works_with_a_plain_ring(void **state)
{
    struct story *s = story(state);
    struct frontend_plan plan;

    story_start(s, NULL);
    frontend_plan_init(&plan, s->cast.habit);
    plan.features &=
        ~(VHOST_USER_BIT(VIRTIO_RING_F_EVENT_IDX) | VHOST_USER_BIT(VIRTIO_RING_F_INDIRECT_DESC));
    story_join_plan(s, &plan);
    for (unsigned i = 0; i < 600; i++) /* round the ring, more than once */
        assert_int_equal(gpu_story_ping(s), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
    story_end(s);
}

static void works_with_the_largest_ring(void **state)
{
    struct story *s = story(state);
    struct frontend_plan plan;

    story_start(s, NULL);
    frontend_plan_init(&plan, s->cast.habit);
    plan.ring_size = 32768;
    story_join_plan(s, &plan);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(gpu_story_ping(s), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
    story_end(s);
}

/* vhost-user-gpu-pci of QEMU 11.1 takes EVENT_IDX and RING_RESET though nobody offered them. */
static void features_taken_unasked_work(void **state)
{
    struct story *s = story(state);
    struct frontend_plan plan;

    story_start(s, NULL);
    frontend_plan_init(&plan, s->cast.habit);
    story_connect(s, &plan);
    assert_int_equal(frontend_negotiate(&s->frontend), 0);
    s->frontend.features |=
        VHOST_USER_BIT(VIRTIO_RING_F_EVENT_IDX) | VHOST_USER_BIT(VIRTIO_F_RING_RESET);
    assert_int_equal(frontend_start(&s->frontend), 0);
    for (unsigned i = 0; i < 300; i++)
        assert_int_equal(gpu_story_ping(s), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
    story_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(offers_what_works_and_no_more, gpu_qemu_arena),
        STORY(offers_what_works_and_no_more, gpu_crosvm_arena),
        STORY(offers_what_works_and_no_more, media_qemu),
        STORY(offers_what_works_and_no_more, media_crosvm),
        STORY(serves_the_config_space_at_any_offset, gpu_crosvm_arena),
        STORY(serves_the_config_space_at_any_offset, media_crosvm),
        STORY(offers_memory_slots_when_told_to, gpu_qemu_arena),
        STORY(an_old_draft_at_bit_21_is_named, gpu_crosvm_arena),
        STORY(an_old_draft_at_bit_20_is_named, gpu_crosvm_single),
        STORY(a_front_end_without_shmem_is_named, gpu_qemu_arena),
        STORY(a_front_end_without_shmem_is_named, media_qemu),
        STORY(a_front_end_that_never_asks_has_no_window, gpu_qemu_arena),
        STORY(a_front_end_that_never_asks_has_no_window, media_qemu),
        STORY(a_front_end_that_never_asks_has_no_window, gpu_qemu_single),
        STORY(no_shmem_without_answers, gpu_qemu_arena),
        STORY(no_shmem_without_answers, media_qemu),
        STORY(rings_are_enabled_at_once_without_bit_30, gpu_qemu_arena),
        STORY(works_with_a_plain_ring, gpu_qemu_arena),
        STORY(works_with_a_plain_ring, gpu_crosvm_arena),
        STORY(works_with_the_largest_ring, gpu_crosvm_arena),
        STORY(features_taken_unasked_work, gpu_qemu_arena),
        STORY(says_what_was_negotiated, gpu_qemu_arena),
        STORY(says_what_was_negotiated, gpu_crosvm_single),
        STORY(says_what_was_negotiated, media_qemu),
        STORY(names_a_small_queue, gpu_qemu_arena),
        STORY(names_a_small_queue, media_crosvm),
        STORY(names_memory_that_does_not_come, gpu_qemu_arena),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

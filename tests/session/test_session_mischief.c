/* SPDX-License-Identifier: MIT */
#include "gpu_story.h"

#include <unistd.h>

/* A front-end that misbehaves on the back-end channel. The daemon lives, the guest's command is
 * answered, nothing leaks, and the next front-end finds all in order. */

/* The next front-end finds a device that works. */
static void the_next_one_works(struct story *s)
{
    story_join(s);
    gpu_story_bind(s);
    gpu_story_create_mapped(s, 1, MIB, MIB);
    gpu_story_verify_up(s, 1, MIB, MIB, 3);
    assert_int_equal(gpu_guest_unref(&s->frontend, 1), OK);
    story_end(s);
}

static void a_refused_map_is_told_to_the_guest(void **state)
{
    struct story *s = story(state);

    gpu_story_open(s, NULL);
    for (uint32_t id = 1; id <= 5; id++) {
        int r;

        gpu_story_create(s, id, MIB);
        /* QEMU may refuse because it still has a mapping there: one try more is made. */
        s->frontend.mischief.spoil = SPOIL_REFUSE;
        s->frontend.mischief.spoil_at = 1;
        s->frontend.mischief.spoil_times = 10;
        r = gpu_guest_map(&s->frontend, id, MIB);
        assert_true(r >= REFUSED);
        s->frontend.mischief.spoil = SPOIL_NOTHING;
        story_await(s, "/ledger", 1);
        assert_int_equal(gpu_guest_map(&s->frontend, id, MIB), MAPPED);
        gpu_story_verify_up(s, id, MIB, MIB, id);
        assert_int_equal(gpu_guest_unref(&s->frontend, id), OK);
    }
    story_end(s);
}

static void a_refused_arena_leaves_a_device_without_a_window(void **state)
{
    struct story *s = story(state);
    struct frontend_plan plan;

    story_start(s, NULL);
    frontend_plan_init(&plan, s->cast.habit);
    story_connect(s, &plan);
    s->frontend.mischief.spoil = SPOIL_REFUSE;
    s->frontend.mischief.spoil_at = 1;
    s->frontend.mischief.spoil_times = 10;
    assert_int_equal(frontend_negotiate(&s->frontend), 0);
    assert_int_equal(frontend_start(&s->frontend), 0);
    assert_int_equal(gpu_guest_context(&s->frontend, 1), OK);
    gpu_story_create(s, 1, MIB);
    assert_true(gpu_guest_map(&s->frontend, 1, MIB) >= REFUSED);
    assert_int_equal(gpu_guest_unref(&s->frontend, 1), OK);
    story_leave(s);
    the_next_one_works(s);
}

/* The request at 'at' is answered wrongly: the guest's command fails, the rings go on. */
static void spoil_a_map(struct story *s, enum spoil spoil)
{
    int r;

    gpu_story_open(s, NULL);
    gpu_story_create(s, 1, MIB);
    s->frontend.mischief.spoil = spoil;
    s->frontend.mischief.spoil_at = 1;
    r = gpu_guest_map(&s->frontend, 1, MIB);
    assert_true(r >= REFUSED);
    assert_int_equal(gpu_story_ping(s), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
    r = gpu_guest_map(&s->frontend, 1, MIB);
    assert_true(r >= REFUSED);
    gpu_guest_unref(&s->frontend, 1);
    assert_int_equal(gpu_story_ping(s), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
    story_leave(s);
    the_next_one_works(s);
}

static void a_map_that_is_never_answered_ends_in_time(void **state)
{
    spoil_a_map(story(state), SPOIL_SILENT);
}

static void the_channel_closes_instead_of_an_answer(void **state)
{
    spoil_a_map(story(state), SPOIL_CLOSE);
}

static void the_answer_names_another_request(void **state)
{
    spoil_a_map(story(state), SPOIL_REQUEST);
}

static void the_answer_is_too_short(void **state)
{
    spoil_a_map(story(state), SPOIL_SIZE);
}

static void the_answer_carries_descriptors(void **state)
{
    spoil_a_map(story(state), SPOIL_FDS);
}

static void the_answer_is_garbage(void **state)
{
    spoil_a_map(story(state), SPOIL_GARBAGE);
}

static void the_answer_is_not_flagged_as_one(void **state)
{
    spoil_a_map(story(state), SPOIL_FLAGS);
}

/* One answer too many is as wrong, whenever it is noticed. */
static void an_answer_comes_twice(void **state)
{
    struct story *s = story(state);

    gpu_story_open(s, NULL);
    gpu_story_create(s, 1, MIB);
    s->frontend.mischief.spoil = SPOIL_TWICE;
    s->frontend.mischief.spoil_at = 1;
    gpu_guest_map(&s->frontend, 1, MIB);
    assert_int_equal(gpu_story_ping(s), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
    gpu_guest_unref(&s->frontend, 1);
    story_leave(s);
    the_next_one_works(s);
}

/* UNMAP is refused, or never answered: the resource goes nevertheless. */
static void spoil_an_unmap(struct story *s, enum spoil spoil)
{
    int r;

    gpu_story_open(s, NULL);
    gpu_story_create_mapped(s, 1, MIB, MIB);
    s->frontend.mischief.spoil = spoil;
    s->frontend.mischief.spoil_at = 1;
    r = gpu_guest_unref(&s->frontend, 1);
    assert_true(r == OK || r >= REFUSED);
    assert_int_equal(gpu_story_ping(s), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
    story_leave(s);
    the_next_one_works(s);
}

static void an_unmap_is_refused(void **state)
{
    spoil_an_unmap(story(state), SPOIL_REFUSE);
}

static void an_unmap_is_never_answered(void **state)
{
    spoil_an_unmap(story(state), SPOIL_SILENT);
}

/* The front-end does not read its channel, and the guest maps and maps. */
static void a_deaf_front_end_blocks_nobody(void **state)
{
    struct virtio_gpu_resp_map_info answer;
    struct story *s = story(state);
    int slots[20];

    gpu_story_open(s, NULL);
    for (uint32_t id = 1; id <= 20; id++)
        gpu_story_create(s, id, 65536);
    s->frontend.mischief.deaf = true;
    for (uint32_t id = 1; id <= 20; id++)
        slots[id - 1] = gpu_guest_map_begin(&s->frontend, id, id * MIB);
    /* The main socket is served meanwhile. */
    assert_int_equal(frontend_tell_memory(&s->frontend), 0);
    for (uint32_t id = 1; id <= 20; id++)
        assert_true(gpu_guest_end(&s->frontend, slots[id - 1], &answer, sizeof(answer),
                                  FRONTEND_PATIENCE) >= REFUSED);
    assert_int_equal(gpu_story_ping(s), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
    story_leave(s);
    the_next_one_works(s);
}

/* A slow front-end is no bad one. */
static void a_slow_front_end_is_waited_for(void **state)
{
    struct story *s = story(state);

    gpu_story_open(s, NULL);
    s->frontend.mischief.answer_us = 300000;
    gpu_story_create_mapped(s, 1, MIB, MIB);
    s->frontend.mischief.answer_us = 0;
    gpu_story_verify_up(s, 1, MIB, MIB, 8);
    story_end(s);
}

/* No back-end channel at all, though it was negotiated. */
static void a_channel_that_never_comes(void **state)
{
    struct story *s = story(state);
    struct frontend_plan plan;
    uint64_t value;

    story_start(s, NULL);
    frontend_plan_init(&plan, s->cast.habit);
    story_connect(s, &plan);
    value = VHOST_USER_BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK) |
            VHOST_USER_BIT(VHOST_USER_PROTOCOL_F_BACKEND_REQ) |
            VHOST_USER_BIT(VHOST_USER_PROTOCOL_F_SHMEM);
    assert_int_equal(
        frontend_tell_u64(&s->frontend, VHOST_USER_SET_PROTOCOL_FEATURES, value, false), 0);
    s->frontend.protocol = value;
    s->frontend.features = VHOST_USER_BIT(VHOST_USER_F_PROTOCOL_FEATURES) | VHOST_USER_BIT(32) | 9;
    assert_int_equal(frontend_start(&s->frontend), 0);
    assert_int_equal(gpu_guest_context(&s->frontend, 1), OK);
    gpu_story_create(s, 1, MIB);
    assert_true(gpu_guest_map(&s->frontend, 1, MIB) >= REFUSED);
    story_leave(s);
    the_next_one_works(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_refused_map_is_told_to_the_guest, gpu_qemu_single),
        STORY(a_refused_arena_leaves_a_device_without_a_window, gpu_qemu_arena),
        STORY(a_map_that_is_never_answered_ends_in_time, gpu_qemu_single),
        STORY(the_channel_closes_instead_of_an_answer, gpu_qemu_single),
        STORY(the_answer_names_another_request, gpu_qemu_single),
        STORY(the_answer_is_too_short, gpu_crosvm_single),
        STORY(the_answer_carries_descriptors, gpu_qemu_single),
        STORY(the_answer_is_garbage, gpu_crosvm_single),
        STORY(the_answer_is_not_flagged_as_one, gpu_qemu_single),
        STORY(an_answer_comes_twice, gpu_qemu_single),
        STORY(an_unmap_is_refused, gpu_qemu_single),
        STORY(an_unmap_is_never_answered, gpu_qemu_single),
        STORY(a_deaf_front_end_blocks_nobody, gpu_qemu_single),
        STORY(a_slow_front_end_is_waited_for, gpu_qemu_single),
        STORY(a_slow_front_end_is_waited_for, gpu_crosvm_single),
        STORY(a_channel_that_never_comes, gpu_qemu_arena),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

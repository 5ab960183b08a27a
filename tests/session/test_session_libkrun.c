/* SPDX-License-Identifier: MIT */
#include "gpu_story.h"

#include <linux/virtio_ring.h>

#include "subject.h"

/* What only a front-end does that answers no SHMEM request, as libkrun: nobody tells the device
 * when a mapping works, and yet the guest may not hear of it before. */

static const struct story_cast gpu_arena = {STORY_GPU, HABIT_LIBKRUN, "--mapping=arena"};
static const struct story_cast gpu_single = {STORY_GPU, HABIT_LIBKRUN, "--mapping=single", true};
static const struct story_cast media_single = {STORY_MEDIA, HABIT_LIBKRUN, "--mapping=single"};
static const struct story_cast media = {STORY_MEDIA, HABIT_LIBKRUN, NULL};

static void begin(struct story *s)
{
    story_start(s, NULL);
    story_join(s);
    subject_bind(s);
}

/* The front-end has not read the request. */
static void nothing_is_mapped_that_was_not_read(void **state)
{
    struct driver_queue *queue;
    struct story *s = story(state);
    int slot;

    begin(s);
    queue = &s->frontend.queues[SUBJECT_QUEUE];
    s->frontend.mischief.deaf = true;
    slot = subject_map_begin(s);
    assert_int_equal(frontend_pump(&s->frontend, -1, 200), 0);
    driver_queue_collect(queue);
    assert_false(queue->slot[slot].answered);
    s->frontend.mischief.deaf = false;
    assert_true(subject_map_end(s, slot));
    subject_verify(s);
    story_end(s);
}

static unsigned early;

static void look_for_an_answer(struct frontend *frontend, void *data)
{
    struct driver_queue *queue = &frontend->queues[SUBJECT_QUEUE];

    driver_queue_collect(queue);
    early += driver_queue_in_flight(queue) == 0;
}

/* It has read the request, and takes its time. */
static void nothing_is_mapped_that_is_being_mapped(void **state)
{
    struct story *s = story(state);

    begin(s);
    early = 0;
    s->frontend.mischief.commit_us = 50000;
    s->frontend.mischief.before_commit = look_for_an_answer;
    for (unsigned i = 0; i < 5; i++) {
        int slot = subject_map_begin(s);

        assert_true(subject_map_end(s, slot));
        subject_verify(s);
        assert_true(subject_unmap(s));
    }
    assert_int_equal(early, 0);
    assert_int_equal(s->frontend.counts.barriers, story_shmem_requests(s));
    assert_int_equal(s->frontend.counts.config_changes, 0);
    story_end(s);
}

/* A driver follows the other without a word about where the rings stopped; the features may be
 * others. */
static void drivers_follow_each_other(void **state)
{
    struct story *s = story(state);

    begin(s);
    for (unsigned i = 0; i < 10; i++) {
        assert_true(subject_map(s));
        subject_verify(s);
        assert_int_equal(frontend_reset(&s->frontend), 0);
        subject_forget();
        s->frontend.features ^= VHOST_USER_BIT(VIRTIO_RING_F_INDIRECT_DESC);
        for (unsigned ring = 0; ring < FRONTEND_QUEUES; ring++)
            s->frontend.queues[ring].indirect = !s->frontend.queues[ring].indirect;
        assert_int_equal(frontend_start(&s->frontend), 0);
        story_await(s, "/device/mapped", 0);
        subject_bind(s);
    }
    assert_int_equal(s->frontend.counts.refused, 0);
    story_end(s);
}

/* Its window is 4 GiB, whatever the device has. */
static void a_larger_window_is_not_used(void **state)
{
    const char *const arguments[] = {"--window=8G", NULL};
    struct story *s = story(state);

    story_start(s, arguments);
    story_join(s);
    subject_bind_unmapped(s);
    assert_false(subject_map(s));
    subject_answers(s);
    assert_int_equal(story_shmem_requests(s), 0);
    assert_true(daemon_process_logged(&s->daemon, "--window=4G or less"));
    story_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(nothing_is_mapped_that_was_not_read, gpu_single),
        STORY(nothing_is_mapped_that_was_not_read, media_single),
        STORY(nothing_is_mapped_that_is_being_mapped, gpu_single),
        STORY(nothing_is_mapped_that_is_being_mapped, media_single),
        STORY(drivers_follow_each_other, gpu_arena),
        STORY(drivers_follow_each_other, gpu_single),
        STORY(drivers_follow_each_other, media),
        STORY(drivers_follow_each_other, media_single),
        STORY(a_larger_window_is_not_used, gpu_arena),
        STORY(a_larger_window_is_not_used, media_single),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
#include "gpu_story.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "subject.h"
#include "unharmed.h"

/* A front-end that misbehaves on the back-end channel. The daemon lives, the guest's command is
 * answered, nothing leaks, and the next front-end finds all in order. */

static struct unharmed before;

/* The next front-end finds a device that works. */
static void the_next_one_works(struct story *s)
{
    unharmed_check(&before, s);
    story_join(s);
    subject_bind(s);
    assert_true(subject_map(s));
    subject_verify(s);
    assert_true(subject_unmap(s));
    story_end(s);
}

/* A front-end that does not answer is not waited for as long as a real one. */
static void begin(struct story *s)
{
    story_start(s, (const char *const[]){"--answer-limit=2", NULL});
    unharmed_take(&before, s);
    story_join(s);
    subject_bind(s);
}

static long mappings(struct story *s)
{
    return daemon_process_number(&s->daemon, "/ledger");
}

static void spoil_from_now(struct story *s, enum spoil spoil, unsigned times)
{
    s->frontend.mischief.spoil = spoil;
    s->frontend.mischief.spoil_at = 1;
    s->frontend.mischief.spoil_times = times;
}

static void a_refused_map_is_told_to_the_guest(void **state)
{
    struct story *s = story(state);
    long mapped;

    story_unless(s, HABIT_LIBKRUN, "answer to a SHMEM request");
    story_unless(s, HABIT_CROSVM, "life after a refused request");
    begin(s);
    mapped = mappings(s);
    for (unsigned i = 0; i < 5; i++) {
        /* QEMU may refuse because it still has a mapping there: one try more is made. */
        spoil_from_now(s, SPOIL_REFUSE, 10);
        assert_false(subject_map(s));
        spoil_from_now(s, SPOIL_NOTHING, 0);
        story_await(s, "/ledger", mapped);
        assert_true(subject_map(s));
        subject_verify(s);
        assert_true(subject_unmap(s));
    }
    story_leave(s);
    unharmed_counted(&before, s, "shmem_refused");
    unharmed_said(s, "The front-end did not map");
    the_next_one_works(s);
}

/* It has as many mappings as its kernel allows: each one more is refused, until one goes. */
static void a_front_end_that_is_full_is_told_of(void **state)
{
    struct story *s = story(state);
    long mapped;

    story_unless(s, HABIT_LIBKRUN, "answer to a SHMEM request");
    story_unless(s, HABIT_CROSVM, "life after a refused request");
    begin(s);
    mapped = mappings(s);
    spoil_from_now(s, SPOIL_REFUSE, 100000);
    for (unsigned i = 0; i < 200; i++)
        assert_false(subject_map(s));
    spoil_from_now(s, SPOIL_NOTHING, 0);
    story_await(s, "/ledger", mapped);
    assert_true(subject_map(s));
    subject_verify(s);
    story_leave(s);
    unharmed_counted(&before, s, "shmem_refused");
    unharmed_said(s, "The front-end did not map");
    the_next_one_works(s);
}

/* The front-end reserved less than it was told to. */
static void a_smaller_window_is_respected(void **state)
{
    struct story *s = story(state);
    struct frontend_plan plan;
    uint64_t size;

    story_unless(s, HABIT_LIBKRUN, "answer to a SHMEM request");
    story_unless(s, HABIT_CROSVM, "life after a refused request");
    story_start(s, NULL);
    unharmed_take(&before, s);
    frontend_plan_init(&plan, s->cast.habit);
    story_connect(s, &plan);
    assert_int_equal(frontend_negotiate(&s->frontend), 0);
    size = s->frontend.window.size;
    s->frontend.window.size = 4096;
    assert_int_equal(frontend_start(&s->frontend), 0);
    subject_bind_unmapped(s);
    for (unsigned i = 0; i < 3; i++) {
        assert_false(subject_map(s));
        subject_answers(s);
    }
    if (story_single(s)) {
        s->frontend.window.size = size;
        assert_true(subject_map(s));
    }
    story_leave(s);
    unharmed_counted(&before, s, "shmem_refused");
    the_next_one_works(s);
}

static void a_refused_arena_leaves_a_device_without_a_window(void **state)
{
    struct story *s = story(state);
    struct frontend_plan plan;

    story_unless(s, HABIT_LIBKRUN, "answer to a SHMEM request");
    story_unless(s, HABIT_CROSVM, "life after a refused request");
    story_start(s, NULL);
    unharmed_take(&before, s);
    frontend_plan_init(&plan, s->cast.habit);
    story_connect(s, &plan);
    spoil_from_now(s, SPOIL_REFUSE, 10);
    assert_int_equal(frontend_negotiate(&s->frontend), 0);
    assert_int_equal(frontend_start(&s->frontend), 0);
    subject_bind_unmapped(s);
    assert_false(subject_map(s));
    subject_answers(s);
    story_leave(s);
    the_next_one_works(s);
}

/* The request at 'at' is answered wrongly: the guest's command fails, the rings go on. */
static void spoil_a_map(struct story *s, enum spoil spoil)
{
    story_unless(s, HABIT_LIBKRUN, "answer to a SHMEM request");
    begin(s);
    spoil_from_now(s, spoil, 0);
    assert_false(subject_map(s));
    subject_serves(s);
    assert_false(subject_map(s));
    subject_serves(s);
    story_leave(s);
    unharmed_counted(&before, s, "shmem_refused");
    unharmed_said(s, "The back-end channel is closed: ");
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

    story_unless(s, HABIT_LIBKRUN, "answer to a SHMEM request");
    begin(s);
    spoil_from_now(s, SPOIL_TWICE, 0);
    subject_map(s);
    subject_serves(s);
    story_leave(s);
    the_next_one_works(s);
}

/* UNMAP is refused, or never answered: the resource goes nevertheless. */
static void spoil_an_unmap(struct story *s, enum spoil spoil)
{
    story_unless(s, HABIT_LIBKRUN, "answer to a SHMEM request");
    begin(s);
    assert_true(subject_map(s));
    spoil_from_now(s, spoil, 0);
    subject_unmap(s);
    subject_serves(s);
    story_leave(s);
    unharmed_counted(&before, s, "shmem_refused");
    the_next_one_works(s);
}

static void an_unmap_is_refused(void **state)
{
    struct story *s = story(state);

    story_unless(s, HABIT_CROSVM, "life after a refused request");
    spoil_an_unmap(s, SPOIL_REFUSE);
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
    uint32_t count = subject_is_gpu(s) ? 20 : 0;
    int slots[20], other;

    begin(s);
    for (uint32_t id = 1; id <= count; id++)
        gpu_story_create(s, id, 65536);
    s->frontend.mischief.deaf = true;
    other = subject_map_begin(s);
    for (uint32_t id = 1; id <= count; id++)
        slots[id - 1] = gpu_guest_map_begin(&s->frontend, id, id * MIB);
    /* The main socket is served meanwhile. */
    assert_int_equal(frontend_tell_memory(&s->frontend), 0);
    assert_false(subject_map_end(s, other));
    for (uint32_t id = 1; id <= count; id++)
        assert_true(gpu_guest_end(&s->frontend, slots[id - 1], &answer, sizeof(answer),
                                  FRONTEND_PATIENCE) >= REFUSED);
    subject_serves(s);
    story_leave(s);
    the_next_one_works(s);
}

/* The channel is full, and its end at the device was made one that waits for room: both ends of a
 * pair are the front-end's to set. */
static void a_channel_that_waits_blocks_nobody(void **state)
{
    static const uint8_t noise[4096];
    struct story *s = story(state);
    int pair[2];

    story_start(s, NULL);
    unharmed_take(&before, s);
    story_join(s);
    subject_bind_unmapped(s);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    while (send(pair[1], noise, sizeof(noise), MSG_DONTWAIT) > 0)
        continue;
    assert_int_equal(
        frontend_tell(&s->frontend, VHOST_USER_SET_BACKEND_REQ_FD, NULL, 0, &pair[1], 1, true), 0);
    assert_int_equal(fcntl(pair[1], F_SETFL, fcntl(pair[1], F_GETFL) & ~O_NONBLOCK), 0);
    s->frontend.mischief.deaf = true;
    assert_false(subject_map(s));
    subject_answers(s);
    assert_int_equal(frontend_tell_memory(&s->frontend), 0);
    close(pair[0]);
    close(pair[1]);
    story_leave(s);
    the_next_one_works(s);
}

/* A slow front-end is no bad one. */
static void a_slow_front_end_is_waited_for(void **state)
{
    struct story *s = story(state);

    begin(s);
    s->frontend.mischief.answer_us = 300000;
    assert_true(subject_map(s));
    s->frontend.mischief.answer_us = 0;
    subject_verify(s);
    story_end(s);
}

/* No back-end channel at all, though it was negotiated. */
static void a_channel_that_never_comes(void **state)
{
    struct story *s = story(state);
    struct frontend_plan plan;
    uint64_t value;

    story_start(s, NULL);
    unharmed_take(&before, s);
    frontend_plan_init(&plan, s->cast.habit);
    story_connect(s, &plan);
    value = VHOST_USER_BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK) |
            VHOST_USER_BIT(VHOST_USER_PROTOCOL_F_BACKEND_REQ) |
            VHOST_USER_BIT(VHOST_USER_PROTOCOL_F_SHMEM);
    assert_int_equal(
        frontend_tell_u64(&s->frontend, VHOST_USER_SET_PROTOCOL_FEATURES, value, false), 0);
    s->frontend.protocol = value;
    s->frontend.features = VHOST_USER_BIT(VHOST_USER_F_PROTOCOL_FEATURES) | VHOST_USER_BIT(32) |
                           (subject_is_gpu(s) ? 9 : 0);
    assert_int_equal(frontend_start(&s->frontend), 0);
    subject_bind_unmapped(s);
    assert_false(subject_map(s));
    subject_answers(s);
    story_leave(s);
    the_next_one_works(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_refused_map_is_told_to_the_guest, gpu_qemu_single),
        STORY(a_refused_map_is_told_to_the_guest, media_qemu_single),
        STORY(a_refused_arena_leaves_a_device_without_a_window, gpu_qemu_arena),
        STORY(a_refused_arena_leaves_a_device_without_a_window, media_qemu),
        STORY(a_map_that_is_never_answered_ends_in_time, gpu_qemu_single),
        STORY(a_map_that_is_never_answered_ends_in_time, media_qemu_single),
        STORY(the_channel_closes_instead_of_an_answer, gpu_qemu_single),
        STORY(the_channel_closes_instead_of_an_answer, media_qemu_single),
        STORY(the_answer_names_another_request, gpu_qemu_single),
        STORY(the_answer_names_another_request, media_qemu_single),
        STORY(the_answer_is_too_short, gpu_crosvm_single),
        STORY(the_answer_is_too_short, media_crosvm_single),
        STORY(the_answer_carries_descriptors, gpu_qemu_single),
        STORY(the_answer_carries_descriptors, media_qemu_single),
        STORY(the_answer_is_garbage, gpu_crosvm_single),
        STORY(the_answer_is_garbage, media_crosvm_single),
        STORY(the_answer_is_not_flagged_as_one, gpu_qemu_single),
        STORY(the_answer_is_not_flagged_as_one, media_qemu_single),
        STORY(an_answer_comes_twice, gpu_qemu_single),
        STORY(an_answer_comes_twice, media_qemu_single),
        STORY(an_unmap_is_refused, gpu_qemu_single),
        STORY(an_unmap_is_refused, media_qemu_single),
        STORY(an_unmap_is_never_answered, gpu_qemu_single),
        STORY(an_unmap_is_never_answered, media_qemu_single),
        STORY(a_deaf_front_end_blocks_nobody, gpu_qemu_single),
        STORY(a_deaf_front_end_blocks_nobody, media_qemu_single),
        STORY(a_slow_front_end_is_waited_for, gpu_qemu_single),
        STORY(a_slow_front_end_is_waited_for, media_qemu_single),
        STORY(a_slow_front_end_is_waited_for, gpu_crosvm_single),
        STORY(a_slow_front_end_is_waited_for, media_crosvm_single),
        STORY(a_channel_that_waits_blocks_nobody, gpu_qemu_single),
        STORY(a_channel_that_waits_blocks_nobody, media_qemu_single),
        STORY(a_front_end_that_is_full_is_told_of, gpu_qemu_single),
        STORY(a_front_end_that_is_full_is_told_of, media_qemu_single),
        STORY(a_smaller_window_is_respected, gpu_qemu_single),
        STORY(a_smaller_window_is_respected, gpu_qemu_arena),
        STORY(a_smaller_window_is_respected, media_qemu_single),
        STORY(a_smaller_window_is_respected, media_qemu),
        STORY(a_channel_that_never_comes, gpu_qemu_arena),
        STORY(a_channel_that_never_comes, media_qemu),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
#include "gpu_story.h"

#include <stdlib.h>
#include <unistd.h>

#include "subject.h"
#include "unharmed.h"

/* Front-ends come and go, at any moment. */

/* Each leaves its mark or not, and nothing of any stays. */
static void a_thousand_front_ends_come_and_go(void **state)
{
    const char *rounds = getenv("HOSTBLOB_TEST_ROUNDS"); /* few, where programs are slow */
    unsigned count = rounds != NULL ? 100 : 1000;
    struct story *s = story(state);
    struct vhost_user_message answer;
    struct unharmed before;
    struct frontend_plan plan;

    frontend_plan_init(&plan, s->cast.habit);
    story_start(s, NULL);
    unharmed_take(&before, s);
    for (unsigned i = 0; i < count; i++) {
        if (i % 10 == 0) {
            story_join(s);
            subject_bind(s);
            assert_true(subject_map(s));
            subject_verify(s);
        } else {
            story_connect(s, &plan);
            if (i % 2 == 0)
                assert_int_equal(frontend_negotiate(&s->frontend), 0);
            else
                assert_int_equal(
                    frontend_ask(&s->frontend, VHOST_USER_GET_FEATURES, NULL, 0, &answer), 0);
        }
        if (i % 10 == 0) {
            story_leave(s);
            continue;
        }
        frontend_finish(&s->frontend);
        s->joined = false;
        assert_int_equal(daemon_process_await_fds(s->daemon.pid, s->idle_fds, 5000), s->idle_fds);
    }
    unharmed_check(&before, s);
    story_end(s);
}

/* Everything half done when the front-end goes. */
static void a_front_end_goes_in_the_middle(void **state)
{
    struct story *s = story(state);
    struct frontend_plan plan;
    struct unharmed before;

    story_start(s, NULL);
    unharmed_take(&before, s);
    frontend_plan_init(&plan, s->cast.habit);
    for (unsigned i = 0; i < 10; i++) {
        story_connect(s, &plan);
        story_leave(s);
        story_connect(s, &plan);
        assert_int_equal(frontend_negotiate(&s->frontend), 0);
        story_leave(s);
        story_join(s); /* the window is being opened now */
        story_leave(s);
        story_join(s);
        subject_bind(s);
        assert_true(subject_map_begin(s) >= 0);
        usleep(i * 300);
        story_leave(s);
    }
    unharmed_check(&before, s);
    story_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_thousand_front_ends_come_and_go, gpu_qemu_arena),
        STORY(a_thousand_front_ends_come_and_go, media_qemu),
        STORY(a_front_end_goes_in_the_middle, gpu_qemu_arena),
        STORY(a_front_end_goes_in_the_middle, gpu_qemu_single),
        STORY(a_front_end_goes_in_the_middle, media_qemu),
        STORY(a_front_end_goes_in_the_middle, media_qemu_single),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

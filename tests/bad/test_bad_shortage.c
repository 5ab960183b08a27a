/* SPDX-License-Identifier: MIT */
#include "bad.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* What runs out, and what is wasted: descriptors, and lines of the log. */

/* The door may open 'more' descriptors than it has, whatever their numbers. Returns what it might
 * before. */
static struct rlimit leave_descriptors(struct story *s, unsigned more)
{
    char path[32];
    struct rlimit before, now;
    unsigned free_numbers = 0;
    bool used[4096] = {false};
    DIR *dir;

    snprintf(path, sizeof(path), "/proc/%d/fd", s->daemon.pid);
    dir = opendir(path);
    assert_non_null(dir);
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir))
        if (e->d_name[0] != '.')
            used[atoi(e->d_name) % 4096] = true;
    closedir(dir);
    assert_int_equal(prlimit(s->daemon.pid, RLIMIT_NOFILE, NULL, &before), 0);
    now = before;
    for (now.rlim_cur = 0; free_numbers < more || used[now.rlim_cur]; now.rlim_cur++)
        free_numbers += !used[now.rlim_cur];
    assert_int_equal(prlimit(s->daemon.pid, RLIMIT_NOFILE, &now, NULL), 0);
    return before;
}

static void give_back(struct story *s, const struct rlimit *limit)
{
    assert_int_equal(prlimit(s->daemon.pid, RLIMIT_NOFILE, limit, NULL), 0);
}

/* Who comes waits, nobody is busy meanwhile, and who waited is served. */
static void no_descriptor_is_left_for_a_front_end(void **state)
{
    struct story *s = story(state);
    struct frontend_plan plan;
    struct rlimit limit;

    bad_start(s);
    frontend_plan_init(&plan, s->cast.habit);
    for (unsigned i = 0; i < 3; i++) {
        subject_forget();
        limit = leave_descriptors(s, 0);
        story_connect(s, &plan);
        usleep(50000);
        assert_in_range(bad_busy_ticks(s->daemon.pid, 0, 300), 0, 5);
        give_back(s, &limit);
        assert_int_equal(frontend_negotiate(&s->frontend), 0);
        assert_int_equal(frontend_start(&s->frontend), 0);
        subject_bind(s);
        subject_serves(s);
        story_leave(s);
    }
    unharmed_said(s, "A front-end cannot be let in: Too many open files");
    bad_afterwards(s);
    story_end(s);
}

/* Descriptors that come with a message are lost: the conversation is over, nothing else is. */
static void no_descriptor_is_left_for_a_message(void **state)
{
    struct story *s = story(state);
    struct rlimit limit;

    bad_start(s);
    for (unsigned left = 0; left < 2; left++) {
        bad_join(s, true);
        subject_bind(s);
        limit = leave_descriptors(s, left);
        frontend_tell_memory(&s->frontend);
        assert_int_equal(frontend_await_close(&s->frontend, 5000), 0);
        give_back(s, &limit);
        story_leave(s);
    }
    unharmed_said(s, "The front-end broke the protocol: it sent more descriptors than");
    bad_afterwards(s);
    story_end(s);
}

/* Thousands of errors of the guest and of the front-end. */
static void a_flood_of_errors_is_few_lines(void **state)
{
    const struct vhost_user_vring_state no_ring = {200, 256};
    struct story *s = story(state);

    bad_start(s);
    bad_join(s, true);
    subject_bind(s);
    for (unsigned i = 0; i < 5000; i++)
        subject_errs(s);
    for (unsigned i = 0; i < 5000; i++)
        assert_int_equal(
            frontend_tell(&s->frontend, VHOST_USER_SET_VRING_NUM, &no_ring, 8, NULL, 0, true), 1);
    subject_serves(s);
    assert_true(daemon_process_number(&s->daemon, "/counters/command_errors") >= 5000);
    assert_true(daemon_process_number(&s->daemon, "/counters/front_end_errors") >= 5000);
    story_leave(s);
    bad_told(s, "front_end_errors", "SET_VRING_NUM is refused");
    bad_afterwards(s); /* which counts the lines */
    story_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(no_descriptor_is_left_for_a_front_end, gpu_qemu_arena),
        STORY(no_descriptor_is_left_for_a_front_end, media_qemu),
        STORY(no_descriptor_is_left_for_a_message, gpu_qemu_arena),
        STORY(no_descriptor_is_left_for_a_message, media_qemu),
        STORY(a_flood_of_errors_is_few_lines, gpu_qemu_arena),
        STORY(a_flood_of_errors_is_few_lines, media_qemu),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

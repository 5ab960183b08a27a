/* SPDX-License-Identifier: MIT */
#include "story.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LIMIT 20000       /* milliseconds for what happens by itself */
#define END_LIMIT 5000    /* and for an end that was asked for */
#define START_LIMIT 60000 /* for the first worker, which may try drivers before it is ready */

const struct story_cast gpu_qemu_arena = {STORY_GPU, HABIT_QEMU, "--mapping=arena"};
const struct story_cast gpu_qemu_single = {STORY_GPU, HABIT_QEMU, "--mapping=single", true};
const struct story_cast gpu_crosvm_arena = {STORY_GPU, HABIT_CROSVM, "--mapping=arena", true};
const struct story_cast gpu_crosvm_single = {STORY_GPU, HABIT_CROSVM, "--mapping=single"};
const struct story_cast media_qemu = {STORY_MEDIA, HABIT_QEMU, NULL};
const struct story_cast media_crosvm = {STORY_MEDIA, HABIT_CROSVM, NULL, true};
const struct story_cast media_qemu_single = {STORY_MEDIA, HABIT_QEMU, "--mapping=single"};
const struct story_cast media_crosvm_single = {STORY_MEDIA, HABIT_CROSVM, "--mapping=single"};

static const char *const habit_names[] = {"qemu", "crosvm", "libkrun"};

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct story *story(void **state)
{
    return *state;
}

bool story_single(const struct story *s)
{
    return s->cast.mapping != NULL && strstr(s->cast.mapping, "single") != NULL;
}

static struct frontend_plan plan_of(const struct story *s)
{
    struct frontend_plan plan;

    frontend_plan_init(&plan, s->cast.habit);
    plan.split = s->cast.split;
    return plan;
}

/* Leaves the story out, with the reason. */
__attribute__((noreturn)) static void leave_out(struct story *s, const char *reason)
{
    s->ended = true; /* there is no log to show */
    print_message("left out: %s\n", reason);
    skip();
    abort();
}

void story_unless(struct story *s, enum habit habit, const char *what)
{
    char reason[160];

    if (s->cast.habit != habit)
        return;
    snprintf(reason, sizeof(reason), "%s knows no %s", habit_names[habit], what);
    leave_out(s, reason);
}

/* The program has seen that its front-end is gone: it would turn the next one away before. */
static void await_leave(struct story *s)
{
    for (int64_t end = now_ms() + LIMIT;; usleep(5000)) {
        struct json_object *state = daemon_process_state(&s->daemon), *front_end = NULL;
        bool gone = state != NULL && json_object_object_get_ex(state, "front_end", &front_end) &&
                    strcmp(json_object_get_string(front_end), "none") == 0;

        json_object_put(state);
        if (gone)
            return;
        assert_true(now_ms() < end);
    }
}

void story_start(struct story *s, const char *const *arguments)
{
    const char *all[DAEMON_PROCESS_ARGUMENTS + 1] = {"--window=64M"};
    unsigned count = 1;

    if (s->twice)
        leave_out(s, "the ordinary run tells it with these habits");
    if (s->cast.mapping != NULL)
        all[count++] = s->cast.mapping;
    for (unsigned i = 0; arguments != NULL && arguments[i] != NULL; i++)
        all[count++] = arguments[i];
    assert_int_equal(daemon_process_start(&s->daemon, s->cast.program, all), 0);
    assert_int_equal(daemon_process_await_number(&s->daemon, "/worker/ready", 1, START_LIMIT), 1);
    story_join(s);
    frontend_finish(&s->frontend);
    s->joined = false;
    await_leave(s);
    story_await(s, "/rings_started", 0);
    story_await(s, "/ledger", 0);
    usleep(50000);
    s->idle_fds = daemon_process_fds(s->daemon.pid);
    assert_true(s->idle_fds > 0);
}

void story_connect(struct story *s, const struct frontend_plan *plan)
{
    int socket = daemon_process_connect(&s->daemon);

    assert_true(socket >= 0);
    s->joined = true;
    assert_int_equal(frontend_init(&s->frontend, plan, socket), 0);
}

void story_join_plan(struct story *s, const struct frontend_plan *plan)
{
    story_connect(s, plan);
    assert_int_equal(frontend_negotiate(&s->frontend), 0);
    assert_int_equal(frontend_start(&s->frontend), 0);
}

void story_join(struct story *s)
{
    struct frontend_plan plan = plan_of(s);

    story_join_plan(s, &plan);
}

void story_assert_clean(struct story *s)
{
    for (unsigned i = 0; i < FRONTEND_QUEUES; i++)
        if (s->frontend.queues[i].violations > 0)
            frontend_violate(&s->frontend, "ring %u was broken by the device", i);
    if (s->frontend.counts.violations > 0)
        fail_msg("%u violations, the first: %s", s->frontend.counts.violations,
                 s->frontend.violation);
    assert_true(s->frontend.window.lost == 0);
}

void story_await(struct story *s, const char *path, long expected)
{
    long number = daemon_process_await_number(&s->daemon, path, expected, LIMIT);

    if (number != expected)
        fail_msg("%s is %ld, not %ld", path, number, expected);
}

void story_leave(struct story *s)
{
    int fds;

    story_assert_clean(s);
    frontend_finish(&s->frontend);
    s->joined = false;
    await_leave(s);
    story_await(s, "/rings_started", 0);
    story_await(s, "/ledger", 0);
    story_await(s, "/device/resources", 0);
    story_await(s, "/device/mapped", 0);
    story_await(s, "/device/sessions", 0);
    story_await(s, "/device/loans", 0);
    story_await(s, "/limits/memory/used", 0);
    story_await(s, "/limits/mappings/used", 0);
    fds = daemon_process_await_fds(s->daemon.pid, s->idle_fds, LIMIT);
    if (fds != s->idle_fds)
        fail_msg("the door has %d descriptors open, %d before", fds, s->idle_fds);
}

void story_end(struct story *s)
{
    int64_t before;
    int status;

    if (s->joined)
        story_leave(s);
    before = now_ms();
    status = daemon_process_stop(&s->daemon, END_LIMIT);
    assert_int_equal(status, 0);
    /* On a processor that is emulated, and shared, a second says nothing. */
    assert_in_range(now_ms() - before, 0, getenv("HOSTBLOB_TEST_SLOW") != NULL ? END_LIMIT : 999);
    assert_int_not_equal(access(s->daemon.socket_path, F_OK), 0);
    s->ended = true;
}

unsigned story_shmem_requests(const struct story *s)
{
    return s->frontend.counts.maps + s->frontend.counts.unmaps;
}

pid_t story_worker(struct story *s)
{
    int64_t end = now_ms() + LIMIT;
    pid_t pid;

    /* A worker may serve before the starter has come to say which process it is. */
    do
        pid = (pid_t)daemon_process_number(&s->daemon, "/worker/pid");
    while (pid <= 0 && now_ms() < end);
    assert_true(pid > 0);
    return pid;
}

void story_await_another(struct story *s, pid_t old)
{
    for (unsigned waited = 0; waited < LIMIT; waited += 10) {
        pid_t now = (pid_t)daemon_process_number(&s->daemon, "/worker/pid");

        if (now > 0 && now != old)
            return;
        assert_int_equal(frontend_pump(&s->frontend, -1, 10), 0);
    }
    fail_msg("no new worker came");
}

int story_shell(char *output, size_t size, const char *format, ...)
{
    char command[1024];
    va_list args;
    FILE *pipe;
    int status;

    va_start(args, format);
    status = vsnprintf(command, sizeof(command), format, args);
    va_end(args);
    assert_in_range(status, 1, sizeof(command) - 1);
    pipe = popen(command, "re");
    assert_non_null(pipe);
    output[fread(output, 1, size - 1, pipe)] = '\0';
    status = pclose(pipe);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

int story_run(const struct story *s, const char *arguments, char *output, size_t size)
{
    char dir[] = "/tmp/hostblob-test-XXXXXX";
    int status;

    assert_non_null(mkdtemp(dir));
    status = story_shell(output, size, "cd %s && timeout 20 %s %s 2>&1", dir,
                         getenv(s->cast.program), arguments);
    if (rmdir(dir) != 0)
        fail_msg("'%s' leaves something behind, and says: %s", arguments, output);
    return status;
}

/* A story that is told by crosvm too is not told twice by it. */
static void change_habit(struct story *s)
{
    const char *wanted = getenv(STORY_HABIT);

    for (enum habit habit = HABIT_QEMU; wanted != NULL && habit <= HABIT_LIBKRUN; habit++) {
        if (strcmp(wanted, habit_names[habit]) != 0)
            continue;
        s->twice = s->cast.habit != HABIT_QEMU && s->cast.habit == habit;
        s->cast.habit = habit;
        return;
    }
}

int story_setup(void **state)
{
    struct story *s = calloc(1, sizeof(*s));

    if (s == NULL)
        return -1;
    s->cast = *(const struct story_cast *)*state;
    change_habit(s);
    *state = s;
    return 0;
}

int story_teardown(void **state)
{
    struct story *s = *state;

    if (s->joined)
        frontend_finish(&s->frontend);
    daemon_process_finish(&s->daemon, !s->ended);
    free(s);
    return 0;
}

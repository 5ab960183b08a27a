/* SPDX-License-Identifier: MIT */
#include "run_story.h"

#include "story.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define EACH 8u /* GPUs, and as many cameras */
#define ALL (2 * EACH)

static struct run_story run;

static const char *name_of(unsigned index)
{
    static char name[16];

    snprintf(name, sizeof(name), "%s-%u", index < EACH ? "gpu" : "camera", index % EACH);
    return name;
}

static void read_pids(pid_t pids[ALL])
{
    for (unsigned i = 0; i < ALL; i++) {
        pids[i] = run_story_device(&run, name_of(i));
        assert_true(pids[i] > 0);
    }
}

static void expect_pids(const pid_t pids[ALL])
{
    pid_t now[ALL];

    read_pids(now);
    for (unsigned i = 0; i < ALL; i++)
        assert_int_equal(now[i], pids[i]);
}

static void write_sixteen(void)
{
    char text[2048] = "[defaults]\nlog-level = warning\n";

    for (unsigned i = 0; i < ALL; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "[%s %s]\n",
                 i < EACH ? "gpu" : "media", name_of(i));
    run_story_write(&run, "%s", text);
}

/* None of them misses another that is killed. */
static void sixteen_devices_start_quickly_and_survive(void **state)
{
    pid_t pids[ALL];
    long before = run_story_now(), took;

    write_sixteen();
    run_story_start(&run, NULL);
    run_story_await(&run, "READY=1");
    took = run_story_now() - before;
    print_message("ready after %ld ms\n", took);
    assert_in_range(took, 0, getenv("HOSTBLOB_TEST_SLOW") != NULL ? 20000 : 999);
    read_pids(pids);
    for (unsigned i = 0; i < ALL; i++) {
        assert_int_equal(kill(pids[i], SIGKILL), 0);
        pids[i] = run_story_await_device(&run, name_of(i), pids[i]);
        expect_pids(pids);
    }
    assert_true(run_story_logged(&run,
                                 "The gpu device gpu-0 was killed by signal 9 (Killed); it is "
                                 "started again in 0.1 s."));
    assert_int_equal(run_story_stop(&run), 0);
}

static void a_reload_touches_what_is_another_only(void **state)
{
    pid_t a, b, c, d;

    run_story_write(&run, "[gpu a]\n[gpu b]\n[media c]\n");
    run_story_start(&run, NULL);
    run_story_await(&run, "READY=1");
    a = run_story_await_device(&run, "a", 0);
    b = run_story_await_device(&run, "b", 0);
    c = run_story_await_device(&run, "c", 0);
    /* b goes, c is another one, d comes; a has other lines, and the same words. */
    run_story_write(&run, "\n[media d]\n\n[media c]\ncard = Another\n[defaults gpu]\n[gpu a]\n");
    run_story_reload(&run);
    assert_int_equal(run_story_device(&run, "a"), a);
    assert_int_equal(run_story_device(&run, "b"), 0);
    assert_int_not_equal(kill(b, 0), 0);
    assert_true(run_story_await_device(&run, "c", c) != c);
    d = run_story_await_device(&run, "d", 0);
    assert_true(run_story_logged(&run, "The configuration is in force: 3 devices: 3 ready."));
    /* What is wrong changes nothing. */
    c = run_story_device(&run, "c");
    run_story_write(&run, "[gpu a]\nwindow = 300M\n[gpu b]\nwindw = 1G\n");
    run_story_reload(&run);
    assert_true(run_story_logged(&run, "a.conf:2: --window=300M cannot be: it must be a power of"));
    assert_true(run_story_logged(&run, "a.conf:4: a gpu device has no option 'windw': did you mean "
                                       "'window'?"));
    assert_true(run_story_logged(&run, "has mistakes: everything stays as it is."));
    assert_int_equal(run_story_device(&run, "a"), a);
    assert_int_equal(run_story_device(&run, "c"), c);
    assert_int_equal(run_story_device(&run, "d"), d);
    unlink(run.file);
    run_story_reload(&run);
    assert_int_equal(run_story_device(&run, "a"), a);
    /* None at all is no mistake. */
    run_story_write(&run, "%s", "");
    run_story_reload(&run);
    assert_int_equal(run_story_device(&run, "a"), 0);
    assert_true(run_story_logged(&run, "has no device yet"));
    assert_int_equal(run_story_stop(&run), 0);
}

/* A device under another name gets the socket of the one that goes. */
static void a_socket_may_change_hands(void **state)
{
    run_story_write(&run, "[gpu a]\nsocket = %s/s.sock\n", run.dir);
    run_story_start(&run, NULL);
    run_story_await(&run, "READY=1");
    run_story_write(&run, "[gpu b]\nsocket = %s/s.sock\n", run.dir);
    run_story_reload(&run);
    assert_true(run_story_device(&run, "s") > 0);
    assert_false(run_story_logged(&run, "it is started again"));
    assert_int_equal(run_story_stop(&run), 0);
}

/* The manager hears of it in the words of sd_notify(3). */
static void a_manager_is_told(void **state)
{
    run_story_write(&run, "[gpu a]\n[gpu b]\n");
    setenv("WATCHDOG_USEC", "200000", 1);
    run_story_start(&run, NULL);
    unsetenv("WATCHDOG_USEC");
    run_story_await(&run, "STATUS=2 devices: 0 ready; not: a, b");
    run_story_await(&run, "STATUS=2 devices: 2 ready");
    run_story_await(&run, "READY=1");
    run_story_await(&run, "WATCHDOG=1");
    kill(run_story_await_device(&run, "b", 0), SIGKILL);
    run_story_await(&run, "STATUS=2 devices: 1 ready; not: b");
    run_story_await(&run, "STATUS=2 devices: 2 ready");
    assert_false(run_story_heard(&run, "STOPPING=1"));
    kill(run.pid, SIGHUP);
    run_story_await(&run, "MONOTONIC_USEC=");
    run_story_await(&run, "READY=1");
    assert_int_equal(run_story_stop(&run), 0);
    assert_true(run_story_heard(&run, "STOPPING=1"));
}

/* One that hangs is as good as dead. */
static void a_device_that_hangs_is_started_again(void **state)
{
    char output[256];
    pid_t a, b;

    run_story_write(&run, "[gpu a]\n[gpu b]\n");
    run_story_start(&run, "--watchdog=1.5");
    run_story_await(&run, "READY=1");
    a = run_story_await_device(&run, "a", 0);
    b = run_story_await_device(&run, "b", 0);
    story_shell(output, sizeof(output), "'%s' upgrade b", run.program);
    assert_non_null(strstr(output, "The device is upgraded"));
    usleep(2500000);
    assert_int_equal(run_story_device(&run, "a"), a); /* it does say that it lives */
    kill(a, SIGSTOP);
    assert_true(run_story_await_device(&run, "a", a) != a);
    assert_true(run_story_logged(&run, "The gpu device a was killed: it gave no sign of life in "
                                       "time; it is started again in 0.1 s."));
    assert_int_equal(run_story_device(&run, "b"), b); /* as does its other program */
    assert_int_equal(run_story_stop(&run), 0);
}

/* Nor is its end waited for without end. */
static void a_device_that_does_not_end_is_killed(void **state)
{
    run_story_write(&run, "[gpu a]\n[gpu b]\n");
    run_story_start(&run, NULL);
    run_story_await(&run, "READY=1");
    kill(run_story_await_device(&run, "a", 0), SIGSTOP);
    assert_int_equal(run_story_stop(&run), 1);
    assert_true(run_story_logged(&run, "The gpu device a was killed: it did not end when it was "
                                       "asked to."));
}

/* Nothing runs half. */
static void a_wrong_start_is_none(void **state)
{
    run_story_write(&run, "[gpu a]\n[gpu b]\nwindow = 300M\n");
    run_story_start(&run, NULL);
    assert_int_equal(run_story_wait(&run), 1);
    assert_true(run_story_logged(&run, "a.conf:3: --window=300M cannot be"));
    assert_true(run_story_logged(&run, "has mistakes: no device is started."));
    assert_false(run_story_logged(&run, "Ready"));
    assert_false(run_story_heard(&run, "READY=1"));
    /* What only the device can see. */
    run_story_write(&run, "[gpu a]\n[gpu b]\nsocket = %s/no/such.sock\n", run.dir);
    run_story_start(&run, NULL);
    assert_int_equal(run_story_wait(&run), 1);
    assert_true(run_story_logged(&run, "a.conf:2) ended with status 1 before it was ready: so none "
                                       "is started."));
    assert_false(run_story_heard(&run, "READY=1"));
    unlink(run.file);
    run_story_start(&run, NULL);
    assert_int_equal(run_story_wait(&run), 1);
    assert_true(run_story_logged(&run, "a.conf: it cannot be read: No such file"));
}

static void once_is_once(void **state)
{
    run_story_write(&run, "[gpu a]\n[media b]\n");
    run_story_start(&run, "--once");
    run_story_await(&run, "READY=1");
    kill(run_story_await_device(&run, "a", 0), SIGKILL);
    assert_int_equal(run_story_wait(&run), 1);
    assert_true(run_story_logged(&run, "The gpu device a was killed by signal 9 (Killed); so do"));
    run_story_start(&run, "--once");
    run_story_await(&run, "READY=1");
    kill(run_story_await_device(&run, "b", 0), SIGTERM); /* ends well */
    assert_int_equal(run_story_wait(&run), 0);
}

/* ---- with a device program that fails as it is told ---- */

/* A copy of the command, and beside it a program that ends with the status in a file, if there is
 * one. */
static void make_failing(void)
{
    static const char script[] = "#!/bin/sh\n"
                                 "case $1 in --*-options) exec '%s' \"$@\" ;; esac\n"
                                 "[ -e '%s/status' ] && exit $(cat '%s/status')\n"
                                 "exec '%s' \"$@\"\n";
    char output[64], path[96];
    FILE *file;

    story_shell(output, sizeof(output), "cp '%s' '%s/hostblob'", run.program, run.dir);
    snprintf(run.program, sizeof(run.program), "%s/hostblob", run.dir);
    snprintf(path, sizeof(path), "%s/hostblob-gpu", run.dir);
    file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, script, getenv("HOSTBLOB_GPU"), run.dir, run.dir, getenv("HOSTBLOB_GPU"));
    fclose(file);
    chmod(path, 0700);
}

static void set_status(const char *status)
{
    char output[64];

    story_shell(output, sizeof(output),
                *status != '\0' ? "echo %s > '%s/status'" : "rm '%s%s/status'", status, run.dir);
}

static void failures_are_tried_again_later_and_later(void **state)
{
    long before;

    make_failing();
    run_story_write(&run, "[gpu a]\n");
    run_story_start(&run, NULL);
    run_story_await(&run, "READY=1");
    set_status("7");
    kill(run_story_await_device(&run, "a", 0), SIGKILL);
    before = run_story_now();
    run_story_await_log(&run,
                        "The gpu device a was killed by signal 9 (Killed); it is started again "
                        "in 0.1 s.");
    run_story_await_log(&run,
                        "The gpu device a ended with status 7; it is started again in 0.2 s.");
    run_story_await_log(&run,
                        "The gpu device a ended with status 7; it is started again in 0.4 s.");
    run_story_await_log(&run,
                        "The gpu device a ended with status 7; it is started again in 0.8 s.");
    assert_true(run_story_now() - before >= 600);
    set_status("");
    run_story_await_device(&run, "a", 0);
    run_story_await(&run, "STATUS=1 device: 1 ready");
    assert_int_equal(run_story_stop(&run), 0);
}

/* A wrong command line does not become right by itself; a reload tries it anew. */
static void a_wrong_command_line_is_not_tried_again(void **state)
{
    static const char *const statuses[] = {"2", "78"};

    make_failing();
    for (unsigned i = 0; i < 2; i++) {
        run_story_write(&run, "[gpu a]\n");
        run_story_start(&run, NULL);
        run_story_await(&run, "READY=1");
        set_status(statuses[i]);
        kill(run_story_await_device(&run, "a", 0), SIGKILL);
        run_story_await_log(&run, "it is not started again before its options are others.");
        set_status("");
        usleep(500000);
        assert_int_equal(run_story_device(&run, "a"), 0);
        run_story_reload(&run);
        run_story_await_device(&run, "a", 0);
        assert_int_equal(run_story_stop(&run), 0);
    }
    set_status("2");
    run_story_start(&run, NULL);
    assert_int_equal(run_story_wait(&run), 1);
}

/* ---- cgroups ---- */

/* A cgroup of version 2 that we may make; "": there is none. */
static void find_cgroup(char path[128])
{
    char mount[64];

    story_shell(mount, sizeof(mount), "awk '$3 == \"cgroup2\" {print $2; exit}' /proc/mounts");
    mount[strcspn(mount, "\n")] = '\0';
    snprintf(path, 128, "%s/hostblob-test-%d", mount, (int)getpid());
    if (mount[0] == '\0' || mkdir(path, 0755) < 0)
        path[0] = '\0';
}

static void each_device_has_its_cgroup(void **state)
{
    char folder[128], option[160], output[256], expected[96];
    pid_t a;

    find_cgroup(folder);
    if (folder[0] == '\0') {
        print_message("there is no cgroup of version 2 to write to\n");
        return;
    }
    run_story_write(&run, "[gpu a]\n[media b]\n");
    snprintf(option, sizeof(option), "--cgroup=%s", folder);
    run_story_start(&run, option);
    run_story_await(&run, "READY=1");
    a = run_story_device(&run, "a");
    for (unsigned i = 0; i < 2; i++) {
        snprintf(expected, sizeof(expected), "/hostblob-test-%d/a.device\n", (int)getpid());
        story_shell(output, sizeof(output), "grep ^0:: /proc/%d/cgroup", (int)a);
        assert_non_null(strstr(output, expected));
        story_shell(output, sizeof(output), "wc -l < '%s/a.device/cgroup.procs'", folder);
        assert_int_equal(atoi(output), 3); /* its door and worker too */
        kill(a, SIGKILL);
        a = run_story_await_device(&run, "a", a);
        usleep(100000);
    }
    run_story_write(&run, "[media b]\n");
    run_story_reload(&run);
    story_shell(output, sizeof(output), "ls -d '%s'/*.device", folder);
    assert_null(strstr(output, "a.device"));
    assert_non_null(strstr(output, "b.device"));
    assert_int_equal(run_story_stop(&run), 0);
    assert_int_equal(rmdir(folder), 0);
}

/* As systemd does it with Delegate=yes: it is marked, and the process is in it. */
static void a_cgroup_of_ours_is_divided(void **state)
{
    char folder[128], output[256], path[96];
    FILE *script;

    find_cgroup(folder);
    if (folder[0] == '\0' || setxattr(folder, "trusted.delegate", "1", 1, 0) < 0) {
        rmdir(folder);
        print_message("there is no cgroup that can be marked\n");
        return;
    }
    snprintf(path, sizeof(path), "%s/start", run.dir);
    script = fopen(path, "w");
    assert_non_null(script);
    fprintf(script, "#!/bin/sh\necho $$ > '%s/cgroup.procs'\nexec '%s' \"$@\"\n", folder,
            run.program);
    fclose(script);
    chmod(path, 0700);
    strcpy(run.program, path);
    run_story_write(&run, "[gpu a]\n");
    run_story_start(&run, NULL);
    run_story_await(&run, "READY=1");
    story_shell(output, sizeof(output), "cat '%s/supervisor/cgroup.procs'", folder);
    assert_int_equal(atoi(output), run.pid);
    story_shell(output, sizeof(output), "grep -c . '%s/a.device/cgroup.procs'", folder);
    assert_int_equal(atoi(output), 3);
    assert_int_equal(run_story_stop(&run), 0);
    assert_int_equal(rmdir(folder), 0); /* nothing is left in it */
}

/* ---- the example ---- */

/* It is what is installed: all of it is a comment. Without the '#' it is right, as far as this
 * machine is not asked: the first thing that it is asked for is a group that nobody has. */
static void the_example_is_right(void **state)
{
    char output[1024];

    story_shell(output, sizeof(output), "cp '%s' '%s'", getenv("HOSTBLOB_CONF"), run.file);
    run_story_start(&run, NULL);
    run_story_await(&run, "READY=1");
    assert_true(run_story_logged(&run, "has no device yet"));
    assert_int_equal(run_story_stop(&run), 0);
    story_shell(output, sizeof(output),
                "sed 's/^#\\([a-z[]\\)/\\1/; s/= kvm/= no-such-group/' '%s' > '%s'",
                getenv("HOSTBLOB_CONF"), run.file);
    run_story_start(&run, NULL);
    assert_int_equal(run_story_wait(&run), 1);
    /* Kinds that were not built in. */
    story_shell(output, sizeof(output), "grep 'a.conf:' '%s/log' | grep -v -e --kind= -e before",
                run.dir);
    assert_string_equal(output, "");
    /* No option is left out. */
    for (unsigned i = 0; i < 2; i++) {
        story_shell(output, sizeof(output),
                    "'%s' --print-options | sed -n 's/.*\"name\":\"\\(.*\\)\".*/\\1/p' |"
                    "sed s/socket-path/socket/ |"
                    "while read -r name; do grep -q \"\\b$name = \" '%s' || echo $name; done",
                    getenv(i == 0 ? STORY_GPU : STORY_MEDIA), getenv("HOSTBLOB_CONF"));
        assert_string_equal(output, "");
    }
}

static int setup(void **state)
{
    run_story_init(&run);
    return 0;
}

static int teardown(void **state)
{
    run_story_finish(&run);
    return 0;
}

#define RUN(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(sixteen_devices_start_quickly_and_survive),
        RUN(a_reload_touches_what_is_another_only),
        RUN(a_socket_may_change_hands),
        RUN(a_manager_is_told),
        RUN(a_device_that_hangs_is_started_again),
        RUN(a_device_that_does_not_end_is_killed),
        RUN(a_wrong_start_is_none),
        RUN(once_is_once),
        RUN(failures_are_tried_again_later_and_later),
        RUN(a_wrong_command_line_is_not_tried_again),
        RUN(each_device_has_its_cgroup),
        RUN(a_cgroup_of_ours_is_divided),
        RUN(the_example_is_right),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

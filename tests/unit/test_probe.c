/* SPDX-License-Identifier: MIT */
#include "tests/unit/fd_count.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/units.h"
#include "gpu/choose.h"
#include "gpu/gpu_device.h"
#include "gpu/probe.h"

#define PATIENCE_MS 20000u

/* ---- the children ---- */

static int probe_good(const struct gpu_options *options, struct json_object *report, char *why)
{
    json_object_object_add(report, "answer", json_object_new_int(42));
    return 0;
}

static int probe_bad(const struct gpu_options *options, struct json_object *report, char *why)
{
    json_object_object_add(report, "answer", json_object_new_int(6));
    snprintf(why, PROBE_WHY, "it is \"out of order\"");
    return -EIO;
}

static int probe_mute(const struct gpu_options *options, struct json_object *report, char *why)
{
    return -ENODEV;
}

static int probe_abort(const struct gpu_options *options, struct json_object *report, char *why)
{
    fprintf(stderr, "First line.\nNo library of that name.\n\n");
    abort();
}

static int probe_exit(const struct gpu_options *options, struct json_object *report, char *why)
{
    exit(7);
}

static int probe_hang(const struct gpu_options *options, struct json_object *report, char *why)
{
    /* What it started keeps the pipes open. */
    if (fork() == 0)
        pause();
    pause();
    return 0;
}

/* A library that speaks a lot, on both. */
static int probe_loud(const struct gpu_options *options, struct json_object *report, char *why)
{
    for (unsigned i = 0; i < 4096; i++)
        fprintf(stderr, "Line %u of very many, none of which matters to anybody.\n", i);
    for (unsigned i = 0; i < 100000; i++)
        putchar('x');
    return 0;
}

static const struct {
    const char *name;
    probe_fn *run;
} children[] = {
    {"good", probe_good}, {"bad", probe_bad},   {"mute", probe_mute}, {"abort", probe_abort},
    {"exit", probe_exit}, {"hang", probe_hang}, {"loud", probe_loud},
};

static int child(const char *name)
{
    for (size_t i = 0; i < sizeof(children) / sizeof(children[0]); i++)
        if (strcmp(children[i].name, name) == 0)
            return probe_run(children[i].run, NULL);
    return 9;
}

/* ---- the parent ---- */

static char *const words[] = {(char *)"test_probe", (char *)"--socket-path=x", NULL};

static void try_one(struct probe *probe, const char *name, unsigned limit_ms)
{
    probe_start(probe, name, words);
    probe_wait(probe, 1, limit_ms);
    assert_int_equal(probe->pid, 0);
}

static int answer_of(const struct probe *probe)
{
    struct json_object *value;

    assert_true(json_object_object_get_ex(probe->report, "answer", &value));
    return json_object_get_int(value);
}

static void test_a_good_one(void **state)
{
    struct probe probe;

    try_one(&probe, "good", PATIENCE_MS);
    assert_true(probe.ok);
    assert_int_equal(answer_of(&probe), 42);
    probe_finish(&probe);
}

static void test_a_bad_one_says_why(void **state)
{
    struct probe probe;

    try_one(&probe, "bad", PATIENCE_MS);
    assert_false(probe.ok);
    assert_string_equal(probe.why, "it is \"out of order\"");
    assert_int_equal(answer_of(&probe), 6);
    probe_finish(&probe);
    try_one(&probe, "mute", PATIENCE_MS);
    assert_false(probe.ok);
    assert_string_equal(probe.why, strerror(ENODEV));
    probe_finish(&probe);
}

static void test_an_abort_is_told_with_its_last_words(void **state)
{
    struct probe probe;

    try_one(&probe, "abort", PATIENCE_MS);
    assert_false(probe.ok);
    assert_string_equal(probe.why, "the self-test died of SIGABRT: No library of that name.");
    probe_finish(&probe);
}

static void test_an_early_exit_is_no_success(void **state)
{
    struct probe probe;

    try_one(&probe, "exit", PATIENCE_MS);
    assert_false(probe.ok);
    assert_string_equal(probe.why, "the self-test ended with status 7");
    probe_finish(&probe);
    try_one(&probe, "unknown", PATIENCE_MS);
    assert_false(probe.ok);
    assert_string_equal(probe.why, "the self-test ended with status 9");
    probe_finish(&probe);
}

static void test_a_loud_one_is_heard_out(void **state)
{
    struct probe probe;

    try_one(&probe, "loud", PATIENCE_MS);
    assert_false(probe.ok); /* what it printed is no report */
    assert_non_null(strstr(probe.why, "status 0"));
    probe_finish(&probe);
}

static void test_one_that_hangs_does_not_hold_up_the_others(void **state)
{
    struct probe probes[4];
    uint64_t before = units_now_ns();

    probe_start(&probes[0], "good", words);
    probe_start(&probes[1], "hang", words);
    probe_start(&probes[2], "bad", words);
    probe_start(&probes[3], "hang", words);
    probe_wait(probes, 4, 1500);
    assert_true(units_now_ns() - before < PATIENCE_MS * UINT64_C(1000000));
    assert_true(probes[0].ok);
    assert_false(probes[1].ok);
    assert_string_equal(probes[1].why, "the self-test had not ended after 1500 ms");
    assert_string_equal(probes[2].why, "it is \"out of order\"");
    assert_false(probes[3].ok);
    for (unsigned i = 0; i < 4; i++)
        probe_finish(&probes[i]);
}

static void test_words_of_a_choice(void **state)
{
    assert_int_equal(choose_parse(NULL), 0);
    assert_int_equal(choose_parse("memory"), 0);
    assert_int_equal(choose_parse("auto"), CHOOSE_AUTO);
    assert_int_equal(choose_parse("virgl"), CHOOSE_VIRGL);
    assert_int_equal(choose_parse("venus,virgl"), CHOOSE_VIRGL | CHOOSE_VENUS);
    assert_int_equal(choose_parse("virgl,"), -EINVAL);
    assert_int_equal(choose_parse(""), -EINVAL);
    assert_null(choose_probe("good"));
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        FD_TEST(test_a_good_one),
        FD_TEST(test_a_bad_one_says_why),
        FD_TEST(test_an_abort_is_told_with_its_last_words),
        FD_TEST(test_an_early_exit_is_no_success),
        FD_TEST(test_a_loud_one_is_heard_out),
        FD_TEST(test_one_that_hangs_does_not_hold_up_the_others),
        FD_TEST(test_words_of_a_choice),
    };

    if (argc > 1 && strncmp(argv[argc - 1], "--probe=", 8) == 0)
        return child(argv[argc - 1] + 8);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
#include "fd_count.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <json-c/json.h>

#include "base/trace.h"
#include "base/units.h"

/* The trace of a process, read back by another's JSON: valid at any moment, bounded, and never in
 * the place of something else. */
#define LIMIT (UINT64_C(1) << 20)

static char folder[] = "/tmp/hostblob-test-XXXXXX", path[64];

static int make_folder(void **state)
{
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/trace", folder);
    return 0;
}

static int remove_folder(void **state)
{
    unlink(path);
    return rmdir(folder);
}

static int begin(void **state)
{
    unlink(path);
    return fd_count_setup(state);
}

static int end(void **state)
{
    trace_end();
    return fd_count_teardown(state);
}

static long size_of(void)
{
    struct stat st;

    return stat(path, &st) == 0 ? (long)st.st_size : -1;
}

/* The events; the bracket at the end is missing, and may be. */
static struct json_object *events(void)
{
    size_t room = (size_t)size_of() + 2;
    char *text = calloc(1, room);
    FILE *file = fopen(path, "r");
    struct json_object *all;
    size_t n;

    assert_non_null(text);
    assert_non_null(file);
    n = fread(text, 1, room - 2, file);
    fclose(file);
    assert_true(n > 2 && strcmp(text + n - 2, ",\n") == 0);
    strcpy(text + n - 2, "]");
    all = json_tokener_parse(text);
    assert_true(json_object_is_type(all, json_type_array));
    free(text);
    return all;
}

static struct json_object *at(struct json_object *all, size_t index, const char *key)
{
    struct json_object *value = NULL;
    char pointer[64];

    snprintf(pointer, sizeof(pointer), "/%zu/%s", index, key);
    assert_int_equal(json_pointer_get(all, pointer, &value), 0);
    return value;
}

static const char *text_at(struct json_object *all, size_t index, const char *key)
{
    return json_object_get_string(at(all, index, key));
}

static void put(enum trace_phase phase, const char *name, uint64_t id)
{
    trace_put(&(struct trace_event){.phase = phase, .category = "test", .name = name, .id = id});
}

static void writes_what_can_be_read(void **state)
{
    double before = (double)units_now_ns() / 1000, after;
    struct json_object *all;

    assert_int_equal(trace_make(path), 0);
    trace_begin(path, LIMIT, "us");
    assert_true(trace_on);
    trace_put(&(struct trace_event){
        .phase = TRACE_BEGIN,
        .category = "map",
        .name = "mapping",
        .id = 0xabc,
        .args = {{"offset", UINT64_MAX}, {"size", 4096}, {"id", 7}, {"more", 1}},
    });
    put(TRACE_END, "mapping", 0xabc);
    trace_put(&(struct trace_event){
        .phase = TRACE_BEGIN, .category = "piece", .name = "piece", .id = 16, .lasting = true});
    trace_put(&(struct trace_event){.phase = TRACE_WHOLE,
                                    .category = "command",
                                    .name = "x",
                                    .start = units_now_ns() - 5000000});
    put(TRACE_INSTANT, "now", 0);
    trace_flush();
    after = (double)units_now_ns() / 1000;
    all = events(); /* while it is written still */
    assert_int_equal(json_object_array_length(all), 7);
    assert_string_equal(text_at(all, 1, "args/name"), "us");
    assert_string_equal(text_at(all, 2, "ph"), "b");
    assert_string_equal(text_at(all, 2, "id2/local"), "abc");
    assert_true(json_object_get_uint64(at(all, 2, "args/offset")) == UINT64_MAX);
    assert_int_equal(json_object_get_int(at(all, 2, "args/more")), 1);
    assert_int_equal(json_object_get_int(at(all, 2, "pid")), getpid());
    assert_string_equal(text_at(all, 3, "ph"), "e");
    assert_non_null(strstr(text_at(all, 4, "id"), ".10"));
    assert_true(json_object_get_double(at(all, 5, "dur")) >= 5000);
    assert_string_equal(text_at(all, 6, "s"), "t");
    for (size_t i = 2; i < 7; i++)
        assert_true(json_object_get_double(at(all, i, "ts")) >= before - 5001 &&
                    json_object_get_double(at(all, i, "ts")) <= after);
    json_object_put(all);
}

static void escapes_names(void **state)
{
    char longest[2000];
    struct json_object *all;

    memset(longest, '"', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    assert_int_equal(trace_make(path), 0);
    trace_begin(path, LIMIT, "a \"socket\"\\with\nlines\x01");
    put(TRACE_INSTANT, longest, 0);
    trace_end();
    all = events();
    assert_string_equal(text_at(all, 1, "args/name"), "a \"socket\"\\with\nlines\x01");
    assert_memory_equal(text_at(all, 2, "name"), longest, 60);
    json_object_put(all);
}

/* Every line is whole, whoever writes: this process, a second and a third. */
static void several_write_into_one_file(void **state)
{
    struct json_object *all;

    assert_int_equal(trace_make(path), 0);
    trace_begin(path, UINT64_C(64) << 20, "first");
    for (unsigned i = 0; i < 2; i++) {
        pid_t child = fork();

        if (child == 0) {
            trace_begin(path, UINT64_C(64) << 20, "another");
            for (unsigned n = 0; n < 5000; n++)
                put(TRACE_INSTANT, "theirs", 0);
            trace_flush();
            _exit(0);
        }
    }
    for (unsigned n = 0; n < 5000; n++)
        put(TRACE_INSTANT, "ours", 0);
    trace_end();
    while (wait(NULL) > 0)
        ;
    all = events();
    assert_int_equal(json_object_array_length(all), 1 + 3 * 5001);
    json_object_put(all);
}

static void keeps_to_its_limit(void **state)
{
    struct json_object *all;

    assert_int_equal(trace_make(path), 0);
    trace_begin(path, LIMIT, "us");
    for (unsigned n = 0; n < 100000 && trace_on; n++)
        put(TRACE_INSTANT, "one of many", 0);
    assert_false(trace_on);
    assert_in_range(size_of(), LIMIT - 70000, LIMIT);
    all = events();
    json_object_put(all);
    trace_begin(path, 1000, "who comes later"); /* and there is no room for the name */
    assert_false(trace_on);
}

static void goes_on_in_a_trace_of_ours(void **state)
{
    struct json_object *all;

    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(trace_make(path), 0);
        trace_begin(path, LIMIT, "again");
        trace_end();
    }
    all = events();
    assert_int_equal(json_object_array_length(all), 4);
    json_object_put(all);
}

static void leaves_alone_what_is_no_trace(void **state)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs("a letter to my mother", file);
    fclose(file);
    assert_int_equal(trace_make(path), -EEXIST);
    trace_begin(path, LIMIT, "us");
    assert_false(trace_on);
    assert_int_equal(size_of(), 21);
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(trace_make(path), -EINVAL);
    unlink(path);
    assert_int_equal(trace_make("/nowhere/at/all"), -ENOENT);
    trace_begin(path, LIMIT, "us"); /* it is made by trace_make alone */
    assert_false(trace_on);
    assert_int_equal(size_of(), -1);
}

#define TRACE_TEST(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TRACE_TEST(writes_what_can_be_read),     TRACE_TEST(escapes_names),
        TRACE_TEST(several_write_into_one_file), TRACE_TEST(keeps_to_its_limit),
        TRACE_TEST(goes_on_in_a_trace_of_ours),  TRACE_TEST(leaves_alone_what_is_no_trace),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

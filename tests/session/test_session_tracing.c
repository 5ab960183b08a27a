/* SPDX-License-Identifier: MIT */
#include "media_story.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "gpu_story.h"
#include "subject.h"
#include "upgrade_story.h"

/*
 * --trace: what a guest does is in the file, in pairs and with the times at which it was, of the
 * door and of one worker after the other.
 */
#define MOST 4096u

struct open_span {
    char key[96];
    int balance;
};

static char file[64];
static double began; /* microseconds of CLOCK_MONOTONIC */

static double now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void open_traced(struct story *s)
{
    char option[96];
    const char *const arguments[] = {option, NULL};

    snprintf(file, sizeof(file), "/tmp/hostblob-trace-%d", (int)getpid());
    snprintf(option, sizeof(option), "--trace=%s", file);
    unlink(file);
    began = now_us();
    story_start(s, arguments);
    story_join(s);
}

static struct json_object *events(void)
{
    struct json_object *all;
    struct stat st;
    char *text;
    FILE *in = fopen(file, "r");

    assert_non_null(in);
    assert_int_equal(fstat(fileno(in), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    text = calloc(1, (size_t)st.st_size + 2);
    assert_int_equal(fread(text, 1, (size_t)st.st_size, in), st.st_size);
    fclose(in);
    assert_string_equal(text + st.st_size - 2, ",\n");
    strcpy(text + st.st_size - 2, "]");
    all = json_tokener_parse(text);
    assert_non_null(all);
    free(text);
    return all;
}

static const char *get(struct json_object *event, const char *path)
{
    struct json_object *value = NULL;

    return json_pointer_get(event, path, &value) == 0 ? json_object_get_string(value) : "";
}

/* How many there are of that phase, category and name ("" for any). */
static unsigned count(const char *phase, const char *category, const char *name)
{
    struct json_object *all = events();
    unsigned n = 0;

    for (size_t i = 0; i < json_object_array_length(all); i++) {
        struct json_object *e = json_object_array_get_idx(all, i);

        n += strcmp(get(e, "/ph"), phase) == 0 && strcmp(get(e, "/cat"), category) == 0 &&
             (*name == '\0' || strcmp(get(e, "/name"), name) == 0);
    }
    json_object_put(all);
    return n;
}

static void begin_span(struct open_span *span, const char *key)
{
    snprintf(span->key, sizeof(span->key), "%s", key);
    span->balance = 0;
}

/* What begins of that category ends once, after its beginning; and all times are of this story. */
static void assert_pairs(const char *category)
{
    static struct open_span spans[MOST];
    struct json_object *all = events();
    unsigned used = 0, begun = 0;

    for (size_t i = 0; i < json_object_array_length(all); i++) {
        struct json_object *e = json_object_array_get_idx(all, i);
        const char *phase = get(e, "/ph");
        char key[96];
        unsigned at = 0;

        if (*phase != 'M')
            assert_true(atof(get(e, "/ts")) >= began && atof(get(e, "/ts")) <= now_us());
        if (strcmp(get(e, "/cat"), category) != 0 || (*phase != 'b' && *phase != 'e'))
            continue;
        snprintf(key, sizeof(key), "%s/%s/%s/%s", get(e, "/name"), get(e, "/id"),
                 get(e, "/id2/local"), *get(e, "/id") == '\0' ? get(e, "/pid") : "");
        while (at < used && strcmp(spans[at].key, key) != 0)
            at++;
        if (at == used)
            begin_span(&spans[used++], key);
        assert_true(used < MOST);
        spans[at].balance += *phase == 'b' ? 1 : -1;
        assert_in_range(spans[at].balance, 0, 1);
        begun += *phase == 'b';
    }
    assert_true(begun > 0);
    for (unsigned at = 0; at < used; at++)
        assert_int_equal(spans[at].balance, 0);
    json_object_put(all);
}

/* What a process did last is in the file when that turn of its loop is over. */
static void await_events(const char *phase, const char *category, unsigned least)
{
    for (unsigned i = 0; i < 500 && count(phase, category, "") < least; i++)
        usleep(10000);
    assert_true(count(phase, category, "") >= least);
}

/* The front-end leaves; all that it had is taken out before the program ends. */
static void end_traced(struct story *s, const char *category)
{
    story_leave(s);
    await_events("e", category, count("b", category, ""));
    story_end(s);
    assert_pairs(category);
}

static void fenced_command(struct story *s, uint64_t fence)
{
    struct virtio_gpu_ctrl_hdr header = {
        .type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO,
        .flags = VIRTIO_GPU_FLAG_FENCE,
        .fence_id = fence,
    };
    uint8_t answer[512];

    assert_true(frontend_request(&s->frontend, 0, &header, sizeof(header), answer, sizeof(answer)) >
                0);
}

static void maps_and_fences_are_in_pairs(void **state)
{
    struct story *s = story(state);
    const char *category = story_single(s) ? "map" : "piece";

    open_traced(s);
    subject_bind(s);
    for (unsigned i = 0; i < 10; i++) {
        assert_true(subject_map(s));
        subject_verify(s);
        assert_true(subject_unmap(s));
    }
    if (subject_is_gpu(s))
        for (unsigned i = 1; i <= 20; i++)
            fenced_command(s, i);
    /* Before the end, as after a kill. */
    await_events("b", category, 11);
    await_events("e", category, 10);
    if (story_single(s))
        assert_true(count("n", "map", "mapped") >= 11);
    await_events("X", "command", 21);
    end_traced(s, category);
    assert_pairs("map"); /* the arena is one */
    if (subject_is_gpu(s)) {
        assert_true(count("b", "fence", "GET_DISPLAY_INFO") >= 20);
        assert_pairs("fence");
    }
    unlink(file);
}

/* How many processes wrote whose name has 'role' in it. */
static unsigned writers(const char *role)
{
    struct json_object *all = events();
    unsigned n = 0;

    for (size_t i = 0; i < json_object_array_length(all); i++)
        n += strstr(get(json_object_array_get_idx(all, i), "/args/name"), role) != NULL;
    json_object_put(all);
    return n;
}

static void a_killed_workers_successor_goes_on(void **state)
{
    struct story *s = story(state);
    const char *category = story_single(s) ? "map" : "piece";
    pid_t worker;

    open_traced(s);
    subject_bind(s);
    assert_true(subject_map(s));
    await_events("b", category, 2);
    worker = story_worker(s);
    kill(worker, SIGKILL);
    story_await_another(s, worker);
    subject_serves(s);
    assert_true(subject_unmap(s));
    assert_true(subject_map(s));
    assert_true(subject_unmap(s));
    end_traced(s, category);
    assert_int_equal(writers(" door "), 1);
    assert_int_equal(writers(" worker "), 2);
    unlink(file);
}

/* A new door, its own worker that it only asks what the device is, and the one that serves. */
static void an_upgrade_goes_on_in_the_same_file(void **state)
{
    struct story *s = story(state);
    const char *category = story_single(s) ? "map" : "piece";

    open_traced(s);
    subject_bind(s);
    assert_true(subject_map(s));
    await_events("b", category, 2);
    upgrade_well(s);
    subject_serves(s);
    assert_true(subject_unmap(s));
    end_traced(s, category);
    assert_int_equal(writers(" door "), 2);
    assert_in_range(writers(" worker "), 2, 3);
    unlink(file);
}

static void frames_are_told(void **state)
{
    struct story *s = story(state);
    struct stream stream;

    open_traced(s);
    assert_int_equal(media_guest_post_events(&s->frontend, EVENTS), 0);
    begin_stream(s, &stream, WIDTH, HEIGHT, BUFFERS);
    for (unsigned i = 0; i < 10; i++)
        take_frame(s, &stream);
    await_events("i", "frame", 10);
    end_stream(s, &stream);
    assert_in_range(count("i", "frame", "frame"), 10, 20);
    end_traced(s, "piece");
    unlink(file);
}

/* In all the ways that a trace may be there already, or not be possible. */
static void what_is_no_trace_is_refused(void **state)
{
    struct story *s = story(state);
    char output[2048], arguments[256];
    FILE *out;

    snprintf(file, sizeof(file), "/tmp/hostblob-trace-%d", (int)getpid());
    out = fopen(file, "w");
    assert_non_null(out);
    fputs("precious", out);
    fclose(out);
    snprintf(arguments, sizeof(arguments), "--socket-path=./s --trace=%s", file);
    assert_int_equal(story_run(s, arguments, output, sizeof(output)), 1);
    assert_non_null(strstr(output, "is no trace of hostblob's"));
    assert_int_equal(story_run(s, "--socket-path=./s --trace=/dev/null", output, sizeof(output)),
                     1);
    assert_non_null(strstr(output, "no plain file"));
    assert_int_equal(story_run(s, "--socket-path=./s --trace=/nowhere/f", output, sizeof(output)),
                     1);
    assert_non_null(strstr(output, "cannot be written: No such file"));
    assert_int_equal(story_run(s, "--trace-limit=nothing", output, sizeof(output)), 2);
    assert_non_null(strstr(output, "--trace-limit=nothing cannot be"));
    unlink(file);
    s->ended = true;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(maps_and_fences_are_in_pairs, gpu_qemu_arena),
        STORY(maps_and_fences_are_in_pairs, gpu_qemu_single),
        STORY(maps_and_fences_are_in_pairs, media_crosvm),
        STORY(a_killed_workers_successor_goes_on, gpu_qemu_arena),
        STORY(a_killed_workers_successor_goes_on, gpu_crosvm_single),
        STORY(a_killed_workers_successor_goes_on, media_qemu),
        STORY(an_upgrade_goes_on_in_the_same_file, gpu_qemu_arena),
        STORY(an_upgrade_goes_on_in_the_same_file, media_qemu_single),
        STORY(frames_are_told, media_qemu),
        STORY(what_is_no_trace_is_refused, gpu_qemu_arena),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/bench/blob.h"
#include "tests/bench/clock.h"

/*
 * I: how a back-end starts, and what it holds. J: what it does when nothing is to do. L: how it
 * ends.
 */
#define STARTS 5u
#define MANY 4000u
#define QUICK_MANY 500u
#define IDLE_MS 10000
#define QUICK_IDLE_MS 200
#define END_MS 5000
#define PAGE 4096u

static int compare(const void *a, const void *b)
{
    int64_t one = *(const int64_t *)a, other = *(const int64_t *)b;

    return one < other ? -1 : one > other;
}

/* The first process is the one that was started. */
static void tell_state(struct work *work, const struct backend_state *state)
{
    static const struct {
        const char *rss, *pss;
    } parts[BACKEND_LISTED] = {
        {"first_rss_kb", "first_pss_kb"},
        {"second_rss_kb", "second_pss_kb"},
        {"third_rss_kb", "third_pss_kb"},
    };

    item_value(work, "rss_kb", (double)state->rss_kb);
    item_value(work, "pss_kb", (double)state->pss_kb);
    for (unsigned i = 0; i < state->listed; i++) {
        item_value(work, parts[i].rss, (double)state->each[i].rss_kb);
        item_value(work, parts[i].pss, (double)state->each[i].pss_kb);
    }
    item_value(work, "fds", (double)state->fds);
    item_value(work, "processes", state->processes);
    item_value(work, "threads", state->tasks);
    item_value(work, "start_cpu_us", (double)state->cpu_ns / 1000);
}

/* Several starts, each to the first command's answer: the medians. */
static int whole_start(struct work *work)
{
    unsigned starts = work->options->quick ? 1 : STARTS;
    int64_t features[STARTS], first[STARTS];
    struct backend_state state;

    if (work->options->exec == NULL)
        return item_unsupported(work, "it was not started here");
    for (unsigned i = 0; i < starts; i++) {
        int r = rig_open(&work->rig, work->options, FRONT_END_PLAIN);

        if (r < 0)
            return r;
        features[i] = work->rig.features_ns;
        first[i] = work->rig.first_ns;
        backend_look(&work->rig.backend, &state);
        if (i + 1 < starts)
            rig_close(&work->rig);
    }
    qsort(features, starts, sizeof(*features), compare);
    qsort(first, starts, sizeof(*first), compare);
    item_value(work, "first_answer_us", (double)features[starts / 2] / 1000);
    item_value(work, "first_command_us", (double)first[starts / 2] / 1000);
    tell_state(work, &state);
    return 0;
}

static unsigned how_many(const struct work *work)
{
    return work->options->quick ? QUICK_MANY : MANY;
}

/* Bytes that the back-end has more than before, for each of them. */
static void tell_growth(struct work *work, const char *name, struct backend_state *before)
{
    struct backend_state now;

    backend_look(&work->rig.backend, &now);
    item_value(work, name, (double)(now.pss_kb - before->pss_kb) * 1024 / how_many(work));
    *before = now;
}

static int make_pictures(struct work *work, uint32_t first)
{
    int r = 0;

    for (uint32_t i = 0; r == 0 && i < how_many(work); i++)
        r = gpu_create_2d(work, first + i, 1, 1);
    return r;
}

/* Bytes for each one-pixel resource. */
static int tell_pictures(struct work *work, struct backend_state *state)
{
    int r = make_pictures(work, 1);

    backend_look(&work->rig.backend, state);
    if (r == 0)
        r = make_pictures(work, 1 + MANY);
    if (r == 0)
        tell_growth(work, "bytes_per_resource", state);
    return r;
}

/* Bytes for each blob of a page, and for each of them that is mapped. Less than 0: -errno; more:
 * how a command was answered that should not be. */
static int64_t tell_blobs(struct work *work, struct backend_state *state)
{
    const uint32_t blobs = 100000;
    int64_t refused = blob_make_many(work, blobs, how_many(work), 0, true, false);

    backend_look(&work->rig.backend, state);
    if (refused == 0)
        refused = blob_make_many(work, blobs + MANY, how_many(work), 0, true, false);
    if (refused != 0)
        return refused;
    tell_growth(work, "bytes_per_blob", state);
    refused = blob_make_many(work, blobs + MANY, how_many(work), 0, false, true);
    if (refused == 0)
        tell_growth(work, "bytes_per_mapping", state);
    return refused;
}

/* PSS for each resource and each mapped page. As many of both are there before: what the first ones
 * find free from the start, or are the first to need, says nothing of the next. */
static int whole_memory(struct work *work)
{
    struct backend_state state;
    int64_t refused;
    int r = rig_open(&work->rig, work->options, FRONT_END_PLAIN);

    if (r == 0)
        r = tell_pictures(work, &state);
    if (r < 0)
        return r;
    r = blob_begin(work);
    if (r < 0 || work->unsupported[0] != '\0') {
        work->unsupported[0] = '\0'; /* only the half of it */
        return r;
    }
    refused = tell_blobs(work, &state);
    if (refused != 0)
        return rig_trouble(&work->rig, -EPROTO, "a blob is answered 0x%x", (unsigned)refused);
    item_value(work, "fds", (double)state.fds);
    return 0;
}

static int whole_idle(struct work *work)
{
    int milliseconds = work->options->quick ? QUICK_IDLE_MS : IDLE_MS;
    struct backend_state before, after;
    int r = rig_open(&work->rig, work->options, FRONT_END_PLAIN);

    if (r < 0)
        return r;
    rig_attend(&work->rig, -1, QUICK_IDLE_MS); /* what the start has left to do */
    backend_look(&work->rig.backend, &before);
    r = rig_attend(&work->rig, -1, milliseconds);
    if (r != -ETIMEDOUT)
        return r;
    backend_look(&work->rig.backend, &after);
    item_value(work, "seconds", milliseconds / 1000.0);
    item_value(work, "cpu_us", (double)(after.cpu_ns - before.cpu_ns) / 1000);
    item_value(work, "wakeups", (double)(after.wakeups - before.wakeups));
    return 0;
}

/* Whether a new front-end is answered within the time. One that comes before the back-end has seen
 * the last one go may be turned away. 0 or -errno; -ESRCH when the back-end has ended instead. */
static int greet_again(struct work *work, int64_t end)
{
    struct frontend *frontend = &work->rig.frontend;
    struct vhost_user_message answer;
    int r;

    do {
        fd_close(&frontend->socket);
        r = frontend->socket = backend_connect(&work->rig.backend);
        if (r >= 0)
            r = frontend_ask(frontend, VHOST_USER_GET_FEATURES, NULL, 0, &answer);
        if (r < 0 && backend_await_end(&work->rig.backend, 1) >= 0)
            return -ESRCH;
    } while (r < 0 && clock_ns() < end);
    return r;
}

/* The front-end goes, with all that it has. */
static int whole_end(struct work *work)
{
    int64_t begun, took;
    int r = rig_open(&work->rig, work->options, FRONT_END_PLAIN);

    if (r == 0 && !work->options->media)
        r = make_pictures(work, 1);
    if (r < 0)
        return r;
    begun = clock_ns();
    frontend_finish(&work->rig.frontend);
    work->rig.frontend.socket = work->rig.frontend.channel = -1;
    display_finish(&work->rig.display);
    if (work->rig.backend.path[0] != '\0' &&
        greet_again(work, begun + END_MS * INT64_C(1000000)) == 0) {
        item_value(work, "listens_again_us", (double)(clock_ns() - begun) / 1000);
        return 0;
    }
    took = backend_await_end(&work->rig.backend, END_MS);
    if (took < 0)
        return item_unsupported(work, "it neither ends nor listens within %d s", END_MS / 1000);
    item_value(work, "ended_us", (double)(clock_ns() - begun) / 1000);
    item_value(work, "status",
               WIFEXITED(work->rig.backend.status) ? WEXITSTATUS(work->rig.backend.status)
                                                   : 128 + WTERMSIG(work->rig.backend.status));
    return 0;
}

const struct item item_lives[] = {
    {.letter = 'I', .name = "start", .device = ITEM_ANY, .whole = whole_start},
    {.letter = 'I', .name = "memory", .device = ITEM_GPU, .whole = whole_memory},
    {.letter = 'J', .name = "idle", .device = ITEM_ANY, .whole = whole_idle},
    {.letter = 'L', .name = "end", .device = ITEM_ANY, .whole = whole_end},
    {0},
};

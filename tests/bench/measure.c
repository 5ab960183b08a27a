/* SPDX-License-Identifier: MIT */
#include "tests/bench/measure.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/clock.h"

#define MOST_TIMES (1u << 20) /* turns whose time is kept */
#define LEAST_TURNS 3u

void item_value(struct work *work, const char *name, double value)
{
    if (work->value_count < ITEM_VALUES)
        work->values[work->value_count++] = (struct item_value){name, value};
}

int item_unsupported(struct work *work, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(work->unsupported, sizeof(work->unsupported), format, args);
    va_end(args);
    return 0;
}

int item_take_memory(struct work *work, uint64_t size)
{
    work->gpa = guest_ram_take(&work->rig.frontend.ram, GUEST_RAM_UPPER, size, 4096);
    if (work->gpa == UINT64_MAX)
        return rig_trouble(&work->rig, -ENOMEM, "guest memory is too small");
    work->memory = guest_ram_at(&work->rig.frontend.ram, work->gpa);
    return 0;
}

static void note_times(struct result *result, uint32_t *times, size_t count)
{
    if (count == 0)
        return;
    clock_sort(times, count);
    result->least_us = times[0] / 1e3;
    result->p50_us = times[count / 2] / 1e3;
    result->p99_us = times[(count - 1) * 99 / 100] / 1e3;
    result->p999_us = times[(count - 1) * 999 / 1000] / 1e3;
}

/* Takes turns until the time is over. */
static int take_turns(struct work *work, struct result *result, uint32_t *times)
{
    int64_t back = backend_cpu_ns(&work->rig.backend), front = clock_cpu_ns();
    int64_t begun = clock_ns(), now = begun;
    int64_t end = begun + (int64_t)(work->options->seconds * 1e9);
    size_t count = 0;
    int r = 0;

    volley_lean(work->item->lean);
    work->bytes = 0;
    for (unsigned turns = 0; r >= 0 && (now < end || turns < LEAST_TURNS); turns++) {
        int64_t before = now;

        r = work->item->turn(work);
        now = clock_ns();
        result->operations += r > 0 ? (unsigned)r : 0;
        if (count < MOST_TIMES)
            times[count++] = clock_span(before, now);
        work->turns++;
    }
    volley_lean(false);
    result->wall_ns = now - begun;
    result->front_ns = clock_cpu_ns() - front;
    result->back_ns = backend_cpu_ns(&work->rig.backend) - back;
    result->bytes = work->bytes;
    note_times(result, times, count);
    return r < 0 ? r : 0;
}

/* The first turns cost more than all that follow. */
static int warm_up(struct work *work)
{
    int r = 0;

    for (unsigned i = 0; r >= 0 && i < LEAST_TURNS; i++, work->turns++)
        r = work->item->turn(work);
    return r < 0 ? r : 0;
}

static int work_through(struct work *work, struct result *result, uint32_t *times)
{
    const struct item *item = work->item;
    int r = rig_open(&work->rig, work->options, item->with.front_end);

    if (r == 0)
        r = item->prepare(work);
    if (r < 0 || work->unsupported[0] != '\0')
        return r;
    backend_find(&work->rig.backend);
    r = warm_up(work);
    if (r == 0)
        r = take_turns(work, result, times);
    if (r == 0 && item->prove != NULL)
        r = item->prove(work);
    /* No reason not to tell how fast it is; but one to tell. */
    if (r == 0 && work->rig.frontend.counts.violations > 0) {
        item_value(work, "violations", work->rig.frontend.counts.violations);
        fprintf(stderr, "%s, %s: %s\n", work->options->subject, item->name,
                work->rig.frontend.violation);
    }
    return r;
}

static double floor_of(const struct work *work, const struct floors *floors)
{
    const struct item_parameters *with = &work->with;

    switch (work->item->floor) {
    case FLOOR_RING:
        return floors_ring(floors, with->depth != 0 ? with->depth : 1);
    case FLOOR_MAPPING:
        return floors_mapping(floors, with->bytes);
    case FLOOR_COPY:
        return floors_copy(floors, with->size, with->backing);
    default:
        return 0;
    }
}

/* Why it failed: what was seen first, and how the back-end has ended, if it has. */
static void note_failure(struct work *work, int error, struct result *result)
{
    char ended[64];
    const char *trouble;

    if (error == -EPROTO && work->rig.volley.got != 0)
        rig_trouble(&work->rig, error, "a command was answered 0x%x", work->rig.volley.got);
    if (work->rig.frontend.counts.violations > 0)
        fprintf(stderr, "%s, %s: %s\n", work->options->subject, work->item->name,
                work->rig.frontend.violation);
    rig_trouble(&work->rig, error, "%s", strerror(-error));
    backend_await_end(&work->rig.backend, 50);
    trouble = backend_trouble(&work->rig.backend, ended);
    snprintf(result->failed, sizeof(result->failed), "%.90s%s%s", work->rig.trouble,
             trouble != NULL ? "; " : "", trouble != NULL ? trouble : "");
    backend_show_log(&work->rig.backend);
    result->operations = 0;
}

void measure(const struct item *item, const struct options *options, const struct floors *floors,
             struct result *result)
{
    static uint32_t times[MOST_TIMES];
    struct work *work = calloc(1, sizeof(*work));
    int r = -ENOMEM;

    *result = (struct result){.item = item};
    if (work != NULL) {
        work->item = item;
        work->with = item->with;
        work->options = options;
        r = item->whole != NULL ? item->whole(work) : work_through(work, result, times);
    }
    if (work != NULL && r < 0)
        note_failure(work, r, result);
    if (work == NULL)
        return;
    result->floor_ns = floor_of(work, floors);
    memcpy(result->unsupported, work->unsupported, sizeof(result->unsupported));
    memcpy(result->values, work->values, sizeof(result->values));
    result->value_count = work->value_count;
    rig_close(&work->rig);
    free(work);
}

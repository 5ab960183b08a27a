/* SPDX-License-Identifier: MIT */
#include "tests/bench/measure.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/clock.h"
#include "tests/bench/gauge.h"

#define MOST_TIMES (1u << 20) /* turns whose time is kept */
#define SLICE 0.02            /* s */
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

/* What a slice of time has brought. */
struct slice {
    uint64_t operations, bytes;
    int64_t wall_ns, back_ns, front_ns;
    size_t end; /* of the times */
};

/* Takes turns for so long. */
static int take_slice(struct work *work, double seconds, struct slice *slice, uint32_t *times)
{
    int64_t back = backend_cpu_ns(&work->rig.backend), front = clock_cpu_ns();
    int64_t begun = clock_ns(), now = begun, end = begun + (int64_t)(seconds * 1e9);
    uint64_t bytes = work->bytes;
    int r = 0;

    volley_lean(work->item->lean);
    do {
        int64_t before = now;

        r = work->item->turn(work);
        now = clock_ns();
        slice->operations += r > 0 ? (unsigned)r : 0;
        if (slice->end < MOST_TIMES)
            times[slice->end++] = clock_span(before, now);
        work->turns++;
    } while (r >= 0 && now < end);
    volley_lean(false);
    slice->wall_ns = now - begun;
    slice->front_ns = clock_cpu_ns() - front;
    slice->back_ns = backend_cpu_ns(&work->rig.backend) - back;
    slice->bytes = work->bytes - bytes;
    return r < 0 ? r : 0;
}

/* Adds a slice in which the gauge was at 'gauge_ns'. */
static void add_slice(struct result *result, const struct slice *slice, double gauge_ns)
{
    double had = (double)result->wall_ns, more = (double)slice->wall_ns;

    result->gauge_ns = (result->gauge_ns * had + gauge_ns * more) / (had + more);
    result->operations += slice->operations;
    result->wall_ns += slice->wall_ns;
    result->back_ns += slice->back_ns;
    result->front_ns += slice->front_ns;
    result->bytes += slice->bytes;
}

/* Takes slices until those that count come to the time that was asked for, or all of them to three
 * times that. If none counts, the last one is told. */
static int take_slices(struct work *work, const struct gauge *gauge, struct result *result,
                       uint32_t *times)
{
    double seconds = work->options->seconds, before = gauge_read(gauge);
    int64_t end = clock_ns() + (int64_t)(seconds * 3e9);
    size_t count = 0, last = 0;
    int r = before < 0 ? (int)before : 0;

    while (r == 0 && (double)result->wall_ns < seconds * 1e9 && clock_ns() < end) {
        struct slice slice = {.end = count};
        double behind;

        r = take_slice(work, seconds < SLICE ? seconds : SLICE, &slice, times);
        behind = gauge_read(gauge);
        if (r < 0 || behind < 0)
            return r < 0 ? r : (int)behind;
        result->slices++;
        last = slice.end;
        if (gauge_agrees(before, behind)) {
            add_slice(result, &slice, (before + behind) / 2);
            count = slice.end;
            result->steady++;
        } else if (result->steady == 0) {
            *result = (struct result){.item = work->item, .slices = result->slices};
            add_slice(result, &slice, (before + behind) / 2);
        }
        before = behind;
    }
    note_times(result, times, result->steady > 0 ? count : last);
    return r;
}

/* The first turns cost more than all that follow. */
static int warm_up(struct work *work)
{
    int r = 0;

    for (unsigned i = 0; r >= 0 && i < LEAST_TURNS; i++, work->turns++)
        r = work->item->turn(work);
    return r < 0 ? r : 0;
}

static int work_through(struct work *work, const struct gauge *gauge, struct result *result,
                        uint32_t *times)
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
        r = take_slices(work, gauge, result, times);
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

/* The gauge is made first: what it starts must know nothing of the back-end. */
static int gauge_and_work(struct work *work, struct result *result)
{
    static uint32_t times[MOST_TIMES];
    struct gauge gauge;
    int r = gauge_init(&gauge, work);

    if (r < 0)
        rig_trouble(&work->rig, r, "its floor cannot be measured: %s", strerror(-r));
    else
        r = work_through(work, &gauge, result, times);
    if (r == 0 && work->unsupported[0] == '\0') {
        result->gauge_ns = gauge_conclude(&gauge, work, result->gauge_ns);
        r = result->gauge_ns < 0 ? (int)result->gauge_ns : 0;
    }
    snprintf(result->gauge, sizeof(result->gauge), "%s", gauge.name);
    result->floor_ns = gauge.has_floor ? result->gauge_ns : 0;
    gauge_finish(&gauge);
    return r;
}

void measure(const struct item *item, const struct options *options, struct result *result)
{
    struct work *work = calloc(1, sizeof(*work));
    int r = -ENOMEM;

    *result = (struct result){.item = item};
    if (work != NULL) {
        work->item = item;
        work->with = item->with;
        work->options = options;
        r = item->whole != NULL ? item->whole(work) : gauge_and_work(work, result);
    }
    if (work != NULL && r < 0)
        note_failure(work, r, result);
    if (work == NULL)
        return;
    memcpy(result->unsupported, work->unsupported, sizeof(result->unsupported));
    memcpy(result->values, work->values, sizeof(result->values));
    result->value_count = work->value_count;
    rig_close(&work->rig);
    free(work);
}

/* SPDX-License-Identifier: MIT */
#include "tests/bench/gauge.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define SECONDS 0.002
#define QUICK_SECONDS 0.0002
#define COPY_SECONDS 0.06

static const char *const pictures[] = {"1080p", "4k"};
static const char linear[] = "linear", scattered[] = "scattered";

static int use_ring(struct gauge *gauge, const struct options *options, unsigned depth)
{
    snprintf(gauge->name, sizeof(gauge->name), "ring x%u", depth);
    return floor_ring(&gauge->ring, options, depth);
}

static int use_mapping(struct gauge *gauge, const struct options *options, uint64_t bytes)
{
    int r = floor_ring(&gauge->ring, options, 1);

    snprintf(gauge->name, sizeof(gauge->name), "mapping %llu", (unsigned long long)bytes);
    return r < 0 ? r : floor_message(&gauge->floor, options, bytes);
}

static double time_copy(const struct work *work)
{
    const struct item_parameters *with = &work->with;
    double seconds = work->options->quick ? QUICK_SECONDS : COPY_SECONDS, ns;
    bool is_frame = work->item->floor == FLOOR_FRAME;
    struct floor floor;

    if (is_frame)
        ns = floor_frame(&floor, work->options, with->width, with->height,
                         strcmp(with->path, "blob") != 0);
    else
        ns = floor_copy(&floor, work->options, with->width, with->height,
                        with->backing != NULL && strcmp(with->backing, scattered) == 0);
    if (ns == 0)
        ns = is_frame ? floor_time(&floor, seconds) : floor_cpu_time(&floor, seconds);
    floor_finish(&floor);
    return ns;
}

static int use_copy(struct gauge *gauge, const struct work *work)
{
    const struct item_parameters *with = &work->with;

    gauge->copy_ns = time_copy(work);
    if (gauge->copy_ns < 0)
        return (int)gauge->copy_ns;
    snprintf(gauge->name, sizeof(gauge->name), "%s %s %s", floor_name(work->item->floor),
             with->size,
             with->path != NULL      ? with->path
             : with->backing != NULL ? with->backing
                                     : linear);
    return floor_ring(&gauge->ring, work->options, 1);
}

/* What is smaller stays in the caches, where its floor is no more than that of a command. */
static bool is_large(const struct item_parameters *with)
{
    for (unsigned i = 0; i < 2; i++)
        if (with->size != NULL && strcmp(with->size, pictures[i]) == 0)
            return true;
    return false;
}

int gauge_init(struct gauge *gauge, const struct work *work)
{
    const struct item_parameters *with = &work->with;
    enum floor_kind kind = work->item->floor;

    if (work->options->no_floors || (kind == FLOOR_COPY && !is_large(with)))
        kind = FLOOR_NONE;
    *gauge = (struct gauge){.seconds = work->options->quick ? QUICK_SECONDS : SECONDS,
                            .has_floor = kind != FLOOR_NONE};
    if (work->options->no_floors)
        return 0;
    switch (kind) {
    case FLOOR_MAPPING:
        return use_mapping(gauge, work->options, with->bytes);
    case FLOOR_COPY:
    case FLOOR_FRAME:
        return use_copy(gauge, work);
    case FLOOR_RING:
        return use_ring(gauge, work->options, with->depth != 0 ? with->depth : 1);
    default:
        return use_ring(gauge, work->options, 1);
    }
}

double gauge_read(const struct gauge *gauge)
{
    double ring = gauge->ring.data != NULL ? floor_time(&gauge->ring, gauge->seconds) : 0;
    double floor = gauge->floor.data != NULL ? floor_time(&gauge->floor, gauge->seconds) : 0;

    if (ring < 0 || floor < 0)
        return ring < 0 ? ring : floor;
    /* A mapping takes two commands, too. */
    return gauge->floor.data == NULL ? ring : floor + 2 * ring;
}

double gauge_conclude(const struct gauge *gauge, const struct work *work, double mean)
{
    double behind = gauge->copy_ns > 0 ? time_copy(work) : 0;

    if (gauge->copy_ns <= 0 || behind < 0)
        return behind < 0 ? behind : mean;
    return (gauge->copy_ns + behind) / 2;
}

bool gauge_agrees(double before, double behind)
{
    return fmax(before, behind) <= GAUGE_STEADY * fmin(before, behind);
}

void gauge_finish(struct gauge *gauge)
{
    floor_finish(&gauge->ring);
    floor_finish(&gauge->floor);
}

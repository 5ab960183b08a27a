/* SPDX-License-Identifier: MIT */
#include "tests/bench/floor.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/clock.h"
#include "tests/bench/volley.h"

#define SHARE 0.05 /* s for each */
#define QUICK_SHARE 0.002
#define MOST_TIMES (1u << 17)
#define LEAST 3u /* turns */

const unsigned floor_depths[FLOOR_DEPTHS] = {1, 2, 16, 64, 120};
const uint64_t floor_sizes[FLOOR_SIZES] = {4096, 1u << 20, 64u << 20};
const char *const floor_pictures[2] = {"1080p", "4k"};
const char *const floor_backings[2] = {"linear", "scattered"};

void floor_pin(int cpu)
{
    cpu_set_t one;

    CPU_ZERO(&one);
    if (cpu == OPTIONS_ANY_CPU)
        return;
    CPU_SET(cpu, &one);
    sched_setaffinity(0, sizeof(one), &one);
}

pid_t floor_fork(const struct options *options, void (*child)(void *data), void *data)
{
    pid_t pid;

    fflush(NULL);
    pid = fork();
    if (pid != 0)
        return pid < 0 ? -errno : pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    floor_pin(options->back_end_cpu);
    child(data);
    _exit(0);
}

void floor_end(pid_t pid)
{
    if (pid <= 0)
        return;
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static double median_turn(const struct floor *floor, double seconds)
{
    static uint32_t times[MOST_TIMES];
    int64_t now = clock_ns(), end = now + (int64_t)(seconds * 1e9);
    size_t count = 0;
    int r = 0;

    while (r >= 0 && count < MOST_TIMES && (now < end || count < LEAST)) {
        int64_t before = now;

        r = floor->turn(floor->data);
        now = clock_ns();
        times[count++] = clock_span(before, now);
    }
    if (r < 0)
        return r;
    clock_sort(times, count);
    return times[count / 2];
}

double floor_time(const struct floor *floor, double seconds)
{
    cpu_set_t before;
    double ns;

    sched_getaffinity(0, sizeof(before), &before);
    floor_pin(floor->cpu);
    volley_lean(floor->lean);
    ns = median_turn(floor, seconds);
    volley_lean(false);
    sched_setaffinity(0, sizeof(before), &before);
    return ns < 0 ? ns : ns / floor->per_turn;
}

void floor_finish(struct floor *floor)
{
    if (floor->data != NULL)
        floor->destroy(floor->data);
    floor->data = NULL;
}

/* Times a floor that was just made ('made': 0 or -errno), and ends it. */
static double time_once(struct floor *floor, int made, double seconds, double *failed)
{
    double ns = made < 0 ? made : floor_time(floor, seconds);

    floor_finish(floor);
    if (ns < 0)
        *failed = ns;
    return ns;
}

int floors_measure(struct floors *floors, const struct options *options)
{
    double share = options->quick ? QUICK_SHARE : SHARE, failed = 0;
    struct floor floor;

    memset(floors, 0, sizeof(*floors));
    for (unsigned i = 0; i < FLOOR_DEPTHS; i++)
        floors->ring[i] =
            time_once(&floor, floor_ring(&floor, options, floor_depths[i]), share, &failed);
    for (unsigned i = 0; i < FLOOR_SIZES; i++)
        floors->message[i] =
            time_once(&floor, floor_message(&floor, options, floor_sizes[i]), share, &failed);
    for (unsigned i = 0; i < 4 && !options->media; i++) {
        bool large = i / 2 != 0, scattered = i % 2 != 0;

        /* A quick look has no 4K. */
        if (options->quick && large)
            continue;
        floors->copy[large][scattered] = time_once(
            &floor,
            floor_copy(&floor, options, large ? 3840 : 1920, large ? 2160 : 1080, scattered),
            share * 2, &failed);
    }
    return (int)failed;
}

const char *floor_name(enum floor_kind kind)
{
    static const char *const names[] = {"none", "ring", "mapping", "memcpy"};

    return names[kind];
}

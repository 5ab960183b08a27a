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

#define SHARE 0.05 /* s for each */
#define QUICK_SHARE 0.002
#define MOST_TIMES (1u << 17)
#define LEAST 25u /* turns */

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

double floor_time(int (*turn)(void *data), void *data, double seconds)
{
    static uint32_t times[MOST_TIMES];
    int64_t now = clock_ns(), end = now + (int64_t)(seconds * 1e9);
    size_t count = 0;
    int r = 0;

    while (r >= 0 && count < MOST_TIMES && (now < end || count < LEAST)) {
        int64_t before = now;

        r = turn(data);
        now = clock_ns();
        times[count++] = clock_span(before, now);
    }
    if (r < 0)
        return r;
    clock_sort(times, count);
    return times[count / 2];
}

int floors_measure(struct floors *floors, const struct options *options)
{
    double share = options->quick ? QUICK_SHARE : SHARE, failed = 0;

    memset(floors, 0, sizeof(*floors));
    for (unsigned i = 0; i < FLOOR_DEPTHS; i++) {
        floors->ring[i] = floor_ring(options, floor_depths[i], share);
        failed = floors->ring[i] < 0 ? floors->ring[i] : failed;
    }
    for (unsigned i = 0; i < FLOOR_SIZES; i++) {
        floors->message[i] = floor_message(options, floor_sizes[i], share);
        failed = floors->message[i] < 0 ? floors->message[i] : failed;
    }
    for (unsigned i = 0; i < 4 && !options->media; i++) {
        bool large = i / 2 != 0, scattered = i % 2 != 0;

        /* A quick look has no 4K. */
        if (options->quick && large)
            continue;
        floors->copy[large][scattered] =
            floor_copy(options, large ? 3840 : 1920, large ? 2160 : 1080, scattered, share * 2);
        if (floors->copy[large][scattered] < 0)
            failed = floors->copy[large][scattered];
    }
    return (int)failed;
}

double floors_ring(const struct floors *floors, unsigned depth)
{
    for (unsigned i = 0; i < FLOOR_DEPTHS; i++)
        if (floor_depths[i] == depth)
            return floors->ring[i];
    return 0;
}

double floors_mapping(const struct floors *floors, uint64_t bytes)
{
    for (unsigned i = 0; i < FLOOR_SIZES; i++)
        if (floor_sizes[i] == bytes)
            return floors->message[i] + 2 * floors->ring[0];
    return 0;
}

double floors_copy(const struct floors *floors, const char *size, const char *backing)
{
    if (size == NULL)
        return 0;
    for (unsigned i = 0; i < 2; i++)
        if (strcmp(floor_pictures[i], size) == 0)
            return floors->copy[i][backing != NULL && strcmp(backing, floor_backings[1]) == 0];
    return 0;
}

const char *floor_name(enum floor_kind kind)
{
    static const char *const names[] = {"none", "ring", "mapping", "memcpy"};

    return names[kind];
}

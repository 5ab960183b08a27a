/* SPDX-License-Identifier: MIT */
#include "tests/bench/floor.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "tests/bench/clock.h"
#include "tests/bench/volley.h"

#define MOST_TIMES (1u << 17)
#define LEAST 3u /* turns */

void floor_pin(int cpu)
{
    cpu_set_t one;

    CPU_ZERO(&one);
    if (cpu == OPTIONS_ANY_CPU)
        return;
    CPU_SET(cpu, &one);
    sched_setaffinity(0, sizeof(one), &one);
}

uint8_t *floor_shared(size_t size)
{
    int fd = fd_memfd("floor", size);
    uint8_t *memory =
        fd < 0 ? MAP_FAILED : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    fd_close(&fd);
    if (memory != MAP_FAILED)
        memset(memory, 0x5a, size);
    return memory;
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

static double mean_cpu(const struct floor *floor, double seconds)
{
    int64_t end = clock_ns() + (int64_t)(seconds * 1e9), begun = clock_cpu_ns();
    size_t count = 0;
    int r = 0;

    while (r >= 0 && (clock_ns() < end || count < LEAST)) {
        r = floor->turn(floor->data);
        count++;
    }
    return r < 0 ? r : (double)(clock_cpu_ns() - begun) / (double)count;
}

static double time_with(const struct floor *floor, double seconds,
                        double (*timed)(const struct floor *floor, double seconds))
{
    cpu_set_t before;
    double ns;

    sched_getaffinity(0, sizeof(before), &before);
    floor_pin(floor->cpu);
    volley_lean(floor->lean);
    ns = timed(floor, seconds);
    volley_lean(false);
    sched_setaffinity(0, sizeof(before), &before);
    return ns < 0 ? ns : ns / floor->per_turn;
}

double floor_time(const struct floor *floor, double seconds)
{
    return time_with(floor, seconds, median_turn);
}

double floor_cpu_time(const struct floor *floor, double seconds)
{
    return time_with(floor, seconds, mean_cpu);
}

void floor_finish(struct floor *floor)
{
    if (floor->data != NULL)
        floor->destroy(floor->data);
    floor->data = NULL;
}

const char *floor_name(enum floor_kind kind)
{
    static const char *const names[] = {"none", "ring", "mapping", "memcpy", "frame"};

    return names[kind];
}

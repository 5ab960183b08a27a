/* SPDX-License-Identifier: MIT */
#include "unharmed.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/units.h"

#define LIMIT 5000     /* milliseconds, until descriptors are closed */
#define SLACK 16384    /* kilobytes that an allocator may keep */
#define MOST_LINES 200 /* of a log, by whatever one story does at once */
#define PLACES 5u      /* in the code that speak in one story, each as often as a stranger can */

static long counter(struct story *s, const char *name)
{
    char path[64];

    snprintf(path, sizeof(path), "/counters/%s", name);
    return daemon_process_number(&s->daemon, path);
}

/* How many lines of the log have 'text' in them; NULL: all. */
static unsigned lines(struct story *s, const char *text)
{
    FILE *log = fopen(s->daemon.log_path, "re");
    char line[1024];
    unsigned count = 0;

    assert_non_null(log);
    while (fgets(line, sizeof(line), log) != NULL)
        count += text == NULL || strstr(line, text) != NULL;
    fclose(log);
    return count;
}

static long resident(pid_t pid)
{
    char path[32], line[128];
    long kilobytes = 0;
    FILE *status;

    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    status = fopen(path, "re");
    assert_non_null(status);
    while (fgets(line, sizeof(line), status) != NULL)
        if (sscanf(line, "RssAnon: %ld", &kilobytes) == 1)
            break;
    fclose(status);
    return kilobytes;
}

/* The worker hears a moment later that a front-end has left. */
static int settled_fds(pid_t pid)
{
    int fds = daemon_process_fds(pid);

    for (unsigned same = 0; same < 5; same++) {
        int now;

        usleep(10000);
        now = daemon_process_fds(pid);
        if (now != fds)
            same = 0;
        fds = now;
    }
    return fds;
}

void unharmed_take(struct unharmed *before, struct story *s)
{
    *before = (struct unharmed){
        .taken_ns = units_now_ns(),
        .door = s->daemon.pid,
        .worker = story_worker(s),
        .door_fds = daemon_process_fds(s->daemon.pid),
        .chains_bad = counter(s, "chains_bad"),
        .front_end_errors = counter(s, "front_end_errors"),
        .command_errors = counter(s, "command_errors"),
        .shmem_refused = counter(s, "shmem_refused"),
        .memory_lost = counter(s, "memory_lost"),
    };
    before->worker_fds = settled_fds(before->worker);
    before->worker_kilobytes = resident(before->worker);
}

/* Of its log: on a busy machine a story lasts, and what may be said so often is said again. */
static unsigned most_lines(const struct unharmed *before)
{
    uint64_t windows = (units_now_ns() - before->taken_ns) / 1000000000u / LOG_LIMIT_SECONDS;

    return MOST_LINES + (unsigned)windows * PLACES * (LOG_LIMIT_BURST + 1);
}

void unharmed_check(const struct unharmed *before, struct story *s)
{
    int fds;

    assert_true(daemon_process_alive(before->door));
    if (story_worker(s) != before->worker)
        fail_msg("the worker is another one");
    assert_int_equal(daemon_process_number(&s->daemon, "/worker/starts"), 1);
    fds = daemon_process_await_fds(before->door, before->door_fds, LIMIT);
    if (fds != before->door_fds)
        fail_msg("the door has %d descriptors open, %d before", fds, before->door_fds);
    fds = daemon_process_await_fds(before->worker, before->worker_fds, LIMIT);
    if (fds != before->worker_fds)
        fail_msg("the worker has %d descriptors open, %d before", fds, before->worker_fds);
    if (resident(before->worker) > before->worker_kilobytes + SLACK)
        fail_msg("the worker has %ld kB, %ld before", resident(before->worker),
                 before->worker_kilobytes);
    assert_in_range(lines(s, NULL), 1, most_lines(before));
}

void unharmed_counted(const struct unharmed *before, struct story *s, const char *name)
{
    long was = strcmp(name, "chains_bad") == 0         ? before->chains_bad
               : strcmp(name, "front_end_errors") == 0 ? before->front_end_errors
               : strcmp(name, "command_errors") == 0   ? before->command_errors
               : strcmp(name, "shmem_refused") == 0    ? before->shmem_refused
               : strcmp(name, "memory_lost") == 0      ? before->memory_lost
                                                       : 0;

    if (counter(s, name) <= was)
        fail_msg("the counter %s is %ld, and was %ld", name, counter(s, name), was);
}

void unharmed_said(struct story *s, const char *text)
{
    unsigned count = lines(s, text);

    if (count == 0 || count > 5 * LOG_LIMIT_BURST)
        fail_msg("the log says %u times: %s", count, text);
}

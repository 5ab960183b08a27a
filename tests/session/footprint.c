/* SPDX-License-Identifier: MIT */
#include "footprint.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "story.h"

static FILE *proc_file(pid_t pid, const char *name)
{
    char path[64];
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    file = fopen(path, "re");
    assert_non_null(file);
    return file;
}

/* Whether a sanitizer's library is in the process: "libasan", "libtsan". */
static bool has_library(pid_t pid, const char *name)
{
    FILE *file = proc_file(pid, "maps");
    bool found = false;
    char line[512];

    while (fgets(line, sizeof(line), file) != NULL)
        found = found || strstr(line, name) != NULL;
    fclose(file);
    return found;
}

void footprint_take(struct footprint *footprint, pid_t pid)
{
    FILE *file = proc_file(pid, "status");
    long part;
    char line[256];

    *footprint = (struct footprint){.fds = daemon_process_fds(pid)};
    while (fgets(line, sizeof(line), file) != NULL) {
        sscanf(line, "Threads: %ld", &footprint->threads);
        /* What of a program and its libraries is resident is the kernel's choice. */
        if (sscanf(line, "RssAnon: %ld", &part) == 1 || sscanf(line, "RssShmem: %ld", &part) == 1 ||
            sscanf(line, "VmSwap: %ld", &part) == 1)
            footprint->kilobytes += part;
    }
    fclose(file);
    /* It has one of its own, but not where a process was forked and no program begun. */
    if (footprint->threads > 1 && has_library(pid, "libtsan"))
        footprint->threads--;
    assert_true(footprint->fds > 0 && footprint->threads > 0 && footprint->kilobytes > 0);
}

static bool is_sanitized(pid_t pid)
{
    return has_library(pid, "libasan") || has_library(pid, "libtsan");
}

/* What has been let go of may take a while to go; what has not stays. */
static bool await_same(const struct footprint *before, pid_t pid, long slack, struct footprint *now)
{
    for (unsigned tries = 0; tries < 1000; tries++, usleep(20000)) {
        footprint_take(now, pid);
        if (now->fds == before->fds && now->threads == before->threads &&
            (now->kilobytes <= before->kilobytes + slack || is_sanitized(pid)))
            return true;
    }
    return false;
}

void footprint_assert_same(const struct footprint *before, pid_t pid, long slack)
{
    struct footprint now;

    if (await_same(before, pid, slack, &now))
        return;
    assert_int_equal(now.fds, before->fds);
    assert_int_equal(now.threads, before->threads);
    fail_msg("process %d holds %ld KiB, %ld before", (int)pid, now.kilobytes, before->kilobytes);
}

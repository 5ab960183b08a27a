/* SPDX-License-Identifier: MIT */
#include "footprint.h"

#include <stdio.h>
#include <string.h>

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

void footprint_take(struct footprint *footprint, pid_t pid)
{
    FILE *file = proc_file(pid, "status");
    char line[256];

    *footprint = (struct footprint){.fds = daemon_process_fds(pid)};
    while (fgets(line, sizeof(line), file) != NULL) {
        sscanf(line, "VmRSS: %ld", &footprint->kilobytes);
        sscanf(line, "Threads: %ld", &footprint->threads);
    }
    fclose(file);
    assert_true(footprint->fds > 0 && footprint->threads > 0 && footprint->kilobytes > 0);
}

static bool is_sanitized(pid_t pid)
{
    FILE *file = proc_file(pid, "maps");
    bool found = false;
    char line[512];

    while (fgets(line, sizeof(line), file) != NULL)
        found = found || strstr(line, "libasan") != NULL;
    fclose(file);
    return found;
}

void footprint_assert_same(const struct footprint *before, pid_t pid, long slack)
{
    struct footprint now;

    footprint_take(&now, pid);
    assert_int_equal(now.fds, before->fds);
    assert_int_equal(now.threads, before->threads);
    if (!is_sanitized(pid) && now.kilobytes > before->kilobytes + slack)
        fail_msg("process %d holds %ld KiB, %ld before", (int)pid, now.kilobytes,
                 before->kilobytes);
}

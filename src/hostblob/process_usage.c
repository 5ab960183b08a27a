/* SPDX-License-Identifier: MIT */
#include "hostblob/process_usage.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/units.h"

#define MOST 64u /* processes of one device */
#define NS_PER_S UINT64_C(1000000000)

struct family {
    unsigned count;
    int pids[MOST];
};

static FILE *open_file(int pid, const char *name)
{
    char path[80];

    snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
    return fopen(path, "re");
}

/* Fields 14 and 15 behind a name that may hold anything. */
static bool read_time(int pid, uint64_t *ns)
{
    FILE *file = open_file(pid, "stat");
    char line[1024];
    const char *end = NULL;
    uint64_t user = 0, system = 0;

    if (file == NULL)
        return false;
    if (fgets(line, sizeof(line), file) != NULL)
        end = strrchr(line, ')');
    fclose(file);
    if (end == NULL ||
        sscanf(end + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64, &user,
               &system) != 2)
        return false;
    *ns = (user + system) * NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK);
    return true;
}

static bool read_pss(int pid, uint64_t *bytes)
{
    FILE *file = open_file(pid, "smaps_rollup");
    char line[256];
    uint64_t kib;
    bool found = false;

    while (file != NULL && !found && fgets(line, sizeof(line), file) != NULL)
        found = sscanf(line, "Pss: %" SCNu64, &kib) == 1;
    if (file != NULL)
        fclose(file);
    if (found)
        *bytes = kib * 1024;
    return found;
}

static uint64_t read_rss(int pid)
{
    FILE *file = open_file(pid, "statm");
    uint64_t pages = 0;

    if (file != NULL && fscanf(file, "%*u %" SCNu64, &pages) != 1)
        pages = 0;
    if (file != NULL)
        fclose(file);
    return pages * units_page_size();
}

/* What one thread has started. */
static void add_children(struct family *f, int pid, const char *thread)
{
    char name[64];
    FILE *file;
    int child;

    snprintf(name, sizeof(name), "task/%.20s/children", thread);
    file = open_file(pid, name);
    while (file != NULL && f->count < MOST && fscanf(file, "%d", &child) == 1)
        f->pids[f->count++] = child;
    if (file != NULL)
        fclose(file);
}

static void add_offspring(struct family *f, int pid)
{
    const struct dirent *entry;
    char path[40];
    DIR *dir;

    snprintf(path, sizeof(path), "/proc/%d/task", pid);
    dir = opendir(path);
    while (dir != NULL && (entry = readdir(dir)) != NULL)
        if (entry->d_name[0] != '.')
            add_children(f, pid, entry->d_name);
    if (dir != NULL)
        closedir(dir);
}

static void find_family(struct family *f, int pid)
{
    f->count = 1;
    f->pids[0] = pid;
    for (unsigned i = 0; i < f->count; i++)
        add_offspring(f, f->pids[i]);
}

void process_usage_read(struct process_usage *usage, int pid)
{
    struct family family;
    uint64_t pss = 0, rss = 0;

    *usage = (struct process_usage){.shared_once = true};
    if (pid <= 0)
        return;
    find_family(&family, pid);
    for (unsigned i = 0; i < family.count; i++) {
        uint64_t ns, bytes = 0;

        if (!read_time(family.pids[i], &ns))
            continue;
        usage->processes++;
        usage->cpu_ns += ns;
        rss += read_rss(family.pids[i]);
        if (read_pss(family.pids[i], &bytes))
            pss += bytes;
        else
            usage->shared_once = false;
    }
    usage->memory = usage->shared_once ? pss : rss;
}

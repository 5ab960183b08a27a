/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/backend.h"
#include "tests/frontend/daemon_process.h"

/* What /proc says of a back-end's processes. One that ends meanwhile counts for nothing. */

#define PROCESSES 4096u

struct kin {
    pid_t pid, parent;
};

static unsigned list_processes(struct kin *kin)
{
    DIR *proc = opendir("/proc");
    unsigned count = 0;

    for (struct dirent *entry; proc != NULL && (entry = readdir(proc)) != NULL;) {
        char path[64], line[512], *end;
        FILE *file;

        if (!isdigit((unsigned char)entry->d_name[0]) || count == PROCESSES)
            continue;
        snprintf(path, sizeof(path), "/proc/%.20s/stat", entry->d_name);
        file = fopen(path, "re");
        if (file == NULL)
            continue;
        /* The name may have anything in it; what follows it has no bracket. */
        if (fgets(line, sizeof(line), file) != NULL && (end = strrchr(line, ')')) != NULL &&
            end[1] == ' ' && sscanf(end + 1, " %*c %d", &kin[count].parent) == 1 && end[2] != 'Z')
            kin[count++].pid = (pid_t)atoi(entry->d_name); /* never 0: it begins with a digit */
        fclose(file);
    }
    if (proc != NULL)
        closedir(proc);
    return count;
}

static bool has(const struct backend *backend, pid_t pid)
{
    for (unsigned i = 0; i < backend->count; i++)
        if (backend->processes[i] == pid)
            return true;
    return false;
}

void backend_find(struct backend *backend)
{
    static struct kin kin[PROCESSES];
    unsigned count = list_processes(kin);
    bool found = true;

    backend->count = 0;
    /* This program is the root of what it starts, and no part of it. */
    if (backend->root != getpid() && backend->root != 0)
        backend->processes[backend->count++] = backend->root;
    while (found) {
        found = false;
        for (unsigned i = 0; i < count && backend->count < BACKEND_PROCESSES; i++)
            if ((kin[i].parent == backend->root || has(backend, kin[i].parent)) &&
                !has(backend, kin[i].pid)) {
                backend->processes[backend->count++] = kin[i].pid;
                found = true;
            }
    }
}

/* Calls 'each' with the path of every task's file 'name'. Returns how many there are. */
static unsigned each_task(pid_t pid, const char *name, void (*each)(FILE *file, void *data),
                          void *data)
{
    char path[96];
    unsigned count = 0;
    DIR *tasks;

    snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    tasks = opendir(path);
    for (struct dirent *entry; tasks != NULL && (entry = readdir(tasks)) != NULL;) {
        FILE *file;

        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "/proc/%d/task/%.20s/%s", (int)pid, entry->d_name, name);
        file = fopen(path, "re");
        if (file == NULL)
            continue;
        each(file, data);
        fclose(file);
        count++;
    }
    if (tasks != NULL)
        closedir(tasks);
    return count;
}

static void add_cpu(FILE *file, void *data)
{
    int64_t *sum = data;
    long long ns;

    if (fscanf(file, "%lld", &ns) == 1)
        *sum += ns;
}

static void add_switches(FILE *file, void *data)
{
    int64_t *sum = data;
    char line[256];
    long long count;

    while (fgets(line, sizeof(line), file) != NULL)
        if (sscanf(line, "voluntary_ctxt_switches: %lld", &count) == 1)
            *sum += count;
}

int64_t backend_cpu_ns(const struct backend *backend)
{
    int64_t sum = 0;

    for (unsigned i = 0; i < backend->count; i++)
        each_task(backend->processes[i], "schedstat", add_cpu, &sum);
    return sum;
}

static void add_memory(pid_t pid, struct backend_state *state)
{
    long rss = 0, pss = 0;
    char path[64], line[256];
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
    file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        sscanf(line, "Rss: %ld", &rss);
        sscanf(line, "Pss: %ld", &pss);
    }
    if (file != NULL)
        fclose(file);
    state->rss_kb += rss;
    state->pss_kb += pss;
    if (state->listed < BACKEND_LISTED)
        state->each[state->listed++] = (struct backend_part){rss, pss};
}

void backend_look(struct backend *backend, struct backend_state *state)
{
    backend_find(backend);
    *state = (struct backend_state){.processes = backend->count};
    state->cpu_ns = backend_cpu_ns(backend);
    for (unsigned i = 0; i < backend->count; i++) {
        pid_t pid = backend->processes[i];
        int fds = daemon_process_fds(pid);

        state->tasks += each_task(pid, "status", add_switches, &state->wakeups);
        add_memory(pid, state);
        state->fds += fds > 0 ? fds : 0;
    }
}

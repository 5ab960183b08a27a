/* SPDX-License-Identifier: MIT */
#include "hostblob/process_facts.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MOST_PROCESSES 4096u /* of a machine, where offspring is looked for */

const char *const process_facts_namespaces[PROCESS_FACTS_NAMESPACES] = {
    "user", "mnt", "net", "ipc", "uts", "pid", "cgroup", "time"};
const char *const process_facts_limits[PROCESS_FACTS_LIMITS] = {"core", "nofile", "nproc",
                                                                "msgqueue"};

/* How /proc/PID/limits begins the line of each. */
static const char *const limit_lines[PROCESS_FACTS_LIMITS] = {
    "Max core file size", "Max open files", "Max processes", "Max msgqueue size"};

static FILE *open_file(int pid, const char *name)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
    return fopen(path, "re");
}

/* The rest of a line "KEY:\tVALUE"; NULL: it is another one. */
static const char *value_of(const char *line, const char *key)
{
    size_t length = strlen(key);

    return strncmp(line, key, length) == 0 && line[length] == ':' ? line + length + 1 : NULL;
}

static void take_name(struct process_facts *facts, const char *text)
{
    size_t n = 0;

    text += strspn(text, "\t ");
    for (; *text != '\n' && *text != '\0' && n + 1 < sizeof(facts->name); text++)
        facts->name[n++] = *text > ' ' && *text < 127 ? *text : '?';
    facts->name[n] = '\0';
}

static void take_line(struct process_facts *facts, const char *line)
{
    const char *value;

    if ((value = value_of(line, "Name")) != NULL)
        take_name(facts, value);
    else if ((value = value_of(line, "PPid")) != NULL)
        facts->parent = atoi(value);
    else if ((value = value_of(line, "Uid")) != NULL)
        facts->uid = (unsigned)strtoul(value, NULL, 10);
    else if ((value = value_of(line, "Seccomp")) != NULL)
        facts->seccomp = atoi(value);
    else if ((value = value_of(line, "NoNewPrivs")) != NULL)
        facts->no_new_privs = atoi(value);
    else if ((value = value_of(line, "CapEff")) != NULL)
        facts->effective = strtoull(value, NULL, 16);
    else if ((value = value_of(line, "CapPrm")) != NULL)
        facts->permitted = strtoull(value, NULL, 16);
    else if ((value = value_of(line, "CapBnd")) != NULL)
        facts->bounding = strtoull(value, NULL, 16);
}

static int read_status(struct process_facts *facts, int pid)
{
    FILE *file = open_file(pid, "status");
    char line[512];

    if (file == NULL)
        return -ESRCH;
    while (fgets(line, sizeof(line), file) != NULL)
        take_line(facts, line);
    fclose(file);
    return facts->name[0] != '\0' ? 0 : -ESRCH;
}

static void read_limits(struct process_facts *facts, int pid)
{
    FILE *file = open_file(pid, "limits");
    char line[256];

    while (file != NULL && fgets(line, sizeof(line), file) != NULL)
        for (unsigned i = 0; i < PROCESS_FACTS_LIMITS; i++) {
            size_t length = strlen(limit_lines[i]);
            uint64_t soft;

            if (strncmp(line, limit_lines[i], length) != 0)
                continue;
            if (sscanf(line + length, " %" SCNu64, &soft) == 1)
                facts->limits[i] = soft;
            else
                facts->limits[i] = PROCESS_FACTS_UNLIMITED;
        }
    if (file != NULL)
        fclose(file);
}

static void read_namespaces(struct process_facts *facts, int pid)
{
    for (unsigned i = 0; i < PROCESS_FACTS_NAMESPACES; i++) {
        char path[64];
        struct stat st;

        snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, process_facts_namespaces[i]);
        facts->namespaces[i] = stat(path, &st) == 0 ? st.st_ino : PROCESS_FACTS_UNKNOWN;
    }
}

int process_facts_read(struct process_facts *facts, int pid)
{
    *facts = (struct process_facts){.pid = pid, .seccomp = -1, .no_new_privs = -1};
    for (unsigned i = 0; i < PROCESS_FACTS_LIMITS; i++)
        facts->limits[i] = PROCESS_FACTS_UNKNOWN;
    if (read_status(facts, pid) < 0)
        return -ESRCH;
    read_limits(facts, pid);
    read_namespaces(facts, pid);
    return 0;
}

struct kin {
    int pid, parent;
};

/* All processes there are; returns how many. */
static unsigned read_all(struct kin *all)
{
    DIR *dir = opendir("/proc");
    unsigned count = 0;

    for (struct dirent *entry; dir != NULL && count < MOST_PROCESSES && (entry = readdir(dir));) {
        struct process_facts facts = {0};
        int pid = atoi(entry->d_name);

        if (pid > 0 && read_status(&facts, pid) == 0)
            all[count++] = (struct kin){pid, facts.parent};
    }
    if (dir != NULL)
        closedir(dir);
    return count;
}

static bool among(int pid, const int *pids, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (pids[i] == pid)
            return true;
    return false;
}

unsigned process_facts_offspring(int pid, int *pids, unsigned room)
{
    struct kin *all = malloc(MOST_PROCESSES * sizeof(*all));
    unsigned total = all != NULL ? read_all(all) : 0, count = 0, before;

    do {
        before = count;
        for (unsigned i = 0; i < total && count < room; i++)
            if ((all[i].parent == pid || among(all[i].parent, pids, count)) &&
                !among(all[i].pid, pids, count))
                pids[count++] = all[i].pid;
    } while (count > before);
    free(all);
    return count;
}

/* SPDX-License-Identifier: MIT */
#include "gpu/process_info.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PATH_SIZE 64u

char process_info_state(pid_t pid)
{
    char path[PATH_SIZE];
    char line[256] = "";
    const char *after;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    file = fopen(path, "re");
    if (file == NULL)
        return 0;
    /* "PID (NAME) STATE ...": the name is the program's own choice and may hold a ")". */
    after = fgets(line, sizeof(line), file) != NULL ? strrchr(line, ')') : NULL;
    fclose(file);
    return after != NULL && after[1] == ' ' ? after[2] : 0;
}

uint64_t process_info_cpu_ns(pid_t pid)
{
    struct timespec time;
    clockid_t clock;

    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) < 0)
        return 0;
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* Adds the children of one thread to the 'count' that are there; returns how many it are then. */
static unsigned read_children(const char *path, pid_t *children, unsigned count, unsigned max)
{
    FILE *file = fopen(path, "re");
    int pid;

    if (file == NULL)
        return count;
    while (count < max && fscanf(file, "%d", &pid) == 1)
        children[count++] = pid;
    fclose(file);
    return count;
}

unsigned process_info_children(pid_t pid, pid_t *children, unsigned max)
{
    char path[PATH_SIZE];
    unsigned count = 0;
    DIR *dir;

    snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    dir = opendir(path);
    if (dir == NULL)
        return 0;
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, atoi(entry->d_name));
        count = read_children(path, children, count, max);
    }
    closedir(dir);
    return count;
}

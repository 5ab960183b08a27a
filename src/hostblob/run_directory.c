/* SPDX-License-Identifier: MIT */
#include "hostblob/run_directory.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUFFIX ".control"
#define OF_THE_SYSTEM "/run/hostblob"

static bool fits(int length)
{
    return length > 0 && (unsigned)length < RUN_DIRECTORY_PATH;
}

bool run_directory_path(char path[static RUN_DIRECTORY_PATH])
{
    const char *own = getenv("HOSTBLOB_RUN_DIR"), *user = getenv("XDG_RUNTIME_DIR");

    if (own != NULL && own[0] == '/')
        return fits(snprintf(path, RUN_DIRECTORY_PATH, "%s", own));
    if (user != NULL && user[0] == '/')
        return fits(snprintf(path, RUN_DIRECTORY_PATH, "%s/hostblob", user));
    return geteuid() == 0 && fits(snprintf(path, RUN_DIRECTORY_PATH, OF_THE_SYSTEM));
}

int run_directory_make(const char *path)
{
    struct stat st;

    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return -errno;
    if (lstat(path, &st) < 0)
        return -errno;
    if (!S_ISDIR(st.st_mode))
        return -ENOTDIR;
    return st.st_uid == geteuid() && (st.st_mode & 022) == 0 ? 0 : -EPERM;
}

bool run_directory_socket(const char *directory, const char *name,
                          char path[static RUN_DIRECTORY_PATH])
{
    return fits(snprintf(path, RUN_DIRECTORY_PATH, "%s/%s" SUFFIX, directory, name));
}

static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* "gpu-12.control" is the device gpu-12; anything else is none. */
static void take(struct run_directory *d, const char *file)
{
    size_t length = strlen(file), suffix = strlen(SUFFIX);

    if (length <= suffix || strcmp(file + length - suffix, SUFFIX) != 0 ||
        length - suffix >= sizeof(d->names[0]) || d->count == RUN_DIRECTORY_MAX)
        return;
    memcpy(d->names[d->count], file, length - suffix);
    d->names[d->count++][length - suffix] = '\0';
}

static void read_names(struct run_directory *d)
{
    const struct dirent *entry;
    DIR *dir = opendir(d->path);

    while (dir != NULL && (entry = readdir(dir)) != NULL)
        take(d, entry->d_name);
    if (dir != NULL)
        closedir(dir);
    qsort(d->names, d->count, sizeof(d->names[0]), compare);
}

bool run_directory_read(struct run_directory *d)
{
    *d = (struct run_directory){.count = 0};
    if (!run_directory_path(d->path))
        return false;
    read_names(d);
    /* Who logs in as root has a folder of the session, and asks for what the services run. */
    if (d->count == 0 && geteuid() == 0 && getenv("HOSTBLOB_RUN_DIR") == NULL) {
        strcpy(d->path, OF_THE_SYSTEM);
        read_names(d);
    }
    return true;
}

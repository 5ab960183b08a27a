/* SPDX-License-Identifier: MIT */
#include "hostblob/save_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

/* Into what is there already and is no file, or beside. 0 or -errno. */
static int write_file(const char *file, int flags, const char *bytes, size_t size)
{
    int to = open(file, O_WRONLY | O_CLOEXEC | flags, 0666);
    int r = to < 0 ? -errno : fd_write_all(to, bytes, size);

    if (to >= 0 && close(to) < 0 && r == 0)
        r = -errno;
    return r;
}

int save_file(const char *file, const char *bytes, size_t size)
{
    char *part;
    struct stat st;
    int r;

    if (stat(file, &st) == 0 && !S_ISREG(st.st_mode))
        return write_file(file, 0, bytes, size);
    if (asprintf(&part, "%s.part", file) < 0)
        return -ENOMEM;
    r = write_file(part, O_CREAT | O_TRUNC | O_NOFOLLOW, bytes, size);
    if (r == 0 && rename(part, file) < 0)
        r = -errno;
    if (r < 0)
        unlink(part);
    free(part);
    return r;
}

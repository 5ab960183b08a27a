/* SPDX-License-Identifier: MIT */
#include "hostblob/cgroups.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/log.h"

#define HOME "supervisor"
#define TRIES 100u /* to remove a cgroup whose processes are ending, 2 ms each */

/* ---- files ---- */

static bool join(char path[static PATH_MAX], const char *folder, const char *name,
                 const char *suffix, const char *file)
{
    int n = snprintf(path, PATH_MAX, "%s/%s%s%s", folder, name, suffix, file);

    return n > 0 && n < PATH_MAX;
}

/* 0 or -errno. */
static int write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC), r = 0;

    if (fd < 0)
        return -errno;
    if (write(fd, text, strlen(text)) < 0)
        r = -errno;
    close(fd);
    return r;
}

static int write_in(const char *folder, const char *name, const char *text)
{
    char path[PATH_MAX];

    return join(path, folder, name, "", "") ? write_text(path, text) : -ENAMETOOLONG;
}

/* ---- where ---- */

/* The mount point of version 2: "36 35 0:30 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw". */
static bool find_mount(const char *mountinfo, char path[static PATH_MAX])
{
    FILE *file = fopen(mountinfo, "re");
    char *line = NULL;
    size_t room = 0;
    bool found = false;

    while (file != NULL && !found && getline(&line, &room, file) > 0) {
        const char *type = strstr(line, " - ");

        found = type != NULL && strncmp(type, " - cgroup2 ", 11) == 0 &&
                sscanf(line, "%*s %*s %*s %*s %4095s", path) == 1;
    }
    free(line);
    if (file != NULL)
        fclose(file);
    return found;
}

bool cgroups_find(const char *mountinfo, const char *cgroup, char path[static PATH_MAX])
{
    char mount[PATH_MAX], *line = NULL;
    size_t room = 0;
    bool found = false;
    FILE *file;

    if (!find_mount(mountinfo, mount))
        return false;
    file = fopen(cgroup, "re");
    while (file != NULL && !found && getline(&line, &room, file) > 0) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "0::/", 4) == 0)
            found = join(path, mount, line + 4, "", "");
    }
    if (found && path[strlen(path) - 1] == '/')
        path[strlen(path) - 1] = '\0';
    free(line);
    if (file != NULL)
        fclose(file);
    return found;
}

/* systemd marks what it delegates. What one may write to, without that mark, may be another's to
 * divide. */
static bool is_delegated(const char *path)
{
    char value[4] = "";

    return (getxattr(path, "user.delegate", value, sizeof(value)) == 1 ||
            getxattr(path, "trusted.delegate", value, sizeof(value)) == 1) &&
           value[0] == '1';
}

/* Ours, or the one that ours lies in, if it was put there (DelegateSubgroup=). */
static int find_base(struct cgroups *c, const char *own, char *why, size_t size)
{
    char *slash;

    snprintf(c->base, sizeof(c->base), "%s", own);
    if (is_delegated(c->base))
        return 0;
    slash = strrchr(c->base, '/');
    if (slash != NULL)
        *slash = '\0';
    if (is_delegated(c->base))
        return 0;
    snprintf(why, size, "this cgroup is not ours to divide (systemd: Delegate=yes)");
    return -EPERM;
}

/* ---- life ---- */

/* Those of the parent that the children may have too; each may be refused. */
static void pass_controllers(const struct cgroups *c, char sign)
{
    char path[PATH_MAX], text[512] = "", *rest = text, *name;
    FILE *file = join(path, c->base, "cgroup.controllers", "", "") ? fopen(path, "re") : NULL;

    if (file != NULL && fgets(text, sizeof(text), file) == NULL)
        text[0] = '\0';
    if (file != NULL)
        fclose(file);
    while ((name = strsep(&rest, " \n")) != NULL) {
        char word[64];
        int r;

        if (*name == '\0')
            continue;
        snprintf(word, sizeof(word), "%c%s", sign, name);
        r = write_in(c->base, "cgroup.subtree_control", word);
        if (r < 0)
            log_debug("Devices have no cgroup controller %s: %s.", name, strerror(-r));
    }
}

static int move_aside(struct cgroups *c)
{
    char home[PATH_MAX];
    int r;

    if (!join(home, c->base, HOME, "", ""))
        return -ENAMETOOLONG;
    if (mkdir(home, 0755) < 0 && errno != EEXIST)
        return -errno;
    r = write_in(home, "cgroup.procs", "0");
    if (r < 0)
        rmdir(home);
    c->moved = r == 0;
    return r;
}

int cgroups_init(struct cgroups *c, const char *wish, char *why, size_t size)
{
    char own[PATH_MAX];
    bool known = cgroups_find("/proc/self/mountinfo", "/proc/self/cgroup", own);
    bool named = strcmp(wish, "auto") != 0;
    int r = 0;

    *c = (struct cgroups){0};
    why[0] = '\0';
    if (strcmp(wish, "none") == 0)
        return 0;
    if (named)
        snprintf(c->base, sizeof(c->base), "%s", wish);
    else if (known)
        r = find_base(c, own, why, size);
    else
        r = -ENOENT;
    if (r == -ENOENT)
        snprintf(why, size, "this host has no cgroups of version 2");
    if (r == 0 && known && strcmp(own, c->base) == 0)
        r = move_aside(c);
    else if (r == 0 && !join(own, c->base, "cgroup.procs", "", ""))
        r = -ENAMETOOLONG;
    else if (r == 0 && access(own, W_OK) < 0)
        r = -errno;
    if (r < 0 && why[0] == '\0')
        snprintf(why, size, "%s cannot have any: %s", c->base, strerror(-r));
    if (r < 0)
        c->base[0] = '\0';
    else
        pass_controllers(c, '+');
    return r;
}

void cgroups_finish(struct cgroups *c)
{
    char home[PATH_MAX];

    if (c->base[0] == '\0')
        return;
    if (c->moved) /* else they are not ours to take back */
        pass_controllers(c, '-');
    if (c->moved && write_in(c->base, "cgroup.procs", "0") == 0 &&
        join(home, c->base, HOME, "", ""))
        rmdir(home);
    c->base[0] = '\0';
}

int cgroups_open(const struct cgroups *c, const char *name)
{
    char path[PATH_MAX];
    int fd;

    if (c->base[0] == '\0')
        return -ENOENT;
    if (!join(path, c->base, name, ".device", ""))
        return -ENAMETOOLONG;
    if (mkdir(path, 0755) < 0 && errno != EEXIST)
        return -errno;
    if (!join(path, c->base, name, ".device", "/cgroup.procs"))
        return -ENAMETOOLONG;
    fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

void cgroups_kill(const struct cgroups *c, const char *name)
{
    char path[PATH_MAX];

    if (c->base[0] != '\0' && join(path, c->base, name, ".device", "/cgroup.kill"))
        write_text(path, "1"); /* Linux 5.14 */
}

void cgroups_remove(const struct cgroups *c, const char *name)
{
    char path[PATH_MAX];

    if (c->base[0] == '\0' || !join(path, c->base, name, ".device", ""))
        return;
    cgroups_kill(c, name);
    for (unsigned i = 0; i < TRIES && rmdir(path) < 0 && errno == EBUSY; i++)
        usleep(2000);
}

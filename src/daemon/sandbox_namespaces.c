/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "daemon/sandbox_parts.h"

#define SPACES (CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC)

static int write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));
    int r = n < 0 ? -errno : 0;

    fd_close(&fd);
    return r;
}

/* The only user inside is 'user', who is 'outside' there. */
static int map_user(uid_t user, gid_t group, uid_t outside, gid_t outside_group, const char **what)
{
    char text[64];
    int r;

    *what = "the map of the user namespace";
    r = write_file("/proc/self/setgroups", "deny");
    if (r < 0)
        return r;
    snprintf(text, sizeof(text), "%u %u 1", (unsigned)group, (unsigned)outside_group);
    r = write_file("/proc/self/gid_map", text);
    if (r < 0)
        return r;
    snprintf(text, sizeof(text), "%u %u 1", (unsigned)user, (unsigned)outside);
    return write_file("/proc/self/uid_map", text);
}

int sandbox_namespaces(const struct sandbox_plan *plan, const char **what)
{
    uid_t user = geteuid();
    gid_t group = getegid();

    *what = "unshare";
    if (unshare(SPACES) == 0)
        return 0;
    if (errno != EPERM)
        return -errno;
    if (unshare(SPACES | CLONE_NEWUSER) < 0)
        return -errno;
    return map_user(user, group, user, group, what);
}

void sandbox_step_down(void)
{
    uid_t user = geteuid();
    gid_t group = getegid();
    const char *what = "unshare";
    int r;

    if (unshare(CLONE_NEWUSER) < 0)
        r = -errno;
    else if (user == 0)
        r = map_user(1, 1, user, group, &what);
    else
        r = map_user(user, group, user, group, &what);
    if (r < 0)
        log_debug("The starter has no user namespace: %s: %s.", what, strerror(-r));
}

/* ---- the root ---- */

/* Makes the folders that lead to 'path' (no slash at its beginning), and it itself as what 'mode'
 * says. */
static int make_place(int root, const char *path, mode_t mode)
{
    char part[4096];
    size_t length = strlen(path);
    struct stat st;
    int fd;

    if (length >= sizeof(part))
        return -ENAMETOOLONG;
    if (fstatat(root, path, &st, 0) == 0)
        return 0;
    for (size_t i = 1; i < length; i++) {
        if (path[i] != '/')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (mkdirat(root, part, 0755) < 0 && errno != EEXIST)
            return -errno;
    }
    if (S_ISDIR(mode))
        return mkdirat(root, path, 0755) < 0 && errno != EEXIST ? -errno : 0;
    fd = openat(root, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        return -errno;
    fd_close(&fd);
    return 0;
}

/* A copy of the mount at one path, to be read only unless more is allowed. */
static int bind_path(int root, const struct sandbox_path *p)
{
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID};
    struct stat st;
    int tree, r;

    if (stat(p->path, &st) < 0)
        return errno == ENOENT || errno == EACCES ? 0 : -errno;
    tree = open_tree(AT_FDCWD, p->path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
    if (tree < 0)
        return -errno;
    r = make_place(root, p->path + 1, st.st_mode);
    if (r == 0 && move_mount(tree, "", root, p->path + 1, MOVE_MOUNT_F_EMPTY_PATH) < 0)
        r = -errno;
    if (r == 0 && (p->access & (SANDBOX_WRITE | SANDBOX_MAKE)) == 0 &&
        mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
        r = -errno;
    fd_close(&tree);
    return r;
}

/* A file system in memory, with nothing in it. A descriptor that the caller owns, or -errno. */
static int make_empty(void)
{
    int fs = fsopen("tmpfs", FSOPEN_CLOEXEC);
    int root = -1, r;

    if (fs < 0)
        return -errno;
    if (fsconfig(fs, FSCONFIG_SET_STRING, "size", "1M", 0) < 0 ||
        fsconfig(fs, FSCONFIG_SET_STRING, "mode", "0755", 0) < 0 ||
        fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        r = -errno;
    else
        r = root = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
    if (root < 0 && r == -1)
        r = -errno;
    fd_close(&fs);
    return r;
}

/* Without capabilities nobody gets out of it again. */
static int be_rooted(const char **what)
{
    *what = "chroot";
    return chroot(".") < 0 || chdir("/") < 0 ? -errno : 0;
}

/* The new root takes the place of the old one, which is then nowhere. */
static int turn_root(const char **what)
{
    *what = "pivot_root";
    if (syscall(SYS_pivot_root, ".", ".") < 0)
        return errno == EINVAL ? be_rooted(what) : -errno;
    *what = "umount";
    if (umount2(".", MNT_DETACH) < 0)
        return -errno;
    return chdir("/") < 0 ? -errno : 0;
}

static int compare_length(const void *a, const void *b)
{
    const struct sandbox_path *left = a, *right = b;
    size_t l = strlen(left->path), r = strlen(right->path);

    return l < r ? -1 : l > r;
}

/* A folder comes before what lies in it, or it would hide that. */
static int bind_paths(int root, const struct sandbox_plan *plan, const char **what)
{
    struct sandbox_path paths[SANDBOX_PATHS];
    int r = 0;

    memcpy(paths, plan->paths, sizeof(paths));
    qsort(paths, plan->path_count, sizeof(paths[0]), compare_length);
    for (unsigned i = 0; i < plan->path_count && r == 0; i++) {
        *what = paths[i].path;
        r = bind_path(root, &paths[i]);
    }
    return r;
}

/* Puts the new root over the old one, and the paths into it. */
static int fill_root(int root, const struct sandbox_plan *plan, const char **what)
{
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
    int r;

    *what = "mount";
    if (move_mount(root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
        return -errno;
    r = bind_paths(root, plan, what);
    if (r < 0)
        return r;
    *what = "mount_setattr";
    return mount_setattr(root, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0 ? -errno : 0;
}

int sandbox_root(const struct sandbox_plan *plan, const char **what)
{
    bool whole = mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
    int root, r = 0;

    /* In a chroot, "/" is no mount; then only a root without any mount in it can be had. */
    *what = "mount";
    if (!whole && (errno != EINVAL || plan->path_count > 0))
        return -errno;
    *what = "an empty file system";
    root = make_empty();
    if (root < 0)
        return root;
    if (whole)
        r = fill_root(root, plan, what);
    if (r == 0 && fchdir(root) < 0)
        r = -errno;
    if (r == 0)
        r = whole ? turn_root(what) : be_rooted(what);
    fd_close(&root);
    return r;
}

/* SPDX-License-Identifier: MIT */
#include "daemon/listener.h"

#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/units.h"

#define BACKLOG 4

/* Whether nobody has the socket at 'path' any more. Whatever else connect says, somebody may: it is
 * busy, of another type, or not ours to connect to. */
static bool dead(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool refused = fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 &&
                   errno == ECONNREFUSED;

    fd_close(&fd);
    return refused;
}

/* Makes way for a new socket: only a dead one is removed. */
static int clear_path(const struct sockaddr_un *address)
{
    struct stat st;

    if (lstat(address->sun_path, &st) < 0)
        return 0; /* whatever keeps it from being there, bind meets too */
    if (!S_ISSOCK(st.st_mode)) {
        log_error("%s is there and is no socket: it stays. Choose another path.",
                  address->sun_path);
        return -EEXIST;
    }
    if (!dead(address)) {
        log_error("Another program has the socket %s. Choose another path, or stop it.",
                  address->sun_path);
        return -EADDRINUSE;
    }
    if (unlink(address->sun_path) == 0)
        return 0;
    log_error("The dead socket %s cannot be removed: %s. Remove it, or choose another path.",
              address->sun_path, strerror(errno));
    return -EEXIST;
}

/* The number of a group, which is given by name or as a number itself. 0 or -ENOENT, with a
 * sentence in the log. */
static int find_group(const char *name, gid_t *gid)
{
    const struct group *entry = getgrnam(name);
    unsigned number;

    if (entry == NULL && !units_parse_number(name, 0, (gid_t)-2, &number)) {
        log_error("There is no group %s on this host ('getent group' lists them).", name);
        return -ENOENT;
    }
    *gid = entry != NULL ? entry->gr_gid : number;
    return 0;
}

/* Nobody can connect before the last step, when the group is what it is to be. */
static int bind_path(int fd, const struct sockaddr_un *address, const gid_t *group)
{
    mode_t mask = umask(group != NULL ? 0117 : 0177);
    int r = bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ? -errno : 0;

    umask(mask);
    if (r < 0)
        return r;
    if (group != NULL && lchown(address->sun_path, (uid_t)-1, *group) < 0)
        r = -errno;
    if (r == 0 && listen(fd, BACKLOG) < 0)
        r = -errno;
    if (r < 0)
        unlink(address->sun_path);
    return r;
}

/* Why there is no socket at 'path', and what to do about it. */
static void explain(const char *path, const char *group, int error)
{
    const char *slash = strrchr(path, '/');
    int length = slash == NULL ? 1 : slash == path ? 1 : (int)(slash - path);
    const char *folder = slash == NULL ? "." : path;

    if (error == -ENOENT || error == -ENOTDIR)
        log_error("Cannot listen on %s: there is no folder %.*s. Make it, or choose another path.",
                  path, length, folder);
    else if (error == -EACCES || error == -EROFS)
        log_error("Cannot listen on %s: user %u may not write to %.*s. Choose a folder of its own, "
                  "such as $XDG_RUNTIME_DIR.",
                  path, (unsigned)geteuid(), length, folder);
    else if (error == -EPERM && group != NULL)
        log_error("Cannot listen on %s for the group %s: user %u has to be in it.", path, group,
                  (unsigned)geteuid());
    else
        log_error("Cannot listen on %s: %s.", path, strerror(-error));
}

int listener_init_path(struct listener *l, const char *path, const char *group)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    gid_t gid = 0;
    int r;

    *l = (struct listener){.fd = -1, .listening = true};
    if (strlen(path) >= sizeof(address.sun_path)) {
        log_error("%s is too long for a socket's path (%zu bytes at most): choose a shorter one.",
                  path, sizeof(address.sun_path) - 1);
        return -ENAMETOOLONG;
    }
    strcpy(address.sun_path, path);
    r = group != NULL ? find_group(group, &gid) : 0;
    if (r == 0)
        r = clear_path(&address);
    if (r < 0)
        return r;
    l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    r = l->fd < 0 ? -errno : bind_path(l->fd, &address, group != NULL ? &gid : NULL);
    if (r < 0) {
        explain(path, group, r);
        fd_close(&l->fd);
        return r;
    }
    l->path = path;
    l->maker = getpid();
    return 0;
}

int listener_init_fd(struct listener *l, int fd)
{
    int domain = 0, type = 0, accepting = 0;
    socklen_t size = sizeof(int);

    *l = (struct listener){.fd = -1};
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) < 0 || domain != AF_UNIX ||
        getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0 || type != SOCK_STREAM ||
        getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepting, &size) < 0) {
        log_error(
            "Descriptor %d is no unix stream socket: whoever starts this program has to leave "
            "one open there, or give --socket-path=PATH.",
            fd);
        return -EINVAL;
    }
    l->fd = fd_duplicate(fd);
    if (l->fd < 0)
        return l->fd;
    close(fd);
    l->listening = accepting != 0;
    return 0;
}

int listener_take(struct listener *l)
{
    int fd = l->fd;

    l->fd = -1;
    return fd;
}

void listener_inherit(struct listener *l, const char *path)
{
    *l = (struct listener){.fd = -1, .path = path, .maker = getpid()};
}

void listener_finish(struct listener *l)
{
    fd_close(&l->fd);
    if (l->path != NULL && l->maker == getpid())
        unlink(l->path);
    l->path = NULL;
}

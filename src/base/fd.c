/* SPDX-License-Identifier: MIT */
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008u /* Linux 6.3 */
#endif

/* Room for the control message of a full list, aligned as the kernel wants it. */
union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(FD_LIST_MAX * sizeof(int))];
};

int fd_list_take(struct fd_list *list, unsigned index)
{
    int fd;

    if (index >= list->count)
        return -1;
    fd = list->fds[index];
    list->fds[index] = -1;
    return fd;
}

void fd_list_finish(struct fd_list *list)
{
    for (unsigned i = 0; i < list->count; i++)
        fd_close(&list->fds[i]);
    list->count = 0;
}

void fd_close(int *fd)
{
    int saved_errno = errno;

    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    errno = saved_errno;
}

int fd_duplicate(int fd)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

    return copy < 0 ? -errno : copy;
}

int fd_set_nonblock(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return -errno;
    return 0;
}

int fd_set_inherited(int fd)
{
    int flags = fcntl(fd, F_GETFD);

    if (flags < 0 || fcntl(fd, F_SETFD, flags & ~FD_CLOEXEC) < 0)
        return -errno;
    return 0;
}

bool fd_is_want(int error)
{
    return error == -ENOMEM || error == -ENOBUFS || error == -ENOSPC || error == -EMFILE ||
           error == -ENFILE || error == -EAGAIN;
}

/* The kernel has no memory for it just now, and nothing was sent or taken: what is not said here
 * nobody says later, so it is tried again, a few times. */
static bool wants_again(ssize_t result, unsigned *tries)
{
    if (result >= 0)
        return false;
    if (errno == ENOBUFS || errno == ENOMEM)
        return ++*tries < FD_WANT_TRIES;
    return errno == EINTR;
}

static ssize_t send_parts(int socket, const struct iovec *parts, unsigned part_count,
                          const int *fds, unsigned count, int flags)
{
    union control control = {0};
    struct msghdr message = {
        .msg_iov = (struct iovec *)(uintptr_t)parts,
        .msg_iovlen = part_count,
    };
    unsigned tries = 0;
    ssize_t sent;

    if (count > FD_LIST_MAX)
        return -EINVAL;
    if (count > 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(&control.header), fds, count * sizeof(int));
    }
    do {
        sent = sendmsg(socket, &message, MSG_NOSIGNAL | flags);
    } while (wants_again(sent, &tries));
    return sent < 0 ? -errno : sent;
}

ssize_t fd_send_parts(int socket, const struct iovec *parts, unsigned part_count, const int *fds,
                      unsigned count)
{
    return send_parts(socket, parts, part_count, fds, count, 0);
}

ssize_t fd_send_parts_now(int socket, const struct iovec *parts, unsigned part_count,
                          const int *fds, unsigned count)
{
    return send_parts(socket, parts, part_count, fds, count, MSG_DONTWAIT);
}

ssize_t fd_send(int socket, const void *data, size_t size, const int *fds, unsigned count)
{
    struct iovec iov = {.iov_base = (void *)(uintptr_t)data, .iov_len = size};

    return fd_send_parts(socket, &iov, 1, fds, count);
}

ssize_t fd_send_now(int socket, const void *data, size_t size, const int *fds, unsigned count)
{
    struct iovec iov = {.iov_base = (void *)(uintptr_t)data, .iov_len = size};

    return fd_send_parts_now(socket, &iov, 1, fds, count);
}

/* Puts 'fd' into the list, or closes it where there is no room. Returns whether there was. */
static bool list_append(struct fd_list *list, int fd)
{
    if (list->count >= FD_LIST_MAX) {
        fd_close(&fd);
        return false;
    }
    list->fds[list->count++] = fd;
    return true;
}

/* Collects every descriptor that the message brought: none may be lost, whatever else is wrong. */
static bool collect(struct msghdr *message, struct fd_list *list)
{
    bool fits = true;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
        size_t count;

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS || c->cmsg_len < CMSG_LEN(0))
            continue;
        count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
            fits = list_append(list, fd) && fits;
        }
    }
    return fits;
}

static ssize_t receive(int socket, void *data, size_t size, struct fd_list *list, int flags)
{
    union control control;
    struct iovec iov = {.iov_base = data, .iov_len = size};
    struct msghdr message;
    unsigned had = list->count;
    unsigned tries = 0;
    ssize_t received;
    bool fits;

    do {
        message = (struct msghdr){
            .msg_iov = &iov,
            .msg_iovlen = 1,
            .msg_control = control.bytes,
            .msg_controllen = sizeof(control.bytes),
        };
        received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | flags);
    } while (wants_again(received, &tries));
    if (received < 0)
        return errno == ENOBUFS || errno == ENOMEM ? -EAGAIN : -errno;
    fits = collect(&message, list);
    if (!fits || (message.msg_flags & MSG_CTRUNC) != 0) {
        fd_list_finish(list);
        return -EMSGSIZE;
    }
    /* A packet may be empty and bring descriptors nevertheless. Nobody looks for them at an end. */
    while (received == 0 && list->count > had)
        fd_close(&list->fds[--list->count]);
    return received;
}

ssize_t fd_receive(int socket, void *data, size_t size, struct fd_list *list)
{
    return receive(socket, data, size, list, 0);
}

ssize_t fd_receive_now(int socket, void *data, size_t size, struct fd_list *list)
{
    return receive(socket, data, size, list, MSG_DONTWAIT);
}

bool fd_leaves_room(int fd)
{
    struct rlimit limit;

    return getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY ||
           (rlim_t)fd + FD_RESERVE < limit.rlim_cur;
}

void fd_raise_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

int fd_memfd(const char *name, uint64_t size)
{
    int fd;

    if (size > INT64_MAX)
        return -EFBIG;
    /* A kernel older than 6.3 does not know NOEXEC_SEAL; one set to be strict refuses to do
     * without. */
    fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
    if (fd < 0 && errno == EINVAL)
        fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -errno;
    if (!fd_leaves_room(fd)) {
        fd_close(&fd);
        return -EMFILE;
    }
    if (ftruncate(fd, (off_t)size) < 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
        int error = -errno;

        fd_close(&fd);
        return error;
    }
    return fd;
}

int fd_file_size(int fd, uint64_t *size)
{
    struct stat st;
    off_t end;

    if (fstat(fd, &st) < 0)
        return -errno;
    *size = (uint64_t)st.st_size;
    if (st.st_size > 0 || S_ISREG(st.st_mode))
        return 0;
    end = lseek(fd, 0, SEEK_END); /* a dmabuf has no position that this could disturb */
    *size = end > 0 ? (uint64_t)end : UINT64_MAX;
    return 0;
}

bool fd_same_file(int a, int b)
{
    struct stat sa, sb;

    return fstat(a, &sa) == 0 && fstat(b, &sb) == 0 && sa.st_dev == sb.st_dev &&
           sa.st_ino == sb.st_ino;
}

int fd_write_all(int fd, const void *bytes, size_t size)
{
    const char *at = bytes;

    while (size > 0) {
        ssize_t n = write(fd, at, size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        at += n;
        size -= (size_t)n;
    }
    return 0;
}

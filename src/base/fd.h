/* SPDX-License-Identifier: MIT */
#ifndef BASE_FD_H
#define BASE_FD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

/* The most descriptors that one message carries (crosvm sends up to 32 memory regions). */
#define FD_LIST_MAX 32u

/*
 * Descriptors that came with one message. The list owns what it holds: a handler takes what it
 * keeps, and fd_list_finish closes the rest, on every way out.
 */
struct fd_list {
    unsigned count;
    int fds[FD_LIST_MAX]; /* -1 where taken */
};

/* Takes descriptor number 'index' out of the list: the caller owns it. -1 if there is none. */
int fd_list_take(struct fd_list *list, unsigned index);
/* Closes what was not taken and empties the list. */
void fd_list_finish(struct fd_list *list);

/* Closes *fd unless it is -1 and sets it to -1. */
void fd_close(int *fd);
/* A close-on-exec duplicate that the caller owns, or -errno. */
int fd_duplicate(int fd);
/* Sets O_NONBLOCK. Returns 0 or -errno. */
int fd_set_nonblock(int fd);
/* Whether something failed with 'error' (-errno) because the host has too little of something just
 * now: what is lacking may be there a moment later. */
bool fd_is_want(int error);
/* So often is tried what takes the kernel some memory, and what nobody would try later. */
#define FD_WANT_TRIES 8u
/* Clears close-on-exec, for a descriptor that a program to be started inherits. 0 or -errno. */
int fd_set_inherited(int fd);

/*
 * Sends 'size' bytes and 'count' descriptors (at most FD_LIST_MAX) in one sendmsg; borrows the
 * descriptors. Never raises SIGPIPE. On a stream socket fewer bytes may go: the result says how
 * many; the descriptors go with the first. Returns the bytes sent or -errno (-EAGAIN when full;
 * -ENOBUFS when the kernel goes on having no memory for it).
 */
ssize_t fd_send(int socket, const void *data, size_t size, const int *fds, unsigned count);
/* The same for bytes that lie in 'part_count' pieces (at most IOV_MAX, 1024). */
ssize_t fd_send_parts(int socket, const struct iovec *parts, unsigned part_count, const int *fds,
                      unsigned count);

/* The same, and never waits for room, whatever the descriptor says: whoever shares a socket may
 * clear its O_NONBLOCK at any time. For a stranger's. */
ssize_t fd_send_now(int socket, const void *data, size_t size, const int *fds, unsigned count);
ssize_t fd_send_parts_now(int socket, const struct iovec *parts, unsigned part_count,
                          const int *fds, unsigned count);

/*
 * Receives up to 'size' bytes and appends the descriptors that came with them to 'list',
 * close-on-exec. A truncated control message, or more descriptors than the list holds, gives
 * -EMSGSIZE, closes all that arrived and those already in the list. Returns the bytes, 0 at the end
 * of the stream or for an empty packet (what comes with that is closed), or -errno: -EAGAIN also
 * when the kernel has no memory for it, and it is there still.
 */
ssize_t fd_receive(int socket, void *data, size_t size, struct fd_list *list);
/* The same, and never waits for bytes. */
ssize_t fd_receive_now(int socket, void *data, size_t size, struct fd_list *list);

/*
 * A memfd of exactly 'size' bytes (the caller rounds to pages) that can neither shrink nor grow
 * (F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_SEAL): neither a guest nor a front-end can make an access to
 * it fault. It is sparse. Returns a descriptor that the caller owns, or -errno.
 */
int fd_memfd(const char *name, uint64_t size);

/* Says how many bytes the file has; UINT64_MAX where it has no such thing (a device, whose mmap
 * decides). Asks a dmabuf by lseek, and leaves the position of any other file alone. 0 or -errno.
 */
int fd_file_size(int fd, uint64_t *size);

/* Descriptors that a stranger's wishes may not use up: without them no message could be received,
 * no front-end let in. */
#define FD_RESERVE 64u

/* Whether 'fd' is low enough that FD_RESERVE more can be opened (the kernel gives the lowest number
 * that is free). */
bool fd_leaves_room(int fd);

/* Raises the number of descriptors that this process may open as far as it is allowed to. */
void fd_raise_limit(void);

/* Whether both descriptors are the same file (device and inode). */
bool fd_same_file(int a, int b);
/* Writes all 'size' bytes to 'fd' (borrowed), which waits for room. 0 or -errno. */
int fd_write_all(int fd, const void *bytes, size_t size);

#endif

/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "protocol/vhost_user.h"
#include "tests/bench/floor.h"

/*
 * The floor of a mapping: a process sends a message as long as SHMEM_MAP with a descriptor; this
 * one maps it into a reservation, answers, and puts the reservation back.
 */
#define MAP_SIZE (VHOST_USER_HEADER_SIZE + sizeof(struct vhost_user_mmap))
#define ANSWER_SIZE (VHOST_USER_HEADER_SIZE + sizeof(uint64_t))

struct sender {
    int socket, fd;
};

static void send_on(void *data)
{
    const struct sender *sender = data;
    uint8_t message[MAP_SIZE] = {0}, answer[ANSWER_SIZE];

    while (fd_send(sender->socket, message, sizeof(message), &sender->fd, 1) == sizeof(message) &&
           recv(sender->socket, answer, sizeof(answer), MSG_WAITALL) == sizeof(answer))
        ;
}

struct receiver {
    int socket;
    uint8_t *base;
    uint64_t size;
};

/* Takes one, and answers. */
static int take_one(void *data)
{
    const struct receiver *receiver = data;
    uint8_t message[MAP_SIZE], answer[ANSWER_SIZE] = {0};
    struct fd_list fds = {0};
    ssize_t r = fd_receive(receiver->socket, message, sizeof(message), &fds);

    if (r != sizeof(message) || fds.count != 1)
        r = r < 0 ? r : -EBADMSG;
    else if (mmap(receiver->base, receiver->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
                  fds.fds[0], 0) == MAP_FAILED)
        r = -errno;
    else if (send(receiver->socket, answer, sizeof(answer), MSG_NOSIGNAL) != sizeof(answer))
        r = -errno;
    else if (mmap(receiver->base, receiver->size, PROT_NONE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED)
        r = -errno;
    fd_list_finish(&fds);
    return r < 0 ? (int)r : 0;
}

double floor_message(const struct options *options, uint64_t size, double seconds)
{
    uint8_t *base = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    struct sender sender = {.fd = fd_memfd("floor", size)};
    struct receiver receiver = {.base = base, .size = size};
    int pair[2] = {-1, -1};
    pid_t child = 0;
    double r = -ENOMEM;

    if (sender.fd >= 0 && base != MAP_FAILED &&
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0) {
        sender.socket = pair[1];
        child = floor_fork(options, send_on, &sender);
        receiver.socket = pair[0];
        r = child < 0 ? child : floor_time(take_one, &receiver, seconds);
    }
    floor_end(child);
    fd_close(&pair[0]);
    fd_close(&pair[1]);
    fd_close(&sender.fd);
    if (base != MAP_FAILED)
        munmap(base, size);
    return r;
}

/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
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

struct floor_message {
    int socket; /* owned, as the sender's and its memfd */
    uint8_t *base;
    uint64_t size;
    struct sender sender;
    pid_t child;
};

/* Takes one, and answers. */
static int take_one(void *data)
{
    const struct floor_message *receiver = data;
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

static void destroy(void *data)
{
    struct floor_message *receiver = data;

    floor_end(receiver->child);
    fd_close(&receiver->socket);
    fd_close(&receiver->sender.socket);
    fd_close(&receiver->sender.fd);
    if (receiver->base != MAP_FAILED)
        munmap(receiver->base, receiver->size);
    free(receiver);
}

int floor_message(struct floor *floor, const struct options *options, uint64_t size)
{
    struct floor_message *receiver = calloc(1, sizeof(*receiver));
    int pair[2] = {-1, -1};
    int r = 0;

    *floor = (struct floor){take_one, destroy, receiver, 1, OPTIONS_ANY_CPU, false};
    if (receiver == NULL)
        return -ENOMEM;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        r = -errno;
    receiver->socket = pair[0];
    receiver->sender = (struct sender){.socket = pair[1], .fd = fd_memfd("floor", size)};
    receiver->size = size;
    receiver->base =
        mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (r == 0 && (receiver->sender.fd < 0 || receiver->base == MAP_FAILED))
        r = -ENOMEM;
    if (r == 0)
        r = receiver->child = floor_fork(options, send_on, &receiver->sender);
    if (r < 0)
        floor_finish(floor);
    return r < 0 ? r : 0;
}

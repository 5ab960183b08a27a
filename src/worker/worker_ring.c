/* SPDX-License-Identifier: MIT */
#include "worker/worker_ring.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/log.h"
#include "protocol/link.h"

/* The front-end may have made it one that waits for room. */
void worker_ring_call(const struct worker_ring *ring)
{
    struct pollfd room = {.fd = ring->call, .events = POLLOUT};
    uint64_t one = 1;

    if (ring->call < 0 || poll(&room, 1, 0) <= 0 || (room.revents & POLLOUT) == 0)
        return;
    if (write(ring->call, &one, sizeof(one)) < 0 && errno != EAGAIN)
        log_stranger("Ring %u's call descriptor cannot be written: %s.", ring->index,
                     strerror(errno));
}

void worker_ring_set_call(struct worker_ring *ring, int fd)
{
    fd_close(&ring->call);
    ring->call = fd;
    if (fd >= 0)
        fd_set_nonblock(fd);
}

/* What was written is left in it: an edge comes with each kick, and nobody else wants the sum. */
static int on_kick(sd_event_source *source, int fd, uint32_t events, void *data)
{
    struct worker_ring *ring = data;

    ring->run(ring->data, ring->index);
    return 0;
}

void worker_ring_init(struct worker_ring *ring, unsigned index,
                      void (*run)(void *data, unsigned index), void *data)
{
    *ring = (struct worker_ring){.index = index, .kick = -1, .call = -1, .run = run, .data = data};
}

int worker_ring_open(struct worker_ring *ring, sd_event *loop, uint32_t flags, struct fd_list *fds)
{
    unsigned taken = 0;
    int r = 0;

    worker_ring_close(ring);
    if (flags & LINK_RING_HAS_KICK)
        ring->kick = fd_list_take(fds, taken++);
    if (flags & LINK_RING_HAS_CALL)
        worker_ring_set_call(ring, fd_list_take(fds, taken++));
    if (ring->kick >= 0)
        r = sd_event_add_io(loop, &ring->kicked, ring->kick, EPOLLIN | EPOLLET, on_kick, ring);
    if (r >= 0)
        return 0;
    log_stranger("Ring %u's kick descriptor cannot be waited for: %s.", ring->index, strerror(-r));
    /* As files cannot: that is the front-end's affair, and not a shortage. */
    return r == -EPERM ? 0 : r;
}

void worker_ring_close(struct worker_ring *ring)
{
    ring->kicked = sd_event_source_disable_unref(ring->kicked);
    fd_close(&ring->kick);
    fd_close(&ring->call);
}

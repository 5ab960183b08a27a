/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_BACK_END_PEER_H
#define TESTS_UNIT_BACK_END_PEER_H

/*
 * The front-end's end of a back-end channel: reads requests in whatever pieces they come, and
 * answers as a front-end does that has a window of its own. It aborts where the other end breaks
 * the protocol.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <systemd/sd-event.h>

#include "base/fd.h"
#include "protocol/vhost_user.h"

/* Microseconds for an answer where it comes: on however busy a machine. */
#define PEER_PATIENCE_US 60000000u
#define PEER_MAX_MAPPINGS 64u
#define PEER_MAX_OBJECTS 2048u

struct peer_mapping {
    uint64_t offset, size;
};

struct peer {
    int fd;         /* owned */
    unsigned have;  /* bytes of the request that have arrived */
    unsigned bytes; /* that ever did */
    struct vhost_user_header header;
    union {
        struct vhost_user_mmap mmap;
        uint8_t uuid[16];
    } payload;
    struct fd_list fds;
    unsigned count;
    struct peer_mapping mappings[PEER_MAX_MAPPINGS];
    unsigned maps, unmaps, barriers, withdrawn; /* requests of each kind that were read */
    unsigned refuse;                            /* so many SHMEM requests are refused */
    unsigned objects;                           /* shared ones */
    uint8_t uuids[PEER_MAX_OBJECTS][16];
    unsigned adds, removes, lookups; /* requests of each kind that were read */
    int found; /* what a look-up is answered with, borrowed; -1: there is no such object */
};

#define PEER_MUST(condition)                                                                       \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* Returns the other end, which the caller owns. */
static inline int peer_init(struct peer *peer)
{
    int pair[2];

    PEER_MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    memset(peer, 0, sizeof(*peer));
    peer->fd = pair[0];
    peer->found = -1;
    PEER_MUST(fd_set_nonblock(peer->fd) == 0);
    return pair[1];
}

static inline void peer_finish(struct peer *peer)
{
    fd_list_finish(&peer->fds);
    fd_close(&peer->fd);
}

/* How many bytes wait to be read. */
static inline int peer_unread(const struct peer *peer)
{
    int unread = 0;

    PEER_MUST(ioctl(peer->fd, FIONREAD, &unread) == 0);
    return unread;
}

/* Reads at most 'size' bytes of the request that is arriving. */
static inline void peer_read(struct peer *peer, size_t size)
{
    size_t total = VHOST_USER_HEADER_SIZE;
    uint8_t *at = (uint8_t *)&peer->header + peer->have;
    ssize_t n;

    if (peer->have >= VHOST_USER_HEADER_SIZE) {
        total += peer->header.size;
        at = (uint8_t *)&peer->payload + (peer->have - VHOST_USER_HEADER_SIZE);
    }
    if (size > total - peer->have)
        size = total - peer->have;
    n = size > 0 ? fd_receive(peer->fd, at, size, &peer->fds) : 0;
    if (n > 0) {
        peer->have += (unsigned)n;
        peer->bytes += (unsigned)n;
    }
    PEER_MUST(peer->have < VHOST_USER_HEADER_SIZE || peer->header.size <= sizeof(peer->payload));
}

/* Whether a whole request is there. Withdrawn ones are passed over. */
static inline bool peer_has_request(struct peer *peer)
{
    for (;;) {
        peer_read(peer, VHOST_USER_HEADER_SIZE);
        if (peer->have < VHOST_USER_HEADER_SIZE)
            return false;
        if (peer->header.request < VHOST_USER_BACKEND_WITHDRAWN)
            break;
        PEER_MUST(peer->header.flags == VHOST_USER_VERSION && peer->header.size == 0);
        fd_list_finish(&peer->fds);
        peer->have = 0;
        peer->withdrawn++;
    }
    PEER_MUST(peer->header.flags == (VHOST_USER_VERSION | VHOST_USER_FLAG_NEED_REPLY));
    peer_read(peer, sizeof(peer->payload));
    return peer->have == VHOST_USER_HEADER_SIZE + peer->header.size;
}

/* Sends an answer of any form, with a descriptor or (-1) without. */
static inline void peer_say_fd(struct peer *peer, uint32_t request, uint32_t flags, uint64_t value,
                               int fd)
{
    struct vhost_user_header header = {request, flags, sizeof(value)};
    uint8_t bytes[VHOST_USER_HEADER_SIZE + sizeof(value)];

    memcpy(bytes, &header, VHOST_USER_HEADER_SIZE);
    memcpy(bytes + VHOST_USER_HEADER_SIZE, &value, sizeof(value));
    PEER_MUST(fd_send(peer->fd, bytes, sizeof(bytes), &fd, fd >= 0) == sizeof(bytes));
}

static inline void peer_say(struct peer *peer, uint32_t request, uint32_t flags, uint64_t value)
{
    peer_say_fd(peer, request, flags, value, -1);
}

/* Answers the request that is there, and forgets it. */
static inline void peer_answer_fd(struct peer *peer, uint64_t value, int fd)
{
    PEER_MUST(peer->have == VHOST_USER_HEADER_SIZE + peer->header.size);
    peer_say_fd(peer, peer->header.request, VHOST_USER_VERSION | VHOST_USER_FLAG_REPLY, value, fd);
    fd_list_finish(&peer->fds);
    peer->have = 0;
}

static inline void peer_answer(struct peer *peer, uint64_t value)
{
    peer_answer_fd(peer, value, -1);
}

/* The place of the mapping that overlaps, or 'count'. */
static inline unsigned peer_find(const struct peer *peer, uint64_t offset, uint64_t size)
{
    unsigned i = 0;

    while (i < peer->count && (peer->mappings[i].offset >= offset + size ||
                               offset >= peer->mappings[i].offset + peer->mappings[i].size))
        i++;
    return i;
}

static inline bool peer_map(struct peer *peer)
{
    const struct vhost_user_mmap *m = &peer->payload.mmap;

    peer->maps++;
    PEER_MUST(peer->fds.count == 1 && m->flags == VHOST_USER_MMAP_RW && m->len > 0);
    if (peer_find(peer, m->shm_offset, m->len) < peer->count || peer->count == PEER_MAX_MAPPINGS)
        return false;
    peer->mappings[peer->count++] = (struct peer_mapping){m->shm_offset, m->len};
    return true;
}

static inline bool peer_unmap(struct peer *peer)
{
    const struct vhost_user_mmap *m = &peer->payload.mmap;
    unsigned i = peer_find(peer, m->shm_offset, m->len);

    peer->unmaps++;
    PEER_MUST(peer->fds.count == 0);
    if (i == peer->count || peer->mappings[i].offset != m->shm_offset ||
        peer->mappings[i].size != m->len)
        return false;
    peer->mappings[i] = peer->mappings[--peer->count];
    return true;
}

/* The place of the shared object, or 'objects'. */
static inline unsigned peer_object(const struct peer *peer, const uint8_t *uuid)
{
    unsigned i = 0;

    while (i < peer->objects && memcmp(peer->uuids[i], uuid, 16) != 0)
        i++;
    return i;
}

static inline bool peer_add(struct peer *peer)
{
    peer->adds++;
    PEER_MUST(peer->header.size == 16 && peer->fds.count == 0);
    if (peer_object(peer, peer->payload.uuid) < peer->objects || peer->objects == PEER_MAX_OBJECTS)
        return false;
    memcpy(peer->uuids[peer->objects++], peer->payload.uuid, 16);
    return true;
}

/* A barrier is the end of an object that never was. */
static inline bool peer_remove(struct peer *peer)
{
    unsigned i = peer_object(peer, peer->payload.uuid);

    PEER_MUST(peer->header.size == 16 && peer->fds.count == 0);
    if (i == peer->objects) {
        peer->barriers++;
        return false;
    }
    peer->removes++;
    memcpy(peer->uuids[i], peer->uuids[--peer->objects], 16);
    return true;
}

/* Carries out the request that is there, as a front-end does. */
static inline void peer_serve(struct peer *peer)
{
    bool good = false;

    if (peer->header.request == VHOST_USER_BACKEND_SHARED_OBJECT_REMOVE) {
        good = peer_remove(peer);
    } else if (peer->header.request == VHOST_USER_BACKEND_SHARED_OBJECT_ADD) {
        good = peer_add(peer);
    } else if (peer->header.request == VHOST_USER_BACKEND_SHARED_OBJECT_LOOKUP) {
        peer->lookups++;
        peer_answer_fd(peer, peer->found < 0, peer->found);
        return;
    } else if (peer->header.request != VHOST_USER_BACKEND_CONFIG_CHANGE && peer->refuse > 0) {
        peer->refuse--;
    } else if (peer->header.request == VHOST_USER_BACKEND_SHMEM_MAP) {
        good = peer_map(peer);
    } else if (peer->header.request == VHOST_USER_BACKEND_SHMEM_UNMAP) {
        good = peer_unmap(peer);
    } else {
        PEER_MUST(peer->header.request == VHOST_USER_BACKEND_CONFIG_CHANGE);
        good = true;
    }
    peer_answer(peer, !good);
}

/* How many descriptors are open, of the first few hundred. */
static inline unsigned peer_open_fds(void)
{
    struct pollfd fds[300];
    unsigned n = 0;

    for (int fd = 0; fd < 300; fd++)
        fds[fd] = (struct pollfd){.fd = fd};
    PEER_MUST(poll(fds, 300, 0) >= 0); /* one call for all */
    for (unsigned i = 0; i < 300; i++)
        n += (fds[i].revents & POLLNVAL) == 0;
    return n;
}

/* Lets the loop do what it can do now. */
static inline void loop_turns(sd_event *loop)
{
    for (unsigned i = 0; i < 100; i++)
        if (sd_event_run(loop, 0) <= 0)
            return;
    PEER_MUST(!"the loop comes to rest");
}

/* Both ends, until nothing happens any more. */
static inline void peer_run(struct peer *peer, sd_event *loop)
{
    unsigned before;
    bool served;

    do {
        before = peer->bytes;
        served = false;
        loop_turns(loop);
        for (; peer_has_request(peer); served = true)
            peer_serve(peer);
    } while (served ||
             peer->bytes != before); /* a request that was knocked for comes in two pieces */
    loop_turns(loop);
}

#endif

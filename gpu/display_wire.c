/* SPDX-License-Identifier: MIT */
#include "gpu/display_wire.h"

#include <errno.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/fd.h"

#define SEND_BUFFER (1 << 20) /* bytes: more would not stay in a processor's cache */

/* The more goes out at once, the less often both ends change places: as much as the system allows.
 * Returns how much that is. */
static size_t widen(int fd)
{
    int size = SEND_BUFFER;
    socklen_t length = sizeof(size);

    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    return getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, &length) == 0 && size > 0 ? (size_t)size
                                                                                  : 0;
}

int display_wire_init(struct display_wire *wire, int fd)
{
    int r;

    wire->fd = fd;
    wire->buffer = widen(fd);
    wire->rest_at = wire->rest_size = wire->have = 0;
    r = fd_set_nonblock(fd);
    if (r < 0)
        fd_close(&wire->fd);
    return r;
}

void display_wire_finish(struct display_wire *wire)
{
    fd_close(&wire->fd);
}

size_t display_wire_room(const struct display_wire *wire)
{
    size_t room;
    int out;

    if (ioctl(wire->fd, SIOCOUTQ, &out) < 0 || out < 0 || (size_t)out >= wire->buffer)
        return DISPLAY_WIRE_LEAST;
    room = wire->buffer - (size_t)out;
    room -= room / 8; /* what the kernel adds to each 32 KiB is less */
    return room < DISPLAY_WIRE_LEAST     ? DISPLAY_WIRE_LEAST
           : room > DISPLAY_WIRE_MESSAGE ? DISPLAY_WIRE_MESSAGE
                                         : room;
}

static size_t size_of(const struct iovec *parts, unsigned count)
{
    size_t size = 0;

    for (unsigned i = 0; i < count; i++)
        size += parts[i].iov_len;
    return size;
}

/* Keeps what comes after the first 'sent' bytes. */
static void keep_rest(struct display_wire *wire, const struct iovec *parts, unsigned count,
                      size_t sent)
{
    wire->rest_at = wire->rest_size = 0;
    for (unsigned i = 0; i < count; i++) {
        size_t skip = sent < parts[i].iov_len ? sent : parts[i].iov_len;
        size_t size = parts[i].iov_len - skip;

        if (size > 0)
            memcpy(wire->rest + wire->rest_size, (uint8_t *)parts[i].iov_base + skip, size);
        wire->rest_size += size;
        sent -= skip;
    }
}

int display_wire_send(struct display_wire *wire, const struct iovec *parts, unsigned count, int fd)
{
    ssize_t sent;
    int r = display_wire_flush(wire);

    if (r < 0)
        return r;
    sent = fd_send_parts_now(wire->fd, parts, count, &fd, fd >= 0);
    if (sent < 0)
        return (int)sent;
    if ((size_t)sent < size_of(parts, count))
        keep_rest(wire, parts, count, (size_t)sent);
    return 0;
}

int display_wire_say(struct display_wire *wire, uint32_t request, const void *payload,
                     uint32_t size, int fd)
{
    struct vhost_user_gpu_header header = {.request = request, .size = size};
    struct iovec parts[2] = {
        {&header, sizeof(header)},
        {(void *)(uintptr_t)payload, size},
    };

    return display_wire_send(wire, parts, 2, fd);
}

int display_wire_flush(struct display_wire *wire)
{
    while (wire->rest_at < wire->rest_size) {
        ssize_t sent = fd_send_now(wire->fd, wire->rest + wire->rest_at,
                                   wire->rest_size - wire->rest_at, NULL, 0);
        if (sent < 0)
            return (int)sent;
        wire->rest_at += (size_t)sent;
    }
    return 0;
}

/*
 * How many bytes to take: the answer's when its header is there, the header's before. What has
 * arrived is looked at before it is taken, so that an answer is nearly always taken whole: this
 * process may die in between. -EPROTO with a reason, or another -errno.
 */
static ssize_t look_ahead(struct display_wire *wire, const char **reason)
{
    struct vhost_user_gpu_header header = wire->in.header;

    if (wire->have < sizeof(header)) {
        ssize_t n = recv(wire->fd, (uint8_t *)&header + wire->have, sizeof(header) - wire->have,
                         MSG_PEEK | MSG_DONTWAIT);
        if (n <= 0)
            return n == 0 ? -ECONNRESET : -errno;
        if (wire->have + (size_t)n < sizeof(header))
            return sizeof(header);
        wire->in.header = header;
    }
    *reason = vhost_user_gpu_check_reply(&header);
    return *reason != NULL ? -EPROTO : (ssize_t)(sizeof(header) + header.size);
}

/* Whether the answer is there; its header was checked. */
static bool is_whole(const struct display_wire *wire)
{
    return wire->have >= sizeof(wire->in.header) &&
           wire->have == sizeof(wire->in.header) + wire->in.header.size;
}

int display_wire_receive(struct display_wire *wire, const char **reason)
{
    for (;;) {
        ssize_t n, whole = look_ahead(wire, reason);

        if (whole >= 0 && is_whole(wire)) {
            wire->have = 0;
            return 1;
        }
        if (whole > 0) {
            n = recv(wire->fd, (uint8_t *)&wire->in.header + wire->have, (size_t)whole - wire->have,
                     MSG_DONTWAIT);
            whole = n < 0 ? -errno : n == 0 ? -ECONNRESET : n;
        }
        if (whole < 0)
            return whole == -EAGAIN || whole == -EINTR ? 0 : (int)whole;
        wire->have += (size_t)whole;
    }
}

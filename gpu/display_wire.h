/* SPDX-License-Identifier: MIT */
#ifndef GPU_DISPLAY_WIRE_H
#define GPU_DISPLAY_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "protocol/vhost_user_gpu.h"

/*
 * A message with its header has at most so many bytes as display_wire_room says. Linux takes a
 * message of that size into a unix socket whole or not at all: up to 32 KiB always, as one buffer,
 * and more where there is room for all of it, as nothing ends a call midway that does not wait. So
 * when this process dies, the stream ends between two messages, and the next one goes on with it;
 * the front-end, which blocks on the rest of a message once it has seen the beginning, is never
 * left waiting. Pixels go in large messages because each costs both ends some calls.
 */
#define DISPLAY_WIRE_LEAST 32768u
#define DISPLAY_WIRE_MESSAGE 262144u
#define DISPLAY_WIRE_PARTS 514u

/* The display socket: whole messages out, whole answers in, and it never blocks. */
struct display_wire {
    int fd;                    /* owned; -1 when it is shut */
    size_t buffer;             /* bytes that the socket holds, what the kernel adds included */
    size_t rest_at, rest_size; /* what of a message did not go: it goes before all others */
    size_t have;               /* bytes of 'in' that have arrived */
    struct vhost_user_gpu_reply in;
    uint8_t rest[DISPLAY_WIRE_MESSAGE];
};

/* Takes ownership of 'fd', a connected stream socket, even on error. 0 or -errno. */
int display_wire_init(struct display_wire *wire, int fd);
void display_wire_finish(struct display_wire *wire);

/* How many bytes a message may have now: DISPLAY_WIRE_LEAST to DISPLAY_WIRE_MESSAGE. */
size_t display_wire_room(const struct display_wire *wire);

/*
 * Sends one message, or some behind each other, headers included: at most display_wire_room()
 * bytes in DISPLAY_WIRE_PARTS parts. 'fd' goes with the first byte, borrowed, -1 for none. 0, or
 * -EAGAIN when nothing of it went, or the -errno of a socket that is broken.
 */
int display_wire_send(struct display_wire *wire, const struct iovec *parts, unsigned count, int fd);
/* Sends a request with a payload in one piece. Returns the same. */
int display_wire_say(struct display_wire *wire, uint32_t request, const void *payload,
                     uint32_t size, int fd);
/* Sends what is left of a message. 0 when nothing is, else as display_wire_send. */
int display_wire_flush(struct display_wire *wire);

/* The next whole answer, in wire->in. 1; 0 when it has not all arrived; -ECONNRESET when the
 * front-end hung up, -EPROTO with *reason when it said what it must not, or another -errno. */
int display_wire_receive(struct display_wire *wire, const char **reason);

#endif

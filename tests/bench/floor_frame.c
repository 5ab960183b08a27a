/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "tests/bench/floor.h"

/*
 * The floor of a picture that is shown as pixels: a process copies it from guest memory, unless it
 * is shown from there, and writes it into a socket at once; this one reads it.
 */
#define SEND_BUFFER (1 << 20) /* bytes, as the back-end's */

struct shower {
    int socket;
    uint8_t *from, *to; /* guest memory, the back-end's */
    size_t size;
    bool copies;
};

static void show_on(void *data)
{
    const struct shower *shower = data;
    const uint8_t *shown = shower->copies ? shower->to : shower->from;
    uint8_t go;

    while (recv(shower->socket, &go, 1, 0) == 1) {
        if (shower->copies)
            memcpy(shower->to, shower->from, shower->size);
        if (fd_write_all(shower->socket, shown, shower->size) < 0)
            return;
    }
}

struct floor_frame {
    int socket; /* owned, as the shower's and all memory */
    uint8_t *seen;
    struct shower shower;
    pid_t child;
};

/* Asks for one, and reads it. */
static int take_one(void *data)
{
    const struct floor_frame *frame = data;
    size_t at = 0, size = frame->shower.size;
    ssize_t got = 0;

    if (send(frame->socket, "", 1, MSG_NOSIGNAL) != 1)
        return -errno;
    for (; at < size; at += (size_t)got) {
        got = recv(frame->socket, frame->seen + at, size - at, 0);
        if (got <= 0)
            return got == 0 ? -ECONNRESET : -errno;
    }
    return 0;
}

static void destroy(void *data)
{
    struct floor_frame *frame = data;

    floor_end(frame->child);
    fd_close(&frame->socket);
    fd_close(&frame->shower.socket);
    if (frame->shower.from != MAP_FAILED)
        munmap(frame->shower.from, frame->shower.size);
    free(frame->shower.to);
    free(frame->seen);
    free(frame);
}

/* Memory at both ends, touched once. */
static int fill(struct floor_frame *frame)
{
    struct shower *shower = &frame->shower;

    shower->from = floor_shared(shower->size);
    shower->to = malloc(shower->size);
    frame->seen = malloc(shower->size);
    if (shower->from == MAP_FAILED || shower->to == NULL || frame->seen == NULL)
        return -ENOMEM;
    memset(frame->seen, 0, shower->size);
    return 0;
}

int floor_frame(struct floor *floor, const struct options *options, uint32_t width, uint32_t height,
                bool copies)
{
    struct floor_frame *frame = calloc(1, sizeof(*frame));
    int pair[2] = {-1, -1}, buffer = SEND_BUFFER, r;

    *floor = (struct floor){take_one, destroy, frame, 1, OPTIONS_ANY_CPU, false};
    if (frame == NULL)
        return -ENOMEM;
    r = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0 ? -errno : 0;
    frame->socket = pair[0];
    frame->shower =
        (struct shower){.socket = pair[1], .size = (size_t)width * height * 4, .copies = copies};
    if (r == 0 && setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer)) < 0)
        r = -errno;
    if (fill(frame) < 0)
        r = -ENOMEM;
    if (r == 0)
        r = frame->child = floor_fork(options, show_on, &frame->shower);
    if (r < 0)
        floor_finish(floor);
    return r < 0 ? r : 0;
}

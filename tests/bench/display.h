/* SPDX-License-Identifier: MIT */
#ifndef TESTS_BENCH_DISPLAY_H
#define TESTS_BENCH_DISPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/vhost_user_gpu.h"

/*
 * The front-end's side of the display socket: it answers what the back-end asks, and keeps the
 * picture of the first output, from pixels that it is sent or from a dmabuf that it maps.
 */
#define DISPLAY_WIDTH 3840u /* of the one output that it tells of */
#define DISPLAY_HEIGHT 2160u

struct display {
    int fd;         /* owned; -1: there is none */
    bool asked;     /* the back-end has asked for protocol features */
    unsigned count; /* pictures that came whole: UPDATE and DMABUF_UPDATE */
    bool by_dmabuf; /* the last one lies in a dmabuf */
    uint64_t bytes; /* that came over the socket */
    const char *trouble;

    uint32_t width, height; /* of the output */
    uint8_t *pixels;        /* of it, width * height * 4; owned */
    uint8_t *dmabuf;        /* mapped; owned */
    size_t dmabuf_size;
    uint32_t stride; /* of the dmabuf, bytes */

    struct vhost_user_gpu_header header; /* of the message that is being read */
    size_t have;                         /* bytes of it, with its header */
    uint8_t *body;                       /* what is not put into 'pixels' directly; owned */
    size_t room;
    int came; /* the descriptor that came with it, owned; -1 */
};

/* Gives the back-end's end, which the caller owns, or -errno. */
int display_init(struct display *display);
void display_finish(struct display *display);
/* Reads and answers what is there, without waiting. 0 or -errno: -ECONNRESET at its end, -EBADMSG
 * with 'trouble' in words. */
int display_serve(struct display *display);
/* The picture's line; NULL when there is none of that size. */
const uint8_t *display_line(const struct display *display, uint32_t width, uint32_t height,
                            uint32_t y);

#endif

/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_WINDOW_PEER_H
#define TESTS_UNIT_WINDOW_PEER_H

/*
 * The front-end's end of a display socket, as QEMU plays it: it checks every byte that comes,
 * aborts where QEMU would come to harm, keeps what its window shows, and answers when and how the
 * test likes.
 */
#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "protocol/vhost_user_gpu.h"

#define WINDOW_PEER_OUTPUTS 16u

#define WINDOW_PEER_MUST(condition)                                                                \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

struct window_surface {
    uint32_t width, height;
    uint32_t *pixels; /* x8r8g8b8; NULL: there is none */
};

struct window_output {
    struct window_surface shown;
    bool bare;  /* a SCANOUT came, and no UPDATE after it */
    int dmabuf; /* -1: none */
    struct vhost_user_gpu_dmabuf_scanout2 about;
    struct vhost_user_gpu_update dmabuf_update; /* the last */
    struct vhost_user_gpu_cursor_update cursor; /* with its place */
    bool cursor_shown;
    unsigned updates, scanouts;
};

struct window_peer {
    int fd;
    uint64_t offers; /* protocol features */
    uint64_t taken;
    bool silent;                    /* it answers nothing */
    bool secretive;                 /* not what it can do: libkrun */
    unsigned edids;                 /* outputs that have an EDID: QEMU's max_outputs */
    bool keep_dmabuf;               /* DMABUF_UPDATE is answered by window_peer_flush alone */
    bool worker_died;               /* another goes on with the socket */
    unsigned blocked;               /* so many of them */
    uint32_t width[16], height[16]; /* of the outputs, 0: off */
    unsigned count[VHOST_USER_GPU_REQUESTS]; /* requests that came */
    uint64_t bytes;
    struct window_output outputs[WINDOW_PEER_OUTPUTS];
    size_t have;
    struct fd_list fds;
    uint8_t in[1 << 19];
};

static inline void window_peer_init(struct window_peer *p, int fd)
{
    *p = (struct window_peer){.fd = fd, .offers = 3, .edids = 2};
    p->width[0] = 1024;
    p->height[0] = 768;
    for (unsigned i = 0; i < WINDOW_PEER_OUTPUTS; i++)
        p->outputs[i].dmabuf = -1;
    WINDOW_PEER_MUST(fd_set_nonblock(fd) == 0);
}

static inline void window_peer_finish(struct window_peer *p)
{
    for (unsigned i = 0; i < WINDOW_PEER_OUTPUTS; i++) {
        free(p->outputs[i].shown.pixels);
        fd_close(&p->outputs[i].dmabuf);
    }
    fd_list_finish(&p->fds);
    fd_close(&p->fd);
}

static inline void window_peer_send(struct window_peer *p, uint32_t request, uint32_t flags,
                                    const void *payload, uint32_t size)
{
    uint8_t bytes[2048];
    struct vhost_user_gpu_header header = {request, flags, size};

    WINDOW_PEER_MUST(size <= sizeof(bytes) - sizeof(header));
    memcpy(bytes, &header, sizeof(header));
    if (size > 0)
        memcpy(bytes + sizeof(header), payload, size);
    WINDOW_PEER_MUST(send(p->fd, bytes, sizeof(header) + size, MSG_NOSIGNAL) ==
                     (ssize_t)(sizeof(header) + size));
}

static inline void window_peer_answer_info(struct window_peer *p)
{
    struct virtio_gpu_resp_display_info info = {.hdr.type =
                                                    htole32(VIRTIO_GPU_RESP_OK_DISPLAY_INFO)};

    for (unsigned i = 0; i < WINDOW_PEER_OUTPUTS; i++) {
        info.pmodes[i].enabled = htole32(p->width[i] > 0);
        info.pmodes[i].r.width = htole32(p->width[i]);
        info.pmodes[i].r.height = htole32(p->height[i]);
    }
    window_peer_send(p, VHOST_USER_GPU_GET_DISPLAY_INFO, 4, &info, sizeof(info));
}

/* An EDID that tells the outputs apart: its bytes are the output's number and 0xa0. */
static inline void window_peer_answer_edid(struct window_peer *p, uint32_t output)
{
    struct virtio_gpu_resp_edid edid = {.hdr.type = htole32(VIRTIO_GPU_RESP_OK_EDID),
                                        .size = htole32(1024)};

    if (output >= p->edids) /* QEMU says so on its standard error, and nothing here */
        return;
    memset(edid.edid, 0xa0 + (int)output, sizeof(edid.edid));
    window_peer_send(p, VHOST_USER_GPU_GET_EDID, 4, &edid, sizeof(edid));
}

/* Answers one DMABUF_UPDATE that was kept. */
static inline void window_peer_flush(struct window_peer *p)
{
    WINDOW_PEER_MUST(p->blocked > 0);
    p->blocked--;
    window_peer_send(p, VHOST_USER_GPU_DMABUF_UPDATE, 4, NULL, 0);
}

static inline struct window_output *window_peer_output(struct window_peer *p, const void *payload)
{
    uint32_t index;

    memcpy(&index, payload, sizeof(index));
    WINDOW_PEER_MUST(index < WINDOW_PEER_OUTPUTS);
    return &p->outputs[index];
}

static inline void window_peer_scanout(struct window_output *o, const void *payload)
{
    struct vhost_user_gpu_scanout scanout;

    memcpy(&scanout, payload, sizeof(scanout));
    WINDOW_PEER_MUST(!o->bare); /* QEMU would forget the surface, and never free it */
    free(o->shown.pixels);
    o->shown = (struct window_surface){scanout.width, scanout.height, NULL};
    o->scanouts++;
    if (scanout.width == 0)
        return;
    o->bare = true;
    o->shown.pixels = calloc((size_t)scanout.width * scanout.height, 4);
    WINDOW_PEER_MUST(o->shown.pixels != NULL);
}

static inline void window_peer_update(struct window_peer *p, struct window_output *o,
                                      const uint8_t *payload)
{
    struct vhost_user_gpu_update u;

    memcpy(&u, payload, sizeof(u));
    WINDOW_PEER_MUST(o->shown.pixels != NULL);         /* QEMU would die */
    WINDOW_PEER_MUST(o->dmabuf < 0 || p->worker_died); /* the next one does not know of it */
    WINDOW_PEER_MUST(u.width > 0 && u.height > 0);
    WINDOW_PEER_MUST((uint64_t)u.x + u.width <= o->shown.width);
    WINDOW_PEER_MUST((uint64_t)u.y + u.height <= o->shown.height);
    for (uint32_t y = 0; y < u.height; y++)
        memcpy(o->shown.pixels + (size_t)(u.y + y) * o->shown.width + u.x,
               payload + sizeof(u) + (size_t)y * u.width * 4, (size_t)u.width * 4);
    o->bare = false;
    o->updates++;
}

static inline void window_peer_dmabuf(struct window_peer *p, struct window_output *o,
                                      const struct vhost_user_gpu_header *header,
                                      const void *payload)
{
    WINDOW_PEER_MUST(!o->bare);
    o->about = (struct vhost_user_gpu_dmabuf_scanout2){.modifier = 0xdead};
    memcpy(&o->about, payload, header->size);
    fd_close(&o->dmabuf);
    o->dmabuf = fd_list_take(&p->fds, 0);
    WINDOW_PEER_MUST((o->dmabuf < 0) == (o->about.scanout.width == 0));
}

static inline void window_peer_dmabuf_update(struct window_peer *p, struct window_output *o,
                                             const void *payload)
{
    memcpy(&o->dmabuf_update, payload, sizeof(o->dmabuf_update));
    WINDOW_PEER_MUST(o->dmabuf >= 0);
    /* QEMU remembers one. A dead worker's may be one more: QEMU does not read on until it has shown
     * that. */
    WINDOW_PEER_MUST(p->blocked == 0 || p->worker_died);
    p->blocked++;
    if (!p->keep_dmabuf)
        window_peer_flush(p);
}

static inline void window_peer_cursor(struct window_output *o, uint32_t request,
                                      const void *payload, uint32_t size)
{
    memcpy(&o->cursor, payload, size);
    o->cursor_shown = request != VHOST_USER_GPU_CURSOR_POS_HIDE;
}

static inline void window_peer_take(struct window_peer *p,
                                    const struct vhost_user_gpu_header *header,
                                    const uint8_t *payload)
{
    const char *reason = vhost_user_gpu_check_request(header, payload, p->fds.count, p->taken);

    if (reason != NULL)
        fprintf(stderr, "request %u: %s\n", header->request, reason);
    WINDOW_PEER_MUST(reason == NULL);
    p->count[header->request]++;
    switch (header->request) {
    case VHOST_USER_GPU_GET_PROTOCOL_FEATURES:
        if (!p->silent && !p->secretive)
            window_peer_send(p, header->request, 4, &p->offers, sizeof(p->offers));
        break;
    case VHOST_USER_GPU_SET_PROTOCOL_FEATURES:
        memcpy(&p->taken, payload, sizeof(p->taken));
        WINDOW_PEER_MUST((p->taken & ~p->offers) == 0);
        break;
    case VHOST_USER_GPU_GET_DISPLAY_INFO:
        if (!p->silent)
            window_peer_answer_info(p);
        break;
    case VHOST_USER_GPU_GET_EDID:
        if (!p->silent)
            window_peer_answer_edid(p, *(const uint32_t *)(const void *)payload);
        break;
    case VHOST_USER_GPU_SCANOUT:
        window_peer_scanout(window_peer_output(p, payload), payload);
        break;
    case VHOST_USER_GPU_UPDATE:
        window_peer_update(p, window_peer_output(p, payload), payload);
        break;
    case VHOST_USER_GPU_DMABUF_SCANOUT:
    case VHOST_USER_GPU_DMABUF_SCANOUT2:
        window_peer_dmabuf(p, window_peer_output(p, payload), header, payload);
        break;
    case VHOST_USER_GPU_DMABUF_UPDATE:
        window_peer_dmabuf_update(p, window_peer_output(p, payload), payload);
        break;
    default:
        window_peer_cursor(window_peer_output(p, payload), header->request, payload, header->size);
    }
    fd_list_finish(&p->fds);
}

/* Reads at most 'most' bytes and takes what messages are whole. Returns the bytes that it read; 0:
 * there is nothing. A message's descriptor comes with the read that begins it: so each read ends
 * with a message's end, as QEMU's do. */
static inline size_t window_peer_read(struct window_peer *p, size_t most)
{
    size_t total = 0;

    while (total < most) {
        struct vhost_user_gpu_header header;
        size_t want = sizeof(header);
        ssize_t n;

        memcpy(&header, p->in, sizeof(header));
        if (p->have >= sizeof(header))
            want += header.size;
        WINDOW_PEER_MUST(want <= sizeof(p->in));
        if (p->have < want) {
            size_t size = want - p->have < most - total ? want - p->have : most - total;
            n = fd_receive(p->fd, p->in + p->have, size, &p->fds);
            if (n <= 0)
                return total;
            p->have += (size_t)n;
            total += (size_t)n;
            p->bytes += (size_t)n;
        }
        memcpy(&header, p->in, sizeof(header));
        if (p->have >= sizeof(header) && p->have == sizeof(header) + header.size) {
            window_peer_take(p, &header, p->in + sizeof(header));
            p->have = 0;
        }
    }
    return total;
}

#endif

/* SPDX-License-Identifier: MIT */
#include "tests/bench/display.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

#define HEAD VHOST_USER_GPU_HEADER_SIZE
#define PICTURE_HEAD sizeof(struct vhost_user_gpu_update)
#define MOST_BODY (UINT32_C(256) << 20)

int display_init(struct display *display)
{
    int pair[2];

    memset(display, 0, sizeof(*display));
    display->fd = display->came = -1;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    display->fd = pair[0];
    return pair[1];
}

static void drop_dmabuf(struct display *display)
{
    if (display->dmabuf != NULL)
        munmap(display->dmabuf, display->dmabuf_size);
    display->dmabuf = NULL;
}

void display_finish(struct display *display)
{
    fd_close(&display->fd);
    fd_close(&display->came);
    drop_dmabuf(display);
    free(display->pixels);
    free(display->body);
    memset(display, 0, sizeof(*display));
    display->fd = display->came = -1;
}

static int refuse(struct display *display, const char *why)
{
    display->trouble = why;
    return -EBADMSG;
}

/* Answers are small, and the back-end waits for them: they fit into the socket. */
static int reply(struct display *display, const void *payload, uint32_t size)
{
    struct vhost_user_gpu_header header = {display->header.request, VHOST_USER_GPU_FLAG_REPLY,
                                           size};
    struct iovec pieces[] = {{&header, sizeof(header)}, {(void *)(uintptr_t)payload, size}};
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = size > 0 ? 2 : 1};

    return sendmsg(display->fd, &message, MSG_NOSIGNAL) == (ssize_t)(HEAD + size) ? 0 : -ECONNRESET;
}

static int tell_outputs(struct display *display)
{
    struct virtio_gpu_resp_display_info info = {
        .hdr = {.type = VIRTIO_GPU_RESP_OK_DISPLAY_INFO},
        .pmodes[0] = {.r = {0, 0, DISPLAY_WIDTH, DISPLAY_HEIGHT}, .enabled = 1},
    };

    return reply(display, &info, sizeof(info));
}

static int tell_edid(struct display *display)
{
    static const uint8_t begin[] = {0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0};
    struct virtio_gpu_resp_edid edid = {.hdr = {.type = VIRTIO_GPU_RESP_OK_EDID}, .size = 128};
    uint8_t sum = 0;

    memcpy(edid.edid, begin, sizeof(begin));
    edid.edid[18] = 1; /* version 1.4 */
    edid.edid[19] = 4;
    for (unsigned i = 0; i < 127; i++)
        sum = (uint8_t)(sum + edid.edid[i]);
    edid.edid[127] = (uint8_t)-sum;
    return reply(display, &edid, sizeof(edid));
}

static int new_output(struct display *display, const struct vhost_user_gpu_scanout *scanout)
{
    if (scanout->scanout != 0)
        return 0;
    if (scanout->width > 16384 || scanout->height > 16384)
        return refuse(display, "an output of an absurd size");
    drop_dmabuf(display);
    free(display->pixels);
    display->width = scanout->width;
    display->height = scanout->height;
    display->pixels = calloc((size_t)scanout->width * scanout->height + 1, 4);
    return display->pixels != NULL ? 0 : -ENOMEM;
}

static int new_dmabuf(struct display *display, const struct vhost_user_gpu_dmabuf_scanout *scanout)
{
    struct stat st;

    if (scanout->scanout != 0)
        return 0;
    drop_dmabuf(display);
    if (display->came < 0)
        return 0;
    display->width = scanout->width;
    display->height = scanout->height;
    display->stride = scanout->fd_stride;
    if (fstat(display->came, &st) < 0 || st.st_size == 0)
        return refuse(display, "a dmabuf without a size");
    display->dmabuf_size = (size_t)st.st_size;
    display->dmabuf = mmap(NULL, display->dmabuf_size, PROT_READ, MAP_SHARED, display->came, 0);
    if (display->dmabuf == MAP_FAILED) {
        display->dmabuf = NULL;
        return refuse(display, "a dmabuf that cannot be mapped");
    }
    return (uint64_t)display->stride * display->height > display->dmabuf_size
               ? refuse(display, "a dmabuf that is too small for its picture")
               : 0;
}

/* A picture of a part of the output, from 'body'; what is as wide as the output lies in 'pixels'
 * already. */
static int take_update(struct display *display, bool in_place)
{
    const struct vhost_user_gpu_update *update = (const void *)display->body;
    const uint8_t *from = display->body + PICTURE_HEAD;

    if (update->scanout != 0)
        return 0;
    if (update->x > display->width || update->width > display->width - update->x ||
        update->y > display->height || update->height > display->height - update->y)
        return refuse(display, "an UPDATE beyond the output");
    for (uint32_t y = 0; !in_place && y < update->height; y++)
        memcpy(display->pixels + ((size_t)(update->y + y) * display->width + update->x) * 4,
               from + (size_t)y * update->width * 4, update->width * 4ul);
    display->count++;
    display->by_dmabuf = false;
    return 0;
}

/* A whole message. */
static int handle(struct display *display, bool in_place)
{
    const uint64_t features = VHOST_USER_GPU_F_EDID | VHOST_USER_GPU_F_DMABUF2;

    switch (display->header.request) {
    case VHOST_USER_GPU_GET_PROTOCOL_FEATURES:
        display->asked = true;
        return reply(display, &features, sizeof(features));
    case VHOST_USER_GPU_GET_DISPLAY_INFO:
        return tell_outputs(display);
    case VHOST_USER_GPU_GET_EDID:
        return tell_edid(display);
    case VHOST_USER_GPU_SCANOUT:
        return new_output(display, (const void *)display->body);
    case VHOST_USER_GPU_UPDATE:
        return take_update(display, in_place);
    case VHOST_USER_GPU_DMABUF_SCANOUT:
    case VHOST_USER_GPU_DMABUF_SCANOUT2:
        return new_dmabuf(display, (const void *)display->body);
    case VHOST_USER_GPU_DMABUF_UPDATE:
        display->count++;
        display->by_dmabuf = true;
        return reply(display, NULL, 0);
    default: /* the cursor, and what was taken */
        return 0;
    }
}

/* Whether what follows an UPDATE's head goes into the picture as it comes: it is as wide as the
 * output. Its head has been read. */
static uint8_t *place_of_pixels(const struct display *display)
{
    const struct vhost_user_gpu_update *update = (const void *)display->body;

    if (display->header.request != VHOST_USER_GPU_UPDATE || display->have < HEAD + PICTURE_HEAD ||
        update->scanout != 0 || update->x != 0 || update->width != display->width ||
        update->height > display->height || update->y > display->height - update->height ||
        display->header.size != PICTURE_HEAD + (size_t)update->width * update->height * 4)
        return NULL;
    return display->pixels + (size_t)update->y * display->width * 4;
}

/* Where the next bytes go, and how many are wanted there. */
static size_t next_piece(struct display *display, uint8_t **to)
{
    size_t whole = HEAD + display->header.size, have = display->have;
    uint8_t *pixels;

    if (have < HEAD) {
        *to = (uint8_t *)&display->header + have;
        return HEAD - have;
    }
    if (display->header.request == VHOST_USER_GPU_UPDATE && have < HEAD + PICTURE_HEAD) {
        *to = display->body + (have - HEAD);
        return HEAD + PICTURE_HEAD - have;
    }
    pixels = place_of_pixels(display);
    *to = pixels != NULL ? pixels + (have - HEAD - PICTURE_HEAD) : display->body + (have - HEAD);
    return whole - have;
}

static int make_room(struct display *display)
{
    const struct vhost_user_gpu_rule *rule = vhost_user_gpu_rule(display->header.request);
    uint8_t *body;

    if (rule == NULL)
        return refuse(display, "an unknown request on the display socket");
    if (display->header.size < rule->min_size || display->header.size > rule->max_size ||
        display->header.size > MOST_BODY)
        return refuse(display, "a request of the wrong size on the display socket");
    if (display->header.size <= display->room)
        return 0;
    body = realloc(display->body, display->header.size);
    if (body == NULL)
        return -ENOMEM;
    display->body = body;
    display->room = display->header.size;
    return 0;
}

static int finish_message(struct display *display)
{
    bool in_place = place_of_pixels(display) != NULL;
    /* Not the flags: QEMU's own back-end leaves them as they happen to be. */
    const struct vhost_user_gpu_header header = {display->header.request, 0, display->header.size};
    const char *wrong =
        vhost_user_gpu_check_request(&header, display->body, display->came >= 0,
                                     VHOST_USER_GPU_F_EDID | VHOST_USER_GPU_F_DMABUF2);
    int r = wrong != NULL ? refuse(display, wrong) : handle(display, in_place);

    fd_close(&display->came);
    display->have = 0;
    return r;
}

int display_serve(struct display *display)
{
    int r = 0;

    while (r == 0) {
        struct fd_list fds = {0};
        uint8_t *to;
        size_t wanted = next_piece(display, &to);
        ssize_t got = fd_receive_now(display->fd, to, wanted, &fds);

        if (fds.count > 0 && display->came < 0)
            display->came = fd_list_take(&fds, 0);
        fd_list_finish(&fds);
        if (got == -EAGAIN)
            return 0;
        if (got <= 0)
            return got == 0 ? -ECONNRESET : (int)got;
        display->have += (size_t)got;
        display->bytes += (size_t)got;
        if (display->have == HEAD)
            r = make_room(display);
        if (r == 0 && display->have >= HEAD && display->have == HEAD + display->header.size)
            r = finish_message(display);
    }
    return r;
}

const uint8_t *display_line(const struct display *display, uint32_t width, uint32_t height,
                            uint32_t y)
{
    if (width != display->width || height != display->height || y >= height)
        return NULL;
    if (display->by_dmabuf)
        return display->dmabuf != NULL ? display->dmabuf + (size_t)y * display->stride : NULL;
    return display->pixels != NULL ? display->pixels + (size_t)y * width * 4 : NULL;
}

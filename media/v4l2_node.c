/* SPDX-License-Identifier: MIT */
#include "media/v4l2_node.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/* What is passed on. READWRITE, overlays, and the queues of metadata, VBI and radio samples are
 * not: a guest could not use them. */
#define QUEUES                                                                                     \
    (V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_VIDEO_CAPTURE_MPLANE | V4L2_CAP_VIDEO_OUTPUT |              \
     V4L2_CAP_VIDEO_OUTPUT_MPLANE | V4L2_CAP_VIDEO_M2M | V4L2_CAP_VIDEO_M2M_MPLANE)
#define EXTRAS                                                                                     \
    (V4L2_CAP_TUNER | V4L2_CAP_AUDIO | V4L2_CAP_RADIO | V4L2_CAP_MODULATOR | V4L2_CAP_HW_FREQ_SEEK)

static int real_open(const char *path, int flags)
{
    return open(path, flags);
}

static int real_ioctl(int fd, unsigned long code, void *argument)
{
    return ioctl(fd, code, argument);
}

static void *real_mmap(size_t size, int fd, uint32_t offset)
{
    return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)offset);
}

const struct v4l2_calls v4l2_calls_real = {
    .open = real_open,
    .close = close,
    .ioctl = real_ioctl,
    .mmap = real_mmap,
    .munmap = munmap,
};

struct v4l2_node *v4l2_node_create(const struct v4l2_calls *calls)
{
    struct v4l2_node *node = calloc(1, sizeof(*node));

    if (node == NULL)
        return NULL;
    node->calls = calls != NULL ? calls : &v4l2_calls_real;
    node->fd = -1;
    return node;
}

void v4l2_node_destroy(struct v4l2_node *node)
{
    if (node == NULL)
        return;
    if (node->fd >= 0)
        node->calls->close(node->fd);
    free(node);
}

int v4l2_node_open(struct v4l2_node *node, const char *path)
{
    node->fd = node->calls->open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    return node->fd >= 0 ? 0 : -errno;
}

int v4l2_node_ioctl(const struct v4l2_node *node, unsigned long code, void *argument)
{
    int r;

    do
        r = node->calls->ioctl(node->fd, code, argument);
    while (r < 0 && errno == EINTR);
    return r < 0 ? -errno : 0;
}

int v4l2_node_query(const struct v4l2_node *node, uint32_t *caps, struct v4l2_capability *about)
{
    int r;

    *about = (struct v4l2_capability){0};
    r = v4l2_node_ioctl(node, VIDIOC_QUERYCAP, about);
    if (r != 0)
        return r == -ENOTTY ? -ENODEV : r;
    *caps = (about->capabilities & V4L2_CAP_DEVICE_CAPS) != 0 ? about->device_caps
                                                              : about->capabilities;
    if ((*caps & V4L2_CAP_STREAMING) == 0 || (*caps & QUEUES) == 0)
        return -ENODEV;
    *caps &= QUEUES | EXTRAS;
    return 0;
}

static void free_buffers(const struct v4l2_node *node, uint32_t type, uint32_t memory)
{
    struct v4l2_requestbuffers none = {.type = type, .memory = memory};

    v4l2_node_ioctl(node, VIDIOC_STREAMOFF, &type);
    v4l2_node_ioctl(node, VIDIOC_REQBUFS, &none);
}

static void closing_run(struct v4l2_work *work)
{
    struct v4l2_node *node = (struct v4l2_node *)(void *)work; /* 'closing' comes first */

    for (unsigned i = 0; i < 2 && node->fd >= 0; i++)
        if (node->queues[i].type != 0)
            free_buffers(node, node->queues[i].type, node->queues[i].memory);
    if (node->fd >= 0)
        node->calls->close(node->fd);
    node->fd = -1;
}

static void closing_done(struct v4l2_work *work)
{
    v4l2_node_destroy((struct v4l2_node *)(void *)work);
}

void v4l2_node_leave(struct v4l2_node *node, struct v4l2_lane *lane)
{
    node->closing = (struct v4l2_work){.run = closing_run, .done = closing_done};
    v4l2_lane_give(lane, &node->closing);
}

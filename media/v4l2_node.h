/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_V4L2_NODE_H
#define MEDIA_V4L2_NODE_H

#include <stddef.h>
#include <stdint.h>

#include <linux/videodev2.h>

#include "media/v4l2_lane.h"

/* The system calls on a video node, so that tests can pretend one. Each returns what the system's
 * does, -1 (MAP_FAILED) with errno set for an error. */
struct v4l2_calls {
    int (*open)(const char *path, int flags);
    int (*close)(int fd);
    int (*ioctl)(int fd, unsigned long code, void *argument);
    void *(*mmap)(size_t size, int fd, uint32_t offset);
    int (*munmap)(void *data, size_t size);
    /* With which epoll events a file tells that the wanted ones (EPOLLIN, EPOLLOUT, EPOLLPRI) are
     * there. NULL: with those. */
    uint32_t (*wake)(uint32_t wanted);
};

/* The system's own. */
extern const struct v4l2_calls v4l2_calls_real;

/* An open video node of the host. */
struct v4l2_node {
    struct v4l2_work closing; /* in the lane, when nobody uses it any more */
    const struct v4l2_calls *calls;
    int fd; /* owned; -1 before it is opened */
    struct {
        uint32_t type, memory; /* 0: nothing */
    } queues[2];               /* whose buffers are freed before it is closed */
};

/* A node that is not open yet; 'calls' NULL means the system's. NULL with errno set. */
struct v4l2_node *v4l2_node_create(const struct v4l2_calls *calls);
/* Takes NULL. Closes the file here and now, which may take long. */
void v4l2_node_destroy(struct v4l2_node *node);
/* Opens it without blocking in DQBUF. 0 or -errno. May take long. */
int v4l2_node_open(struct v4l2_node *node, const char *path);
/* An ioctl, done again after a signal. 0 or -errno. */
int v4l2_node_ioctl(const struct v4l2_node *node, unsigned long code, void *argument);
/* What the opened file can do, of what a guest can use: V4L2_CAP_*. And its name. 0 or -errno:
 * -ENODEV when it is not a node with a video queue that streams. */
int v4l2_node_query(const struct v4l2_node *node, uint32_t *caps, struct v4l2_capability *about);
/* Has 'lane' free the buffers of 'queues', then close and free it: a duplicate of the descriptor
 * may live on for a while, elsewhere, and has no buffers then. */
void v4l2_node_leave(struct v4l2_node *node, struct v4l2_lane *lane);

#endif

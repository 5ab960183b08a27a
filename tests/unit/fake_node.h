/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_FAKE_NODE_H
#define TESTS_UNIT_FAKE_NODE_H

/*
 * A video node that is none: it keeps V4L2's rules for one queue, of capture or output, with one
 * plane or two, controls, events and timings; makes frames when the test says so; and aborts when
 * it is given a pointer or a value that a driver must not get. It is asked on threads, and told
 * what to do by the test.
 */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "media/v4l2_node.h"
#include "protocol/v4l2_ioctl.h"

#define FAKE_NODE_BUFFERS 8u
#define FAKE_NODE_FILES 8u
#define FAKE_NODE_EVENTS 32u
#define FAKE_NODE_DUPLICATES 4u
#define FAKE_NODE_STRING (V4L2_CID_USER_BASE | 0x1001)
#define FAKE_NODE_PLANE 20000u /* bytes of a plane: no whole pages */
#define FAKE_NODE_COOKIE(index, plane) (((index)*2 + (plane)) * 0x8000u)

#define FAKE_NODE_MUST(condition)                                                                  \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

struct fake_node_file {
    int fd;                          /* eventfd; 0: not open */
    int other[FAKE_NODE_DUPLICATES]; /* the same open file; 0: none */
    bool wants[V4L2_EVENT_SOURCE_CHANGE + 1];
    unsigned events;
    struct v4l2_event event[FAKE_NODE_EVENTS];
};

struct fake_node_buffer {
    int fd[2];
    bool queued, done;
    uint32_t sequence, bytesused[2];
    uint8_t *user[2]; /* USERPTR: as given last */
};

struct fake_node {
    pthread_mutex_t lock;
    uint32_t type;                    /* V4L2_BUF_TYPE_* of its queue */
    bool no_export;                   /* EXPBUF is not there */
    bool user;                        /* its buffers are USERPTR's */
    bool gone;                        /* unplugged */
    int open_error;                   /* what open fails with */
    unsigned delay_ms;                /* of every ioctl */
    int dequeue_error;                /* what DQBUF fails with */
    unsigned asked[V4L2_IOCTL_COUNT]; /* ioctls that came, by number */
    struct fake_node_file file[FAKE_NODE_FILES];
    struct fake_node_file *owner;
    unsigned count;
    struct fake_node_buffer buffer[FAKE_NODE_BUFFERS];
    bool streaming;
    uint32_t order[FAKE_NODE_BUFFERS]; /* of dequeuing */
    unsigned done;
    uint32_t sequence;
    int32_t brightness;
    char text[16];
    uint32_t width, height;
    uint8_t last; /* output: the first byte of the last frame that was shown */
    unsigned shown, maps;
};

/* The calls have no room for a pointer. */
static inline struct fake_node **fake_node_current(void)
{
    static struct fake_node *current;

    return &current;
}

static inline bool fake_node_multi(const struct fake_node *node)
{
    return V4L2_TYPE_IS_MULTIPLANAR(node->type);
}

static inline unsigned fake_node_planes(const struct fake_node *node)
{
    return fake_node_multi(node) ? 2 : 1;
}

static inline void fake_node_init(struct fake_node *node, uint32_t type)
{
    *node = (struct fake_node){.type = type, .brightness = 128, .width = 1920, .height = 1080};
    pthread_mutex_init(&node->lock, NULL);
    *fake_node_current() = node;
}

static inline void fake_node_free_buffers(struct fake_node *node)
{
    for (unsigned i = 0; i < node->count; i++)
        for (unsigned p = 0; p < fake_node_planes(node); p++)
            close(node->buffer[i].fd[p]);
    node->user = false;
    memset(node->buffer, 0, sizeof(node->buffer));
    node->count = 0;
    node->done = 0;
    node->streaming = false;
    node->owner = NULL;
}

static inline void fake_node_finish(struct fake_node *node)
{
    for (unsigned i = 0; i < FAKE_NODE_FILES; i++)
        FAKE_NODE_MUST(node->file[i].fd == 0);
    FAKE_NODE_MUST(node->count == 0 && node->maps == 0);
    pthread_mutex_destroy(&node->lock);
}

/* The place of that descriptor in one of the open files, or NULL. */
static inline int *fake_node_find(struct fake_node *node, int fd, struct fake_node_file **file)
{
    for (unsigned i = 0; i < FAKE_NODE_FILES && fd > 0; i++) {
        *file = &node->file[i];
        if (node->file[i].fd == fd)
            return &node->file[i].fd;
        for (unsigned d = 0; d < FAKE_NODE_DUPLICATES; d++)
            if (node->file[i].other[d] == fd)
                return &node->file[i].other[d];
    }
    return NULL;
}

/* Whether its file has anything to tell. The lock is held. */
static inline void fake_node_tell(struct fake_node *node)
{
    for (unsigned i = 0; i < FAKE_NODE_FILES; i++) {
        struct fake_node_file *file = &node->file[i];
        eventfd_t count;

        if (file->fd == 0)
            continue;
        if (file->events > 0 || node->gone || (node->owner == file && node->done > 0) ||
            (node->owner == file && node->streaming && node->dequeue_error != 0))
            eventfd_write(file->fd, 1);
        else
            eventfd_read(file->fd, &count);
    }
}

static inline void fake_node_finished(struct fake_node *node, uint32_t index)
{
    node->buffer[index].done = true;
    node->buffer[index].sequence = node->sequence++;
    node->order[node->done++] = index;
}

/* ---- what the test does to it ---- */

/* A frame whose bytes are 'value' (of the second plane: one more) comes into the first queued
 * buffer. False if there is none. */
static inline bool fake_node_frame(struct fake_node *node, uint8_t value)
{
    uint32_t first = UINT32_MAX;

    pthread_mutex_lock(&node->lock);
    for (uint32_t i = 0; i < node->count && first == UINT32_MAX; i++)
        if (node->buffer[i].queued && !node->buffer[i].done && node->streaming)
            first = i;
    for (unsigned p = 0; first != UINT32_MAX && p < fake_node_planes(node); p++) {
        uint8_t bytes[FAKE_NODE_PLANE];

        memset(bytes, value + (int)p, sizeof(bytes));
        if (node->user)
            memcpy(node->buffer[first].user[p], bytes, sizeof(bytes));
        FAKE_NODE_MUST(pwrite(node->buffer[first].fd[p], bytes, sizeof(bytes), 0) ==
                       (ssize_t)sizeof(bytes));
        node->buffer[first].bytesused[p] = FAKE_NODE_PLANE - 1;
    }
    if (first != UINT32_MAX)
        fake_node_finished(node, first);
    fake_node_tell(node);
    pthread_mutex_unlock(&node->lock);
    return first != UINT32_MAX;
}

static inline void fake_node_event(struct fake_node *node, const struct v4l2_event *event)
{
    pthread_mutex_lock(&node->lock);
    for (unsigned i = 0; i < FAKE_NODE_FILES; i++) {
        struct fake_node_file *file = &node->file[i];

        if (file->fd > 0 && file->wants[event->type] && file->events < FAKE_NODE_EVENTS)
            file->event[file->events++] = *event;
    }
    fake_node_tell(node);
    pthread_mutex_unlock(&node->lock);
}

static inline void fake_node_fail(struct fake_node *node, int dequeue_error)
{
    pthread_mutex_lock(&node->lock);
    node->dequeue_error = dequeue_error;
    fake_node_tell(node);
    pthread_mutex_unlock(&node->lock);
}

static inline void fake_node_unplug(struct fake_node *node, bool gone)
{
    pthread_mutex_lock(&node->lock);
    node->gone = gone;
    fake_node_tell(node);
    pthread_mutex_unlock(&node->lock);
}

/* ---- ioctls; each returns 0 or -errno ---- */

static inline int fake_node_querycap(struct fake_node *node, struct v4l2_capability *about)
{
    static const uint32_t caps[] = {
        [V4L2_BUF_TYPE_VIDEO_CAPTURE] = V4L2_CAP_VIDEO_CAPTURE,
        [V4L2_BUF_TYPE_VIDEO_OUTPUT] = V4L2_CAP_VIDEO_OUTPUT,
        [V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE] = V4L2_CAP_VIDEO_CAPTURE_MPLANE,
        [V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE] = V4L2_CAP_VIDEO_OUTPUT_MPLANE,
    };

    *about = (struct v4l2_capability){.driver = "fake", .card = "A fake camera"};
    about->device_caps = caps[node->type] | V4L2_CAP_STREAMING | V4L2_CAP_READWRITE;
    about->capabilities = about->device_caps | V4L2_CAP_DEVICE_CAPS;
    return 0;
}

static inline int fake_node_reqbufs(struct fake_node *node, struct fake_node_file *file,
                                    struct v4l2_requestbuffers *wish)
{
    FAKE_NODE_MUST(wish->memory == V4L2_MEMORY_MMAP || wish->memory == V4L2_MEMORY_USERPTR);
    FAKE_NODE_MUST(wish->flags == 0);
    if (wish->type != node->type)
        return -EINVAL;
    if (node->owner != NULL && node->owner != file)
        return -EBUSY;
    fake_node_free_buffers(node);
    if (wish->count > FAKE_NODE_BUFFERS)
        wish->count = FAKE_NODE_BUFFERS;
    for (; node->count < wish->count; node->count++)
        for (unsigned p = 0; p < fake_node_planes(node); p++)
            node->buffer[node->count].fd[p] = fd_memfd("fake", 20480);
    node->owner = node->count > 0 ? file : NULL;
    node->user = wish->memory == V4L2_MEMORY_USERPTR;
    wish->capabilities = 0xffff;
    return 0;
}

static inline int fake_node_create(struct fake_node *node, struct fake_node_file *file,
                                   struct v4l2_create_buffers *create)
{
    uint32_t wanted = create->count;

    if (node->owner != NULL && node->owner != file)
        return -EBUSY;
    create->index = node->count;
    create->capabilities = 0xffff;
    for (create->count = 0; create->count < wanted && node->count < FAKE_NODE_BUFFERS;
         create->count++, node->count++)
        for (unsigned p = 0; p < fake_node_planes(node); p++)
            node->buffer[node->count].fd[p] = fd_memfd("fake", 20480);
    if (node->count > 0)
        node->owner = file;
    return 0;
}

static inline void fake_node_describe(struct fake_node *node, struct v4l2_buffer *b)
{
    const struct fake_node_buffer *buffer = &node->buffer[b->index];

    b->flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC | (buffer->queued ? V4L2_BUF_FLAG_QUEUED : 0u) |
               V4L2_BUF_FLAG_MAPPED;
    b->sequence = buffer->sequence;
    b->memory = node->user ? V4L2_MEMORY_USERPTR : V4L2_MEMORY_MMAP;
    b->field = V4L2_FIELD_NONE;
    if (!fake_node_multi(node)) {
        b->bytesused = buffer->bytesused[0];
        b->length = FAKE_NODE_PLANE;
        b->m.offset = FAKE_NODE_COOKIE(b->index, 0);
        if (node->user)
            b->m.userptr = (unsigned long)buffer->user[0];
        return;
    }
    b->length = 2;
    for (unsigned p = 0; p < 2; p++) {
        b->m.planes[p].bytesused = buffer->bytesused[p];
        b->m.planes[p].length = FAKE_NODE_PLANE;
        b->m.planes[p].m.mem_offset = FAKE_NODE_COOKIE(b->index, p);
        if (node->user)
            b->m.planes[p].m.userptr = (unsigned long)buffer->user[p];
    }
}

static inline int fake_node_named(struct fake_node *node, struct v4l2_buffer *b)
{
    struct v4l2_plane probe;

    if (b->type != node->type || b->index >= node->count)
        return -EINVAL;
    if (fake_node_multi(node)) {
        if (b->length < 2)
            return -EINVAL;
        memcpy(&probe, &b->m.planes[0], sizeof(probe)); /* our own pointer, or it faults */
        FAKE_NODE_MUST(node->user || probe.m.userptr == 0);
    }
    return 0;
}

static inline int fake_node_querybuf(struct fake_node *node, struct v4l2_buffer *b)
{
    int r = fake_node_named(node, b);

    if (r == 0)
        fake_node_describe(node, b);
    return r;
}

/* An output shows what it gets at once. */
static inline void fake_node_show(struct fake_node *node, uint32_t index)
{
    unsigned last = fake_node_planes(node) - 1;

    FAKE_NODE_MUST(pread(node->buffer[index].fd[last], &node->last, 1, 0) == 1);
    node->shown++;
    fake_node_finished(node, index);
}

static inline int fake_node_qbuf(struct fake_node *node, struct fake_node_file *file,
                                 struct v4l2_buffer *b)
{
    int r = fake_node_named(node, b);

    if (r != 0 || node->owner != file)
        return r != 0 ? r : -EBUSY;
    FAKE_NODE_MUST(!(b->flags & V4L2_BUF_FLAG_REQUEST_FD));
    if (node->buffer[b->index].queued ||
        b->memory != (node->user ? V4L2_MEMORY_USERPTR : V4L2_MEMORY_MMAP))
        return -EINVAL;
    for (unsigned p = 0; node->user && p < fake_node_planes(node); p++) {
        bool multi = fake_node_multi(node);

        if ((multi ? b->m.planes[p].length : b->length) < FAKE_NODE_PLANE)
            return -EINVAL;
        node->buffer[b->index].user[p] =
            (uint8_t *)(multi ? b->m.planes[p].m.userptr : b->m.userptr);
    }
    for (unsigned p = 0; node->user && p < fake_node_planes(node); p++)
        if ((uintptr_t)node->buffer[b->index].user[p] < 65536) { /* no page is there */
            memset(node->buffer[b->index].user, 0, sizeof(node->buffer[b->index].user));
            return -EFAULT;
        }
    node->buffer[b->index].queued = true;
    if (V4L2_TYPE_IS_OUTPUT(node->type) && node->streaming)
        fake_node_show(node, b->index);
    fake_node_describe(node, b);
    return 0;
}

static inline int fake_node_dqbuf(struct fake_node *node, struct v4l2_buffer *b)
{
    if (node->dequeue_error != 0)
        return -node->dequeue_error;
    if (!node->streaming)
        return -EINVAL;
    if (node->done == 0)
        return -EAGAIN;
    b->index = node->order[0];
    memmove(node->order, node->order + 1, --node->done * sizeof(node->order[0]));
    node->buffer[b->index].queued = false;
    node->buffer[b->index].done = false;
    fake_node_describe(node, b);
    return 0;
}

static inline int fake_node_expbuf(struct fake_node *node, struct v4l2_exportbuffer *e)
{
    if (node->no_export)
        return -ENOTTY;
    if (e->type != node->type || e->index >= node->count || e->plane >= fake_node_planes(node))
        return -EINVAL;
    e->fd = fd_duplicate(node->buffer[e->index].fd[e->plane]);
    return 0;
}

static inline int fake_node_stream(struct fake_node *node, struct fake_node_file *file, bool on)
{
    if (node->owner != file)
        return -EINVAL;
    node->streaming = on;
    node->sequence = 0;
    node->done = 0;
    for (uint32_t i = 0; i < node->count; i++) {
        node->buffer[i].done = false;
        node->buffer[i].queued = node->buffer[i].queued && on;
        if (V4L2_TYPE_IS_OUTPUT(node->type) && node->buffer[i].queued)
            fake_node_show(node, i);
    }
    return 0;
}

static inline int fake_node_control(struct fake_node *node, struct v4l2_ext_control *c, bool set)
{
    if (c->id == V4L2_CID_BRIGHTNESS) {
        if (set && (c->value < 0 || c->value > 255))
            return -ERANGE;
        if (set)
            node->brightness = c->value;
        c->value = node->brightness;
        return 0;
    }
    if (c->id != FAKE_NODE_STRING)
        return -EINVAL;
    if (c->size < sizeof(node->text)) {
        c->size = sizeof(node->text);
        return -ENOSPC;
    }
    memcpy(set ? node->text : c->string, set ? c->string : node->text, sizeof(node->text));
    return 0;
}

static inline int fake_node_controls(struct fake_node *node, struct v4l2_ext_controls *head,
                                     bool set)
{
    int r = 0;

    for (uint32_t i = 0; i < head->count && r == 0; i++) {
        r = fake_node_control(node, &head->controls[i], set);
        head->error_idx = i;
    }
    return r;
}

static inline int fake_node_query(struct v4l2_query_ext_ctrl *query)
{
    if (query->id != V4L2_CID_BRIGHTNESS && query->id != FAKE_NODE_STRING)
        return -EINVAL;
    query->flags = query->id == FAKE_NODE_STRING ? V4L2_CTRL_FLAG_HAS_PAYLOAD : 0;
    return 0;
}

static inline int fake_node_subscribe(struct fake_node_file *file,
                                      const struct v4l2_event_subscription *wish, bool on)
{
    if (wish->type > V4L2_EVENT_SOURCE_CHANGE)
        return -EINVAL;
    file->wants[wish->type] = on;
    if (on && (wish->flags & V4L2_EVENT_SUB_FL_SEND_INITIAL))
        file->event[file->events++] = (struct v4l2_event){.type = wish->type, .id = wish->id};
    return 0;
}

static inline int fake_node_dqevent(struct fake_node_file *file, struct v4l2_event *event)
{
    if (file->events == 0)
        return -ENOENT;
    *event = file->event[0];
    memmove(file->event, file->event + 1, --file->events * sizeof(*event));
    return 0;
}

static inline int fake_node_fmt(struct fake_node *node, struct v4l2_format *format, bool set)
{
    FAKE_NODE_MUST(format->type != V4L2_BUF_TYPE_VIDEO_OVERLAY &&
                   format->type != V4L2_BUF_TYPE_VIDEO_OUTPUT_OVERLAY);
    if (format->type != node->type)
        return -EINVAL;
    if (set) {
        node->width = format->fmt.pix.width;
        node->height = format->fmt.pix.height;
    }
    format->fmt.pix.width = node->width;
    format->fmt.pix.height = node->height;
    return 0;
}

static inline int fake_node_timings(struct fake_node *node, struct v4l2_dv_timings *timings)
{
    *timings = (struct v4l2_dv_timings){.type = V4L2_DV_BT_656_1120,
                                        .bt = {.width = node->width, .height = node->height}};
    return 0;
}

static inline int fake_node_answer(struct fake_node *node, struct fake_node_file *file,
                                   unsigned long code, void *argument)
{
    if (node->gone)
        return -ENODEV;
    switch (code) {
    case VIDIOC_QUERYCAP:
        return fake_node_querycap(node, argument);
    case VIDIOC_G_FMT:
    case VIDIOC_S_FMT:
        return fake_node_fmt(node, argument, code == VIDIOC_S_FMT);
    case VIDIOC_REQBUFS:
        return fake_node_reqbufs(node, file, argument);
    case VIDIOC_CREATE_BUFS:
        return fake_node_create(node, file, argument);
    case VIDIOC_QUERYBUF:
        return fake_node_querybuf(node, argument);
    case VIDIOC_QBUF:
        return fake_node_qbuf(node, file, argument);
    case VIDIOC_DQBUF:
        return fake_node_dqbuf(node, argument);
    case VIDIOC_EXPBUF:
        return fake_node_expbuf(node, argument);
    case VIDIOC_STREAMON:
    case VIDIOC_STREAMOFF:
        return fake_node_stream(node, file, code == VIDIOC_STREAMON);
    case VIDIOC_G_EXT_CTRLS:
    case VIDIOC_S_EXT_CTRLS:
        return fake_node_controls(node, argument, code == VIDIOC_S_EXT_CTRLS);
    case VIDIOC_QUERY_EXT_CTRL:
        return fake_node_query(argument);
    case VIDIOC_SUBSCRIBE_EVENT:
    case VIDIOC_UNSUBSCRIBE_EVENT:
        return fake_node_subscribe(file, argument, code == VIDIOC_SUBSCRIBE_EVENT);
    case VIDIOC_DQEVENT:
        return fake_node_dqevent(file, argument);
    case VIDIOC_QUERY_DV_TIMINGS:
        return fake_node_timings(node, argument);
    default:
        return -ENOTTY;
    }
}

/* ---- the calls ---- */

static inline int fake_node_ioctl(int fd, unsigned long code, void *argument)
{
    struct fake_node *node = *fake_node_current();
    struct fake_node_file *file;
    int r;

    if (node->delay_ms > 0)
        usleep(node->delay_ms * 1000);
    pthread_mutex_lock(&node->lock);
    node->asked[_IOC_NR(code)]++;
    r = fake_node_find(node, fd, &file) != NULL ? fake_node_answer(node, file, code, argument)
                                                : -ENOTTY; /* another file, of a damaged estate */
    fake_node_tell(node);
    pthread_mutex_unlock(&node->lock);
    errno = -r;
    return r < 0 ? -1 : 0;
}

static inline int fake_node_open(const char *path, int flags)
{
    struct fake_node *node = *fake_node_current();
    int error, fd = -1;

    pthread_mutex_lock(&node->lock);
    error = node->gone ? ENOENT : node->open_error;
    for (unsigned i = 0; error == 0 && i < FAKE_NODE_FILES && fd < 0; i++)
        if (node->file[i].fd == 0) {
            fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
            node->file[i] = (struct fake_node_file){.fd = fd};
        }
    pthread_mutex_unlock(&node->lock);
    errno = error;
    return fd;
}

static inline int fake_node_close(int fd)
{
    struct fake_node *node = *fake_node_current();
    struct fake_node_file *file;

    int *place, next = 0;

    pthread_mutex_lock(&node->lock);
    place = fake_node_find(node, fd, &file);
    for (unsigned d = 0; place != NULL && d < FAKE_NODE_DUPLICATES && next == 0; d++)
        if (file->other[d] != fd)
            next = file->other[d];
    if (place != NULL && place != &file->fd) {
        *place = 0;
    } else if (place != NULL && next != 0) { /* the file lives on */
        *fake_node_find(node, next, &file) = 0;
        file->fd = next;
    } else if (place != NULL) {
        if (node->owner == file)
            fake_node_free_buffers(node);
        *file = (struct fake_node_file){0};
    }
    pthread_mutex_unlock(&node->lock);
    return close(fd);
}

/* dup(2) of a descriptor that may be one of the node's. */
static inline int fake_node_duplicate(int fd)
{
    struct fake_node *node = *fake_node_current();
    struct fake_node_file *file;
    int copy = fd_duplicate(fd);

    pthread_mutex_lock(&node->lock);
    if (fake_node_find(node, fd, &file) != NULL) {
        unsigned d = 0;

        while (d < FAKE_NODE_DUPLICATES && file->other[d] != 0)
            d++;
        FAKE_NODE_MUST(d < FAKE_NODE_DUPLICATES);
        file->other[d] = copy;
    }
    pthread_mutex_unlock(&node->lock);
    return copy;
}

static inline void *fake_node_mmap(size_t size, int fd, uint32_t offset)
{
    struct fake_node *node = *fake_node_current();
    unsigned index = offset / 0x8000 / 2, plane = offset / 0x8000 % 2;

    FAKE_NODE_MUST(index < node->count);
    node->maps++;
    return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, node->buffer[index].fd[plane], 0);
}

static inline int fake_node_munmap(void *data, size_t size)
{
    (*fake_node_current())->maps--;
    return munmap(data, size);
}

static inline uint32_t fake_node_wake(uint32_t wanted)
{
    return EPOLLIN;
}

static const struct v4l2_calls fake_node_calls = {
    .open = fake_node_open,
    .close = fake_node_close,
    .ioctl = fake_node_ioctl,
    .mmap = fake_node_mmap,
    .munmap = fake_node_munmap,
    .wake = fake_node_wake,
};

#endif

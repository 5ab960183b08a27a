/* SPDX-License-Identifier: MIT */
#include "media/user_plane.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "guest/guest_view.h"
#include "media/user_lists.h"
#include "protocol/virtio_media.h"

struct user_buffer {
    struct buffer base;
    struct guest_view *view; /* owned */
};

static struct user_buffer *of_buffer(const struct buffer *buffer)
{
    return (struct user_buffer *)(uintptr_t)buffer;
}

static void *user_data(struct buffer *buffer)
{
    return of_buffer(buffer)->view->data;
}

static void user_destroy(struct buffer *buffer)
{
    guest_view_destroy(of_buffer(buffer)->view);
    free(buffer);
}

static const struct buffer_impl user_impl = {.data = user_data, .destroy = user_destroy};

/* NULL with errno set. */
static struct plane *user_plane_create(struct guest_memory *memory,
                                       const struct guest_piece *pieces, unsigned count)
{
    struct guest_view *view = guest_view_create(memory, pieces, count);
    struct user_buffer *buffer;

    if (view == NULL)
        return NULL;
    buffer = calloc(1, sizeof(*buffer));
    if (buffer == NULL) {
        guest_view_destroy(view);
        errno = ENOMEM;
        return NULL;
    }
    *buffer = (struct user_buffer){
        .base = {.impl = &user_impl, .kind = BUFFER_GUEST, .size = view->size, .fd = -1},
        .view = view,
    };
    return plane_of_guest(&buffer->base, (uint32_t)view->size);
}

/* The plane for the list that was read last: 'old' if it shows it already. NULL with errno set. */
static struct plane *plane_for(struct guest_memory *memory, const struct user_lists *lists,
                               struct plane *old)
{
    if (old != NULL &&
        guest_view_shows(of_buffer(old->buffer)->view, memory, lists->pieces, lists->count))
        return old;
    return user_plane_create(memory, lists->pieces, lists->count);
}

/* What is to take the place of queue_buffer's. */
struct fresh {
    struct plane *plane[VIDEO_MAX_PLANES];
    uint64_t userptr[VIDEO_MAX_PLANES];
};

static int fresh_plane(const struct buffer_queue *queue, const struct queue_buffer *buffer,
                       unsigned i, uint32_t length, struct user_lists *lists, struct fresh *fresh)
{
    int r = length >= buffer->least[i] ? user_lists_read(lists, length) : -EINVAL;

    if (r != 0) {
        log_stranger("plane %u of a USERPTR buffer has %u bytes, or a list of fewer; %u are needed",
                     i, length, buffer->least[i]);
        return r;
    }
    fresh->plane[i] = plane_for(queue->window->host->memory, lists, buffer->plane[i]);
    return fresh->plane[i] != NULL ? 0 : -errno;
}

static int fresh_planes(const struct buffer_queue *queue, const struct queue_buffer *buffer,
                        const struct v4l2_buffer *given, const struct v4l2_plane *planes,
                        struct user_lists *lists, struct fresh *fresh)
{
    int r = 0;

    if (planes == NULL) {
        fresh->userptr[0] = given->m.userptr;
        return fresh_plane(queue, buffer, 0, given->length, lists, fresh);
    }
    for (unsigned i = 0; i < buffer->planes && r == 0; i++) {
        fresh->userptr[i] = planes[i].m.userptr;
        r = fresh_plane(queue, buffer, i, planes[i].length, lists, fresh);
    }
    return r;
}

/* Lets go of the planes of 'these' that 'others' does not have. */
static void release_but(struct plane *const *these, struct plane *const *others, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (these[i] != others[i])
            plane_release(these[i]);
}

int user_plane_set(const struct buffer_queue *queue, struct queue_buffer *buffer,
                   const struct v4l2_buffer *given, const struct v4l2_plane *planes, const void *at,
                   size_t size)
{
    struct user_lists lists = {.at = at, .size = size};
    struct fresh fresh = {0};
    int r;

    lists.pieces = malloc(size + sizeof(struct guest_piece)); /* as large as an entry */
    if (lists.pieces == NULL)
        return -ENOMEM;
    r = fresh_planes(queue, buffer, given, planes, &lists, &fresh);
    free(lists.pieces);
    if (r != 0) {
        release_but(fresh.plane, buffer->plane, buffer->planes);
        return r;
    }
    release_but(buffer->plane, fresh.plane, buffer->planes);
    memcpy(buffer->plane, fresh.plane, sizeof(buffer->plane));
    memcpy(buffer->userptr, fresh.userptr, sizeof(buffer->userptr));
    return 0;
}

_Static_assert(sizeof(struct guest_piece) == sizeof(struct virtio_media_sg), "read one for one");

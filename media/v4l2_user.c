/* SPDX-License-Identifier: MIT */
#include "media/v4l2_user.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "guest/guest_view.h"
#include "media/user_lists.h"
#include "protocol/virtio_media.h"

/* Whether some plane of 'user' has that view. */
static bool has(const struct v4l2_user *user, const struct guest_view *view)
{
    for (unsigned i = 0; user != NULL && i < user->planes; i++)
        if (user->plane[i].view == view)
            return true;
    return false;
}

static int add_plane(struct v4l2_user *user, struct guest_memory *memory, struct user_lists *lists,
                     uint64_t given, uint32_t length, const struct v4l2_user *before)
{
    unsigned i = user->planes;
    struct guest_view *old = before != NULL && i < before->planes ? before->plane[i].view : NULL;
    int r = user_lists_read(lists, length);

    if (r != 0)
        return r;
    user->plane[i].given = given;
    user->plane[i].length = length;
    user->plane[i].view = NULL;
    if (length > 0 && old != NULL && guest_view_shows(old, memory, lists->pieces, lists->count))
        user->plane[i].view = old;
    else if (length > 0) {
        user->plane[i].view = guest_view_create(memory, lists->pieces, lists->count);
        if (user->plane[i].view == NULL)
            return -errno;
    }
    user->planes++;
    return 0;
}

int v4l2_user_init(struct v4l2_user *user, struct guest_memory *memory, struct v4l2_buffer *buffer,
                   struct v4l2_plane *planes, const void *lists, size_t size,
                   const struct v4l2_user *before)
{
    struct user_lists left = {.at = lists, .size = size};
    int r = 0;

    *user = (struct v4l2_user){0};
    left.pieces = malloc(size + sizeof(struct guest_piece)); /* as large as an entry */
    if (left.pieces == NULL)
        return -ENOMEM;
    if (planes == NULL)
        r = add_plane(user, memory, &left, buffer->m.userptr, buffer->length, before);
    for (unsigned i = 0; planes != NULL && i < buffer->length && r == 0; i++)
        r = add_plane(user, memory, &left, planes[i].m.userptr, planes[i].length, before);
    free(left.pieces);
    if (r != 0) {
        log_stranger("the pages of a USERPTR buffer cannot be mapped: error %d", -r);
        v4l2_user_finish(user, before);
        return r;
    }
    v4l2_user_to_host(user, buffer, planes);
    return 0;
}

void v4l2_user_finish(struct v4l2_user *user, const struct v4l2_user *kept)
{
    for (unsigned i = 0; i < user->planes; i++)
        if (!has(kept, user->plane[i].view))
            guest_view_destroy(user->plane[i].view);
    *user = (struct v4l2_user){0};
}

void v4l2_user_replace(struct v4l2_user *user, struct v4l2_user *fresh)
{
    v4l2_user_finish(user, fresh);
    *user = *fresh;
    *fresh = (struct v4l2_user){0};
}

static unsigned long address_of(const struct v4l2_user *user, unsigned i)
{
    if (i >= user->planes || user->plane[i].view == NULL)
        return 0;
    return (unsigned long)(uintptr_t)user->plane[i].view->data;
}

void v4l2_user_to_host(const struct v4l2_user *user, struct v4l2_buffer *buffer,
                       struct v4l2_plane *planes)
{
    if (planes == NULL)
        buffer->m.userptr = address_of(user, 0);
    for (unsigned i = 0; planes != NULL && i < VIDEO_MAX_PLANES; i++)
        planes[i].m.userptr = address_of(user, i);
}

void v4l2_user_to_guest(const struct v4l2_user *user, struct v4l2_buffer *buffer,
                        struct v4l2_plane *planes)
{
    if (planes == NULL)
        buffer->m.userptr = user->planes > 0 ? user->plane[0].given : 0;
    for (unsigned i = 0; planes != NULL && i < VIDEO_MAX_PLANES; i++)
        planes[i].m.userptr = i < user->planes ? user->plane[i].given : 0;
}

_Static_assert(sizeof(struct guest_piece) == sizeof(struct virtio_media_sg), "read one for one");

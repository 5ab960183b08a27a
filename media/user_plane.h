/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_USER_PLANE_H
#define MEDIA_USER_PLANE_H

#include <stddef.h>

#include "media/buffer_queue.h"

/*
 * V4L2_MEMORY_USERPTR: the bytes of a buffer are memory of a program in the guest. With the buffer
 * come lists of the pages that they lie in (virtio-media, "shared pages"), and they are worked on
 * there, in place.
 *
 * 'lists' has 'size' bytes: one list of struct virtio_media_sg after the other, one for each plane
 * whose length is not 0, each until the plane's length is covered. 'planes' are the 'given->length'
 * ones of a multi-planar buffer; NULL for a single-planar one.
 *
 * Sets queue_buffer::plane and ::userptr of a buffer that is the guest's, of a queue whose memory
 * is the guest's. What it shows already is not mapped again. 0, or -errno and nothing has changed:
 * -EINVAL when a plane is shorter than the format needs, or its list is; -EFAULT and others as
 * guest_view_create.
 */
int user_plane_set(const struct buffer_queue *queue, struct queue_buffer *buffer,
                   const struct v4l2_buffer *given, const struct v4l2_plane *planes,
                   const void *lists, size_t size);

#endif

/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_FRAME_ACCESS_H
#define MEDIA_FRAME_ACCESS_H

#include "media/buffer_queue.h"
#include "media/picture.h"

/* Gets hold of the bytes of a taken buffer, to read and write a picture there: planes[] says where.
 * 0 or -errno: then frame_access_end is not called. */
int frame_access_begin(const struct picture *picture, const struct queue_buffer *buffer,
                       uint8_t *planes[static PICTURE_MAX_PLANES]);
/* Lets go of them, before the buffer is done or the stream ends. */
void frame_access_end(const struct picture *picture, const struct queue_buffer *buffer);

#endif

/* SPDX-License-Identifier: MIT */
#include "media/frame_access.h"

#include <errno.h>

#include "buffer/buffer.h"

static void end_planes(const struct queue_buffer *buffer, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        buffer_end(buffer->plane[i]->buffer, BUFFER_READ | BUFFER_WRITE);
}

static int begin_plane(struct plane *plane, uint32_t size, uint8_t **data)
{
    if (plane == NULL || plane->size < size)
        return -EINVAL;
    *data = buffer_data(plane->buffer);
    if (*data == NULL)
        return -errno;
    return buffer_begin(plane->buffer, BUFFER_READ | BUFFER_WRITE);
}

int frame_access_begin(const struct picture *picture, const struct queue_buffer *buffer,
                       uint8_t *planes[static PICTURE_MAX_PLANES])
{
    for (unsigned i = 0; i < picture->format->planes; i++) {
        struct plane *plane = i < buffer->planes ? buffer->plane[i] : NULL;
        int r = begin_plane(plane, picture->plane_size[i], &planes[i]);

        if (r != 0) {
            end_planes(buffer, i);
            return r;
        }
    }
    return 0;
}

void frame_access_end(const struct picture *picture, const struct queue_buffer *buffer)
{
    end_planes(buffer, picture->format->planes);
}

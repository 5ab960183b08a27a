/* SPDX-License-Identifier: MIT */
#include "gpu/cursor.h"

#include "gpu/blend.h"
#include "gpu/display.h"
#include "gpu/gpu.h"
#include "gpu/picture.h"

void cursor_hide(struct display *display, unsigned output)
{
    struct cursor *cursor = &display->cursors[output];

    if (!cursor->visible)
        return;
    cursor->visible = false;
    estate_cursor(display, output);
    audience_tell_cursor(&display->audience, output, NULL, cursor->x, cursor->y);
}

void cursor_draw(const struct cursor *cursor, struct picture *picture)
{
    const struct rect whole = {0, 0, picture->width, picture->height};

    picture_convert(picture->data, picture->data, picture->size / 4, picture->format);
    picture->format = VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM;
    if (cursor->visible)
        blend_pointer(picture->data, picture->stride, &whole, cursor->picture.pixels, cursor->x,
                      cursor->y);
}

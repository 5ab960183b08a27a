/* SPDX-License-Identifier: MIT */
#include "gpu/cursor.h"

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

/* Its colours are multiplied by alpha already. Rounds to the nearest, as displays do. */
static void blend(uint8_t *under, const uint8_t *over)
{
    for (unsigned i = 0; i < 3; i++) {
        unsigned sum = over[i] + (under[i] * (255u - over[3]) + 127u) / 255u;

        under[i] = (uint8_t)(sum < 255 ? sum : 255);
    }
}

static void draw_line(const struct cursor *cursor, struct picture *picture, uint32_t line,
                      int64_t y)
{
    const uint8_t *from = cursor->picture.pixels + (size_t)line * SINK_CURSOR_SIDE * 4;

    if (y < 0 || y >= picture->height)
        return;
    for (uint32_t i = 0; i < SINK_CURSOR_SIDE; i++) {
        int64_t x = (int64_t)cursor->x + i;

        if (x >= 0 && x < picture->width)
            blend(picture->data + (size_t)y * picture->stride + (size_t)x * 4,
                  from + (size_t)i * 4);
    }
}

void cursor_draw(const struct cursor *cursor, struct picture *picture)
{
    picture_convert(picture->data, picture->data, picture->size / 4, picture->format);
    picture->format = VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM;
    for (uint32_t line = 0; cursor->visible && line < SINK_CURSOR_SIDE; line++)
        draw_line(cursor, picture, line, (int64_t)cursor->y + line);
}

/* SPDX-License-Identifier: MIT */
#include "gpu/blend.h"

#define SIDE SINK_CURSOR_SIDE

struct rect blend_pointer_place(int32_t x, int32_t y)
{
    int64_t left = x > 0 ? x : 0, right = (int64_t)x + SIDE;
    int64_t top = y > 0 ? y : 0, bottom = (int64_t)y + SIDE;

    if (right <= 0 || bottom <= 0)
        return (struct rect){0};
    return (struct rect){(uint32_t)left, (uint32_t)top, (uint32_t)(right - left),
                         (uint32_t)(bottom - top)};
}

static void blend(uint8_t *under, const uint8_t *over)
{
    for (unsigned i = 0; i < 3; i++) {
        unsigned sum = over[i] + (under[i] * (255u - over[3]) + 127u) / 255u;

        under[i] = (uint8_t)(sum < 255 ? sum : 255);
    }
}

void blend_pointer(uint8_t *to, size_t stride, const struct rect *part,
                   const uint8_t pointer[static SIDE * SIDE * 4], int32_t x, int32_t y)
{
    struct rect place = blend_pointer_place(x, y), seen = rect_common(&place, part);

    for (uint32_t line = 0; line < seen.height; line++) {
        const uint8_t *over = pointer + (size_t)((int64_t)seen.y + line - y) * SIDE * 4 +
                              (size_t)((int64_t)seen.x - x) * 4;
        uint8_t *under =
            to + (size_t)(seen.y - part->y + line) * stride + (size_t)(seen.x - part->x) * 4;

        for (uint32_t i = 0; i < seen.width; i++)
            blend(under + (size_t)i * 4, over + (size_t)i * 4);
    }
}

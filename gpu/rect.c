/* SPDX-License-Identifier: MIT */
#include "gpu/rect.h"

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t most(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t right(const struct rect *rect)
{
    return (uint64_t)rect->x + rect->width;
}

static uint64_t below(const struct rect *rect)
{
    return (uint64_t)rect->y + rect->height;
}

bool rect_is_empty(const struct rect *rect)
{
    return rect->width == 0 || rect->height == 0;
}

bool rect_is_inside(const struct rect *rect, uint32_t width, uint32_t height)
{
    return right(rect) <= width && below(rect) <= height;
}

struct rect rect_common(const struct rect *a, const struct rect *b)
{
    uint64_t x = most(a->x, b->x), y = most(a->y, b->y);
    uint64_t x_end = least(right(a), right(b)), y_end = least(below(a), below(b));

    if (x >= x_end || y >= y_end)
        return (struct rect){0};
    return (struct rect){(uint32_t)x, (uint32_t)y, (uint32_t)(x_end - x), (uint32_t)(y_end - y)};
}

struct rect rect_around(const struct rect *a, const struct rect *b)
{
    uint64_t x = least(a->x, b->x), y = least(a->y, b->y);

    if (rect_is_empty(a))
        return *b;
    if (rect_is_empty(b))
        return *a;
    return (struct rect){
        .x = (uint32_t)x,
        .y = (uint32_t)y,
        .width = (uint32_t)least(most(right(a), right(b)) - x, UINT32_MAX),
        .height = (uint32_t)least(most(below(a), below(b)) - y, UINT32_MAX),
    };
}

/* SPDX-License-Identifier: MIT */
#include "media/canvas.h"

#include <stddef.h>
#include <string.h>

/* Repeats the first 'unit' bytes of 'line' until 'size' bytes are full. */
static void repeat(uint8_t *line, size_t unit, size_t size)
{
    for (size_t done = unit; done < size; done *= 2)
        memcpy(line + done, line, done <= size - done ? done : size - done);
}

/* A block of lines: 'unit' bytes over and over, 'size' bytes a line. */
static void fill_block(uint8_t *at, size_t stride, uint32_t lines, const uint8_t *pixels,
                       size_t unit, size_t size)
{
    if (lines == 0 || size == 0)
        return;
    memcpy(at, pixels, unit);
    repeat(at, unit, size);
    for (uint32_t i = 1; i < lines; i++)
        memcpy(at + i * stride, at, size);
}

/* The bytes of a colour in a plane of components. */
static void unit_of(enum pixel_layout layout, unsigned part, const struct palette_colour *c,
                    uint8_t unit[4])
{
    switch (layout) {
    case PIXEL_YUYV:
        memcpy(unit, (const uint8_t[]){c->y, c->u, c->y, c->v}, 4);
        break;
    case PIXEL_UYVY:
        memcpy(unit, (const uint8_t[]){c->u, c->y, c->v, c->y}, 4);
        break;
    case PIXEL_NV12:
        memcpy(unit, part == 0 ? (const uint8_t[]){c->y, 0} : (const uint8_t[]){c->u, c->v}, 2);
        break;
    case PIXEL_P010:
        memcpy(unit,
               part == 0 ? (const uint8_t[]){0, c->y, 0, 0} : (const uint8_t[]){0, c->u, 0, c->v},
               4);
        break;
    case PIXEL_YUV420:
    case PIXEL_YUV422P:
    case PIXEL_GREY:
        unit[0] = part == 0 ? c->y : part == 1 ? c->u : c->v;
        break;
    case PIXEL_RGB24:
        memcpy(unit, (const uint8_t[]){c->r, c->g, c->b}, 3);
        break;
    }
}

/* The part of [start, start + size) before 'limit', in even numbers. */
static void clip(uint32_t *start, uint32_t *size, uint32_t limit)
{
    *start &= ~1u;
    *size &= ~1u;
    if (*start > limit)
        *start = limit;
    if (*size > limit - *start)
        *size = limit - *start;
}

void canvas_touch(const struct canvas *canvas, unsigned plane, size_t from, size_t size)
{
    if (canvas->touched == NULL || size == 0 || from + size > CANVAS_TOUCHED_BYTES)
        return;
    for (size_t i = from / CANVAS_TOUCHED_BLOCK; i <= (from + size - 1) / CANVAS_TOUCHED_BLOCK; i++)
        canvas->touched->blocks[plane][i / 64] |= UINT64_C(1) << i % 64;
}

/* Lines of 'size' bytes from 'at' on, in the memory that part number 'i' lies in. */
static void touch_lines(const struct canvas *canvas, unsigned i, const uint8_t *at, size_t stride,
                        uint32_t lines, size_t size)
{
    unsigned plane = canvas->picture->format->planes > 1 ? i : 0;

    if (lines > 0 && size > 0)
        canvas_touch(canvas, plane, (size_t)(at - canvas->planes[plane]),
                     (lines - 1) * stride + size);
}

void canvas_fill(const struct canvas *canvas, uint32_t x, uint32_t y, uint32_t width,
                 uint32_t height, enum canvas_colour colour)
{
    const struct pixel_format *format = canvas->picture->format;
    const struct palette *palette = canvas->palette != NULL ? canvas->palette : palette_plain();
    const struct palette_colour *c = &palette->colours[colour];

    clip(&x, &width, canvas->picture->width);
    clip(&y, &height, canvas->picture->height);
    if (canvas->hflip)
        x = (canvas->picture->width & ~1u) - x - width;
    if (canvas->vflip)
        y = (canvas->picture->height & ~1u) - y - height;
    for (unsigned i = 0; i < pixel_format_parts(format); i++) {
        const struct pixel_plane *plane = &format->components[i];
        struct picture_part part = picture_part(canvas->picture, canvas->planes, i);
        size_t at = (size_t)(y / plane->down) * part.stride + x / plane->across * plane->unit;
        size_t size = (size_t)(width / plane->across) * plane->unit;
        uint8_t unit[4];

        unit_of(format->layout, i, c, unit);
        fill_block(part.data + at, part.stride, height / plane->down, unit, plane->unit, size);
        touch_lines(canvas, i, part.data + at, part.stride, height / plane->down, size);
    }
}

void canvas_test_card(const struct canvas *canvas, const uint8_t *bars)
{
    uint32_t width = canvas->picture->width, height = canvas->picture->height;
    uint32_t strip = height / 8 * 7 & ~1u, square = width / 16 & ~1u;

    for (uint32_t i = 0; i < 8; i++) {
        uint32_t from = width * i / 8 & ~1u, to = width * (i + 1) / 8 & ~1u;

        canvas_fill(canvas, from, 0, to - from, strip,
                    (enum canvas_colour)(bars != NULL ? bars[i] : i));
    }
    canvas_fill(canvas, 0, strip, width, height - strip, CANVAS_BLACK);
    for (uint32_t x = 0; x < width; x += square * 2)
        canvas_fill(canvas, x, strip, square, height - strip, CANVAS_GREY);
}

void canvas_chequers(const struct canvas *canvas)
{
    uint32_t width = canvas->picture->width, height = canvas->picture->height;
    uint32_t side = width / 16 & ~1u;

    canvas_fill(canvas, 0, 0, width, height, CANVAS_BLACK);
    for (uint32_t y = 0; y < height; y += side)
        for (uint32_t x = y / side % 2 * side; x < width; x += side * 2)
            canvas_fill(canvas, x, y, side, side, CANVAS_WHITE);
}

/* Each digit in 5 rows of 3 pixels, the leftmost pixel in bit 2. */
static const uint8_t glyphs[10][5] = {
    {7, 5, 5, 5, 7}, {2, 6, 2, 2, 7}, {7, 1, 7, 4, 7}, {7, 1, 3, 1, 7}, {5, 5, 7, 1, 1},
    {7, 4, 7, 1, 7}, {7, 4, 7, 5, 7}, {7, 1, 2, 2, 2}, {7, 5, 7, 5, 7}, {7, 5, 7, 1, 7},
};

static void draw_digit(const struct canvas *canvas, uint32_t x, uint32_t y, uint32_t scale,
                       unsigned digit)
{
    for (uint32_t row = 0; row < 5; row++)
        for (uint32_t column = 0; column < 3; column++)
            if (glyphs[digit][row] & (4u >> column))
                canvas_fill(canvas, x + column * scale, y + row * scale, scale, scale,
                            CANVAS_WHITE);
}

void canvas_number(const struct canvas *canvas, uint32_t x, uint32_t y, uint32_t scale,
                   unsigned digits, uint64_t number)
{
    canvas_fill(canvas, x, y, digits * 4 * scale, 7 * scale, CANVAS_BLACK);
    for (unsigned i = digits; i-- > 0; number /= 10)
        draw_digit(canvas, x + i * 4 * scale + scale / 2, y + scale, scale,
                   (unsigned)(number % 10));
}

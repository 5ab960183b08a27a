/* SPDX-License-Identifier: MIT */
#include "media/picture_copy.h"

#include <stddef.h>
#include <string.h>

/* Both ends of a copy. */
struct copy {
    const struct picture *from, *to;
    uint8_t *const *from_planes, *const *to_planes;
};

typedef void copy_function(const struct copy *copy);

static uint8_t *line_at(const struct picture_part *part, uint32_t line)
{
    return part->data + (size_t)line * part->stride;
}

static void copy_part(const struct copy *copy, unsigned i)
{
    struct picture_part from = picture_part(copy->from, copy->from_planes, i);
    struct picture_part to = picture_part(copy->to, copy->to_planes, i);

    memcpy(to.data, from.data, (size_t)from.stride * from.lines);
}

/* The layout is the same; it may be in other planes of memory. */
static void copy_same(const struct copy *copy)
{
    for (unsigned i = 0; i < pixel_format_parts(copy->from->format); i++)
        copy_part(copy, i);
}

static void weave(uint8_t *to, const uint8_t *u, const uint8_t *v, size_t pairs)
{
    for (size_t i = 0; i < pairs; i++) {
        to[2 * i] = u[i];
        to[2 * i + 1] = v[i];
    }
}

/* YUV420 -> NV12 */
static void copy_to_pairs(const struct copy *copy)
{
    struct picture_part u = picture_part(copy->from, copy->from_planes, 1);
    struct picture_part v = picture_part(copy->from, copy->from_planes, 2);
    struct picture_part to = picture_part(copy->to, copy->to_planes, 1);

    copy_part(copy, 0);
    weave(to.data, u.data, v.data, (size_t)u.stride * u.lines);
}

/* NV12 -> YUV420 */
static void copy_from_pairs(const struct copy *copy)
{
    struct picture_part from = picture_part(copy->from, copy->from_planes, 1);
    struct picture_part u = picture_part(copy->to, copy->to_planes, 1);
    struct picture_part v = picture_part(copy->to, copy->to_planes, 2);

    copy_part(copy, 0);
    for (size_t i = 0; i < (size_t)u.stride * u.lines; i++) {
        u.data[i] = from.data[2 * i];
        v.data[i] = from.data[2 * i + 1];
    }
}

/* A planar format -> YUYV. */
static void copy_to_yuyv(const struct copy *copy)
{
    struct picture_part y = picture_part(copy->from, copy->from_planes, 0);
    struct picture_part u = picture_part(copy->from, copy->from_planes, 1);
    struct picture_part v = picture_part(copy->from, copy->from_planes, 2);
    struct picture_part to = picture_part(copy->to, copy->to_planes, 0);
    uint32_t down = copy->from->format->components[1].down;

    for (uint32_t line = 0; line < to.lines; line++) {
        const uint8_t *luma = line_at(&y, line);
        const uint8_t *cb = line_at(&u, line / down), *cr = line_at(&v, line / down);
        uint8_t *at = line_at(&to, line);

        for (uint32_t i = 0; i < u.stride; i++) {
            at[4 * i] = luma[2 * i];
            at[4 * i + 1] = cb[i];
            at[4 * i + 2] = luma[2 * i + 1];
            at[4 * i + 3] = cr[i];
        }
    }
}

static copy_function *copy_for(const struct pixel_format *from, const struct pixel_format *to)
{
    static const struct {
        enum pixel_layout from, to;
        copy_function *copy;
    } rows[] = {
        {PIXEL_YUV420, PIXEL_NV12, copy_to_pairs},
        {PIXEL_NV12, PIXEL_YUV420, copy_from_pairs},
        {PIXEL_YUV420, PIXEL_YUYV, copy_to_yuyv},
        {PIXEL_YUV422P, PIXEL_YUYV, copy_to_yuyv},
    };

    if (from->layout == to->layout)
        return copy_same;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rows[i].from == from->layout && rows[i].to == to->layout)
            return rows[i].copy;
    return NULL;
}

bool picture_copy_can(const struct pixel_format *from, const struct pixel_format *to)
{
    return copy_for(from, to) != NULL;
}

void picture_copy(const struct picture *from, uint8_t *const *from_planes, const struct picture *to,
                  uint8_t *const *to_planes)
{
    const struct copy copy = {from, to, from_planes, to_planes};

    copy_for(from->format, to->format)(&copy);
}

/* SPDX-License-Identifier: MIT */
#include "gpu/damage.h"

void damage_clear(struct damage *damage)
{
    damage->count = 0;
}

bool damage_is_empty(const struct damage *damage)
{
    return damage->count == 0;
}

static uint64_t area(const struct rect *r)
{
    return (uint64_t)r->width * r->height;
}

static void drop(struct damage *damage, unsigned index)
{
    damage->rects[index] = damage->rects[--damage->count];
}

/* How many pixels that are not new a rectangle around both would have; overlaps count as a gain. */
static int64_t waste(const struct rect *a, const struct rect *b)
{
    struct rect around = rect_around(a, b);
    return (int64_t)(area(&around) - area(a) - area(b));
}

/* The rectangle that is best joined with 'rect'; there is one at least. */
static unsigned best_partner(const struct damage *damage, const struct rect *rect, int64_t *least)
{
    unsigned best = 0;

    *least = waste(&damage->rects[0], rect);
    for (unsigned i = 1; i < damage->count; i++) {
        int64_t w = waste(&damage->rects[i], rect);
        if (w < *least) {
            *least = w;
            best = i;
        }
    }
    return best;
}

void damage_add(struct damage *damage, const struct rect *rect)
{
    struct rect all = *rect;

    if (rect_is_empty(rect))
        return;
    while (damage->count > 0) {
        int64_t least;
        unsigned i = best_partner(damage, &all, &least);

        /* A few pixels more cost less than another message. */
        if (damage->count < DAMAGE_RECTS && least > (int64_t)(area(&all) / 4))
            break;
        all = rect_around(&damage->rects[i], &all);
        drop(damage, i);
    }
    damage->rects[damage->count++] = all;
}

void damage_clip(struct damage *damage, uint32_t width, uint32_t height)
{
    struct rect whole = {0, 0, width, height};

    for (unsigned i = damage->count; i-- > 0;) {
        damage->rects[i] = rect_common(&damage->rects[i], &whole);
        if (rect_is_empty(&damage->rects[i]))
            drop(damage, i);
    }
}

struct rect damage_around(const struct damage *damage)
{
    struct rect all = {0};

    for (unsigned i = 0; i < damage->count; i++)
        all = rect_around(&all, &damage->rects[i]);
    return all;
}

/* Has the last rectangle no wider than 'width': what is right of that becomes one of its own. */
static void narrow(struct damage *damage, uint32_t width)
{
    struct rect *left = &damage->rects[damage->count - 1];

    if (left->width <= width)
        return;
    damage->rects[damage->count] = *left;
    left->x += width;
    left->width -= width;
    damage->rects[damage->count++].width = width;
}

bool damage_next(struct damage *damage, uint32_t pixels, uint32_t lines, struct rect *piece)
{
    if (damage->count == 0)
        return false;
    if (damage->count > DAMAGE_RECTS && damage->rects[DAMAGE_RECTS].width > pixels) {
        /* It was made narrow for larger messages. */
        struct rect last = damage->rects[--damage->count];
        damage_add(damage, &last);
    }
    narrow(damage, pixels);
    *piece = damage->rects[damage->count - 1];
    if (piece->height > pixels / piece->width)
        piece->height = pixels / piece->width;
    if (piece->height > lines)
        piece->height = lines;
    return true;
}

void damage_took(struct damage *damage, const struct rect *piece)
{
    struct rect *from = &damage->rects[damage->count - 1];

    from->y += piece->height;
    from->height -= piece->height;
    if (from->height == 0)
        damage->count--;
}

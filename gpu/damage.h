/* SPDX-License-Identifier: MIT */
#ifndef GPU_DAMAGE_H
#define GPU_DAMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "gpu/rect.h"

#define DAMAGE_RECTS 8u

/*
 * Which pixels of a picture are new to somebody who is behind. It keeps a few rectangles, and joins
 * the two that fit best rather than keep one more: it may say more than what is new, never less.
 */
struct damage {
    unsigned count;
    struct rect rects[DAMAGE_RECTS + 1]; /* the last is for damage_take alone */
};

void damage_clear(struct damage *damage);
bool damage_is_empty(const struct damage *damage);
/* An empty rectangle changes nothing. */
void damage_add(struct damage *damage, const struct rect *rect);
/* Forgets what is outside 'width' x 'height' pixels. */
void damage_clip(struct damage *damage, uint32_t width, uint32_t height);
/* The smallest rectangle around all of it. */
struct rect damage_around(const struct damage *damage);
/* Says a rectangle of at most 'pixels' pixels (not 0) and 'lines' lines (not 0) that is new.
 * damage_took takes it out. False when there is none. */
bool damage_next(struct damage *damage, uint32_t pixels, uint32_t lines, struct rect *piece);
/* 'piece' is what damage_next said last; nothing was added since. */
void damage_took(struct damage *damage, const struct rect *piece);

#endif

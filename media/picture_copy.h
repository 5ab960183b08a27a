/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_PICTURE_COPY_H
#define MEDIA_PICTURE_COPY_H

#include <stdbool.h>

#include "media/picture.h"

/* Whether picture_copy can make a picture of format 'to' from one of format 'from': where the
 * samples only move, or chroma lines are repeated. */
bool picture_copy_can(const struct pixel_format *from, const struct pixel_format *to);
/* Copies a picture into one of another such format and of the same size. */
void picture_copy(const struct picture *from, uint8_t *const *from_planes, const struct picture *to,
                  uint8_t *const *to_planes);

#endif

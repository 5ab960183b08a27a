/* SPDX-License-Identifier: MIT */
#ifndef GPU_PICTURE_PNG_H
#define GPU_PICTURE_PNG_H

#include "gpu/picture.h"

/* Writes a PNG of 8 bits a colour, without alpha, to 'fd', which it takes ownership of even on
 * error. Takes its time: about 30 ms for 1280 x 800. Returns 0 or -errno. */
int picture_png_write(const struct picture *picture, int fd);

#endif

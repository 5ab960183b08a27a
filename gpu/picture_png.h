/* SPDX-License-Identifier: MIT */
#ifndef GPU_PICTURE_PNG_H
#define GPU_PICTURE_PNG_H

#include "gpu/picture.h"

/* Writes a PNG of 8 bits a colour, without alpha, to 'fd', which it takes ownership of even on
 * error. It uses up the pixels: the picture is only good to be destroyed. Takes its time. Returns 0
 * or -errno. */
int picture_png_write(struct picture *picture, int fd);

#endif

/* SPDX-License-Identifier: MIT */
#ifndef BASE_FOURCC_H
#define BASE_FOURCC_H

#include <stdint.h>

/* The pixel formats of Linux' DRM, by the four letters of drm_fourcc.h: a name gives the components
 * from the highest bit to the lowest of a little-endian word. */
#define FOURCC(a, b, c, d)                                                                         \
    ((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)

#define FOURCC_R8 FOURCC('R', '8', ' ', ' ')
#define FOURCC_R16 FOURCC('R', '1', '6', ' ')
#define FOURCC_GR88 FOURCC('G', 'R', '8', '8')
#define FOURCC_RGB565 FOURCC('R', 'G', '1', '6')
#define FOURCC_RGB888 FOURCC('R', 'G', '2', '4')
#define FOURCC_BGR888 FOURCC('B', 'G', '2', '4')
#define FOURCC_XRGB8888 FOURCC('X', 'R', '2', '4')
#define FOURCC_ARGB8888 FOURCC('A', 'R', '2', '4')
#define FOURCC_XBGR8888 FOURCC('X', 'B', '2', '4')
#define FOURCC_ABGR8888 FOURCC('A', 'B', '2', '4')
#define FOURCC_RGBX8888 FOURCC('R', 'X', '2', '4')
#define FOURCC_RGBA8888 FOURCC('R', 'A', '2', '4')
#define FOURCC_BGRX8888 FOURCC('B', 'X', '2', '4')
#define FOURCC_BGRA8888 FOURCC('B', 'A', '2', '4')
#define FOURCC_XRGB2101010 FOURCC('X', 'R', '3', '0')
#define FOURCC_ARGB2101010 FOURCC('A', 'R', '3', '0')
#define FOURCC_XBGR2101010 FOURCC('X', 'B', '3', '0')
#define FOURCC_ABGR2101010 FOURCC('A', 'B', '3', '0')
#define FOURCC_ABGR16161616F FOURCC('A', 'B', '4', 'H')
#define FOURCC_YUYV FOURCC('Y', 'U', 'Y', 'V')
#define FOURCC_NV12 FOURCC('N', 'V', '1', '2')
#define FOURCC_NV21 FOURCC('N', 'V', '2', '1')
#define FOURCC_P010 FOURCC('P', '0', '1', '0')
#define FOURCC_YUV420 FOURCC('Y', 'U', '1', '2')
#define FOURCC_YVU420 FOURCC('Y', 'V', '1', '2')

/* The layout of an image in its buffer that needs no explanation: row after row. */
#define FOURCC_MODIFIER_LINEAR UINT64_C(0)
/* What a driver says that does not know modifiers. */
#define FOURCC_MODIFIER_INVALID UINT64_C(0x00ffffffffffffff)

#endif

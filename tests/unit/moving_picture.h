/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_MOVING_PICTURE_H
#define TESTS_UNIT_MOVING_PICTURE_H

/* Pictures for encoders: soft shades, edges and a fine texture, all of which move, in the luma and
 * the chroma of NV12; and how far two planes are from each other. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>

/* 16 to 235. */
static inline uint8_t moving_luma(uint32_t x, uint32_t y, unsigned frame)
{
    uint32_t across = x + 3 * frame, down = y + frame;
    uint32_t shade = (across / 2 + down / 3) % 256;
    int value = (int)(shade < 128 ? shade : 255 - shade) + 48;

    if ((across / 64 + down / 48) % 3 == 0)
        value += 40;                              /* an edge */
    value += (int)((across * 7 + down * 13) % 8); /* a texture */
    return (uint8_t)(value < 16 ? 16 : value > 235 ? 235 : value);
}

static inline uint8_t moving_chroma(uint32_t x, uint32_t y, unsigned frame, unsigned component)
{
    uint32_t shade = ((component ? x : y) / 2 + 2 * frame) % 128;

    return (uint8_t)(96 + (shade < 64 ? shade : 127 - shade));
}

static inline void moving_nv12(uint8_t *luma, uint8_t *chroma, uint32_t stride, uint32_t width,
                               uint32_t height, unsigned frame)
{
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++)
            luma[y * stride + x] = moving_luma(x, y, frame);
    for (uint32_t y = 0; y < height / 2; y++)
        for (uint32_t x = 0; x < width; x++)
            chroma[y * stride + x] = moving_chroma(x / 2, y, frame, x % 2);
}

/* The sum of the squares of the differences from moving_luma, whose picture has its corner at left,
 * top. 'full': the samples have full range. */
static inline uint64_t moving_luma_error(const uint8_t *luma, uint32_t stride, uint32_t left,
                                         uint32_t top, uint32_t width, uint32_t height,
                                         unsigned frame, int full)
{
    uint64_t sum = 0;

    for (uint32_t y = 0; y < height; y++) {
        for (uint32_t x = 0; x < width; x++) {
            int was = moving_luma(left + x, top + y, frame), is = luma[y * stride + x];
            int difference = (full ? 16 + (is * 219 + 127) / 255 : is) - was;

            sum += (uint64_t)(difference * difference);
        }
    }
    return sum;
}

/* In dB, of 8-bit samples. */
static inline double moving_psnr(uint64_t error, uint64_t samples)
{
    return error == 0 ? 99 : 10 * log10(255.0 * 255.0 * (double)samples / (double)error);
}

#endif

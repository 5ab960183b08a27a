/* SPDX-License-Identifier: MIT */
#include "gpu/texture_size.h"

#include <stdbool.h>
#include <stddef.h>

#define TARGET_BUFFER 0u
#define USUAL_BITS 32u
#define LEVELS 32u

/* Bits of a texel in Gallium's formats, where they are not USUAL_BITS. 'grows': the formats have 1
 * to 4 components in turn, of so many bits each. */
static const struct {
    uint16_t first, last, bits;
    bool grows;
} formats[] = {
    {9, 11, 8},           {23, 23, 8},    {24, 27, 64, true}, {28, 47, 32, true},
    {48, 63, 16, true},   {64, 64, 8},    {74, 74, 8},        {87, 90, 32, true},
    {91, 94, 16, true},   {105, 108, 8},  {109, 116, 8},      {126, 126, 64},
    {161, 161, 64},       {177, 177, 8},  {181, 181, 8},      {185, 192, 16, true},
    {193, 200, 32, true}, {220, 220, 64}, {224, 224, 64},     {234, 238, 64},
    {239, 241, 128},      {255, 296, 8},
};

static uint64_t bits_of(uint32_t format)
{
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
        if (format >= formats[i].first && format <= formats[i].last)
            return formats[i].grows ? formats[i].bits * ((format - formats[i].first) % 4 + 1)
                                    : formats[i].bits;
    return USUAL_BITS;
}

static uint64_t times(uint64_t a, uint64_t b)
{
    uint64_t product;

    return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

static uint64_t side(uint32_t size, unsigned level)
{
    return size >> level > 0 ? size >> level : 1;
}

uint64_t texture_size(const struct renderer_resource *what)
{
    uint64_t texels = 0, bits;

    if (what->target == TARGET_BUFFER)
        return what->width;
    for (unsigned level = 0; level <= what->last_level && level < LEVELS; level++) {
        uint64_t more = times(times(side(what->width, level), side(what->height, level)),
                              side(what->depth, level));

        if (__builtin_add_overflow(texels, more, &texels))
            return UINT64_MAX;
    }
    texels = times(texels, what->array_size > 0 ? what->array_size : 1);
    texels = times(texels, what->nr_samples > 0 ? what->nr_samples : 1);
    bits = times(texels, bits_of(what->format));
    return bits == UINT64_MAX ? bits : (bits + 7) / 8;
}

/* SPDX-License-Identifier: MIT */
#include "media/palette.h"

#include <math.h>
#include <string.h>

#define PI 3.14159265358979323846

static const struct palette plain = {{
    [CANVAS_WHITE] = {255, 255, 255, 235, 128, 128},
    [CANVAS_YELLOW] = {255, 255, 0, 219, 16, 138},
    [CANVAS_CYAN] = {0, 255, 255, 188, 154, 16},
    [CANVAS_GREEN] = {0, 255, 0, 173, 42, 26},
    [CANVAS_MAGENTA] = {255, 0, 255, 78, 214, 230},
    [CANVAS_RED] = {255, 0, 0, 63, 102, 240},
    [CANVAS_BLUE] = {0, 0, 255, 32, 240, 118},
    [CANVAS_BLACK] = {0, 0, 0, 16, 128, 128},
    [CANVAS_GREY] = {128, 128, 128, 126, 128, 128},
}};

static uint8_t byte(double value, double least, double most)
{
    if (value < least)
        value = least;
    if (value > most)
        value = most;
    return (uint8_t)(value + 0.5);
}

/* Red, green and blue of what y, u and v are, by BT.709. */
static void to_rgb(struct palette_colour *colour)
{
    double y = (colour->y - 16) * 255.0 / 219, u = (colour->u - 128) * 255.0 / 224;
    double v = (colour->v - 128) * 255.0 / 224;

    colour->r = byte(y + 1.5748 * v, 0, 255);
    colour->g = byte(y - 0.1873 * u - 0.4681 * v, 0, 255);
    colour->b = byte(y + 1.8556 * u, 0, 255);
}

static void adjust(struct palette_colour *colour, const struct palette_settings *settings)
{
    double gain = settings->contrast / 128.0, colourful = gain * settings->saturation / 128.0;
    double angle = settings->hue * PI / 128.0;
    double u = (colour->u - 128) * colourful, v = (colour->v - 128) * colourful;

    /* Contrast works around the middle, so that it alone does not make a picture lighter. */
    colour->y = byte((colour->y - 126) * gain + 126 + settings->brightness, 16, 235);
    colour->u = byte(128 + u * cos(angle) - v * sin(angle), 16, 240);
    colour->v = byte(128 + u * sin(angle) + v * cos(angle), 16, 240);
    to_rgb(colour);
}

void palette_init(struct palette *palette, const struct palette_settings *settings)
{
    *palette = plain;
    if (memcmp(settings, &PALETTE_SETTINGS_PLAIN, sizeof(*settings)) == 0)
        return;
    for (unsigned i = 0; i < CANVAS_COLOURS; i++)
        adjust(&palette->colours[i], settings);
}

const struct palette *palette_plain(void)
{
    return &plain;
}

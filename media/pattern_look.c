/* SPDX-License-Identifier: MIT */
#include "media/pattern_look.h"

#include <string.h>

#define SLIDER V4L2_CTRL_FLAG_SLIDER

static const char *const cards[] = {
    [PATTERN_CARD_BARS] = "Colour Bars",
    [PATTERN_CARD_CHEQUERS] = "Chequers",
    [PATTERN_CARD_GREY] = "Grey",
};

/* An eighth of the height of the default picture. */
static const struct v4l2_area default_marker = {90, 90};

static const struct control_spec specs[] = {
    {V4L2_CID_BRIGHTNESS, V4L2_CTRL_TYPE_INTEGER, "Brightness", -128, 127, 1, 0, SLIDER},
    {V4L2_CID_CONTRAST, V4L2_CTRL_TYPE_INTEGER, "Contrast", 0, 255, 1, 128, SLIDER},
    {V4L2_CID_SATURATION, V4L2_CTRL_TYPE_INTEGER, "Saturation", 0, 255, 1, 128, SLIDER},
    {V4L2_CID_HUE, V4L2_CTRL_TYPE_INTEGER, "Hue", -128, 127, 1, 0, SLIDER},
    {V4L2_CID_HFLIP, V4L2_CTRL_TYPE_BOOLEAN, "Horizontal Flip", 0, 1, 1, 0},
    {V4L2_CID_VFLIP, V4L2_CTRL_TYPE_BOOLEAN, "Vertical Flip", 0, 1, 1, 0},
    {PATTERN_CID_BARS, V4L2_CTRL_TYPE_U8, "Bar Colour Shifts", 0, PATTERN_BARS - 1, 1, 0,
     .dims = {PATTERN_BARS}},
    {PATTERN_CID_MARKER, V4L2_CTRL_TYPE_AREA, "Marker Size", .initial_data = &default_marker},
    {V4L2_CID_TEST_PATTERN, V4L2_CTRL_TYPE_MENU, "Test Pattern", 0, PATTERN_CARDS - 1, 0,
     PATTERN_CARD_BARS, .menu = cards},
    /* Not of 64 bits: since 6.15 the guest's kernel asks for G_EXT_CTRLS when a program says
     * G_CTRL, and we could not refuse that for a control that is too large for it, as V4L2 wants.
     */
    {PATTERN_CID_FRAMES, V4L2_CTRL_TYPE_INTEGER, "Frames", 0, INT32_MAX, 1, 0,
     V4L2_CTRL_FLAG_READ_ONLY | V4L2_CTRL_FLAG_VOLATILE},
};

const struct control_spec *pattern_look_specs(unsigned *count)
{
    *count = sizeof(specs) / sizeof(specs[0]);
    return specs;
}

void pattern_look_read(struct pattern_look *look, const struct control_set *controls)
{
    const uint8_t *shifts = control_set_find(controls, PATTERN_CID_BARS)->data;
    const struct palette_settings settings = {
        .brightness = (int)control_set_value(controls, V4L2_CID_BRIGHTNESS),
        .contrast = (int)control_set_value(controls, V4L2_CID_CONTRAST),
        .saturation = (int)control_set_value(controls, V4L2_CID_SATURATION),
        .hue = (int)control_set_value(controls, V4L2_CID_HUE),
    };

    palette_init(&look->palette, &settings);
    look->hflip = control_set_value(controls, V4L2_CID_HFLIP) != 0;
    look->vflip = control_set_value(controls, V4L2_CID_VFLIP) != 0;
    look->card = (enum pattern_card)control_set_value(controls, V4L2_CID_TEST_PATTERN);
    for (unsigned i = 0; i < PATTERN_BARS; i++)
        look->bars[i] = (uint8_t)((i + shifts[i]) % PATTERN_BARS);
    memcpy(&look->marker, control_set_find(controls, PATTERN_CID_MARKER)->data,
           sizeof(look->marker));
}

void pattern_look_apply(const struct pattern_look *look, struct canvas *canvas)
{
    canvas->palette = &look->palette;
    canvas->hflip = look->hflip;
    canvas->vflip = look->vflip;
}

void pattern_look_draw_card(const struct pattern_look *look, const struct canvas *canvas)
{
    uint32_t width = canvas->picture->width, height = canvas->picture->height;

    switch (look->card) {
    case PATTERN_CARD_CHEQUERS:
        canvas_chequers(canvas);
        break;
    case PATTERN_CARD_GREY:
        canvas_fill(canvas, 0, 0, width, height, CANVAS_GREY);
        break;
    default:
        canvas_test_card(canvas, look->bars);
        break;
    }
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

void pattern_look_draw_marker(const struct pattern_look *look, const struct canvas *canvas,
                              uint64_t sequence)
{
    uint32_t width = canvas->picture->width, top = canvas->picture->height / 2;
    uint32_t w = least(look->marker.width, width / 2), h = least(look->marker.height, top);
    uint32_t x = (uint32_t)(sequence * (width / 64 + 1) % (width - w));

    canvas_fill(canvas, x, top, w, h, CANVAS_WHITE);
    canvas_fill(canvas, x + w / 4, top + h / 4, w / 2, h / 2, CANVAS_BLACK);
}

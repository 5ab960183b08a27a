/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "media/canvas.h"
#include "media/frame.h"

/* From the values of one sort of picture to those of another, in 1/65536. */
#define SHIFT 16

struct conversion {
    bool needed;
    int32_t factor[3][3];
    int32_t before[3]; /* subtracted */
    int32_t after[3];  /* added, and one half */
};

struct drawing {
    const struct frame *frame;
    const struct picture *picture;
    struct picture_part parts[PICTURE_MAX_PLANES];
    struct frame_rectangle at; /* where in the picture */
    struct conversion conversion;
    uint8_t rows[2][FRAME_MAX_PICTURE * 3]; /* two rows, three values a pixel */
};

/* ---- colours ---- */

/* 'rgb' times 255 is 'values' less 'zero', through the matrix. */
static void to_rgb(const struct frame_colors *colors, double matrix[3][3], double zero[3])
{
    double kr = colors->bt709 ? 0.2126 : 0.299, kb = colors->bt709 ? 0.0722 : 0.114;
    double kg = 1 - kr - kb;
    double luma = colors->full_range ? 1 : 255.0 / 219,
           chroma = colors->full_range ? 1 : 255.0 / 224;
    const double all[3][3] = {
        {luma, 0, chroma * 2 * (1 - kr)},
        {luma, -chroma * 2 * (1 - kb) * kb / kg, -chroma * 2 * (1 - kr) * kr / kg},
        {luma, chroma * 2 * (1 - kb), 0},
    };

    memcpy(matrix, all, sizeof(all));
    zero[0] = colors->full_range ? 0 : 16;
    zero[1] = zero[2] = 128;
}

/* The other way, to BT.709 with limited range. */
static void from_rgb(double matrix[3][3], double zero[3])
{
    const double kr = 0.2126, kb = 0.0722, kg = 1 - kr - kb;
    const double luma = 219.0 / 255, blue = 224.0 / 255 / (2 * (1 - kb)),
                 red = 224.0 / 255 / (2 * (1 - kr));
    const double all[3][3] = {
        {luma * kr, luma * kg, luma * kb},
        {-blue * kr, -blue * kg, blue * (1 - kb)},
        {red * (1 - kr), -red * kg, -red * kb},
    };

    memcpy(matrix, all, sizeof(all));
    zero[0] = 16;
    zero[1] = zero[2] = 128;
}

static void set_identity(double matrix[3][3], double zero[3])
{
    for (unsigned i = 0; i < 3; i++) {
        zero[i] = 0;
        for (unsigned j = 0; j < 3; j++)
            matrix[i][j] = i == j;
    }
}

static int32_t fixed(double value)
{
    return (int32_t)(value * (1 << SHIFT) + (value < 0 ? -0.5 : 0.5));
}

static void conversion_init(struct conversion *c, const struct frame *frame, bool rgb)
{
    bool from = frame->format->family == FRAME_RGB;
    double in[3][3], out[3][3], before[3], after[3];

    c->needed = from != rgb || (!rgb && (!frame->colors.bt709 || frame->colors.full_range));
    if (from)
        set_identity(in, before);
    else
        to_rgb(&frame->colors, in, before);
    if (rgb)
        set_identity(out, after);
    else
        from_rgb(out, after);
    for (unsigned i = 0; i < 3; i++) {
        c->before[i] = (int32_t)before[i];
        c->after[i] = fixed(after[i] + 0.5);
        for (unsigned j = 0; j < 3; j++)
            c->factor[i][j] =
                fixed(out[i][0] * in[0][j] + out[i][1] * in[1][j] + out[i][2] * in[2][j]);
    }
}

static uint8_t clamp(int32_t value)
{
    return value < 0 ? 0 : value > 255 ? 255 : (uint8_t)value;
}

static void convert_row(const struct conversion *c, uint8_t *row, uint32_t width)
{
    for (uint32_t x = 0; x < width; x++, row += 3) {
        int32_t a = row[0] - c->before[0], b = row[1] - c->before[1], d = row[2] - c->before[2];

        for (unsigned i = 0; i < 3; i++)
            row[i] = clamp(
                (c->factor[i][0] * a + c->factor[i][1] * b + c->factor[i][2] * d + c->after[i]) >>
                SHIFT);
    }
}

/* ---- rows of the frame ---- */

/* The values of the pixel at x, y. */
static inline void pick(const struct frame *frame, uint32_t x, const uint8_t *const *line,
                        uint8_t *to)
{
    const struct frame_format *format = frame->format;
    const uint8_t *pixel = line[0] + (size_t)x * format->step;

    switch (format->family) {
    case FRAME_RGB:
        to[0] = pixel[format->at[0]];
        to[1] = pixel[format->at[1]];
        to[2] = pixel[format->at[2]];
        break;
    case FRAME_PACKED:
        pixel = line[0] + (size_t)(x / 2) * 4;
        to[0] = pixel[format->at[0] + (x & 1) * 2];
        to[1] = pixel[format->at[1]];
        to[2] = pixel[format->at[2]];
        break;
    case FRAME_SEMIPLANAR:
        to[0] = *pixel;
        to[1] = line[1][(size_t)(x / 2) * 2 + format->at[1]];
        to[2] = line[1][(size_t)(x / 2) * 2 + format->at[2]];
        break;
    case FRAME_PLANAR:
        to[0] = *pixel;
        to[1] = line[format->at[1]][x / 2];
        to[2] = line[format->at[2]][x / 2];
        break;
    case FRAME_GRAY:
        to[0] = *pixel;
        to[1] = to[2] = 128;
        break;
    }
}

/* Row 'y' of the part that is drawn. */
static void fetch_row(struct drawing *d, uint32_t y, uint8_t *row)
{
    const struct frame *frame = d->frame;
    uint32_t from = (uint32_t)((2 * (uint64_t)y + 1) * frame->height / (2 * d->at.height));
    uint64_t step = ((uint64_t)frame->width << SHIFT) / d->at.width, x = step / 2;
    const uint8_t *line[FRAME_MAX_PLANES] = {NULL};

    for (unsigned i = 0; i < frame_planes(frame->format); i++)
        line[i] = frame->plane[i] + (size_t)frame->stride[i] * (i > 0 ? from / 2 : from);
    for (uint32_t i = 0; i < d->at.width; i++, x += step)
        pick(frame, (uint32_t)(x >> SHIFT), line, row + (size_t)i * 3);
    if (d->conversion.needed)
        convert_row(&d->conversion, row, d->at.width);
}

/* ---- rows of the picture ---- */

/* Row 'y' of the part that is drawn to, from its first pixel on. */
static uint8_t *row_at(const struct drawing *d, unsigned part, uint32_t y)
{
    const struct pixel_plane *plane = &d->picture->format->components[part];

    return d->parts[part].data + (size_t)d->parts[part].stride * ((d->at.y + y) / plane->down) +
           (size_t)(d->at.x / plane->across) * plane->unit;
}

static void store_rgb(struct drawing *d, uint32_t y, const uint8_t *row)
{
    memcpy(row_at(d, 0, y), row, (size_t)d->at.width * 3);
}

static uint8_t mean_of_two(uint8_t a, uint8_t b)
{
    return (uint8_t)((a + b + 1) / 2);
}

static void store_yuyv(struct drawing *d, uint32_t y, const uint8_t *row)
{
    uint8_t *to = row_at(d, 0, y);

    for (uint32_t x = 0; x < d->at.width; x += 2, row += 6, to += 4) {
        to[0] = row[0];
        to[1] = mean_of_two(row[1], row[4]);
        to[2] = row[3];
        to[3] = mean_of_two(row[2], row[5]);
    }
}

static void store_luma(struct drawing *d, uint32_t y, const uint8_t *row)
{
    uint8_t *to = row_at(d, 0, y);

    for (uint32_t x = 0; x < d->at.width; x++)
        to[x] = row[(size_t)x * 3];
}

/* The chroma of both rows, 'step' bytes from one to the next. */
static void store_chroma(struct drawing *d, unsigned value, uint8_t *to, unsigned step)
{
    const uint8_t *a = d->rows[0] + value, *b = d->rows[1] + value;

    for (uint32_t x = 0; x < d->at.width; x += 2, a += 6, b += 6, to += step)
        *to = (uint8_t)((a[0] + a[3] + b[0] + b[3] + 2) / 4);
}

static void draw_rows(struct drawing *d)
{
    enum pixel_layout layout = d->picture->format->layout;

    for (uint32_t y = 0; y < d->at.height; y += 2) {
        for (unsigned i = 0; i < 2; i++) {
            fetch_row(d, y + i, d->rows[i]);
            if (layout == PIXEL_RGB24)
                store_rgb(d, y + i, d->rows[i]);
            else if (layout == PIXEL_YUYV)
                store_yuyv(d, y + i, d->rows[i]);
            else
                store_luma(d, y + i, d->rows[i]);
        }
        if (layout == PIXEL_NV12) {
            store_chroma(d, 1, row_at(d, 1, y), 2);
            store_chroma(d, 2, row_at(d, 1, y) + 1, 2);
        } else if (layout == PIXEL_YUV420) {
            store_chroma(d, 1, row_at(d, 1, y), 1);
            store_chroma(d, 2, row_at(d, 2, y), 1);
        }
    }
}

/* ---- as it is ---- */

static bool same_layout(const struct frame_format *format, enum pixel_layout layout)
{
    const uint8_t *at = format->at;

    switch (layout) {
    case PIXEL_RGB24:
        return format->family == FRAME_RGB && format->step == 3 && at[0] == 0 && at[1] == 1;
    case PIXEL_YUYV:
        return format->family == FRAME_PACKED && at[0] == 0 && at[1] == 1;
    case PIXEL_NV12:
        return format->family == FRAME_SEMIPLANAR && at[1] == 0;
    case PIXEL_YUV420:
        return format->family == FRAME_PLANAR && at[1] == 1;
    default:
        return false;
    }
}

static void copy_part(const struct picture_part *to, const uint8_t *from, uint32_t stride)
{
    if (stride == to->stride) {
        memcpy(to->data, from, (size_t)stride * to->lines);
        return;
    }
    for (uint32_t y = 0; y < to->lines; y++)
        memcpy(to->data + (size_t)y * to->stride, from + (size_t)y * stride, to->stride);
}

bool frame_can_draw(const struct pixel_format *format)
{
    return format->layout == PIXEL_RGB24 || format->layout == PIXEL_YUYV ||
           format->layout == PIXEL_NV12 || format->layout == PIXEL_YUV420;
}

void frame_draw(const struct frame *frame, const struct picture *picture, uint8_t *const *planes)
{
    struct canvas canvas = {.picture = picture};
    struct drawing d = {.frame = frame, .picture = picture};
    unsigned parts = pixel_format_parts(picture->format);

    for (unsigned i = 0; i < parts; i++)
        d.parts[i] = picture_part(picture, planes, i);
    conversion_init(&d.conversion, frame, picture->format->layout == PIXEL_RGB24);
    if (!d.conversion.needed && same_layout(frame->format, picture->format->layout) &&
        frame->width == picture->width && frame->height == picture->height) {
        for (unsigned i = 0; i < parts; i++)
            copy_part(&d.parts[i], frame->plane[i], frame->stride[i]);
        return;
    }
    d.at = frame_fit(frame->width, frame->height, picture->width, picture->height);
    if (d.at.width != picture->width || d.at.height != picture->height) {
        for (unsigned i = 0; i < picture->format->planes; i++)
            canvas.planes[i] = planes[i];
        canvas_fill(&canvas, 0, 0, picture->width, picture->height, CANVAS_BLACK);
    }
    draw_rows(&d);
}

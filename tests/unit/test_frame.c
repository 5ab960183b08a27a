/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "media/frame.h"

static const struct frame_format yuy2 = {"YUY2", FRAME_PACKED, 2, {0, 1, 3}},
                                 uyvy = {"UYVY", FRAME_PACKED, 2, {1, 0, 2}},
                                 nv12 = {"NV12", FRAME_SEMIPLANAR, 1, {0, 0, 1}},
                                 nv21 = {"NV21", FRAME_SEMIPLANAR, 1, {0, 1, 0}},
                                 i420 = {"I420", FRAME_PLANAR, 1, {0, 1, 2}},
                                 yv12 = {"YV12", FRAME_PLANAR, 1, {0, 2, 1}},
                                 rgb = {"RGB", FRAME_RGB, 3, {0, 1, 2}},
                                 bgrx = {"BGRx", FRAME_RGB, 4, {2, 1, 0}},
                                 xbgr = {"xBGR", FRAME_RGB, 4, {3, 2, 1}},
                                 gray = {"GRAY8", FRAME_GRAY, 1, {0}};
static const struct frame_format *const all[] = {&yuy2, &uyvy, &nv12, &nv21, &i420,
                                                 &yv12, &rgb,  &bgrx, &xbgr, &gray};
#define ALL (sizeof(all) / sizeof(all[0]))

static const struct frame_colors ours = {.bt709 = true};

/* ---- memory that ends where it should ---- */

struct memory {
    uint8_t *map, *data; /* data's end is the end of what may be touched */
    size_t map_size;
};

static struct memory memory_of(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), whole = (size + page - 1) / page * page;
    struct memory m = {.map_size = whole + page};

    m.map = mmap(NULL, m.map_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(m.map != MAP_FAILED);
    assert_int_equal(mprotect(m.map + whole, page, PROT_NONE), 0);
    m.data = m.map + whole - size;
    return m;
}

static void memory_free(struct memory *m)
{
    munmap(m->map, m->map_size);
}

/* ---- where the planes are ---- */

static int locate(struct frame *frame, const struct frame_format *format, uint32_t width,
                  uint32_t height, size_t size, uint32_t stride)
{
    static uint8_t some[1];
    struct frame_block block = {some, size, stride};

    return frame_locate(frame, format, width, height, &block, 1);
}

static void test_sizes(void **state)
{
    struct frame f;

    /* The last row needs no gap behind it. */
    assert_int_equal(locate(&f, &rgb, 10, 4, 120, 0), 0);
    assert_int_equal(f.stride[0], 30);
    assert_int_equal(locate(&f, &rgb, 10, 4, 119, 0), -EMSGSIZE);
    assert_int_equal(locate(&f, &rgb, 10, 4, 3 * 32 + 30, 32), 0);
    assert_int_equal(locate(&f, &rgb, 10, 4, 3 * 32 + 29, 32), -EMSGSIZE);
    assert_int_equal(locate(&f, &rgb, 10, 4, 1000, 29), -EINVAL);
    assert_int_equal(locate(&f, &yuy2, 5, 2, 24, 0), 0); /* whole pairs */
    assert_int_equal(locate(&f, &yuy2, 5, 2, 23, 0), -EMSGSIZE);
    assert_int_equal(locate(&f, &gray, 5, 2, 10, 0), 0);
    assert_int_equal(locate(&f, &gray, 5, 2, 9, 0), -EMSGSIZE);
}

static void test_planes_in_one_block(void **state)
{
    struct frame f;

    assert_int_equal(locate(&f, &nv12, 8, 4, 48, 0), 0);
    assert_int_equal(f.plane[1] - f.plane[0], 32);
    assert_int_equal(f.stride[1], 8);
    assert_int_equal(locate(&f, &nv12, 8, 4, 47, 0), -EMSGSIZE);
    assert_int_equal(locate(&f, &nv12, 7, 3, 7 * 3 + 16, 0), -EINVAL); /* pairs need 8 bytes */
    assert_int_equal(locate(&f, &nv12, 7, 3, 8 * 3 + 16, 8), 0);
    assert_int_equal(locate(&f, &nv12, 7, 3, 8 * 3 + 15, 8), -EMSGSIZE);
    assert_int_equal(locate(&f, &i420, 8, 4, 48, 0), 0);
    assert_int_equal(f.plane[1] - f.plane[0], 32);
    assert_int_equal(f.plane[2] - f.plane[1], 8);
    assert_int_equal(f.stride[2], 4);
    assert_int_equal(locate(&f, &i420, 8, 4, 16 * 4 + 8 * 2 + 8 + 4, 16), 0);
    assert_int_equal(f.stride[1], 8);
    assert_int_equal(f.plane[2] - f.plane[0], 16 * 4 + 8 * 2);
    assert_int_equal(locate(&f, &i420, 8, 4, 16 * 4 + 8 * 2 + 8 + 3, 16), -EMSGSIZE);
}

static void test_planes_in_blocks(void **state)
{
    static uint8_t y[64], u[64], v[64];
    struct frame_block blocks[3] = {{y, 32, 8}, {u, 8, 4}, {v, 12, 8}};
    struct frame f;

    assert_int_equal(frame_locate(&f, &i420, 8, 4, blocks, 3), 0);
    assert_ptr_equal(f.plane[0], y);
    assert_ptr_equal(f.plane[1], u);
    assert_ptr_equal(f.plane[2], v);
    assert_int_equal(f.stride[2], 8);
    blocks[2].size = 11;
    assert_int_equal(frame_locate(&f, &i420, 8, 4, blocks, 3), -EMSGSIZE);
    blocks[2].data = NULL;
    blocks[2].size = 12;
    assert_int_equal(frame_locate(&f, &i420, 8, 4, blocks, 3), -EMSGSIZE);
    assert_int_equal(frame_locate(&f, &i420, 8, 4, blocks, 2), -EINVAL);
    assert_int_equal(frame_locate(&f, &i420, 8, 4, blocks, 0), -EINVAL);
    /* More blocks than planes are of no interest. */
    assert_int_equal(frame_locate(&f, &gray, 8, 4, blocks, 3), 0);
}

static void test_hostile_sizes(void **state)
{
    struct frame f;

    for (size_t i = 0; i < ALL; i++) {
        assert_int_equal(locate(&f, all[i], 0, 4, 1000, 0), -EINVAL);
        assert_int_equal(locate(&f, all[i], 4, 0, 1000, 0), -EINVAL);
        assert_int_equal(locate(&f, all[i], FRAME_MAX_SIDE + 1, 4, SIZE_MAX, 0), -EINVAL);
        assert_int_equal(locate(&f, all[i], 4, 0xffffffff, SIZE_MAX, 0), -EINVAL);
        assert_int_equal(locate(&f, all[i], FRAME_MAX_SIDE, FRAME_MAX_SIDE, 1 << 20, 0), -EMSGSIZE);
        /* 64 bits are needed for this. */
        assert_int_equal(locate(&f, all[i], 4, 0x4000, 0x3fff, 0x40000), -EMSGSIZE);
        assert_int_equal(locate(&f, all[i], 4, 0x4000, 0xffffffff, 0xffffffff), -EMSGSIZE);
    }
}

static void test_crop(void **state)
{
    struct frame f;
    const uint8_t *base;

    assert_int_equal(locate(&f, &i420, 16, 8, 192, 0), 0);
    base = f.plane[0];
    assert_int_equal(frame_crop(&f, &(struct frame_rectangle){5, 3, 8, 4}), 0);
    assert_int_equal(f.width, 8);
    assert_int_equal(f.height, 4);
    assert_int_equal(f.plane[0] - base, 2 * 16 + 4);
    assert_int_equal(f.plane[1] - base, 128 + 8 + 2);
    assert_int_equal(f.plane[2] - base, 160 + 8 + 2);
    assert_int_equal(locate(&f, &yuy2, 16, 8, 256, 0), 0);
    base = f.plane[0];
    assert_int_equal(frame_crop(&f, &(struct frame_rectangle){4, 2, 12, 6}), 0);
    assert_int_equal(f.plane[0] - base, 2 * 32 + 8);
    for (size_t i = 0; i < ALL; i++) {
        assert_int_equal(locate(&f, all[i], 16, 8, 1000, 0), 0);
        assert_int_equal(frame_crop(&f, &(struct frame_rectangle){0, 0, 0, 4}), -EINVAL);
        assert_int_equal(frame_crop(&f, &(struct frame_rectangle){1, 0, 16, 8}), -EINVAL);
        assert_int_equal(frame_crop(&f, &(struct frame_rectangle){0, 1, 16, 8}), -EINVAL);
        assert_int_equal(frame_crop(&f, &(struct frame_rectangle){0xffffffff, 0, 1, 1}), -EINVAL);
        assert_int_equal(frame_crop(&f, &(struct frame_rectangle){2, 2, 0xffffffff, 2}), -EINVAL);
        assert_int_equal(frame_crop(&f, &(struct frame_rectangle){0, 0, 16, 8}), 0);
    }
}

static void assert_fit(uint32_t width, uint32_t height, uint32_t to_width, uint32_t to_height,
                       struct frame_rectangle expected)
{
    struct frame_rectangle fit = frame_fit(width, height, to_width, to_height);

    assert_int_equal(fit.x, expected.x);
    assert_int_equal(fit.y, expected.y);
    assert_int_equal(fit.width, expected.width);
    assert_int_equal(fit.height, expected.height);
}

static void test_fit(void **state)
{
    assert_fit(640, 480, 320, 240, (struct frame_rectangle){0, 0, 320, 240});
    assert_fit(640, 480, 1280, 720, (struct frame_rectangle){160, 0, 960, 720});
    assert_fit(1280, 720, 640, 480, (struct frame_rectangle){0, 60, 640, 360});
    assert_fit(1920, 1088, 1280, 724, (struct frame_rectangle){0, 0, 1280, 724});
    assert_fit(1, 16384, 64, 48, (struct frame_rectangle){30, 0, 2, 48});
    assert_fit(16384, 1, 64, 48, (struct frame_rectangle){0, 22, 64, 2});
    for (uint32_t w = 1; w < 40; w++)
        for (uint32_t h = 1; h < 40; h++) {
            struct frame_rectangle fit = frame_fit(w, h, 34, 22);

            assert_true(fit.x + fit.width <= 34 && fit.y + fit.height <= 22);
            assert_true(fit.width >= 2 && fit.height >= 2);
            assert_true(((fit.x | fit.y | fit.width | fit.height) & 1) == 0);
            assert_true(fit.width == 34 || fit.height == 22);
        }
}

/* ---- pictures ---- */

struct value {
    uint8_t rgb[3], yuv[3]; /* BT.709, limited range */
};

static const struct value white = {{255, 255, 255}, {235, 128, 128}},
                          red = {{255, 0, 0}, {63, 102, 240}}, green = {{0, 255, 0}, {173, 42, 26}},
                          blue = {{0, 0, 255}, {32, 240, 118}};

/* A frame with two colours, side by side, and a gap after each row. */
static struct memory make_frame(struct frame *frame, const struct frame_format *format,
                                uint32_t width, uint32_t height, uint32_t gap)
{
    uint32_t stride = format->family == FRAME_PACKED ? (width + 1) / 2 * 4 : width * format->step;
    bool planes = format->family == FRAME_SEMIPLANAR || format->family == FRAME_PLANAR;
    size_t size;
    struct memory m;
    struct frame_block block;

    stride = (stride + gap + 1) & ~1u;
    size = (size_t)stride * (height + (planes ? (height + 1) / 2 : 0));
    m = memory_of(size);
    memset(m.data, 0x77, size);
    block = (struct frame_block){m.data, size, stride};
    assert_int_equal(frame_locate(frame, format, width, height, &block, 1), 0);
    frame->colors = ours;
    return m;
}

static void put(const struct frame *f, uint32_t x, uint32_t y, const struct value *value)
{
    uint8_t *line = (uint8_t *)(uintptr_t)f->plane[0] + (size_t)f->stride[0] * y;
    const struct frame_format *format = f->format;

    if (format->family == FRAME_RGB) {
        for (unsigned i = 0; i < 3; i++)
            line[x * format->step + format->at[i]] = value->rgb[i];
        return;
    }
    if (format->family == FRAME_PACKED) {
        line[x / 2 * 4 + format->at[0] + (x & 1) * 2] = value->yuv[0];
        line[x / 2 * 4 + format->at[1]] = value->yuv[1];
        line[x / 2 * 4 + format->at[2]] = value->yuv[2];
        return;
    }
    line[x] = value->yuv[0];
    for (unsigned i = 1; i < 3 && format->family != FRAME_GRAY; i++) {
        unsigned plane = format->family == FRAME_PLANAR ? format->at[i] : 1;
        uint8_t *chroma =
            (uint8_t *)(uintptr_t)f->plane[plane] + (size_t)f->stride[plane] * (y / 2);

        chroma[format->family == FRAME_PLANAR ? x / 2 : x / 2 * 2 + format->at[i]] = value->yuv[i];
    }
}

static void paint(const struct frame *f, const struct value *left, const struct value *right)
{
    for (uint32_t y = 0; y < f->height; y++)
        for (uint32_t x = 0; x < f->width; x++)
            put(f, x, y, x < f->width / 2 ? left : right);
}

struct target {
    struct picture picture;
    struct memory memory[PICTURE_MAX_PLANES];
    uint8_t *planes[PICTURE_MAX_PLANES];
};

static struct target target_of(uint32_t fourcc, uint32_t width, uint32_t height)
{
    struct target t;

    picture_init(&t.picture, pixel_format_find(fourcc), width, height);
    assert_true(frame_can_draw(t.picture.format));
    for (unsigned i = 0; i < t.picture.format->planes; i++) {
        t.memory[i] = memory_of(t.picture.plane_size[i]);
        t.planes[i] = t.memory[i].data;
        memset(t.planes[i], 0x55, t.picture.plane_size[i]);
    }
    return t;
}

static void target_free(struct target *t)
{
    for (unsigned i = 0; i < t->picture.format->planes; i++)
        memory_free(&t->memory[i]);
}

static void values_at(const struct target *t, uint32_t x, uint32_t y, uint8_t values[3])
{
    struct picture_part part[3];

    for (unsigned i = 0; i < pixel_format_parts(t->picture.format); i++)
        part[i] = picture_part(&t->picture, t->planes, i);
    if (t->picture.format->layout == PIXEL_RGB24) {
        memcpy(values, part[0].data + part[0].stride * y + x * 3, 3);
    } else if (t->picture.format->layout == PIXEL_YUYV) {
        const uint8_t *at = part[0].data + part[0].stride * y + x / 2 * 4;

        values[0] = at[(x & 1) * 2];
        values[1] = at[1];
        values[2] = at[3];
    } else {
        bool planar = t->picture.format->layout == PIXEL_YUV420;

        values[0] = part[0].data[part[0].stride * y + x];
        values[1] = part[1].data[part[1].stride * (y / 2) + (planar ? x / 2 : x / 2 * 2)];
        values[2] =
            part[planar ? 2 : 1]
                .data[part[planar ? 2 : 1].stride * (y / 2) + (planar ? x / 2 : x / 2 * 2 + 1)];
    }
}

static void assert_value(const struct target *t, uint32_t x, uint32_t y, const struct value *value,
                         int tolerance)
{
    const uint8_t *expected = t->picture.format->layout == PIXEL_RGB24 ? value->rgb : value->yuv;
    uint8_t values[3];

    values_at(t, x, y, values);
    for (unsigned i = 0; i < 3; i++)
        if (abs(values[i] - expected[i]) > tolerance)
            fail_msg("%s at %u,%u: value %u is %u, not %u", t->picture.format->description, x, y, i,
                     values[i], expected[i]);
}

static const uint32_t fourccs[] = {V4L2_PIX_FMT_YUYV,  V4L2_PIX_FMT_NV12,   V4L2_PIX_FMT_NV12M,
                                   V4L2_PIX_FMT_RGB24, V4L2_PIX_FMT_YUV420, V4L2_PIX_FMT_YUV420M};
#define FOURCCS (sizeof(fourccs) / sizeof(fourccs[0]))

/* Every pixel is what it was: left red, right green; in the middle the pairs may mix. */
static void assert_halves(const struct target *t, const struct value *left,
                          const struct value *right)
{
    uint32_t width = t->picture.width;

    for (uint32_t y = 0; y < t->picture.height; y++)
        for (uint32_t x = 0; x < width; x++)
            if (x + 5 < width / 2 || x >= width / 2 + 5)
                assert_value(t, x, y, x < width / 2 ? left : right, 1);
}

/* From each layout to each, with and without gaps, at the same size and others. */
static void test_every_layout(void **state)
{
    static const uint32_t sizes[][2] = {{64, 36}, {128, 72}, {32, 18}, {31, 17}};

    for (size_t i = 0; i < ALL; i++)
        for (size_t j = 0; j < FOURCCS; j++)
            for (size_t k = 0; k < 4; k++)
                for (uint32_t gap = 0; gap < 24; gap += 11) {
                    struct frame frame;
                    struct memory m = make_frame(&frame, all[i], sizes[k][0], sizes[k][1], gap);
                    struct target t = target_of(fourccs[j], 64, 36);
                    const struct value gray_at[2] = {{{63, 63, 63}, {70, 128, 128}},
                                                     {{200, 200, 200}, {188, 128, 128}}};
                    bool is_gray = all[i] == &gray;
                    const struct value *left = is_gray ? &gray_at[0] : &red;
                    const struct value *right = is_gray ? &gray_at[1] : &green;

                    paint(&frame, left, right);
                    frame_draw(&frame, &t.picture, t.planes);
                    assert_halves(&t, left, right);
                    target_free(&t);
                    memory_free(&m);
                }
}

/* Bytes of the same layout, size and colours are not touched: no rounding. */
static void test_as_it_is(void **state)
{
    static const struct {
        const struct frame_format *format;
        uint32_t fourcc;
    } rows[] = {{&yuy2, V4L2_PIX_FMT_YUYV},    {&nv12, V4L2_PIX_FMT_NV12},
                {&nv12, V4L2_PIX_FMT_NV12M},   {&i420, V4L2_PIX_FMT_YUV420},
                {&i420, V4L2_PIX_FMT_YUV420M}, {&rgb, V4L2_PIX_FMT_RGB24}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (uint32_t gap = 0; gap < 24; gap += 6) {
            struct frame frame;
            struct memory m = make_frame(&frame, rows[i].format, 34, 22, gap);
            struct target t = target_of(rows[i].fourcc, 34, 22);

            for (uint8_t *p = m.data; p < m.map + m.map_size - sysconf(_SC_PAGESIZE); p++)
                *p = (uint8_t)rand();
            frame_draw(&frame, &t.picture, t.planes);
            for (unsigned part = 0; part < pixel_format_parts(t.picture.format); part++) {
                struct picture_part to = picture_part(&t.picture, t.planes, part);

                for (uint32_t y = 0; y < to.lines; y++)
                    assert_memory_equal(to.data + to.stride * y,
                                        frame.plane[part] + frame.stride[part] * y, to.stride);
            }
            target_free(&t);
            memory_free(&m);
        }
}

static void test_colours(void **state)
{
    /* The same four colours as BT.601 has them, limited and full (ITU-R BT.601, JFIF). */
    static const struct {
        const struct value *is;
        uint8_t limited[3], full[3];
    } rows[] = {{&white, {235, 128, 128}, {255, 128, 128}},
                {&red, {81, 90, 240}, {76, 85, 255}},
                {&green, {145, 54, 34}, {150, 44, 21}},
                {&blue, {41, 240, 110}, {29, 255, 107}}};

    for (size_t i = 0; i < 4; i++)
        for (size_t j = 0; j < FOURCCS; j++)
            for (unsigned full = 0; full < 2; full++) {
                struct frame frame;
                struct memory m = make_frame(&frame, &i420, 16, 8, 0);
                struct target t = target_of(fourccs[j], 16, 8);
                struct value as = *rows[i].is;

                memcpy(as.yuv, full ? rows[i].full : rows[i].limited, 3);
                frame.colors = (struct frame_colors){.full_range = full};
                paint(&frame, &as, &as);
                frame_draw(&frame, &t.picture, t.planes);
                assert_value(&t, 3, 5, rows[i].is, 2);
                target_free(&t);
                memory_free(&m);
            }
}

static void test_black_around(void **state)
{
    static const struct value black = {{0, 0, 0}, {16, 128, 128}};

    for (size_t j = 0; j < FOURCCS; j++) {
        struct frame frame;
        struct memory m = make_frame(&frame, &rgb, 32, 32, 2);
        struct target t = target_of(fourccs[j], 64, 32);

        paint(&frame, &blue, &white);
        frame_draw(&frame, &t.picture, t.planes);
        for (uint32_t y = 0; y < 32; y++)
            for (uint32_t x = 0; x < 64; x++) {
                const struct value *value = x < 16 || x >= 48 ? &black : x < 32 ? &blue : &white;

                assert_value(&t, x, y, value, 1);
            }
        target_free(&t);
        memory_free(&m);
    }
}

/* Odd and tiny pictures are read inside of their memory only: the page behind it would kill. */
static void test_edges(void **state)
{
    for (size_t i = 0; i < ALL; i++)
        for (uint32_t width = 1; width < 9; width++)
            for (uint32_t height = 1; height < 6; height++) {
                struct frame frame;
                struct frame_block block;
                struct memory m = memory_of(4096);
                struct target t = target_of(fourccs[(i + width + height) % FOURCCS], 66, 50);
                uint32_t stride = all[i]->family == FRAME_PACKED
                                      ? (width + 1) / 2 * 4
                                      : (width + 1) / 2 * 2 * all[i]->step;
                uint8_t *end = m.data + 4096;
                size_t size = 0;

                /* The least memory that will do. */
                do {
                    size++;
                    block = (struct frame_block){end - size, size, stride};
                } while (frame_locate(&frame, all[i], width, height, &block, 1) != 0);
                frame_draw(&frame, &t.picture, t.planes);
                target_free(&t);
                memory_free(&m);
            }
}

static void test_what_cannot_be_drawn(void **state)
{
    assert_false(frame_can_draw(pixel_format_find(V4L2_PIX_FMT_P010)));
    assert_false(frame_can_draw(pixel_format_find(V4L2_PIX_FMT_UYVY)));
    assert_false(frame_can_draw(pixel_format_find(V4L2_PIX_FMT_GREY)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_planes_in_one_block),
        cmocka_unit_test(test_planes_in_blocks),
        cmocka_unit_test(test_hostile_sizes),
        cmocka_unit_test(test_crop),
        cmocka_unit_test(test_fit),
        cmocka_unit_test(test_every_layout),
        cmocka_unit_test(test_as_it_is),
        cmocka_unit_test(test_colours),
        cmocka_unit_test(test_black_around),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_what_cannot_be_drawn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

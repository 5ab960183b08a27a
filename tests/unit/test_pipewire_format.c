/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include <spa/buffer/meta.h>
#include <spa/param/video/format-utils.h>

#include "media/pipewire_format.h"
#include "media/pipewire_memory.h"

/* ---- formats ---- */

static struct media_stream stream_of(uint32_t fourcc, uint32_t width, uint32_t height)
{
    struct media_stream stream = {.interval = {1001, 30000}};

    picture_init(&stream.picture, pixel_format_find(fourcc), width, height);
    return stream;
}

/* The best is exactly what the guest asked for, the last takes anything. */
static void test_wishes(void **state)
{
    static const struct {
        uint32_t fourcc, spa;
    } rows[] = {{V4L2_PIX_FMT_YUYV, SPA_VIDEO_FORMAT_YUY2},
                {V4L2_PIX_FMT_NV12M, SPA_VIDEO_FORMAT_NV12},
                {V4L2_PIX_FMT_YUV420, SPA_VIDEO_FORMAT_I420},
                {V4L2_PIX_FMT_RGB24, SPA_VIDEO_FORMAT_RGB}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct media_stream stream = stream_of(rows[i].fourcc, 640, 360);
        _Alignas(8) uint8_t bytes[8192];
        struct spa_pod_builder b = SPA_POD_BUILDER_INIT(bytes, sizeof(bytes));
        const struct spa_pod *params[PIPEWIRE_FORMAT_WISHES];
        unsigned count = pipewire_format_wishes(&b, &stream, params);
        struct pipewire_format format;

        assert_int_equal(count, PIPEWIRE_FORMAT_WISHES);
        assert_true(b.state.offset <= sizeof(bytes));
        assert_int_equal(pipewire_format_parse(&format, params[0]), 0);
        assert_ptr_equal(format.format, pipewire_format_find(rows[i].spa));
        assert_int_equal(format.width, 640);
        assert_int_equal(format.height, 360);
        assert_int_equal(format.rate.numerator, 30000);
        assert_int_equal(format.rate.denominator, 1001);
        for (unsigned j = 0; j < count; j++)
            assert_true(spa_pod_is_object_type(params[j], SPA_TYPE_OBJECT_Format));
        /* Nothing is fixed, so nothing can be read as if it were. */
        assert_int_not_equal(pipewire_format_parse(&format, params[count - 1]), 0);
    }
}

static int parse(struct pipewire_format *format, struct spa_video_info_raw info)
{
    _Alignas(8) uint8_t bytes[1024];
    struct spa_pod_builder b = SPA_POD_BUILDER_INIT(bytes, sizeof(bytes));

    return pipewire_format_parse(format, spa_format_video_raw_build(&b, SPA_PARAM_Format, &info));
}

static void test_parse(void **state)
{
    struct spa_video_info_raw info = {.format = SPA_VIDEO_FORMAT_UYVY,
                                      .size = SPA_RECTANGLE(32, 18),
                                      .framerate = SPA_FRACTION(25, 1)};
    struct pipewire_format format;

    assert_int_equal(parse(&format, info), 0);
    assert_string_equal(format.format->name, "UYVY");
    assert_false(format.colors.bt709);
    assert_false(format.colors.full_range);
    info.color_matrix = SPA_VIDEO_COLOR_MATRIX_BT709;
    info.color_range = SPA_VIDEO_COLOR_RANGE_0_255;
    assert_int_equal(parse(&format, info), 0);
    assert_true(format.colors.bt709);
    assert_true(format.colors.full_range);
    info.format = SPA_VIDEO_FORMAT_v210;
    assert_int_equal(parse(&format, info), -EOPNOTSUPP);
    info.format = SPA_VIDEO_FORMAT_UYVY;
    info.size = SPA_RECTANGLE(0xffffffff, 18);
    assert_int_equal(parse(&format, info), -EINVAL);
    info.size = SPA_RECTANGLE(0, 0);
    assert_int_equal(parse(&format, info), -EINVAL);
}

/* ---- buffers ---- */

#define WIDTH 16u
#define HEIGHT 8u

struct one {
    uint8_t bytes[WIDTH * HEIGHT * 2 + 64];
    struct spa_chunk chunk;
    struct spa_data data;
    struct spa_meta_header header;
    struct spa_meta_region crop;
    struct spa_meta metas[2];
    struct spa_buffer buffer;
    struct pipewire_format format;
    const uint8_t *memory[FRAME_MAX_PLANES];
};

static void one_init(struct one *o)
{
    *o = (struct one){
        .chunk = {.size = WIDTH * HEIGHT * 2, .stride = WIDTH * 2},
        .data = {.type = SPA_DATA_MemPtr, .data = o->bytes, .maxsize = sizeof(o->bytes)},
        .metas = {{SPA_META_Header, sizeof(o->header), &o->header},
                  {SPA_META_VideoCrop, sizeof(o->crop), &o->crop}},
        .buffer = {.n_metas = 2, .n_datas = 1},
        .format = {.format = pipewire_format_find(SPA_VIDEO_FORMAT_YUY2),
                   .width = WIDTH,
                   .height = HEIGHT,
                   .colors = {.bt709 = true}},
        .memory = {o->bytes},
    };
    o->data.chunk = &o->chunk;
    o->buffer.datas = &o->data;
    o->buffer.metas = o->metas;
}

static int locate(struct one *o, struct frame *frame)
{
    return pipewire_format_locate(frame, &o->format, &o->buffer, o->memory);
}

static void test_locate(void **state)
{
    struct frame frame;
    struct one o;

    one_init(&o);
    assert_int_equal(locate(&o, &frame), 0);
    assert_ptr_equal(frame.plane[0], o.bytes);
    assert_true(frame.colors.bt709);
    o.chunk.offset = 64;
    assert_int_equal(locate(&o, &frame), 0);
    assert_ptr_equal(frame.plane[0], o.bytes + 64);
    o.chunk.offset = 65; /* the end is cut off where the memory ends */
    assert_int_equal(locate(&o, &frame), -EMSGSIZE);
    o.chunk.offset = sizeof(o.bytes);
    assert_int_equal(locate(&o, &frame), -EINVAL);
    o.chunk.offset = 0xffffffff;
    assert_int_equal(locate(&o, &frame), -EINVAL);
    one_init(&o);
    o.chunk.size = 0xffffffff;
    assert_int_equal(locate(&o, &frame), 0);
    o.chunk.size = WIDTH * HEIGHT * 2 - 1;
    assert_int_equal(locate(&o, &frame), -EMSGSIZE);
    o.chunk.size = 0;
    assert_int_equal(locate(&o, &frame), -ENODATA);
    one_init(&o);
    o.chunk.stride = -32;
    assert_int_equal(locate(&o, &frame), -EINVAL);
    o.chunk.stride = 31;
    assert_int_equal(locate(&o, &frame), -EINVAL);
    o.chunk.stride = 0;
    assert_int_equal(locate(&o, &frame), 0);
    assert_int_equal(frame.stride[0], 32);
    o.memory[0] = NULL;
    assert_int_equal(locate(&o, &frame), -EMSGSIZE);
    one_init(&o);
    o.buffer.n_datas = 0;
    assert_int_equal(locate(&o, &frame), -EINVAL);
}

static void test_marks(void **state)
{
    struct frame frame;
    struct one o;

    one_init(&o);
    o.chunk.flags = SPA_CHUNK_FLAG_CORRUPTED;
    assert_int_equal(locate(&o, &frame), -EBADMSG);
    one_init(&o);
    o.header.flags = SPA_META_HEADER_FLAG_CORRUPTED;
    assert_int_equal(locate(&o, &frame), -EBADMSG);
    one_init(&o);
    o.crop.region = SPA_REGION(4, 2, 8, 6);
    assert_int_equal(locate(&o, &frame), 0);
    assert_int_equal(frame.width, 8);
    assert_int_equal(frame.height, 6);
    assert_ptr_equal(frame.plane[0], o.bytes + 2 * 32 + 8);
    o.crop.region = SPA_REGION(-4, 2, 8, 6);
    assert_int_equal(locate(&o, &frame), -EINVAL);
    o.crop.region = SPA_REGION(12, 2, 8, 6);
    assert_int_equal(locate(&o, &frame), -EINVAL);
}

static void test_time(void **state)
{
    const uint64_t now = 100000000000u;
    struct one o;

    one_init(&o);
    o.header.pts = (int64_t)now - 40000123;
    assert_true(pipewire_format_time(&o.buffer, now) == now - 40001000); /* whole microseconds */
    o.header.pts = (int64_t)now + 1;
    assert_true(pipewire_format_time(&o.buffer, now) == now);
    o.header.pts = 5;
    assert_true(pipewire_format_time(&o.buffer, now) == now);
    o.header.pts = -1;
    assert_true(pipewire_format_time(&o.buffer, now) == now);
    o.buffer.n_metas = 0;
    assert_true(pipewire_format_time(&o.buffer, now) == now);
}

/* ---- memory ---- */

static void test_memory(void **state)
{
    struct spa_data datas[3] = {{.type = SPA_DATA_MemFd, .mapoffset = 100, .maxsize = 5000},
                                {.type = SPA_DATA_MemFd, .mapoffset = 8192, .maxsize = 10},
                                {.type = SPA_DATA_MemPtr, .data = datas, .maxsize = 8}};
    struct spa_buffer buffer = {.n_datas = 3, .datas = datas};
    struct pipewire_memory memory;
    int fd = memfd_create("test", MFD_CLOEXEC);

    assert_int_equal(ftruncate(fd, 8202), 0);
    assert_int_equal(pwrite(fd, "first", 5, 100), 5);
    assert_int_equal(pwrite(fd, "last", 4, 8198), 4);
    datas[0].fd = datas[1].fd = fd;
    assert_int_equal(pipewire_memory_init(&memory, &buffer), 0);
    assert_memory_equal(memory.data[0], "first", 5);
    assert_memory_equal(memory.data[1] + 6, "last", 4);
    assert_ptr_equal(memory.data[2], datas);
    assert_int_equal(pipewire_memory_begin(&memory), 0);
    pipewire_memory_end(&memory);
    pipewire_memory_finish(&memory);
    pipewire_memory_finish(&memory);
    /* What ends before it is said to end is not touched; the rest is there. */
    datas[1].maxsize = 11;
    assert_int_equal(pipewire_memory_init(&memory, &buffer), -EOVERFLOW);
    assert_null(memory.data[1]);
    assert_non_null(memory.data[0]);
    pipewire_memory_finish(&memory);
    datas[1].mapoffset = 0xffffffff;
    datas[1].maxsize = 0xffffffff;
    assert_int_equal(pipewire_memory_init(&memory, &buffer), -EOVERFLOW);
    pipewire_memory_finish(&memory);
    datas[1].fd = -1;
    assert_int_equal(pipewire_memory_init(&memory, &buffer), -EBADF);
    pipewire_memory_finish(&memory);
    datas[1].type = SPA_DATA_MemId;
    assert_int_equal(pipewire_memory_init(&memory, &buffer), -EOPNOTSUPP);
    pipewire_memory_finish(&memory);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wishes), cmocka_unit_test(test_parse), cmocka_unit_test(test_locate),
        cmocka_unit_test(test_marks),  cmocka_unit_test(test_time),  cmocka_unit_test(test_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

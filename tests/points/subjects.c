/* SPDX-License-Identifier: MIT */
#include "tests/points/points.h"

#include <unistd.h>

/* Pictures in a Y4M file that is played over and over. */
#define FILE_FRAMES 50u
#define FILE_FRAME (160u * 120u * 3u / 2u)

static char file_path[] = "/tmp/hostblob-points-XXXXXX";

static void remove_file(void)
{
    unlink(file_path);
}

static bool make_file(void)
{
    static uint8_t frame[FILE_FRAME];
    int fd = mkstemp(file_path);
    FILE *file = fd >= 0 ? fdopen(fd, "wb") : NULL;

    RING_DRIVER_MUST(file != NULL);
    atexit(remove_file);
    fputs("YUV4MPEG2 W160 H120 F100:1 Ip C420jpeg\n", file);
    for (unsigned i = 0; i < FILE_FRAMES; i++) {
        memset(frame, (int)i, sizeof(frame));
        fputs("FRAME\n", file);
        RING_DRIVER_MUST(fwrite(frame, sizeof(frame), 1, file) == 1);
    }
    return fclose(file) == 0;
}

#define FILE_CAMERA(planes)                                                                        \
    .options = {.kind = "file",                                                                    \
                .multiplanar = planes,                                                             \
                .file = file_path,                                                                 \
                .file_y4m = true,                                                                  \
                .loop = true},                                                                     \
    .has = POINT_CAMERA | (planes ? POINT_MULTIPLANAR : 0), .make = make_file

#define CAMERA .has = POINT_CAMERA | POINT_LIVE | POINT_CONTROLS
#define CAMERA_PLANES .has = POINT_CAMERA | POINT_LIVE | POINT_CONTROLS | POINT_MULTIPLANAR

#ifdef HAVE_CODECS
#include "tests/unit/codec_stream.h"

#define WIDTH 320u
#define HEIGHT 240u
#define X264 "-c:v libx264 -preset ultrafast -bf 2 -g 12 -pix_fmt yuv420p -f h264"

static struct codec_stream stream;

static bool make_stream(void)
{
    struct codec_stream small;

    if (!codec_stream_make(&stream, "size=320x240:rate=25", X264, POINT_INPUTS, "nv12"))
        return false;
    RING_DRIVER_MUST(codec_stream_make(&small, "size=162x122:rate=25", X264, POINT_INPUTS, "nv12"));
    codec_stream_append(&stream, &small);
    return true;
}

static const uint8_t *packet(unsigned index, uint32_t *size)
{
    assert_true(index < stream.count);
    *size = stream.packets[index].size;
    return stream.packets[index].data;
}

static void set_format(struct point_guest *g, uint32_t type, uint32_t fourcc)
{
    struct v4l2_format format = {.type = type};

    point_format_put(&format, fourcc, WIDTH, HEIGHT);
    assert_int_equal(ASK(g, S_FMT, &format), 0);
    assert_int_equal(point_format_of(&format).fourcc, fourcc);
}

static void prepare_decoder(struct point_guest *g)
{
    set_format(g, g->output, V4L2_PIX_FMT_H264);
}

static bool make_pictures(void)
{
    const char *why;
    const struct av_library *av = av_library_load(AV_LIBRARY_SCALE, &why);

    return av != NULL;
}

static const uint8_t *picture(unsigned index, uint32_t *size)
{
    static uint8_t bytes[WIDTH * HEIGHT * 3 / 2];

    *size = sizeof(bytes);
    memset(bytes, 128, sizeof(bytes));
    for (unsigned y = 0; y < HEIGHT; y++)
        for (unsigned x = 0; x < WIDTH; x++)
            bytes[y * WIDTH + x] = (uint8_t)(x + y + index * 4);
    return bytes;
}

/* The first coded format that there is: which it is hangs on the libraries here. */
static void prepare_encoder(struct point_guest *g)
{
    set_format(g, g->capture, point_fourcc(g, g->capture, 0));
    set_format(g, g->output, V4L2_PIX_FMT_NV12);
}

#define DECODER(planes)                                                                            \
    .options = {.kind = "decoder", .multiplanar = planes},                                         \
    .has = POINT_CODEC | POINT_DECODER | POINT_STREAMS | POINT_CONTROLS |                          \
           (planes ? POINT_MULTIPLANAR : 0),                                                       \
    .make = make_stream, .prepare = prepare_decoder, .input = packet
#define ENCODER(planes)                                                                            \
    .options = {.kind = "encoder", .multiplanar = planes},                                         \
    .has = POINT_CODEC | POINT_ENCODER | POINT_STREAMS | POINT_CONTROLS |                          \
           (planes ? POINT_MULTIPLANAR : 0),                                                       \
    .make = make_pictures, .prepare = prepare_encoder, .input = picture
#endif

const struct point_subject point_subjects[] = {
    {.name = "pattern", CAMERA},
    {.name = "pattern-planes", .options = {.multiplanar = true}, CAMERA_PLANES},
    {.name = "file", FILE_CAMERA(false)},
    {.name = "file-planes", FILE_CAMERA(true)},
#ifdef HAVE_CODECS
    {.name = "decoder", DECODER(true)},
    {.name = "decoder-single", DECODER(false)},
    {.name = "encoder", ENCODER(true)},
    {.name = "encoder-single", ENCODER(false)},
#endif
};

const unsigned point_subject_count = sizeof(point_subjects) / sizeof(point_subjects[0]);

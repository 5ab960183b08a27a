/* SPDX-License-Identifier: MIT */
/*
 * A camera for a PipeWire daemon under test: four quarters, white, red, green and blue, in a format
 * and a size that it insists on, 50 times a second.
 *
 *     pipewire_camera NAME FORMAT MEMORY WIDTH HEIGHT
 *
 * FORMAT is RGB, YUY2, I420, NV12 or v210 (only said), MEMORY memfd (its own, with a gap before the
 * picture) or any. Standard input takes lines: "size WIDTH HEIGHT" insists on another size, "gap
 * BYTES" puts so much behind each row, "say short", "say broken", "say empty" and "say well" tell
 * lies about frames, which show no quarters then, or the truth. Its end is the camera's.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <pipewire/pipewire.h>
#include <spa/param/video/format-utils.h>

#define LEAD 4096u /* bytes of a memfd before the picture */
#define INTERVAL_NS 20000000

struct value {
    uint8_t rgb[3], yuv[3]; /* BT.709, limited range */
};

static const struct value quarters[4] = {
    {{255, 255, 255}, {235, 128, 128}},
    {{255, 0, 0}, {63, 102, 240}},
    {{0, 255, 0}, {173, 42, 26}},
    {{0, 0, 255}, {32, 240, 118}},
};

struct camera {
    struct pw_main_loop *loop;
    struct pw_stream *stream;
    uint32_t format;
    bool memfd;
    uint32_t width, height, gap;
    struct spa_video_info_raw now; /* what was agreed on; size 0: nothing */
    char lie[16];                  /* "" and "well": none */
};

static uint32_t stride_of(const struct camera *c)
{
    uint32_t bytes = c->format == SPA_VIDEO_FORMAT_RGB    ? 3
                     : c->format == SPA_VIDEO_FORMAT_YUY2 ? 2
                                                          : 1;

    return c->now.size.width * bytes + c->gap;
}

static uint32_t size_of(const struct camera *c)
{
    bool planar = c->format == SPA_VIDEO_FORMAT_I420 || c->format == SPA_VIDEO_FORMAT_NV12;

    return stride_of(c) * c->now.size.height * (planar ? 3 : 2) / 2;
}

static const struct value *quarter(const struct camera *c, uint32_t x, uint32_t y)
{
    return &quarters[(y >= c->now.size.height / 2) * 2 + (x >= c->now.size.width / 2)];
}

static void put(const struct camera *c, uint8_t *at, uint32_t x, uint32_t y)
{
    const struct value *value = quarter(c, x, y);
    uint32_t stride = stride_of(c), height = c->now.size.height;
    uint8_t *chroma = at + (size_t)stride * height;

    if (c->format == SPA_VIDEO_FORMAT_RGB) {
        memcpy(at + (size_t)stride * y + (size_t)x * 3, value->rgb, 3);
        return;
    }
    if (c->format == SPA_VIDEO_FORMAT_YUY2) {
        at[(size_t)stride * y + (size_t)x * 2] = value->yuv[0];
        at[(size_t)stride * y + (size_t)x * 2 + 1] = value->yuv[1 + (x & 1)];
        return;
    }
    at[(size_t)stride * y + x] = value->yuv[0];
    if (c->format == SPA_VIDEO_FORMAT_NV12) {
        chroma[(size_t)stride * (y / 2) + (x & ~1u)] = value->yuv[1];
        chroma[(size_t)stride * (y / 2) + (x | 1u)] = value->yuv[2];
        return;
    }
    chroma[(size_t)(stride / 2) * (y / 2) + x / 2] = value->yuv[1];
    chroma[(size_t)(stride / 2) * (height / 2 + y / 2) + x / 2] = value->yuv[2];
}

static bool lies(const struct camera *c)
{
    return c->lie[0] != '\0' && strcmp(c->lie, "well") != 0;
}

static void draw(const struct camera *c, struct spa_buffer *buffer)
{
    struct spa_data *data = &buffer->datas[0];
    struct spa_meta_header *header =
        spa_buffer_find_meta_data(buffer, SPA_META_Header, sizeof(*header));
    struct timespec now;

    memset(data->data, 0x55, size_of(c));
    for (uint32_t y = 0; y < c->now.size.height && !lies(c); y++)
        for (uint32_t x = 0; x < c->now.size.width; x++)
            put(c, data->data, x, y);
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (header != NULL)
        *header = (struct spa_meta_header){.pts = SPA_TIMESPEC_TO_NSEC(&now)};
    data->chunk->offset = 0;
    data->chunk->stride = (int32_t)stride_of(c);
    data->chunk->size = strcmp(c->lie, "short") == 0   ? size_of(c) / 2
                        : strcmp(c->lie, "empty") == 0 ? 0
                                                       : size_of(c);
    data->chunk->flags = strcmp(c->lie, "broken") == 0 ? SPA_CHUNK_FLAG_CORRUPTED : 0;
}

static void on_process(void *data)
{
    struct camera *c = data;
    struct pw_buffer *buffer = pw_stream_dequeue_buffer(c->stream);

    if (buffer == NULL)
        return;
    if (buffer->buffer->datas[0].data != NULL && buffer->buffer->datas[0].maxsize >= size_of(c))
        draw(c, buffer->buffer);
    pw_stream_queue_buffer(c->stream, buffer);
}

static void on_add_buffer(void *data, struct pw_buffer *buffer)
{
    struct camera *c = data;
    struct spa_data *d = &buffer->buffer->datas[0];

    if (!c->memfd)
        return;
    d->type = SPA_DATA_MemFd;
    d->flags = SPA_DATA_FLAG_READWRITE;
    d->fd = memfd_create("camera", MFD_CLOEXEC);
    d->mapoffset = LEAD;
    d->maxsize = size_of(c);
    if (d->fd < 0 || ftruncate((int)d->fd, LEAD + d->maxsize) < 0)
        exit(1);
    d->data = mmap(NULL, d->maxsize, PROT_READ | PROT_WRITE, MAP_SHARED, (int)d->fd, LEAD);
}

static void on_remove_buffer(void *data, struct pw_buffer *buffer)
{
    struct camera *c = data;
    struct spa_data *d = &buffer->buffer->datas[0];

    if (!c->memfd)
        return;
    munmap(d->data, d->maxsize);
    close((int)d->fd);
}

static const struct spa_pod *wish(const struct camera *c, struct spa_pod_builder *builder)
{
    struct spa_video_info_raw info = {
        .format = c->format,
        .size = SPA_RECTANGLE(c->width, c->height),
        .framerate = SPA_FRACTION(50, 1),
        .color_matrix = SPA_VIDEO_COLOR_MATRIX_BT709,
        .color_range = SPA_VIDEO_COLOR_RANGE_16_235,
    };

    return spa_format_video_raw_build(builder, SPA_PARAM_EnumFormat, &info);
}

static void on_param(void *data, uint32_t id, const struct spa_pod *param)
{
    struct camera *c = data;
    uint8_t bytes[1024];
    struct spa_pod_builder b = SPA_POD_BUILDER_INIT(bytes, sizeof(bytes));
    const struct spa_pod *params[2];

    if (id != SPA_PARAM_Format || param == NULL || spa_format_video_raw_parse(param, &c->now) < 0)
        return;
    params[0] = spa_pod_builder_add_object(
        &b, SPA_TYPE_OBJECT_ParamBuffers, SPA_PARAM_Buffers, SPA_PARAM_BUFFERS_buffers,
        SPA_POD_CHOICE_RANGE_Int(4, 2, 8), SPA_PARAM_BUFFERS_blocks, SPA_POD_Int(1),
        SPA_PARAM_BUFFERS_size, SPA_POD_Int(size_of(c)), SPA_PARAM_BUFFERS_stride,
        SPA_POD_Int(stride_of(c)), SPA_PARAM_BUFFERS_dataType,
        SPA_POD_CHOICE_FLAGS_Int(c->memfd ? 1 << SPA_DATA_MemFd
                                          : 1 << SPA_DATA_MemFd | 1 << SPA_DATA_MemPtr));
    params[1] = spa_pod_builder_add_object(&b, SPA_TYPE_OBJECT_ParamMeta, SPA_PARAM_Meta,
                                           SPA_PARAM_META_type, SPA_POD_Id(SPA_META_Header),
                                           SPA_PARAM_META_size,
                                           SPA_POD_Int(sizeof(struct spa_meta_header)));
    pw_stream_update_params(c->stream, params, 2);
}

static const struct pw_stream_events events = {
    PW_VERSION_STREAM_EVENTS,          .param_changed = on_param, .add_buffer = on_add_buffer,
    .remove_buffer = on_remove_buffer, .process = on_process,
};

static void on_tick(void *data, uint64_t expirations)
{
    struct camera *c = data;

    if (pw_stream_get_state(c->stream, NULL) == PW_STREAM_STATE_STREAMING)
        pw_stream_trigger_process(c->stream);
}

static void obey(struct camera *c, const char *line)
{
    uint8_t bytes[1024];
    struct spa_pod_builder builder = SPA_POD_BUILDER_INIT(bytes, sizeof(bytes));
    const struct spa_pod *param;

    if (sscanf(line, "size %u %u", &c->width, &c->height) == 2 ||
        sscanf(line, "gap %u", &c->gap) == 1) {
        param = wish(c, &builder);
        pw_stream_update_params(c->stream, &param, 1);
    }
    sscanf(line, "say %15s", c->lie);
}

static void on_input(void *data, int fd, uint32_t mask)
{
    struct camera *c = data;
    char lines[128], *rest = NULL;
    ssize_t n = read(fd, lines, sizeof(lines) - 1);

    if (n <= 0) {
        pw_main_loop_quit(c->loop);
        return;
    }
    lines[n] = '\0';
    for (char *line = strtok_r(lines, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest))
        obey(c, line);
}

static int run(struct camera *c, const char *name)
{
    uint8_t bytes[1024];
    struct spa_pod_builder builder = SPA_POD_BUILDER_INIT(bytes, sizeof(bytes));
    const struct spa_pod *param = wish(c, &builder);
    struct timespec interval = {.tv_nsec = INTERVAL_NS};
    struct pw_loop *loop = pw_main_loop_get_loop(c->loop);

    c->stream = pw_stream_new_simple(
        loop, name,
        pw_properties_new(PW_KEY_MEDIA_CLASS, "Video/Source", PW_KEY_NODE_NAME, name, NULL),
        &events, c);
    if (c->stream == NULL ||
        pw_stream_connect(c->stream, PW_DIRECTION_OUTPUT, PW_ID_ANY,
                          PW_STREAM_FLAG_DRIVER | (c->memfd ? PW_STREAM_FLAG_ALLOC_BUFFERS
                                                            : PW_STREAM_FLAG_MAP_BUFFERS),
                          &param, 1) < 0)
        return 1;
    pw_loop_update_timer(loop, pw_loop_add_timer(loop, on_tick, c), &interval, &interval, false);
    pw_loop_add_io(loop, STDIN_FILENO, SPA_IO_IN | SPA_IO_HUP, false, on_input, c);
    pw_main_loop_run(c->loop);
    pw_stream_destroy(c->stream);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        uint32_t format;
    } formats[] = {{"RGB", SPA_VIDEO_FORMAT_RGB},
                   {"YUY2", SPA_VIDEO_FORMAT_YUY2},
                   {"I420", SPA_VIDEO_FORMAT_I420},
                   {"NV12", SPA_VIDEO_FORMAT_NV12},
                   {"v210", SPA_VIDEO_FORMAT_v210}};
    struct camera camera = {0};

    if (argc != 6)
        return 2;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    pw_init(NULL, NULL);
    for (size_t i = 0; i < SPA_N_ELEMENTS(formats); i++)
        if (strcmp(argv[2], formats[i].name) == 0)
            camera.format = formats[i].format;
    camera.memfd = strcmp(argv[3], "memfd") == 0;
    camera.width = (uint32_t)atoi(argv[4]);
    camera.height = (uint32_t)atoi(argv[5]);
    camera.loop = pw_main_loop_new(NULL);
    return camera.loop != NULL ? run(&camera, argv[1]) : 1;
}

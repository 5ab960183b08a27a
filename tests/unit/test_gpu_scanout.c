/* SPDX-License-Identifier: MIT */
#include "fake_renderer.h"
#include "fake_sink.h"
#include "gpu_2d.h"

#include <unistd.h>

#include "gpu/picture.h"
#include "gpu/scanout.h"

#define ID 5u
#define WIDTH 40u
#define HEIGHT 30u
#define ALL gpu_rect(0, 0, WIDTH, HEIGHT)

static uint8_t *pixel(struct gpu_fixture *f, uint32_t id, uint32_t x, uint32_t y)
{
    struct picture *picture = resource_picture(resource_find(gpu_of_fixture(f), id));

    return picture->data + (size_t)y * picture->stride + (size_t)x * 4;
}

static void a_picture_is_shown(void **state)
{
    struct gpu_fixture *f = *state;
    struct fake_sink *sink = fake_sink_add(f);

    gpu_create_2d(f, ID, BGRX, WIDTH, HEIGHT);
    assert_int_equal(gpu_scanout(f, 1, ID, ALL), NODATA);
    assert_int_equal(sink->scanouts, 1);
    assert_int_equal(sink->output, 1);
    assert_int_equal(sink->width, WIDTH);
    assert_int_equal(sink->height, HEIGHT);
    assert_int_equal(sink->updates, 0);
    *pixel(f, ID, 0, 0) = 11;
    *pixel(f, ID, WIDTH - 1, HEIGHT - 1) = 22;
    /* The first one is told as the whole, whatever the driver says. */
    assert_int_equal(gpu_flush(f, ID, gpu_rect(3, 4, 5, 6)), NODATA);
    assert_int_equal(sink->updates, 1);
    assert_int_equal(sink->damage.width, WIDTH);
    assert_int_equal(sink->pixels[0][0], 11);
    assert_int_equal(sink->pixels[1][0], 22);
    assert_int_equal(sink->frame.format, BGRX);
    assert_int_equal(sink->frame.dmabuf, -1);
    assert_int_equal(gpu_flush(f, ID, gpu_rect(3, 4, 5, 6)), NODATA);
    assert_int_equal(sink->updates, 2);
    assert_int_equal(sink->damage.x, 3);
    assert_int_equal(sink->damage.height, 6);
    assert_int_equal(gpu_scanout(f, 1, 0, gpu_rect(0, 0, 0, 0)), NODATA);
    assert_int_equal(sink->scanouts, 2);
    assert_int_equal(sink->width, 0);
    assert_int_equal(gpu_flush(f, ID, ALL), NODATA);
    assert_int_equal(sink->updates, 2);
}

static void a_part_is_shown_where_it_is(void **state)
{
    struct gpu_fixture *f = *state;
    struct fake_sink *sink = fake_sink_add(f);
    struct sink_frame frame;

    gpu_create_2d(f, ID, BGRX, WIDTH, HEIGHT);
    gpu_scanout(f, 0, ID, gpu_rect(0, 0, 20, HEIGHT));
    gpu_scanout(f, 1, ID, gpu_rect(20, 10, 16, 16));
    gpu_flush(f, ID, ALL);
    assert_int_equal(sink->updates, 2);
    *pixel(f, ID, 22, 12) = 7;
    *pixel(f, ID, 23, 12) = 8;
    assert_int_equal(gpu_flush(f, ID, gpu_rect(22, 12, 2, 1)), NODATA);
    assert_int_equal(sink->updates, 3); /* the other one does not show these */
    assert_int_equal(sink->output, 1);
    assert_int_equal(sink->damage.x, 2);
    assert_int_equal(sink->damage.y, 2);
    assert_int_equal(sink->pixels[0][0], 7);
    assert_int_equal(sink->pixels[1][0], 8);
    /* Over the edge of both. */
    gpu_flush(f, ID, gpu_rect(19, 9, 2, 2));
    assert_int_equal(sink->updates, 5);
    assert_int_equal(sink->damage.width, 1);
    assert_true(display_frame(&gpu_of_fixture(f)->display, 1, &frame));
    assert_int_equal(frame.width, 16);
    assert_ptr_equal(frame.pixels, pixel(f, ID, 20, 10));
    assert_false(display_frame(&gpu_of_fixture(f)->display, 16, &frame));
    assert_false(display_frame(&gpu_of_fixture(f)->display, UINT32_MAX, &frame));
}

static void what_cannot_be_shown_is_refused(void **state)
{
    struct gpu_fixture *f = *state;

    gpu_create_2d(f, ID, BGRX, WIDTH, HEIGHT);
    gpu_context(f, 1, 0);
    gpu_create_blob(f, 1, 6, 65536);
    assert_int_equal(gpu_scanout(f, 2, ID, ALL), BAD_SCANOUT);
    assert_int_equal(gpu_scanout(f, 16, ID, ALL), BAD_SCANOUT);
    assert_int_equal(gpu_scanout(f, UINT32_MAX, 0, ALL), BAD_SCANOUT);
    assert_int_equal(gpu_scanout(f, 0, 77, ALL), BAD_RESOURCE);
    assert_int_equal(gpu_scanout(f, 0, ID, gpu_rect(0, 0, WIDTH + 1, 1)), BAD_PARAMETER);
    assert_int_equal(gpu_scanout(f, 0, ID, gpu_rect(1, 1, WIDTH, HEIGHT)), BAD_PARAMETER);
    assert_int_equal(gpu_scanout(f, 0, ID, gpu_rect(UINT32_MAX, 0, 2, 2)), BAD_PARAMETER);
    assert_int_equal(gpu_scanout(f, 0, ID, gpu_rect(0, 0, 0, 0)), BAD_PARAMETER);
    assert_int_equal(gpu_scanout(f, 0, ID, gpu_rect(4, 4, 1, 0)), BAD_PARAMETER);
    assert_int_equal(gpu_scanout(f, 0, 6, gpu_rect(0, 0, 16, 16)), BAD_PARAMETER);
    assert_int_equal(gpu_flush(f, 77, ALL), BAD_RESOURCE);
    assert_int_equal(gpu_flush(f, ID, gpu_rect(0, 0, WIDTH, HEIGHT + 1)), BAD_PARAMETER);
    assert_int_equal(gpu_flush(f, ID, gpu_rect(1, UINT32_MAX, 1, 2)), BAD_PARAMETER);
    assert_int_equal(gpu_flush(f, ID, gpu_rect(0, 0, 0, 0)), NODATA);
}

/* A refusal leaves on the output what was there. */
static void a_resource_that_ends_is_not_shown(void **state)
{
    struct gpu_fixture *f = *state;
    struct fake_sink *sink = fake_sink_add(f);
    struct sink_frame frame;

    gpu_create_2d(f, ID, BGRX, WIDTH, HEIGHT);
    gpu_scanout(f, 0, ID, ALL);
    gpu_scanout(f, 1, ID, ALL);
    gpu_scanout(f, 0, 77, ALL);
    assert_true(display_frame(&gpu_of_fixture(f)->display, 0, &frame));
    assert_int_equal(gpu_unref(f, ID), NODATA);
    assert_int_equal(sink->scanouts, 4);
    assert_int_equal(sink->width, 0);
    assert_false(display_frame(&gpu_of_fixture(f)->display, 0, &frame));
    assert_false(display_frame(&gpu_of_fixture(f)->display, 1, &frame));
}

static void a_size_is_told_once(void **state)
{
    struct gpu_fixture *f = *state;
    struct fake_sink *sink = fake_sink_add(f);
    uint64_t serial;

    gpu_create_2d(f, ID, BGRX, WIDTH, HEIGHT);
    gpu_create_2d(f, 6, BGRX, WIDTH, HEIGHT);
    gpu_scanout(f, 0, ID, ALL);
    gpu_flush(f, ID, ALL);
    serial = sink->frame.serial;
    gpu_scanout(f, 0, 6, ALL); /* a page flip */
    gpu_flush(f, 6, gpu_rect(0, 0, 1, 1));
    assert_int_equal(sink->scanouts, 1);
    assert_int_equal(sink->damage.width, WIDTH);
    assert_true(sink->frame.serial != serial);
}

static void a_reset_switches_off(void **state)
{
    struct gpu_fixture *f = *state;
    struct fake_sink *sink = fake_sink_add(f);

    gpu_create_2d(f, ID, BGRX, WIDTH, HEIGHT);
    gpu_scanout(f, 0, ID, ALL);
    f->device->impl->reset(f->device);
    assert_int_equal(sink->scanouts, 2);
    assert_int_equal(sink->height, 0);
}

static void a_new_sink_is_told_what_is_on(void **state)
{
    struct gpu_fixture *f = *state;
    struct fake_sink *sink;

    gpu_create_2d(f, ID, BGRX, WIDTH, HEIGHT);
    gpu_scanout(f, 1, ID, ALL);
    *pixel(f, ID, 0, 0) = 9;
    sink = fake_sink_add(f);
    assert_int_equal(sink->scanouts, 1);
    assert_int_equal(sink->updates, 1);
    assert_int_equal(sink->output, 1);
    assert_int_equal(sink->pixels[0][0], 9);
    for (unsigned i = 1; i < AUDIENCE_MAX; i++)
        fake_sink_add(f);
    sink = calloc(1, sizeof(*sink));
    sink->sink.impl = SLIST_FIRST(&gpu_of_fixture(f)->display.audience.sinks)->impl;
    assert_int_equal(display_add_sink(&gpu_of_fixture(f)->display, &sink->sink), -ENOSPC);
}

/* ---- a sink that takes its time ---- */

static void send_flush(struct gpu_fixture *f)
{
    struct virtio_gpu_resource_flush request = gpu_flush_request(ID, ALL);

    gpu_send(f, 0, &request, sizeof(request), 24);
    gpu_loop(f);
}

static struct fake_sink *show_later(struct gpu_fixture *f)
{
    struct fake_sink *sink = fake_sink_add(f);

    sink->later = true;
    gpu_create_2d(f, ID, BGRX, WIDTH, HEIGHT);
    gpu_scanout(f, 0, ID, ALL);
    return sink;
}

static void a_flush_waits_for_the_sink(void **state)
{
    struct gpu_fixture *f = *state;
    struct fake_sink *sink = show_later(f);
    struct virtio_gpu_ctrl_hdr info = gpu_header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO, 0);

    send_flush(f);
    send_flush(f);
    assert_false(gpu_answered(f, 0));
    assert_int_equal(GPU_DO(f, info), VIRTIO_GPU_RESP_OK_DISPLAY_INFO); /* others pass by */
    display_updated(&sink->sink, 1); /* nobody waits for that one */
    gpu_loop(f);
    assert_false(gpu_answered(f, 0));
    display_updated(&sink->sink, 0);
    gpu_loop(f);
    assert_int_equal(gpu_take(f, 0), NODATA);
    assert_false(gpu_answered(f, 0));
    display_updated(&sink->sink, 0);
    gpu_loop(f);
    assert_int_equal(gpu_take(f, 0), NODATA);
    display_updated(&sink->sink, 0);
}

static void a_sink_that_goes_frees_the_flush(void **state)
{
    struct gpu_fixture *f = *state;
    struct fake_sink *sink = show_later(f), *other = fake_sink_add(f);

    other->later = true;
    send_flush(f);
    display_remove_sink(&gpu_of_fixture(f)->display, &sink->sink);
    gpu_loop(f);
    assert_false(gpu_answered(f, 0));
    display_updated(&other->sink, 0);
    gpu_loop(f);
    assert_int_equal(gpu_take(f, 0), NODATA);
}

static void a_reset_forgets_the_flush(void **state)
{
    struct gpu_fixture *f = *state;
    struct fake_sink *sink = show_later(f);

    send_flush(f);
    f->device->impl->reset(f->device);
    display_updated(&sink->sink, 0);
    gpu_loop(f);
    assert_false(gpu_answered(f, 0));
    assert_int_equal(f->driver.queues[0].in_flight, 0);
}

/* ---- blobs ---- */

static struct virtio_gpu_set_scanout_blob blob_request(uint32_t id)
{
    return (struct virtio_gpu_set_scanout_blob){
        .hdr = gpu_header(VIRTIO_GPU_CMD_SET_SCANOUT_BLOB, 0),
        .r = ALL,
        .resource_id = htole32(id),
        .width = htole32(WIDTH),
        .height = htole32(HEIGHT),
        .format = htole32(BGRX),
        .strides = {htole32(256)},
        .offsets = {htole32(512)},
    };
}

static void a_host_blob_is_shown_in_place(void **state)
{
    struct gpu_fixture *f = *state;
    struct fake_sink *sink = fake_sink_add(f);
    struct virtio_gpu_set_scanout_blob request = blob_request(ID);
    struct sink_frame frame;
    uint8_t *data;

    gpu_context(f, 1, 0);
    gpu_create_blob(f, 1, ID, 8192);
    request.r = gpu_rect(2, 3, 20, 20);
    assert_int_equal(GPU_DO(f, request), NODATA);
    data = buffer_data(resource_find(gpu_of_fixture(f), ID)->buffer);
    data[512 + 3 * 256 + 2 * 4] = 99;
    assert_int_equal(gpu_flush(f, ID, ALL), NODATA);
    assert_int_equal(sink->pixels[0][0], 99);
    assert_int_equal(sink->frame.stride, 256);
    assert_true(display_frame(&gpu_of_fixture(f)->display, 0, &frame));
    assert_ptr_equal(frame.pixels, data + 512 + 3 * 256 + 2 * 4);
    gpu_unref(f, ID);
    assert_int_equal(sink->width, 0);
}

static void a_blob_that_is_too_small_is_refused(void **state)
{
    static const struct {
        uint32_t width, height, stride, offset, format;
        uint32_t answer;
    } rows[] = {
        {WIDTH, HEIGHT, 160, 0, 2, NODATA},
        {WIDTH, HEIGHT, 256, 8192 - 29 * 256 - 160, 2, NODATA}, /* to the last byte */
        {WIDTH, HEIGHT, 256, 8192 - 29 * 256 - 159, 2, BAD_PARAMETER},
        {WIDTH, HEIGHT, 159, 0, 2, BAD_PARAMETER}, /* lines upon each other */
        {WIDTH, HEIGHT, 0, 0, 2, BAD_PARAMETER},
        {WIDTH, HEIGHT, UINT32_MAX, 0, 2, BAD_PARAMETER},
        {WIDTH, HEIGHT, 256, UINT32_MAX, 2, BAD_PARAMETER},
        {WIDTH, HEIGHT - 1, 256, 0, 2, BAD_PARAMETER}, /* the rectangle is larger */
        {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX, 2, BAD_PARAMETER},
        {0x40000000, HEIGHT, 0, 0, 2, BAD_PARAMETER}, /* its line's bytes wrap */
        {WIDTH, HEIGHT, 256, 0, 0, BAD_PARAMETER},
        {WIDTH, HEIGHT, 256, 0, 5, BAD_PARAMETER},
        {0, 0, 256, 0, 2, BAD_PARAMETER},
    };
    struct gpu_fixture *f = *state;
    struct virtio_gpu_set_scanout_blob request = blob_request(ID);

    gpu_context(f, 1, 0);
    gpu_create_blob(f, 1, ID, 8192);
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        request.width = htole32(rows[i].width);
        request.height = htole32(rows[i].height);
        request.strides[0] = htole32(rows[i].stride);
        request.offsets[0] = htole32(rows[i].offset);
        request.format = htole32(rows[i].format);
        if (GPU_DO(f, request) != rows[i].answer)
            fail_msg("row %u", i);
    }
    request = blob_request(77);
    assert_int_equal(GPU_DO(f, request), BAD_RESOURCE);
    request.scanout_id = 2;
    assert_int_equal(GPU_DO(f, request), BAD_SCANOUT);
    gpu_create_2d(f, 6, BGRX, WIDTH, HEIGHT);
    request = blob_request(6);
    assert_int_equal(GPU_DO(f, request), BAD_PARAMETER);
    request = blob_request(0);
    assert_int_equal(GPU_DO(f, request), NODATA);
}

/* A blob of the guest's pages, in two pieces (or one). What begins in the middle of a page is never
 * a dmabuf. */
static uint64_t create_guest_blob(struct gpu_fixture *f, uint32_t id, uint32_t size,
                                  uint32_t pieces, bool aligned)
{
    uint64_t at = ring_driver_alloc(&f->driver, size + 8192) + 4095;
    struct {
        struct virtio_gpu_resource_create_blob create;
        struct virtio_gpu_mem_entry entries[2];
    } request = {.create = gpu_blob(0, id, size)};

    at = (at & ~4095ull) + (aligned ? 0 : 16);
    request.create.blob_mem = htole32(VIRTIO_GPU_BLOB_MEM_GUEST);
    request.create.blob_flags = 0;
    request.create.nr_entries = htole32(pieces);
    for (uint32_t i = 0; i < pieces; i++)
        request.entries[i] = (struct virtio_gpu_mem_entry){
            .addr = htole64(at + (pieces - 1 - i) * (size / pieces)),
            .length = htole32(size / pieces),
        };
    memset(ring_driver_at(&f->driver, at), 0, size);
    assert_int_equal(gpu_do(f, &request, sizeof(request) - (2 - pieces) * 16), NODATA);
    return at;
}

static void guest_pages_are_copied_where_they_changed(void **state)
{
    struct gpu_fixture *f = *state;
    struct fake_sink *sink = fake_sink_add(f);
    struct virtio_gpu_set_scanout_blob request = blob_request(ID);
    uint64_t at = create_guest_blob(f, ID, 8192, 2, false);
    uint32_t first = 512 + 256 * 5 + 4 * 5, second = 512 + 256 * 20 + 4 * 5;

    assert_int_equal(GPU_DO(f, request), NODATA);
    assert_int_equal(f->census.bytes, 0); /* nothing is copied before it is wanted */
    *gpu_page(f, at, 8192, first) = 1;
    *gpu_page(f, at, 8192, second) = 2;
    gpu_flush(f, ID, ALL);
    assert_int_equal(sink->frame.stride, WIDTH * 4);
    *gpu_page(f, at, 8192, first) = 3;
    *gpu_page(f, at, 8192, second) = 4;
    assert_int_equal(gpu_flush(f, ID, gpu_rect(5, 5, 1, 1)), NODATA);
    assert_int_equal(sink->pixels[0][0], 3);
    assert_int_equal(sink->frame.pixels[(20 * WIDTH + 5) * 4], 2); /* it is not flushed yet */
    gpu_flush(f, ID, gpu_rect(5, 20, 1, 1));
    assert_int_equal(sink->pixels[0][0], 4);
    assert_true(gpu_used(f, GPU_QUOTA_MEMORY) == WIDTH * HEIGHT * 4);
    gpu_unref(f, ID);
    assert_true(gpu_used(f, GPU_QUOTA_MEMORY) == 0);
}

/* A page flip: the driver says that little changed, and that is true of the picture, not of the
 * memory. */
static void a_flip_between_guest_pages_is_whole(void **state)
{
    struct gpu_fixture *f = *state;
    struct fake_sink *sink = fake_sink_add(f);
    struct virtio_gpu_set_scanout_blob first = blob_request(ID), second = blob_request(6);
    uint64_t at = create_guest_blob(f, ID, 8192, 2, false);

    *gpu_page(f, at, 8192, 512 + 256 * 20) = 1;
    at = create_guest_blob(f, 6, 8192, 2, false);
    *gpu_page(f, at, 8192, 512 + 256 * 20) = 2;
    assert_int_equal(GPU_DO(f, first), NODATA);
    gpu_flush(f, ID, ALL);
    assert_int_equal(sink->frame.pixels[20 * WIDTH * 4], 1);
    assert_int_equal(GPU_DO(f, second), NODATA);
    gpu_flush(f, 6, gpu_rect(0, 0, 1, 1));
    assert_int_equal(sink->frame.pixels[20 * WIDTH * 4], 2);
    assert_true(gpu_used(f, GPU_QUOTA_MEMORY) == WIDTH * HEIGHT * 4); /* in the same place */
    second.offsets[0] = htole32(8192 - 29 * 256 - 159);
    assert_int_equal(GPU_DO(f, second), BAD_PARAMETER);
}

static void guest_pages_in_a_row_are_not_copied(void **state)
{
    struct gpu_fixture *f = *state;
    struct fake_sink *sink = fake_sink_add(f);
    struct virtio_gpu_set_scanout_blob request = blob_request(ID);
    uint64_t at = create_guest_blob(f, ID, 8192, 1, false);

    GPU_DO(f, request);
    *(uint8_t *)ring_driver_at(&f->driver, at + 512) = 5;
    gpu_flush(f, ID, ALL);
    assert_int_equal(sink->pixels[0][0], 5);
    assert_int_equal(sink->frame.stride, 256);
    assert_true(gpu_used(f, GPU_QUOTA_MEMORY) == 0);
}

/* Where this machine has what it takes. */
static void guest_pages_become_a_dmabuf(void **state)
{
    struct gpu_fixture *f = *state;
    struct fake_sink *sink;
    struct virtio_gpu_set_scanout_blob request = blob_request(ID);
    struct sink_frame frame;
    uint64_t at;

    if (access("/dev/udmabuf", R_OK | W_OK) != 0)
        skip();
    sink = fake_sink_add(f);
    at = create_guest_blob(f, ID, 8192, 2, true);
    assert_int_equal(GPU_DO(f, request), NODATA);
    *gpu_page(f, at, 8192, 512) = 8;
    *gpu_page(f, at, 8192, 512 + 29 * 256 + 39 * 4) = 9; /* the last pixel, in the other piece */
    gpu_flush(f, ID, ALL);
    assert_int_equal(sink->pixels[0][0], 8);
    assert_int_equal(sink->pixels[1][0], 9);
    assert_true(sink->frame.dmabuf >= 0);
    assert_int_equal(sink->frame.dmabuf_offset, 512);
    assert_int_equal(sink->frame.dmabuf_stride, 256);
    assert_int_equal(sink->frame.dmabuf_width, WIDTH);
    assert_true(gpu_used(f, GPU_QUOTA_MEMORY) == 0);
    *gpu_page(f, at, 8192, 512) = 10; /* no copy */
    assert_true(display_frame(&gpu_of_fixture(f)->display, 0, &frame));
    assert_int_equal(frame.pixels[0], 10);
    assert_int_equal(gpu_of_fixture(f)->page_buffers, 1);
    assert_int_equal(gpu_do_about(f, VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING, 0, ID), NODATA);
    assert_int_equal(gpu_of_fixture(f)->page_buffers, 0);
    assert_int_equal(sink->width, 0);
}

static void pages_that_go_are_not_shown(void **state)
{
    struct gpu_fixture *f = *state;
    struct fake_sink *sink = fake_sink_add(f);
    struct virtio_gpu_set_scanout_blob request = blob_request(ID);

    create_guest_blob(f, ID, 8192, 2, false);
    GPU_DO(f, request);
    gpu_flush(f, ID, ALL);
    assert_int_equal(gpu_do_about(f, VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING, 0, ID), NODATA);
    assert_int_equal(sink->width, 0);
    assert_int_equal(GPU_DO(f, request), BAD_PARAMETER);
    assert_int_equal(gpu_flush(f, ID, ALL), NODATA);
}

static void without_a_watcher_nothing_is_copied(void **state)
{
    struct gpu_fixture *f = *state;
    struct virtio_gpu_set_scanout_blob request = blob_request(ID);
    struct sink_frame frame;
    uint64_t at = create_guest_blob(f, ID, 8192, 2, false);

    GPU_DO(f, request);
    gpu_flush(f, ID, ALL);
    assert_true(gpu_used(f, GPU_QUOTA_MEMORY) == 0);
    *gpu_page(f, at, 8192, 512) = 6;
    assert_true(display_frame(&gpu_of_fixture(f)->display, 0, &frame));
    assert_int_equal(frame.pixels[0], 6);
    *gpu_page(f, at, 8192, 512) = 7;
    gpu_flush(f, ID, ALL);
    assert_true(display_frame(&gpu_of_fixture(f)->display, 0, &frame));
    assert_int_equal(frame.pixels[0], 7);
    /* What is shown next has the same shape, and may have the same place. */
    at = create_guest_blob(f, 6, 8192, 2, false);
    *gpu_page(f, at, 8192, 512) = 8;
    request.resource_id = htole32(6);
    GPU_DO(f, request);
    assert_true(display_frame(&gpu_of_fixture(f)->display, 0, &frame));
    assert_int_equal(frame.pixels[0], 8);
}

/* ---- what only a renderer can read ---- */

static struct fake_renderer *create_3d(struct gpu_fixture *f, uint32_t flags)
{
    struct virtio_gpu_resource_create_3d request = fake_texture(ID, BGRX, WIDTH, HEIGHT);

    request.flags = htole32(flags);
    return fake_renderer_add_texture(f, request);
}

static void a_flush_waits_for_the_renderer(void **state)
{
    struct gpu_fixture *f = *state;
    struct fake_renderer *fake = create_3d(f, VIRTIO_GPU_RESOURCE_FLAG_Y_0_TOP);
    struct fake_sink *sink = fake_sink_add(f);
    struct virtio_gpu_resource_flush part = gpu_flush_request(ID, gpu_rect(5, 7, 2, 3));

    assert_int_equal(gpu_scanout(f, 0, ID, gpu_rect(4, 6, 20, 10)), NODATA);
    send_flush(f);
    assert_false(gpu_answered(f, 0));
    assert_int_equal(fake->box.x, 4);
    assert_int_equal(fake->box.y, 6);
    assert_int_equal(fake->box.w, 20);
    assert_int_equal(fake->box.h, 10);
    assert_int_equal(fake->stride, 80);
    assert_int_equal(fake->size, 800);
    fake->to[0] = 33;
    fake_end(fake, "read", 0);
    gpu_loop(f);
    assert_int_equal(gpu_take(f, 0), NODATA);
    assert_int_equal(sink->updates, 1);
    assert_int_equal(sink->pixels[0][0], 33);
    /* A part of it. */
    gpu_send(f, 0, &part, sizeof(part), 24);
    assert_int_equal(fake->box.x, 5);
    assert_int_equal(fake->box.h, 3);
    assert_int_equal(fake->size, 800 - 80 - 4);
    fake_end(fake, "read", 0);
    gpu_loop(f);
    assert_int_equal(gpu_take(f, 0), NODATA);
    assert_int_equal(sink->damage.x, 1);
    assert_int_equal(sink->damage.y, 1);
}

/* Whatever the driver says of how OpenGL keeps the lines, they come as to its own pages. */
static void lines_come_from_above(void **state)
{
    struct gpu_fixture *f = *state;
    struct fake_renderer *fake = create_3d(f, 0);
    struct fake_sink *sink = fake_sink_add(f);

    gpu_scanout(f, 0, ID, gpu_rect(0, 6, WIDTH, 10));
    send_flush(f);
    assert_int_equal(fake->box.y, 6);
    assert_int_equal(fake->box.h, 10);
    fake->to[0] = 1;
    fake->to[9 * WIDTH * 4] = 10;
    fake_end(fake, "read", 0);
    assert_int_equal(sink->frame.pixels[0], 1);
    assert_int_equal(sink->frame.pixels[9 * WIDTH * 4], 10);
}

static void reads_do_not_pile_up(void **state)
{
    struct gpu_fixture *f = *state;
    struct fake_renderer *fake = create_3d(f, 1);
    struct fake_sink *sink = fake_sink_add(f);

    gpu_scanout(f, 0, ID, ALL);
    for (unsigned i = 0; i < 10; i++)
        send_flush(f);
    assert_int_equal(fake_pending(fake, "read"), 1);
    for (unsigned i = 0; i < 9; i++)
        assert_int_equal(gpu_take(f, 0), NODATA);
    assert_false(gpu_answered(f, 0));
    fake_end(fake, "read", 0);
    gpu_loop(f);
    assert_int_equal(gpu_take(f, 0), NODATA);
    assert_int_equal(fake_pending(fake, "read"), 1); /* what came meanwhile */
    fake->to[0] = 44;
    fake_end(fake, "read", 0);
    assert_int_equal(sink->updates, 2);
    assert_int_equal(sink->pixels[0][0], 44);
    assert_int_equal(fake_pending(fake, "read"), 0);
}

/* A guest that flips faster than pixels can be read is seen all the same. */
static void a_flip_in_between_is_shown(void **state)
{
    struct gpu_fixture *f = *state;
    struct fake_renderer *fake = create_3d(f, 1);
    struct fake_sink *sink = fake_sink_add(f);

    gpu_scanout(f, 0, ID, ALL);
    send_flush(f);
    gpu_scanout(f, 0, ID, ALL);
    send_flush(f);
    fake_end(fake, "read", 0);
    assert_int_equal(sink->updates, 1);
    assert_int_equal(fake_pending(fake, "read"), 1);
    fake_end(fake, "read", 0);
    assert_int_equal(sink->updates, 2);
    assert_int_equal(sink->damage.width, WIDTH);
    /* Of another size: what was read is for nobody. */
    send_flush(f);
    gpu_scanout(f, 0, ID, gpu_rect(0, 0, 8, 8));
    fake_end(fake, "read", 0);
    assert_int_equal(sink->updates, 2);
    send_flush(f);
    fake_end(fake, "read", 0);
    assert_int_equal(sink->updates, 3);
    assert_int_equal(sink->frame.width, 8);
    gpu_loop(f);
    while (gpu_answered(f, 0))
        assert_int_equal(gpu_take(f, 0), NODATA);
}

static void a_renderer_that_fails_is_no_picture(void **state)
{
    struct gpu_fixture *f = *state;
    struct fake_renderer *fake = create_3d(f, 1);
    struct fake_sink *sink = fake_sink_add(f);

    gpu_scanout(f, 0, ID, ALL);
    send_flush(f);
    fake_end(fake, "read", -EIO);
    gpu_loop(f);
    assert_int_equal(gpu_take(f, 0), UNSPEC);
    assert_int_equal(sink->updates, 0);
    send_flush(f);
    fake_end(fake, "read", 0);
    gpu_loop(f);
    assert_int_equal(gpu_take(f, 0), NODATA);
    assert_int_equal(sink->updates, 1);
}

static void a_read_outlives_what_it_was_for(void **state)
{
    struct gpu_fixture *f = *state;
    struct fake_renderer *fake = create_3d(f, 1);
    struct fake_sink *sink = fake_sink_add(f);

    gpu_scanout(f, 0, ID, ALL);
    send_flush(f);
    fake->at_once = true;
    assert_int_equal(gpu_unref(f, ID), NODATA);
    fake->to[WIDTH * HEIGHT * 4 - 1] = 1; /* the memory is still there */
    assert_true(gpu_used(f, GPU_QUOTA_MEMORY) == WIDTH * HEIGHT * 4);
    fake_end(fake, "read", 0);
    gpu_loop(f);
    assert_int_equal(gpu_take(f, 0), NODATA);
    assert_int_equal(sink->updates, 0);
    assert_true(gpu_used(f, GPU_QUOTA_MEMORY) == 0);
}

/* The driver shows a resource without waiting for its making, which fails. */
static void what_was_never_made_is_not_shown(void **state)
{
    struct gpu_fixture *f = *state;
    struct fake_renderer *fake = create_3d(f, 1);
    struct fake_sink *sink = fake_sink_add(f);
    struct virtio_gpu_resource_create_3d request = fake_texture(6, BGRX, WIDTH, HEIGHT);
    struct sink_frame frame;

    gpu_send(f, 0, &request, sizeof(request), 24);
    assert_int_equal(gpu_scanout(f, 0, 6, ALL), NODATA);
    assert_int_equal(sink->width, WIDTH);
    fake_end(fake, "create_3d", -EINVAL);
    gpu_loop(f);
    assert_int_equal(gpu_take(f, 0), BAD_PARAMETER);
    assert_int_equal(sink->width, 0);
    assert_false(display_frame(&gpu_of_fixture(f)->display, 0, &frame));
}

static void a_reset_forgets_the_read(void **state)
{
    struct gpu_fixture *f = *state;
    struct fake_sink *sink = fake_sink_add(f);

    create_3d(f, 1);
    gpu_scanout(f, 0, ID, ALL);
    send_flush(f);
    send_flush(f);
    f->device->impl->reset(f->device);
    gpu_loop(f);
    assert_int_equal(sink->updates, 0);
    assert_true(gpu_used(f, GPU_QUOTA_MEMORY) == 0);
}

static void without_a_watcher_nothing_is_read(void **state)
{
    struct gpu_fixture *f = *state;
    struct fake_renderer *fake = create_3d(f, 1);
    struct fake_sink *sink;

    gpu_scanout(f, 0, ID, ALL);
    assert_int_equal(gpu_flush(f, ID, ALL), NODATA);
    assert_int_equal(fake->count, 0);
    sink = fake_sink_add(f);
    assert_int_equal(fake_pending(fake, "read"), 1); /* for the new one */
    fake_end(fake, "read", 0);
    assert_int_equal(sink->updates, 1);
}

/* What a context might draw from is kept the same; the outputs do not wait for it. */
static void an_adopted_picture_is_transferred_twice(void **state)
{
    struct gpu_fixture *f = *state;
    struct fake_renderer *fake = fake_renderer_add(f);
    uint64_t at = ring_driver_alloc(&f->driver, 4800);

    fake->at_once = true;
    gpu_context(f, 1, 1);
    gpu_create_2d(f, ID, BGRX, WIDTH, HEIGHT);
    gpu_back(f, ID, at, 4800);
    assert_int_equal(gpu_transfer(f, ID, ALL, 0), NODATA);
    gpu_attach(f, 1, ID);
    fake->at_once = false;
    assert_int_equal(gpu_transfer(f, ID, ALL, 0), NODATA);
    assert_int_equal(fake_pending(fake, "to_host"), 1);
    assert_int_equal(gpu_of_fixture(f)->copies, 1);
    fake_end(fake, "to_host", 0);
    assert_int_equal(gpu_of_fixture(f)->copies, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GPU_TEST(a_picture_is_shown),
        GPU_TEST(a_part_is_shown_where_it_is),
        GPU_TEST(what_cannot_be_shown_is_refused),
        GPU_TEST(a_resource_that_ends_is_not_shown),
        GPU_TEST(a_size_is_told_once),
        GPU_TEST(a_reset_switches_off),
        GPU_TEST(a_new_sink_is_told_what_is_on),
        GPU_TEST(a_flush_waits_for_the_sink),
        GPU_TEST(a_sink_that_goes_frees_the_flush),
        GPU_TEST(a_reset_forgets_the_flush),
        GPU_TEST(a_host_blob_is_shown_in_place),
        GPU_TEST(a_blob_that_is_too_small_is_refused),
        GPU_TEST(guest_pages_are_copied_where_they_changed),
        GPU_TEST(a_flip_between_guest_pages_is_whole),
        GPU_TEST(guest_pages_in_a_row_are_not_copied),
        GPU_TEST(guest_pages_become_a_dmabuf),
        GPU_TEST(pages_that_go_are_not_shown),
        GPU_TEST(without_a_watcher_nothing_is_copied),
        GPU_TEST(a_flush_waits_for_the_renderer),
        GPU_TEST(lines_come_from_above),
        GPU_TEST(reads_do_not_pile_up),
        GPU_TEST(a_flip_in_between_is_shown),
        GPU_TEST(a_renderer_that_fails_is_no_picture),
        GPU_TEST(a_read_outlives_what_it_was_for),
        GPU_TEST(what_was_never_made_is_not_shown),
        GPU_TEST(a_reset_forgets_the_read),
        GPU_TEST(without_a_watcher_nothing_is_read),
        GPU_TEST(an_adopted_picture_is_transferred_twice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

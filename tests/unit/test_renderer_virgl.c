/* SPDX-License-Identifier: MIT */
#include "tests/unit/fd_count.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/units.h"
#include "gpu/context.h"
#include "gpu/renderer_virgl.h"
#include "gpu/resource.h"
#include "gpu/virgl.h"
#include "tests/unit/fake_virgl.h"

#define PATIENCE_MS 10000u
#define PAGE 4096u
#define GL 5u
#define VULKAN 6u
#define RESOURCE 9u

struct fixture {
    sd_event *loop;
    struct renderer *renderer;
    const struct renderer_impl *impl;
    struct context gl, vulkan;
    struct resource resource;
    unsigned done; /* calls */
    int result;    /* of the last */
    char order[64];
    struct renderer_given given;
    int fds;
};

/* ---- tools ---- */

static void done(void *data, int result)
{
    struct fixture *f = data;

    f->done++;
    f->result = result;
}

static void blob_done(void *data, int result, const struct renderer_given *given)
{
    struct fixture *f = data;

    done(f, result);
    f->given = *given;
}

/* Runs the loop until 'done' was called so many times since the last time. */
static void await(struct fixture *f, unsigned count)
{
    uint64_t start = units_now_ns();

    while (f->done < count && units_now_ns() - start < PATIENCE_MS * UINT64_C(1000000))
        assert_true(sd_event_run(f->loop, 10000) >= 0);
    assert_int_equal(f->done, count);
    f->done = 0;
}

/* Runs the loop for a little: nothing may come. */
static void await_nothing(struct fixture *f)
{
    uint64_t start = units_now_ns();

    while (units_now_ns() - start < UINT64_C(30000000))
        assert_true(sd_event_run(f->loop, 5000) >= 0);
    assert_int_equal(f->done, 0);
}

static void expect(struct fixture *f, int result)
{
    await(f, 1);
    assert_int_equal(f->result, result);
}

static struct guest_pins *make_pins(void)
{
    static uint8_t page[PAGE];
    struct guest_memory memory;
    struct guest_pins *pins;

    guest_memory_init(&memory);
    pins = guest_pins_create(&memory, NULL, 0);
    assert_non_null(pins);
    pins->iov[0] = (struct iovec){page, sizeof(page)};
    pins->count = 1;
    pins->size = PAGE;
    return pins;
}

static void make_context(struct fixture *f, struct context *context)
{
    assert_int_equal(f->impl->context_create(f->renderer, context, done, f), -EINPROGRESS);
    expect(f, 0);
}

static void make_resource(struct fixture *f)
{
    static const struct renderer_resource what = {.target = 2};

    assert_int_equal(f->impl->create_3d(f->renderer, &f->resource, &what, done, f), -EINPROGRESS);
    expect(f, 0);
}

static void submit(struct fixture *f, struct context *context)
{
    static const uint32_t words[2];

    assert_int_equal(f->impl->submit(f->renderer, context, words, sizeof(words), done, f),
                     -EINPROGRESS);
}

static void fence(struct fixture *f, struct context *context, uint32_t ring)
{
    assert_int_equal(f->impl->fence(f->renderer, context, ring, done, f), -EINPROGRESS);
}

static int setup(void **state)
{
    static const struct virgl_library_plan plan = {.virgl = true, .venus = true};
    struct fixture *f = calloc(1, sizeof(*f));

    if (f == NULL)
        return -1;
    fake_virgl_begin();
    f->fds = fd_count();
    if (sd_event_new(&f->loop) < 0)
        return -1;
    f->renderer = renderer_virgl_create(f->loop, &plan);
    if (f->renderer == NULL)
        return -1;
    f->impl = f->renderer->impl;
    f->gl.node.id = GL;
    f->gl.capset = VIRTIO_GPU_CAPSET_VIRGL2;
    f->vulkan.node.id = VULKAN;
    f->vulkan.capset = VIRTIO_GPU_CAPSET_VENUS;
    f->resource.node.id = RESOURCE;
    f->resource.format = VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    int fds;

    fake_virgl_hold(false);
    if (f->renderer != NULL)
        f->impl->destroy(f->renderer);
    sd_event_unref(f->loop);
    fds = fd_count();
    if (fds != f->fds)
        print_error("%d descriptors were open before, %d are after\n", f->fds, fds);
    fds -= f->fds;
    free(f);
    return fds == 0 ? 0 : -1;
}

/* ---- capsets ---- */

static void test_capsets(void **state)
{
    static const uint32_t ids[] = {1, 2, 4};
    struct fixture *f = *state;

    assert_int_equal(f->renderer->capset_count, 3);
    for (unsigned i = 0; i < 3; i++) {
        const struct renderer_capset *capset = &f->renderer->capsets[i];
        uint8_t bytes[64] = {0};
        struct writer writer;

        assert_int_equal(capset->id, ids[i]);
        assert_int_equal(capset->size, 8 * ids[i]);
        assert_int_equal(capset->max_version, ids[i]);
        writer_init(&writer, bytes, sizeof(bytes));
        f->impl->fill_capset(f->renderer, capset, 0, &writer);
        for (unsigned j = 0; j < sizeof(bytes); j++)
            assert_int_equal(bytes[j], j < 8 * ids[i] ? 0x40 + ids[i] : 0);
    }
}

/* ---- contexts ---- */

static void test_what_is_asked_for_comes_in_order(void **state)
{
    struct fixture *f = *state;

    fake_virgl_hold(true);
    assert_int_equal(f->impl->context_create(f->renderer, &f->gl, done, f), -EINPROGRESS);
    submit(f, &f->gl);
    f->impl->attach(f->renderer, &f->gl, &f->resource);
    f->impl->detach(f->renderer, &f->gl, &f->resource);
    submit(f, &f->gl);
    f->impl->context_destroy(f->renderer, &f->gl);
    fake_virgl_hold(false);
    await(f, 3);
    assert_true(fake_virgl_did("context 5 2;submit 5 2;attach 5 9;detach 5 9;submit 5 2;end 5;"));
}

/* A driver that says no kind means OpenGL; a failed one may be tried again. */
static void test_a_context_fails_and_comes(void **state)
{
    struct fixture *f = *state;

    f->gl.capset = 0;
    fake_virgl_results.context = EINVAL;
    assert_int_equal(f->impl->context_create(f->renderer, &f->gl, done, f), -EINPROGRESS);
    expect(f, -EINVAL);
    fake_virgl_results.context = -1;
    assert_int_equal(f->impl->context_create(f->renderer, &f->gl, done, f), -EINPROGRESS);
    expect(f, -EIO);
    assert_int_equal(f->impl->submit(f->renderer, &f->gl, "abcd", 4, done, f), -ENODEV);
    fake_virgl_results.context = 0;
    make_context(f, &f->gl);
    assert_true(fake_virgl_did("context 5 2;context 5 2;context 5 2;"));
    submit(f, &f->gl);
    expect(f, 0);
}

/* It was destroyed, and its id used again, before the library had said no to the first. */
static void test_a_late_failure_is_the_first_ones(void **state)
{
    struct fixture *f = *state;

    make_context(f, &f->vulkan);
    fake_virgl_hold(true);
    submit(f, &f->vulkan);
    assert_true(fake_virgl_await("submit 6 2;"));
    fake_virgl_results.context = EINVAL;
    assert_int_equal(f->impl->context_create(f->renderer, &f->gl, done, f), -EINPROGRESS);
    f->impl->context_destroy(f->renderer, &f->gl);
    assert_int_equal(f->impl->context_create(f->renderer, &f->gl, NULL, f), -EINPROGRESS);
    fake_virgl_hold(false);
    await(f, 2);
    assert_int_equal(f->result, -EINVAL);
    /* The second failed as well, by now. */
    assert_true(fake_virgl_did("context 5 2;context 5 2;"));
    await_nothing(f);
    fake_virgl_results.context = 0;
    make_context(f, &f->gl);
}

static void test_streams_are_whole_words(void **state)
{
    struct fixture *f = *state;

    make_context(f, &f->gl);
    assert_int_equal(f->impl->submit(f->renderer, &f->gl, "abc", 3, done, f), -EINVAL);
    fake_virgl_results.submit = EINVAL;
    submit(f, &f->gl);
    expect(f, -EINVAL);
}

/* ---- fences ---- */

static void test_a_fence_ends_all_earlier_ones(void **state)
{
    struct fixture *f = *state;
    uint64_t last;

    make_context(f, &f->gl);
    make_context(f, &f->vulkan);
    fence(f, NULL, 0);
    fence(f, &f->gl, 3); /* OpenGL has one timeline */
    fence(f, NULL, 0);
    fence(f, &f->vulkan, 3);
    fence(f, NULL, 0);
    assert_true(fake_virgl_did("context 5 2;context 6 4;fence;fence;fence;fence 6 3;fence;"));
    last = fake_virgl_last_fence();
    await_nothing(f);
    fake_virgl_finish((uint32_t)last - 2);
    await(f, 3);
    await_nothing(f);
    fake_virgl_finish_context(VULKAN, 2, last);
    fake_virgl_finish_context(GL, 3, last);
    await_nothing(f);
    fake_virgl_finish_context(VULKAN, 3, last - 1);
    await(f, 1);
    fake_virgl_finish((uint32_t)last);
    await(f, 1);
}

static void test_numbers_go_round(void **state)
{
    struct fixture *f = *state;

    ((struct virgl *)f->renderer)->fences.last = UINT32_MAX - 1;
    for (unsigned i = 0; i < 4; i++)
        fence(f, NULL, 0);
    assert_true(fake_virgl_did("fence;fence;fence;fence;"));
    fake_virgl_finish(UINT32_MAX);
    await(f, 1);
    await_nothing(f);
    fake_virgl_finish(1); /* after 0 */
    await(f, 2);
    fake_virgl_finish(2);
    await(f, 1);
}

static void test_a_fence_that_fails_is_done(void **state)
{
    struct fixture *f = *state;

    make_context(f, &f->vulkan);
    fence(f, NULL, 0);
    assert_true(fake_virgl_did("context 6 4;fence;"));
    fake_virgl_results.fence = EINVAL;
    fake_virgl_results.context_fence = -1;
    fence(f, NULL, 0);
    expect(f, 0); /* itself, not the one before */
    fence(f, &f->vulkan, 1);
    expect(f, 0);
    await_nothing(f);
    fake_virgl_finish(1);
    expect(f, 0);
}

static void test_a_fence_comes_after_the_work(void **state)
{
    struct fixture *f = *state;

    make_context(f, &f->gl);
    fake_virgl_hold(true);
    submit(f, &f->gl);
    fence(f, &f->gl, 0);
    assert_true(fake_virgl_did("context 5 2;submit 5 2;"));
    fake_virgl_hold(false);
    await(f, 1);
    assert_true(fake_virgl_did("fence;"));
    fake_virgl_finish((uint32_t)fake_virgl_last_fence());
    await(f, 1);
}

static void test_a_contexts_end_retires_its_fences(void **state)
{
    struct fixture *f = *state;

    make_context(f, &f->vulkan);
    make_context(f, &f->gl);
    fence(f, &f->vulkan, 0);
    fence(f, &f->vulkan, 1);
    fence(f, NULL, 0);
    assert_true(fake_virgl_did("context 6 4;context 5 2;fence 6 0;fence 6 1;fence;"));
    fake_virgl_hold(true);
    submit(f, &f->gl); /* the library hangs: they are retired all the same */
    f->impl->context_destroy(f->renderer, &f->vulkan);
    await(f, 2);
    assert_int_equal(f->impl->fence(f->renderer, &f->vulkan, 0, done, f), 0);
    await_nothing(f);
    fake_virgl_hold(false);
    await(f, 1);
    fake_virgl_finish_context(VULKAN, 0, 1); /* too late */
    await_nothing(f);
}

/* The library may have forgotten the fence that it was waiting for: another one is behind it. */
static void test_a_forgotten_fence_is_mended(void **state)
{
    struct fixture *f = *state;

    make_context(f, &f->gl);
    make_context(f, &f->vulkan);
    fence(f, NULL, 0);
    f->impl->context_destroy(f->renderer, &f->vulkan);
    assert_true(fake_virgl_did("context 5 2;context 6 4;fence;end 6;"));
    f->impl->context_destroy(f->renderer, &f->gl);
    assert_true(fake_virgl_did("end 5;fence;"));
    fake_virgl_finish((uint32_t)fake_virgl_last_fence());
    await(f, 1);
    make_context(f, &f->gl);
    f->impl->context_destroy(f->renderer, &f->gl);
    assert_true(fake_virgl_did("context 5 2;end 5;"));
}

static void test_a_lost_context(void **state)
{
    struct fixture *f = *state;

    make_context(f, &f->vulkan);
    fence(f, &f->vulkan, 0);
    assert_true(fake_virgl_did("context 6 4;fence 6 0;"));
    virgl_context_lost(f->renderer, VULKAN);
    await(f, 1);
    assert_int_equal(f->impl->submit(f->renderer, &f->vulkan, "abcd", 4, done, f), -ENODEV);
    assert_int_equal(f->impl->fence(f->renderer, &f->vulkan, 0, done, f), 0);
    assert_true(fake_virgl_did("end 6;"));
    virgl_context_lost(f->renderer, VULKAN); /* a second time, and one that nobody knows */
    virgl_context_lost(f->renderer, 77);
    /* The driver destroys it, and makes another with the same id. */
    f->impl->context_destroy(f->renderer, &f->vulkan);
    make_context(f, &f->vulkan);
    assert_true(fake_virgl_did("context 6 4;"));
    submit(f, &f->vulkan);
    expect(f, 0);
}

/* ---- resources ---- */

static void test_pages_are_held_as_long_as_they_are_used(void **state)
{
    struct fixture *f = *state;
    struct guest_pins *pins = make_pins();

    make_resource(f);
    f->impl->attach_backing(f->renderer, &f->resource, pins, done, f);
    expect(f, 0);
    assert_int_equal(pins->refs, 2);
    fake_virgl_hold(true);
    make_context(f, &f->gl);
    submit(f, &f->gl);
    f->impl->detach_backing(f->renderer, &f->resource, done, f);
    await_nothing(f);
    assert_int_equal(pins->refs, 2);
    fake_virgl_hold(false);
    await(f, 2);
    assert_int_equal(pins->refs, 1);

    f->impl->attach_backing(f->renderer, &f->resource, pins, done, f);
    f->impl->attach_backing(f->renderer, &f->resource, pins, done, f);
    await(f, 2);
    assert_int_equal(f->result, -EEXIST);
    assert_int_equal(pins->refs, 2);
    f->impl->destroy_resource(f->renderer, &f->resource, done, f);
    expect(f, 0);
    assert_int_equal(pins->refs, 1);
    assert_true(fake_virgl_did("resource 9;pages 9 1;context 5 2;submit 5 2;no pages 9;pages 9 1;"
                               "unref 9;"));

    make_resource(f);
    fake_virgl_results.attach_iov = EINVAL;
    f->impl->attach_backing(f->renderer, &f->resource, pins, done, f);
    expect(f, -EINVAL);
    assert_int_equal(pins->refs, 1);
    guest_pins_unref(pins);
}

static void test_unknown_resources_are_refused_here(void **state)
{
    static const struct renderer_resource what = {.target = 2};
    static const struct renderer_transfer transfer;
    struct fixture *f = *state;
    struct guest_pins *pins = make_pins();

    f->impl->attach_backing(f->renderer, &f->resource, pins, done, f);
    expect(f, -ENOENT);
    f->impl->detach_backing(f->renderer, &f->resource, done, f);
    expect(f, -ENOENT);
    f->impl->transfer(f->renderer, NULL, &f->resource, &transfer, done, f);
    expect(f, -EINVAL);
    f->impl->destroy_resource(f->renderer, &f->resource, done, f);
    expect(f, 0);
    fake_virgl_results.resource = EINVAL;
    f->impl->create_3d(f->renderer, &f->resource, &what, done, f);
    expect(f, -EINVAL);
    fake_virgl_results.resource = 0;
    make_resource(f);
    f->impl->create_3d(f->renderer, &f->resource, &what, done, f);
    expect(f, -EEXIST);
    /* It has no pages. */
    f->impl->transfer(f->renderer, NULL, &f->resource, &transfer, done, f);
    expect(f, -EINVAL);
    assert_true(fake_virgl_did("resource 9;resource 9;"));
    guest_pins_unref(pins);
}

static void test_pixels_are_read(void **state)
{
    static const struct renderer_box box = {.x = 1, .y = 1, .w = 2, .h = 3, .d = 1};
    struct fixture *f = *state;
    uint8_t pixels[3 * 16];

    make_resource(f);
    memset(pixels, 0, sizeof(pixels));
    fake_virgl_colour = 0x77;
    assert_int_equal(f->impl->read(f->renderer, &f->resource, &box, pixels, 16, 39, done, f),
                     -EINVAL); /* one byte short */
    assert_int_equal(f->impl->read(f->renderer, &f->resource, &box, pixels, 7, 48, done, f),
                     -EINVAL);
    assert_int_equal(f->impl->read(f->renderer, &f->resource, &box, pixels, 16, 40, done, f),
                     -EINPROGRESS);
    expect(f, 0);
    for (unsigned i = 0; i < sizeof(pixels); i++)
        assert_int_equal(pixels[i], i % 16 < 8 ? 0x77 : 0); /* what lies between stays */
    fake_virgl_results.transfer = EINVAL;
    fake_virgl_colour = 0x11;
    f->impl->read(f->renderer, &f->resource, &box, pixels, 16, 40, done, f);
    expect(f, -EINVAL);
    assert_int_equal(pixels[0], 0x77);
    f->resource.format = 30;
    assert_int_equal(f->impl->read(f->renderer, &f->resource, &box, pixels, 16, 40, done, f),
                     -EOPNOTSUPP);
}

/* ---- blobs ---- */

static const struct renderer_blob mappable = {
    .memory = VIRTIO_GPU_BLOB_MEM_HOST3D,
    .flags = VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE,
    .size = 2 * PAGE,
};

static void make_blob(struct fixture *f, const struct renderer_blob *blob, struct guest_pins *pins)
{
    assert_int_equal(f->impl->create_blob(f->renderer, &f->vulkan, &f->resource, blob, pins,
                                          &f->given, blob_done, f),
                     -EINPROGRESS);
}

static void test_blobs_are_exported(void **state)
{
    struct fixture *f = *state;

    make_context(f, &f->vulkan);
    fake_virgl_export.bytes = 2 * PAGE;
    make_blob(f, &mappable, NULL);
    expect(f, 0);
    assert_non_null(f->given.buffer);
    assert_int_equal(f->given.buffer->size, 2 * PAGE);
    assert_int_equal(f->given.buffer->fd_offset, 0);
    assert_int_equal(f->given.map_info, VIRTIO_GPU_MAP_CACHE_WC);
    buffer_destroy(f->given.buffer);
    f->impl->destroy_resource(f->renderer, &f->resource, done, f);
    expect(f, 0);
    assert_true(fake_virgl_did("context 6 4;blob 9 of 6, 0 pieces;export 9;unref 9;"));
}

/* Whatever is wrong with the memory, it is a blob. */
static void test_blobs_that_cannot_be_mapped(void **state)
{
    struct fixture *f = *state;
    struct renderer_blob blob = mappable;
    struct guest_pins *pins = make_pins();

    make_context(f, &f->vulkan);
    for (unsigned i = 0; i < 4; i++) {
        f->resource.node.id = 100 + i;
        fake_virgl_export.bytes = i == 0 ? PAGE : 2 * PAGE; /* too short */
        fake_virgl_results.export = i == 1 ? 22 : 0;
        blob.flags = i == 2 ? 0 : VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE;
        fake_virgl_export.type = i == 3 ? 9 : 3;
        make_blob(f, &blob, i == 2 ? pins : NULL);
        expect(f, 0);
        assert_null(f->given.buffer);
        assert_int_equal(pins->refs, i == 2 ? 2 : 1);
        f->impl->destroy_resource(f->renderer, &f->resource, done, f);
        expect(f, 0);
        assert_int_equal(pins->refs, 1);
    }
    fake_virgl_results.blob = -1;
    make_blob(f, &blob, pins);
    expect(f, -EIO);
    assert_int_equal(pins->refs, 1);
    guest_pins_unref(pins);
}

/* The self-test (see main) has proven 4096. */
static void test_opaque_blobs_begin_where_it_was_proven(void **state)
{
    struct fixture *f = *state;

    make_context(f, &f->vulkan);
    fake_virgl_export = (struct fake_virgl_export){2, 4 * PAGE, {4 * PAGE, PAGE}};
    make_blob(f, &mappable, NULL);
    expect(f, 0);
    assert_non_null(f->given.buffer);
    assert_int_equal(f->given.buffer->fd_offset, PAGE);
    buffer_destroy(f->given.buffer);
    f->resource.node.id++;
    fake_virgl_export.head[1] = 2 * PAGE;
    make_blob(f, &mappable, NULL);
    expect(f, 0);
    assert_null(f->given.buffer);
}

static void test_others_resources_are_adopted(void **state)
{
    struct fixture *f = *state;
    struct buffer *buffer = buffer_memfd_create(PAGE);

    f->resource.memory = VIRTIO_GPU_BLOB_MEM_GUEST;
    f->resource.bytes = PAGE;
    assert_int_equal(f->impl->adopt(f->renderer, &f->resource), -EINVAL);
    f->resource.pins = make_pins();
    assert_int_equal(f->impl->adopt(f->renderer, &f->resource), 0);
    assert_int_equal(f->resource.pins->refs, 2);
    f->impl->destroy_resource(f->renderer, &f->resource, done, f);
    expect(f, 0);
    assert_int_equal(f->resource.pins->refs, 1);
    assert_true(fake_virgl_did("blob 9 of 0, 1 pieces;unref 9;"));
    guest_pins_unref(f->resource.pins);
    f->resource.pins = NULL;

    f->resource.memory = VIRTIO_GPU_BLOB_MEM_HOST3D;
    f->resource.buffer = buffer;
    assert_int_equal(f->impl->adopt(f->renderer, &f->resource), 0);
    f->impl->destroy_resource(f->renderer, &f->resource, done, f);
    expect(f, 0);
    assert_true(fake_virgl_did("import 9;unref 9;"));
    fake_virgl_results.blob = -EINVAL;
    assert_int_equal(f->impl->adopt(f->renderer, &f->resource), 0);
    f->impl->destroy_resource(f->renderer, &f->resource, done, f);
    expect(f, 0);
    assert_true(fake_virgl_did("import 9;"));
    buffer->fd_offset = PAGE;
    assert_int_equal(f->impl->adopt(f->renderer, &f->resource), -EOPNOTSUPP);
    buffer->fd_offset = 0;
    f->resource.buffer = NULL;
    buffer_destroy(buffer);
}

/* ---- reset ---- */

/* The library is busy, then there is everything: nothing of it is heard of again, and all of it is
 * taken back before the next driver's work. */
static void test_a_reset_amid_everything(void **state)
{
    static const struct renderer_box box = {.w = 1, .h = 1, .d = 1};
    struct fixture *f = *state;
    struct guest_pins *pins = make_pins();
    uint8_t pixel[4] = {0};
    uint64_t before;

    make_context(f, &f->gl);
    make_context(f, &f->vulkan);
    make_resource(f);
    f->impl->attach_backing(f->renderer, &f->resource, pins, done, f);
    expect(f, 0);
    fence(f, NULL, 0);
    fence(f, &f->vulkan, 1);
    assert_true(fake_virgl_did("context 5 2;context 6 4;resource 9;pages 9 1;fence;fence 6 1;"));
    fake_virgl_hold(true);
    submit(f, &f->vulkan);
    assert_true(fake_virgl_did("submit 6 2;"));
    fence(f, &f->vulkan, 1);
    fake_virgl_colour = 0x55;
    f->impl->read(f->renderer, &f->resource, &box, pixel, 4, 4, done, f);
    f->impl->destroy_resource(f->renderer, &f->resource, done, f);
    f->impl->context_destroy(f->renderer, &f->gl);

    before = units_now_ns();
    f->impl->reset(f->renderer);
    assert_true(units_now_ns() - before < UINT64_C(1000000000));
    f->done = 0; /* the driver before had its context's fences retired */
    assert_int_equal(pins->refs, 2);
    assert_int_equal(f->impl->context_create(f->renderer, &f->gl, done, f), -EINPROGRESS);
    fake_virgl_hold(false);
    expect(f, 0);
    assert_true(fake_virgl_did("end 5;end 6;unref 9;context 5 2;"));
    assert_int_equal(pins->refs, 1);
    assert_int_equal(pixel[0], 0);
    fake_virgl_finish((uint32_t)fake_virgl_last_fence());
    fake_virgl_finish_context(VULKAN, 1, 100);
    await_nothing(f);
    guest_pins_unref(pins);
}

/* The job of a reset may be dropped by the next one. */
static void test_resets_one_after_the_other(void **state)
{
    struct fixture *f = *state;

    make_context(f, &f->gl);
    make_resource(f);
    fake_virgl_hold(true);
    submit(f, &f->gl);
    assert_true(fake_virgl_await("submit 5 2;"));
    for (unsigned i = 0; i < 5; i++)
        f->impl->reset(f->renderer);
    fake_virgl_hold(false);
    assert_true(fake_virgl_did("end 5;unref 9;"));
    make_context(f, &f->gl);
    assert_true(fake_virgl_did("context 5 2;"));
}

static void test_a_dropped_blob_leaves_nothing(void **state)
{
    struct fixture *f = *state;

    make_context(f, &f->vulkan);
    fake_virgl_export.bytes = 2 * PAGE;
    make_blob(f, &mappable, NULL);
    assert_true(fake_virgl_await("export 9;"));
    f->impl->reset(f->renderer);
    assert_true(fake_virgl_did("end 6;unref 9;"));
    await_nothing(f); /* and the teardown counts descriptors */
}

/* ---- the end ---- */

static void test_a_library_that_hangs_is_left(void **state)
{
    struct fixture *f = *state;
    uint64_t before = units_now_ns();

    make_context(f, &f->gl);
    fake_virgl_hold(true);
    submit(f, &f->gl);
    assert_true(fake_virgl_await("submit 5 2;"));
    f->impl->destroy(f->renderer);
    f->renderer = NULL;
    assert_true(units_now_ns() - before < UINT64_C(10000000000));
    fake_virgl_hold(false);
    assert_true(fake_virgl_await("cleanup;"));
    f->loop = sd_event_unref(f->loop);
    for (unsigned i = 0; i < PATIENCE_MS && fd_count() != f->fds; i++)
        usleep(1000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        TEST(test_capsets),
        TEST(test_what_is_asked_for_comes_in_order),
        TEST(test_a_context_fails_and_comes),
        TEST(test_a_late_failure_is_the_first_ones),
        TEST(test_streams_are_whole_words),
        TEST(test_a_fence_ends_all_earlier_ones),
        TEST(test_numbers_go_round),
        TEST(test_a_fence_that_fails_is_done),
        TEST(test_a_fence_comes_after_the_work),
        TEST(test_a_contexts_end_retires_its_fences),
        TEST(test_a_forgotten_fence_is_mended),
        TEST(test_a_lost_context),
        TEST(test_pages_are_held_as_long_as_they_are_used),
        TEST(test_unknown_resources_are_refused_here),
        TEST(test_pixels_are_read),
        TEST(test_blobs_are_exported),
        TEST(test_blobs_that_cannot_be_mapped),
        TEST(test_opaque_blobs_begin_where_it_was_proven),
        TEST(test_others_resources_are_adopted),
        TEST(test_a_reset_amid_everything),
        TEST(test_resets_one_after_the_other),
        TEST(test_a_dropped_blob_leaves_nothing),
        TEST(test_a_library_that_hangs_is_left),
    };

    /* The renderer asks this program for what a self-test of Vulkan would find. */
    if (argc > 1 && strcmp(argv[argc - 1], "--probe=vulkan") == 0)
        return puts("{\"ok\":true,\"opaque_offset\":4096}") < 0;
    /* It is looked for, and never started. */
    setenv("RENDER_SERVER_EXEC_PATH", "/bin/true", 1);
    log_init("test", NULL, LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

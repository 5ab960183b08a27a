/* SPDX-License-Identifier: MIT */
#include "gpu_2d.h"

#include "fake_renderer.h"
#include "heard.h"
#include "store_fixture.h"

#include "gpu/context.h"
#include "gpu/estate.h"
#include "gpu/picture.h"
#include "gpu/resource.h"

/*
 * What a device makes of the store that it finds: of one that is right, and of one that a stranger
 * might have written. That a whole worker dies is in test_session_survival.c.
 */
#define MIB (1ull << 20)
#define CROSS_DOMAIN 5u /* a capset whose contexts live in the process */
#define PAGES RING_DRIVER_HEAP

#define SHELF_MAX 16u

/* A shelf with what the test has put on it. */
static struct {
    struct shelf base;
    unsigned count, dropped;
    bool is_full;
    uint64_t last;
    struct {
        uint64_t key;
        int fd; /* owned; -1: taken */
    } items[SHELF_MAX];
} shelf;

static struct store_fixture left;

static uint64_t shelf_takes(struct shelf *base, int fd)
{
    if (shelf.is_full)
        return 0;
    assert_true(shelf.count < SHELF_MAX);
    shelf.items[shelf.count].key = ++shelf.last;
    shelf.items[shelf.count++].fd = fd_duplicate(fd);
    return shelf.last;
}

static void shelf_drops(struct shelf *base, uint64_t key)
{
    shelf.dropped++;
}

static int shelf_gives(struct shelf *base, uint64_t key)
{
    for (unsigned i = 0; i < shelf.count; i++)
        if (shelf.items[i].key == key && shelf.items[i].fd >= 0) {
            int fd = shelf.items[i].fd;

            shelf.items[i].fd = -1;
            return fd;
        }
    return -ENOENT;
}

/* Puts a file of 'size' bytes on the shelf, whose first is 'byte'. */
static uint64_t shelve(uint64_t size, uint8_t byte)
{
    int fd = fd_memfd("shelved", size);
    uint64_t key;

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, &byte, 1, 0), 1);
    key = shelf_takes(&shelf.base, fd);
    close(fd);
    return key;
}

static int setup(void **state)
{
    fd_count_setup(state);
    store_fixture_init(&left);
    memset(&shelf, 0, sizeof(shelf));
    shelf.base = (struct shelf){shelf_takes, shelf_drops, shelf_gives};
    return 0;
}

static int teardown(void **state)
{
    for (unsigned i = 0; i < shelf.count; i++)
        fd_close(&shelf.items[i].fd);
    store_fixture_finish(&left);
    return fd_count_teardown(state);
}

static void put(uint32_t kind, uint32_t id, const void *bytes, size_t size)
{
    assert_int_not_equal(store_put(&left.store, kind, id, bytes, size), 0);
    store_commit(&left.store);
}

#define PUT(kind, id, record) put(kind, id, &(record), sizeof(record))

static unsigned count_of(uint32_t kind)
{
    return store_count(&left.store, kind);
}

/* A device that goes on with the store. */
static struct gpu_fixture *go_on(enum exporter_kind kind)
{
    static const struct gpu_options options = {.output_count = 2};
    struct gpu_fixture *f = gpu_fixture_create(&options, kind);

    f->device->impl->destroy(f->device);
    store_fixture_die(&left);
    f->host.store = &left.store;
    f->host.shelf = &shelf.base;
    f->host.running = &left.running;
    f->host.life = 7;
    f->arena.shelf = &shelf.base;
    f->device = gpu_device_create(&f->host, &options);
    assert_non_null(f->device);
    f->device->impl->reset(f->device);
    f->device->impl->set_features(f->device, ALL_FEATURES);
    f->device->impl->resume(f->device);
    return f;
}

static struct estate_resource blob_of(uint64_t size)
{
    return (struct estate_resource){
        .size = size,
        .memory = VIRTIO_GPU_BLOB_MEM_HOST3D,
        .flags = VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE,
        .has_buffer = 1,
        .buffer_kind = BUFFER_MEMFD,
        .buffer_size = size,
        .keeper = 1,
    };
}

static struct estate_resource picture_of(uint32_t width, uint32_t height)
{
    return (struct estate_resource){
        .format = VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM,
        .width = width,
        .height = height,
        .has_picture = 1,
    };
}

/* ---- as it was left ---- */

static void all_comes_back(void **state)
{
    struct estate_context context = {.capset = MEMORY_STREAM_CAPSET, .name = "a program"};
    struct estate_resource blob = blob_of(MIB), picture = picture_of(64, 64);
    struct estate_attachment attachment = {.resource = 1, .count = 2};
    struct guest_piece pieces[2] = {{PAGES, 8192}, {PAGES + 16384, 8192}};
    struct estate_scanout scanout = {.resource = 2, .shown_width = 64, .shown_height = 64};
    struct estate_cursor *cursor = calloc(1, sizeof(*cursor));
    struct gpu_fixture *f;
    struct gpu *gpu;

    assert_non_null(cursor);
    cursor->place = 5ull << 32 | 3;
    cursor->pixels[77] = 9;
    blob.key = shelve(MIB, 42);
    blob.place = 2 * MIB + 1;
    picture.key = shelve(64 * 64 * 4, 43);
    PUT(ESTATE_CONTEXT, 3, context);
    PUT(ESTATE_RESOURCE, 1, blob);
    PUT(ESTATE_RESOURCE, 2, picture);
    PUT(ESTATE_ATTACHMENT, 3, attachment);
    PUT(ESTATE_BACKING, 2, pieces);
    PUT(ESTATE_UUID, 2, "0123456789abcde");
    PUT(ESTATE_SCANOUT, 1, scanout);
    PUT(ESTATE_CURSOR, 1, *cursor);
    f = go_on(EXPORTER_MEMFD);
    gpu = (struct gpu *)f->device;
    assert_int_equal(gpu->resources.count, 2);
    assert_string_equal(context_find(gpu, 3)->name, "a program");
    assert_int_equal(*(uint8_t *)buffer_data(resource_find(gpu, 1)->buffer), 42);
    assert_int_equal(resource_find(gpu, 2)->picture->data[0], 43);
    assert_int_equal(resource_find(gpu, 2)->pins->size, 16384);
    assert_int_equal(gpu_used(f, GPU_QUOTA_MEMORY), MIB + 64 * 64 * 4);
    assert_int_equal(gpu_used(f, GPU_QUOTA_RESOURCES), 2);
    assert_int_equal(gpu_used(f, GPU_QUOTA_CONTEXTS), 1);
    assert_int_equal(gpu_used(f, GPU_QUOTA_PAGES), 2);
    assert_int_equal(gpu_used(f, GPU_QUOTA_ATTACHMENTS), 1);
    assert_int_equal(gpu_used(f, GPU_QUOTA_MAPPINGS), 1);
    assert_int_equal(f->port.count, 1);
    assert_int_equal(f->census.mapped, 1);
    assert_int_equal(f->shared_count, 1);
    assert_memory_equal(f->shared[0].uuid, "0123456789abcde", 16);
    assert_ptr_equal(gpu->display.scanouts[1].resource, resource_find(gpu, 2));
    assert_true(gpu->display.cursors[1].visible);
    assert_int_equal(gpu->display.cursors[1].x, 3);
    assert_int_equal(gpu->display.cursors[1].y, 5);
    assert_int_equal(gpu->display.cursors[1].picture.pixels[77], 9);
    /* And it is the driver's to end. */
    assert_int_equal(gpu_detach(f, 3, 1), NODATA);
    assert_int_equal(gpu_detach(f, 3, 1), NODATA);
    assert_int_equal(gpu_unmap(f, 1), NODATA);
    assert_int_equal(gpu_unref(f, 1), NODATA);
    assert_int_equal(gpu_unref(f, 2), NODATA);
    assert_int_equal(shelf.dropped, 2);
    for (uint32_t kind = ESTATE_RESOURCE; kind <= ESTATE_OUTPUTS; kind++)
        assert_int_equal(count_of(kind), kind == ESTATE_CONTEXT || kind == ESTATE_CURSOR);
    free(cursor);
    gpu_fixture_destroy(f);
}

static struct picture *pixels(struct gpu_fixture *f, uint32_t id)
{
    return resource_find((struct gpu *)f->device, id)->picture;
}

static void draw(struct gpu_fixture *f, uint32_t id)
{
    assert_int_equal(gpu_back(f, id, PAGES, 64 * 64 * 4), NODATA);
    assert_int_equal(gpu_transfer(f, id, gpu_rect(0, 0, 64, 64), 0), NODATA);
    pixels(f, id)->data[5] = (uint8_t)(40 + id);
}

/* Of a picture that has no memory nothing is lost. One that gets it is on the shelf, whatever was
 * there before. */
static void pixels_are_kept_from_their_first_use_on(void **state)
{
    struct estate_resource unused = picture_of(64, 64), lost = unused, odd = unused;
    struct heard heard;
    struct gpu_fixture *f;

    log_init("test", NULL, LOG_LEVEL_WARNING);
    lost.key = ESTATE_KEY_LOST;
    odd.key = shelve(MIB, 1);
    PUT(ESTATE_RESOURCE, 1, unused);
    PUT(ESTATE_RESOURCE, 2, lost);
    PUT(ESTATE_RESOURCE, 3, odd);
    heard_begin(&heard);
    f = go_on(EXPORTER_MEMFD);
    heard_end(&heard);
    assert_null(strstr(heard.text, "resource 1 are lost"));
    assert_non_null(strstr(heard.text, "resource 2 are lost"));
    assert_non_null(strstr(heard.text, "resource 3 are lost"));
    for (uint32_t id = 1; id <= 3; id++) {
        assert_null(pixels(f, id));
        assert_int_equal(shelf.dropped, 0);
        draw(f, id);
    }
    assert_int_equal(shelf.count, 4);
    assert_int_equal(shelf.dropped, 1); /* the odd one */
    gpu_fixture_destroy(f);
    heard_begin(&heard);
    f = go_on(EXPORTER_MEMFD);
    heard_end(&heard);
    assert_null(strstr(heard.text, "lost with the worker"));
    for (uint32_t id = 1; id <= 3; id++)
        assert_int_equal(pixels(f, id)->data[5], 40 + id);
    shelf.is_full = true;
    assert_int_equal(gpu_create_2d(f, 4, BGRA, 64, 64), NODATA);
    draw(f, 4);
    gpu_fixture_destroy(f);
    heard_begin(&heard);
    f = go_on(EXPORTER_MEMFD);
    heard_end(&heard);
    assert_non_null(strstr(heard.text, "resource 4 are lost"));
    assert_null(pixels(f, 4));
    gpu_fixture_destroy(f);
    log_init("test", NULL, LOG_LEVEL_ERROR);
}

/* Pieces of the arena are where they were; the next one's place is another. */
static void pieces_of_the_arena_come_back(void **state)
{
    struct estate_resource blob = blob_of(MIB);
    struct gpu_fixture *f;
    struct gpu *gpu;

    blob.buffer_kind = BUFFER_ARENA;
    blob.word = MIB | 1;
    blob.place = MIB + 1;
    PUT(ESTATE_RESOURCE, 1, blob);
    blob.place = 0;
    blob.word = 4 * MIB | 1;
    PUT(ESTATE_RESOURCE, 2, blob);
    blob.word = 0;
    PUT(ESTATE_RESOURCE, 3, blob);
    blob.word = shelve(MIB, 44) << 2 | 2;
    PUT(ESTATE_RESOURCE, 4, blob);
    f = go_on(EXPORTER_ARENA);
    gpu = (struct gpu *)f->device;
    assert_int_equal(gpu->resources.count, 4);
    assert_int_equal(f->arena.loans.count, 2);
    assert_int_equal(f->port.count, 1);
    assert_int_equal(gpu_map(f, 2, 0), MAP_INFO);
    assert_int_equal(gpu_map(f, 3, 4 * MIB), MAP_INFO);
    assert_int_equal(gpu_map(f, 4, 8 * MIB), MAP_INFO);
    assert_int_equal(f->arena.data[8 * MIB], 44);
    assert_int_equal(shelf.dropped, 1);
    assert_int_equal(gpu_map(f, 1, 9 * MIB), BAD_PARAMETER);
    gpu_fixture_destroy(f);
}

/* What lives in the process of a renderer answers errors, and can be let go of. */
static void what_is_lost_answers_errors(void **state)
{
    struct estate_context context = {.capset = CROSS_DOMAIN, .name = "lost"};
    struct estate_resource blob = blob_of(MIB), texture = picture_of(64, 64);
    struct estate_attachment attachment = {.resource = 1, .count = 1};
    struct virtio_gpu_cmd_submit empty = {.hdr = gpu_header(VIRTIO_GPU_CMD_SUBMIT_3D, 3)};
    struct {
        struct virtio_gpu_cmd_submit submit;
        uint64_t words[2];
    } stream = {.submit = {.hdr = gpu_header(VIRTIO_GPU_CMD_SUBMIT_3D, 3), .size = htole32(16)}};
    struct gpu_fixture *f;

    blob.keeper = 2;
    blob.key = shelve(MIB, 1);
    texture.keeper = 2;
    texture.has_picture = 0;
    PUT(ESTATE_CONTEXT, 3, context);
    PUT(ESTATE_RESOURCE, 1, blob);
    PUT(ESTATE_RESOURCE, 2, texture);
    PUT(ESTATE_ATTACHMENT, 3, attachment);
    f = go_on(EXPORTER_MEMFD);
    assert_true(context_find((struct gpu *)f->device, 3)->lost);
    assert_int_equal(GPU_DO(f, stream), UNSPEC);
    empty.hdr.flags = stream.submit.hdr.flags = htole32(VIRTIO_GPU_FLAG_FENCE);
    assert_int_equal(GPU_DO(f, stream), UNSPEC);
    assert_int_equal(GPU_DO(f, empty), NODATA);
    assert_int_equal(gpu_create_blob(f, 3, 9, MIB), UNSPEC);
    assert_int_equal(gpu_map(f, 1, MIB), MAP_INFO); /* its memory is not lost */
    assert_int_equal(gpu_attach(f, 3, 2), NODATA);
    assert_int_equal(gpu_detach(f, 3, 1), NODATA);
    assert_int_equal(gpu_unref(f, 2), NODATA);
    assert_int_equal(gpu_do_about(f, VIRTIO_GPU_CMD_CTX_DESTROY, 3, 0), BAD_PARAMETER);
    {
        struct virtio_gpu_ctx_destroy destroy = {.hdr = gpu_header(VIRTIO_GPU_CMD_CTX_DESTROY, 3)};

        assert_int_equal(GPU_DO(f, destroy), NODATA);
    }
    assert_int_equal(gpu_context(f, 3, MEMORY_STREAM_CAPSET), NODATA);
    assert_int_equal(gpu_create_blob(f, 3, 9, MIB), NODATA);
    gpu_fixture_destroy(f);
}

/* A driver that begins anew has nothing of it. */
static void a_fresh_driver_finds_nothing(void **state)
{
    struct estate_resource picture = picture_of(64, 64);
    struct gpu_fixture *f;

    picture.key = shelve(64 * 64 * 4, 43);
    PUT(ESTATE_RESOURCE, 2, picture);
    f = go_on(EXPORTER_MEMFD);
    store_clear(&left.store); /* as the worker does it */
    f->device->impl->reset(f->device);
    assert_int_equal(gpu_unref(f, 2), BAD_RESOURCE);
    assert_int_equal(gpu_context(f, 1, 0), NODATA);
    assert_int_equal(count_of(ESTATE_CONTEXT), 1);
    gpu_fixture_destroy(f);
    assert_int_equal(count_of(ESTATE_CONTEXT), 1); /* the end of a device is not the driver's */
}

/* What a person made of the outputs outlives the worker, and the driver. */
static void outputs_come_back(void **state)
{
    struct estate_outputs outputs = {.count = 3,
                                     .modes = {{800, 600, 60}, {0, 0, 0}, {1024, 768, 75}}};
    struct gpu_fixture *f;
    struct gpu *gpu;

    PUT(ESTATE_OUTPUTS, 0, outputs);
    f = go_on(EXPORTER_MEMFD);
    gpu = (struct gpu *)f->device;
    for (unsigned turn = 0; turn < 2; turn++) {
        assert_int_equal(gpu->display.count, 3);
        assert_int_equal(gpu->config.num_scanouts, 3);
        assert_int_equal(gpu->display.outputs[0].mode.width, 800);
        assert_int_equal(gpu->display.outputs[1].mode.width, 0);
        assert_int_equal(gpu->display.outputs[2].mode.hz, 75);
        assert_int_equal(count_of(ESTATE_OUTPUTS), 1);
        assert_int_equal(f->config_changes, 1); /* the guest looks again */
        store_clear(&left.store);
        f->device->impl->reset(f->device);
    }
    gpu_fixture_destroy(f);
}

/* ---- deaths at a command ---- */

/* Whether the request 99 is not carried out any more, when it is taken again, or anew. */
static bool is_poison(struct gpu_fixture *f, bool again)
{
    struct chain chain = {.again = again};
    struct request request = {.gpu = (struct gpu *)f->device, .chain = &chain, .tag = 99};

    return estate_is_poison(&request);
}

static void deaths_are_counted(void **state)
{
    struct death_note death = {0};
    struct gpu_fixture *f;
    uint32_t handle = 0;

    for (uint64_t life = 3; life < 6; life++) {
        left.running = (struct journal_running){
            .tag = 99, .life = life, .type = VIRTIO_GPU_CMD_SUBMIT_3D, .context = 4};
        for (unsigned starts = 0; starts < 3; starts++) { /* some die before they do anything */
            f = go_on(EXPORTER_MEMFD);
            assert_int_equal(((struct gpu *)f->device)->estate.deaths.note.tag, 99);
            assert_int_equal(((struct gpu *)f->device)->estate.deaths.note.count, life - 2);
            assert_int_equal(is_poison(f, true), life > 3);
            assert_false(is_poison(f, false));
            gpu_fixture_destroy(f);
        }
    }
    left.running = (struct journal_running){.tag = 100, .life = 6};
    f = go_on(EXPORTER_MEMFD);
    gpu_fixture_destroy(f);
    assert_int_equal(count_of(ESTATE_DEATH), 1);
    assert_true(store_next(&left.store, ESTATE_DEATH, &handle));
    assert_int_equal(store_read(&left.store, handle, &death, sizeof(death)), sizeof(death));
    assert_int_equal(death.tag, 100);
    assert_int_equal(death.count, 1);
}

/* ---- a stranger's store ---- */

static void what_cannot_be_is_left_out(void **state)
{
    struct estate_resource good = blob_of(MIB), bad[14];
    struct estate_attachment loose = {.resource = 77, .count = 1}, none = {.resource = 1};
    struct estate_resource outside = blob_of(MIB), odd = blob_of(MIB), nothing = picture_of(1, 1);
    struct guest_piece nowhere = {.gpa = 1ull << 60, .size = 4096}, small = {PAGES, 16};
    struct estate_scanout scanout = {.resource = 1, .shown_width = 64, .shown_height = 64};
    struct gpu_fixture *f;
    struct gpu *gpu;

    good.key = shelve(MIB, 1);
    PUT(ESTATE_RESOURCE, 1, good);
    for (unsigned i = 0; i < 14; i++)
        bad[i] = blob_of(MIB);
    bad[0].memory = 99;
    bad[1] = picture_of(0, 5);
    bad[2] = picture_of(UINT32_MAX, UINT32_MAX);
    bad[3].buffer_size = UINT64_MAX;
    bad[4].buffer_size = 1ull << 40; /* more than a guest may have */
    bad[5].size = 2 * MIB;           /* more than its memory */
    bad[5].key = shelve(MIB, 1);
    bad[6].key = shelve(4096, 1); /* a shorter file */
    bad[7].fd_offset = UINT64_MAX - 5;
    bad[7].key = shelve(MIB, 1);
    bad[8].buffer_kind = BUFFER_ARENA; /* there is none */
    bad[9].buffer_kind = 47;
    bad[10].key = good.key; /* another's */
    bad[11] = picture_of(64, 64);
    bad[11].key = shelve(64 * 64 * 4 + 8192, 1); /* a longer file: black pixels */
    bad[12].memory = 0;                          /* a picture's sizes, and a buffer */
    bad[13].has_picture = 1;                     /* a blob's */
    for (unsigned i = 0; i < 14; i++)
        PUT(ESTATE_RESOURCE, 100 + i, bad[i]);
    PUT(ESTATE_RESOURCE, 1, good);
    PUT(ESTATE_RESOURCE, 0, good);
    put(ESTATE_RESOURCE, 200, &good, 7);
    put(ESTATE_CONTEXT, 5, "x", 1);
    PUT(ESTATE_ATTACHMENT, 5, loose);
    PUT(ESTATE_ATTACHMENT, 5, none);
    outside.key = shelve(MIB, 1);
    outside.place = WINDOW + 1;
    PUT(ESTATE_RESOURCE, 301, outside);
    odd.key = shelve(MIB, 1);
    odd.place = 5 + 1;
    PUT(ESTATE_RESOURCE, 302, odd);
    nothing.place = MIB + 1; /* it has no buffer */
    PUT(ESTATE_RESOURCE, 303, nothing);
    PUT(ESTATE_BACKING, 111, nowhere);
    PUT(ESTATE_BACKING, 1, small);
    put(ESTATE_BACKING, 111, &nowhere, 9);
    PUT(ESTATE_UUID, 300, "0123456789abcde");
    PUT(ESTATE_SCANOUT, 0, scanout);
    PUT(ESTATE_SCANOUT, UINT32_MAX, scanout);
    put(ESTATE_CURSOR, 0, "x", 1);
    f = go_on(EXPORTER_MEMFD);
    gpu = (struct gpu *)f->device;
    assert_non_null(resource_find(gpu, 1)->buffer);
    for (uint32_t id = 100; id < 114; id++) {
        const struct resource *resource = resource_find(gpu, id);

        if (resource != NULL)
            assert_true(resource->buffer == NULL ||
                        resource->buffer->size >= resource_size(resource));
    }
    assert_true(resource_find(gpu, 111)->is_image);
    assert_null(resource_find(gpu, 0));
    assert_null(resource_find(gpu, 100));
    assert_null(resource_find(gpu, 105));
    assert_null(resource_find(gpu, 112));
    assert_null(resource_find(gpu, 113));
    assert_int_equal(gpu->contexts.count, 0);
    assert_int_equal(f->port.count, 0);
    assert_int_equal(count_of(ESTATE_ATTACHMENT) + count_of(ESTATE_BACKING) +
                         count_of(ESTATE_UUID) + count_of(ESTATE_SCANOUT) + count_of(ESTATE_CURSOR),
                     0);
    assert_int_equal(gpu_map(f, 1, MIB), MAP_INFO);
    assert_int_equal(gpu_map(f, 301, 2 * MIB), MAP_INFO); /* they are not mapped, and may be */
    assert_int_equal(gpu_map(f, 302, 3 * MIB), MAP_INFO);
    gpu_fixture_destroy(f);
}

/* Places that are taken, odd, or outside. */
static void an_arena_is_not_shared_out_twice(void **state)
{
    static const uint64_t words[] = {MIB | 1,       MIB | 1, 5 * MIB / 4 | 1,
                                     WINDOW | 1,    77 | 1,  UINT64_MAX & ~2ull,
                                     9ull << 2 | 2, 3};
    struct estate_resource blob = blob_of(MIB);
    struct gpu_fixture *f;

    blob.buffer_kind = BUFFER_ARENA;
    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        blob.word = words[i];
        PUT(ESTATE_RESOURCE, 1 + i, blob);
    }
    f = go_on(EXPORTER_ARENA);
    assert_int_equal(f->arena.loans.count, 1);
    assert_int_equal(gpu_map(f, 1, MIB), MAP_INFO);
    assert_int_equal(gpu_map(f, 2, 2 * MIB), BAD_PARAMETER); /* it has no memory */
    assert_int_equal(gpu_unref(f, 2), NODATA);
    gpu_fixture_destroy(f);
}

static void send_pages(struct gpu_fixture *f, uint32_t id, uint64_t at)
{
    struct {
        struct virtio_gpu_resource_attach_backing attach;
        struct virtio_gpu_mem_entry entry;
    } request = {
        .attach = {.hdr = gpu_header(VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING, 0),
                   .resource_id = htole32(id),
                   .nr_entries = htole32(1)},
        .entry = {.addr = htole64(at), .length = htole32(4096)},
    };

    gpu_send(f, 0, &request, sizeof(request), 24);
}

/* The renderer ends one piece of work, and the driver is answered. Returns the pages that the
 * store has for the resource then; 0: none. */
static uint64_t pages_after(struct gpu_fixture *f, struct fake_renderer *fake, const char *work)
{
    struct guest_piece piece = {0};
    uint32_t handle = 0;

    fake_end(fake, work, 0);
    gpu_loop(f);
    assert_int_equal(gpu_take(f, 0), NODATA);
    if (store_next(&left.store, ESTATE_BACKING, &handle))
        assert_true(store_read_whole(&left.store, handle, &piece, sizeof(piece)));
    assert_false(store_next(&left.store, ESTATE_BACKING, &handle));
    return piece.gpa;
}

/* A driver that gives other pages does not wait for the renderer to have let go of the first. */
static void pages_are_noted_as_they_are_answered(void **state)
{
    struct gpu_fixture *f = go_on(EXPORTER_MEMFD);
    struct fake_renderer *fake = fake_renderer_add_texture(f, fake_texture(1, BGRA, 16, 16));
    struct virtio_gpu_ctx_resource detach = gpu_about(VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING, 0, 1);

    send_pages(f, 1, PAGES);
    gpu_send(f, 0, &detach, sizeof(detach), 24);
    send_pages(f, 1, PAGES + 8192);
    gpu_loop(f);
    assert_int_equal(fake->count, 3);
    assert_int_equal(count_of(ESTATE_BACKING), 0);
    assert_true(pages_after(f, fake, "attach_backing") == PAGES);
    assert_true(pages_after(f, fake, "detach_backing") == 0);
    assert_true(pages_after(f, fake, "attach_backing") == PAGES + 8192);
    assert_int_equal(resource_find((struct gpu *)f->device, 1)->pins->size, 4096);
    fake->at_once = true;
    assert_int_equal(gpu_unref(f, 1), NODATA);
    assert_int_equal(count_of(ESTATE_BACKING), 0);
    gpu_fixture_destroy(f);
}

/* Noise of every kind and length: whatever comes back, the device works. */
static void noise_does_no_harm(void **state)
{
    srand(815);
    for (unsigned round = 0; round < 60; round++) {
        enum exporter_kind kind = round % 2 ? EXPORTER_ARENA : EXPORTER_MEMFD;
        struct gpu_fixture *f;

        store_clear(&left.store);
        for (unsigned i = 0; i < 60; i++) {
            static const size_t sizes[] = {sizeof(struct estate_resource),
                                           16,
                                           16,
                                           sizeof(struct estate_context),
                                           sizeof(struct estate_attachment),
                                           sizeof(struct estate_scanout),
                                           sizeof(struct estate_cursor),
                                           sizeof(struct estate_outputs),
                                           sizeof(struct death_note)};
            uint8_t bytes[sizeof(struct estate_cursor)];
            unsigned record = (unsigned)rand() % (sizeof(sizes) / sizeof(sizes[0]));
            size_t size = rand() % 8 ? sizes[record] : (size_t)rand() % 300;

            for (size_t b = 0; b < sizeof(bytes); b++)
                bytes[b] = rand() % 3 ? 0 : (uint8_t)(rand() % (rand() % 2 ? 4 : 256));
            put(1 + record, (uint32_t)rand() % 6, bytes, size);
        }
        f = go_on(kind);
        for (uint32_t id = 0; id < 6; id++) {
            gpu_map(f, id, id * MIB);
            gpu_unref(f, id);
        }
        assert_int_equal(((struct gpu *)f->device)->resources.count, 0);
        assert_int_equal(quota_used(gpu_quota((struct gpu *)f->device, GPU_QUOTA_MEMORY)), 0);
        assert_int_equal(f->census.mapped, 0);
        gpu_fixture_destroy(f);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_comes_back),
        TEST(pixels_are_kept_from_their_first_use_on),
        TEST(pieces_of_the_arena_come_back),
        TEST(what_is_lost_answers_errors),
        TEST(a_fresh_driver_finds_nothing),
        TEST(outputs_come_back),
        TEST(deaths_are_counted),
        TEST(what_cannot_be_is_left_out),
        TEST(an_arena_is_not_shared_out_twice),
        TEST(pages_are_noted_as_they_are_answered),
        TEST(noise_does_no_harm),
    };

    log_init("test", NULL, LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/frontend/gpu_guest_3d.h"
#include "tests/shortage/person.h"
#include "tests/shortage/visit.h"

#define OK VIRTIO_GPU_RESP_OK_NODATA
#define MAPPED VIRTIO_GPU_RESP_OK_MAP_INFO
#define MIB (UINT64_C(1) << 20)
#define BLOB_SIZE UINT64_C(65536)
#define PATTERN 77u
#define WIDTH 64u
#define HEIGHT 48u
#define BYTES (WIDTH * HEIGHT * 4u)

enum {
    RESULT = 1,
    BLOB = 2,
    SHARED = 3,
    PICTURE = 4,
    PAGES = 5,
    POINTER = 6,
    LATER = 7,
};

static const struct virtio_gpu_rect all = {0, 0, WIDTH, HEIGHT};

static int command(struct visit *v, void *request, size_t size)
{
    struct virtio_gpu_ctrl_hdr answer;

    return gpu_guest_command(&v->frontend, request, size, &answer, sizeof(answer));
}

/* What the driver asks at first. */
static void ask(struct visit *v)
{
    static uint8_t answer[4096];
    struct virtio_gpu_cmd_get_edid edid = {.hdr = {.type = VIRTIO_GPU_CMD_GET_EDID}};
    struct virtio_gpu_get_capset_info info = {.hdr = {.type = VIRTIO_GPU_CMD_GET_CAPSET_INFO}};

    visit_gpu_ask(v);
    VISIT_STEP(v, "edid",
               gpu_guest_command(&v->frontend, &edid, sizeof(edid), answer,
                                 sizeof(struct virtio_gpu_resp_edid)),
               VIRTIO_GPU_RESP_OK_EDID);
    VISIT_STEP(v, "capset",
               gpu_guest_command(&v->frontend, &info, sizeof(info), answer,
                                 sizeof(struct virtio_gpu_resp_capset_info)),
               VIRTIO_GPU_RESP_OK_CAPSET_INFO);
}

static void make_mapped(struct visit *v, uint32_t id, uint64_t size, uint64_t offset)
{
    VISIT_STEP(v, "create a blob", gpu_guest_create(&v->frontend, 1, id, size), OK);
    VISIT_STEP(v, "attach it", gpu_guest_attach(&v->frontend, 1, id), OK);
    VISIT_STEP(v, "map it", gpu_guest_map(&v->frontend, id, offset), MAPPED);
}

/* Bytes go up and down, if there is what they go to. */
static void use_blobs(struct visit *v)
{
    struct guest_window *window = &v->frontend.window;
    uint64_t *result, *bytes;
    uint8_t uuid[16];

    make_mapped(v, RESULT, 4096, 0);
    make_mapped(v, BLOB, BLOB_SIZE, MIB);
    if (VISIT_STEP(v, "fill", gpu_guest_fill(&v->frontend, 1, BLOB, 0, BLOB_SIZE, 5), OK) &&
        VISIT_STEP(v, "sum", gpu_guest_sum(&v->frontend, 1, BLOB, 0, BLOB_SIZE, RESULT, 0), OK)) {
        result = guest_window_at(window, 0, 8);
        bytes = guest_window_at(window, MIB, BLOB_SIZE);
        if (VISIT_STEP(v, "the window shows both", result != NULL && bytes != NULL, true))
            VISIT_STEP(v, "the sum is right", *result == memory_stream_sum(bytes, BLOB_SIZE / 8),
                       true);
    }
    VISIT_STEP(v, "create to share", gpu_guest_create_shared(&v->frontend, 1, SHARED, 4096), OK);
    VISIT_STEP(v, "give it a name", gpu_guest_assign_uuid(&v->frontend, SHARED, uuid),
               VIRTIO_GPU_RESP_OK_RESOURCE_UUID);
    VISIT_STEP(v, "unmap", gpu_guest_unmap(&v->frontend, BLOB), OK);
    VISIT_STEP(v, "map at another place", gpu_guest_map(&v->frontend, BLOB, 2 * MIB), MAPPED);
    VISIT_STEP(v, "end what is mapped", gpu_guest_unref(&v->frontend, BLOB), OK);
}

static void show(struct visit *v)
{
    struct virtio_gpu_set_scanout scanout = {
        .hdr = {.type = VIRTIO_GPU_CMD_SET_SCANOUT}, .r = all, .resource_id = PICTURE};
    struct virtio_gpu_resource_flush flush = {
        .hdr = {.type = VIRTIO_GPU_CMD_RESOURCE_FLUSH}, .r = all, .resource_id = PICTURE};
    struct guest_ram *ram = &v->frontend.ram;
    uint64_t first = guest_ram_take(ram, GUEST_RAM_UPPER, BYTES, 4096);
    uint64_t second = guest_ram_take(ram, GUEST_RAM_LOW, BYTES, 4096);

    VISIT_STEP(v, "make a picture", gpu_guest_picture(&v->frontend, PICTURE, WIDTH, HEIGHT), OK);
    VISIT_STEP(v, "give it pages",
               gpu_guest_attach_pages(&v->frontend, PICTURE, first, second, BYTES), OK);
    VISIT_STEP(v, "take its bytes", gpu_guest_transfer_2d(&v->frontend, PICTURE, WIDTH, HEIGHT),
               OK);
    VISIT_STEP(v, "show it", command(v, &scanout, sizeof(scanout)), OK);
    VISIT_STEP(v, "flush it", command(v, &flush, sizeof(flush)), OK);
    VISIT_STEP(v, "make a blob of pages",
               gpu_guest_guest_blob(&v->frontend, PAGES,
                                    guest_ram_take(ram, GUEST_RAM_LOW, 8192, 4096), 8192),
               OK);
}

static void show_pointer(struct visit *v)
{
    struct virtio_gpu_update_cursor update = {.hdr = {.type = VIRTIO_GPU_CMD_UPDATE_CURSOR},
                                              .resource_id = POINTER};
    struct guest_ram *ram = &v->frontend.ram;
    uint64_t pages = guest_ram_take(ram, GUEST_RAM_UPPER, 64 * 64 * 4, 4096);
    struct virtio_gpu_ctrl_hdr answer;

    VISIT_STEP(v, "make a pointer", gpu_guest_picture(&v->frontend, POINTER, 64, 64), OK);
    VISIT_STEP(v, "give it pages",
               gpu_guest_attach_pages(&v->frontend, POINTER, pages, pages + 8192, 64 * 64 * 4), OK);
    VISIT_STEP(v, "take its bytes", gpu_guest_transfer_2d(&v->frontend, POINTER, 64, 64), OK);
    if (visit_goes_on(v))
        VISIT_STEP(v, "show the pointer",
                   frontend_request(&v->frontend, GPU_GUEST_CURSORQ, &update, sizeof(update),
                                    &answer, sizeof(answer)) < 0,
                   false);
}

/* A person wants to have what is on the first output. */
static void take_screenshot(struct visit *v)
{
    int file = memfd_create("screenshot", MFD_CLOEXEC);
    struct person person;
    int r = 0;

    person_ask(&person, v->daemon, "screenshot 0\n", file);
    if (!person_hears(&person, 15000))
        r = -ETIMEDOUT;
    else
        r = person_is_content(&person);
    VISIT_STEP(v, "take a screenshot", r, true);
    person_finish(&person);
    close(file);
}

void visit_gpu(struct visit *v)
{
    ask(v);
    VISIT_STEP(v, "make a context", gpu_guest_context(&v->frontend, 1), OK);
    use_blobs(v);
    show(v);
    show_pointer(v);
    if (visit_goes_on(v))
        take_screenshot(v);
    VISIT_STEP(v, "end the blob of pages", gpu_guest_unref(&v->frontend, PAGES), OK);
    VISIT_STEP(v, "make another context", gpu_guest_context(&v->frontend, 2), OK);
    VISIT_STEP(v, "end it", gpu_guest_context_destroy(&v->frontend, 2), OK);
}

/* ---- what outlives a program ---- */

static uint8_t shared_uuid[16];
static bool shared; /* others can have it: not what lies in the arena */

static void write_pattern(struct visit *v)
{
    uint64_t *words = guest_window_at(&v->frontend.window, MIB, BLOB_SIZE);

    if (VISIT_STEP(v, "the window shows it", words != NULL, true))
        for (uint64_t i = 0; i < BLOB_SIZE / 8; i++)
            words[i] = memory_stream_word(PATTERN, i);
}

/* Another device gets what has a name. */
static int get_shared(struct visit *v)
{
    int fd = visit_goes_on(v) ? frontend_get_object(&v->frontend, shared_uuid) : -ENOTCONN;

    if (fd >= 0)
        close(fd);
    return fd < 0 ? fd : 0;
}

void visit_gpu_settle(struct visit *v)
{
    VISIT_STEP(v, "make a context", gpu_guest_context(&v->frontend, 1), OK);
    make_mapped(v, RESULT, 4096, 0);
    make_mapped(v, BLOB, BLOB_SIZE, MIB);
    write_pattern(v);
    VISIT_STEP(v, "create to share", gpu_guest_create_shared(&v->frontend, 1, SHARED, 4096), OK);
    VISIT_STEP(v, "give it a name", gpu_guest_assign_uuid(&v->frontend, SHARED, shared_uuid),
               VIRTIO_GPU_RESP_OK_RESOURCE_UUID);
    shared = get_shared(v) == 0;
    show(v);
    show_pointer(v);
}

/* The guest sees its bytes, and so does the device. */
static void see_blob(struct visit *v)
{
    uint64_t *words = guest_window_at(&v->frontend.window, MIB, BLOB_SIZE);
    uint64_t *result = guest_window_at(&v->frontend.window, 0, 8);
    bool same = words != NULL;

    if (!VISIT_STEP(v, "both are in the window", words != NULL && result != NULL, true))
        return;
    for (uint64_t i = 0; same && i < BLOB_SIZE / 8; i++)
        same = words[i] == memory_stream_word(PATTERN, i);
    VISIT_STEP(v, "the blob's bytes are there", same, true);
    *result = 0;
    VISIT_STEP(v, "sum it", gpu_guest_sum(&v->frontend, 1, BLOB, 0, BLOB_SIZE, RESULT, 0), OK);
    VISIT_STEP(v, "the sum is right", *result == memory_stream_sum(words, BLOB_SIZE / 8), true);
}

void visit_gpu_see(struct visit *v)
{
    struct virtio_gpu_resource_flush flush = {
        .hdr = {.type = VIRTIO_GPU_CMD_RESOURCE_FLUSH}, .r = all, .resource_id = PICTURE};

    see_blob(v);
    if (shared)
        VISIT_STEP(v, "get what is shared", get_shared(v), 0);
    VISIT_STEP(v, "take the picture's bytes",
               gpu_guest_transfer_2d(&v->frontend, PICTURE, WIDTH, HEIGHT), OK);
    VISIT_STEP(v, "flush it", command(v, &flush, sizeof(flush)), OK);
    make_mapped(v, LATER, 4096, 3 * MIB);
    VISIT_STEP(v, "end it", gpu_guest_unref(&v->frontend, LATER), OK);
    if (visit_goes_on(v))
        take_screenshot(v);
}

void visit_gpu_ask(struct visit *v)
{
    static uint8_t answer[4096];
    struct virtio_gpu_ctrl_hdr display = {.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO};

    VISIT_STEP(v, "outputs",
               gpu_guest_command(&v->frontend, &display, sizeof(display), answer,
                                 sizeof(struct virtio_gpu_resp_display_info)),
               VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
}

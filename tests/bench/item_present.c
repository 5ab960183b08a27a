/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "tests/bench/picture.h"

/*
 * E: a frame gets from the guest to whoever looks at the output, and is there when it counts: every
 * frame is another one, and is looked for at its first and its last pixel.
 *
 * "pixels": a resource, to which each frame is transferred before it is flushed. "blob": a blob of
 * the guest's own memory, of which a frame is only flushed.
 */
#define DISPLAY_PATIENCE_MS 1000u /* until the back-end has spoken there for the first time */

static struct picture picture; /* of the item at work */

enum note { NOTE_BYTES, NOTE_TURNS };

static bool is_blob(const struct work *work)
{
    return strcmp(work->with.path, "blob") == 0;
}

static int make_blob(struct work *work)
{
    struct {
        struct virtio_gpu_resource_create_blob create;
        struct virtio_gpu_mem_entry entry;
    } command = {
        .create = {.hdr.type = VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB,
                   .resource_id = PICTURE_RESOURCE,
                   .blob_mem = VIRTIO_GPU_BLOB_MEM_GUEST,
                   .blob_flags = VIRTIO_GPU_BLOB_FLAG_USE_SHAREABLE,
                   .nr_entries = 1,
                   .size = (uint64_t)picture.pages * PICTURE_PAGE},
        .entry = {.addr = work->gpa, .length = picture.pages * PICTURE_PAGE},
    };

    return gpu_command(work, &command, sizeof(command), "RESOURCE_CREATE_BLOB");
}

static int show_blob(struct work *work)
{
    struct virtio_gpu_set_scanout_blob command = {
        .hdr.type = VIRTIO_GPU_CMD_SET_SCANOUT_BLOB,
        .r = {0, 0, picture.width, picture.height},
        .resource_id = PICTURE_RESOURCE,
        .width = picture.width,
        .height = picture.height,
        .format = VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM,
        .strides[0] = picture.width * 4,
    };

    return gpu_command(work, &command, sizeof(command), "SET_SCANOUT_BLOB");
}

/* The commands of a frame: for a blob one, else two. */
static int place_frame(struct work *work)
{
    const size_t answer = sizeof(struct virtio_gpu_ctrl_hdr);
    struct volley *volley = &work->rig.volley;
    void *transfer = volley_place(volley, 0, sizeof(struct virtio_gpu_transfer_to_host_2d), 0, 0,
                                  answer, GPU_OK);
    void *flush =
        volley_place(volley, 1, sizeof(struct virtio_gpu_resource_flush), 0, 0, answer, GPU_OK);

    if (transfer == NULL || flush == NULL)
        return -ENOSPC;
    gpu_fill_transfer(transfer, PICTURE_RESOURCE, picture.width, picture.height);
    gpu_fill_flush(flush, PICTURE_RESOURCE, picture.width, picture.height);
    return 0;
}

/* It may well answer commands before it asks. */
static bool await_display(struct rig *rig)
{
    for (unsigned waited = 0; !rig->display.asked && waited < DISPLAY_PATIENCE_MS; waited += 10)
        if (rig_attend(rig, -1, 10) != -ETIMEDOUT)
            break;
    return rig->display.asked;
}

static int prepare(struct work *work)
{
    bool blob = is_blob(work);
    int r;

    if (!await_display(&work->rig))
        return item_unsupported(work, "it does not speak on the display socket");
    if (blob && !(work->rig.frontend.features & VHOST_USER_BIT(VIRTIO_GPU_F_RESOURCE_BLOB)))
        return item_unsupported(work, "it has no blobs (VIRTIO_GPU_F_RESOURCE_BLOB)");
    picture_finish(&picture);
    r = picture_init(&picture, work, work->with.width, work->with.height, false);
    if (r == 0)
        r = blob ? make_blob(work) : picture_make(&picture);
    if (r == 0)
        r = blob ? show_blob(work)
                 : gpu_set_scanout(work, PICTURE_RESOURCE, picture.width, picture.height);
    return r == 0 ? place_frame(work) : r;
}

static int turn(struct work *work)
{
    uint64_t before = work->rig.display.bytes;
    int r;

    *picture_pixel(&picture, 0, 0) = work->turns * 2654435761u;
    *picture_pixel(&picture, picture.width - 1, picture.height - 1) = ~(work->turns * 2654435761u);
    r = is_blob(work) ? volley_fire(&work->rig.volley, 1, 1) : volley_fire(&work->rig.volley, 0, 2);
    if (r == 0)
        r = picture_await(&picture);
    work->bytes += (uint64_t)picture.width * picture.height * 4;
    work->notes[NOTE_BYTES] += work->rig.display.bytes - before;
    work->notes[NOTE_TURNS]++;
    return r < 0 ? r : 1;
}

/* All of the last frame. */
static int prove(struct work *work)
{
    int r = picture_compare(&picture);

    item_value(work, "dmabuf", work->rig.display.by_dmabuf);
    item_value(work, "socket_bytes",
               (double)work->notes[NOTE_BYTES] / (double)work->notes[NOTE_TURNS]);
    picture_finish(&picture);
    return r;
}

#define PRESENT(text, w, h, way, is_slow)                                                          \
    {                                                                                              \
        .letter = 'E', .name = "present", .device = ITEM_GPU, .floor = FLOOR_FRAME,                \
        .with = {.size = text, .width = w, .height = h, .path = way}, .per_turn = 1,               \
        .slow = is_slow, .prepare = prepare, .turn = turn, .prove = prove                          \
    }

const struct item item_presents[] = {
    PRESENT("1080p", 1920, 1080, "pixels", false),
    PRESENT("4k", 3840, 2160, "pixels", true),
    PRESENT("1080p", 1920, 1080, "blob", false),
    PRESENT("4k", 3840, 2160, "blob", true),
    {0},
};

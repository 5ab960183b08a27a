/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/picture.h"

/*
 * C: a resource is given guest memory in many pieces, and they are taken away.
 * D: pictures are copied from guest memory, in one piece or in pages that are all over the place.
 */
static struct picture picture; /* of the item at work */

static bool is_scattered(const struct work *work)
{
    return work->with.backing != NULL && strcmp(work->with.backing, "scattered") == 0;
}

static int prepare_transfer(struct work *work)
{
    int r;

    picture_finish(&picture);
    r = picture_init(&picture, work, work->with.width, work->with.height, is_scattered(work));

    if (r == 0)
        r = picture_make(&picture);
    for (unsigned slot = 0; r == 0 && slot < work->with.depth; slot++) {
        void *at =
            volley_place(&work->rig.volley, slot, sizeof(struct virtio_gpu_transfer_to_host_2d), 0,
                         0, sizeof(struct virtio_gpu_ctrl_hdr), GPU_OK);

        if (at == NULL)
            return -ENOSPC;
        gpu_fill_transfer(at, PICTURE_RESOURCE, work->with.width, work->with.height);
    }
    return r;
}

static int turn_transfer(struct work *work)
{
    int r = volley_fire(&work->rig.volley, 0, work->with.depth);

    work->bytes += (uint64_t)work->with.width * work->with.height * 4 * work->with.depth;
    return r < 0 ? r : (int)work->with.depth;
}

static int prove(struct work *work)
{
    int r = picture_prove(&picture);

    picture_finish(&picture);
    return r;
}

/* The first slot takes the memory away that the resource has, the second gives it again. */
static int prepare_attach(struct work *work)
{
    struct virtio_gpu_resource_detach_backing *detach;
    int r;

    picture_finish(&picture);
    r = picture_init(&picture, work, work->with.width, work->with.height, is_scattered(work));

    if (r == 0)
        r = picture_make(&picture);
    if (r < 0)
        return r;
    detach = volley_place(&work->rig.volley, 0, sizeof(*detach), 0, 0,
                          sizeof(struct virtio_gpu_ctrl_hdr), GPU_OK);
    if (detach == NULL)
        return -ENOSPC;
    *detach = (struct virtio_gpu_resource_detach_backing){
        .hdr.type = VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING, .resource_id = PICTURE_RESOURCE};
    return picture_place_attach(&picture, 1);
}

static int turn_attach(struct work *work)
{
    int r = volley_fire(&work->rig.volley, 0, 2);

    return r < 0 ? r : 1;
}

#define TRANSFER(text, w, h, count, from, is_slow)                                                 \
    {                                                                                              \
        .letter = 'D', .name = "transfer", .device = ITEM_GPU, .floor = FLOOR_COPY,                \
        .with = {.depth = count, .size = text, .width = w, .height = h, .backing = from},          \
        .per_turn = count, .lean = true, .slow = is_slow, .prepare = prepare_transfer,             \
        .turn = turn_transfer, .prove = prove                                                      \
    }
#define ATTACH(count, w, h, is_slow)                                                               \
    {                                                                                              \
        .letter = 'C', .name = "attach", .device = ITEM_GPU, .per_turn = 1, .lean = true,          \
        .with = {.entries = count,                                                                 \
                 .width = w,                                                                       \
                 .height = h,                                                                      \
                 .backing = (count) > 1 ? "scattered" : "linear"},                                 \
        .slow = is_slow, .prepare = prepare_attach, .turn = turn_attach, .prove = prove            \
    }

const struct item item_transfers[] = {
    ATTACH(1, 64, 64, false),
    ATTACH(200, 1024, 200, false),
    ATTACH(16384, 4096, 4096, true),
    TRANSFER("64x64", 64, 64, 64, "linear", false),
    TRANSFER("1080p", 1920, 1080, 1, "linear", false),
    TRANSFER("1080p", 1920, 1080, 1, "scattered", false),
    TRANSFER("4k", 3840, 2160, 1, "linear", true),
    TRANSFER("4k", 3840, 2160, 1, "scattered", true),
    {0},
};

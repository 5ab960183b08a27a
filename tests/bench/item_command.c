/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "protocol/virtio_media.h"
#include "tests/bench/gpu.h"
#include "tests/frontend/media_guest.h"

/*
 * Commands that hardly do anything, so that what is seen is the way there and back.
 *
 * A: on a GPU RESOURCE_FLUSH of a picture that no output shows; on a media device VIDIOC_G_INPUT.
 * B: pictures of 64 x 64 pixels, made and given back.
 */
#define RESOURCE 1u
#define SIDE 64u

static int place_failed(struct work *work)
{
    return rig_trouble(&work->rig, -ENOSPC, "the ring has too little room");
}

static int prepare_flush(struct work *work)
{
    int r = gpu_create_2d(work, RESOURCE, SIDE, SIDE);

    for (unsigned slot = 0; r == 0 && slot < work->with.depth; slot++) {
        void *at = volley_place(&work->rig.volley, slot, sizeof(struct virtio_gpu_resource_flush),
                                0, 0, sizeof(struct virtio_gpu_ctrl_hdr), GPU_OK);

        if (at == NULL)
            return place_failed(work);
        gpu_fill_flush(at, RESOURCE, SIDE, SIDE);
    }
    return r;
}

static int fire(struct work *work)
{
    int r = volley_fire(&work->rig.volley, 0, work->with.depth);

    return r < 0 ? r : (int)work->with.depth;
}

static int prepare_pictures(struct work *work)
{
    for (unsigned slot = 0; slot < work->with.depth; slot++) {
        size_t size = slot % 2 == 0 ? sizeof(struct virtio_gpu_resource_create_2d)
                                    : sizeof(struct virtio_gpu_resource_unref);
        void *at = volley_place(&work->rig.volley, slot, size, 0, 0,
                                sizeof(struct virtio_gpu_ctrl_hdr), GPU_OK);

        if (at == NULL)
            return place_failed(work);
        if (slot % 2 == 0)
            *(struct virtio_gpu_resource_create_2d *)at = (struct virtio_gpu_resource_create_2d){
                .hdr.type = VIRTIO_GPU_CMD_RESOURCE_CREATE_2D,
                .resource_id = RESOURCE + slot / 2,
                .format = VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM,
                .width = SIDE,
                .height = SIDE,
            };
        else
            *(struct virtio_gpu_resource_unref *)at = (struct virtio_gpu_resource_unref){
                .hdr.type = VIRTIO_GPU_CMD_RESOURCE_UNREF, .resource_id = RESOURCE + slot / 2};
    }
    return 0;
}

static int prepare_ioctl(struct work *work)
{
    int r = media_guest_open(&work->rig.frontend, &work->session);

    if (r != 0)
        return rig_trouble(&work->rig, -EPROTO, "OPEN is answered %d", r);

    for (unsigned slot = 0; slot < work->with.depth; slot++) {
        struct virtio_media_cmd_ioctl *head =
            volley_place(&work->rig.volley, slot, sizeof(*head), 0, 0,
                         sizeof(struct virtio_media_resp_header) + sizeof(int), 0);

        if (head == NULL)
            return place_failed(work);
        *head = (struct virtio_media_cmd_ioctl){.hdr.cmd = VIRTIO_MEDIA_CMD_IOCTL,
                                                .session_id = work->session,
                                                .code = _IOC_NR(VIDIOC_G_INPUT)};
    }
    if (volley_fire(&work->rig.volley, 0, 1) == -EPROTO)
        return item_unsupported(work, "it has no inputs: VIDIOC_G_INPUT is answered %u",
                                work->rig.volley.got);
    return r;
}

#define NULL_GPU(count)                                                                            \
    {                                                                                              \
        .letter = 'A', .name = "null", .device = ITEM_GPU, .with = {.depth = count},               \
        .floor = FLOOR_RING, .per_turn = count, .lean = true, .prepare = prepare_flush,            \
        .turn = fire                                                                               \
    }
#define NULL_MEDIA(count)                                                                          \
    {                                                                                              \
        .letter = 'A', .name = "media-null", .device = ITEM_MEDIA, .with = {.depth = count},       \
        .floor = FLOOR_RING, .per_turn = count, .lean = true, .prepare = prepare_ioctl,            \
        .turn = fire                                                                               \
    }

const struct item item_commands[] = {
    NULL_GPU(1),
    NULL_GPU(16),
    NULL_GPU(64),
    NULL_GPU(120),
    NULL_MEDIA(1),
    NULL_MEDIA(16),
    {
        .letter = 'B',
        .name = "create-unref",
        .device = ITEM_GPU,
        .with = {.depth = 64, .size = "64x64"},
        .floor = FLOOR_RING,
        .per_turn = 64,
        .lean = true,
        .prepare = prepare_pictures,
        .turn = fire,
    },
    {0},
};

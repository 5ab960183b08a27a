/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "tests/bench/stream.h"

/*
 * H: frames of a media device, in buffers that the guest maps.
 *
 * "media-frame": a stream, as fast as the device gives it: what counts is what a frame costs. The
 * device's drawing is in it; "media-queue" is the way there and back without a picture, for four
 * buffers: queued, and handed back by VIDIOC_STREAMOFF. "media-map": a buffer is taken out and
 * mapped again; "media-arena": the same where the window's memory is there already.
 */
static struct stream stream; /* of the item at work */

static int prepare_frames(struct work *work)
{
    int r = stream_open(&stream, work);

    if (r < 0 || work->unsupported[0] != '\0')
        return r;
    for (unsigned i = 0; r == 0 && i < stream.count; i++)
        r = stream_map(&stream, i);
    return r == 0 ? stream_start(&stream) : r;
}

static int turn_frame(struct work *work)
{
    int index = stream_take(&stream, false), r;

    if (index < 0)
        return index;
    work->bytes += stream.size;
    r = stream_queue(&stream, (unsigned)index);
    return r < 0 ? r : 1;
}

static int prove_frames(struct work *work)
{
    int index = 0;

    for (unsigned i = 0; index >= 0 && i < 3; i++) {
        index = stream_take(&stream, true);
        if (index >= 0 && stream_queue(&stream, (unsigned)index) < 0)
            index = -EPROTO;
    }
    item_value(work, "frame_bytes", stream.size);
    return index < 0 ? index : 0;
}

static int prepare_queue(struct work *work)
{
    int r = stream_open(&stream, work), type = (int)stream.type;

    if (r < 0 || work->unsupported[0] != '\0')
        return r;
    for (unsigned i = 0; r == 0 && i < stream.count; i++) {
        struct stream_buffer payload;
        size_t size = stream_fill(&stream, i, &payload);

        r = stream_place(&stream, i, VIDIOC_QBUF, &payload, size);
    }
    return r == 0 ? stream_place(&stream, stream.count, VIDIOC_STREAMOFF, &type, sizeof(type)) : r;
}

static int turn_queue(struct work *work)
{
    int r = volley_fire(&work->rig.volley, 0, stream.count + 1);

    return r < 0 ? r : 1;
}

/* Slot 0 takes the buffer out, slot 1 maps it again. MUNMAP names the place that MMAP gave: a
 * buffer has to come to lie where it lay before, or the second turn is refused. */
static int prepare_mmap(struct work *work)
{
    struct virtio_media_cmd_mmap *map;
    struct virtio_media_cmd_munmap *unmap;
    int r = stream_open(&stream, work);

    if (r == 0 && work->unsupported[0] == '\0')
        r = stream_map(&stream, 0);
    if (r < 0 || work->unsupported[0] != '\0')
        return r;
    unmap = volley_place(&work->rig.volley, 0, sizeof(*unmap), 0, 0,
                         sizeof(struct virtio_media_resp_header), 0);
    map = volley_place(&work->rig.volley, 1, sizeof(*map), 0, 0,
                       sizeof(struct virtio_media_resp_mmap), 0);
    if (map == NULL || unmap == NULL)
        return -ENOSPC;
    *map = (struct virtio_media_cmd_mmap){.hdr.cmd = VIRTIO_MEDIA_CMD_MMAP,
                                          .session_id = stream.session,
                                          .flags = VIRTIO_MEDIA_MMAP_FLAG_RW,
                                          .offset = stream.mem_offset[0]};
    *unmap = (struct virtio_media_cmd_munmap){.hdr.cmd = VIRTIO_MEDIA_CMD_MUNMAP,
                                              .shm_offset = stream.place[0]};
    return 0;
}

static int turn_map(struct work *work)
{
    int r = volley_fire(&work->rig.volley, 0, 1);

    if (r == 0)
        r = volley_fire(&work->rig.volley, 1, 1);
    return r < 0 ? r : 1;
}

/* Prepares, and says whether a buffer is mapped with messages to the front-end. */
static int prepare_either(struct work *work, bool *by_messages)
{
    unsigned before;
    int r = prepare_mmap(work);

    if (r < 0 || work->unsupported[0] != '\0')
        return r;
    before = rig_messages(&work->rig);
    r = turn_map(work);
    *by_messages = rig_messages(&work->rig) != before;
    return r < 0 ? r : 0;
}

static int prepare_map(struct work *work)
{
    bool by_messages = true;
    int r = prepare_either(work, &by_messages);

    if (r == 0 && !by_messages)
        item_unsupported(work, "its buffers lie in memory that is mapped already: see media-arena");
    return r;
}

static int prepare_arena(struct work *work)
{
    bool by_messages = false;
    int r = prepare_either(work, &by_messages);

    if (r == 0 && by_messages)
        item_unsupported(work, "it maps each buffer by itself: see media-map");
    return r;
}

static int turn_arena(struct work *work)
{
    int r = volley_fire(&work->rig.volley, 0, 2);

    return r < 0 ? r : 2;
}

#define FRAME(text, w, h, is_slow)                                                                 \
    {                                                                                              \
        .letter = 'H', .name = "media-frame", .device = ITEM_MEDIA, .per_turn = 1,                 \
        .floor = FLOOR_RING, .paced = true, .with = {.size = text, .width = w, .height = h},       \
        .slow = is_slow, .prepare = prepare_frames, .turn = turn_frame, .prove = prove_frames      \
    }
#define QUEUE(text, w, h)                                                                          \
    {                                                                                              \
        .letter = 'H', .name = "media-queue", .device = ITEM_MEDIA, .per_turn = 1, .lean = true,   \
        .with = {.size = text, .width = w, .height = h}, .prepare = prepare_queue,                 \
        .turn = turn_queue                                                                         \
    }

const struct item item_streams[] = {
    FRAME("default", 0, 0, false),
    FRAME("1080p", 1920, 1080, false),
    FRAME("4k", 3840, 2160, true),
    QUEUE("default", 0, 0),
    QUEUE("1080p", 1920, 1080),
    QUEUE("4k", 3840, 2160),
    {
        .letter = 'H',
        .name = "media-map",
        .device = ITEM_MEDIA,
        .with = {.size = "default", .bytes = 1u << 20},
        .floor = FLOOR_MAPPING,
        .per_turn = 1,
        .prepare = prepare_map,
        .turn = turn_map,
    },
    {
        .letter = 'H',
        .name = "media-arena",
        .device = ITEM_MEDIA,
        .with = {.size = "default", .depth = 2},
        .floor = FLOOR_RING,
        .per_turn = 2,
        .prepare = prepare_arena,
        .turn = turn_arena,
    },
    {0},
};

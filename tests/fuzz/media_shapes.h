/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FUZZ_MEDIA_SHAPES_H
#define TESTS_FUZZ_MEDIA_SHAPES_H

#include <string.h>

#include <linux/videodev2.h>

#include "media/pattern_look.h"
#include "protocol/cursor.h"
#include "protocol/virtio_media.h"
#include "tests/unit/ring_driver.h"

/*
 * Payloads of ioctls that are half right: the fields that decide how far one gets are set to what
 * is right more often than chance would. Each takes the bytes from the struct on, with room for
 * MEDIA_SHAPES_ROOM of them, and what it has of its own from 'input'.
 */
#define MEDIA_SHAPES_ROOM 2400u

/* Where guest memory for buffers lies: not over the rings, since a driver that breaks its own rings
 * is another fuzzer's affair. */
#define MEDIA_SHAPES_MEMORY (RING_DRIVER_GPA + RING_DRIVER_RAM * 3 / 4)

static inline void shape_put(uint8_t *at, uint32_t value)
{
    memcpy(at, &value, sizeof(value));
}

static inline uint32_t shape_memory(struct reader *input)
{
    return reader_u8(input) % 3 == 0 ? V4L2_MEMORY_USERPTR : V4L2_MEMORY_MMAP;
}

static inline uint32_t shape_format(struct reader *input)
{
    static const uint32_t formats[] = {
        V4L2_PIX_FMT_NV12,  V4L2_PIX_FMT_YUYV,
        V4L2_PIX_FMT_NV12M, V4L2_PIX_FMT_YUV420M,
        V4L2_PIX_FMT_H264,  V4L2_PIX_FMT_VP8,
        V4L2_PIX_FMT_MJPEG, V4L2_PIX_FMT_HEVC,
        V4L2_PIX_FMT_VP9,   v4l2_fourcc('A', 'V', '0', '1'),
        V4L2_PIX_FMT_MPEG2,
    };

    return formats[reader_u8(input) % (sizeof(formats) / sizeof(formats[0]))];
}

/* A list of shared pages for 'length' bytes: one stretch, or pages in any order, or nonsense.
 * Returns the bytes that it takes. */
static inline size_t shape_list(struct reader *input, uint8_t *at, size_t room, uint32_t length)
{
    uint8_t how = reader_u8(input);
    uint64_t start = MEDIA_SHAPES_MEMORY + how % 4 * 0x10000u;
    size_t used = 0;

    for (uint32_t part; length > 0 && used + sizeof(struct virtio_media_sg) <= room;
         length -= part) {
        struct virtio_media_sg entry = {.start = start + (how >= 64 && used == 0 ? how : 0)};

        part = how < 128 ? length : 4096 - (uint32_t)(entry.start % 4096);
        part = part < length ? part : length;
        entry.len = part;
        if (how > 250)
            entry.start = reader_u64(input);
        memcpy(at + used, &entry, sizeof(entry));
        used += sizeof(entry);
        start += 0x5000;
    }
    return used;
}

/* A v4l2_buffer, with two planes where it has any, and memory of the guest's. Returns the bytes
 * that follow the struct. */
static inline uint32_t shape_buffer(struct reader *input, uint8_t *payload, uint32_t type,
                                    uint32_t memory)
{
    uint32_t planes = 0, length = 0x10000u + reader_u8(input) * 0x400u;
    size_t at = sizeof(struct v4l2_buffer);

    shape_put(payload, reader_u8(input) % 8);
    shape_put(payload + 4, type);
    shape_put(payload + 8, reader_u8(input) % 4 * 500u); /* bytesused */
    shape_put(payload + 60, memory);
    shape_put(payload + 72, length);
    payload[14] &= 0x7f; /* not a request's */
    if (V4L2_TYPE_IS_MULTIPLANAR(type)) {
        planes = 1 + reader_u8(input) % 3;
        shape_put(payload + 72, planes);
        memset(payload + at, 0, planes * sizeof(struct v4l2_plane));
        for (uint32_t i = 0; i < planes; i++, at += sizeof(struct v4l2_plane)) {
            shape_put(payload + at, reader_u8(input) % 4 * 500u);
            shape_put(payload + at + 4, length);
        }
    }
    for (uint32_t i = 0; memory == V4L2_MEMORY_USERPTR && i < (planes > 0 ? planes : 1); i++)
        at += shape_list(input, payload + at, MEDIA_SHAPES_ROOM - at, length);
    return (uint32_t)(at - sizeof(struct v4l2_buffer));
}

static inline uint32_t shape_control_id(struct reader *input)
{
    static const uint32_t ids[] = {
        V4L2_CID_BRIGHTNESS,
        V4L2_CID_HUE,
        V4L2_CID_HFLIP,
        PATTERN_CID_BARS,
        PATTERN_CID_MARKER,
        PATTERN_CID_FRAMES,
        V4L2_CID_TEST_PATTERN,
        V4L2_CID_MPEG_VIDEO_BITRATE,
        V4L2_CID_MPEG_VIDEO_H264_PROFILE,
        V4L2_CID_MPEG_VIDEO_GOP_SIZE,
        V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME,
        V4L2_CID_MIN_BUFFERS_FOR_CAPTURE,
    };
    uint8_t which = reader_u8(input);

    if (which > 240)
        return reader_u32(input);
    return ids[which % (sizeof(ids) / sizeof(ids[0]))] |
           (which % 16 == 15 ? V4L2_CTRL_FLAG_NEXT_CTRL | V4L2_CTRL_FLAG_NEXT_COMPOUND : 0);
}

/* v4l2_ext_controls with up to three, some of which point to guest memory. */
static inline uint32_t shape_controls(struct reader *input, uint8_t *payload)
{
    uint32_t count = reader_u8(input) % 4, sizes[3] = {0};
    size_t at = sizeof(struct v4l2_ext_controls);

    shape_put(payload, reader_u8(input) % 4 == 0 ? V4L2_CTRL_WHICH_DEF_VAL : 0);
    shape_put(payload + 4, count);
    for (uint32_t i = 0; i < count; i++, at += sizeof(struct v4l2_ext_control)) {
        memset(payload + at, 0, sizeof(struct v4l2_ext_control));
        sizes[i] = reader_u8(input) % 3 == 0 ? reader_u8(input) % 16 : 0;
        shape_put(payload + at, shape_control_id(input));
        shape_put(payload + at + 4, sizes[i]);
        shape_put(payload + at + 12, reader_u8(input));
    }
    for (uint32_t i = 0; i < count; i++)
        at += shape_list(input, payload + at, MEDIA_SHAPES_ROOM - at, sizes[i]);
    return (uint32_t)(at - sizeof(struct v4l2_ext_controls));
}

/* Shapes the payload of ioctl 'code' for a queue of 'type'. Returns the bytes that are to follow
 * the struct. */
static inline uint32_t shape_payload(struct reader *input, uint32_t code, uint32_t type,
                                     uint8_t *payload)
{
    switch (code) {
    case _IOC_NR(VIDIOC_REQBUFS):
        shape_put(payload, reader_u8(input) % 8);
        shape_put(payload + 4, type);
        shape_put(payload + 8, shape_memory(input));
        return 0;
    case _IOC_NR(VIDIOC_CREATE_BUFS):
        shape_put(payload + 4, reader_u8(input) % 8);
        shape_put(payload + 8, shape_memory(input));
        shape_put(payload + 16, type);
        return 0;
    case _IOC_NR(VIDIOC_ENUM_FMT):
        shape_put(payload, reader_u8(input) % 16);
        shape_put(payload + 4, type);
        return 0;
    case _IOC_NR(VIDIOC_ENUM_FRAMESIZES):
    case _IOC_NR(VIDIOC_ENUM_FRAMEINTERVALS):
        shape_put(payload, reader_u8(input) % 8);
        shape_put(payload + 4, shape_format(input));
        shape_put(payload + 8, reader_u8(input) % 4 * 160u);
        shape_put(payload + 12, reader_u8(input) % 4 * 120u);
        return 0;
    case _IOC_NR(VIDIOC_G_SELECTION):
    case _IOC_NR(VIDIOC_S_SELECTION):
        shape_put(payload, type);
        shape_put(payload + 4, reader_u8(input) % 4 + (reader_u8(input) % 2) * 0x100u);
        shape_put(payload + 12, reader_u8(input) % 4 * 8u);
        shape_put(payload + 20, reader_u8(input) % 4 * 160u);
        shape_put(payload + 24, reader_u8(input) % 4 * 120u);
        return 0;
    case _IOC_NR(VIDIOC_S_FMT):
    case _IOC_NR(VIDIOC_TRY_FMT):
        shape_put(payload, type);
        shape_put(payload + 8, reader_u8(input) % 4 * 64u);
        shape_put(payload + 12, reader_u8(input) % 4 * 48u);
        shape_put(payload + 16, shape_format(input));
        return 0;
    case _IOC_NR(VIDIOC_QUERYBUF):
    case _IOC_NR(VIDIOC_QBUF):
    case _IOC_NR(VIDIOC_PREPARE_BUF):
        return shape_buffer(input, payload, type, shape_memory(input));
    case _IOC_NR(VIDIOC_G_EXT_CTRLS):
    case _IOC_NR(VIDIOC_S_EXT_CTRLS):
    case _IOC_NR(VIDIOC_TRY_EXT_CTRLS):
        return shape_controls(input, payload);
    case _IOC_NR(VIDIOC_G_CTRL):
    case _IOC_NR(VIDIOC_S_CTRL):
    case _IOC_NR(VIDIOC_QUERYCTRL):
    case _IOC_NR(VIDIOC_QUERYMENU):
    case _IOC_NR(VIDIOC_QUERY_EXT_CTRL):
        shape_put(payload, shape_control_id(input));
        return 0;
    case _IOC_NR(VIDIOC_SUBSCRIBE_EVENT):
    case _IOC_NR(VIDIOC_UNSUBSCRIBE_EVENT):
        shape_put(payload, reader_u8(input) % 7);
        shape_put(payload + 4, shape_control_id(input));
        shape_put(payload + 8, reader_u8(input) % 4);
        return 0;
    case _IOC_NR(VIDIOC_S_INPUT):
        shape_put(payload, reader_u8(input) % 2);
        return 0;
    case _IOC_NR(VIDIOC_DECODER_CMD):
    case _IOC_NR(VIDIOC_ENCODER_CMD):
    case _IOC_NR(VIDIOC_TRY_DECODER_CMD):
    case _IOC_NR(VIDIOC_TRY_ENCODER_CMD):
        shape_put(payload, reader_u8(input) % 5);
        shape_put(payload + 4, 0);
        return 0;
    default:
        shape_put(payload, type);
        return 0;
    }
}

#endif

/* SPDX-License-Identifier: MIT */
#ifndef TESTS_BENCH_STREAM_H
#define TESTS_BENCH_STREAM_H

#include <stdint.h>

#include "protocol/virtio_media.h"
#include "tests/bench/item.h"

/* A session of a capture device as the guest's driver uses it, with buffers of one plane: by the
 * single-planar interface, or else by the multi-planar one. Each
 * function gives 0 or -errno, with rig_trouble when the device refused. */
#define STREAM_BUFFERS 4u

/* VIDIOC_QBUF and the like: of the plane only the multi-planar interface has anything. */
struct stream_buffer {
    struct v4l2_buffer buffer;
    struct v4l2_plane plane;
};

struct stream {
    struct work *work; /* borrowed */
    uint32_t type;     /* V4L2_BUF_TYPE_VIDEO_CAPTURE or _CAPTURE_MPLANE */
    uint32_t session, count;
    uint32_t size; /* bytes of a frame */
    uint32_t mem_offset[STREAM_BUFFERS];
    uint64_t place[STREAM_BUFFERS], length[STREAM_BUFFERS]; /* in the window */
    uint32_t next; /* the least sequence number that the next frame may have */
};

/* Opens a session, sets NV12 of the item's size (0: as it is) and asks for buffers; says
 * 'unsupported' when it has no such thing. */
int stream_open(struct stream *stream, struct work *work);
/* Ends the session, with all that it has. */
int stream_close(struct stream *stream);
int stream_map(struct stream *stream, unsigned index);
int stream_unmap(struct stream *stream, unsigned index);
/* An ioctl; its payload is as <linux/videodev2.h> has it. 'what' is its name. */
int stream_ioctl(struct stream *stream, unsigned long code, void *payload, const char *what);
/* What VIDIOC_QBUF gets for a buffer; returns how many bytes of it. */
size_t stream_fill(const struct stream *stream, unsigned index, struct stream_buffer *payload);
int stream_queue(struct stream *stream, unsigned index);
/* Gives the device room for events, and begins. */
int stream_start(struct stream *stream);
/* Waits for a frame, and looks whether it can be right: all of it if 'whole'. Gives its buffer or
 * -errno. */
int stream_take(struct stream *stream, bool whole);

/* Prepares slot 'slot' for an ioctl with this payload of 'size' bytes. -ENOSPC. */
int stream_place(struct stream *stream, unsigned slot, unsigned long code, const void *payload,
                 size_t size);

#endif

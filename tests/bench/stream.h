/* SPDX-License-Identifier: MIT */
#ifndef TESTS_BENCH_STREAM_H
#define TESTS_BENCH_STREAM_H

#include <stdint.h>

#include "protocol/virtio_media.h"
#include "tests/bench/item.h"

/* A session of a capture device with buffers of one plane, as the guest's driver uses it. Each
 * function gives 0 or -errno, with rig_trouble when the device refused. */
#define STREAM_BUFFERS 4u

struct stream {
    struct work *work; /* borrowed */
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

/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_PIPEWIRE_FORMAT_H
#define MEDIA_PIPEWIRE_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

#include <spa/buffer/buffer.h>
#include <spa/pod/builder.h>

#include "media/frame.h"
#include "media/source.h"

/* What PipeWire says of pictures, and how media says it. */
struct pipewire_format {
    const struct frame_format *format;
    uint32_t width, height; /* pixels, not 0 */
    struct v4l2_fract rate; /* frames per second; 0/1: not fixed */
    struct frame_colors colors;
};

/* The layout of a SPA_VIDEO_FORMAT_*, or NULL. */
const struct frame_format *pipewire_format_find(uint32_t spa);

#define PIPEWIRE_FORMAT_WISHES 5u

/* What to take for a guest's stream, the best first: its own layout, size and rate, then whatever
 * can be made into it. 'params' takes PIPEWIRE_FORMAT_WISHES pointers into the builder's memory
 * (8 KiB are enough). Returns how many. */
unsigned pipewire_format_wishes(struct spa_pod_builder *builder, const struct media_stream *stream,
                                const struct spa_pod **params);
/* Reads what was agreed on. -EINVAL when it is no video or lacks something, -EOPNOTSUPP when it is
 * not among the layouts. */
int pipewire_format_parse(struct pipewire_format *format, const struct spa_pod *pod);
/* What buffers are to be like: three params. */
unsigned pipewire_format_buffers(struct spa_pod_builder *builder, const struct spa_pod **params);
/*
 * Finds a frame in a buffer whose blocks' memory is data[i] (NULL: there is none), of maxsize bytes
 * each. What the producer says of it is read once. -EINVAL and -EMSGSIZE as frame_locate, -EBADMSG
 * when the producer calls it broken, -ENODATA when it is empty.
 */
int pipewire_format_locate(struct frame *frame, const struct pipewire_format *format,
                           const struct spa_buffer *buffer, const uint8_t *const *data);
/* When it was taken, ns of CLOCK_MONOTONIC; 'now' unless the producer says so, and it was in the
 * last second. */
uint64_t pipewire_format_time(const struct spa_buffer *buffer, uint64_t now);

#endif

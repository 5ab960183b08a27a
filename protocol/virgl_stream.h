/* SPDX-License-Identifier: MIT */
#ifndef PROTOCOL_VIRGL_STREAM_H
#define PROTOCOL_VIRGL_STREAM_H

#include <stdint.h>

/*
 * The little of virgl's language (capsets 1 and 2) that is spoken here: to make a resource for a 2D
 * image, and to draw something in a self-test. Its formats are virtio-gpu's, with the same numbers.
 */
enum {
    VIRGL_STREAM_TARGET_BUFFER = 0,
    VIRGL_STREAM_TARGET_2D = 2,
};

enum {
    VIRGL_STREAM_BIND_RENDER_TARGET = 1u << 1,
    VIRGL_STREAM_BIND_SAMPLER_VIEW = 1u << 3,
    VIRGL_STREAM_BIND_SCANOUT = 1u << 18,
};

/* Of a resource: the first row of its bytes is the top one. */
#define VIRGL_STREAM_FLAG_Y_0_TOP 1u

/* Words of the stream that virgl_stream_clear writes. */
#define VIRGL_STREAM_CLEAR_WORDS 19u

/* A whole command stream that fills a 2D resource of that format with one colour (red, green, blue,
 * alpha, each 0 to 1), by way of a surface object named 'surface', which must be new. */
void virgl_stream_clear(uint32_t words[VIRGL_STREAM_CLEAR_WORDS], uint32_t surface,
                        uint32_t resource, uint32_t format, const float colour[4]);

#endif

/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SESSION_PIPEWIRE_VIEWER_H
#define TESTS_SESSION_PIPEWIRE_VIEWER_H

/* A guest's program that looks at the camera of the kind pipewire, and what the device logs about
 * it. */
#include "story.h"

#include <linux/videodev2.h>

#define VIEWER_BUFFERS 4u

struct viewer {
    uint32_t session, width, height;
    uint64_t offset[VIEWER_BUFFERS], length[VIEWER_BUFFERS];
    struct v4l2_buffer buffer; /* of the last frame */
    const uint8_t *frame;      /* YUYV */
};

struct yuv {
    int y, u, v;
};

/* The device, for a camera (NULL: any), and its front-end. */
void viewer_start(struct story *s, const char *target);
/* Opens a session and streams, up to STREAMON, whose status it returns. */
int viewer_begin(struct story *s, struct viewer *stream, uint32_t width, uint32_t height);
/* Whether a frame comes in that time; its buffer is given back at once. */
bool viewer_take(struct story *s, struct viewer *stream, int milliseconds);
/* STREAMOFF and the session's end. */
void viewer_end(struct story *s, struct viewer *stream);

/* A pixel of the last frame. */
struct yuv viewer_pixel(const struct viewer *stream, uint32_t x, uint32_t y);
/* Whether the last frame is our camera's picture, in the middle with 'left' and 'top' black pixels.
 */
bool viewer_sees(const struct viewer *st, uint32_t left, uint32_t top);
/* Takes frames until one shows that; those before may be of an older format. */
void viewer_await_picture(struct story *s, struct viewer *stream, uint32_t left, uint32_t top);
/* The camera is gone: what was on its way still comes, and no more. */
void viewer_take_the_last(struct story *s, struct viewer *stream);
/* The device drops one frame after the other, and gives none to the guest. */
void viewer_await_left_out(struct story *s, struct viewer *stream);

/* Whether a line of the device's log has it, behind the line that was found last. */
bool viewer_log_goes_on(const struct story *s, const char *text);
/* Waits for that. */
void viewer_await_log(struct story *s, const char *text);

#endif

/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_PIPEWIRE_CAPTURE_H
#define MEDIA_PIPEWIRE_CAPTURE_H

#include "base/log.h"
#include "media/job.h"
#include "media/pipewire_stream.h"

struct media;

/*
 * Fills a guest's buffers with the frames of a PipeWire stream: converted, or copied if they are
 * what the guest asked for already, by a job. The newest frame counts; who has no buffer for it
 * misses it.
 */
struct pipewire_capture {
    struct media *media;        /* borrowed */
    struct context *context;    /* borrowed: for context_settled */
    struct buffer_queue *queue; /* borrowed; NULL while the guest's stream does not run */
    struct media_stream stream;
    struct pipewire_stream *camera; /* owned; NULL while there is none */
    uint64_t due;                   /* ns: frames before it come too fast for the guest */
    uint32_t sequence;
    uint32_t first; /* the sequence that the next start begins with: another worker's went so far */
    struct pw_buffer *newest; /* taken from the camera, and not begun yet */
    bool settled;             /* a job ended where context_settled could not be called */
    struct log_limit limit;   /* of complaints about frames */

    /* One frame. */
    struct job job;
    struct pw_buffer *from; /* NULL: it went away meanwhile */
    struct queue_buffer *into;
    struct frame frame;
    struct pipewire_memory memory; /* of 'from' */
    uint8_t *planes[PICTURE_MAX_PLANES];
    int result;
};

void pipewire_capture_init(struct pipewire_capture *capture, struct media *media);
/* The guest's stream begins. 0 or -errno. */
int pipewire_capture_start(struct pipewire_capture *capture, struct context *context,
                           const struct media_stream *stream, struct buffer_queue *queue);
/* And ends; waits for what a thread does, which takes one frame's time. */
void pipewire_capture_stop(struct pipewire_capture *capture);
/* Takes frames from a camera of that name or serial (NULL: the default) from now on, while the
 * guest's stream runs. 0 or -errno. Not from within an event of 'remote'. */
int pipewire_capture_open(struct pipewire_capture *capture, struct pipewire_remote *remote,
                          const char *target);
/* Takes no frames any more. Not from within an event of the camera. */
void pipewire_capture_close(struct pipewire_capture *capture);
/* Whether a thread works on a buffer. */
bool pipewire_capture_busy(const struct pipewire_capture *capture);
/* Calls context_settled if a job ended where that could not be done. The guest's stream may be over
 * afterwards. Not from within an event of the camera. */
void pipewire_capture_settle(struct pipewire_capture *capture);

#endif

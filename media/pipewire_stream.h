/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_PIPEWIRE_STREAM_H
#define MEDIA_PIPEWIRE_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "media/pipewire_format.h"
#include "media/pipewire_memory.h"
#include "media/pipewire_remote.h"

/*
 * Frames of a camera on their way to a guest's stream: a node of ours, to which a session manager
 * links a camera. What is agreed on may change at any time, and the buffers with it.
 */
struct pipewire_stream_events {
    /* A frame is there, or more: pipewire_stream_take. */
    void (*frames)(void *data);
    /* What is done with a taken buffer must end now, and it is not to be given back. */
    void (*forget)(void *data, struct pw_buffer *buffer);
};

struct pipewire_stream {
    struct pipewire_remote *remote; /* borrowed */
    const struct pipewire_stream_events *events;
    void *data;
    struct pw_stream *stream;
    struct spa_hook hook;
    struct pw_proxy *link; /* that we made ourselves; NULL: none */
    struct spa_hook link_hook;
    bool link_ended;
    struct pipewire_format format; /* agreed on; its format is NULL while nothing is */
    /* Whether the frames are wanted, which is looked at anew whenever something is agreed on: set
     * by pipewire_stream_want. */
    bool wanted;
    bool failed;     /* it has to be made anew */
    char error[160]; /* why */
};

/* Offers to take a camera's frames for 'stream'. 'target' is a node name or a serial; NULL: what
 * the session manager has as its default. The connection is up; 'events' is borrowed. NULL with
 * errno set. */
struct pipewire_stream *
pipewire_stream_create(struct pipewire_remote *remote, const struct media_stream *stream,
                       const char *target, const struct pipewire_stream_events *events, void *data);
/* Takes NULL. Calls events->forget for what is taken. Not from within an event. */
void pipewire_stream_destroy(struct pipewire_stream *stream);

/* Its node's id; SPA_ID_INVALID until it has one. */
uint32_t pipewire_stream_node(const struct pipewire_stream *stream);
/* Links a node to it, where no session manager does. 0 or -errno; whether the daemon lets us shows
 * later. Not from within an event. */
int pipewire_stream_link(struct pipewire_stream *stream, uint32_t node);
/* Whether it was done, and the link, or what becomes of the wish, is there still. */
bool pipewire_stream_linking(const struct pipewire_stream *stream);

/* Frames may come, or not any more: whose they are has been looked at. */
void pipewire_stream_want(struct pipewire_stream *stream, bool wanted);
/* The newest frame's buffer, or NULL; *older ones, if there were any, are dropped. */
struct pw_buffer *pipewire_stream_take(struct pipewire_stream *stream, unsigned *older);
/* Gives it back. */
void pipewire_stream_give(struct pipewire_stream *stream, struct pw_buffer *buffer);
/* Finds the frame in a taken buffer: as pipewire_format_locate. It is there until 'forget' or
 * pipewire_stream_give; around reading it, pipewire_memory_begin and _end. */
int pipewire_stream_locate(const struct pipewire_stream *stream, const struct pw_buffer *buffer,
                           struct frame *frame);
/* The memory of a taken buffer. */
const struct pipewire_memory *pipewire_stream_memory(const struct pw_buffer *buffer);

#endif

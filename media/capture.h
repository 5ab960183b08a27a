/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_CAPTURE_H
#define MEDIA_CAPTURE_H

#include "media/media_kind.h"
#include "media/source.h"

#define CAPTURE_DEFAULT_RATE 30u /* frames per second */

/* A camera: one context for all sessions, over 'source', which it owns even on error. The format is
 * the source's first, 1280x720 or the nearest there is. NULL with errno set. */
struct media_kind *capture_create(const struct media_kind_host *host, struct source *source);
/* V4L2_CAP_* of a camera's node. */
uint32_t capture_caps(const struct media_options *options);
/* The source's formats, sizes or intervals are others now: what is set is fitted to them as soon as
 * there are no buffers of the old size, and sessions that want to know are told
 * (V4L2_EVENT_SOURCE_CHANGE). For source::context. */
void capture_source_changed(struct context *context);
/* The source has come to its end while it streams: sessions that want to know are told
 * (V4L2_EVENT_EOS). */
void capture_source_ended(struct context *context);
/* What is set for the next STREAMON, of a kind that capture_create made. */
const struct media_stream *capture_stream(const struct media_kind *kind);

/* The stream is at another place now (source_impl.leave): before the buffer that it filled is done.
 */
void capture_moves(struct context *context);
/* Frame number 'sequence' begins now, whether there is a buffer for it or not: tells who wants to
 * know (V4L2_EVENT_FRAME_SYNC). */
void capture_frame_begins(struct context *context, uint32_t sequence);

#endif

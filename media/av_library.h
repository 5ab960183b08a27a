/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_AV_LIBRARY_H
#define MEDIA_AV_LIBRARY_H

#include "media/av_library_table.h"

/*
 * FFmpeg's libraries, loaded when a kind wants them: libavutil and libavcodec always, libswscale
 * and libavformat on demand, of the major versions whose headers this was built with. Nothing else
 * names a soname, and nobody links them: a call is av->avcodec_open2(...), with the types and
 * constants of FFmpeg's own headers. Inline functions of those headers that call into a library
 * (av_err2str, for one) cannot be used.
 *
 * Versions from 5.1 (libavcodec 59) to 7.1 (61) are met; what they write differently is here or in
 * the table.
 */
#define AV_LIBRARY_SCALE 1u
#define AV_LIBRARY_FORMAT 2u

/* Loads what 'parts' (AV_LIBRARY_*) says beside libavutil and libavcodec. It is one table for the
 * process, and all stays loaded: the libraries have threads and state of their own. What they say
 * goes into our log from then on. NULL, and in *why (static) the reason and what to do, when a
 * library is not there or lacks a call. From the loop's thread only; the table may be used on any.
 */
const struct av_library *av_library_load(unsigned parts, const char **why);
/* "libavcodec 59.37.100": what is loaded. */
const char *av_library_version(const struct av_library *av);

/* What a call returned, as 0 or a negative errno: FFmpeg's own errors become -ENODATA (end),
 * -EBADMSG (broken data), -EOPNOTSUPP (what it cannot do) or -EIO (all the rest). */
int av_library_failure(int result);
/* A sentence without an end about what a call returned, in 'text', which takes
 * AV_ERROR_MAX_STRING_SIZE bytes. Returns 'text'. */
const char *av_library_text(const struct av_library *av, int result, char *text);

/* Of a decoder's or encoder's picture: whether it is a key frame. */
static inline bool av_library_is_key(const AVFrame *frame)
{
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(58, 7, 100)
    return (frame->flags & AV_FRAME_FLAG_KEY) != 0;
#else
    return frame->key_frame != 0;
#endif
}

#endif

/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_AV_SOURCE_H
#define MEDIA_AV_SOURCE_H

#include <stdbool.h>

#include "media/av_library.h"
#include "media/frame_input.h"

/*
 * Pictures out of whatever libavformat knows, from one open descriptor: nothing else is opened on
 * behalf of what is in it, no playlist's file and no address. All of it waits and computes: on a
 * thread of its own.
 */
struct av_source {
    const struct av_library *av;
    struct frame_input *input; /* borrowed; open */
    int cancel;                /* borrowed: what waits ends when it is readable */
    AVIOContext *io;
    AVFormatContext *format;
    AVCodecContext *codec;
    AVPacket *packet;
    int stream;        /* the one with the video */
    bool drained;      /* the decoder has been told of the end */
    const char *wrong; /* static; what a failure was about */
    char text[AV_ERROR_MAX_STRING_SIZE];
};

/* Finds out what comes, and begins to decode its best video. 0; -ECANCELED; or -errno with 'wrong'
 * or 'text'. Finish it in every case. */
int av_source_init(struct av_source *source, const struct av_library *av, struct frame_input *input,
                   int cancel);
void av_source_finish(struct av_source *source);
/* The next picture. 0; -ENODATA at the end; -ECANCELED; -errno. What cannot be decoded is passed
 * over. */
int av_source_next(struct av_source *source, AVFrame *frame);
/* Frames per second; 0/0 where nobody knows. */
AVRational av_source_rate(const struct av_source *source);
/* "mov,mp4 / h264" into 'text'. */
void av_source_describe(const struct av_source *source, char *text, size_t size);

#endif

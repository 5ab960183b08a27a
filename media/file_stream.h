/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_FILE_STREAM_H
#define MEDIA_FILE_STREAM_H

#include "media/file_watch.h"
#include "media/frame_clock.h"
#include "media/frame_reader.h"
#include "media/job.h"
#include "media/media_options.h"
#include "media/source.h"

struct media;

/*
 * Frames on their way from a file, a FIFO or a socket to the guest. Every one comes, once and in
 * order: where the guest has no buffer, the file waits, and so does a writer.
 *
 * A frame is read on a thread, into the guest's buffer if that has the file's own format. The clock
 * gives it to the guest, or the guest's pace does.
 */
struct file_stream {
    struct source *source;               /* borrowed */
    struct media *media;                 /* borrowed */
    const struct media_options *options; /* borrowed */
    struct frame_reader *reader;         /* owned; the thread's while the job is out */
    struct frame_shape shape;            /* the reader's, for the loop */
    bool waits;                          /* a stream, of which nothing is taken before 'serve' */
    struct file_watch watch;             /* for more to read */
    struct frame_clock clock;            /* while it streams at the file's rate */
    bool clocked;

    /* While it streams: */
    struct buffer_queue *queue; /* borrowed; NULL while it does not */
    struct media_stream stream;
    struct queue_buffer *buffer; /* taken to be filled */
    uint8_t *planes[PICTURE_MAX_PLANES];
    bool access; /* to them is begun */
    struct job job;
    enum frame_outcome outcome; /* of the job */
    bool reopen;                /* the job begins with the file's beginning */
    bool whole;                 /* the buffer's frame is */
    bool due;                   /* the clock has ticked in vain */
    bool ended, over;           /* no frame comes any more; and the guest has been told */
    bool stuck;                 /* the frames do not fit the guest's format */
    uint32_t frames;            /* that the file has given */
    uint32_t skip;              /* of them, to come to the place where another worker was */
    bool resumes;               /* the next start goes on from there: */
    struct source_position position;
    uint32_t sequence;
    uint64_t timestamp;           /* of the last frame, ns */
    char said[FRAME_READER_TEXT]; /* last, of what is wrong with the file */
};

/* Opens the file that 'options' name, and looks at its first frame; a stream is left alone before
 * 'serve', and if it does not say then what it is, it is waited for meanwhile. 'source' is told
 * (capture_source_changed) when the shape becomes another. Everything is borrowed. 0, or -errno
 * after a line in the log; finish it in both cases. */
int file_stream_init(struct file_stream *file, struct source *source, struct media *media,
                     const struct media_options *options);
/* As in source_impl. */
void file_stream_serve(struct file_stream *file);
/* Stops it first. */
void file_stream_finish(struct file_stream *file);
/* As in source_impl. */
int file_stream_start(struct file_stream *file, const struct media_stream *stream,
                      struct buffer_queue *queue);
/* Nothing if it does not run. Of a FIFO or a socket the frame in hand is lost. */
void file_stream_stop(struct file_stream *file);
/* As in source_impl. What a FIFO or a socket had given, nobody gives again. */
void file_stream_leave(const struct file_stream *file, struct source_position *position);
void file_stream_resume(struct file_stream *file, const struct source_position *position);
/* The guest has given a buffer: does what can be done now. */
void file_stream_advance(struct file_stream *file);

#endif

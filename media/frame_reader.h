/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_FRAME_READER_H
#define MEDIA_FRAME_READER_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/videodev2.h>

#include "media/frame_input.h"
#include "media/picture.h"

/*
 * Takes frames out of a file or a stream. Who uses it on a thread leaves it alone on the loop
 * meanwhile, and the other way round.
 */
struct frame_reader;

enum frame_outcome {
    FRAME_READY, /* it has come to the frame; or has taken it */
    FRAME_AGAIN, /* nothing is taken, it goes on from the beginning: next */
    FRAME_WAIT,  /* nothing to read yet: again when frame_reader_impl.fd is readable, or, without
                    one, when the file has grown */
    FRAME_GONE, /* the writer has gone, perhaps in the middle of a frame: open, and wait for another
                 */
    FRAME_END,  /* there is no frame any more; 'why' says so if one is missing */
    FRAME_BAD,  /* what comes cannot be read, 'why' says why: open, after a while */
    FRAME_OTHER, /* it is in good order, but cannot be had in the picture that is asked for */
};

struct frame_reader_impl {
    /* Sees what it is, without a byte of it: whoever else reads a stream misses nothing. As open,
     * which comes before anything else. */
    int (*reach)(struct frame_reader *reader);
    /* Opens it, or opens it anew from its beginning; frames that were begun are lost. May wait for
     * a disk. 0, or -errno with 'why'. */
    int (*open)(struct frame_reader *reader);
    /* Lets go of it: a writer gets EPIPE. */
    void (*close)(struct frame_reader *reader);
    /* Comes to the beginning of the next frame, and knows its shape then. */
    enum frame_outcome (*next)(struct frame_reader *reader);
    /* After FRAME_READY: the frame itself, as 'picture', into the memory of its planes. */
    enum frame_outcome (*take)(struct frame_reader *reader, const struct picture *picture,
                               uint8_t *const *planes);
    /* After FRAME_READY: the frame is not wanted, and 'next' comes to the one behind it. */
    void (*pass)(struct frame_reader *reader);
    /* The frame that is begun will not be taken. */
    void (*forsake)(struct frame_reader *reader);
    /* What tells when there is more to read; -1: nothing does. */
    int (*fd)(const struct frame_reader *reader);
    void (*destroy)(struct frame_reader *reader);
};

#define FRAME_READER_TEXT 200u

/* What the frames are, without any conversion. */
struct frame_shape {
    bool known; /* it was given, or has been read; else a guess */
    struct picture picture;
    struct v4l2_fract interval; /* seconds per frame; 0/0: nobody knows */
};

struct frame_reader {
    const struct frame_reader_impl *impl;
    bool stream;   /* a FIFO or a socket; else a regular file; known when it is open */
    bool connects; /* a socket: a writer comes only when one asks */
    bool scales;   /* 'take' makes any picture; else those of picture_copy_can */
    struct frame_shape shape;
    uint64_t round; /* frames from the beginning to the end of a loop, once it was there; else 0 */
    char why[FRAME_READER_TEXT]; /* part of a sentence about "it"; "" if there is nothing to say */
};

/* For an implementation whose input was opened or reached, with the result 'r', which it returns:
 * notes what it is, and why it cannot be read. */
int frame_reader_opened(struct frame_reader *reader, const struct frame_input *input, int r);

/* What is to be read, and how. */
struct frame_reader_options {
    const char *path;               /* borrowed */
    const struct pixel_format *raw; /* bytes of this format and no more; NULL: Y4M */
    uint32_t width, height;         /* of raw frames */
    bool loop;                      /* a regular file: its beginning comes after its end */
    bool follow;                    /* a regular file: it may still grow */
};

/* What a node has before a stream has said what it is. */
#define FRAME_READER_WIDTH 640u
#define FRAME_READER_HEIGHT 480u

/* Reads raw frames and Y4M. NULL with errno set. */
struct frame_reader *raw_reader_create(const struct frame_reader_options *options);
/* Reads what libavformat and libavcodec can; 'raw' and 'follow' mean nothing to it. NULL with the
 * reason (static) in *why. */
struct frame_reader *av_reader_create(const struct frame_reader_options *options, const char **why);

#endif

/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_ENCODER_H
#define MEDIA_ENCODER_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/videodev2.h>

#include "base/quota.h"
#include "media/colours.h"
#include "media/picture.h"

/*
 * Makes a compressed stream of pictures, with FFmpeg's encoders. No queue, no guest: what a thread
 * uses, one thread at a time. Every picture goes in at once; what comes of it is taken out bit by
 * bit. Without B pictures nothing stays inside: a picture in, a picture out.
 */
struct encoder;
struct av_library;

enum encoder_rate {
    ENCODER_RATE_VARIABLE, /* about 'bitrate' in the long run, never more than 'peak' over a second
                            */
    ENCODER_RATE_CONSTANT, /* 'bitrate' over every second */
    ENCODER_RATE_QUALITY,  /* as many bits as 'quality' takes */
    ENCODER_RATE_NONE,     /* the same quantizer for every picture: i_qp, p_qp */
};

/* What is encoded, and how. All bytes are zero before it is filled in: two are compared whole. */
struct encoder_settings {
    struct picture raw;
    uint32_t coded;             /* V4L2_PIX_FMT_H264, _VP8 or _MJPEG */
    struct v4l2_rect crop;      /* what of 'raw' is encoded; all even */
    struct v4l2_fract interval; /* seconds per picture; neither part 0 */
    /* Nothing left unsaid: of 'raw', and said in the stream. A JPEG's samples always have full
     * range, VP8's never. */
    struct colours colours;
    enum encoder_rate rate;  /* JPEG has none: 'quality' alone counts */
    uint32_t bitrate, peak;  /* bits per second */
    uint32_t quality;        /* 1 to 100 */
    uint32_t gop;            /* a key picture at least so often; 1: only such, 0: the first alone */
    uint32_t b_frames;       /* between two others; H.264 only */
    uint32_t min_qp, max_qp; /* 0 to 51, VP8: to 63 */
    uint32_t i_qp, p_qp;
    uint32_t profile, level; /* V4L2_MPEG_VIDEO_H264_PROFILE_*, _LEVEL_*; VP8_PROFILE_* */
    uint32_t threads;        /* at most so many work on one picture; 1 or more */
};

#define ENCODER_MAX_B_FRAMES 3u

/* A compressed picture. */
struct encoder_output {
    uint32_t size;  /* bytes */
    uint64_t time;  /* of the picture that it came from, as given */
    uint32_t flags; /* V4L2_BUF_FLAG_KEYFRAME, _PFRAME or _BFRAME */
};

/* What FFmpeg calls the encoder for a coded format here, or NULL where it has none. */
const char *encoder_name(const struct av_library *av, uint32_t coded);

/* 'av' has AV_LIBRARY_SCALE. What the codec keeps is taken from 'memory' (borrowed; NULL: nobody
 * counts), about. NULL if there is no memory. */
struct encoder *encoder_create(const struct av_library *av, struct quota *memory);
/* Also everything inside. Takes NULL. */
void encoder_destroy(struct encoder *encoder);

/* Encodes the picture in 'planes' (as settings->raw says; only read, and not after the call). If
 * 'key', it is one that decoding can begin at. When the settings are others than those of the last
 * picture the stream follows, if need be by beginning anew with a key picture; bit rates, quality
 * and quantizers of H.264 change without. 0 or -errno: then the picture is lost, and the next one
 * begins the stream anew. */
int encoder_put(struct encoder *encoder, const struct encoder_settings *settings,
                uint8_t *const *planes, uint64_t time, bool key);
/* No picture comes for now: all that is inside can be taken. A picture after this begins the stream
 * anew if there was something inside, and goes on with it otherwise. 0 or -errno: the rest is lost.
 */
int encoder_finish(struct encoder *encoder);
/* Forgets all that is inside; the next picture begins anew. */
void encoder_forget(struct encoder *encoder);

/* Whether nothing is inside: nothing would come of encoder_finish and encoder_take. */
bool encoder_is_empty(const struct encoder *encoder);
/* Whether encoder_take would give something. */
bool encoder_has_output(const struct encoder *encoder);
/* Copies the next compressed picture into 'size' bytes at 'to'. -ENODATA: there is none; -ENOSPC:
 * it is larger ('output' says how large), and lost. The next picture is a key picture then. */
int encoder_take(struct encoder *encoder, uint8_t *to, uint32_t size,
                 struct encoder_output *output);

#endif

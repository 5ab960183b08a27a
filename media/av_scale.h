/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_AV_SCALE_H
#define MEDIA_AV_SCALE_H

#include "media/av_library.h"
#include "media/picture.h"

/* What a scaler is made for. */
struct av_scale_task {
    int from, from_width, from_height, to, to_width, to_height;
    int from_full, to_full; /* 1: the full range */
};

/* The life of a scaler of libswscale's, which brings a decoder's picture into the format and the
 * size that a guest has set. */
struct av_scale {
    const struct av_library *av; /* with AV_LIBRARY_SCALE */
    struct SwsContext *scaler;   /* owned, NULL until it is needed */
    struct av_scale_task task;   /* the scaler's */
    AVFrame *made; /* owned, likewise: libswscale writes a little beyond the ends of lines: never
                      into the guest's */
};

void av_scale_init(struct av_scale *scale, const struct av_library *av);
void av_scale_finish(struct av_scale *scale);
/* Of the formats that differ from others in their range alone, the other. */
enum AVPixelFormat av_scale_plain(int format);
/* Makes room in scale->made, in that format and size; it stays for the next frame. 0 or -errno. */
int av_scale_make(struct av_scale *scale, enum AVPixelFormat format, int width, int height);
/* Fills it with the frame's first 'width' by 'height' pixels. The matrix of YUV stays what it is:
 * another one would change every number, for what nobody sees. The range becomes full or limited. 0
 * or -errno: -ENOTSUP for what libswscale does not read. */
int av_scale_fill(struct av_scale *scale, const AVFrame *frame, int width, int height, bool full);
/* Whether the frame's numbers have the full range. */
bool av_scale_is_full(const AVFrame *frame);
/* The picture that is nearest to a frame, without a conversion where there is one. False when it
 * has an impossible size. */
bool av_scale_shape(const AVFrame *frame, struct picture *picture);
/* Makes 'picture' of the frame. A size that is odd loses its last line or column. 0 or -errno. */
int av_scale_run(struct av_scale *scale, const AVFrame *frame, const struct picture *picture,
                 uint8_t *const *planes);

#endif

/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_AV_SCALE_H
#define MEDIA_AV_SCALE_H

#include "media/av_library.h"
#include "media/picture.h"

/* Brings a decoder's picture into any format and size that a guest has set. */
struct av_scale {
    const struct av_library *av; /* with AV_LIBRARY_SCALE */
    struct SwsContext *scaler;
    AVFrame *made; /* libswscale writes a little beyond the ends of lines: never into the guest's */
};

void av_scale_init(struct av_scale *scale, const struct av_library *av);
void av_scale_finish(struct av_scale *scale);
/* The picture that is nearest to a frame, without a conversion where there is one. False when it
 * has an impossible size. */
bool av_scale_shape(const AVFrame *frame, struct picture *picture);
/* Makes 'picture' of the frame. A size that is odd loses its last line or column. 0 or -errno. */
int av_scale_run(struct av_scale *scale, const AVFrame *frame, const struct picture *picture,
                 uint8_t *const *planes);

#endif

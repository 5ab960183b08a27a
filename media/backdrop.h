/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_BACKDROP_H
#define MEDIA_BACKDROP_H

#include <stdint.h>

#include "media/canvas.h"

/*
 * What stays the same from frame to frame of the pattern, drawn once, with the sums of its blocks:
 * of a frame that was copied from it only those blocks are summed that were drawn into afterwards.
 * The copy is whole each time, since the guest may have drawn into its buffer too.
 */
struct backdrop {
    struct picture picture;
    uint8_t *planes[PICTURE_MAX_PLANES]; /* owned; NULL while there is none */
    uint64_t *sums[PICTURE_MAX_PLANES];  /* owned; one for each block (protocol/frame_stamp.h) */
};

/* Memory for a picture of at most CANVAS_TOUCHED_BYTES a plane: to be drawn into, then
 * backdrop_sum. 0 or -ENOMEM. */
int backdrop_init(struct backdrop *backdrop, const struct picture *picture);
/* Also of one that was never made, if it is zero. */
void backdrop_finish(struct backdrop *backdrop);
/* Its planes have been drawn. */
void backdrop_sum(struct backdrop *backdrop);
/* The stamp's sum of a frame that is a copy but for what 'touched' says. */
uint64_t backdrop_frame_sum(const struct backdrop *backdrop, uint8_t *const *planes,
                            const struct canvas_touched *touched);

#endif

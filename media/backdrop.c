/* SPDX-License-Identifier: MIT */
#include "media/backdrop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "protocol/frame_stamp.h"

_Static_assert(CANVAS_TOUCHED_BLOCK == FRAME_STAMP_BLOCK, "what is touched is what is summed");

static uint32_t blocks_of(const struct picture *picture, unsigned plane)
{
    return (picture->plane_size[plane] + FRAME_STAMP_BLOCK - 1) / FRAME_STAMP_BLOCK;
}

/* The last block is what is left. */
static uint64_t sum_block(const struct picture *picture, const uint8_t *data, unsigned plane,
                          uint32_t block)
{
    uint32_t from = block * FRAME_STAMP_BLOCK, left = picture->plane_size[plane] - from;

    return frame_stamp_block(data + from,
                             (left < FRAME_STAMP_BLOCK ? left : FRAME_STAMP_BLOCK) / 8);
}

/* Mapped and not malloc'ed: up to 26 MB that a heap would keep when the stream is over. */
static uint8_t *plane_create(size_t size)
{
    void *data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return data != MAP_FAILED ? data : NULL;
}

int backdrop_init(struct backdrop *backdrop, const struct picture *picture)
{
    *backdrop = (struct backdrop){.picture = *picture};
    for (unsigned i = 0; i < picture->format->planes; i++) {
        backdrop->planes[i] = plane_create(picture->plane_size[i]);
        backdrop->sums[i] = calloc(blocks_of(picture, i), sizeof(uint64_t));
        if (backdrop->planes[i] == NULL || backdrop->sums[i] == NULL) {
            backdrop_finish(backdrop);
            return -ENOMEM;
        }
    }
    return 0;
}

void backdrop_finish(struct backdrop *backdrop)
{
    for (unsigned i = 0; i < PICTURE_MAX_PLANES; i++) {
        if (backdrop->planes[i] != NULL)
            munmap(backdrop->planes[i], backdrop->picture.plane_size[i]);
        free(backdrop->sums[i]);
    }
    *backdrop = (struct backdrop){0};
}

void backdrop_sum(struct backdrop *backdrop)
{
    for (unsigned i = 0; i < backdrop->picture.format->planes; i++)
        for (uint32_t k = 0; k < blocks_of(&backdrop->picture, i); k++)
            backdrop->sums[i][k] = sum_block(&backdrop->picture, backdrop->planes[i], i, k);
}

uint64_t backdrop_frame_sum(const struct backdrop *backdrop, uint8_t *const *planes,
                            const struct canvas_touched *touched)
{
    const struct picture *picture = &backdrop->picture;
    uint64_t sum = FRAME_STAMP_SEED;

    for (unsigned i = 0; i < picture->format->planes; i++)
        for (uint32_t k = 0; k < blocks_of(picture, i); k++) {
            bool drawn = (touched->blocks[i][k / 64] >> k % 64 & 1) != 0;

            sum = frame_stamp_add(sum, drawn ? sum_block(picture, planes[i], i, k)
                                             : backdrop->sums[i][k]);
        }
    return sum;
}

/* SPDX-License-Identifier: MIT */
#ifndef TESTS_BENCH_PICTURE_H
#define TESTS_BENCH_PICTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/bench/gpu.h"

/*
 * A picture in guest memory, of four bytes a pixel, in one piece or in pages that lie in a random
 * order; and the resource that it is for. Pages are given out of work->memory.
 */
#define PICTURE_RESOURCE 1u
#define PICTURE_PAGE 4096u

struct picture {
    struct work *work; /* borrowed */
    uint32_t width, height;
    uint32_t *order; /* of its pages; owned. NULL: one piece */
    uint32_t pages;
    uint64_t entries; /* where the list of pieces lies, guest-physical */
    uint32_t entry_count;
};

/* Takes guest memory, draws, and writes the list of its pieces. 0 or -errno. */
int picture_init(struct picture *picture, struct work *work, uint32_t width, uint32_t height,
                 bool scattered);
void picture_finish(struct picture *picture);
/* The guest's memory of a pixel. */
uint32_t *picture_pixel(const struct picture *picture, uint32_t x, uint32_t y);

/* Fills in slot 'slot' with the command that gives the resource these pieces. 0 or -errno. */
int picture_place_attach(const struct picture *picture, unsigned slot);
/* Makes a 2D resource, and gives it these pieces. 0 or -errno. */
int picture_make(const struct picture *picture);
/* Waits until the output shows the picture's first and last pixels. 0, -ETIMEDOUT, -errno. */
int picture_await(const struct picture *picture);
/* Whether the output shows every pixel of it. 0 or -EPROTO. */
int picture_compare(const struct picture *picture);
/* Proves that every pixel gets from guest memory to the output: transfers it, shows it, and
 * compares. Without a display socket nothing is proved; the value "proved" says so. 0 or -errno. */
int picture_prove(const struct picture *picture);

#endif

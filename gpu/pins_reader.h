/* SPDX-License-Identifier: MIT */
#ifndef GPU_PINS_READER_H
#define GPU_PINS_READER_H

#include <stddef.h>
#include <stdint.h>

#include "guest/guest_pins.h"

/*
 * Copies bytes out of a resource's guest pages, which may be thousands of places: it remembers the
 * place where it stopped, so that lines read one after another, downwards, cost one walk in all.
 */
struct pins_reader {
    const struct guest_pins *pins; /* borrowed; NULL: there are no pages */
    unsigned place;
    uint64_t start; /* of that place, counted from the first byte of all */
};

/* 'pins' are borrowed, and may be NULL. */
void pins_reader_init(struct pins_reader *reader, const struct guest_pins *pins);
/* Copies [offset, offset + size) of the pages. Returns 0, or -ERANGE when they end before, and
 * nothing is copied. */
int pins_reader_get(struct pins_reader *reader, uint64_t offset, void *to, size_t size);
/* The pointer to [offset, offset + size), right as long as the pins live, where those bytes lie
 * next to each other; NULL where they do not, or there is none. */
const void *pins_reader_at(struct pins_reader *reader, uint64_t offset, uint64_t size);

#endif

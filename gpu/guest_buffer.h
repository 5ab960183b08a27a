/* SPDX-License-Identifier: MIT */
#ifndef GPU_GUEST_BUFFER_H
#define GPU_GUEST_BUFFER_H

#include "buffer/buffer.h"
#include "guest/guest_pins.h"

/*
 * The guest's pages as one dmabuf, where /dev/udmabuf is there: their bytes lie next to each other
 * then, and can be given to whoever imports dmabufs, all without a copy. Needs pages that are
 * whole, in sealed memfds of the present memory table, and in at most BUFFER_MAX_PIECES places.
 * NULL where that is not so, or the device was not prepared.
 */
struct buffer *guest_buffer_create(const struct guest_memory *memory,
                                   const struct guest_pins *pins);
/* Opens the device, for the process: before it is shut in, and may not any more. */
void guest_buffer_prepare(void);
void guest_buffer_finish(void);

#endif

/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_PIPEWIRE_MEMORY_H
#define MEDIA_PIPEWIRE_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include <spa/buffer/buffer.h>

#include "media/frame.h"

/* The blocks of a PipeWire buffer, mapped here to be read: MemFd, DmaBuf or MemPtr. */
struct pipewire_memory {
    const uint8_t *data[FRAME_MAX_PLANES]; /* spa_data::maxsize bytes each; NULL: there is none */
    void *map[FRAME_MAX_PLANES];           /* NULL: not ours */
    size_t map_size[FRAME_MAX_PLANES];
    int dmabuf[FRAME_MAX_PLANES]; /* borrowed; -1: it is none */
};

/* Maps what can be mapped. 0, or the -errno of the first block that could not; finish it also
 * after that. */
int pipewire_memory_init(struct pipewire_memory *memory, const struct spa_buffer *buffer);
void pipewire_memory_finish(struct pipewire_memory *memory);
/* Around reading, from any thread: brings a dmabuf's caches in order (DMA_BUF_IOCTL_SYNC). 0 or
 * -errno: then there is nothing to end. */
int pipewire_memory_begin(const struct pipewire_memory *memory);
void pipewire_memory_end(const struct pipewire_memory *memory);

#endif

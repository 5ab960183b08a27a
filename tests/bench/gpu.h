/* SPDX-License-Identifier: MIT */
#ifndef TESTS_BENCH_GPU_H
#define TESTS_BENCH_GPU_H

#include <stdint.h>

#include <linux/virtio_gpu.h>

#include "tests/bench/item.h"

/* GPU commands that are sent once, while an item is prepared or proved. Each gives 0 or -errno,
 * with rig_trouble when it was refused. */
#define GPU_OK VIRTIO_GPU_RESP_OK_NODATA

/* Any command whose answer is a header only. 'what' says which, when it fails. */
int gpu_command(struct work *work, const void *command, size_t size, const char *what);
/* A picture of four bytes a pixel. */
int gpu_create_2d(struct work *work, uint32_t resource, uint32_t width, uint32_t height);
int gpu_unref(struct work *work, uint32_t resource);
/* Gives the resource 'size' bytes of guest memory: one piece at work->gpa, or its pages in a random
 * order. */
int gpu_attach(struct work *work, uint32_t resource, uint64_t size, bool scattered);
/* Shows it; resource 0: nothing. */
int gpu_set_scanout(struct work *work, uint32_t resource, uint32_t width, uint32_t height);

/* Fill in commands that are prepared. */
void gpu_fill_flush(void *at, uint32_t resource, uint32_t width, uint32_t height);
void gpu_fill_transfer(void *at, uint32_t resource, uint32_t width, uint32_t height);

#endif

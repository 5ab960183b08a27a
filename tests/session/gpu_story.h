/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SESSION_GPU_STORY_H
#define TESTS_SESSION_GPU_STORY_H

#include "story.h"
#include "tests/frontend/gpu_guest.h"

/* A guest's GPU driver in a story: what fails, fails the test. */
#define OK VIRTIO_GPU_RESP_OK_NODATA
#define MAPPED VIRTIO_GPU_RESP_OK_MAP_INFO
#define REFUSED VIRTIO_GPU_RESP_ERR_UNSPEC /* or any number above it */
#define MIB (UINT64_C(1) << 20)

#define GPU_STORY_RESULT 9000u          /* the resource that sums are written to */
#define GPU_STORY_RESULT_AT (63u * MIB) /* where it lies in the window */

/* The driver binds: context 1, and the mapped resource for sums. */
void gpu_story_bind(struct story *s);
/* Starts the program, joins and binds. */
void gpu_story_open(struct story *s, const char *const *arguments);
/* A blob in context 1. */
void gpu_story_create(struct story *s, uint32_t id, uint64_t size);
/* And mapped. */
void gpu_story_create_mapped(struct story *s, uint32_t id, uint64_t size, uint64_t offset);
/* The guest's pointer to what is mapped there. */
volatile uint64_t *gpu_story_seen(struct story *s, uint64_t offset, uint64_t size);
/* What the guest writes, the host reads. */
void gpu_story_verify_up(struct story *s, uint32_t id, uint64_t offset, uint64_t size,
                         uint64_t seed);
/* What the host writes, the guest reads. */
void gpu_story_verify_down(struct story *s, uint32_t id, uint64_t offset, uint64_t size,
                           uint64_t seed);
/* Whether the guest sees the pattern 'seed' there. */
bool gpu_story_sees(struct story *s, uint64_t offset, uint64_t size, uint64_t seed);
/* Whether the program's own check says that this renderer works here; else prints why not. */
bool gpu_story_has(const char *renderer);
/* The same of OpenGL. */
bool gpu_story_can_draw(void);
/* A command that needs nothing, to see that the device answers. */
int gpu_story_ping(struct story *s);

#endif

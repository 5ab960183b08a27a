/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_FAKE_VIRGL_H
#define TESTS_UNIT_FAKE_VIRGL_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A libvirglrenderer that draws nothing, writes down what it is asked for, and fails, hangs and
 * calls back when it is told to. The tests are linked to it, so that it is there already when the
 * real one would be loaded.
 */

/* What the next calls of a kind give; 0 is success. */
struct fake_virgl_results {
    int context, resource, blob, export, submit, transfer, fence, context_fence, attach_iov;
};

/* What export_blob gives: a VIRGL_RENDERER_BLOB_FD_TYPE_*, and a memfd of 'bytes' bytes, with
 * 'head' (two words) at its beginning. */
struct fake_virgl_export {
    uint32_t type;
    uint64_t bytes;
    uint64_t head[2];
};

extern struct fake_virgl_results fake_virgl_results;
extern struct fake_virgl_export fake_virgl_export;

/* Forgets everything. */
void fake_virgl_begin(void);
/* Whether it was asked for exactly this, since the last time this was asked: words such as
 * "context 5 2; submit 5 8;". The caller waits for it for a while; prints what there was instead.
 */
bool fake_virgl_did(const char *words);
/* Waits until it was asked for this, among others, and forgets all up to there. */
bool fake_virgl_await(const char *word);
/* From now on 'submit' does not come back, until it is called with false. */
void fake_virgl_hold(bool hold);

/* OpenGL: the fence of that number is done, and is told of when the library is polled. */
void fake_virgl_finish(uint32_t fence);
/* Vulkan: a thread of the library says that this one is done. */
void fake_virgl_finish_context(uint32_t context, uint32_t ring, uint64_t fence);
/* The number of the newest fence. */
uint64_t fake_virgl_last_fence(void);
/* What a transfer from the host writes: bytes of this value. */
extern uint8_t fake_virgl_colour;

#endif

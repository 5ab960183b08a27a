/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FRONTEND_GPU_GUEST_H
#define TESTS_FRONTEND_GPU_GUEST_H

#include <stdint.h>

#include <linux/virtio_gpu.h>

#include "protocol/memory_stream.h"
#include "tests/frontend/frontend.h"

/*
 * A guest's GPU driver, as far as blobs go. Each function sends one command, with a fence, to the
 * control queue and returns the type of the answer (VIRTIO_GPU_RESP_*), or -errno when there was no
 * proper one; -EBADMSG also when the fence does not come back.
 */
#define GPU_GUEST_CONTROLQ 0u
#define GPU_GUEST_CURSORQ 1u

/* Begins a command whose answer is taken later by gpu_guest_end; gives its slot or -errno. */
int gpu_guest_begin(struct frontend *frontend, void *command, size_t size, size_t space);
int gpu_guest_end(struct frontend *frontend, int slot, void *answer, size_t space,
                  int milliseconds);
/* The command, header filled in by the caller but for the fence. */
int gpu_guest_command(struct frontend *frontend, void *command, size_t size, void *answer,
                      size_t space);

/* A context for the memory renderer. */
int gpu_guest_context(struct frontend *frontend, uint32_t context);
int gpu_guest_context_destroy(struct frontend *frontend, uint32_t context);
int gpu_guest_attach(struct frontend *frontend, uint32_t context, uint32_t resource);
/* A mappable blob of the host, 'size' bytes. */
int gpu_guest_create(struct frontend *frontend, uint32_t context, uint32_t resource, uint64_t size);
int gpu_guest_map(struct frontend *frontend, uint32_t resource, uint64_t offset);
int gpu_guest_map_begin(struct frontend *frontend, uint32_t resource, uint64_t offset);
int gpu_guest_unmap(struct frontend *frontend, uint32_t resource);
int gpu_guest_unref(struct frontend *frontend, uint32_t resource);
/* A blob of the host that other devices may have; it is not mappable. */
int gpu_guest_create_shared(struct frontend *frontend, uint32_t context, uint32_t resource,
                            uint64_t size);
int gpu_guest_assign_uuid(struct frontend *frontend, uint32_t resource, uint8_t uuid[static 16]);
/* Runs a command stream. */
int gpu_guest_submit(struct frontend *frontend, uint32_t context,
                     const struct memory_stream_command *commands, unsigned count);
/* Has the host write the pattern 'seed' into [offset, offset + size) of a resource. */
int gpu_guest_fill(struct frontend *frontend, uint32_t context, uint32_t resource, uint64_t offset,
                   uint64_t size, uint64_t seed);
/* Has the host sum the range, and write the sum to the 8 bytes at 'result_offset' of
 * 'result_resource'. */
int gpu_guest_sum(struct frontend *frontend, uint32_t context, uint32_t resource, uint64_t offset,
                  uint64_t size, uint32_t result_resource, uint64_t result_offset);

#endif

/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FRONTEND_GPU_GUEST_3D_H
#define TESTS_FRONTEND_GPU_GUEST_3D_H

#include "tests/frontend/gpu_guest.h"

/* A guest's GPU driver, as far as 3D goes: see gpu_guest.h for what the functions return. */

/* A context whose streams are of that capset; 0: a driver that knows no kinds of contexts. */
int gpu_guest_context_of(struct frontend *frontend, uint32_t context, uint32_t capset);
int gpu_guest_detach(struct frontend *frontend, uint32_t context, uint32_t resource);
/* A 2D texture that can be drawn to, four bytes a pixel in the order B, G, R, A. */
int gpu_guest_texture(struct frontend *frontend, uint32_t resource, uint32_t width,
                      uint32_t height);
/* Guest pages for it: 'size' bytes, half of them at each of the two addresses. */
int gpu_guest_attach_pages(struct frontend *frontend, uint32_t resource, uint64_t first,
                           uint64_t second, uint32_t size);
int gpu_guest_detach_pages(struct frontend *frontend, uint32_t resource);
/* Between all of a texture and its pages. */
int gpu_guest_transfer(struct frontend *frontend, uint32_t context, uint32_t resource,
                       bool from_host, uint32_t width, uint32_t height);
/* The same, as begun only. */
int gpu_guest_transfer_begin(struct frontend *frontend, uint32_t context, uint32_t resource,
                             bool from_host, uint32_t width, uint32_t height);
/* Runs a stream of 'count' words, fenced on the device's timeline. */
int gpu_guest_stream(struct frontend *frontend, uint32_t context, const uint32_t *words,
                     unsigned count);
int gpu_guest_stream_begin(struct frontend *frontend, uint32_t context, const uint32_t *words,
                           unsigned count);
/* A 2D resource, four bytes a pixel in the order B, G, R, A. */
int gpu_guest_picture(struct frontend *frontend, uint32_t resource, uint32_t width,
                      uint32_t height);
/* All of it from its pages. */
int gpu_guest_transfer_2d(struct frontend *frontend, uint32_t resource, uint32_t width,
                          uint32_t height);
/* A blob of the guest's own pages, 'size' bytes at 'gpa'. */
int gpu_guest_guest_blob(struct frontend *frontend, uint32_t resource, uint64_t gpa, uint32_t size);

#endif

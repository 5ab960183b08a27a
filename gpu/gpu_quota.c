/* SPDX-License-Identifier: MIT */
#include "gpu/gpu_quota.h"

#include "gpu/request.h"

#define REFUSED "OUT_OF_MEMORY"
#define WAITS "the guest waits"
#define LOOP .one_thread = true /* a renderer's threads count nothing */

const struct quota_row gpu_quota_rows[GPU_QUOTA_COUNT + 1] = {
    [GPU_QUOTA_MEMORY] = {"memory", LOOP, .bytes = true, .most = 1ull << 30, .windows = 4,
                          .answer = REFUSED,
                          .what = "Host memory of blobs, 2D images and copies of what is shown:\n"
                                  "what can be mapped at once, and three times that unmapped."},
    [GPU_QUOTA_TEXTURES] = {"textures", LOOP, .bytes = true, .most = 4ull << 30, .windows = 16,
                            .answer = REFUSED,
                            .what = "OpenGL's textures and buffers, as their sizes say: what a\n"
                                    "graphics card of the middle class has."},
    [GPU_QUOTA_RESOURCES] = {"resources", LOOP, .most = 65536, .answer = REFUSED,
                             .what = "Resources of any kind: a busy desktop has some thousands."},
    [GPU_QUOTA_PAGES] = {"pages", LOOP, .most = 4u << 20, .answer = REFUSED,
                         .what = "Pieces of guest memory behind resources: 16 GiB, if every page\n"
                                 "lies by itself."},
    [GPU_QUOTA_CONTEXTS] = {"contexts", LOOP, .most = 1024, .answer = REFUSED,
                            .what = "Programs of the guest that draw: a desktop has some dozens."},
    [GPU_QUOTA_ATTACHMENTS] = {"attachments", LOOP, .most = 262144, .answer = REFUSED,
                               .what = "Resources that contexts use: four for each resource."},
    [GPU_QUOTA_MAPPINGS] = {"mappings", LOOP, .most = 16384, .answer = REFUSED,
                            .what =
                                "Blobs in the memory window: half of what a front-end can map,\n"
                                "and four times what Vulkan promises one program."},
    [GPU_QUOTA_COMMANDS] = {"commands", LOOP, .most = 1024, .answer = WAITS,
                            .what = "Commands and fences that are not answered: four times what\n"
                                    "QEMU's ring holds."},
    [GPU_QUOTA_COMMAND_BYTES] = {"command-bytes", LOOP, .bytes = true, .most = 64u << 20,
                                 .least = 2 * REQUEST_MAX_SIZE, .answer = WAITS,
                                 .what = "Their bytes: 64 of the longest."},
};

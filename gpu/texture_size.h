/* SPDX-License-Identifier: MIT */
#ifndef GPU_TEXTURE_SIZE_H
#define GPU_TEXTURE_SIZE_H

#include <stdint.h>

#include "gpu/renderer.h"

/* About how many bytes a 3D resource takes with all its levels, layers and samples: what its
 * description says, without a driver's padding. UINT64_MAX where that does not fit. */
uint64_t texture_size(const struct renderer_resource *what);

#endif

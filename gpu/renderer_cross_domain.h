/* SPDX-License-Identifier: MIT */
#ifndef GPU_RENDERER_CROSS_DOMAIN_H
#define GPU_RENDERER_CROSS_DOMAIN_H

#include "gpu/renderer.h"

/* More commands than this in one stream are refused: each may ask a driver, on the device's one
 * thread. The users send one. */
#define CROSS_DOMAIN_COMMANDS 64u
/* Different images that all contexts together may have asked for, and one of them. */
#define CROSS_DOMAIN_OFFERS 65536u
#define CROSS_DOMAIN_CONTEXT_OFFERS 8192u

/*
 * The renderer of capset 5: it draws nothing and allocates images, linear ones, from the exporter
 * of 'host' (borrowed for its life): see protocol/cross_domain.h. Channels (Wayland and the like)
 * are not offered, and refused. NULL with errno set.
 */
struct renderer *renderer_cross_domain_create(struct device_host *host);

#endif

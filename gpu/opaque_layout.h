/* SPDX-License-Identifier: MIT */
#ifndef GPU_OPAQUE_LAYOUT_H
#define GPU_OPAQUE_LAYOUT_H

#include <stdint.h>

#include "gpu/probe.h"

/*
 * Where the bytes lie in the file of an opaque Vulkan descriptor (OPAQUE_FD). That is a driver's
 * own affair; Mesa's software driver, for one, has a header before them. So nothing is assumed: a
 * probe writes to such memory and looks where that arrives (gpu/probe_vulkan.h), and only what it
 * has proven for every device is used, for files that also look like it.
 */
enum opaque_layout_state {
    OPAQUE_LAYOUT_UNKNOWN, /* nobody has looked yet */
    OPAQUE_LAYOUT_PROVEN,
    OPAQUE_LAYOUT_REFUSED,
};

struct opaque_layout {
    enum opaque_layout_state state;
    uint64_t offset;     /* where the bytes begin, if that is proven */
    char why[PROBE_WHY]; /* if it is refused */
};

/* Takes over what the probe "vulkan" has found. */
void opaque_layout_learn(struct opaque_layout *layout, const struct probe *probe);
/* Runs that probe, unless the layout is known already: this blocks, some 0.2 s, or 10 s if it
 * hangs. 'argv' are this program's words, without what is not for a probe. */
void opaque_layout_find(struct opaque_layout *layout, char *const *argv);

/*
 * Where 'size' bytes (whole pages) can be mapped in the file of 'fd' (borrowed): 0 and *offset, or
 * -EOPNOTSUPP, and then 'why' says the reason, a sentence without an end.
 */
int opaque_layout_offset(const struct opaque_layout *layout, int fd, uint64_t size,
                         uint64_t *offset, char why[PROBE_WHY]);

#endif

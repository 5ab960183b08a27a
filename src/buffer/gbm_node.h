/* SPDX-License-Identifier: MIT */
#ifndef BUFFER_GBM_NODE_H
#define BUFFER_GBM_NODE_H

#include <stddef.h>

#include "buffer/buffer.h"
#include "buffer/surface.h"

/*
 * A DRM device node with libgbm at it, which makes linear dmabufs there. The library is loaded when
 * a node is opened and stays: it brings the node's whole driver along, so only the process that
 * makes buffers does that, and a trial in a child process comes first (gbm_node_find).
 */
struct gbm_node;

#define GBM_NODE_TEXT 200u /* room for a reason or a description */

/* Opens 'path'; the node is NULL with -errno as *error and a reason in 'text', or, when it works, a
 * description. It works when bytes and an image could be made and pass the self-test. */
struct gbm_node *gbm_node_create(const char *path, int *error, char text[static GBM_NODE_TEXT]);
/* Takes NULL. The buffers that were made live on. */
void gbm_node_destroy(struct gbm_node *node);

/*
 * The first node that works: 'path', or, where that is NULL, the render nodes of /dev/dri and then
 * its primary nodes (vgem makes buffers on those only). Each is tried in a child process first; the
 * log has a line for each that does not work. NULL with -errno as *error (-ENOENT: there is no
 * node) and the reason in 'text'; else a description. Only while this process has one thread.
 */
struct gbm_node *gbm_node_find(const char *path, int *error, char text[static GBM_NODE_TEXT]);

/* A zeroed buffer of 'size' bytes, rounded up to pages; the caller owns it. NULL with errno set. */
struct buffer *gbm_node_bytes(struct gbm_node *node, uint64_t size);
/*
 * A zeroed linear image in the driver's layout, which *layout says; the caller owns it. Where the
 * driver does not know the format, its bytes in our own layout. NULL with errno set: as
 * surface_layout_linear, or what the driver said.
 */
struct buffer *gbm_node_image(struct gbm_node *node, const struct surface *surface,
                              struct surface_layout *layout);
/* The layout that gbm_node_image would give, without the buffer. 0 or -errno. */
int gbm_node_layout(struct gbm_node *node, const struct surface *surface,
                    struct surface_layout *layout);

#endif

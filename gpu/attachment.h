/* SPDX-License-Identifier: MIT */
#ifndef GPU_ATTACHMENT_H
#define GPU_ATTACHMENT_H

#include <stdint.h>

#include <bsd/sys/queue.h>

#include "base/id_map.h"

struct context;
struct resource;

LIST_HEAD(attachment_list, attachment);

/* That a context may use a resource. It ends with either of them. */
struct attachment {
    struct id_node node;     // of 'map', under the resource's id
    struct id_map *map;      /* context::attachments */
    struct context *context; /* borrowed, like the resource */
    struct resource *resource;
    uint32_t record;                    /* see gpu/estate.h */
    uint64_t *total;                    /* of the device */
    uint32_t count;                     /* a guest may attach twice: it takes as many detaches */
    LIST_ENTRY(attachment) of_resource; // resource::attachments
};

/* Enters a new one, attached once, in 'map' under 'id', in 'list' and in *total. NULL: no memory.
 */
struct attachment *attachment_create(struct id_map *map, uint32_t id, struct attachment_list *list,
                                     uint64_t *total);
/* Ends it, however often it was made. */
void attachment_destroy(struct attachment *attachment);
/* The one of that resource, or NULL. */
struct attachment *attachment_find(const struct id_map *map, uint32_t id);

#endif

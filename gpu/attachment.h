/* SPDX-License-Identifier: MIT */
#ifndef GPU_ATTACHMENT_H
#define GPU_ATTACHMENT_H

#include <stdint.h>

#include <bsd/sys/queue.h>

#include "base/id_map.h"
#include "base/quota.h"

struct context;
struct resource;

LIST_HEAD(attachment_list, attachment);

/* That a context may use a resource. It ends with either of them. */
struct attachment {
    struct id_node node;     // of 'map', under the resource's id
    struct id_map *map;      /* context::attachments */
    struct context *context; /* borrowed, like the resource */
    struct resource *resource;
    struct quota *quota;                /* that it is taken from */
    uint32_t record;                    /* see gpu/estate.h */
    uint32_t count;                     /* a guest may attach twice: it takes as many detaches */
    LIST_ENTRY(attachment) of_resource; // resource::attachments
};

/* Enters a new one, attached once, in 'map' under 'id' and in 'list', and takes it from 'quota'.
 * NULL with errno set: EDQUOT or ENOMEM. */
struct attachment *attachment_create(struct id_map *map, uint32_t id, struct attachment_list *list,
                                     struct quota *quota);
/* Ends it, however often it was made. */
void attachment_destroy(struct attachment *attachment);
/* The one of that resource, or NULL. */
struct attachment *attachment_find(const struct id_map *map, uint32_t id);

#endif

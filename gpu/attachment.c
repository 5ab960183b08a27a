/* SPDX-License-Identifier: MIT */
#include "gpu/attachment.h"

#include <stdlib.h>

struct attachment *attachment_create(struct id_map *map, uint32_t id, struct attachment_list *list,
                                     uint64_t *total)
{
    struct attachment *attachment = calloc(1, sizeof(*attachment));

    if (attachment == NULL)
        return NULL;
    attachment->node.id = id;
    attachment->map = map;
    attachment->total = total;
    attachment->count = 1;
    id_map_add(map, &attachment->node);
    LIST_INSERT_HEAD(list, attachment, of_resource);
    ++*total;
    return attachment;
}

void attachment_destroy(struct attachment *attachment)
{
    --*attachment->total;
    id_map_remove(attachment->map, &attachment->node);
    LIST_REMOVE(attachment, of_resource);
    free(attachment);
}

struct attachment *attachment_find(const struct id_map *map, uint32_t id)
{
    return ID_MAP_OF(id_map_find(map, id), struct attachment, node);
}

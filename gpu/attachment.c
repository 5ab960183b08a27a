/* SPDX-License-Identifier: MIT */
#include "gpu/attachment.h"

#include <errno.h>
#include <stdlib.h>

struct attachment *attachment_create(struct id_map *map, uint32_t id, struct attachment_list *list,
                                     struct quota *quota)
{
    struct attachment *attachment;
    int result = quota_take(quota, 1);

    if (result < 0) {
        errno = -result;
        return NULL;
    }
    attachment = calloc(1, sizeof(*attachment));
    if (attachment == NULL) {
        quota_give(quota, 1);
        return NULL;
    }
    attachment->node.id = id;
    attachment->map = map;
    attachment->quota = quota;
    attachment->count = 1;
    id_map_add(map, &attachment->node);
    LIST_INSERT_HEAD(list, attachment, of_resource);
    return attachment;
}

void attachment_destroy(struct attachment *attachment)
{
    quota_give(attachment->quota, 1);
    id_map_remove(attachment->map, &attachment->node);
    LIST_REMOVE(attachment, of_resource);
    free(attachment);
}

struct attachment *attachment_find(const struct id_map *map, uint32_t id)
{
    return ID_MAP_OF(id_map_find(map, id), struct attachment, node);
}

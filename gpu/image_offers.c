/* SPDX-License-Identifier: MIT */
#include "gpu/image_offers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Any order will do. A surface has no padding. */
static int compare(const struct image_offer *a, const struct image_offer *b)
{
    return memcmp(&a->surface, &b->surface, sizeof(a->surface));
}

_Static_assert(sizeof(struct surface) == 16, "four words without padding");

RB_PROTOTYPE(image_offer_tree, image_offer, by_surface, compare);
RB_GENERATE(image_offer_tree, image_offer, by_surface, compare);

void image_offers_init(struct image_offers *offers)
{
    *offers = (struct image_offers){0};
    id_map_init(&offers->by_id);
    RB_INIT(&offers->by_surface);
}

unsigned image_offers_finish(struct image_offers *offers)
{
    unsigned count = 0;
    struct id_node *node;

    while ((node = id_map_first(&offers->by_id)) != NULL) {
        id_map_remove(&offers->by_id, node);
        free(ID_MAP_OF(node, struct image_offer, node));
        count++;
    }
    RB_INIT(&offers->by_surface);
    return count;
}

const struct image_offer *image_offers_by_id(const struct image_offers *offers, uint64_t blob_id)
{
    if (blob_id > UINT32_MAX)
        return NULL;
    return ID_MAP_OF(id_map_find(&offers->by_id, (uint32_t)blob_id), struct image_offer, node);
}

const struct image_offer *image_offers_by_surface(struct image_offers *offers,
                                                  const struct surface *surface)
{
    struct image_offer wanted = {.surface = *surface};

    return RB_FIND(image_offer_tree, &offers->by_surface, &wanted);
}

const struct image_offer *image_offers_add(struct image_offers *offers,
                                           const struct surface *surface,
                                           const struct surface_layout *layout)
{
    struct image_offer *offer;

    if (offers->last_id == UINT32_MAX) {
        errno = ENOSPC;
        return NULL;
    }
    offer = calloc(1, sizeof(*offer));
    if (offer == NULL)
        return NULL;
    offer->node.id = ++offers->last_id;
    offer->surface = *surface;
    offer->layout = *layout;
    id_map_add(&offers->by_id, &offer->node);
    RB_INSERT(image_offer_tree, &offers->by_surface, offer);
    return offer;
}

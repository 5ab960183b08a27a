/* SPDX-License-Identifier: MIT */
#ifndef GPU_IMAGE_OFFERS_H
#define GPU_IMAGE_OFFERS_H

#include <stdint.h>

#include <bsd/sys/tree.h>

#include "base/id_map.h"
#include "buffer/surface.h"

/* What a context was told of an image: it may make any number of blobs of it, by its id. */
struct image_offer {
    struct id_node node;              // image_offers::by_id, under the blob_id
    RB_ENTRY(image_offer) by_surface; // image_offers::by_surface
    struct surface surface;
    struct surface_layout layout;
};

RB_HEAD(image_offer_tree, image_offer);

/* The offers of one context. The same image asked for again is the same offer. */
struct image_offers {
    struct id_map by_id;
    struct image_offer_tree by_surface;
    uint32_t last_id;
};

void image_offers_init(struct image_offers *offers);
/* Forgets them all. Returns how many there were. */
unsigned image_offers_finish(struct image_offers *offers);
/* NULL: there is no such offer. */
const struct image_offer *image_offers_by_id(const struct image_offers *offers, uint64_t blob_id);
const struct image_offer *image_offers_by_surface(struct image_offers *offers,
                                                  const struct surface *surface);
/* Adds an offer for a surface that has none; its id is not 0. NULL with errno set: ENOMEM, or
 * ENOSPC when all ids were used. */
const struct image_offer *image_offers_add(struct image_offers *offers,
                                           const struct surface *surface,
                                           const struct surface_layout *layout);

#endif

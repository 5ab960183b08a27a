/* SPDX-License-Identifier: MIT */
#include "gpu/renderer_cross_domain.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "gpu/context.h"
#include "gpu/gpu.h"
#include "gpu/image_offers.h"
#include "gpu/resource.h"
#include "protocol/cross_domain.h"

#define CAPSET_CROSS_DOMAIN 5u /* VIRTIO_GPU_CAPSET_CROSS_DOMAIN of newer headers */

/* What is known of a context. */
struct domain {
    struct id_node node; // renderer_cross_domain::domains, under the context's id
    uint32_t query_ring; /* resource id; 0: INIT has not come */
    struct image_offers offers;
};

struct renderer_cross_domain {
    struct renderer renderer;
    struct device_host *host; /* borrowed */
    struct id_map domains;    // domain::node
    unsigned offers;          /* of all domains */
};

static const struct renderer_capset capsets[] = {
    {.id = CAPSET_CROSS_DOMAIN, .max_version = 0, .size = sizeof(struct cross_domain_capset)},
};

static struct renderer_cross_domain *of(struct renderer *renderer)
{
    return (struct renderer_cross_domain *)renderer;
}

static void cross_fill_capset(struct renderer *renderer, const struct renderer_capset *capset,
                              uint32_t version, struct writer *to)
{
    const struct exporter *exporter = of(renderer)->host->exporter;

    writer_u32(to, CROSS_DOMAIN_VERSION);
    writer_u32(to, 0); /* channels */
    writer_u32(to, exporter_makes_dmabuf_images(exporter));
    writer_u32(to, exporter->gbm != NULL); /* a driver's own memory, which its GPU can import */
}

/* ---- contexts ---- */

static struct domain *domain_find(struct renderer_cross_domain *cross, struct context *context)
{
    return ID_MAP_OF(id_map_find(&cross->domains, context->node.id), struct domain, node);
}

static int cross_context_create(struct renderer *renderer, struct context *context,
                                renderer_done *done, void *data)
{
    struct domain *domain = calloc(1, sizeof(*domain));

    if (domain == NULL)
        return -ENOMEM;
    domain->node.id = context->node.id;
    image_offers_init(&domain->offers);
    return id_map_add(&of(renderer)->domains, &domain->node);
}

static void domain_destroy(struct renderer_cross_domain *cross, struct domain *domain)
{
    cross->offers -= image_offers_finish(&domain->offers);
    id_map_remove(&cross->domains, &domain->node);
    free(domain);
}

static void cross_context_destroy(struct renderer *renderer, struct context *context)
{
    struct domain *domain = domain_find(of(renderer), context);

    if (domain != NULL)
        domain_destroy(of(renderer), domain);
}

/* ---- the query ring ---- */

/* The guest's pages that answers go to; NULL: there are none, or too few. */
static struct guest_pins *query_pages(struct context *context, uint32_t id)
{
    struct resource *ring = context_resource(context, id);

    if (ring == NULL || ring->memory != VIRTIO_GPU_BLOB_MEM_GUEST ||
        backing_size(ring->pins) < sizeof(struct cross_domain_image_requirements))
        return NULL;
    return ring->pins;
}

static void write_answer(struct guest_pins *pages,
                         const struct cross_domain_image_requirements *answer)
{
    const uint8_t *from = (const uint8_t *)answer;
    size_t left = sizeof(*answer);

    for (unsigned i = 0; left > 0 && i < pages->count; i++) {
        size_t size = left < pages->iov[i].iov_len ? left : pages->iov[i].iov_len;

        memcpy(pages->iov[i].iov_base, from, size);
        from += size;
        left -= size;
    }
}

/* ---- commands ---- */

static int cross_init(struct context *context, struct domain *domain, struct reader *args,
                      size_t size)
{
    uint32_t ring = reader_u32(args), channel;

    if (size != CROSS_DOMAIN_INIT_FIRST && size != CROSS_DOMAIN_INIT_SECOND &&
        size != CROSS_DOMAIN_INIT_THIRD) {
        log_stranger("cross-domain: INIT of %zu bytes is of no known version", size);
        return -EINVAL;
    }
    if (size != CROSS_DOMAIN_INIT_FIRST)
        reader_skip(args, 4); /* the channel's ring */
    channel = reader_u32(args);
    if (channel != CROSS_DOMAIN_CHANNEL_NONE) {
        log_stranger("cross-domain: a channel of type %u is asked for (1 is Wayland), and this "
                     "device allocates images only, as its capset says",
                     channel);
        return -EOPNOTSUPP;
    }
    if (query_pages(context, ring) == NULL) {
        log_stranger("cross-domain: the query ring %u is no GUEST blob of this context with pages",
                     ring);
        return -EINVAL;
    }
    domain->query_ring = ring;
    return 0;
}

/* The offer for a surface: the one that there is, or a new one. NULL with errno set. */
static const struct image_offer *offer_for(struct renderer_cross_domain *cross,
                                           struct context *context, struct domain *domain,
                                           const struct surface *surface)
{
    const struct image_offer *offer = image_offers_by_surface(&domain->offers, surface);
    struct surface_layout layout;
    int result;

    if (offer != NULL)
        return offer;
    if (cross->offers >= CROSS_DOMAIN_OFFERS ||
        domain->offers.by_id.count >= CROSS_DOMAIN_CONTEXT_OFFERS) {
        errno = E2BIG;
        return NULL;
    }
    /* Before a driver is bothered with an image that the guest may never have. */
    result = surface_layout_linear(surface, &layout);
    if (result == 0 && layout.size > quota_limit(gpu_quota(context->gpu, GPU_QUOTA_MEMORY)))
        result = -ENOMEM;
    if (result == 0)
        result = exporter_image_layout(cross->host->exporter, surface, &layout);
    if (result < 0) {
        errno = -result;
        return NULL;
    }
    offer = image_offers_add(&domain->offers, surface, &layout);
    cross->offers += offer != NULL;
    return offer;
}

static void fill_answer(struct cross_domain_image_requirements *answer,
                        const struct image_offer *offer)
{
    const struct surface_layout *layout = &offer->layout;

    for (unsigned i = 0; i < layout->planes; i++) {
        answer->strides[i] = htole32(layout->strides[i]);
        answer->offsets[i] = htole32(layout->offsets[i]);
    }
    answer->modifier = htole64(layout->modifier);
    answer->size = htole64(layout->size);
    answer->blob_id = htole32(offer->node.id);
    answer->map_info = htole32(VIRTIO_GPU_MAP_CACHE_CACHED);
    answer->memory_idx = -1;
    answer->physical_device_idx = -1;
}

static int cross_get_image_requirements(struct renderer_cross_domain *cross,
                                        struct context *context, struct domain *domain,
                                        struct reader *args)
{
    struct guest_pins *pages = query_pages(context, domain->query_ring);
    struct cross_domain_image_requirements answer = {0};
    const struct image_offer *offer = NULL;
    struct surface surface;
    int result = -EINVAL;

    surface.width = reader_u32(args);
    surface.height = reader_u32(args);
    surface.fourcc = reader_u32(args);
    surface.use = reader_u32(args) & (SURFACE_USE_SCANOUT | SURFACE_USE_RENDERING);
    if (pages == NULL) {
        log_stranger("cross-domain: there is no query ring to answer to: INIT comes first");
        return -EINVAL;
    }
    if (!args->bad) {
        offer = offer_for(cross, context, domain, &surface);
        result = offer == NULL ? -errno : 0;
    }
    /* Nobody reads the refusal of a command: an answer of zeros has the blob refused as well. */
    if (offer != NULL) {
        fill_answer(&answer, offer);
    } else {
        char name[5];

        surface_format_name(surface.fourcc, name);
        log_stranger("cross-domain: no image of %u x %u pixels '%s': %s", surface.width,
                     surface.height, name, strerror(-result));
    }
    write_answer(pages, &answer);
    return result;
}

static int do_command(struct renderer_cross_domain *cross, struct context *context,
                      struct domain *domain, uint8_t command, struct reader *args, size_t size)
{
    switch (command) {
    case CROSS_DOMAIN_INIT:
        return cross_init(context, domain, args, size);
    case CROSS_DOMAIN_GET_IMAGE_REQUIREMENTS:
        return cross_get_image_requirements(cross, context, domain, args);
    default:
        log_stranger("cross-domain: command %u needs a channel, and there are none", command);
        return -EOPNOTSUPP;
    }
}

static int next_command(struct renderer_cross_domain *cross, struct context *context,
                        struct domain *domain, struct reader *stream)
{
    uint8_t command = reader_u8(stream);
    size_t size;
    struct reader args;

    reader_skip(stream, 1);
    size = reader_u8(stream);
    size |= (size_t)reader_u8(stream) << 8;
    reader_skip(stream, 4);
    if (stream->bad || size < sizeof(struct cross_domain_header) ||
        !reader_sub(stream, &args, size - sizeof(struct cross_domain_header))) {
        log_stranger("cross-domain: a command of %zu bytes is not all there", size);
        return -EINVAL;
    }
    return do_command(cross, context, domain, command, &args, size);
}

static int cross_submit(struct renderer *renderer, struct context *context, const void *bytes,
                        size_t size, renderer_done *done, void *data)
{
    struct renderer_cross_domain *cross = of(renderer);
    struct domain *domain = domain_find(cross, context);
    struct reader stream;
    int result = 0;

    if (domain == NULL)
        return -EINVAL;
    reader_init(&stream, bytes, size);
    for (unsigned i = 0; result == 0 && stream.left > 0; i++)
        result = i < CROSS_DOMAIN_COMMANDS ? next_command(cross, context, domain, &stream) : -E2BIG;
    return result;
}

/* ---- blobs ---- */

static int cross_create_blob(struct renderer *renderer, struct context *context,
                             struct resource *resource, const struct renderer_blob *blob,
                             struct guest_pins *pins, struct renderer_given *given,
                             renderer_blob_done *done, void *data)
{
    struct renderer_cross_domain *cross = of(renderer);
    struct domain *domain = domain_find(cross, context);
    const struct image_offer *offer;
    struct surface_layout layout;
    struct buffer *buffer;

    offer = domain == NULL ? NULL : image_offers_by_id(&domain->offers, blob->blob_id);
    if (offer == NULL || blob->memory != VIRTIO_GPU_BLOB_MEM_HOST3D ||
        blob->size != offer->layout.size)
        return -EINVAL;
    buffer = exporter_create_image(cross->host->exporter, &offer->surface, &layout);
    if (buffer == NULL)
        return -errno;
    /* The guest goes by what it was told. */
    if (!surface_layout_equal(&layout, &offer->layout)) {
        log_stranger("cross-domain: the driver has another layout for the same image");
        buffer_destroy(buffer);
        return -EIO;
    }
    given->buffer = buffer;
    /* GBM does not say how its buffers should be mapped; other memory is the CPU's own. */
    given->map_info = VIRTIO_GPU_MAP_CACHE_CACHED;
    return 0;
}

/* ---- life ---- */

static void cross_reset(struct renderer *renderer)
{
    struct renderer_cross_domain *cross = of(renderer);
    struct id_node *node;

    while ((node = id_map_first(&cross->domains)) != NULL)
        domain_destroy(cross, ID_MAP_OF(node, struct domain, node));
}

static void cross_destroy(struct renderer *renderer)
{
    cross_reset(renderer);
    free(renderer);
}

/* Everything is done at once, so there is no fence to wait for. */
static const struct renderer_impl cross_impl = {
    .name = "cross-domain",
    .fill_capset = cross_fill_capset,
    .context_create = cross_context_create,
    .context_destroy = cross_context_destroy,
    .create_blob = cross_create_blob,
    .submit = cross_submit,
    .reset = cross_reset,
    .destroy = cross_destroy,
};

struct renderer *renderer_cross_domain_create(struct device_host *host)
{
    struct renderer_cross_domain *cross = calloc(1, sizeof(*cross));

    if (cross == NULL)
        return NULL;
    cross->renderer.impl = &cross_impl;
    cross->renderer.capsets = capsets;
    cross->renderer.capset_count = sizeof(capsets) / sizeof(capsets[0]);
    cross->host = host;
    id_map_init(&cross->domains);
    return &cross->renderer;
}

/* SPDX-License-Identifier: MIT */
#include "gpu/context.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "gpu/fence.h"
#include "gpu/gpu.h"
#include "gpu/renderer.h"
#include "gpu/resource.h"

struct context *context_create(struct gpu *gpu, uint32_t id, uint32_t capset, const char *name)
{
    struct context *context;
    int result = quota_take(gpu_quota(gpu, GPU_QUOTA_CONTEXTS), 1);

    if (result < 0) {
        errno = -result;
        return NULL;
    }
    context = calloc(1, sizeof(*context));
    if (context == NULL) {
        quota_give(gpu_quota(gpu, GPU_QUOTA_CONTEXTS), 1);
        return NULL;
    }
    context->gpu = gpu;
    context->node.id = id;
    context->capset = capset;
    context->renderer = gpu_renderer(gpu, capset);
    snprintf(context->name, sizeof(context->name), "%s", name);
    id_map_init(&context->attachments);
    for (unsigned i = 0; i < VIRTIO_GPU_MAX_RINGS; i++)
        TAILQ_INIT(&context->timelines[i]);
    if (id_map_add(&gpu->contexts, &context->node) < 0) {
        quota_give(gpu_quota(gpu, GPU_QUOTA_CONTEXTS), 1);
        free(context);
        errno = EEXIST;
        return NULL;
    }
    gpu->mortal += !context->renderer->impl->outlives;
    gpu_count(gpu);
    return context;
}

void context_discard(struct context *context)
{
    struct gpu *gpu = context->gpu;

    while (context->attachments.count > 0) {
        struct attachment *attachment =
            ID_MAP_OF(id_map_first(&context->attachments), struct attachment, node);

        estate_attachment_gone(attachment);
        attachment_destroy(attachment);
    }
    estate_context_gone(context);
    id_map_remove(&gpu->contexts, &context->node);
    for (unsigned i = 0; i < VIRTIO_GPU_MAX_RINGS; i++)
        fence_disband(&context->timelines[i]);
    gpu->mortal -= !context->renderer->impl->outlives && !context->lost;
    quota_give(gpu_quota(gpu, GPU_QUOTA_CONTEXTS), 1);
    gpu_count(gpu);
    free(context);
}

void context_destroy(struct context *context)
{
    const struct renderer_impl *impl = context->renderer->impl;

    if (impl->context_destroy != NULL && !context->lost)
        impl->context_destroy(context->renderer, context);
    context_discard(context);
}

struct context *context_find(struct gpu *gpu, uint32_t id)
{
    return ID_MAP_OF(id_map_find(&gpu->contexts, id), struct context, node);
}

/* The renderer of the context has to know the resource before it can use it. */
static int make_known(struct context *context, struct resource *resource)
{
    struct renderer *renderer = context->renderer;
    uint8_t bit = (uint8_t)(1u << renderer->index);
    int result;

    if ((resource->known & bit) != 0 || renderer->impl->adopt == NULL || context->lost)
        return 0;
    result = renderer->impl->adopt(renderer, resource);
    if (result == 0)
        resource->known |= bit;
    return result;
}

static void tell_renderer(struct attachment *attachment, bool attached)
{
    struct renderer *renderer = attachment->context->renderer;
    const struct renderer_impl *impl = renderer->impl;

    if (attachment->context->lost)
        return;
    if (attached && impl->attach != NULL)
        impl->attach(renderer, attachment->context, attachment->resource);
    if (!attached && impl->detach != NULL)
        impl->detach(renderer, attachment->context, attachment->resource);
}

int context_attach(struct context *context, struct resource *resource)
{
    struct gpu *gpu = context->gpu;
    int result;
    struct attachment *attachment = attachment_find(&context->attachments, resource->node.id);

    if (attachment != NULL) {
        if (attachment->count == UINT32_MAX)
            return -E2BIG;
        attachment->count++;
        estate_attachment(attachment);
        return 0;
    }
    result = make_known(context, resource);
    if (result < 0)
        return result;
    attachment = attachment_create(&context->attachments, resource->node.id, &resource->attachments,
                                   gpu_quota(gpu, GPU_QUOTA_ATTACHMENTS));
    if (attachment == NULL)
        return -errno;
    attachment->context = context;
    attachment->resource = resource;
    tell_renderer(attachment, true);
    estate_attachment(attachment);
    return 0;
}

int context_detach(struct context *context, uint32_t resource_id)
{
    struct attachment *attachment = attachment_find(&context->attachments, resource_id);

    if (attachment == NULL)
        return -ENOENT;
    if (--attachment->count > 0) {
        estate_attachment(attachment);
        return 0;
    }
    tell_renderer(attachment, false);
    estate_attachment_gone(attachment);
    attachment_destroy(attachment);
    return 0;
}

uint32_t context_check(const struct context *context, struct request *request)
{
    if (!context->lost)
        return VIRTIO_GPU_RESP_OK_NODATA;
    return request_refuse(request, VIRTIO_GPU_RESP_ERR_UNSPEC,
                          "context %u was lost when its worker died", context->node.id);
}

struct resource *context_resource(struct context *context, uint32_t resource_id)
{
    struct attachment *attachment = attachment_find(&context->attachments, resource_id);

    return attachment == NULL ? NULL : attachment->resource;
}

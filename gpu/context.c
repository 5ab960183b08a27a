/* SPDX-License-Identifier: MIT */
#include "gpu/context.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "gpu/gpu.h"
#include "gpu/resource.h"

static int context_enter(struct context *context)
{
    struct renderer *renderer = context->gpu->renderer;
    int result = id_map_add(&context->gpu->contexts, &context->node);

    if (result < 0)
        return result;
    if (renderer->impl->context_create != NULL)
        result = renderer->impl->context_create(renderer, context);
    if (result < 0)
        id_map_remove(&context->gpu->contexts, &context->node);
    return result;
}

struct context *context_create(struct gpu *gpu, uint32_t id, uint32_t capset, const char *name)
{
    struct context *context;
    int result;

    if (gpu->contexts.count >= gpu->limits.contexts) {
        errno = E2BIG;
        return NULL;
    }
    context = calloc(1, sizeof(*context));
    if (context == NULL)
        return NULL;
    context->gpu = gpu;
    context->node.id = id;
    context->capset = capset;
    snprintf(context->name, sizeof(context->name), "%s", name);
    id_map_init(&context->attachments);
    result = context_enter(context);
    if (result < 0) {
        free(context);
        errno = -result;
        return NULL;
    }
    gpu_count(gpu);
    return context;
}

static struct attachment *attachment_of(struct id_node *node)
{
    return ID_MAP_OF(node, struct attachment, node);
}

void context_destroy(struct context *context)
{
    struct gpu *gpu = context->gpu;
    struct renderer *renderer = gpu->renderer;

    while (context->attachments.count > 0)
        attachment_destroy(attachment_of(id_map_first(&context->attachments)));
    if (renderer->impl->context_destroy != NULL)
        renderer->impl->context_destroy(renderer, context);
    id_map_remove(&gpu->contexts, &context->node);
    gpu_count(gpu);
    free(context);
}

struct context *context_find(struct gpu *gpu, uint32_t id)
{
    return ID_MAP_OF(id_map_find(&gpu->contexts, id), struct context, node);
}

int context_attach(struct context *context, struct resource *resource)
{
    struct gpu *gpu = context->gpu;
    struct attachment *attachment =
        attachment_of(id_map_find(&context->attachments, resource->node.id));

    if (attachment != NULL) {
        if (attachment->count == UINT32_MAX)
            return -E2BIG;
        attachment->count++;
        return 0;
    }
    if (gpu->attachments >= gpu->limits.attachments)
        return -E2BIG;
    attachment = calloc(1, sizeof(*attachment));
    if (attachment == NULL)
        return -ENOMEM;
    attachment->node.id = resource->node.id;
    attachment->context = context;
    attachment->resource = resource;
    attachment->count = 1;
    id_map_add(&context->attachments, &attachment->node);
    LIST_INSERT_HEAD(&resource->attachments, attachment, of_resource);
    gpu->attachments++;
    return 0;
}

int context_detach(struct context *context, uint32_t resource_id)
{
    struct attachment *attachment = attachment_of(id_map_find(&context->attachments, resource_id));

    if (attachment == NULL)
        return -ENOENT;
    if (--attachment->count == 0)
        attachment_destroy(attachment);
    return 0;
}

struct resource *context_resource(struct context *context, uint32_t resource_id)
{
    struct attachment *attachment = attachment_of(id_map_find(&context->attachments, resource_id));

    return attachment == NULL ? NULL : attachment->resource;
}

void attachment_destroy(struct attachment *attachment)
{
    attachment->context->gpu->attachments--;
    id_map_remove(&attachment->context->attachments, &attachment->node);
    LIST_REMOVE(attachment, of_resource);
    free(attachment);
}

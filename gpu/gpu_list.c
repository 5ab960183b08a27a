/* SPDX-License-Identifier: MIT */
#include "gpu/gpu_list.h"

#include <stdio.h>
#include <string.h>

#include "device/device_list.h"
#include "gpu/attachment.h"
#include "gpu/context.h"
#include "gpu/gpu.h"
#include "gpu/resource.h"
#include "protocol/memory_stream.h"

#define MOST_OWNERS 16u /* contexts that are named; the others are counted */

/* Drawn by the names of virtio's formats; others are Gallium's, and go by their number. */
static const char *format_name(uint32_t format)
{
    switch (format) {
    case VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM:
        return "B8G8R8A8";
    case VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM:
        return "B8G8R8X8";
    case VIRTIO_GPU_FORMAT_A8R8G8B8_UNORM:
        return "A8R8G8B8";
    case VIRTIO_GPU_FORMAT_X8R8G8B8_UNORM:
        return "X8R8G8B8";
    case VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM:
        return "R8G8B8A8";
    case VIRTIO_GPU_FORMAT_X8B8G8R8_UNORM:
        return "X8B8G8R8";
    case VIRTIO_GPU_FORMAT_A8B8G8R8_UNORM:
        return "A8B8G8R8";
    case VIRTIO_GPU_FORMAT_R8G8B8X8_UNORM:
        return "R8G8B8X8";
    default:
        return NULL;
    }
}

static const char *capset_name(uint32_t capset)
{
    static const char *const names[] = {"none",  "virgl",        "virgl2", "gfxstream",
                                        "venus", "cross-domain", "drm"};

    if (capset == MEMORY_STREAM_CAPSET)
        return "memory";
    return capset < sizeof(names) / sizeof(names[0]) ? names[capset] : "?";
}

static const char *memory_name(uint8_t memory)
{
    return memory == VIRTIO_GPU_BLOB_MEM_GUEST    ? "guest"
           : memory == VIRTIO_GPU_BLOB_MEM_HOST3D ? "host3d"
                                                  : "host3d_guest";
}

static const char *state_name(uint8_t state)
{
    static const char *const names[] = {"unmapped", "mapping", "mapped", "unmapping"};

    return names[state];
}

/* ---- resources ---- */

static void put_blob(struct json_text *to, const struct resource *r)
{
    json_text_string(to, "kind", "blob");
    json_text_string(to, "memory", memory_name(r->memory));
    json_text_number(to, "size", r->bytes);
    json_text_boolean(to, "mappable", (r->flags & VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE) != 0);
    json_text_boolean(to, "cross_device", (r->flags & VIRTIO_GPU_BLOB_FLAG_USE_CROSS_DEVICE) != 0);
}

static void put_image(struct json_text *to, const struct resource *r)
{
    char number[16];
    const char *format = format_name(r->format);

    snprintf(number, sizeof(number), "%u", r->format);
    json_text_string(to, "kind", r->is_image ? "2d" : "3d");
    json_text_number(to, "width", r->width);
    json_text_number(to, "height", r->height);
    json_text_string(to, "format", format != NULL ? format : number);
}

static void put_contexts(struct json_text *to, const struct resource *r)
{
    const struct attachment *attachment;
    unsigned count = 0;

    json_text_open(to, "contexts", '[');
    LIST_FOREACH(attachment, &r->attachments, of_resource)
    if (count++ < MOST_OWNERS)
        json_text_number(to, NULL, attachment->context->node.id);
    json_text_close(to, ']');
    if (count > MOST_OWNERS)
        json_text_number(to, "more_contexts", count - MOST_OWNERS);
}

static void put_scanouts(struct json_text *to, const struct resource *r)
{
    json_text_open(to, "scanouts", '[');
    for (unsigned i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++)
        if ((r->scanouts & 1u << i) != 0)
            json_text_number(to, NULL, i);
    json_text_close(to, ']');
}

static void put_resource(struct json_text *to, const struct resource *r)
{
    json_text_number(to, "id", r->node.id);
    if (r->memory != 0)
        put_blob(to, r);
    else
        put_image(to, r);
    if (r->buffer != NULL)
        json_text_string(to, "buffer", buffer_kind_name(r->buffer->kind));
    json_text_string(to, "state", state_name(r->state));
    if (r->state != RESOURCE_UNMAPPED)
        json_text_number(to, "offset", r->offset);
    json_text_boolean(to, "backing", r->pins != NULL);
    json_text_boolean(to, "shared", r->uuid != NULL);
    put_contexts(to, r);
    put_scanouts(to, r);
}

static void list_resources(struct gpu *gpu, struct device_list *list)
{
    struct id_node *node;

    for (node = id_map_first(&gpu->resources); node != NULL; node = id_map_next(node)) {
        struct json_text *to = device_list_open(list);

        if (to == NULL)
            continue;
        put_resource(to, ID_MAP_OF(node, struct resource, node));
        device_list_close(list);
    }
}

/* ---- contexts ---- */

static void put_context(struct json_text *to, const struct context *c)
{
    json_text_number(to, "id", c->node.id);
    json_text_string(to, "name", c->name);
    json_text_string(to, "capset", capset_name(c->capset));
    json_text_number(to, "capset_id", c->capset);
    json_text_string(to, "renderer", c->renderer != NULL ? c->renderer->impl->name : "");
    json_text_number(to, "resources", c->attachments.count);
    json_text_boolean(to, "lost", c->lost);
}

static void list_contexts(struct gpu *gpu, struct device_list *list)
{
    struct id_node *node;

    for (node = id_map_first(&gpu->contexts); node != NULL; node = id_map_next(node)) {
        struct json_text *to = device_list_open(list);

        if (to == NULL)
            continue;
        put_context(to, ID_MAP_OF(node, struct context, node));
        device_list_close(list);
    }
}

bool gpu_list(struct gpu *gpu, const char *line, int fd, device_answer *answer, void *data)
{
    bool resources = strcmp(line, "resources") == 0;
    struct device_list list;

    if (!resources && strcmp(line, "contexts") != 0)
        return false;
    device_list_init(&list, line, fd);
    if (resources)
        list_resources(gpu, &list);
    else
        list_contexts(gpu, &list);
    device_list_answer(&list, answer, data);
    return true;
}

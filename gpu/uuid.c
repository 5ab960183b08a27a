/* SPDX-License-Identifier: MIT */
#include "gpu/uuid.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/log.h"
#include "gpu/command.h"
#include "gpu/command_resource.h"
#include "gpu/gpu.h"
#include "gpu/picture.h"

/* A random one, as RFC 9562 has it: version 4, variant 10. */
static int make(uint8_t uuid[static UUID_BYTES])
{
    if (getrandom(uuid, UUID_BYTES, GRND_NONBLOCK) != (ssize_t)UUID_BYTES)
        return -EAGAIN;
    uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x40);
    uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
    return 0;
}

/* The descriptor that is all of the resource's memory and nothing else; -1, with the reason. */
static int descriptor_of(struct resource *resource, const char **reason)
{
    const struct buffer *buffer = resource->buffer;

    if (resource->memory != 0 && (resource->flags & VIRTIO_GPU_BLOB_FLAG_USE_CROSS_DEVICE) == 0)
        *reason = "its blob was not made for other devices (CROSS_DEVICE)";
    else if (resource->is_image && resource_picture(resource) == NULL)
        *reason = "its pixels have no memory";
    else if (resource->is_image)
        return resource->picture->fd; /* which stays what it shows, whoever draws with a copy */
    else if (buffer == NULL)
        *reason = "it has no memory of the host's";
    else if (buffer->kind == BUFFER_ARENA)
        *reason = "it lies in the arena; with --mapping=single it would not";
    else if (buffer->fd < 0 || buffer->fd_offset != 0)
        *reason = "it has no descriptor of its own";
    else
        return buffer->fd;
    return -1;
}

static void share(struct resource *resource)
{
    struct device_host *host = resource->gpu->device.host;
    struct uuid *uuid = resource->uuid;
    const char *reason = NULL;
    int fd = descriptor_of(resource, &reason);

    uuid->is_shared = fd >= 0 && host->share_object(host, uuid->bytes, fd) == 0;
    if (!uuid->is_shared)
        log_stranger("Resource %u has a UUID, but other devices cannot have it: %s.",
                     resource->node.id, reason != NULL ? reason : "the door cannot be told");
}

/* Gives it one, of which nobody knows yet. */
static int give(struct resource *resource, const uint8_t bytes[static UUID_BYTES])
{
    struct uuid *uuid = calloc(1, sizeof(*uuid));

    if (uuid == NULL)
        return -ENOMEM;
    memcpy(uuid->bytes, bytes, UUID_BYTES);
    resource->uuid = uuid;
    return 0;
}

/* Finds it a name. */
static int begin(struct resource *resource)
{
    uint8_t bytes[UUID_BYTES];
    int result = make(bytes);

    if (result == 0)
        result = give(resource, bytes);
    if (result < 0)
        return result;
    share(resource);
    estate_uuid(resource);
    return 0;
}

uint32_t uuid_assign(struct gpu *gpu, struct request *request)
{
    struct resource *resource;
    uint32_t type = command_resource_find(gpu, request, &resource);
    int result = 0;

    if (type != VIRTIO_GPU_RESP_OK_NODATA)
        return type;
    if (resource->is_image && resource_picture(resource) == NULL)
        return request_fail(request, -errno, "its pixels have no memory");
    if (resource->uuid == NULL)
        result = begin(resource);
    if (result < 0)
        return request_fail(request, result,
                            result == -EAGAIN ? "the kernel has no random numbers"
                                              : "no UUID could be made");
    writer_put(&request->answer, resource->uuid->bytes, UUID_BYTES);
    return VIRTIO_GPU_RESP_OK_RESOURCE_UUID;
}

int uuid_restore(struct resource *resource, const uint8_t bytes[static UUID_BYTES], uint32_t record)
{
    int result = give(resource, bytes);

    if (result < 0)
        return result;
    resource->uuid->record = record;
    share(resource);
    return 0;
}

void uuid_release(struct resource *resource)
{
    struct device_host *host = resource->gpu->device.host;

    if (resource->uuid == NULL || !resource->uuid->is_shared)
        return;
    host->unshare_object(host, resource->uuid->bytes);
    resource->uuid->is_shared = false;
}

/* SPDX-License-Identifier: MIT */
#include "gpu/command_resource.h"

#include "gpu/answer.h"
#include "gpu/gpu.h"
#include "gpu/hand.h"

static inline uint32_t peek(struct gpu *gpu, struct request *request, struct resource **resource)
{
    uint32_t id = reader_u32(&request->args);

    estate_names(gpu, id);
    *resource = resource_find(gpu, id);
    resource_name(*resource, request);
    if (*resource != NULL)
        return VIRTIO_GPU_RESP_OK_NODATA;
    return request_refuse(request, VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID,
                          "there is no resource %u", id);
}

uint32_t command_resource_peek(struct gpu *gpu, struct request *request, struct resource **resource)
{
    return peek(gpu, request, resource);
}

uint32_t command_resource_find(struct gpu *gpu, struct request *request, struct resource **resource)
{
    uint32_t type = peek(gpu, request, resource);

    if (request_answer_is_error(type) || !resource_is_busy(*resource))
        return type;
    resource_park(*resource, request);
    return REQUEST_PENDING;
}

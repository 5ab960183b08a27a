/* SPDX-License-Identifier: MIT */
#include "gpu/command.h"
#include "gpu/gpu.h"

/* The capsets of all renderers, one after the other. */
static const struct renderer_capset *capset_at(const struct gpu *gpu, uint32_t index)
{
    for (unsigned i = 0; i < gpu->renderer_count; i++) {
        if (index < gpu->renderers[i]->capset_count)
            return &gpu->renderers[i]->capsets[index];
        index -= gpu->renderers[i]->capset_count;
    }
    return NULL;
}

uint32_t capset_get_info(struct gpu *gpu, struct request *request)
{
    uint32_t index = reader_u32(&request->args);
    const struct renderer_capset *capset = capset_at(gpu, index);

    if (capset == NULL)
        return request_refuse(request, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER,
                              "there is no capset number %u", index);
    writer_u32(&request->answer, capset->id);
    writer_u32(&request->answer, capset->max_version);
    writer_u32(&request->answer, capset->size);
    writer_u32(&request->answer, 0);
    return VIRTIO_GPU_RESP_OK_CAPSET_INFO;
}

uint32_t capset_get(struct gpu *gpu, struct request *request)
{
    uint32_t id = reader_u32(&request->args);
    uint32_t version = reader_u32(&request->args);
    const struct renderer_capset *capset = gpu_capset(gpu, id);
    struct renderer *renderer = gpu_renderer(gpu, id);
    uint64_t room = request->chain->writable_size - sizeof(struct virtio_gpu_ctrl_hdr);

    if (capset == NULL || version > capset->max_version)
        return request_refuse(request, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER,
                              "there is no capset %u version %u", id, version);
    if (room < capset->size)
        return request_refuse(request, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER,
                              "%llu bytes have no room for capset %u", (unsigned long long)room,
                              id);
    renderer->impl->fill_capset(renderer, capset, version, &request->answer);
    return VIRTIO_GPU_RESP_OK_CAPSET;
}

/* SPDX-License-Identifier: MIT */
#include "gpu/command.h"
#include "gpu/edid.h"
#include "gpu/gpu.h"

/* The outputs stand side by side. */
uint32_t display_get_info(struct gpu *gpu, struct request *request)
{
    for (uint32_t i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++) {
        bool enabled = i < gpu->config.num_scanouts;

        writer_u32(&request->answer, enabled ? i * gpu->width : 0);
        writer_u32(&request->answer, 0);
        writer_u32(&request->answer, enabled ? gpu->width : 0);
        writer_u32(&request->answer, enabled ? gpu->height : 0);
        writer_u32(&request->answer, enabled);
        writer_u32(&request->answer, 0);
    }
    return VIRTIO_GPU_RESP_OK_DISPLAY_INFO;
}

uint32_t display_get_edid(struct gpu *gpu, struct request *request)
{
    uint32_t scanout = reader_u32(&request->args);
    const struct edid_monitor monitor = {gpu->width, gpu->height, 60, scanout + 1, "hostblob"};
    uint8_t edid[EDID_MAX_SIZE];
    size_t size;

    if (scanout >= gpu->config.num_scanouts)
        return request_refuse(request, VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID,
                              "there is no output %u", scanout);
    size = edid_write(edid, &monitor);
    writer_u32(&request->answer, (uint32_t)size);
    writer_u32(&request->answer, 0);
    writer_put(&request->answer, edid, size);
    writer_zero(&request->answer, 1024 - size);
    return VIRTIO_GPU_RESP_OK_EDID;
}

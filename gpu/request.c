/* SPDX-License-Identifier: MIT */
#include "gpu/request.h"

#include <endian.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpu/hand.h"

#define HEADER_SIZE sizeof(struct virtio_gpu_ctrl_hdr)

/* Copies 'size' bytes of the request, or at least its header: the fence in it wants an answer.
 * Returns 0; -ENOMEM; -EFAULT when it is not in the guest's memory. */
static int request_copy(struct request *request, struct guest_memory *memory, size_t size)
{
    uint8_t *bytes = size > sizeof(request->small) ? malloc(size) : request->small;
    size_t wanted = bytes != NULL ? size : HEADER_SIZE;

    request->bytes = bytes != NULL ? bytes : request->small;
    request->size = chain_read(request->chain, memory, 0, request->bytes, wanted);
    if (bytes == NULL)
        return -ENOMEM;
    return request->size == size ? 0 : -EFAULT;
}

static void request_parse_header(struct request *request)
{
    struct virtio_gpu_ctrl_hdr header;

    reader_init(&request->args, request->bytes, request->size);
    reader_get(&request->args, &header, sizeof(header));
    request->type = le32toh(header.type);
    request->flags = le32toh(header.flags);
    request->fence_id = le64toh(header.fence_id);
    request->ctx_id = le32toh(header.ctx_id);
    request->ring_idx = header.ring_idx;
}

uint32_t request_init(struct request *request, struct gpu *gpu, struct hand *hand,
                      struct chain *chain, struct guest_memory *memory)
{
    uint64_t size = chain->readable_size;
    bool too_long = size > REQUEST_MAX_SIZE;
    int result;

    request->gpu = gpu;
    request->hand = hand;
    request->chain = chain;
    request->tag = chain->tag != 0 ? chain->tag << 1 | hand->queue : 0;
    request->record = 0;
    request->state = REQUEST_WORKS;
    request->kept = false;
    request->resource = NULL;
    request->backing = (struct backing){0};
    request->parked_in = NULL;
    request->timeline = NULL;
    request->settled = false;
    request->asked = false;
    request->said = false;
    result = request_copy(request, memory, too_long ? HEADER_SIZE : (size_t)size);
    request_rewind(request);
    if (request->args.bad) {
        request->type = 0;
        request->flags = 0;
        return request_refuse(request, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER,
                              "there is no whole header in %llu bytes", (unsigned long long)size);
    }
    if (too_long)
        return request_refuse(request, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER,
                              "%llu bytes are too long", (unsigned long long)size);
    if (result == -EFAULT)
        return request_refuse(request, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER,
                              "not all of its %llu bytes are in the guest's memory",
                              (unsigned long long)size);
    if (result < 0)
        return request_fail(request, result, "it could not be read");
    return VIRTIO_GPU_RESP_OK_NODATA;
}

void request_rewind(struct request *request)
{
    request->reason[0] = '\0';
    request->renderer = NULL;
    request_forget_resource(request);
    backing_finish(&request->backing);
    writer_init(&request->answer, request->reply.payload, sizeof(request->reply.payload));
    request_parse_header(request);
}

void request_trace_fence(const struct request *request, enum trace_phase phase)
{
    trace_put(&(struct trace_event){
        .phase = phase,
        .category = "fence",
        .name = virtio_gpu_command_name(request->type),
        .id = request->fence_id + ((uint64_t)request->ctx_id << 40) +
              ((uint64_t)request->ring_idx << 56),
        .args = {{"fence", request->fence_id},
                 {"context", request->ctx_id},
                 {"ring", request->ring_idx}},
    });
}

void request_finish(struct request *request)
{
    if (request->bytes != request->small)
        free(request->bytes);
    request->bytes = request->small;
    request->size = 0;
    request->chain = NULL;
    request_unpark(request);
    request_unfence(request);
    request_forget_resource(request);
    backing_finish(&request->backing);
}

void request_park(struct request *request, struct request_list *list)
{
    request->parked_in = list;
    TAILQ_INSERT_TAIL(list, request, parked);
}

uint32_t request_write_answer(struct request *request, struct guest_memory *memory, uint32_t type)
{
    struct virtio_gpu_ctrl_hdr *header = &request->reply.header;
    uint32_t echo = VIRTIO_GPU_FLAG_FENCE | VIRTIO_GPU_FLAG_INFO_RING_IDX;
    size_t size = sizeof(*header);

    if (request->chain->writable_size < sizeof(*header))
        return 0;
    *header = (struct virtio_gpu_ctrl_hdr){.type = htole32(type)};
    if ((request->flags & VIRTIO_GPU_FLAG_FENCE) != 0) {
        header->flags = htole32(request->flags & echo);
        header->fence_id = htole64(request->fence_id);
        header->ctx_id = htole32(request->ctx_id);
        header->ring_idx = request->ring_idx;
    }
    if (!request_answer_is_error(type))
        size += request->answer.used;
    return (uint32_t)chain_write(request->chain, memory, 0, header, size);
}

uint32_t request_refuse(struct request *request, uint32_t type, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(request->reason, sizeof(request->reason), format, args);
    va_end(args);
    return type;
}

uint32_t request_fail(struct request *request, int error, const char *what)
{
    uint32_t type;

    switch (-error) {
    case ENOMEM:
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
    case E2BIG:
        type = VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
        break;
    case EINVAL:
    case ERANGE:
    case EEXIST:
        type = VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
        break;
    default:
        type = VIRTIO_GPU_RESP_ERR_UNSPEC;
        break;
    }
    request->said = error == -EDQUOT;
    return request_refuse(request, type, "%s: %s", what, strerror(-error));
}

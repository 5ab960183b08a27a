/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "gpu/answer.h"
#include "gpu/command.h"
#include "gpu/context.h"
#include "gpu/gpu.h"
#include "gpu/resource.h"

#define NAME_SIZE 64u

static uint32_t no_context(struct request *request)
{
    return request_refuse(request, VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID, "there is no context %u",
                          request->ctx_id);
}

static uint32_t no_resource(struct request *request, uint32_t id)
{
    return request_refuse(request, VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID,
                          "there is no resource %u", id);
}

/* A guest's bytes must not steer a terminal that shows them. */
static void make_printable(char *text)
{
    for (; *text != '\0'; text++)
        if (*text < ' ' || *text > '~')
            *text = '?';
}

static uint32_t create_result(struct request *request, struct context *context, int result)
{
    if (result == 0) {
        estate_context(context);
        return VIRTIO_GPU_RESP_OK_NODATA;
    }
    context_discard(context);
    return request_fail(request, result, "the renderer made no context");
}

static void create_done(void *data, int result)
{
    struct request *request = data;
    struct context *context = context_find(request->gpu, request->ctx_id);
    uint32_t type = VIRTIO_GPU_RESP_OK_NODATA;

    /* It may have been destroyed meanwhile, and its id be another's. */
    if (context != NULL && context->creating == request) {
        context->creating = NULL;
        type = create_result(request, context, result);
    }
    answer_give(request, type);
}

static uint32_t create(struct gpu *gpu, struct request *request, uint32_t capset, const char *name)
{
    struct context *context;
    struct renderer *renderer;
    int result = 0;

    if (request->ctx_id == 0 || context_find(gpu, request->ctx_id) != NULL)
        return request_refuse(request, VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID,
                              "context %u is 0 or taken", request->ctx_id);
    context = context_create(gpu, request->ctx_id, capset, name);
    if (context == NULL)
        return request_fail(request, -errno, "no context could be made");
    renderer = context->renderer;
    if (renderer->impl->context_create != NULL)
        result = renderer->impl->context_create(renderer, context, create_done, request);
    if (result != -EINPROGRESS)
        return create_result(request, context, result);
    context->creating = request;
    return REQUEST_PENDING;
}

uint32_t context_command_create(struct gpu *gpu, struct request *request)
{
    uint32_t name_size = reader_u32(&request->args);
    uint32_t init = reader_u32(&request->args);
    char name[NAME_SIZE + 1] = "";

    reader_get(&request->args, name, NAME_SIZE);
    if (name_size > NAME_SIZE)
        return request_refuse(request, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER,
                              "a name of %u bytes is too long", name_size);
    name[name_size] = '\0';
    make_printable(name);
    /* The field was padding before the feature came. */
    if (!gpu_has(gpu, 1ull << VIRTIO_GPU_F_CONTEXT_INIT))
        init = 0;
    if (init != 0 && ((init & ~(uint32_t)VIRTIO_GPU_CONTEXT_INIT_CAPSET_ID_MASK) != 0 ||
                      gpu_capset(gpu, init) == NULL))
        return request_refuse(request, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER,
                              "context_init 0x%x is no capset of this device", init);
    return create(gpu, request, init, name);
}

/* Resources live on: the driver unrefs them, and another program may have one mapped. */
uint32_t context_command_destroy(struct gpu *gpu, struct request *request)
{
    struct context *context = context_find(gpu, request->ctx_id);

    if (context == NULL)
        return no_context(request);
    context_destroy(context);
    return VIRTIO_GPU_RESP_OK_NODATA;
}

uint32_t context_command_attach(struct gpu *gpu, struct request *request)
{
    uint32_t id = reader_u32(&request->args);
    struct context *context = context_find(gpu, request->ctx_id);
    struct resource *resource = resource_find(gpu, id);
    int result;

    if (context == NULL)
        return no_context(request);
    if (resource == NULL)
        return no_resource(request, id);
    /* A renderer that did not make it has to see what comes out. */
    if (resource->making && resource_renderer(resource) != context->renderer) {
        resource_park(resource, request);
        return REQUEST_PENDING;
    }
    result = context_attach(context, resource);
    if (result < 0)
        return request_fail(request, result, "the resource could not be attached");
    return VIRTIO_GPU_RESP_OK_NODATA;
}

uint32_t context_command_detach(struct gpu *gpu, struct request *request)
{
    uint32_t id = reader_u32(&request->args);
    struct context *context = context_find(gpu, request->ctx_id);

    if (context == NULL)
        return no_context(request);
    if (context_detach(context, id) < 0)
        return request_refuse(request, VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID,
                              "resource %u is not attached to context %u", id, request->ctx_id);
    return VIRTIO_GPU_RESP_OK_NODATA;
}

static uint32_t submit_result(struct request *request, int result)
{
    if (result < 0)
        return request_fail(request, result, "the command stream ended early");
    return VIRTIO_GPU_RESP_OK_NODATA;
}

static void submit_done(void *data, int result)
{
    struct request *request = data;

    answer_give(request, submit_result(request, result));
}

uint32_t context_command_submit(struct gpu *gpu, struct request *request)
{
    uint32_t size = reader_u32(&request->args);
    struct context *context = context_find(gpu, request->ctx_id);
    int result = 0;

    reader_skip(&request->args, 4);
    if (context == NULL)
        return no_context(request);
    if (size > request->args.left)
        return request_refuse(request, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER,
                              "%u bytes of commands in %zu bytes", size, request->args.left);
    /* An empty stream carries a fence, whatever the context speaks. */
    if (context->lost)
        return size > 0 ? context_check(context, request) : VIRTIO_GPU_RESP_OK_NODATA;
    request->renderer = context->renderer;
    if (size > 0)
        result = context->renderer->impl->submit(context->renderer, context, request->args.at, size,
                                                 submit_done, request);
    return result == -EINPROGRESS ? REQUEST_PENDING : submit_result(request, result);
}

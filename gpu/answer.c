/* SPDX-License-Identifier: MIT */
#include "gpu/answer.h"

#include <errno.h>

#include "gpu/context.h"
#include "gpu/estate.h"
#include "gpu/fence.h"
#include "gpu/gpu.h"
#include "gpu/hand.h"
#include "gpu/renderer.h"

static bool has_fence(const struct request *request)
{
    return (request->flags & VIRTIO_GPU_FLAG_FENCE) != 0;
}

static bool is_of_ring(const struct request *request)
{
    return (request->flags & VIRTIO_GPU_FLAG_INFO_RING_IDX) != 0;
}

void answer_expect(struct request *request)
{
    struct context *context;

    if (!has_fence(request))
        return;
    if (!is_of_ring(request)) {
        fence_enter(&request->gpu->timeline, request);
        return;
    }
    context = context_find(request->gpu, request->ctx_id);
    if (context != NULL && request->ring_idx < VIRTIO_GPU_MAX_RINGS)
        fence_enter(&context->timelines[request->ring_idx], request);
}

static void fence_done(void *data, int result)
{
    fence_settle(data);
}

/* The work was given to a renderer: it says when that is complete. What it cannot fence is. */
static int ask_fence(struct request *request)
{
    struct renderer *renderer = request->renderer;
    struct context *context = NULL;

    if (renderer == NULL || renderer->impl->fence == NULL)
        return 0;
    if (is_of_ring(request)) {
        context = context_find(request->gpu, request->ctx_id);
        if (context == NULL)
            return 0;
    }
    return renderer->impl->fence(renderer, context, request->ring_idx, fence_done, request);
}

/* Most requests change nothing, and are answered at once. */
static inline void commit(struct request *request, bool waits)
{
    const struct estate *estate = &request->gpu->estate;

    if (estate_is_told(estate) && request->record == 0 &&
        (waits || store_is_changed(estate->store)))
        estate_commit(request);
}

void answer_give(struct request *request, uint32_t type)
{
    bool is_done;

    request->result = type;
    if (!has_fence(request)) {
        commit(request, false);
        hand_ready(request);
        return;
    }
    hand_fence(request);
    is_done = request_answer_is_error(type) || ask_fence(request) != -EINPROGRESS;
    commit(request, !is_done || fence_waits(request));
    if (is_done)
        fence_settle(request);
}

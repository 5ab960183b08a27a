/* SPDX-License-Identifier: MIT */
#include "gpu/fence.h"

#include "gpu/hand.h"

void fence_enter(struct request_list *timeline, struct request *request)
{
    request->timeline = timeline;
    TAILQ_INSERT_TAIL(timeline, request, fenced);
    if (TRACE_ON())
        request_trace_fence(request, TRACE_BEGIN);
}

bool fence_waits(const struct request *request)
{
    return request->timeline != NULL && TAILQ_FIRST(request->timeline) != request;
}

void fence_settle(struct request *request)
{
    struct request_list *timeline = request->timeline;

    request->settled = true;
    if (timeline == NULL) {
        hand_ready(request);
        return;
    }
    while ((request = TAILQ_FIRST(timeline)) != NULL && request->settled) {
        request_unfence(request);
        hand_ready(request);
    }
}

void fence_disband(struct request_list *timeline)
{
    struct request *request;

    while ((request = TAILQ_FIRST(timeline)) != NULL) {
        request_unfence(request);
        if (request->settled)
            hand_ready(request);
    }
}

/* SPDX-License-Identifier: MIT */
#include "gpu/fence.h"

#include "gpu/control.h"

void fence_timeline_init(struct fence_timeline *timeline)
{
    TAILQ_INIT(&timeline->requests);
}

void fence_enter(struct fence_timeline *timeline, struct request *request)
{
    request->timeline = timeline;
    TAILQ_INSERT_TAIL(&timeline->requests, request, fenced);
}

void fence_leave(struct request *request)
{
    if (request->timeline != NULL)
        TAILQ_REMOVE(&request->timeline->requests, request, fenced);
    request->timeline = NULL;
}

static void fence_advance(struct fence_timeline *timeline)
{
    struct request *first;

    while ((first = TAILQ_FIRST(&timeline->requests)) != NULL && first->settled) {
        fence_leave(first);
        control_deliver(first);
    }
}

void fence_settle(struct request *request)
{
    request->settled = true;
    if (request->timeline == NULL)
        control_deliver(request);
    else
        fence_advance(request->timeline);
}

void fence_disband(struct fence_timeline *timeline)
{
    struct request *request;

    while ((request = TAILQ_FIRST(&timeline->requests)) != NULL) {
        fence_leave(request);
        if (request->settled)
            control_deliver(request);
    }
}

/* SPDX-License-Identifier: MIT */
#include "media/v4l2_request.h"

#include <errno.h>

#include "media/media.h"
#include "media/v4l2_context.h"

static bool is_about_controls(const struct v4l2_request *request)
{
    return request->call->row->tail == V4L2_IOCTL_TAIL_CONTROLS;
}

static void done(struct v4l2_work *work)
{
    struct v4l2_request *request = (struct v4l2_request *)(void *)work; /* it comes first */
    struct v4l2_context *context = request->context;

    if (request->gone)
        v4l2_context_lose(context);
    if (is_about_controls(request)) {
        int r =
            v4l2_controls_answer(&request->controls, request->call,
                                 context->proxy->media->device.host->memory, request->result == 0);
        request->result = request->result != 0 ? request->result : r;
    }
    v4l2_request_settle(request);
    v4l2_request_finish(request);
    context_answer(&context->context, request->result, request->tail_answer);
}

void v4l2_request_init(struct v4l2_request *request, struct v4l2_context *context)
{
    request->context = context;
    request->work = (struct v4l2_work){.run = v4l2_request_run, .done = done};
}

void v4l2_request_finish(struct v4l2_request *request)
{
    v4l2_controls_finish(&request->controls);
    v4l2_user_finish(&request->user,
                     request->user_buffer != NULL ? &request->user_buffer->user : NULL);
    request->user_buffer = NULL;
    for (unsigned i = 0; i < VIDEO_MAX_PLANES; i++) {
        buffer_destroy(request->had[i].buffer);
        request->had[i].buffer = NULL;
        if (request->had[i].map != NULL)
            request->context->node->calls->munmap(request->had[i].map, request->had[i].length);
        request->had[i].map = NULL;
    }
}

static unsigned long code_of(const struct v4l2_ioctl *row, uint32_t number)
{
    unsigned direction = (row->in ? _IOC_WRITE : 0u) | (row->out ? _IOC_READ : 0u);

    return _IOC(direction, 'V', number, row->size);
}

int v4l2_request_start(struct v4l2_request *request, struct ioctl_call *call)
{
    struct v4l2_context *context = request->context;
    int r;

    if (!v4l2_request_knows(call->number))
        return -ENOTTY;
    if (context->gone)
        return -ENODEV;
    if (context->takeover.work.waiting) {
        context->takeover.call = call;
        return -EINPROGRESS;
    }
    request->call = call;
    request->code = code_of(call->row, call->number);
    request->queue = NULL;
    request->user_buffer = NULL;
    request->is_done = false;
    request->surplus = 0;
    request->anew = false;
    request->result = 0;
    request->tail_answer = 0;
    request->wants_planes = false;
    request->error = 0;
    request->freed = false;
    request->gone = false;
    request->events = 0;
    if (is_about_controls(request)) {
        r = v4l2_controls_init(&request->controls, call, context->proxy->media->device.host->memory,
                               &request->tail_answer);
        call->tail_answer = request->tail_answer;
    } else {
        r = v4l2_request_check(request);
    }
    if (r != 0) {
        v4l2_request_finish(request);
        return r;
    }
    v4l2_lane_give(&context->proxy->lane, &request->work);
    return -EINPROGRESS;
}

/* SPDX-License-Identifier: MIT */
#include "gpu/audience.h"

#include <errno.h>
#include <stdlib.h>

#include "gpu/answer.h"
#include "gpu/request.h"

/* A sink has an update that it is not done with. */
struct audience_wait {
    TAILQ_ENTRY(audience_wait) link; // audience::waits
    struct sink *sink;               /* borrowed */
    unsigned output;
    struct request *request; /* which waits for it; NULL: none does, or not any more */
};

void audience_init(struct audience *audience)
{
    *audience = (struct audience){0};
    SLIST_INIT(&audience->sinks);
    TAILQ_INIT(&audience->waits);
}

void audience_reset(struct audience *audience)
{
    struct audience_wait *wait;

    TAILQ_FOREACH(wait, &audience->waits, link)
    wait->request = NULL;
}

int audience_add(struct audience *audience, struct sink *sink)
{
    const struct sink *other;
    unsigned count = 0;

    SLIST_FOREACH(other, &audience->sinks, link)
    count++;
    if (count >= AUDIENCE_MAX)
        return -ENOSPC;
    SLIST_INSERT_HEAD(&audience->sinks, sink, link);
    return 0;
}

static void wait_end(struct audience *audience, struct audience_wait *wait)
{
    struct request *request = wait->request;

    TAILQ_REMOVE(&audience->waits, wait, link);
    free(wait);
    if (request != NULL)
        audience_part_done(request);
}

static struct audience_wait *wait_of(struct audience *audience, const struct sink *sink)
{
    struct audience_wait *wait;

    TAILQ_FOREACH(wait, &audience->waits, link)
    if (wait->sink == sink)
        return wait;
    return NULL;
}

void audience_remove(struct audience *audience, struct sink *sink)
{
    struct audience_wait *wait;

    SLIST_REMOVE(&audience->sinks, sink, sink, link);
    while ((wait = wait_of(audience, sink)) != NULL)
        wait_end(audience, wait);
}

static bool has(const struct audience *audience, unsigned flag)
{
    const struct sink *sink;

    SLIST_FOREACH(sink, &audience->sinks, link)
    if ((sink->flags & flag) != 0)
        return true;
    return false;
}

bool audience_wants_frames(const struct audience *audience)
{
    return has(audience, SINK_WANTS_FRAMES);
}

bool audience_has_front_end(const struct audience *audience)
{
    return has(audience, SINK_IS_FRONT_END);
}

void audience_tell_scanout(struct audience *audience, unsigned output, uint32_t width,
                           uint32_t height)
{
    struct rect *told = &audience->told[output];
    struct sink *sink;

    if (told->width == width && told->height == height)
        return;
    told->width = width;
    told->height = height;
    SLIST_FOREACH(sink, &audience->sinks, link)
    if (sink->impl->scanout != NULL)
        sink->impl->scanout(sink, output, width, height);
}

/* Without memory nobody waits. */
static void wait_for(struct audience *audience, struct sink *sink, unsigned output,
                     struct request *request)
{
    struct audience_wait *wait = calloc(1, sizeof(*wait));

    if (wait == NULL)
        return;
    *wait = (struct audience_wait){.request = request, .sink = sink, .output = output};
    TAILQ_INSERT_TAIL(&audience->waits, wait, link);
    if (request != NULL)
        request->parts++;
}

void audience_tell_update(struct audience *audience, unsigned output,
                          const struct sink_frame *frame, const struct rect *damage,
                          struct request *request)
{
    struct sink *sink;

    SLIST_FOREACH(sink, &audience->sinks, link)
    if ((sink->flags & SINK_WANTS_FRAMES) != 0 && sink->impl->update != NULL &&
        !sink->impl->update(sink, output, frame, damage))
        wait_for(audience, sink, output, request);
}

void audience_tell_cursor(struct audience *audience, unsigned output,
                          const struct sink_cursor *picture, int32_t x, int32_t y)
{
    struct sink *sink;

    SLIST_FOREACH(sink, &audience->sinks, link)
    if (sink->impl->cursor != NULL)
        sink->impl->cursor(sink, output, picture, x, y);
}

void audience_tell_cursor_move(struct audience *audience, unsigned output, int32_t x, int32_t y)
{
    struct sink *sink;

    SLIST_FOREACH(sink, &audience->sinks, link)
    if (sink->impl->cursor_move != NULL)
        sink->impl->cursor_move(sink, output, x, y);
}

void audience_updated(struct audience *audience, struct sink *sink, unsigned output)
{
    struct audience_wait *wait;

    TAILQ_FOREACH(wait, &audience->waits, link)
    if (wait->sink == sink && wait->output == output)
        break;
    if (wait != NULL)
        wait_end(audience, wait);
}

uint32_t audience_flush_result(struct request *request)
{
    if (request->error == 0)
        return VIRTIO_GPU_RESP_OK_NODATA;
    return request_fail(request, request->error, "the picture cannot be shown");
}

void audience_part_done(struct request *request)
{
    if (--request->parts == 0)
        answer_give(request, audience_flush_result(request));
}

/* SPDX-License-Identifier: MIT */
#include "media/m2m.h"

#include <errno.h>

static unsigned queued_sources(const struct m2m *m2m)
{
    const struct queue_buffer *buffer;
    unsigned n = 0;

    TAILQ_FOREACH(buffer, &m2m->output.queued, entry)
    n++;
    return n;
}

void m2m_leave(const struct context *context, struct m2m_estate *estate)
{
    struct context *base = (struct context *)(uintptr_t)context;
    struct m2m *m2m = m2m_of(base);

    *estate = (struct m2m_estate){
        .output_sequence = m2m->output_sequence,
        .capture_sequence = m2m->capture_sequence,
        .draining = m2m->draining,
        .changing = m2m->changing,
        .owes_last = m2m->owes_last,
        .stopped = m2m->stopped,
        .output = {.type = m2m->output.type},
        .capture = {.type = m2m->capture.type},
    };
    if (m2m->draining)
        estate->behind = queued_sources(m2m) + (m2m->source != NULL) - m2m->drain_left;
    context->impl->g_fmt(base, &m2m->output, &estate->output);
    context->impl->g_fmt(base, &m2m->capture, &estate->capture);
}

int m2m_resume(struct context *context, const struct m2m_estate *estate)
{
    struct m2m *m2m = m2m_of(context);
    struct v4l2_format output = estate->output, capture = estate->capture;
    int r;

    if (output.type != m2m->output.type || capture.type != m2m->capture.type)
        return -EINVAL;
    m2m->left = *estate;
    r = context->impl->s_fmt(context, &m2m->capture, &capture);
    if (r == 0)
        r = context->impl->s_fmt(context, &m2m->output, &output);
    if (r != 0)
        return r;
    capture = estate->capture;
    return context->impl->s_fmt(context, &m2m->capture, &capture);
}

void m2m_resumed(struct context *context)
{
    struct m2m *m2m = m2m_of(context);
    const struct m2m_estate *left = &m2m->left;
    unsigned queued = queued_sources(m2m);

    m2m->output_sequence += left->output_sequence;
    m2m->capture_sequence += left->capture_sequence;
    m2m->changing = left->changing != 0;
    m2m->stopped = left->stopped != 0 && m2m->capture_on;
    m2m->owes_last = left->owes_last != 0 && m2m->capture_on;
    m2m->draining = left->draining != 0 && m2m->output_on;
    if (m2m->draining)
        m2m->drain_left = queued > left->behind ? queued - left->behind : 0;
    m2m_wake(m2m);
}

/* SPDX-License-Identifier: MIT */
#include "media/decoder_context.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "media/media.h"

/* One picture waits in the codec while the guest looks at another. */
#define LEAST_CAPTURE_BUFFERS 2

static const struct control_spec specs[] = {
    {.id = V4L2_CID_MIN_BUFFERS_FOR_CAPTURE,
     .type = V4L2_CTRL_TYPE_INTEGER,
     .name = "Min Number of Capture Buffers",
     .minimum = 1,
     .maximum = VIDEO_MAX_FRAME,
     .step = 1,
     .initial = LEAST_CAPTURE_BUFFERS,
     .flags = V4L2_CTRL_FLAG_READ_ONLY},
};

static const struct control_set_ops controls_ops = {0};

/* ---- what outlives a worker ---- */

struct decoder_estate {
    struct m2m_estate m2m;
    uint32_t wish;
    uint32_t known;
    struct decoder_format stream;
};

_Static_assert(sizeof(struct decoder_estate) <= CONTEXT_MAX_ESTATE, "it fits");

static size_t leave(const struct context *base, void *to)
{
    const struct decoder_context *context = decoder_context_of((struct context *)(uintptr_t)base);
    struct decoder_estate *estate = to;

    memset(estate, 0, sizeof(*estate));
    m2m_leave(base, &estate->m2m);
    estate->wish = context->wish;
    estate->known = context->known;
    estate->stream = context->stream;
    return sizeof(*estate);
}

static bool can_be(const struct decoder_format *stream)
{
    return stream->width > 0 && stream->width <= DECODER_MAX_SIDE && stream->height > 0 &&
           stream->height <= DECODER_MAX_SIDE && (stream->bits == 8 || stream->bits == 10);
}

/* The codec has not seen a key picture of the stream yet. */
static int resume(struct context *base, const void *from, size_t size)
{
    struct decoder_context *context = decoder_context_of(base);
    struct decoder_estate estate;
    int r;

    if (size != sizeof(estate))
        return -EINVAL;
    memcpy(&estate, from, sizeof(estate));
    r = m2m_resume(base, &estate.m2m);
    if (r != 0 || (estate.known && !can_be(&estate.stream)))
        return r != 0 ? r : -EINVAL;
    context->wish = estate.wish;
    if (estate.known)
        decoder_format_learn(context, &estate.stream);
    context->decoder.wants_key = estate.known != 0;
    return 0;
}

static const struct context_impl impl = {
    .enum_fmt = decoder_enum_fmt,
    .g_fmt = decoder_g_fmt,
    .try_fmt = decoder_try_fmt,
    .s_fmt = decoder_s_fmt,
    .enum_framesizes = decoder_enum_framesizes,
    .g_selection = decoder_g_selection,
    .s_selection = decoder_s_selection,
    .decoder_cmd = m2m_decoder_cmd,
    .layout = decoder_layout,
    .has_event = m2m_has_event,
    .busy = m2m_busy,
    .leave = leave,
    .resume = resume,
    .resumed = m2m_resumed,
};

static struct decoder_context *context_of(struct m2m *m2m)
{
    return M2M_OF(m2m, struct decoder_context);
}

static void step(struct m2m *m2m, struct m2m_work *work)
{
    decoder_step(&context_of(m2m)->decoder, work);
}

static void prepare(struct m2m *m2m, struct m2m_work *work)
{
    struct decoder_context *context = context_of(m2m);

    context->decoder.told = context->known ? context->stream : (struct decoder_format){0};
    context->decoder.running = context->running;
    context->decoder.picture = context->running_picture;
    if (m2m->target != NULL && context->decoder.codec->direct)
        decoder_slots_offer(&context->decoder.slots, &m2m->capture, m2m->target,
                            &context->running_picture);
}

/* Says once for each run of pictures how they get to the guest. */
static void tell_way(struct decoder_context *context, bool direct)
{
    const char *reason = context->decoder.slots.reason;

    if (context->way_told)
        return;
    context->way_told = true;
    if (direct)
        log_debug("decoder: pictures are decoded straight into the guest's buffers");
    else
        log_debug("decoder: pictures are copied once: %s",
                  reason != NULL ? reason : "the codec does not decode into buffers of others");
}

static void finished(struct m2m *m2m, const struct m2m_work *work)
{
    struct decoder_context *context = context_of(m2m);
    struct decoder_slots *slots = &context->decoder.slots;
    bool claimed = slots->offer != NULL && slots->offer->claimed;

    decoder_slots_settle(slots, work->kept);
    if (work->filled)
        tell_way(context, work->other != 0 || (claimed && !work->kept));
    if (work->filled && work->other != 0)
        decoder_slots_given(slots, buffer_queue_get(&m2m->capture, work->other - 1));
    decoder_slots_reap(slots, &m2m->capture);
}

/* The oldest buffer that the codec does not look at. */
static struct queue_buffer *pick(struct m2m *m2m)
{
    const struct decoder_slots *slots = &context_of(m2m)->decoder.slots;
    struct queue_buffer *buffer;

    TAILQ_FOREACH(buffer, &m2m->capture.queued, entry)
    if (!decoder_slots_hold(slots, buffer))
        return buffer;
    return NULL;
}

static void stop(struct m2m *m2m, struct buffer_queue *queue)
{
    if (queue == &m2m->capture)
        decoder_slots_detach(&context_of(m2m)->decoder.slots);
}

static bool changed(struct m2m *m2m)
{
    struct decoder_context *context = context_of(m2m);
    const struct decoder_format *found = &context->decoder.found;

    decoder_format_learn(context, found);
    log_debug("decoder: the stream has %ux%u, %u bits", found->width, found->height, found->bits);
    return m2m->capture_on && !decoder_format_fits(found, &context->running);
}

static int start(struct m2m *m2m, struct buffer_queue *queue)
{
    struct decoder_context *context = context_of(m2m);

    if (queue == &m2m->capture) {
        context->running = context->stream;
        context->running_picture = context->picture;
        context->way_told = false;
    }
    return 0;
}

static const struct m2m_ops ops = {
    .work = step,
    .pick = pick,
    .prepare = prepare,
    .finished = finished,
    .changed = changed,
    .start = start,
    .stop = stop,
};

/* All but m2m. 0 or -errno; needs an end either way. */
static int parts_init(struct decoder_context *context, const struct av_library *av)
{
    const struct decoder_codec *first = decoder_codec_offered(av, context->codecs, 0);
    /* To V4L2, a decoder of nothing but JPEG takes pictures one by one, and no program may think
     * that it keeps some back: v4l2-compliance does not want the control there. */
    bool stream = first->fourcc != V4L2_PIX_FMT_MJPEG ||
                  decoder_codec_offered(av, context->codecs, 1) != NULL;
    int r =
        decoder_init(&context->decoder, av, first,
                     &context->m2m.context.media->device.host->quotas[MEDIA_QUOTA_CODEC_MEMORY]);

    if (r == 0)
        r = control_set_init(&context->controls, &context->m2m.context, &controls_ops, specs,
                             stream ? sizeof(specs) / sizeof(specs[0]) : 0);
    return r;
}

static void parts_finish(struct decoder_context *context)
{
    control_set_finish(&context->controls);
    decoder_finish(&context->decoder);
}

struct decoder_context *decoder_context_create(struct media *media, const struct av_library *av,
                                               uint32_t session, bool multiplanar,
                                               const char *codecs)
{
    struct decoder_context *context = calloc(1, sizeof(*context));
    int r;

    if (context == NULL)
        return NULL;
    context->codecs = codecs;
    r = m2m_init(&context->m2m, media, session, multiplanar, &impl, &ops);
    if (r == 0) {
        r = parts_init(context, av);
        if (r == 0) {
            context->m2m.context.controls = &context->controls;
            context->m2m.output.takes_user = true;
            context->m2m.capture.takes_user = true;
            decoder_format_reset(context);
            return context;
        }
        parts_finish(context);
        m2m_finish(&context->m2m);
    }
    free(context);
    errno = -r;
    return NULL;
}

void decoder_context_destroy(struct decoder_context *context)
{
    if (context == NULL)
        return;
    m2m_finish(&context->m2m);
    parts_finish(context);
    free(context);
}

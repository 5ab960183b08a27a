/* SPDX-License-Identifier: MIT */
#include "media/encoder_context.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "media/estate.h"
#include "media/media.h"

struct encoder_context *encoder_context_of(struct context *context)
{
    return M2M_OF(m2m_of(context), struct encoder_context);
}

/* ---- on a thread ---- */

/* 0 or -errno. */
static int put_source(struct encoder_context *context, const struct m2m_work *work)
{
    const struct picture *raw = &context->settings.raw;
    uint8_t *planes[PICTURE_MAX_PLANES];
    int r;

    if (work->source_planes != raw->format->planes)
        return -EINVAL;
    for (unsigned i = 0; i < work->source_planes; i++) {
        planes[i] = work->source[i].data;
        if (work->source[i].size < raw->plane_size[i]) {
            log_stranger("encoder: a picture of %u bytes came, %u are needed", work->source[i].size,
                         raw->plane_size[i]);
            return -EINVAL;
        }
    }
    r = encoder_put(context->encoder, &context->settings, planes, work->source_time,
                    context->step_key);
    if (r != 0)
        log_stranger("encoder: a picture could not be encoded: error %d", -r);
    return r;
}

static void fill_target(struct encoder_context *context, struct m2m_work *work)
{
    struct encoder_output output;
    int r = encoder_take(context->encoder, work->target[0].data, work->target[0].size, &output);

    if (r == -ENODATA)
        return;
    work->filled = true;
    work->target_time = output.time;
    if (r == 0) {
        work->bytesused[0] = output.size;
        work->target_flags = output.flags;
    } else {
        log_stranger("encoder: a picture of %u bytes does not fit into a buffer of %u: ask for a "
                     "lower bit rate, or a larger sizeimage",
                     output.size, work->target[0].size);
        work->target_flags = V4L2_BUF_FLAG_ERROR;
    }
}

static void work_on(struct m2m *m2m, struct m2m_work *work)
{
    struct encoder_context *context = M2M_OF(m2m, struct encoder_context);

    if (work->flush)
        encoder_forget(context->encoder);
    if (work->source_planes > 0)
        work->source_bad = put_source(context, work) != 0;
    if (work->drain && encoder_finish(context->encoder) != 0)
        log_stranger("encoder: the end of a stream is lost");
    if (work->target_planes > 0)
        fill_target(context, work);
    work->pending = encoder_has_output(context->encoder);
    work->ended = work->drain && !work->pending;
}

/* ---- on the loop ---- */

static void prepare(struct m2m *m2m, struct m2m_work *work)
{
    struct encoder_context *context = M2M_OF(m2m, struct encoder_context);

    if (work->source_planes == 0)
        return;
    encoder_controls_copy(context);
    context->step_key = context->key_count > 0 && context->keys[0] <= context->sources;
    if (context->step_key)
        memmove(&context->keys[0], &context->keys[1],
                --context->key_count * sizeof(context->keys[0]));
    context->sources++;
}

/* Those that are queued already come before it. */
void encoder_context_want_key(struct encoder_context *context)
{
    uint64_t number = context->sources;
    struct queue_buffer *buffer;

    TAILQ_FOREACH(buffer, &context->m2m.output.queued, entry)
    number++;
    if (context->key_count > 0 && context->keys[context->key_count - 1] == number)
        return;
    if (context->key_count == ENCODER_MAX_KEYS)
        context->key_count--;
    context->keys[context->key_count++] = number;
}

/* Threads beside the pool's are shared among the sessions: one has all of them. */
static uint32_t threads_for(const struct media *media)
{
    unsigned sessions = media->sessions.map.count, threads = media->jobs.limit;

    return sessions > 1 && threads / sessions > 0 ? threads / sessions : sessions > 1 ? 1 : threads;
}

static int start(struct m2m *m2m, struct buffer_queue *queue)
{
    struct encoder_context *context = M2M_OF(m2m, struct encoder_context);

    if (queue != &m2m->capture)
        return 0;
    context->threads = threads_for(m2m->context.media);
    if (context->coded == V4L2_PIX_FMT_H264)
        encoder_controls_fit_level(context);
    log_debug("encoder: %ux%u to %s with %s, up to %u threads", context->crop.width,
              context->crop.height, encoder_format_name(context->coded),
              encoder_name(context->av, context->coded), context->threads);
    return 0;
}

/* What comes after a stop of the capture queue is a stream of its own. */
static void stop(struct m2m *m2m, struct buffer_queue *queue)
{
    struct encoder_context *context = M2M_OF(m2m, struct encoder_context);

    if (queue == &m2m->capture)
        encoder_forget(context->encoder);
    else
        context->key_count = 0; /* with their sources; the stream begins anew with one */
}

static bool is_empty(const struct m2m *m2m)
{
    return encoder_is_empty(M2M_OF(m2m, const struct encoder_context)->encoder);
}

static const struct m2m_ops encoder_m2m = {
    .both = true,
    .work = work_on,
    .prepare = prepare,
    .is_empty = is_empty,
    .start = start,
    .stop = stop,
};

/* ---- what outlives a worker ---- */

struct encoder_estate {
    struct m2m_estate m2m;
    struct v4l2_rect crop;
    struct v4l2_fract raw_interval, coded_interval;
};

_Static_assert(sizeof(struct encoder_estate) <= CONTEXT_MAX_ESTATE, "it fits");

static size_t leave(const struct context *base, void *to)
{
    const struct encoder_context *context = encoder_context_of((struct context *)(uintptr_t)base);
    struct encoder_estate *estate = to;

    memset(estate, 0, sizeof(*estate));
    m2m_leave(base, &estate->m2m);
    estate->crop = context->crop;
    estate->raw_interval = context->raw_interval;
    estate->coded_interval = context->coded_interval;
    return sizeof(*estate);
}

/* As the guest would set it. */
static int set_interval(struct context *base, struct buffer_queue *queue, struct v4l2_fract wish)
{
    struct v4l2_streamparm parm = {.type = queue->type};

    if (base->impl->s_parm == NULL)
        return 0;
    if (V4L2_TYPE_IS_OUTPUT(queue->type))
        parm.parm.output.timeperframe = wish;
    else
        parm.parm.capture.timeperframe = wish;
    return base->impl->s_parm(base, queue, &parm);
}

static int resume(struct context *base, const void *from, size_t size)
{
    struct encoder_context *context = encoder_context_of(base);
    struct v4l2_selection crop = {.type = V4L2_BUF_TYPE_VIDEO_OUTPUT, .target = V4L2_SEL_TGT_CROP};
    struct encoder_estate estate;
    int r;

    if (size != sizeof(estate))
        return -EINVAL;
    memcpy(&estate, from, sizeof(estate));
    r = m2m_resume(base, &estate.m2m);
    crop.r = estate.crop;
    if (r == 0)
        r = encoder_s_selection(base, &crop);
    if (r == 0)
        r = set_interval(base, &context->m2m.output, estate.raw_interval);
    if (r == 0)
        r = set_interval(base, &context->m2m.capture, estate.coded_interval);
    return r;
}

#define ALL_ENCODERS                                                                               \
    .enum_fmt = encoder_enum_fmt, .g_fmt = encoder_g_fmt, .try_fmt = encoder_try_fmt,              \
    .s_fmt = encoder_s_fmt, .enum_framesizes = encoder_enum_framesizes,                            \
    .g_selection = encoder_g_selection, .s_selection = encoder_s_selection,                        \
    .encoder_cmd = m2m_encoder_cmd, .layout = encoder_layout, .has_event = m2m_has_event,          \
    .busy = m2m_busy, .leave = leave, .resume = resume, .resumed = m2m_resumed

static const struct context_impl stream_impl = {
    ALL_ENCODERS,
    .enum_frameintervals = encoder_enum_frameintervals,
    .g_parm = encoder_g_parm,
    .s_parm = encoder_s_parm,
};

/* Linux has rates of stateful encoders only. */
static const struct context_impl jpeg_impl = {ALL_ENCODERS};

static struct encoder_context *drop(struct encoder_context *context, int error)
{
    control_set_finish(&context->controls);
    encoder_destroy(context->encoder);
    free(context);
    errno = error;
    return NULL;
}

struct encoder_context *encoder_context_create(struct media *media, const struct av_library *av,
                                               uint32_t session, bool multiplanar,
                                               const char *codecs)
{
    struct encoder_context *context = calloc(1, sizeof(*context));
    int r;

    if (context == NULL)
        return NULL;
    context->av = av;
    context->codecs = codecs;
    context->jpeg_alone = encoder_format_jpeg_alone(av, codecs);
    context->encoder = encoder_create(av, &media->device.host->quotas[MEDIA_QUOTA_CODEC_MEMORY]);
    r = encoder_controls_init(context);
    if (context->encoder == NULL || r != 0)
        return drop(context, ENOMEM);
    r = m2m_init(&context->m2m, media, session, multiplanar,
                 context->jpeg_alone ? &jpeg_impl : &stream_impl, &encoder_m2m);
    if (r != 0)
        return drop(context, -r);
    context->m2m.context.controls = &context->controls;
    context->m2m.output.takes_user = true;
    context->m2m.capture.takes_user = true;
    context->m2m.capture.least = ENCODER_CAPTURE_BUFFERS;
    encoder_format_reset(context);
    return context;
}

void encoder_context_destroy(struct encoder_context *context)
{
    m2m_finish(&context->m2m);
    drop(context, 0);
}

/* SPDX-License-Identifier: MIT */
#include "media/m2m.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "media/estate.h"
#include "media/media.h"
#include "media/subscription.h"

/* The guest tells the two queues' buffers apart by their mem_offsets. */
#define CAPTURE_COOKIES (1u << 30)

static struct m2m *m2m_of_job(struct job *job)
{
    return (struct m2m *)(void *)((char *)job - offsetof(struct m2m, job));
}

struct m2m *m2m_of(struct context *context)
{
    return (struct m2m *)(void *)((char *)context - offsetof(struct m2m, context));
}

/* Nothing is done from within an ioctl: what comes of it must not overtake its answer, and a queue
 * streams only when its start has returned. */
void m2m_wake(struct m2m *m2m)
{
    sd_event_source_set_enabled(m2m->later, SD_EVENT_ONESHOT);
}

/* Gets hold of the buffer's bytes. 0 or -errno. */
static int open_buffer(struct queue_buffer *buffer, struct m2m_plane *planes)
{
    for (unsigned i = 0; i < buffer->planes; i++) {
        struct buffer *memory = buffer->plane[i]->buffer;
        int r = buffer_begin(memory, BUFFER_READ | BUFFER_WRITE);

        if (r < 0)
            return r;
        planes[i].data = buffer_data(memory);
        planes[i].size = buffer->plane[i]->size;
        if (planes[i].data == NULL)
            return -errno;
    }
    return 0;
}

static void close_buffer(struct queue_buffer *buffer)
{
    for (unsigned i = 0; i < buffer->planes; i++)
        buffer_end(buffer->plane[i]->buffer, BUFFER_READ | BUFFER_WRITE);
}

static int open_source(struct m2m *m2m)
{
    struct m2m_work *work = &m2m->work;
    int r = open_buffer(m2m->source, work->source);

    for (unsigned i = 0; r == 0 && i < m2m->source->planes; i++) {
        work->source[i].data += m2m->source->data_offset[i];
        work->source[i].size = m2m->source->bytesused[i] - m2m->source->data_offset[i];
    }
    work->source_planes = m2m->source->planes;
    work->source_time = m2m->source->timestamp;
    return r;
}

static int open_target(struct m2m *m2m)
{
    m2m->work.target_planes = m2m->target->planes;
    return open_buffer(m2m->target, m2m->work.target);
}

/* The buffers of the step go back to where they came from, as they were. */
static void untake(struct m2m *m2m)
{
    if (m2m->source != NULL) {
        close_buffer(m2m->source);
        buffer_queue_untake(&m2m->output, m2m->source);
    }
    if (m2m->target != NULL) {
        close_buffer(m2m->target);
        buffer_queue_untake(&m2m->capture, m2m->target);
    }
    m2m->source = NULL;
    m2m->target = NULL;
}

/* The buffer that can be the target; NULL: there is none now. */
static struct queue_buffer *next_target(struct m2m *m2m)
{
    if (!m2m->capture_on)
        return NULL;
    return m2m->ops->pick != NULL ? m2m->ops->pick(m2m) : buffer_queue_next(&m2m->capture);
}

static void give_step(struct m2m *m2m, bool with_source, bool drain)
{
    int r = 0;

    m2m->work = (struct m2m_work){.flush = m2m->flush, .drain = drain};
    m2m->source = with_source ? buffer_queue_take(&m2m->output) : NULL;
    m2m->target = next_target(m2m);
    if (m2m->target != NULL)
        buffer_queue_take_this(&m2m->capture, m2m->target);
    if (m2m->source != NULL)
        r = open_source(m2m);
    if (r == 0 && m2m->target != NULL)
        r = open_target(m2m);
    if (r != 0) {
        log_stranger("a codec's buffers have no memory to work on: error %d", -r);
        untake(m2m);
        return;
    }
    m2m->flush = false;
    if (m2m->ops->prepare != NULL)
        m2m->ops->prepare(m2m, &m2m->work);
    /* Whoever comes after us does not give the source to another codec. */
    estate_context(&m2m->context);
    estate_settle(&m2m->context.media->estate);
    job_give(&m2m->context.media->jobs, &m2m->job);
}

/* Gives the codec what it can do now, if there is anything. */
static void next_step(struct m2m *m2m)
{
    bool source, drain, more;

    if (job_busy(&m2m->job) || !m2m->output_on || (m2m->ops->both && !m2m->capture_on))
        return;
    m2m_give_last(m2m);
    if (m2m->owes_last || m2m->stopped || m2m->changing)
        return;
    if (m2m->pending && !m2m->placed && next_target(m2m) == NULL)
        return;
    more = !m2m->draining || m2m->drain_left > 0;
    source = !m2m->pending && more && buffer_queue_next(&m2m->output) != NULL;
    drain = m2m->draining && m2m->drain_left <= source;
    if (m2m->pending || source || drain)
        give_step(m2m, source, drain);
}

static int on_later(sd_event_source *event, void *data)
{
    next_step(data);
    return 0;
}

static void run(struct job *job)
{
    struct m2m *m2m = m2m_of_job(job);

    m2m->ops->work(m2m, &m2m->work);
}

static void source_done(struct m2m *m2m)
{
    struct queue_buffer *buffer = m2m->source;

    if (buffer == NULL)
        return;
    m2m->source = NULL;
    close_buffer(buffer);
    if (m2m->draining && m2m->drain_left > 0)
        m2m->drain_left--;
    buffer->sequence = m2m->output_sequence++;
    buffer->flags = m2m->work.source_bad ? V4L2_BUF_FLAG_ERROR : 0;
    buffer_queue_done(&m2m->output, buffer);
}

/* Takes leave of the step's target, and returns the buffer that holds the output; NULL: none. */
static struct queue_buffer *take_output(struct m2m *m2m)
{
    const struct m2m_work *work = &m2m->work;
    struct queue_buffer *target = m2m->target;

    m2m->target = NULL;
    if (target != NULL)
        close_buffer(target);
    if (work->filled && work->other == 0)
        return target;
    if (target != NULL && !work->kept)
        buffer_queue_untake(&m2m->capture, target);
    return work->filled ? buffer_queue_get(&m2m->capture, work->other - 1) : NULL;
}

static void target_done(struct m2m *m2m)
{
    const struct m2m_work *work = &m2m->work;
    struct queue_buffer *buffer = take_output(m2m);

    if (buffer == NULL)
        return;
    for (unsigned i = 0; i < buffer->planes; i++)
        buffer->bytesused[i] = work->bytesused[i];
    buffer->timestamp = work->target_time;
    buffer->flags = work->target_flags;
    buffer->sequence = m2m->capture_sequence++;
    buffer_queue_done(&m2m->capture, buffer);
    stats_add(&m2m->context.media->device.host->stats->frames, 1);
}

/* The guest has to look at the format again; if its buffers do not fit, the old ones end with a
 * LAST one. */
static void format_changed(struct m2m *m2m)
{
    bool unfit = m2m->ops->changed(m2m);
    struct v4l2_event event = {.type = V4L2_EVENT_SOURCE_CHANGE};

    m2m->changing = unfit || !m2m->capture_on;
    m2m->owes_last = unfit && m2m->capture_on;
    event.u.src_change.changes = V4L2_EVENT_SRC_CH_RESOLUTION;
    subscription_raise(&m2m->context, NULL, &event);
}

static void done(struct job *job)
{
    struct m2m *m2m = m2m_of_job(job);
    struct m2m_work *work = &m2m->work;

    m2m->pending = work->pending;
    m2m->placed = work->placed;
    if (m2m->ops->finished != NULL)
        m2m->ops->finished(m2m, work);
    source_done(m2m);
    if (work->ended && m2m->draining)
        m2m->owes_last = true;
    target_done(m2m);
    if (work->changed)
        format_changed(m2m);
    m2m_give_last(m2m);
    m2m_wake(m2m);
    estate_context(&m2m->context);
    estate_settle(&m2m->context.media->estate);
    context_settled(&m2m->context); /* may close the session, and with it end this */
}

static int start(struct buffer_queue *queue)
{
    struct m2m *m2m = queue->data;
    int r = m2m->ops->start != NULL ? m2m->ops->start(m2m, queue) : 0;

    if (r != 0)
        return r;
    if (queue == &m2m->output) {
        m2m->output_on = true;
        m2m->output_sequence = 0;
    } else {
        m2m->capture_on = true;
        m2m->capture_sequence = 0;
        m2m->changing = false;
    }
    estate_context(&m2m->context);
    m2m_wake(m2m);
    return 0;
}

/* What was given in is forgotten: a seek. */
static void output_stopped(struct m2m *m2m)
{
    m2m->output_on = false;
    m2m->flush = true;
    m2m->pending = false;
    m2m->placed = false;
    m2m->draining = false;
    m2m->changing = false;
}

/* A drain is given up, but it goes on when the format has changed in its course. */
static void capture_stopped(struct m2m *m2m)
{
    m2m->capture_on = false;
    m2m->placed = false;
    if (!m2m->changing)
        m2m->draining = false;
}

static void stop(struct buffer_queue *queue)
{
    struct m2m *m2m = queue->data;

    /* Busy only at a reset, when all ends. */
    if (job_busy(&m2m->job)) {
        job_take_back(&m2m->context.media->jobs, &m2m->job);
        m2m->pending = m2m->work.pending;
        untake(m2m);
    }
    if (queue == &m2m->output)
        output_stopped(m2m);
    else
        capture_stopped(m2m);
    m2m->owes_last = false;
    m2m->stopped = false;
    if (m2m->ops->stop != NULL)
        m2m->ops->stop(m2m, queue);
    estate_context(&m2m->context);
    m2m_wake(m2m);
}

static void queued(struct buffer_queue *queue)
{
    struct m2m *m2m = queue->data;

    if (m2m->draining)
        estate_context(&m2m->context);
    m2m_wake(m2m);
}

static const struct buffer_queue_ops queue_ops = {start, stop, queued};

static void queues_init(struct m2m *m2m, struct media *media, bool multiplanar)
{
    buffer_queue_init(&m2m->output,
                      multiplanar ? V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE : V4L2_BUF_TYPE_VIDEO_OUTPUT,
                      &media->window, &media->events, &queue_ops, m2m);
    buffer_queue_init(&m2m->capture,
                      multiplanar ? V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE
                                  : V4L2_BUF_TYPE_VIDEO_CAPTURE,
                      &media->window, &media->events, &queue_ops, m2m);
    m2m->output.timestamp_flag = V4L2_BUF_FLAG_TIMESTAMP_COPY;
    m2m->capture.timestamp_flag = V4L2_BUF_FLAG_TIMESTAMP_COPY;
    m2m->capture.cookies = CAPTURE_COOKIES;
}

int m2m_init(struct m2m *m2m, struct media *media, uint32_t session, bool multiplanar,
             const struct context_impl *impl, const struct m2m_ops *ops)
{
    int r;

    *m2m = (struct m2m){.ops = ops, .job = {.run = run, .done = done}};
    queues_init(m2m, media, multiplanar);
    m2m->output.context = m2m->capture.context = session;
    m2m->context = (struct context){.id = session,
                                    .impl = impl,
                                    .media = media,
                                    .capture = &m2m->capture,
                                    .output = &m2m->output};
    r = sd_event_add_defer(media->device.host->loop, &m2m->later, on_later, m2m);
    if (r >= 0)
        r = sd_event_source_set_enabled(m2m->later, SD_EVENT_OFF);
    if (r >= 0)
        r = job_pool_hold(&media->jobs);
    if (r < 0)
        m2m->later = sd_event_source_disable_unref(m2m->later);
    return r < 0 ? r : 0;
}

void m2m_finish(struct m2m *m2m)
{
    if (job_busy(&m2m->job)) {
        job_take_back(&m2m->context.media->jobs, &m2m->job);
        untake(m2m);
    }
    buffer_queue_clear(&m2m->output);
    buffer_queue_clear(&m2m->capture);
    m2m->later = sd_event_source_disable_unref(m2m->later);
    job_pool_release(&m2m->context.media->jobs);
}

uint32_t m2m_caps(bool multiplanar)
{
    return multiplanar ? V4L2_CAP_VIDEO_M2M_MPLANE : V4L2_CAP_VIDEO_M2M;
}

bool m2m_busy(struct context *context)
{
    return job_busy(&m2m_of(context)->job);
}

bool m2m_has_event(struct context *context, uint32_t type, uint32_t id)
{
    if (type == V4L2_EVENT_EOS)
        return true;
    return type == V4L2_EVENT_SOURCE_CHANGE && m2m_of(context)->ops->changed != NULL;
}

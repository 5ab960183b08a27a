/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "media/estate.h"
#include "media/m2m.h"
#include "media/subscription.h"

/* The output before it is out: the guest takes no buffer after this one until it has answered.
 * Returns whether that is the end of a drain. */
static bool last_is_out(struct m2m *m2m)
{
    m2m->owes_last = false;
    m2m->stopped = true;
    if (m2m->changing)
        return false;
    m2m->draining = false;
    return true;
}

/*
 * The LAST buffer is always an empty one, though V4L2 lets the last picture be it: FFmpeg (7.1)
 * asks once more after that one, and the guest's driver wakes nobody up then, as it has no buffer
 * to give. After an empty one FFmpeg asks no more.
 */
void m2m_give_last(struct m2m *m2m)
{
    struct queue_buffer *buffer = m2m->owes_last ? buffer_queue_take(&m2m->capture) : NULL;
    const struct v4l2_event event = {.type = V4L2_EVENT_EOS};
    bool drained;

    if (buffer == NULL)
        return;
    memset(buffer->bytesused, 0, sizeof(buffer->bytesused));
    buffer->timestamp = 0;
    buffer->flags = V4L2_BUF_FLAG_LAST;
    buffer->sequence = m2m->capture_sequence++;
    drained = last_is_out(m2m);
    estate_context(&m2m->context);
    buffer_queue_done(&m2m->capture, buffer);
    if (drained)
        subscription_raise(&m2m->context, NULL, &event);
}

/* Whether the drain that begins has nothing to wait for. */
static bool is_drained(const struct m2m *m2m)
{
    return m2m->drain_left == 0 && !job_busy(&m2m->job) && !m2m->pending && !m2m->flush &&
           m2m->ops->is_empty != NULL && m2m->ops->is_empty(m2m);
}

/* Everything that is queued now is to come out, and then a LAST buffer. */
static int command_stop(struct m2m *m2m)
{
    struct queue_buffer *buffer;

    if (!m2m->output_on || !m2m->capture_on)
        return 0;
    if (m2m->draining)
        return -EBUSY;
    if (m2m->stopped && !m2m->changing)
        return 0;
    m2m->draining = true;
    m2m->drain_left = m2m->source != NULL;
    TAILQ_FOREACH(buffer, &m2m->output.queued, entry)
    m2m->drain_left++;
    /* Before the answer: the guest's driver lets v4l2-ctl (1.30) wait for an output buffer if it
     * has not heard of the end by then, and none will come. */
    if (is_drained(m2m))
        m2m->owes_last = true;
    m2m_give_last(m2m);
    estate_context(&m2m->context);
    m2m_wake(m2m);
    return 0;
}

static int command_start(struct m2m *m2m)
{
    if (m2m->draining && !m2m->stopped)
        return -EBUSY;
    if (m2m->stopped) {
        m2m->stopped = false;
        m2m->changing = false;
    }
    estate_context(&m2m->context);
    m2m_wake(m2m);
    return 0;
}

int m2m_decoder_cmd(struct context *context, struct v4l2_decoder_cmd *cmd, bool only_try)
{
    uint32_t what = cmd->cmd;

    if (what != V4L2_DEC_CMD_START && what != V4L2_DEC_CMD_STOP)
        return -EINVAL;
    *cmd = (struct v4l2_decoder_cmd){.cmd = what};
    if (only_try)
        return 0;
    return what == V4L2_DEC_CMD_STOP ? command_stop(m2m_of(context))
                                     : command_start(m2m_of(context));
}

int m2m_encoder_cmd(struct context *context, struct v4l2_encoder_cmd *cmd, bool only_try)
{
    uint32_t what = cmd->cmd;

    if (what != V4L2_ENC_CMD_START && what != V4L2_ENC_CMD_STOP)
        return -EINVAL;
    *cmd = (struct v4l2_encoder_cmd){.cmd = what};
    if (only_try)
        return 0;
    return what == V4L2_ENC_CMD_STOP ? command_stop(m2m_of(context))
                                     : command_start(m2m_of(context));
}

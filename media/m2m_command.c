/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "media/m2m.h"

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

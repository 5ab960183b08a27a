/* SPDX-License-Identifier: MIT */
#include "tests/points/points.h"

#define SOURCES 4u
#define TARGETS 4u

uint32_t point_codec_cmd(struct point_guest *g, bool only_try, uint32_t cmd)
{
    struct v4l2_decoder_cmd decode = {.cmd = cmd};
    struct v4l2_encoder_cmd encode = {.cmd = cmd};

    _Static_assert(V4L2_DEC_CMD_START == POINT_CMD_START && V4L2_ENC_CMD_START == POINT_CMD_START,
                   "alike");
    _Static_assert(V4L2_DEC_CMD_STOP == POINT_CMD_STOP && V4L2_ENC_CMD_STOP == POINT_CMD_STOP,
                   "alike");
    if (g->subject->has & POINT_DECODER)
        return only_try ? ASK(g, TRY_DECODER_CMD, &decode) : ASK(g, DECODER_CMD, &decode);
    return only_try ? ASK(g, TRY_ENCODER_CMD, &encode) : ASK(g, ENCODER_CMD, &encode);
}

static void give_input(struct point_guest *g)
{
    uint32_t index = (uint32_t)__builtin_ctz(g->sources), size;
    const uint8_t *data = g->subject->input(g->input++, &size);

    g->stamp += 1000;
    g->sources &= ~(1u << index);
    assert_int_equal(point_qbuf_data(g, index, data, size, g->stamp), 0);
}

void point_codec_begin(struct point_guest *g)
{
    assert_int_equal(point_subscribe(g, V4L2_EVENT_EOS, 0, 0), 0);
    g->subject->prepare(g);
    g->sources = (1u << SOURCES) - 1;
    point_allocate(g, g->output, SOURCES);
    assert_int_equal(point_streamon(g, g->output), 0);
    if (!(g->subject->has & POINT_DECODER))
        return;
    assert_int_equal(point_subscribe(g, V4L2_EVENT_SOURCE_CHANGE, 0, 0), 0);
    /* A decoder may want to see some of the stream before it knows. */
    while (g->sources != 0 && !point_comes(g, V4L2_EVENT_SOURCE_CHANGE | POINT_EVENT, 20))
        give_input(g);
    assert_int_equal(point_take_event(g, V4L2_EVENT_SOURCE_CHANGE).u.src_change.changes,
                     V4L2_EVENT_SRC_CH_RESOLUTION);
}

void point_codec_capture(struct point_guest *g, uint32_t count)
{
    count = point_allocate(g, g->capture, count);
    for (uint32_t i = 0; i < count && !g->keeps; i++)
        assert_int_equal(point_qbuf(g, g->capture, i), 0);
    assert_int_equal(point_streamon(g, g->capture), 0);
}

void point_codec_start(struct point_guest *g)
{
    point_codec_begin(g);
    point_codec_capture(g, TARGETS);
}

static void take_capture(struct point_guest *g, struct point_output *out)
{
    struct virtio_media_event_dqbuf event = point_take(g, g->capture);
    uint32_t used =
        V4L2_TYPE_IS_MULTIPLANAR(g->capture) ? event.planes[0].bytesused : event.buffer.bytesused;
    bool last = event.buffer.flags & V4L2_BUF_FLAG_LAST;

    if (used > 0) {
        assert_true(out->count < 256);
        out->times[out->count] = (uint64_t)event.buffer.timestamp.tv_sec * 1000000u +
                                 (uint64_t)event.buffer.timestamp.tv_usec;
        out->flags[out->count] = event.buffer.flags;
        out->indexes[out->count] = event.buffer.index;
        out->sizes[out->count++] = used;
    }
    out->last = out->last || last;
    if (!g->keeps && !last)
        assert_int_equal(point_qbuf(g, g->capture, event.buffer.index), 0);
}

/* Takes what comes within 'ms'; returns whether something came. */
static bool turn(struct point_guest *g, struct point_output *out, unsigned ms)
{
    if (point_comes(g, g->capture, 0)) {
        take_capture(g, out);
        return true;
    }
    if (point_comes(g, g->output, ms)) {
        g->sources |= 1u << point_take(g, g->output).buffer.index;
        return true;
    }
    return false;
}

void point_codec_feed(struct point_guest *g, unsigned count, struct point_output *out)
{
    unsigned idle = 0;

    while (count > 0) {
        if (g->sources == 0) {
            idle = turn(g, out, 10) ? 0 : idle + 1;
            assert_true(idle < 1000);
            continue;
        }
        give_input(g);
        count--;
    }
}

void point_codec_until_last(struct point_guest *g, struct point_output *out)
{
    for (unsigned idle = 0; !out->last; idle++) {
        assert_true(idle < 1000);
        if (turn(g, out, 10))
            idle = 0;
    }
}

void point_codec_drain(struct point_guest *g, struct point_output *out)
{
    assert_int_equal(point_codec_cmd(g, false, POINT_CMD_STOP), 0);
    point_codec_until_last(g, out);
}

/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_FAKE_SINK_H
#define TESTS_UNIT_FAKE_SINK_H

/* A sink that remembers what it was told last, and how often. */
#include "gpu_fixture.h"

#include "gpu/display.h"

struct fake_sink {
    struct sink sink; /* first */
    bool later;       /* updates are answered by the test: display_updated */
    unsigned scanouts, updates, cursors, moves;
    unsigned output; /* of the last of them */
    uint32_t width, height;
    struct sink_frame frame;
    struct rect damage;
    uint8_t pixels[2][4]; /* the damage's first and last */
    bool visible;
    struct sink_cursor cursor;
    int32_t x, y;
};

static inline void fake_sink_scanout(struct sink *sink, unsigned output, uint32_t width,
                                     uint32_t height)
{
    struct fake_sink *fake = (struct fake_sink *)sink;

    fake->scanouts++;
    fake->output = output;
    fake->width = width;
    fake->height = height;
}

static inline bool fake_sink_update(struct sink *sink, unsigned output,
                                    const struct sink_frame *frame, const struct rect *damage)
{
    struct fake_sink *fake = (struct fake_sink *)sink;
    const uint8_t *first = frame->pixels + (size_t)damage->y * frame->stride + damage->x * 4;

    RING_DRIVER_MUST(rect_is_inside(damage, frame->width, frame->height));
    fake->updates++;
    fake->output = output;
    fake->frame = *frame;
    fake->damage = *damage;
    memcpy(fake->pixels[0], first, 4);
    memcpy(fake->pixels[1],
           first + (size_t)(damage->height - 1) * frame->stride + (damage->width - 1) * 4, 4);
    return !fake->later;
}

static inline void fake_sink_cursor(struct sink *sink, unsigned output,
                                    const struct sink_cursor *cursor, int32_t x, int32_t y)
{
    struct fake_sink *fake = (struct fake_sink *)sink;

    fake->cursors++;
    fake->output = output;
    fake->visible = cursor != NULL;
    if (cursor != NULL)
        fake->cursor = *cursor;
    fake->x = x;
    fake->y = y;
}

static inline void fake_sink_move(struct sink *sink, unsigned output, int32_t x, int32_t y)
{
    struct fake_sink *fake = (struct fake_sink *)sink;

    fake->moves++;
    fake->output = output;
    fake->x = x;
    fake->y = y;
}

static inline void fake_sink_destroy(struct sink *sink)
{
    free(sink);
}

static inline struct gpu *gpu_of_fixture(struct gpu_fixture *f)
{
    return (struct gpu *)(void *)f->device;
}

static inline struct fake_sink *fake_sink_add(struct gpu_fixture *f)
{
    static const struct sink_impl impl = {
        .name = "fake",
        .scanout = fake_sink_scanout,
        .update = fake_sink_update,
        .cursor = fake_sink_cursor,
        .cursor_move = fake_sink_move,
        .destroy = fake_sink_destroy,
    };
    struct fake_sink *fake = calloc(1, sizeof(*fake));

    RING_DRIVER_MUST(fake != NULL);
    fake->sink.impl = &impl;
    fake->sink.flags = SINK_WANTS_FRAMES;
    RING_DRIVER_MUST(display_add_sink(&gpu_of_fixture(f)->display, &fake->sink) == 0);
    return fake;
}

#endif

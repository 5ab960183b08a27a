/* SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "fuzz.h"
#include "protocol/cursor.h"
#include "tests/unit/control_table.h"
#include "tests/unit/media_fixture.h"

/*
 * A guest that asks and sets controls of every sort, half right and all wrong, with data that lie
 * anywhere or nowhere, and takes events or does not. What must hold at each step: every value is
 * one that its control can have, and no wish is left over.
 */
struct guest {
    struct media_fixture *f;
    struct context *context;
    struct control_set set;
    struct reader input;
    uint32_t sessions[3];
    unsigned events; /* buffers that the device has */
};

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

static void check_number(const struct control_spec *spec, int64_t value)
{
    if (spec->type == V4L2_CTRL_TYPE_BITMASK)
        MUST((value & ~spec->maximum) == 0);
    else if (spec->type == V4L2_CTRL_TYPE_BUTTON || spec->type == V4L2_CTRL_TYPE_CTRL_CLASS)
        MUST(value == 0);
    else if (!(spec->flags & V4L2_CTRL_FLAG_VOLATILE))
        MUST(value >= spec->minimum && value <= spec->maximum);
    if (spec->type == V4L2_CTRL_TYPE_MENU)
        MUST(((spec->step >> value) & 1) == 0);
}

static void check_data(const struct control *control)
{
    struct v4l2_area area;
    uint16_t numbers[6];

    switch (control->spec->type) {
    case V4L2_CTRL_TYPE_STRING:
        MUST(memchr(control->data, 0, control->size) != NULL);
        MUST(strlen((const char *)control->data) >= (size_t)control->spec->minimum);
        break;
    case V4L2_CTRL_TYPE_AREA:
        memcpy(&area, control->data, sizeof(area));
        MUST(area.width > 0 && area.height > 0);
        break;
    default:
        MUST(control->size == sizeof(numbers));
        memcpy(numbers, control->data, sizeof(numbers));
        for (unsigned i = 0; i < 6; i++)
            MUST(numbers[i] <= 300);
        break;
    }
}

static void check(const struct guest *g)
{
    for (unsigned i = 0; i < g->set.count; i++) {
        const struct control *control = &g->set.controls[i];

        MUST(!control->staged);
        if (control->data != NULL)
            check_data(control);
        else
            check_number(control->spec, control->value);
    }
}

/* Mostly one that is there. */
static uint32_t pick_id(struct guest *g)
{
    uint8_t which = reader_u8(&g->input);
    uint32_t id = which < 230 ? g->set.controls[which % g->set.count].spec->id
                              : reader_u32(&g->input) & 0x0fffffff;

    return which % 16 == 15 ? id | (uint32_t)reader_u8(&g->input) << 24 : id;
}

static uint32_t pick_session(struct guest *g)
{
    return g->sessions[reader_u8(&g->input) % 3];
}

/* Often at the edge of something. */
static int64_t pick_value(struct guest *g)
{
    static const int64_t edges[] = {0,  1,         -1,        2,         3,        4,
                                    50, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};
    uint8_t which = reader_u8(&g->input);

    return which < 200 ? edges[which % 11] : (int64_t)reader_u64(&g->input);
}

static void do_small(struct guest *g)
{
    static const uint8_t codes[] = {_IOC_NR(VIDIOC_QUERYCTRL), _IOC_NR(VIDIOC_QUERYMENU),
                                    _IOC_NR(VIDIOC_G_CTRL), _IOC_NR(VIDIOC_S_CTRL),
                                    _IOC_NR(VIDIOC_QUERY_EXT_CTRL)};
    uint32_t code = codes[reader_u8(&g->input) % 5], id = pick_id(g);
    int64_t value = pick_value(g);
    uint8_t payload[256] = {0};

    memcpy(payload, &id, 4);
    memcpy(payload + 4, &value, 4);
    media_ioctl_raw(g->f, pick_session(g), code, payload, v4l2_ioctl_find(code)->size);
}

/* A place in guest memory with bytes in it, or one that is not there. */
static struct virtio_media_sg pick_place(struct guest *g)
{
    uint8_t how = reader_u8(&g->input);
    struct virtio_media_sg sg = {.len = how % 16};

    sg.start = ring_driver_alloc(&g->f->driver, 16);
    reader_get(&g->input, ring_driver_at(&g->f->driver, sg.start), how % 16);
    if (how >= 240)
        sg.start = reader_u64(&g->input);
    if (how % 64 == 63)
        sg.len = reader_u32(&g->input);
    return sg;
}

static void do_ext(struct guest *g)
{
    static const uint32_t whiches[] = {
        0, 0, 0, 0, 0, V4L2_CTRL_WHICH_DEF_VAL, V4L2_CTRL_WHICH_REQUEST_VAL, V4L2_CTRL_CLASS_USER};
    uint8_t bytes[32 + 8 * 20 + 8 * 16] = {0}, how = reader_u8(&g->input);
    uint32_t code = _IOC_NR(VIDIOC_G_EXT_CTRLS) + how % 3, count = how / 3 % 8, size = 32;
    struct v4l2_ext_controls head = {.which = whiches[reader_u8(&g->input) % 8], .count = count};

    for (uint32_t i = 0; i < count; i++, size += 20) {
        uint8_t room = reader_u8(&g->input);
        struct v4l2_ext_control one = {.id = pick_id(g), .value64 = pick_value(g)};
        const struct control *control = control_set_find(&g->set, one.id);

        if (control != NULL && control->data != NULL)
            one.size = room < 200 ? control->size : room < 250 ? room % 16u : reader_u32(&g->input);
        memcpy(bytes + size, &one, 20);
    }
    for (uint32_t i = reader_u8(&g->input) % 8; i > 0; i--, size += 16) {
        struct virtio_media_sg sg = pick_place(g);

        memcpy(bytes + size, &sg, 16);
    }
    if (how >= 250)
        head.count = reader_u32(&g->input);
    memcpy(bytes, &head, 32);
    media_ioctl_raw(g->f, pick_session(g), code, bytes, size);
}

static void do_subscription(struct guest *g)
{
    uint8_t how = reader_u8(&g->input);
    struct v4l2_event_subscription wish = {
        .type = how < 200 ? V4L2_EVENT_CTRL : how % 7u, .id = pick_id(g), .flags = how % 4u};
    uint32_t session = pick_session(g);

    if (how % 3 == 0)
        MEDIA_IOCTL(g->f, session, UNSUBSCRIBE_EVENT, &wish);
    else
        MEDIA_IOCTL(g->f, session, SUBSCRIBE_EVENT, &wish);
}

static void do_session(struct guest *g)
{
    uint8_t which = reader_u8(&g->input) % 3;

    media_close(g->f, g->sessions[which]);
    MUST(media_open(g->f, &g->sessions[which]) == 0);
}

/* The device changes something by itself. */
static void do_device(struct guest *g)
{
    uint8_t how = reader_u8(&g->input);

    if (how % 2 == 0)
        control_set_put(&g->set, pick_id(g), pick_value(g));
    else
        control_set_mark(&g->set, pick_id(g),
                         how % 4 == 1 ? V4L2_CTRL_FLAG_GRABBED : V4L2_CTRL_FLAG_INACTIVE,
                         how < 128);
    refused = how >= 200 ? pick_id(g) : 0;
}

static void do_events(struct guest *g)
{
    struct virtio_media_event_dqbuf event;
    unsigned count = reader_u8(&g->input) % 8;

    while (media_event(g->f, &event))
        g->events--;
    if (g->events + count >= MEDIA_RING)
        return;
    g->events += count;
    media_post_events(g->f, count, 608);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const steps[])(struct guest *) = {
        do_small,        do_small, do_ext,   do_ext,     do_ext,    do_ext,
        do_subscription, do_ext,   do_small, do_session, do_device, do_events};
    struct control_set *before;
    struct guest g = {0};

    reader_init(&g.input, data, size < 4096 ? size : 4096);
    g.f = media_fixture_create(&(struct media_options){0}, EXPORTER_MEMFD);
    g.context = g.f->media->kind->ops->open(g.f->media->kind, 0);
    before = g.context->controls;
    MUST(control_set_init(&g.set, g.context, &control_ops, control_specs, SPECS) == 0);
    g.context->controls = &g.set;
    for (unsigned i = 0; i < 3; i++)
        MUST(media_open(g.f, &g.sessions[i]) == 0);
    while (!g.input.bad && g.input.left > 0) {
        steps[reader_u8(&g.input) % (sizeof(steps) / sizeof(steps[0]))](&g);
        check(&g);
    }
    g.context->controls = before;
    control_set_finish(&g.set);
    media_fixture_destroy(g.f);
    return 0;
}

void fuzz_shape(uint8_t *data, size_t size, uint64_t (*next)(void))
{
    /* The steps read what they need from anywhere. */
    (void)data;
    (void)size;
    (void)next;
}

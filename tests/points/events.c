/* SPDX-License-Identifier: MIT */
#include "tests/points/points.h"

static uint32_t unsubscribe(struct point_guest *g, uint32_t type, uint32_t id)
{
    struct v4l2_event_subscription wish = {.type = type, .id = id};

    return ASK(g, UNSUBSCRIBE_EVENT, &wish);
}

/* A number that can be set; id 0 if there is none. */
static struct v4l2_queryctrl some_control(struct point_guest *g)
{
    struct v4l2_queryctrl query = {.id = V4L2_CTRL_FLAG_NEXT_CTRL};

    for (; ASK(g, QUERYCTRL, &query) == 0; query.id |= V4L2_CTRL_FLAG_NEXT_CTRL)
        if ((query.type == V4L2_CTRL_TYPE_INTEGER || query.type == V4L2_CTRL_TYPE_BOOLEAN) &&
            !(query.flags & (V4L2_CTRL_FLAG_READ_ONLY | V4L2_CTRL_FLAG_GRABBED)) &&
            query.minimum < query.maximum)
            return query;
    return (struct v4l2_queryctrl){0};
}

static void set(struct point_guest *g, uint32_t id, int32_t value)
{
    struct v4l2_control control = {id, value};

    assert_int_equal(ASK(g, S_CTRL, &control), 0);
}

static int32_t other_value(const struct v4l2_queryctrl *query)
{
    return query->default_value == query->minimum ? query->maximum : query->minimum;
}

#define CTRL_COMES(g, ms) point_comes(g, V4L2_EVENT_CTRL | POINT_EVENT, ms)

static void unknown_events(struct point_guest *g)
{
    static const uint32_t types[] = {V4L2_EVENT_ALL, V4L2_EVENT_VSYNC, V4L2_EVENT_MOTION_DET, 77,
                                     V4L2_EVENT_PRIVATE_START};

    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(point_subscribe(g, types[i], 0, 0), EINVAL);
    assert_int_equal(point_subscribe(g, V4L2_EVENT_CTRL, 0, 0), EINVAL);
    assert_int_equal(point_subscribe(g, V4L2_EVENT_CTRL, V4L2_CID_BASE + 0xfff, 0), EINVAL);
}

static void unsubscribing_is_always_well(struct point_guest *g)
{
    assert_int_equal(unsubscribe(g, V4L2_EVENT_EOS, 0), 0);
    assert_int_equal(unsubscribe(g, V4L2_EVENT_CTRL, V4L2_CID_BASE + 0xfff), 0);
    assert_int_equal(unsubscribe(g, V4L2_EVENT_ALL, 0), 0);
    assert_int_equal(unsubscribe(g, V4L2_EVENT_ALL, 0), 0);
}

static void every_control_can_be_subscribed(struct point_guest *g)
{
    struct v4l2_query_ext_ctrl query = {.id = 0};

    for (;;) {
        query.id |= V4L2_CTRL_FLAG_NEXT_CTRL | V4L2_CTRL_FLAG_NEXT_COMPOUND;
        if (ASK(g, QUERY_EXT_CTRL, &query) != 0)
            break;
        assert_int_equal(
            point_subscribe(g, V4L2_EVENT_CTRL, query.id, V4L2_EVENT_SUB_FL_SEND_INITIAL), 0);
        if (query.type == V4L2_CTRL_TYPE_CTRL_CLASS) {
            assert_false(CTRL_COMES(g, 0));
            continue;
        }
        assert_true(CTRL_COMES(g, 0)); /* before the answer to the ioctl */
        assert_int_equal(point_take_event(g, V4L2_EVENT_CTRL).id, query.id);
        assert_int_equal(unsubscribe(g, V4L2_EVENT_CTRL, query.id), 0);
    }
}

static void the_first_event_says_all(struct point_guest *g)
{
    struct v4l2_queryctrl query = some_control(g);
    struct v4l2_event event;

    if (query.id == 0)
        return;
    assert_int_equal(point_subscribe(g, V4L2_EVENT_CTRL, query.id, V4L2_EVENT_SUB_FL_SEND_INITIAL),
                     0);
    event = point_take_event(g, V4L2_EVENT_CTRL);
    assert_int_equal(event.u.ctrl.changes, V4L2_EVENT_CTRL_CH_VALUE | V4L2_EVENT_CTRL_CH_FLAGS);
    assert_int_equal(event.u.ctrl.type, query.type);
    assert_int_equal(event.u.ctrl.value, query.default_value);
    assert_int_equal(event.u.ctrl.flags, query.flags);
    assert_int_equal(event.u.ctrl.minimum, query.minimum);
    assert_int_equal(event.u.ctrl.maximum, query.maximum);
    assert_int_equal(event.u.ctrl.step, query.step);
    assert_int_equal(event.u.ctrl.default_value, query.default_value);
    assert_int_equal(event.pending, 0);
    assert_true(event.timestamp.tv_sec > 0 || event.timestamp.tv_nsec > 0);
    /* Again, to no effect. */
    assert_int_equal(point_subscribe(g, V4L2_EVENT_CTRL, query.id, V4L2_EVENT_SUB_FL_SEND_INITIAL),
                     0);
    assert_false(CTRL_COMES(g, 10));
}

static void who_sets_is_not_told(struct point_guest *g)
{
    struct v4l2_queryctrl query = some_control(g);
    struct v4l2_event event;

    if (query.id == 0)
        return;
    assert_int_equal(point_subscribe(g, V4L2_EVENT_CTRL, query.id, 0), 0);
    set(g, query.id, other_value(&query));
    assert_false(CTRL_COMES(g, 10));
    assert_int_equal(unsubscribe(g, V4L2_EVENT_CTRL, query.id), 0);
    assert_int_equal(
        point_subscribe(g, V4L2_EVENT_CTRL, query.id, V4L2_EVENT_SUB_FL_ALLOW_FEEDBACK), 0);
    set(g, query.id, query.default_value);
    event = point_take_event(g, V4L2_EVENT_CTRL);
    assert_int_equal(event.id, query.id);
    assert_int_equal(event.u.ctrl.changes, V4L2_EVENT_CTRL_CH_VALUE);
    assert_int_equal(event.u.ctrl.value, query.default_value);
    set(g, query.id, query.default_value); /* nothing has changed */
    assert_false(CTRL_COMES(g, 10));
    assert_int_equal(unsubscribe(g, V4L2_EVENT_ALL, 0), 0);
    set(g, query.id, other_value(&query));
    assert_false(CTRL_COMES(g, 10));
}

static void others_are_told(struct point_guest *g)
{
    struct point_guest *other = calloc(1, sizeof(*other));
    struct v4l2_queryctrl query = some_control(g);
    struct virtio_media_event_dqbuf any;

    if (query.id != 0) {
        point_guest_open(other, g);
        assert_int_equal(point_subscribe(g, V4L2_EVENT_CTRL, query.id, 0), 0);
        set(other, query.id, other_value(&query));
        any = point_take(g, V4L2_EVENT_CTRL | POINT_EVENT);
        assert_int_equal(any.hdr.session_id, g->session);
    }
    free(other);
}

/* The guest gives no buffers for events for a while. */
static void events_are_merged(struct point_guest *g)
{
    struct v4l2_queryctrl query = some_control(g);
    struct virtio_media_event_dqbuf any;
    struct virtio_media_event_event event;

    if (query.id == 0)
        return;
    assert_int_equal(
        point_subscribe(g, V4L2_EVENT_CTRL, query.id, V4L2_EVENT_SUB_FL_ALLOW_FEEDBACK), 0);
    for (unsigned i = 0; i < POINT_EVENT_BUFFERS + 6; i++)
        set(g, query.id, i % 2 ? query.default_value : other_value(&query));
    for (unsigned i = 0; i < POINT_EVENT_BUFFERS; i++)
        assert_true(media_event(g->f, &any));
    assert_false(media_event(g->f, &any));
    media_post_events(g->f, 8, 608);
    assert_true(media_event(g->f, &any));
    memcpy(&event, &any, sizeof(event));
    assert_int_equal(event.event.u.ctrl.value, query.default_value); /* the newest */
    assert_int_equal(event.event.sequence, POINT_EVENT_BUFFERS + 5); /* those lost are counted */
    assert_false(media_event(g->f, &any));
}

static void a_close_takes_events_along(struct point_guest *g)
{
    struct point_guest *other = calloc(1, sizeof(*other));
    struct v4l2_queryctrl query = some_control(g);
    struct virtio_media_event_dqbuf any;

    point_guest_open(other, g);
    if (query.id != 0) {
        assert_int_equal(
            point_subscribe(other, V4L2_EVENT_CTRL, query.id, V4L2_EVENT_SUB_FL_ALLOW_FEEDBACK), 0);
        for (unsigned i = 0; i < POINT_EVENT_BUFFERS + 1; i++)
            set(other, query.id, i % 2 ? query.default_value : other_value(&query));
        while (media_event(g->f, &any))
            assert_int_equal(any.hdr.session_id, other->session);
        assert_int_equal(media_close(g->f, other->session), NO_ANSWER);
        media_post_events(g->f, 8, 608);
        assert_false(media_event(g->f, &any)); /* the one that waited is gone */
    }
    free(other);
}

POINTS(point_events,
       {"VIDIOC_SUBSCRIBE_EVENT", "EINVAL for an event that never comes, and for ALL",
        unknown_events, 0},
       {"VIDIOC_UNSUBSCRIBE_EVENT", "of what was not subscribed, and of ALL, is no error",
        unsubscribing_is_always_well, 0},
       {"VIDIOC_SUBSCRIBE_EVENT", "every control can be, and SEND_INITIAL comes at once",
        every_control_can_be_subscribed, 0},
       {"VIDIOC_SUBSCRIBE_EVENT", "the initial event says value, flags and range, once",
        the_first_event_says_all, 0},
       {"VIDIOC_SUBSCRIBE_EVENT", "who sets a control is told only with ALLOW_FEEDBACK",
        who_sets_is_not_told, 0},
       {"VIDIOC_DQEVENT", "another program's change of a control of the node is told",
        others_are_told, POINT_CAMERA},
       {"VIDIOC_DQEVENT", "events that wait become one, the newest; sequence counts the lost",
        events_are_merged, 0},
       {"close", "events that wait for the one who closes do not come", a_close_takes_events_along,
        0});

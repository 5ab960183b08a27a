/* SPDX-License-Identifier: MIT */
#include "control_fixture.h"

/* The ioctls of controls, with data that lie scattered in the guest's memory. */

/* A call with up to 4 controls, and up to 8 pieces of data behind them. */
struct ext_payload {
    struct v4l2_ext_controls head;
    struct v4l2_ext_control controls[4];
    struct virtio_media_sg sg[8];
};

static uint32_t ext_raw(struct on_device *on, uint32_t session, uint32_t code,
                        struct ext_payload *call, unsigned pieces)
{
    uint8_t bytes[sizeof(*call)];
    size_t head = sizeof(call->head) + call->head.count * sizeof(call->controls[0]);
    size_t tail = pieces * sizeof(call->sg[0]);
    uint32_t status;

    memcpy(bytes, call, head);
    memcpy(bytes + head, call->sg, tail);
    status = media_ioctl_raw(on->f, session, code, bytes, (uint32_t)(head + tail));
    memcpy(call, bytes, head);
    return status;
}

#define EXT(on, session, name, call, pieces)                                                       \
    ext_raw(on, session, _IOC_NR(VIDIOC_##name), call, pieces)

/* Puts bytes into guest memory in pieces of at most 'piece', far from each other, and lists them.
 * Returns the number of pieces. */
static unsigned place(struct on_device *on, struct virtio_media_sg *sg, const void *bytes,
                      uint32_t size, uint32_t piece)
{
    unsigned count = 0;

    for (uint32_t at = 0; at < size; at += piece, count++) {
        uint32_t part = size - at < piece ? size - at : piece;

        sg[count] = (struct virtio_media_sg){ring_driver_alloc(&on->f->driver, 64), part, 0};
        memcpy(ring_driver_at(&on->f->driver, sg[count].start), (const uint8_t *)bytes + at, part);
    }
    return count;
}

static void gather(struct on_device *on, const struct virtio_media_sg *sg, unsigned count,
                   void *bytes)
{
    uint8_t *to = bytes;

    for (unsigned i = 0; i < count; to += sg[i].len, i++)
        memcpy(to, ring_driver_at(&on->f->driver, sg[i].start), sg[i].len);
}

static void test_query_walks(void **state)
{
    struct on_device *on = *state;
    uint32_t session = media_session(on->f), found = 0, last = 0;
    struct v4l2_query_ext_ctrl query = {.id = V4L2_CTRL_FLAG_NEXT_CTRL |
                                              V4L2_CTRL_FLAG_NEXT_COMPOUND};
    struct v4l2_queryctrl small = {.id = V4L2_CTRL_FLAG_NEXT_CTRL};

    for (; MEDIA_IOCTL(on->f, session, QUERY_EXT_CTRL, &query) == 0; found++) {
        assert_true(query.id > last);
        last = query.id;
        query = (struct v4l2_query_ext_ctrl){.id = last | V4L2_CTRL_FLAG_NEXT_CTRL |
                                                   V4L2_CTRL_FLAG_NEXT_COMPOUND};
    }
    assert_int_equal(found, on->set.count);
    for (found = 0; MEDIA_IOCTL(on->f, session, QUERYCTRL, &small) == 0; found++)
        small.id |= V4L2_CTRL_FLAG_NEXT_CTRL;
    assert_int_equal(found, on->set.count - 2);
    query.id = V4L2_CTRL_FLAG_NEXT_COMPOUND;
    assert_int_equal(MEDIA_IOCTL(on->f, session, QUERY_EXT_CTRL, &query), 0);
    assert_int_equal(query.id, PLACE);
    query.id |= V4L2_CTRL_FLAG_NEXT_COMPOUND;
    assert_int_equal(MEDIA_IOCTL(on->f, session, QUERY_EXT_CTRL, &query), 0);
    assert_int_equal(query.id, GRID);
    query.id |= V4L2_CTRL_FLAG_NEXT_COMPOUND;
    assert_int_equal(MEDIA_IOCTL(on->f, session, QUERY_EXT_CTRL, &query), EINVAL);
    query.id = V4L2_CID_GAIN;
    assert_int_equal(MEDIA_IOCTL(on->f, session, QUERY_EXT_CTRL, &query), EINVAL);
}

static void test_query_describes(void **state)
{
    struct on_device *on = *state;
    uint32_t session = media_session(on->f);
    struct v4l2_query_ext_ctrl query = {.id = GRID};
    struct v4l2_queryctrl small = {.id = LONG};
    struct v4l2_querymenu menu = {.id = ITEMS, .index = 1};

    memset(query.reserved, 0xff, sizeof(query.reserved));
    assert_int_equal(MEDIA_IOCTL(on->f, session, QUERY_EXT_CTRL, &query), 0);
    assert_int_equal(query.type, V4L2_CTRL_TYPE_U16);
    assert_string_equal(query.name, "Grid");
    assert_int_equal(query.flags, V4L2_CTRL_FLAG_HAS_PAYLOAD);
    assert_int_equal(query.elem_size, 2);
    assert_int_equal(query.elems, 6);
    assert_int_equal(query.nr_of_dims, 2);
    assert_int_equal(query.dims[0] * 10 + query.dims[1], 23);
    assert_int_equal(query.reserved[31], 0);
    assert_int_equal(MEDIA_IOCTL(on->f, session, QUERYCTRL, &small), 0);
    assert_int_equal(small.minimum, 0); /* 64 bits do not fit */
    assert_int_equal(small.maximum, 0);
    assert_int_equal(MEDIA_IOCTL(on->f, session, QUERYMENU, &menu), 0);
    assert_string_equal((char *)menu.name, "b");
    menu.index = 2;
    assert_int_equal(MEDIA_IOCTL(on->f, session, QUERYMENU, &menu), EINVAL);
    menu.index = 4;
    assert_int_equal(MEDIA_IOCTL(on->f, session, QUERYMENU, &menu), EINVAL);
    menu = (struct v4l2_querymenu){.id = RATES, .index = 2};
    assert_int_equal(MEDIA_IOCTL(on->f, session, QUERYMENU, &menu), 0);
    assert_int_equal(menu.value, 60);
    menu.id = V4L2_CID_BRIGHTNESS;
    assert_int_equal(MEDIA_IOCTL(on->f, session, QUERYMENU, &menu), EINVAL);
}

static uint32_t s_ctrl(struct on_device *on, uint32_t session, uint32_t id, int32_t *value)
{
    struct v4l2_control control = {id, *value};
    uint32_t status = MEDIA_IOCTL(on->f, session, S_CTRL, &control);

    *value = control.value;
    return status;
}

static uint32_t g_ctrl(struct on_device *on, uint32_t session, uint32_t id, int32_t *value)
{
    struct v4l2_control control = {id, *value};
    uint32_t status = MEDIA_IOCTL(on->f, session, G_CTRL, &control);

    *value = control.value;
    return status;
}

static void test_small_calls(void **state)
{
    struct on_device *on = *state;
    uint32_t session = media_session(on->f);
    int32_t value = 1000;

    assert_int_equal(s_ctrl(on, session, V4L2_CID_BRIGHTNESS, &value), 0);
    assert_int_equal(value, 50);
    assert_int_equal(g_ctrl(on, session, V4L2_CID_BRIGHTNESS, &value), 0);
    assert_int_equal(value, 50);
    assert_int_equal(g_ctrl(on, session, V4L2_CID_CONTRAST, &value), 0); /* volatile */
    assert_int_equal(value, 129);
    assert_int_equal(s_ctrl(on, session, V4L2_CID_CONTRAST, &value), EACCES);
    assert_int_equal(g_ctrl(on, session, V4L2_CID_DO_WHITE_BALANCE, &value), EACCES);
    assert_int_equal(s_ctrl(on, session, V4L2_CID_DO_WHITE_BALANCE, &value), 0);
    assert_int_equal(s_ctrl(on, session, V4L2_CID_DO_WHITE_BALANCE, &value), 0);
    assert_int_equal(changes, 3); /* each press counts */
    value = -1;
    assert_int_equal(s_ctrl(on, session, BITS, &value), 0);
    assert_int_equal((uint32_t)value, 0x80000005);
    value = 2;
    assert_int_equal(s_ctrl(on, session, ITEMS, &value), EINVAL);
    value = 9;
    assert_int_equal(s_ctrl(on, session, ITEMS, &value), ERANGE);
    assert_int_equal(g_ctrl(on, session, LONG, &value), EINVAL);
    assert_int_equal(g_ctrl(on, session, TITLE, &value), EINVAL);
    assert_int_equal(g_ctrl(on, session, GRID, &value), EINVAL);
    assert_int_equal(g_ctrl(on, session, V4L2_CID_USER_CLASS, &value), EACCES);
    assert_int_equal(s_ctrl(on, session, V4L2_CID_USER_CLASS, &value), EACCES);
    control_set_mark(&on->set, V4L2_CID_HFLIP, V4L2_CTRL_FLAG_GRABBED, true);
    assert_int_equal(s_ctrl(on, session, V4L2_CID_HFLIP, &value), EBUSY);
}

static void test_data_go_both_ways(void **state)
{
    struct on_device *on = *state;
    uint32_t session = media_session(on->f);
    struct ext_payload call = {.head = {.count = 4}};
    const uint16_t wish[6] = {7, 301, 9, 10, 11, 12}, fitted[6] = {7, 300, 9, 10, 11, 12};
    uint16_t answer[6];
    char text[9];
    unsigned grid, title;

    call.controls[0] = (struct v4l2_ext_control){.id = V4L2_CID_BRIGHTNESS, .value = -1000};
    call.controls[1] = (struct v4l2_ext_control){.id = GRID, .size = sizeof(wish)};
    call.controls[2] = (struct v4l2_ext_control){.id = LONG, .value64 = (1ll << 40) + 1};
    call.controls[3] = (struct v4l2_ext_control){.id = TITLE, .size = 9};
    grid = place(on, call.sg, wish, sizeof(wish), 5);
    title = place(on, call.sg + grid, "guest it", 9, 4);
    assert_int_equal(EXT(on, session, TRY_EXT_CTRLS, &call, grid + title), 0);
    assert_int_equal(changes, 0);
    assert_int_equal(call.controls[0].value, -50);
    gather(on, call.sg, grid, answer);
    assert_memory_equal(answer, fitted, sizeof(fitted));

    assert_int_equal(EXT(on, session, S_EXT_CTRLS, &call, grid + title), 0);
    assert_int_equal(call.head.error_idx, 4);
    assert_int_equal(changes, 4);
    assert_int_equal(control_set_value(&on->set, LONG), 1ll << 40);
    assert_memory_equal(control_set_find(&on->set, GRID)->data, fitted, sizeof(fitted));

    place(on, call.sg, "??????????????", 12, 5);
    place(on, call.sg + grid, "?????????", 9, 4);
    assert_int_equal(EXT(on, session, G_EXT_CTRLS, &call, grid + title), 0);
    gather(on, call.sg, grid, answer);
    gather(on, call.sg + grid, title, text);
    assert_memory_equal(answer, fitted, sizeof(fitted));
    assert_string_equal(text, "guest it");
    assert_int_equal(call.controls[2].value64, 1ll << 40);

    call.head.which = V4L2_CTRL_WHICH_DEF_VAL;
    assert_int_equal(EXT(on, session, G_EXT_CTRLS, &call, grid + title), 0);
    gather(on, call.sg, grid, answer);
    assert_int_equal(answer[5], 5);
    assert_int_equal(call.controls[0].value, 7);
}

static void test_sizes(void **state)
{
    struct on_device *on = *state;
    uint32_t session = media_session(on->f);
    struct ext_payload call = {.head = {.count = 1}};
    uint8_t bytes[32];
    unsigned pieces;

    call.controls[0] = (struct v4l2_ext_control){.id = GRID};
    assert_int_equal(EXT(on, session, G_EXT_CTRLS, &call, 0), ENOSPC);
    assert_int_equal(call.controls[0].size, 12);
    call.controls[0].size = 11;
    pieces = place(on, call.sg, "???????????", 11, 11);
    assert_int_equal(EXT(on, session, S_EXT_CTRLS, &call, pieces), EFAULT);
    assert_int_equal(EXT(on, session, G_EXT_CTRLS, &call, pieces), ENOSPC);
    assert_int_equal(call.controls[0].size, 12);
    call.controls[0] = (struct v4l2_ext_control){.id = TITLE, .size = 4}; /* "none" needs 5 */
    pieces = place(on, call.sg, "????", 4, 4);
    assert_int_equal(EXT(on, session, G_EXT_CTRLS, &call, pieces), ENOSPC);
    assert_int_equal(call.controls[0].size, 9);
    /* More room than needed: the size is brought down. */
    call.controls[0] = (struct v4l2_ext_control){.id = GRID, .size = 32};
    memset(bytes, '?', sizeof(bytes));
    pieces = place(on, call.sg, bytes, 32, 10);
    assert_int_equal(EXT(on, session, G_EXT_CTRLS, &call, pieces), 0);
    assert_int_equal(call.controls[0].size, 12);
    call.sg[0].len = call.sg[1].len = 10;
    gather(on, call.sg, pieces, bytes);
    assert_int_equal(bytes[11], 0);
    assert_int_equal(bytes[12], '?');
    /* More data than needed: the rest is not read, wherever it lies. */
    call.controls[0].size = 32;
    place(on, call.sg, "\7\0\7\0\7\0\7\0\7\0\7", 12, 12);
    call.sg[1] = (struct virtio_media_sg){.start = 1ull << 50, .len = 20};
    assert_int_equal(EXT(on, session, S_EXT_CTRLS, &call, 2), 0);
    assert_int_equal(control_set_find(&on->set, GRID)->data[10], 7);
}

/* A driver that says there are more controls than it has sent gets none of an earlier call. */
static void test_missing_controls(void **state)
{
    struct on_device *on = *state;
    uint32_t session = media_session(on->f);
    struct ext_payload call = {.head = {.count = 2}};

    call.controls[0] = (struct v4l2_ext_control){.id = V4L2_CID_BRIGHTNESS, .value = 17};
    call.controls[1] = (struct v4l2_ext_control){.id = V4L2_CID_HFLIP, .value = 1};
    assert_int_equal(EXT(on, session, TRY_EXT_CTRLS, &call, 0), 0);
    assert_int_equal(media_ioctl_raw(on->f, session, _IOC_NR(VIDIOC_S_EXT_CTRLS), &call,
                                     sizeof(call.head) + sizeof(call.controls[0])),
                     EINVAL);
    assert_int_equal(call.head.error_idx, 2);
    assert_int_equal(changes, 0);
}

static void test_bad_lists(void **state)
{
    struct on_device *on = *state;
    uint32_t session = media_session(on->f);
    struct ext_payload call = {.head = {.count = 1}};
    unsigned pieces;

    call.controls[0] = (struct v4l2_ext_control){.id = GRID, .size = 12};
    pieces = place(on, call.sg, "????????????", 12, 4);
    assert_int_equal(EXT(on, session, S_EXT_CTRLS, &call, 0), EFAULT);
    assert_int_equal(EXT(on, session, G_EXT_CTRLS, &call, pieces - 1), EFAULT);
    call.sg[1].len = 0;
    assert_int_equal(EXT(on, session, G_EXT_CTRLS, &call, pieces), EFAULT);
    call.sg[1] = (struct virtio_media_sg){.start = UINT64_MAX - 1, .len = 4};
    assert_int_equal(EXT(on, session, G_EXT_CTRLS, &call, pieces), EFAULT);
    assert_int_equal(EXT(on, session, S_EXT_CTRLS, &call, pieces), EFAULT);
    call.sg[1] = (struct virtio_media_sg){.start = 1ull << 50, .len = 0xffffffff};
    assert_int_equal(EXT(on, session, TRY_EXT_CTRLS, &call, pieces), EFAULT);
    call.controls[0].size = 0xffffffff; /* longer than any list */
    assert_int_equal(EXT(on, session, S_EXT_CTRLS, &call, pieces), EFAULT);
    assert_int_equal(changes, 0);
    /* A number with data beside it: they are passed over. */
    call.head.count = 2;
    call.controls[0] = (struct v4l2_ext_control){.id = V4L2_CID_HFLIP, .size = 4, .value = 1};
    call.controls[1] = (struct v4l2_ext_control){.id = PLACE, .size = 8};
    pieces = place(on, call.sg, "????\1\0\0\0\2\0\0\0", 12, 4);
    assert_int_equal(EXT(on, session, S_EXT_CTRLS, &call, pieces), 0);
    assert_int_equal(control_set_find(&on->set, PLACE)->data[4], 2);
}

static void test_error_index(void **state)
{
    struct on_device *on = *state;
    uint32_t session = media_session(on->f);
    struct ext_payload call = {.head = {.count = 3}};

    call.controls[0] = (struct v4l2_ext_control){.id = V4L2_CID_BRIGHTNESS, .value = 10};
    call.controls[1] = (struct v4l2_ext_control){.id = ITEMS, .value = 2};
    call.controls[2] = (struct v4l2_ext_control){.id = V4L2_CID_HFLIP, .value = 1};
    assert_int_equal(EXT(on, session, TRY_EXT_CTRLS, &call, 0), EINVAL);
    assert_int_equal(call.head.error_idx, 1);
    assert_int_equal(EXT(on, session, S_EXT_CTRLS, &call, 0), EINVAL);
    assert_int_equal(call.head.error_idx, 3);
    assert_int_equal(control_set_value(&on->set, V4L2_CID_BRIGHTNESS), 7);
    call.controls[1].id = V4L2_CID_CONTRAST;
    assert_int_equal(EXT(on, session, TRY_EXT_CTRLS, &call, 0), EACCES);
    assert_int_equal(call.head.error_idx, 1);
    assert_int_equal(EXT(on, session, G_EXT_CTRLS, &call, 0), 0);
    call.controls[1] = (struct v4l2_ext_control){.id = ITEMS, .value = 3};
    call.head.which = V4L2_CTRL_CLASS_USER;
    assert_int_equal(EXT(on, session, S_EXT_CTRLS, &call, 0), EINVAL); /* another class */
    call.head.which = V4L2_CTRL_WHICH_REQUEST_VAL;
    assert_int_equal(EXT(on, session, S_EXT_CTRLS, &call, 0), EINVAL);
    call.head.which = V4L2_CTRL_WHICH_DEF_VAL;
    assert_int_equal(EXT(on, session, S_EXT_CTRLS, &call, 0), EINVAL);
    call.head.which = 0;
    refused = ITEMS;
    assert_int_equal(EXT(on, session, S_EXT_CTRLS, &call, 0), EBUSY);
    assert_int_equal(changes, 0);
    call.head.count = 0;
    call.head.which = V4L2_CTRL_CLASS_CODEC;
    assert_int_equal(EXT(on, session, G_EXT_CTRLS, &call, 0), 0);
    call.head.which = V4L2_CTRL_CLASS_FLASH;
    assert_int_equal(EXT(on, session, G_EXT_CTRLS, &call, 0), EINVAL);
}

static uint32_t subscribe(struct on_device *on, uint32_t session, uint32_t id, uint32_t flags)
{
    struct v4l2_event_subscription wish = {.type = V4L2_EVENT_CTRL, .id = id, .flags = flags};

    return MEDIA_IOCTL(on->f, session, SUBSCRIBE_EVENT, &wish);
}

static bool next_event(struct on_device *on, struct virtio_media_event_event *event)
{
    struct virtio_media_event_dqbuf any;

    if (!media_event(on->f, &any))
        return false;
    memcpy(event, &any, sizeof(*event));
    assert_int_equal(event->hdr.event, VIRTIO_MEDIA_EVT_EVENT);
    assert_int_equal(event->event.type, V4L2_EVENT_CTRL);
    return true;
}

static void test_events(void **state)
{
    struct on_device *on = *state;
    uint32_t one = media_session(on->f), two = media_session(on->f);
    struct virtio_media_event_event event;
    int32_t value = 1;

    media_post_events(on->f, 16, 608);
    assert_int_equal(subscribe(on, one, V4L2_CID_GAIN, 0), EINVAL);
    assert_int_equal(subscribe(on, one, V4L2_CID_HFLIP, V4L2_EVENT_SUB_FL_SEND_INITIAL), 0);
    assert_int_equal(subscribe(on, two, V4L2_CID_HFLIP, 0), 0);
    assert_true(next_event(on, &event));
    assert_int_equal(event.hdr.session_id, one);
    assert_int_equal(event.event.u.ctrl.changes,
                     V4L2_EVENT_CTRL_CH_VALUE | V4L2_EVENT_CTRL_CH_FLAGS);
    assert_int_equal(subscribe(on, one, V4L2_CID_HFLIP, V4L2_EVENT_SUB_FL_SEND_INITIAL), 0);
    assert_false(next_event(on, &event)); /* it had this one already */

    /* Who caused it is not told. */
    assert_int_equal(s_ctrl(on, one, V4L2_CID_HFLIP, &value), 0);
    assert_true(next_event(on, &event));
    assert_int_equal(event.hdr.session_id, two);
    assert_int_equal(event.event.id, V4L2_CID_HFLIP);
    assert_int_equal(event.event.u.ctrl.value, 1);
    assert_int_equal(event.event.u.ctrl.changes, V4L2_EVENT_CTRL_CH_VALUE);
    assert_int_equal(event.event.u.ctrl.type, V4L2_CTRL_TYPE_BOOLEAN);
    assert_int_equal(event.event.u.ctrl.maximum, 1);
    assert_false(next_event(on, &event));
    assert_int_equal(s_ctrl(on, one, V4L2_CID_HFLIP, &value), 0); /* the same value again */
    assert_false(next_event(on, &event));

    /* Unless it asked for that. */
    assert_int_equal(subscribe(on, one, V4L2_CID_BRIGHTNESS, V4L2_EVENT_SUB_FL_ALLOW_FEEDBACK), 0);
    value = 20;
    assert_int_equal(s_ctrl(on, one, V4L2_CID_BRIGHTNESS, &value), 0);
    assert_true(next_event(on, &event));
    assert_int_equal(event.hdr.session_id, one);
    assert_int_equal(event.event.sequence, 1);

    /* The device itself tells all. */
    control_set_mark(&on->set, V4L2_CID_HFLIP, V4L2_CTRL_FLAG_GRABBED, true);
    assert_true(next_event(on, &event));
    assert_int_equal(event.event.u.ctrl.changes, V4L2_EVENT_CTRL_CH_FLAGS);
    assert_int_equal(event.event.u.ctrl.flags, V4L2_CTRL_FLAG_GRABBED);
    assert_true(next_event(on, &event));
    assert_false(next_event(on, &event));
}

/* The guest gives no event buffers: the two changes become one event. */
static void test_events_merge(void **state)
{
    struct on_device *on = *state;
    uint32_t session = media_session(on->f);
    struct virtio_media_event_event event;

    assert_int_equal(subscribe(on, session, V4L2_CID_CONTRAST, 0), 0);
    control_set_put(&on->set, V4L2_CID_CONTRAST, 9);
    control_set_mark(&on->set, V4L2_CID_CONTRAST, V4L2_CTRL_FLAG_INACTIVE, true);
    media_post_events(on->f, 2, 608);
    assert_true(next_event(on, &event));
    assert_int_equal(event.event.u.ctrl.changes,
                     V4L2_EVENT_CTRL_CH_VALUE | V4L2_EVENT_CTRL_CH_FLAGS);
    assert_int_equal(event.event.u.ctrl.value, 9);
    assert_int_equal(event.event.sequence, 1); /* and the guest can tell */
    assert_false(next_event(on, &event));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONTROL_TEST(test_query_walks), CONTROL_TEST(test_query_describes),
        CONTROL_TEST(test_small_calls), CONTROL_TEST(test_data_go_both_ways),
        CONTROL_TEST(test_sizes),       CONTROL_TEST(test_missing_controls),
        CONTROL_TEST(test_bad_lists),   CONTROL_TEST(test_error_index),
        CONTROL_TEST(test_events),      CONTROL_TEST(test_events_merge),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
#include "sink_fixture.h"

#include "base/units.h"

/* ---- what the front-end is asked ---- */

static void nothing_is_said_before_the_front_end_has_answered(void **state)
{
    struct sink_fixture *f = *state;

    f->peer.silent = true;
    sink_show(f, 0, 100, 100, 1);
    sink_settle(f);
    assert_int_equal(f->peer.count[VHOST_USER_GPU_GET_PROTOCOL_FEATURES], 1);
    assert_int_equal(f->peer.bytes, 12);
    window_peer_send(&f->peer, VHOST_USER_GPU_GET_PROTOCOL_FEATURES, 4, &f->peer.offers, 8);
    sink_settle(f);
    assert_int_equal(f->peer.taken, 3);
    sink_assert_whole(f, 0, 1, 100, 100);
}

static void only_known_features_are_taken(void **state)
{
    struct sink_fixture *f = *state;

    f->peer.offers = 0xfffffffffffffffeull;
    sink_settle(f);
    assert_int_equal(f->peer.taken, VHOST_USER_GPU_F_DMABUF2);
}

static void the_window_s_outputs_win(void **state)
{
    struct sink_fixture *f = *state;

    assert_int_equal(f->display.held, 1); /* the guest must not be told our own */
    f->peer.width[3] = 333;
    f->peer.height[3] = 444;
    f->peer.width[4] = 100000; /* the display refuses it */
    f->peer.height[4] = 1;
    sink_settle(f);
    assert_int_equal(f->display.held, 0);
    for (unsigned i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++)
        assert_int_equal(f->display.outputs[i].sets, 1);
    assert_int_equal(f->display.outputs[0].width, 1024);
    assert_int_equal(f->display.outputs[0].height, 768);
    assert_int_equal(f->display.outputs[1].width, 0);
    assert_int_equal(f->display.outputs[3].width, 333);
    assert_int_equal(f->display.outputs[3].height, 444);
}

static void a_window_that_was_resized_is_asked_for(void **state)
{
    struct sink_fixture *f = *state;

    sink_settle(f);
    f->peer.width[0] = 1600;
    f->peer.height[0] = 1200;
    f->display.sink->impl->asked(f->display.sink, SINK_ASKS_OUTPUTS);
    assert_int_equal(f->display.held, 1);
    sink_settle(f);
    assert_int_equal(f->display.held, 0);
    assert_int_equal(f->display.outputs[0].width, 1600);
    assert_int_equal(f->peer.count[VHOST_USER_GPU_GET_DISPLAY_INFO], 2);
}

static void an_edid_is_the_front_end_s(void **state)
{
    struct sink_fixture *f = *state;

    f->peer.edids = 16;
    /* Before the front-end has said that it has any, all at once. */
    for (int i = 15; i >= 0; i--)
        f->display.sink->impl->asked(f->display.sink, i);
    sink_settle(f);
    assert_int_equal(f->display.held, 0);
    for (unsigned i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++) {
        assert_int_equal(f->display.outputs[i].edids, 1);
        assert_int_equal(f->display.outputs[i].edid_size, 1024);
        assert_int_equal(f->display.outputs[i].edid[0], 0xa0 + i);
    }
}

/* QEMU does not answer for an output that it does not have. Nobody may wait for it, and the answers
 * after it must not be taken for another output's. */
static void an_edid_that_is_refused_holds_up_nothing(void **state)
{
    struct sink_fixture *f = *state;
    uint64_t start = units_now_ns();

    sink_settle(f);
    f->peer.edids = 1;
    f->display.sink->impl->asked(f->display.sink, 5);
    f->display.sink->impl->asked(f->display.sink, 0);
    f->display.sink->impl->asked(f->display.sink, 7);
    sink_settle(f);
    assert_int_equal(f->display.held, 0);
    assert_true(units_now_ns() - start < 1000000000u);
    assert_int_equal(f->display.outputs[0].edids, 1);
    assert_int_equal(f->display.outputs[0].edid[0], 0xa0);
    assert_int_equal(f->display.outputs[5].edids, 0);
    f->peer.edids = 8;
    f->display.sink->impl->asked(f->display.sink, 7);
    sink_settle(f);
    assert_int_equal(f->display.outputs[7].edids, 1);
    assert_int_equal(f->display.outputs[7].edid[0], 0xa7);
}

static void without_the_feature_no_edid_is_asked_for(void **state)
{
    struct sink_fixture *f = *state;

    f->peer.offers = VHOST_USER_GPU_F_DMABUF2;
    f->display.sink->impl->asked(f->display.sink, 0);
    sink_settle(f);
    f->display.sink->impl->asked(f->display.sink, 1);
    sink_settle(f);
    assert_int_equal(f->display.held, 0);
    assert_int_equal(f->peer.count[VHOST_USER_GPU_GET_EDID], 0);
}

static void a_silent_front_end_is_not_waited_for(void **state)
{
    struct sink_fixture *f = *state;

    sink_settle(f);
    f->peer.silent = true;
    sink_of(f)->answer_us = 20000;
    f->display.sink->impl->asked(f->display.sink, SINK_ASKS_OUTPUTS);
    f->display.sink->impl->asked(f->display.sink, 1);
    assert_int_equal(f->display.held, 1);
    SINK_AWAIT(f, f->display.held == 0);
    assert_int_equal(f->display.outputs[1].edids, 0);
    /* What it says later counts all the same. */
    f->peer.width[0] = 640;
    f->peer.height[0] = 480;
    window_peer_answer_info(&f->peer);
    window_peer_answer_edid(&f->peer, 1);
    sink_settle(f);
    assert_int_equal(f->display.outputs[0].width, 640);
    assert_int_equal(f->display.outputs[1].edid[0], 0xa1);
    assert_int_equal(f->closed, 0);
}

/* libkrun answers all but the question what it can do. */
static void a_window_that_hides_what_it_can_do_gets_pixels(void **state)
{
    struct sink_fixture *f = *state;

    f->peer.secretive = true;
    sd_event_source_set_time_relative(sink_of(f)->ask.limit, 20000);
    f->display.sink->impl->asked(f->display.sink, 0);
    sink_show(f, 0, 100, 100, 1);
    sink_settle(f);
    assert_int_equal(f->peer.bytes, 12);
    SINK_AWAIT(f, f->display.held == 0);
    sink_settle(f);
    assert_int_equal(f->peer.taken, 0);
    assert_int_equal(f->peer.count[VHOST_USER_GPU_GET_EDID], 0);
    assert_int_equal(f->display.outputs[0].width, 1024);
    sink_assert_whole(f, 0, 1, 100, 100);
    /* Should it say so after all, it counts. */
    window_peer_send(&f->peer, VHOST_USER_GPU_GET_PROTOCOL_FEATURES, 4, &f->peer.offers, 8);
    sink_settle(f);
    assert_int_equal(f->peer.taken, 3);
    assert_int_equal(f->closed, 0);
}

static void answers_to_a_worker_that_died_are_passed_over(void **state)
{
    struct sink_fixture *f = *state;
    struct virtio_gpu_resp_edid edid = {.size = htole32(1024)};

    f->peer.width[0] = 11;
    window_peer_answer_info(&f->peer);
    window_peer_send(&f->peer, VHOST_USER_GPU_GET_EDID, 4, &edid, sizeof(edid));
    window_peer_send(&f->peer, VHOST_USER_GPU_DMABUF_UPDATE, 4, NULL, 0);
    sink_loop(f);
    assert_int_equal(f->display.outputs[0].sets, 0);
    assert_int_equal(f->display.held, 1);
    f->peer.width[0] = 1024;
    sink_settle(f);
    assert_int_equal(f->display.outputs[0].width, 1024);
    assert_int_equal(f->display.outputs[0].edids, 0);
    assert_int_equal(f->closed, 0);
}

static void answers_may_come_byte_by_byte(void **state)
{
    struct sink_fixture *f = *state;
    struct virtio_gpu_resp_display_info info = {.pmodes[0] = {.r = {0, 0, 77, 88}, .enabled = 1}};
    struct vhost_user_gpu_header header = {VHOST_USER_GPU_GET_DISPLAY_INFO, 4, sizeof(info)};
    uint8_t bytes[sizeof(header) + sizeof(info)];

    sink_settle(f);
    memcpy(bytes, &header, sizeof(header));
    memcpy(bytes + sizeof(header), &info, sizeof(info));
    for (unsigned turn = 0; turn < 2; turn++)
        for (unsigned i = 0; i < sizeof(bytes); i++) {
            assert_int_equal(f->display.outputs[0].sets, 1 + turn);
            assert_int_equal(write(f->peer.fd, bytes + i, 1), 1);
            assert_true(sink_loop(f) < 10);
        }
    assert_int_equal(f->display.outputs[0].sets, 3);
    assert_int_equal(f->display.outputs[0].width, 77);
}

/* ---- dmabufs ---- */

/* 'output' shows a picture that lies in a descriptor of its own. */
static void show_dmabuf(struct sink_fixture *f, unsigned output, uint64_t serial, uint64_t modifier)
{
    struct sink_frame *frame = &f->display.outputs[output].frame;

    sink_paint(f, output, 320, 200, 0, (uint32_t)serial);
    frame->dmabuf = f->peer.fd; /* any descriptor will do */
    frame->serial = serial;
    frame->fourcc = 0x34325258;
    frame->modifier = modifier;
    frame->dmabuf_stride = 1536;
    frame->dmabuf_width = 384;
    frame->dmabuf_height = 256;
    sink_scanout(f, output, 320, 200);
}

static void a_dmabuf_is_handed_over(void **state)
{
    struct sink_fixture *f = *state;
    struct window_output *o = &f->peer.outputs[2];

    sink_settle(f);
    show_dmabuf(f, 2, 5, 0x0123456789abcdefull);
    assert_false(sink_update(f, 2, 1, 2, 30, 40));
    assert_int_equal(f->display.outputs[2].updated, 0);
    sink_settle(f);
    assert_int_equal(f->display.outputs[2].updated, 1);
    assert_true(o->dmabuf >= 0);
    assert_int_equal(o->about.scanout.scanout, 2);
    assert_int_equal(o->about.scanout.width, 320);
    assert_int_equal(o->about.scanout.height, 200);
    assert_int_equal(o->about.scanout.fd_width, 384);
    assert_int_equal(o->about.scanout.fd_height, 256);
    assert_int_equal(o->about.scanout.fd_stride, 1536);
    assert_int_equal(o->about.scanout.fd_flags, 0);
    assert_int_equal(o->about.scanout.fd_fourcc, 0x34325258);
    assert_true(o->about.modifier == 0x0123456789abcdefull);
    assert_int_equal(o->dmabuf_update.x, 1);
    assert_int_equal(o->dmabuf_update.height, 40);
    assert_int_equal(f->peer.count[VHOST_USER_GPU_UPDATE], 0);

    /* The same memory again is not sent again; other memory is. */
    assert_false(sink_update(f, 2, 0, 0, 320, 200));
    sink_settle(f);
    assert_int_equal(f->peer.count[VHOST_USER_GPU_DMABUF_SCANOUT2], 1);
    assert_int_equal(f->peer.count[VHOST_USER_GPU_DMABUF_UPDATE], 2);
    show_dmabuf(f, 2, 6, 0);
    f->display.outputs[2].frame.bottom_up = true;
    assert_false(sink_update(f, 2, 0, 0, 320, 200));
    sink_settle(f);
    assert_int_equal(f->peer.count[VHOST_USER_GPU_DMABUF_SCANOUT2], 2);
    assert_int_equal(o->about.scanout.fd_flags, VHOST_USER_GPU_Y_0_TOP);
    assert_int_equal(f->display.outputs[2].updated, 3);
}

static void the_guest_waits_for_the_window(void **state)
{
    struct sink_fixture *f = *state;

    sink_settle(f);
    sink_of(f)->show_us = 3600000000u;
    f->peer.keep_dmabuf = true;
    show_dmabuf(f, 0, 1, 0);
    show_dmabuf(f, 1, 2, 0);
    assert_false(sink_update(f, 0, 0, 0, 10, 10));
    assert_false(sink_update(f, 1, 0, 0, 20, 20)); /* the peer asserts that one comes at a time */
    assert_false(sink_update(f, 1, 30, 30, 10, 10));
    sink_settle(f);
    assert_int_equal(f->display.outputs[0].updated, 0);
    window_peer_flush(&f->peer);
    sink_settle(f);
    assert_int_equal(f->display.outputs[0].updated, 1);
    assert_int_equal(f->display.outputs[1].updated, 0);
    window_peer_flush(&f->peer);
    sink_settle(f);
    assert_int_equal(f->display.outputs[1].updated, 2); /* one message for both */
    assert_int_equal(f->peer.outputs[1].dmabuf_update.width, 40);
    assert_int_equal(f->peer.count[VHOST_USER_GPU_DMABUF_UPDATE], 2);
}

static void a_window_that_is_never_painted_stops_nobody(void **state)
{
    struct sink_fixture *f = *state;

    sink_settle(f);
    sink_of(f)->show_us = 20000;
    f->peer.keep_dmabuf = true;
    show_dmabuf(f, 0, 1, 0);
    assert_false(sink_update(f, 0, 0, 0, 10, 10));
    assert_false(sink_update(f, 0, 5, 5, 10, 10));
    assert_int_equal(f->display.outputs[0].updated, 0);
    SINK_AWAIT(f, f->display.outputs[0].updated == 2);
    assert_true(sink_update(f, 0, 100, 100, 50, 50)); /* nobody waits any more */
    sink_settle(f);
    assert_int_equal(f->peer.count[VHOST_USER_GPU_DMABUF_UPDATE], 1);
    /* When it is painted after all, what was missed comes. */
    window_peer_flush(&f->peer);
    sink_settle(f);
    assert_int_equal(f->peer.count[VHOST_USER_GPU_DMABUF_UPDATE], 2);
    assert_int_equal(f->peer.outputs[0].dmabuf_update.width, 145);
    sink_of(f)->show_us = 3600000000u;
    window_peer_flush(&f->peer);
    sink_settle(f);
    assert_false(sink_update(f, 0, 0, 0, 1, 1));
    sink_settle(f);
    assert_int_equal(f->display.outputs[0].updated, 2);
    sink_scanout(f, 0, 0, 0); /* off: nobody waits for that either */
    sink_loop(f);
    assert_int_equal(f->display.outputs[0].updated, 3);
}

static void a_front_end_without_modifiers_gets_what_it_can_take(void **state)
{
    struct sink_fixture *f = *state;

    f->peer.offers = VHOST_USER_GPU_F_EDID;
    sink_settle(f);
    show_dmabuf(f, 0, 1, 0);
    assert_false(sink_update(f, 0, 0, 0, 320, 200));
    sink_settle(f);
    assert_int_equal(f->peer.count[VHOST_USER_GPU_DMABUF_SCANOUT], 1);
    assert_true(f->peer.outputs[0].dmabuf >= 0);
    /* One in tiles goes as pixels, and the dmabuf is taken away first. */
    show_dmabuf(f, 0, 2, 0x0100000000000001ull);
    assert_true(sink_update(f, 0, 0, 0, 320, 200));
    sink_settle(f);
    assert_int_equal(f->peer.count[VHOST_USER_GPU_DMABUF_SCANOUT], 2);
    assert_int_equal(f->peer.outputs[0].dmabuf, -1);
    sink_assert_whole(f, 0, 2, 320, 200);
}

static void a_part_of_a_dmabuf_goes_as_pixels(void **state)
{
    struct sink_fixture *f = *state;

    sink_settle(f);
    for (unsigned i = 1; i <= 3; i++) {
        show_dmabuf(f, 0, i, 0);
        f->display.outputs[0].frame.dmabuf_x = i == 1;
        f->display.outputs[0].frame.dmabuf_y = i == 2;
        f->display.outputs[0].frame.dmabuf_offset = i == 3 ? 4096 : 0;
        assert_true(sink_update(f, 0, 0, 0, 320, 200));
        sink_settle(f);
        sink_assert_whole(f, 0, i, 320, 200);
    }
    f->display.outputs[0].frame.pixels = NULL; /* and without pixels not at all */
    assert_true(sink_update(f, 0, 0, 0, 320, 200));
    sink_settle(f);
    sink_assert_whole(f, 0, 3, 320, 200);
}

static void a_dmabuf_goes_off(void **state)
{
    struct sink_fixture *f = *state;

    sink_settle(f);
    show_dmabuf(f, 0, 1, 0);
    assert_false(sink_update(f, 0, 0, 0, 320, 200));
    sink_settle(f);
    sink_scanout(f, 0, 0, 0);
    f->display.outputs[0].drawn = false;
    sink_settle(f);
    assert_int_equal(f->peer.outputs[0].dmabuf, -1);
    assert_int_equal(f->peer.count[VHOST_USER_GPU_SCANOUT], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SINK_TEST(nothing_is_said_before_the_front_end_has_answered),
        SINK_TEST(only_known_features_are_taken),
        SINK_TEST(the_window_s_outputs_win),
        SINK_TEST(a_window_that_was_resized_is_asked_for),
        SINK_TEST(an_edid_is_the_front_end_s),
        SINK_TEST(an_edid_that_is_refused_holds_up_nothing),
        SINK_TEST(without_the_feature_no_edid_is_asked_for),
        SINK_TEST(a_silent_front_end_is_not_waited_for),
        SINK_TEST(a_window_that_hides_what_it_can_do_gets_pixels),
        SINK_TEST(answers_to_a_worker_that_died_are_passed_over),
        SINK_TEST(answers_may_come_byte_by_byte),
        SINK_TEST(a_dmabuf_is_handed_over),
        SINK_TEST(the_guest_waits_for_the_window),
        SINK_TEST(a_window_that_is_never_painted_stops_nobody),
        SINK_TEST(a_front_end_without_modifiers_gets_what_it_can_take),
        SINK_TEST(a_part_of_a_dmabuf_goes_as_pixels),
        SINK_TEST(a_dmabuf_goes_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

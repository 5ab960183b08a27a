/* SPDX-License-Identifier: MIT */
#include "fd_count.h"

#include <string.h>

#include "gpu/edid.h"

struct mode {
    uint32_t width, height, h_total, v_total, clock;
};

/* Reads the detailed timing back, as E-EDID 1.4, 3.10.2 lays it out. */
static struct mode mode_of(const uint8_t *edid)
{
    const uint8_t *t = edid + 54;
    struct mode mode = {
        .clock = (t[0] | (uint32_t)t[1] << 8) * 10000u,
        .width = t[2] | (t[4] & 0xf0u) << 4,
        .height = t[5] | (t[7] & 0xf0u) << 4,
    };

    mode.h_total = mode.width + (t[3] | (t[4] & 15u) << 8);
    mode.v_total = mode.height + (t[6] | (t[7] & 15u) << 8);
    return mode;
}

static void check(uint32_t width, uint32_t height, uint32_t hz)
{
    static const uint8_t head[] = {0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0};
    uint8_t edid[EDID_SIZE];
    uint8_t sum = 0;
    struct mode mode;
    double refresh, blank_us;

    assert_true(edid_write(edid, width, height, 7));
    for (unsigned i = 0; i < EDID_SIZE; i++)
        sum = (uint8_t)(sum + edid[i]);
    assert_int_equal(sum, 0);
    assert_memory_equal(edid, head, sizeof(head));
    assert_int_equal(edid[12], 7);
    assert_int_equal(edid[18] << 8 | edid[19], 0x0104);
    assert_int_equal(edid[126], 0);
    mode = mode_of(edid);
    assert_int_equal(mode.width, width);
    assert_int_equal(mode.height, height);
    refresh = (double)mode.clock / mode.h_total / mode.v_total;
    assert_true(refresh > hz - 0.6 && refresh < hz + 0.6);
    blank_us = (mode.v_total - mode.height) * (double)mode.h_total / mode.clock * 1e6;
    assert_true(blank_us > 450);
    assert_true(memcmp(edid + 90, "\0\0\0\xfc\0hostblob\n", 14) == 0);
    /* The limits hold the mode: kHz, and 10 MHz. */
    assert_true(edid[72 + 8] * 1000.0 >= (double)mode.clock / mode.h_total);
    assert_true(edid[72 + 9] * 10e6 >= mode.clock);
}

static void the_mode_is_the_one_asked_for(void **state)
{
    check(1280, 800, 60);
    check(640, 480, 60);
    check(1920, 1080, 60);
    check(3840, 2160, 60);
    check(400, 300, 60);
    check(480, 800, 60);
    check(4095, 64, 60);
    check(64, 4095, 60);
}

static void a_mode_too_fast_for_the_format_is_slower(void **state)
{
    check(4095, 4095, 36);
}

static void a_size_that_does_not_fit_is_refused(void **state)
{
    uint8_t edid[EDID_SIZE];

    assert_false(edid_write(edid, 4096, 800, 1));
    assert_false(edid_write(edid, 1280, 4096, 1));
    assert_false(edid_write(edid, 63, 800, 1));
    assert_false(edid_write(edid, 320, 200, 1));
    assert_false(edid_write(edid, 1280, 0, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(the_mode_is_the_one_asked_for),
        FD_TEST(a_mode_too_fast_for_the_format_is_slower),
        FD_TEST(a_size_that_does_not_fit_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

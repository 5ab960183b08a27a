/* SPDX-License-Identifier: MIT */
#include "fd_count.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gpu/edid.h"
#include "gpu/monitor.h"

struct mode {
    uint32_t width, height, h_total, v_total;
    double clock; /* Hz */
};

/* Reads the detailed timing back, as E-EDID 1.4, 3.10.2 lays it out. */
static struct mode detailed_mode(const uint8_t *t)
{
    struct mode mode = {
        .clock = (t[0] | (uint32_t)t[1] << 8) * 1e4,
        .width = t[2] | (t[4] & 0xf0u) << 4,
        .height = t[5] | (t[7] & 0xf0u) << 4,
    };

    mode.h_total = mode.width + (t[3] | (t[4] & 15u) << 8);
    mode.v_total = mode.height + (t[6] | (t[7] & 15u) << 8);
    return mode;
}

static uint32_t field(const uint8_t *at)
{
    return (at[0] | (uint32_t)at[1] << 8) + 1;
}

/* The timing of type I in a DisplayID section, where a reader finds it: by the blocks' lengths. */
static struct mode display_id_mode(const uint8_t *section)
{
    const uint8_t *block = section + 4, *end = block + section[1];
    const uint8_t *t;

    while (block < end && block[0] != 3)
        block += 3 + block[2];
    assert_true(block + 23 <= end);
    t = block + 3;
    assert_true(t[3] & 0x80); /* preferred */
    return (struct mode){
        .clock = ((t[0] | (uint32_t)t[1] << 8 | (uint32_t)t[2] << 16) + 1) * 1e4,
        .width = field(t + 4),
        .height = field(t + 12),
        .h_total = field(t + 4) + field(t + 6),
        .v_total = field(t + 12) + field(t + 14),
    };
}

static void check_sum(const uint8_t *bytes, size_t size)
{
    uint8_t sum = 0;

    for (size_t i = 0; i < size; i++)
        sum = (uint8_t)(sum + bytes[i]);
    assert_int_equal(sum, 0);
}

static void check_mode(const struct mode *mode, uint32_t width, uint32_t height, uint32_t hz)
{
    double refresh = mode->clock / mode->h_total / mode->v_total;
    double blank_us = (mode->v_total - mode->height) * (double)mode->h_total / mode->clock * 1e6;

    assert_int_equal(mode->width, width);
    assert_int_equal(mode->height, height);
    assert_true(refresh > hz - 0.1 && refresh < hz + 0.1);
    assert_true(blank_us > 450);
}

static void check_base(const uint8_t *edid, size_t size)
{
    static const uint8_t head[] = {0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0};

    check_sum(edid, EDID_BLOCK);
    assert_memory_equal(edid, head, sizeof(head));
    assert_int_equal(edid[12], 7);
    assert_int_equal(edid[18] << 8 | edid[19], 0x0104);
    assert_int_equal(edid[126], size / EDID_BLOCK - 1);
    assert_true(memcmp(edid + 90, "\0\0\0\xfc\0hostblob\n", 14) == 0);
}

/* The limits hold the mode: kHz, and 10 MHz. */
static void check_limits(const uint8_t *edid, const struct mode *mode)
{
    const uint8_t *limits = edid + 72;
    unsigned khz = limits[8] + (limits[4] & 8 ? 255u : 0u);

    if (limits[3] != 0xfd) {
        assert_true(mode->clock > 2550e6 || mode->clock / mode->h_total > 510e3);
        return;
    }
    assert_true(khz * 1000.0 >= mode->clock / mode->h_total);
    assert_true(limits[9] * 10e6 >= mode->clock);
}

static const struct monitor any = {1280, 800, 60, 7, "hostblob"};

static size_t write_mode(uint8_t edid[static EDID_MAX_SIZE], uint32_t width, uint32_t height,
                         uint32_t hz)
{
    struct monitor monitor = any;

    monitor.width = width;
    monitor.height = height;
    monitor.hz = hz;
    return edid_write(edid, &monitor);
}

static void check_small(uint32_t width, uint32_t height, uint32_t hz)
{
    uint8_t edid[EDID_MAX_SIZE];
    size_t size = write_mode(edid, width, height, hz);
    struct mode mode;

    assert_int_equal(size, EDID_BLOCK);
    check_base(edid, size);
    mode = detailed_mode(edid + 54);
    check_mode(&mode, width, height, hz);
    check_limits(edid, &mode);
    assert_true(edid[24] & 2); /* it is the native one */
}

static void check_large(uint32_t width, uint32_t height, uint32_t hz, struct mode base)
{
    uint8_t edid[EDID_MAX_SIZE];
    size_t size = write_mode(edid, width, height, hz);
    const uint8_t *section = edid + EDID_BLOCK + 1;
    struct mode mode;

    assert_int_equal(size, EDID_MAX_SIZE);
    check_base(edid, size);
    mode = detailed_mode(edid + 54);
    assert_int_equal(mode.width, base.width);
    assert_int_equal(mode.height, base.height);
    assert_int_equal(edid[EDID_BLOCK], 0x70);
    check_sum(edid + EDID_BLOCK, EDID_BLOCK);
    check_sum(section, 4u + section[1] + 1u);
    mode = display_id_mode(section);
    check_mode(&mode, width, height, hz);
    check_limits(edid, &mode);
    assert_false(edid[24] & 2);
}

static void the_mode_is_the_one_asked_for(void **state)
{
    check_small(1280, 800, 60);
    check_small(640, 480, 60);
    check_small(1920, 1080, 60);
    check_small(1920, 1080, 144);
    check_small(3840, 2160, 60);
    check_small(480, 800, 60);
    check_small(4095, 64, 60);
    check_small(64, 4095, 60);
}

static void a_small_mode_has_longer_blanking(void **state)
{
    check_small(320, 200, 60);
    check_small(64, 64, 60);
    check_small(64, 64, MONITOR_MIN_HZ);
}

static void a_mode_that_does_not_fit_is_in_an_extension(void **state)
{
    check_large(3840, 2160, 120, (struct mode){3840, 2160});
    check_large(4095, 4095, 60, (struct mode){4095, 4095});
    check_large(4096, 2160, 60, (struct mode){1024, 768});
    check_large(64, 4096, 10, (struct mode){1024, 768});
    check_large(7680, 4320, 60, (struct mode){1024, 768});
    check_large(MONITOR_MAX_SIDE, MONITOR_MAX_SIDE, MONITOR_MAX_HZ, (struct mode){1024, 768});
}

static void what_cannot_be_is_refused(void **state)
{
    static const char *const names[] = {"", "fourteen chars", "line\n", "\xc3\xa4", "ends "};
    struct monitor monitor = any;
    uint8_t edid[EDID_MAX_SIZE];

    assert_int_equal(write_mode(edid, MONITOR_MAX_SIDE + 1, 800, 60), 0);
    assert_int_equal(write_mode(edid, 1280, MONITOR_MAX_SIDE + 1, 60), 0);
    assert_int_equal(write_mode(edid, MONITOR_MIN_SIDE - 1, 800, 60), 0);
    assert_int_equal(write_mode(edid, 1280, 0, 60), 0);
    assert_int_equal(write_mode(edid, UINT32_MAX, UINT32_MAX, 60), 0);
    assert_int_equal(write_mode(edid, 1280, 800, 0), 0);
    assert_int_equal(write_mode(edid, 1280, 800, MONITOR_MAX_HZ + 1), 0);
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        monitor.name = names[i];
        assert_int_equal(edid_write(edid, &monitor), 0);
    }
    monitor.name = "thirteen char";
    assert_int_equal(edid_write(edid, &monitor), EDID_BLOCK);
    assert_memory_equal(edid + 95, "thirteen char", 13);
}

/* edid-decode knows all the rules. Where it is installed it must find nothing to say. */
static void check_by_decoder(uint32_t width, uint32_t height, uint32_t hz)
{
    char path[] = "/tmp/edid-XXXXXX", command[80], output[65536];
    uint8_t edid[EDID_MAX_SIZE];
    size_t size = write_mode(edid, width, height, hz), read;
    int fd = mkstemp(path);
    FILE *decoder;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, edid, size), size);
    close(fd);
    snprintf(command, sizeof(command), "edid-decode --check %s 2>&1", path);
    decoder = popen(command, "r");
    assert_non_null(decoder);
    read = fread(output, 1, sizeof(output) - 1, decoder);
    output[read] = '\0';
    assert_int_equal(pclose(decoder), 0);
    unlink(path);
    if (strstr(output, "EDID conformity: PASS") == NULL || strstr(output, "Warnings:") != NULL ||
        strstr(output, "Failures:") != NULL)
        fail_msg("%u x %u at %u Hz:\n%s", width, height, hz, output);
}

static void a_decoder_has_nothing_to_say(void **state)
{
    static const uint32_t sides[] = {64, 377, 378, 400, 1024, 1366, 2160, 4095, 4096, 8192};
    static const uint32_t rates[] = {10, 59, 60, 75, 144, 240};

    if (system("command -v edid-decode >/dev/null") != 0)
        skip();
    for (unsigned i = 0; i < sizeof(sides) / sizeof(sides[0]); i++)
        for (unsigned j = 0; j < sizeof(rates) / sizeof(rates[0]); j++)
            check_by_decoder(sides[i], sides[(i * 3 + j) % 10], rates[j]);
    check_by_decoder(1280, 800, 60);
    check_by_decoder(1920, 1080, 60);
    check_by_decoder(3840, 2160, 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(the_mode_is_the_one_asked_for),
        FD_TEST(a_small_mode_has_longer_blanking),
        FD_TEST(a_mode_that_does_not_fit_is_in_an_extension),
        FD_TEST(what_cannot_be_is_refused),
        FD_TEST(a_decoder_has_nothing_to_say),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

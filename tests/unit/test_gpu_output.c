/* SPDX-License-Identifier: MIT */
#include "fake_sink.h"
#include "gpu_test.h"

#include "gpu/output.h"

/* What outputs are, what the guest is told of them, and how they change while it runs. */

static void check_mode(const char *text, uint32_t width, uint32_t height, uint32_t hz)
{
    struct output_mode mode;

    assert_null(output_parse_mode(text, &mode));
    assert_int_equal(mode.width, width);
    assert_int_equal(mode.height, height);
    assert_int_equal(mode.hz, hz);
}

static void modes_are_read(void **state)
{
    static const char *const bad[] = {"",
                                      "1920",
                                      "1920x",
                                      "x1080",
                                      "1920x1080@",
                                      "1920x1080@60Hz",
                                      "1920x1080 ",
                                      " 1920x1080",
                                      "1920X1080",
                                      "-1920x1080",
                                      "0x0",
                                      "0x1080",
                                      "1920x0",
                                      "63x64",
                                      "8193x64",
                                      "64x8193",
                                      "1920x1080@9",
                                      "1920x1080@241",
                                      "1920x1080@0",
                                      "4294967296x1080",
                                      "4294968576x1080",
                                      "99999999999999999999x1080",
                                      "offf",
                                      "1920x1080,name=x"};
    struct output_mode mode;

    check_mode("1920x1080@75", 1920, 1080, 75);
    check_mode("1280x800", 1280, 800, 60);
    check_mode("8192x8192@240", 8192, 8192, 240);
    check_mode("64x64@10", 64, 64, 10);
    check_mode("off", 0, 0, 60);
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (output_parse_mode(bad[i], &mode) == NULL)
            fail_msg("'%s' is a mode", bad[i]);
}

static void names_are_read(void **state)
{
    static const char *const bad[] = {"1280x800,",
                                      "1280x800,name=",
                                      "1280x800,name=12345678901234",
                                      "1280x800,name=x ",
                                      "1280x800,name=\xc3\xa4",
                                      "1280x800,nam=x",
                                      "1280x800;name=x",
                                      "name=x"};
    struct output output;

    output_init(&output, 3);
    assert_string_equal(output.name, "hostblob");
    assert_null(output_parse("1280x800@60,name=Left, or not", &output));
    assert_string_equal(output.name, "Left, or not");
    assert_null(output_parse("off,name=x", &output));
    assert_false(output_is_on(&output));
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (output_parse(bad[i], &output) == NULL)
            fail_msg("'%s' is an output", bad[i]);
}

static struct virtio_gpu_resp_display_info info(struct gpu_fixture *f)
{
    struct virtio_gpu_ctrl_hdr request = gpu_header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO, 0);
    struct virtio_gpu_resp_display_info answer;

    assert_int_equal(GPU_DO(f, request), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
    memcpy(&answer, f->answer, sizeof(answer));
    return answer;
}

static void an_output_changes_while_the_guest_runs(void **state)
{
    struct gpu_fixture *f = *state;
    struct gpu *gpu = gpu_of_fixture(f);
    struct virtio_gpu_cmd_get_edid get = {gpu_header(VIRTIO_GPU_CMD_GET_EDID, 0), 0, 0};
    uint32_t seen = VIRTIO_GPU_EVENT_DISPLAY;

    assert_int_equal(display_set_output(&gpu->display, 0, 1920, 1080, 0), 0);
    assert_int_equal(f->config_changes, 1);
    assert_int_equal(gpu->config.events_read, VIRTIO_GPU_EVENT_DISPLAY);
    assert_int_equal(info(f).pmodes[0].r.width, 1920);
    assert_int_equal(info(f).pmodes[1].r.x, 1920);
    assert_int_equal(GPU_DO(f, get), VIRTIO_GPU_RESP_OK_EDID);
    assert_int_equal(f->answer[24 + 8 + 54 + 2], 1920 & 255); /* the EDID's timing */
    f->device->impl->write_config(f->device, 4, &seen, 4);
    assert_int_equal(gpu->config.events_read, 0);
    /* A driver may acknowledge news that came after it asked: it hears of them again. */
    f->config_changes = 0;
    display_set_output(&gpu->display, 0, 800, 600, 60);
    info(f);
    display_set_output(&gpu->display, 0, 1920, 1080, 60);
    f->device->impl->write_config(f->device, 4, &seen, 4);
    assert_int_equal(gpu->config.events_read, VIRTIO_GPU_EVENT_DISPLAY);
    assert_int_equal(f->config_changes, 3);
    info(f);
    f->device->impl->write_config(f->device, 4, &seen, 4);
    assert_int_equal(gpu->config.events_read, 0);
    /* Nobody is told of what is so already. */
    f->config_changes = 0;
    assert_int_equal(display_set_output(&gpu->display, 0, 1920, 1080, 60), 0);
    assert_int_equal(f->config_changes, 0);
    assert_int_equal(display_set_output(&gpu->display, 0, 0, 0, 0), 0);
    assert_int_equal(info(f).pmodes[0].enabled, 0);
    assert_int_equal(info(f).pmodes[1].r.x, 0);
    assert_int_equal(GPU_DO(f, get), VIRTIO_GPU_RESP_OK_EDID); /* the guest may ask all the same */
    assert_int_equal(display_set_output(&gpu->display, 0, 0, 0, 75), 0);
    assert_int_equal(f->config_changes, 1);
}

static void what_cannot_be_an_output_is_refused(void **state)
{
    struct gpu_fixture *f = *state;
    struct display *display = &gpu_of_fixture(f)->display;

    assert_int_equal(display_set_output(display, 16, 1280, 800, 60), -EINVAL);
    assert_int_equal(display_set_output(display, 0, 1280, 0, 60), -EINVAL);
    assert_int_equal(display_set_output(display, 0, 10000, 800, 60), -EINVAL);
    assert_int_equal(display_set_output(display, 0, 1280, 800, 1000), -EINVAL);
    assert_int_equal(f->config_changes, 0);
    assert_int_equal(display->count, 2);
    /* A front-end may have more of them. */
    assert_int_equal(display_set_output(display, 3, 800, 600, 60), 0);
    assert_int_equal(display->count, 4);
    assert_int_equal(gpu_of_fixture(f)->config.num_scanouts, 4);
    assert_int_equal(info(f).pmodes[2].enabled, 0);
    assert_int_equal(info(f).pmodes[3].r.width, 800);
}

static void another_edid_is_answered(void **state)
{
    struct gpu_fixture *f = *state;
    struct display *display = &gpu_of_fixture(f)->display;
    struct virtio_gpu_cmd_get_edid get = {gpu_header(VIRTIO_GPU_CMD_GET_EDID, 0), htole32(1), 0};
    struct virtio_gpu_resp_edid answer;
    uint8_t edid[OUTPUT_MAX_EDID];

    memset(edid, 0x5a, sizeof(edid));
    assert_int_equal(display_set_edid(display, 1, edid, 100), -EINVAL);
    assert_int_equal(display_set_edid(display, 1, edid, 1152), -EINVAL);
    assert_int_equal(display_set_edid(display, 16, edid, 128), -EINVAL);
    assert_int_equal(display_set_edid(display, 1, edid, 1024), 0);
    assert_int_equal(f->config_changes, 1);
    assert_int_equal(display_set_edid(display, 1, edid, 1024), 0);
    assert_int_equal(f->config_changes, 1);
    assert_int_equal(GPU_DO(f, get), VIRTIO_GPU_RESP_OK_EDID);
    memcpy(&answer, f->answer, sizeof(answer));
    assert_int_equal(answer.size, 1024);
    assert_memory_equal(answer.edid, edid, 1024);
    assert_int_equal(display_set_edid(display, 1, NULL, 0), 0);
    assert_int_equal(GPU_DO(f, get), VIRTIO_GPU_RESP_OK_EDID);
    memcpy(&answer, f->answer, sizeof(answer));
    assert_int_equal(answer.size, 128);
}

static void questions_wait_while_the_watcher_is_asked(void **state)
{
    struct gpu_fixture *f = *state;
    struct display *display = &gpu_of_fixture(f)->display;
    struct virtio_gpu_ctrl_hdr ask = gpu_header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO, 0);
    struct virtio_gpu_cmd_get_edid get = {gpu_header(VIRTIO_GPU_CMD_GET_EDID, 0), 0, 0};
    struct virtio_gpu_resp_display_info answer;

    display_hold(display);
    display_hold(display);
    gpu_send(f, 0, &ask, sizeof(ask), 2048);
    gpu_send(f, 0, &get, sizeof(get), 2048);
    gpu_loop(f);
    assert_false(gpu_answered(f, 0));
    assert_int_equal(gpu_context(f, 1, 0), NODATA); /* others pass by */
    display_release(display);
    gpu_loop(f);
    assert_false(gpu_answered(f, 0));
    display_set_output(display, 0, 640, 480, 60);
    display_release(display);
    gpu_loop(f);
    assert_int_equal(gpu_take(f, 0), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
    memcpy(&answer, f->answer, sizeof(answer));
    assert_int_equal(answer.pmodes[0].r.width, 640);
    assert_int_equal(gpu_take(f, 0), VIRTIO_GPU_RESP_OK_EDID);
    display_release(display); /* one too many */
    assert_int_equal(display->holds, 0);
    /* A reset forgets who asked. */
    display_hold(display);
    gpu_send(f, 0, &ask, sizeof(ask), 2048);
    f->device->impl->reset(f->device);
    display_release(display);
    gpu_loop(f);
    assert_false(gpu_answered(f, 0));
}

static void there_may_be_no_outputs(void **state)
{
    static const struct gpu_options options = {.no_outputs = true};
    struct gpu_fixture *f;

    fd_count_setup(state);
    f = gpu_fixture_create(&options, EXPORTER_MEMFD);
    assert_int_equal(gpu_of_fixture(f)->config.num_scanouts, 0);
    assert_int_equal(info(f).pmodes[0].enabled, 0);
    gpu_fixture_destroy(f);
    assert_int_equal(fd_count_teardown(state), 0);
}

static void outputs_are_those_asked_for(void **state)
{
    static struct gpu_options options = {.output_count = 2};
    struct gpu_fixture *f;
    struct virtio_gpu_resp_display_info answer;

    for (uint32_t i = 0; i < 2; i++)
        output_init(&options.outputs[i], i);
    assert_null(output_parse("640x480@75,name=First", &options.outputs[0]));
    assert_null(output_parse("off", &options.outputs[1]));
    f = gpu_fixture_create(&options, EXPORTER_MEMFD);
    answer = info(f);
    assert_int_equal(answer.pmodes[0].r.width, 640);
    assert_int_equal(answer.pmodes[1].enabled, 0);
    assert_string_equal(gpu_of_fixture(f)->display.outputs[0].name, "First");
    gpu_fixture_destroy(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(modes_are_read),
        FD_TEST(names_are_read),
        GPU_TEST(an_output_changes_while_the_guest_runs),
        GPU_TEST(what_cannot_be_an_output_is_refused),
        GPU_TEST(another_edid_is_answered),
        GPU_TEST(questions_wait_while_the_watcher_is_asked),
        FD_TEST(there_may_be_no_outputs),
        FD_TEST(outputs_are_those_asked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

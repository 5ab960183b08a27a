/* SPDX-License-Identifier: MIT */
#include "gpu_test.h"

#include "gpu/edid.h"
#include "gpu/monitor.h"

static void the_facts_are_those_of_the_driver_s_probe(void **state)
{
    struct gpu_fixture *f = *state;
    struct device_facts facts;
    uint32_t config[5];

    f->device->impl->facts(f->device, &facts);
    assert_true(facts.features == ALL_FEATURES);
    assert_int_equal(facts.queues, 2);
    assert_int_equal(facts.shmid, 1);
    assert_int_equal(facts.config_size, 20);
    memcpy(config, facts.config, sizeof(config));
    assert_int_equal(config[0], 0);
    assert_int_equal(config[2], 2); /* outputs */
    assert_int_equal(config[3], 2); /* capsets */
    assert_int_equal(config[4], 0);
}

static void one_output_is_the_default(void **state)
{
    struct gpu_fixture *f = *state;
    struct virtio_gpu_cmd_get_edid edid = {gpu_header(VIRTIO_GPU_CMD_GET_EDID, 0), 0, 0};
    struct device_facts facts;
    uint32_t outputs;

    f->device->impl->facts(f->device, &facts);
    memcpy(&outputs, facts.config + 8, sizeof(outputs));
    assert_int_equal(outputs, 1);
    assert_int_equal(GPU_DO(f, edid), VIRTIO_GPU_RESP_OK_EDID);
    edid.scanout = 1;
    assert_int_equal(GPU_DO(f, edid), BAD_SCANOUT);
}

static void display_info_has_every_output(void **state)
{
    struct gpu_fixture *f = *state;
    struct virtio_gpu_ctrl_hdr request = gpu_header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO, 0);
    struct virtio_gpu_resp_display_info info;

    assert_int_equal(GPU_DO(f, request), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
    assert_int_equal(f->written, sizeof(info));
    memcpy(&info, f->answer, sizeof(info));
    assert_int_equal(info.pmodes[0].enabled, 1);
    assert_int_equal(info.pmodes[0].r.width, 1280);
    assert_int_equal(info.pmodes[0].r.height, 800);
    assert_int_equal(info.pmodes[1].enabled, 1);
    assert_int_equal(info.pmodes[1].r.x, 1280);
    assert_int_equal(info.pmodes[2].enabled, 0);
    assert_int_equal(info.pmodes[2].r.width, 0);
}

static void edid_is_answered_per_output(void **state)
{
    struct gpu_fixture *f = *state;
    struct virtio_gpu_cmd_get_edid request = {gpu_header(VIRTIO_GPU_CMD_GET_EDID, 0), 1, 0};
    struct virtio_gpu_resp_edid answer;
    const struct monitor monitor = {1280, 800, 60, 2, "hostblob"};
    uint8_t edid[EDID_MAX_SIZE];

    assert_int_equal(GPU_DO(f, request), VIRTIO_GPU_RESP_OK_EDID);
    assert_int_equal(f->written, sizeof(answer));
    memcpy(&answer, f->answer, sizeof(answer));
    assert_int_equal(answer.size, EDID_BLOCK);
    assert_int_equal(edid_write(edid, &monitor), EDID_BLOCK);
    assert_memory_equal(answer.edid, edid, EDID_BLOCK);
    for (unsigned i = EDID_BLOCK; i < sizeof(answer.edid); i++)
        assert_int_equal(answer.edid[i], 0);
    request.scanout = 2;
    assert_int_equal(GPU_DO(f, request), BAD_SCANOUT);
    request.scanout = UINT32_MAX;
    assert_int_equal(GPU_DO(f, request), BAD_SCANOUT);
}

static void capsets_are_listed_and_read(void **state)
{
    struct gpu_fixture *f = *state;
    struct virtio_gpu_get_capset_info about = {gpu_header(VIRTIO_GPU_CMD_GET_CAPSET_INFO, 0), 0, 0};
    struct virtio_gpu_get_capset get = {gpu_header(VIRTIO_GPU_CMD_GET_CAPSET, 0),
                                        MEMORY_STREAM_CAPSET, MEMORY_STREAM_VERSION};
    struct virtio_gpu_resp_capset_info info;
    struct memory_stream_capset capset;

    assert_int_equal(GPU_DO(f, about), VIRTIO_GPU_RESP_OK_CAPSET_INFO);
    memcpy(&info, f->answer, sizeof(info));
    assert_int_equal(info.capset_id, MEMORY_STREAM_CAPSET);
    assert_int_equal(info.capset_max_version, MEMORY_STREAM_VERSION);
    assert_int_equal(info.capset_max_size, sizeof(capset));
    about.capset_index = 2;
    assert_int_equal(GPU_DO(f, about), BAD_PARAMETER);

    assert_int_equal(GPU_DO(f, get), VIRTIO_GPU_RESP_OK_CAPSET);
    assert_int_equal(f->written, 24 + sizeof(capset));
    memcpy(&capset, f->answer + 24, sizeof(capset));
    assert_int_equal(capset.version, MEMORY_STREAM_VERSION);
    assert_int_equal(capset.opcodes, 1u << MEMORY_STREAM_FILL | 1u << MEMORY_STREAM_SUM);
    assert_true(capset.max_blob_size == WINDOW);
    get.capset_version = MEMORY_STREAM_VERSION + 1;
    assert_int_equal(GPU_DO(f, get), BAD_PARAMETER);
    get.capset_version = 0;
    get.capset_id = 1;
    assert_int_equal(GPU_DO(f, get), BAD_PARAMETER);
}

static void a_capset_never_leaves_its_room(void **state)
{
    struct gpu_fixture *f = *state;
    struct virtio_gpu_get_capset get = {gpu_header(VIRTIO_GPU_CMD_GET_CAPSET, 0),
                                        MEMORY_STREAM_CAPSET, MEMORY_STREAM_VERSION};
    const uint8_t *after;

    gpu_send(f, 0, &get, sizeof(get), 24 + sizeof(struct memory_stream_capset) - 1);
    assert_int_equal(gpu_take(f, 0), BAD_PARAMETER);
    assert_int_equal(f->written, 24);
    after = ring_driver_at(&f->driver, f->answer_at[0][f->head] + 24);
    for (unsigned i = 0; i < sizeof(struct memory_stream_capset) - 1; i++)
        assert_int_equal(after[i], 0xee);
}

static void writing_events_clear_is_harmless(void **state)
{
    struct gpu_fixture *f = *state;
    uint32_t all = UINT32_MAX;

    f->device->impl->write_config(f->device, 4, &all, 4);
    f->device->impl->write_config(f->device, 0, &all, 4);
    f->device->impl->write_config(f->device, 6, &all, 2);
    f->device->impl->write_config(f->device, UINT32_MAX, &all, 1);
    assert_int_equal(f->config_changes, 0);
}

static void an_event_that_was_seen_is_cleared(void **state)
{
    struct gpu_fixture *f = *state;
    struct gpu *gpu = (struct gpu *)(void *)f->device;
    uint32_t seen = 1;

    const uint32_t whole[5] = {3, 2, 2, 1, 0};

    gpu->config.events_read = 3;
    f->device->impl->write_config(f->device, 4, &seen, 4);
    assert_int_equal(gpu->config.events_read, 2);
    assert_int_equal(f->config_changes, 1);
    f->device->impl->write_config(f->device, 0, whole, 20);
    assert_int_equal(gpu->config.events_read, 0);
    assert_int_equal(f->config_changes, 2);
    gpu->config.events_read = 3;
    f->device->impl->write_config(f->device, 0, whole, 4);
    f->device->impl->write_config(f->device, 0, whole, 7);
    f->device->impl->write_config(f->device, 5, whole, 15);
    f->device->impl->write_config(f->device, 4, whole, 3);
    assert_int_equal(gpu->config.events_read, 3);
}

static void options_without_sense_are_refused(void **state)
{
    struct gpu_fixture *f = *state;
    const struct gpu_options bad[] = {
        {.output_count = 17},
        {.output_count = 1, .outputs = {{.mode = {9000, 800, 60}}}},
        {.output_count = 1, .outputs = {{.mode = {1280, 1, 60}}}},
        {.output_count = 1, .outputs = {{.mode = {1280, 800, 0}}}},
        {.renderer = "teapot"},
        {.display = "teapot"},
        {.display = "file:"},
    };

    const struct gpu_options nowhere = {.display = "file:/proc/there/is/none"};

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        errno = 0;
        assert_null(gpu_device_create(&f->host, &bad[i]));
        assert_int_equal(errno, EINVAL);
    }
    assert_null(gpu_device_create(&f->host, &nowhere));
    assert_int_equal(errno, ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GPU_TEST(the_facts_are_those_of_the_driver_s_probe),
        GPU_ARENA_TEST(one_output_is_the_default),
        GPU_TEST(display_info_has_every_output),
        GPU_TEST(edid_is_answered_per_output),
        GPU_TEST(capsets_are_listed_and_read),
        GPU_TEST(a_capset_never_leaves_its_room),
        GPU_TEST(writing_events_clear_is_harmless),
        GPU_TEST(an_event_that_was_seen_is_cleared),
        GPU_TEST(options_without_sense_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

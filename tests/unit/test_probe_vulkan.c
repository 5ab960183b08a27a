/* SPDX-License-Identifier: MIT */
/* The self-test of Vulkan's memory, with a pretended libvulkan in the real one's place. */
#include "tests/unit/fd_count.h"

#include <errno.h>
#include <string.h>

#include <json-c/json.h>

#include "gpu/probe_vulkan.h"
#include "tests/unit/fake_loader.h"

static struct json_object *report;
static char why[PROBE_WHY];

/* Everything that can be good is. */
static const struct fake_loader_device good = {
    .extensions = {VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME,
                   VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME,
                   VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME},
    .opaque = VK_EXTERNAL_MEMORY_FEATURE_EXPORTABLE_BIT,
    .dma_buf = VK_EXTERNAL_MEMORY_FEATURE_EXPORTABLE_BIT,
    .types = 2,
    .flags = {VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT, VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT},
};

static int probe(void)
{
    int result;

    json_object_put(report);
    report = json_object_new_object();
    why[0] = '\0';
    result = probe_vulkan(NULL, report, why);
    assert_int_equal(fake_loader.made, 0);
    assert_int_equal(fake_loader.memories, 0);
    return result;
}

/* A text of a device, or of the report itself; "" where there is none. */
static const char *text_of(struct json_object *object, const char *key)
{
    struct json_object *value;

    return json_object_object_get_ex(object, key, &value) ? json_object_get_string(value) : "";
}

static struct json_object *device(unsigned i)
{
    struct json_object *devices;

    assert_true(json_object_object_get_ex(report, "devices", &devices));
    return json_object_array_get_idx(devices, i);
}

static void a_good_device_is_described(void **state)
{
    fake_loader.devices[0] = good;
    assert_int_equal(probe(), 0);
    assert_string_equal(text_of(device(0), "name"), "Device 0");
    assert_string_equal(text_of(device(0), "driver"), "fake 1.0");
    assert_string_equal(text_of(device(0), "host_pointer"), "true");
    assert_string_equal(text_of(device(0), "opaque_offset"), "0");
    assert_string_equal(text_of(device(0), "dma_buf"), "true");
    assert_string_equal(text_of(device(0), "dma_buf_is"), "memfd of the layer");
    assert_string_equal(text_of(report, "opaque_offset"), "0");
    assert_int_equal(fake_loader.instances, 0);
}

/* A driver may put a page of its own before the bytes; a dmabuf it is only without. */
static void bytes_are_found_behind_others(void **state)
{
    fake_loader.devices[0] = good;
    fake_loader.devices[0].offsets[1] = 3;
    assert_int_equal(probe(), 0);
    assert_string_equal(text_of(device(0), "opaque_offset"), "12288");
    assert_string_equal(text_of(device(0), "dma_buf"), "false");
    assert_string_equal(text_of(report, "opaque_offset"), "12288");
}

static void types_of_memory_have_to_agree(void **state)
{
    fake_loader.devices[0] = good;
    fake_loader.devices[0].types = 3;
    fake_loader.devices[0].flags[2] = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT;
    fake_loader.devices[0].offsets[2] = 1;
    assert_int_equal(probe(), 0);
    assert_string_equal(text_of(device(0), "opaque_why"), "its types of memory differ");
    assert_string_equal(text_of(device(0), "dma_buf_why"), "its types of memory differ");
    assert_string_equal(text_of(report, "opaque_why"), "its types of memory differ");
    fake_loader.devices[0].types = 1;
    assert_int_equal(probe(), 0);
    assert_string_equal(text_of(device(0), "opaque_why"), "no memory of it is visible to the host");
}

static void devices_have_to_agree(void **state)
{
    fake_loader.count = 2;
    fake_loader.devices[0] = fake_loader.devices[1] = good;
    assert_int_equal(probe(), 0);
    assert_string_equal(text_of(report, "opaque_offset"), "0");
    fake_loader.devices[1].offsets[1] = 1;
    assert_int_equal(probe(), 0);
    assert_string_equal(text_of(device(0), "opaque_offset"), "0");
    assert_string_equal(text_of(device(1), "opaque_offset"), "4096");
    assert_string_equal(text_of(report, "opaque_why"), "the devices differ");
    assert_string_equal(text_of(report, "opaque_offset"), "");
}

static void what_is_wrong_with_memory_is_told(void **state)
{
    static const struct {
        enum fake_loader_fault fault;
        const char *text;
    } rows[] = {
        {FAKE_LOADER_ALLOCATE, "it cannot be allocated"},
        {FAKE_LOADER_MAP, "it cannot be mapped"},
        {FAKE_LOADER_DESCRIPTOR, "there is no descriptor of it"},
        {FAKE_LOADER_EMPTY, "its descriptor has a strange size"},
        {FAKE_LOADER_READ_ONLY, "its descriptor cannot be mapped"},
        {FAKE_LOADER_ELSEWHERE, "what is written does not arrive at a page of its descriptor"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fake_loader.devices[0] = good;
        fake_loader.devices[0].fault = rows[i].fault;
        assert_int_equal(probe(), 0);
        assert_string_equal(text_of(device(0), "opaque_why"), rows[i].text);
        assert_string_equal(text_of(device(0), "dma_buf_why"), rows[i].text);
        assert_string_equal(text_of(device(0), "dma_buf"), "false");
        assert_string_equal(text_of(report, "opaque_why"), rows[i].text);
    }
}

static void what_is_not_exported_is_not_tried(void **state)
{
    fake_loader.devices[0] = good;
    fake_loader.devices[0].opaque = 0;
    fake_loader.devices[0].extensions[1] = NULL; /* no dmabufs, nor host pointers */
    fake_loader.devices[0].fault = FAKE_LOADER_ALLOCATE;
    assert_int_equal(probe(), 0);
    assert_string_equal(text_of(device(0), "opaque_why"), "its driver does not export it");
    assert_string_equal(text_of(device(0), "dma_buf_why"), "its driver does not export it");
    assert_string_equal(text_of(device(0), "host_pointer"), "false");
    fake_loader.devices[0].unusable = true;
    assert_int_equal(probe(), 0);
    assert_string_equal(text_of(device(0), "opaque_why"), "it cannot be used");
    assert_string_equal(text_of(device(0), "dma_buf"), "");
}

static void where_there_is_no_vulkan_it_is_said(void **state)
{
    fake_loader.count = 0;
    assert_int_equal(probe(), -ENODEV);
    assert_string_equal(why, "no Vulkan driver has a device");
    fake_loader.missing = "vkCreateDevice";
    assert_int_equal(probe(), -ENODEV);
    assert_string_equal(why, "vkCreateDevice is missing");
    fake_loader.missing = "vkCreateInstance";
    assert_int_equal(probe(), -ENODEV);
    assert_string_equal(why, "there is no Vulkan 1.1 driver");
    fake_loader.missing = NULL;
    fake_loader.no_instance = true;
    assert_int_equal(probe(), -ENODEV);
    assert_string_equal(why, "there is no Vulkan 1.1 driver");
}

static int setup(void **state)
{
    fake_loader = (struct fake_loader){.count = 1};
    return fd_count_setup(state);
}

static int teardown(void **state)
{
    json_object_put(report);
    report = NULL;
    return fd_count_teardown(state);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_good_device_is_described),          TEST(bytes_are_found_behind_others),
        TEST(types_of_memory_have_to_agree),       TEST(devices_have_to_agree),
        TEST(what_is_wrong_with_memory_is_told),   TEST(what_is_not_exported_is_not_tried),
        TEST(where_there_is_no_vulkan_it_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* DRM nodes, with a pretended libgbm in the real one's place. */
#include "tests/unit/fd_count.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fourcc.h"
#include "base/units.h"
#include "buffer/exporter.h"
#include "buffer/gbm_library.h"
#include "buffer/gbm_node.h"
#include "tests/unit/fake_gbm.h"

static char path[] = "/tmp/hostblob-gbm-XXXXXX";
static const struct surface picture = {100, 50, FOURCC_XRGB8888, SURFACE_USE_RENDERING};

static struct gbm_node *open_node(void)
{
    char text[GBM_NODE_TEXT] = "";
    int error;
    struct gbm_node *node = gbm_node_create(path, &error, text);

    assert_non_null(node);
    assert_int_equal(error, 0);
    return node;
}

static void close_node(struct gbm_node *node)
{
    gbm_node_destroy(node);
    assert_int_equal(fake_gbm.devices, 0);
    assert_int_equal(fake_gbm.bos, 0);
}

static void refused(int error, const char *reason)
{
    char text[GBM_NODE_TEXT] = "";
    int result = 0;

    assert_null(gbm_node_create(path, &result, text));
    assert_int_equal(result, error);
    assert_non_null(strstr(text, reason));
    assert_int_equal(fake_gbm.devices, 0);
    assert_int_equal(fake_gbm.bos, 0);
}

static void a_node_says_what_it_is(void **state)
{
    char text[GBM_NODE_TEXT] = "";
    int error;
    struct gbm_node *node = gbm_node_create(path, &error, text);

    assert_non_null(node);
    assert_int_equal(fake_gbm.devices, 1);
    assert_memory_equal(text, path, strlen(path));
    assert_non_null(strstr(text, "unknown driver"));
    assert_non_null(strstr(text, "back-end fake"));
    close_node(node);
    gbm_node_destroy(NULL);
}

static void bytes_are_whole_pages_of_zeros(void **state)
{
    struct gbm_node *node = open_node();
    struct buffer *buffer;
    uint8_t *data;

    fake_gbm.old_bytes = true;
    buffer = gbm_node_bytes(node, 5000);
    assert_non_null(buffer);
    assert_int_equal(buffer->kind, BUFFER_GBM);
    assert_int_equal(buffer->size, 2 * units_page_size());
    assert_int_equal(fake_gbm.flags, GBM_USE_LINEAR);
    assert_int_equal(fake_gbm.bos, 0); /* its memory lives by the descriptor alone */
    data = buffer_data(buffer);
    for (uint64_t i = 0; i < buffer->size; i++)
        assert_int_equal(data[i], 0);
    buffer_destroy(buffer);
    close_node(node);
}

/* Drivers limit an image's height. */
static void many_bytes_are_a_wider_image(void **state)
{
    struct gbm_node *node = open_node();
    struct buffer *buffer = gbm_node_bytes(node, UINT64_C(64) << 20);

    assert_non_null(buffer);
    assert_int_equal(fake_gbm.width, 2048);
    assert_int_equal(fake_gbm.height, 8192);
    buffer_destroy(buffer);
    assert_null(gbm_node_bytes(node, 0));
    assert_int_equal(errno, EINVAL);
    assert_null(gbm_node_bytes(node, UINT64_MAX));
    assert_int_equal(errno, EFBIG);
    assert_null(gbm_node_bytes(node, (UINT64_C(4) << 30) + 1));
    assert_int_equal(errno, EFBIG);
    close_node(node);
}

static void an_image_lies_as_the_driver_says(void **state)
{
    struct gbm_node *node = open_node();
    struct surface_layout told, layout;
    struct buffer *buffer;

    fake_gbm.stride = 1024;
    fake_gbm.modifier = FOURCC_MODIFIER_INVALID; /* of a driver that knows none */
    assert_int_equal(gbm_node_layout(node, &picture, &told), 0);
    buffer = gbm_node_image(node, &picture, &layout);
    assert_non_null(buffer);
    assert_int_equal(fake_gbm.flags, GBM_USE_LINEAR | GBM_USE_RENDERING);
    assert_true(surface_layout_equal(&told, &layout));
    assert_int_equal(layout.planes, 1);
    assert_int_equal(layout.strides[0], 1024);
    assert_true(layout.modifier == FOURCC_MODIFIER_LINEAR);
    assert_true(layout.size >= 50 * 1024);
    assert_int_equal(buffer->size, layout.size);
    buffer_destroy(buffer);
    close_node(node);
}

/* The image is made all the same, of bytes and in our own layout. */
static void falls_back(struct gbm_node *node)
{
    struct surface_layout own, layout;
    struct buffer *buffer = gbm_node_image(node, &picture, &layout);

    assert_non_null(buffer);
    assert_int_equal(surface_layout_linear(&picture, &own), 0);
    assert_true(surface_layout_equal(&own, &layout));
    assert_int_equal(buffer->size, own.size);
    buffer_destroy(buffer);
    assert_int_equal(gbm_node_layout(node, &picture, &layout), 0);
    assert_true(surface_layout_equal(&own, &layout));
    assert_int_equal(fake_gbm.bos, 0);
}

static void a_layout_that_cannot_be_is_not_believed(void **state)
{
    struct gbm_node *node = open_node();

    fake_gbm.modifier = UINT64_C(0x0100000000000001); /* tiles */
    falls_back(node);
    fake_gbm.modifier = FOURCC_MODIFIER_LINEAR;
    fake_gbm.planes = 2; /* of a format that has one */
    falls_back(node);
    fake_gbm.planes = -1;
    falls_back(node);
    fake_gbm.planes = 99;
    falls_back(node);
    close_node(node);
}

static void an_image_for_less_is_better_than_none(void **state)
{
    struct gbm_node *node = open_node();
    struct surface_layout layout;
    struct buffer *buffer;

    fake_gbm.refused = GBM_USE_RENDERING;
    buffer = gbm_node_image(node, &picture, &layout);
    assert_non_null(buffer);
    assert_int_equal(fake_gbm.flags, GBM_USE_LINEAR);
    buffer_destroy(buffer);
    assert_null(gbm_node_image(node, &(struct surface){0, 1, FOURCC_R8, 0}, &layout));
    assert_int_equal(errno, EINVAL);
    assert_int_equal(gbm_node_layout(node, &(struct surface){1, 1, 7, 0}, &layout), -EINVAL);
    close_node(node);
}

static void a_node_without_a_use_is_refused(void **state)
{
    fake_gbm.no_device = true;
    refused(-ENODEV, "libgbm has no driver for it");
    fake_gbm.no_device = false;
    fake_gbm.error = ENOSPC;
    refused(-ENOSPC, "it makes no bytes: No space left");
    fake_gbm.error = -1;
    refused(-EIO, "it makes no bytes: Input/output error");
    fake_gbm.error = 0;
    fake_gbm.no_fd = true;
    refused(-EOPNOTSUPP, "it makes no bytes: Operation not supported");
    fake_gbm.no_fd = false;
    fake_gbm.missing = 4096;
    refused(-EIO, "it makes no bytes: Input/output error");
}

static void a_node_that_is_not_there_is_told(void **state)
{
    char text[GBM_NODE_TEXT] = "";
    glob_t nodes;
    int error = 0;

    assert_null(gbm_node_find("/nowhere/card0", &error, text));
    assert_int_equal(error, -ENOENT);
    assert_string_equal(text, "/nowhere/card0: it cannot be opened: No such file or directory");
    if (glob("/dev/dri/*", 0, NULL, &nodes) == 0) {
        globfree(&nodes);
        return;
    }
    assert_null(gbm_node_find(NULL, &error, text));
    assert_int_equal(error, -ENOENT);
    assert_string_equal(text, "there is no DRM node in /dev/dri");
}

static void an_exporter_makes_its_buffers_there(void **state)
{
    struct exporter exporter;
    struct surface_layout layout;
    struct buffer *buffer;

    assert_int_equal(exporter_init(&exporter, EXPORTER_GBM, NULL, path), 0);
    assert_int_equal(exporter.kind, EXPORTER_GBM);
    buffer = exporter_create(&exporter, 1);
    assert_non_null(buffer);
    assert_string_equal(buffer_kind_name(buffer->kind), "gbm");
    buffer_destroy(buffer);
    fake_gbm.stride = 2048;
    buffer = exporter_create_image(&exporter, &picture, &layout);
    assert_non_null(buffer);
    assert_int_equal(layout.strides[0], 2048);
    buffer_destroy(buffer);
    exporter_finish(&exporter);
    assert_int_equal(fake_gbm.devices, 0);
    fake_gbm.error = EACCES;
    assert_int_equal(exporter_init(&exporter, EXPORTER_GBM, NULL, path), -EACCES);
    exporter_finish(&exporter);
}

/* Bytes from elsewhere, and images by the node. */
static void a_choice_has_images_there(void **state)
{
    struct exporter exporter;
    struct surface_layout layout;
    struct buffer *buffer;

    assert_int_equal(exporter_init(&exporter, EXPORTER_AUTO, NULL, path), 0);
    assert_int_not_equal(exporter.kind, EXPORTER_GBM);
    buffer = exporter_create_image(&exporter, &picture, &layout);
    assert_non_null(buffer);
    assert_int_equal(buffer->kind, BUFFER_GBM);
    buffer_destroy(buffer);
    exporter_finish(&exporter);
}

static int start_clean(void **state)
{
    memset(&fake_gbm, 0, sizeof(fake_gbm));
    return fd_count_setup(state);
}

static int make_path(void **state)
{
    int fd = mkstemp(path);

    return fd < 0 ? -1 : close(fd);
}

static int remove_path(void **state)
{
    return unlink(path);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, start_clean, fd_count_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_node_says_what_it_is),
        TEST(bytes_are_whole_pages_of_zeros),
        TEST(many_bytes_are_a_wider_image),
        TEST(an_image_lies_as_the_driver_says),
        TEST(a_layout_that_cannot_be_is_not_believed),
        TEST(an_image_for_less_is_better_than_none),
        TEST(a_node_without_a_use_is_refused),
        TEST(a_node_that_is_not_there_is_told),
        TEST(an_exporter_makes_its_buffers_there),
        TEST(a_choice_has_images_there),
    };

    return cmocka_run_group_tests(tests, make_path, remove_path);
}

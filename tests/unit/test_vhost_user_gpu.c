/* SPDX-License-Identifier: MIT */
#include "fd_count.h"

#include <string.h>

#include "protocol/vhost_user_gpu.h"

#define ALL UINT64_MAX

/* The requests as the manual has them, written down a second time. -1: there is no answer. */
static const struct row {
    const char *name;
    uint32_t request;
    uint32_t size;
    unsigned fds;
    int reply;
    uint64_t needs;
} rows[] = {
    {"GET_PROTOCOL_FEATURES", 1, 0, 0, 8, 0},
    {"SET_PROTOCOL_FEATURES", 2, 8, 0, -1, 0},
    {"GET_DISPLAY_INFO", 3, 0, 0, 408, 0},
    {"CURSOR_POS", 4, 12, 0, -1, 0},
    {"CURSOR_POS_HIDE", 5, 12, 0, -1, 0},
    {"CURSOR_UPDATE", 6, 16404, 0, -1, 0},
    {"SCANOUT", 7, 12, 0, -1, 0},
    {"UPDATE", 8, 20, 0, -1, 0},
    {"DMABUF_SCANOUT", 9, 40, 1, -1, 0},
    {"DMABUF_UPDATE", 10, 20, 0, 0, 0},
    {"GET_EDID", 11, 4, 0, 1056, 1},
    {"DMABUF_SCANOUT2", 12, 48, 1, -1, 2},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static const char *check(uint32_t request, uint32_t size, unsigned fds, uint64_t features)
{
    static const uint8_t nothing[32];
    struct vhost_user_gpu_header header = {request, 0, size};

    return vhost_user_gpu_check_request(&header, nothing, fds, features);
}

static const char *reply(uint32_t request, uint32_t flags, uint32_t size)
{
    struct vhost_user_gpu_header header = {request, flags, size};

    return vhost_user_gpu_check_reply(&header);
}

/* A reason, and one that says this. */
static void assert_reason(const char *reason, const char *part)
{
    assert_non_null(reason);
    if (strstr(reason, part) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", reason, part);
}

static void every_request_has_the_manual_s_sizes(void **state)
{
    for (size_t i = 0; i < ROWS; i++) {
        const struct row *row = &rows[i];

        assert_string_equal(vhost_user_gpu_request_name(row->request), row->name);
        assert_null(check(row->request, row->size, 0, row->needs));
        assert_null(check(row->request, row->size, row->fds, ALL));
        assert_reason(check(row->request, row->size, row->fds + 1, ALL), "descriptors");
        assert_non_null(check(row->request, row->size + 1, 0, ALL));
        if (row->size > 0)
            assert_reason(check(row->request, row->size - 1, 0, ALL), "size");
        if (row->needs != 0)
            assert_reason(check(row->request, row->size, 0, ALL & ~row->needs), "feature");
    }
}

static void every_answer_has_the_manual_s_size(void **state)
{
    for (size_t i = 0; i < ROWS; i++) {
        const struct row *row = &rows[i];

        if (row->reply < 0) {
            assert_reason(reply(row->request, 4, 0), "no answer");
            continue;
        }
        assert_null(reply(row->request, 4, (uint32_t)row->reply));
        assert_null(reply(row->request, 5, (uint32_t)row->reply));
        assert_reason(reply(row->request, 0, (uint32_t)row->reply), "no answer");
        assert_reason(reply(row->request, 4, (uint32_t)row->reply + 1), "size");
        assert_reason(reply(row->request, 4, UINT32_MAX), "size");
    }
}

static void what_is_not_in_the_manual_is_refused(void **state)
{
    static const uint32_t strange[] = {0, 13, 0x100, UINT32_MAX};

    for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
        assert_reason(check(strange[i], 0, 0, ALL), "no such");
        assert_reason(reply(strange[i], 4, 0), "not exist");
        assert_string_equal(vhost_user_gpu_request_name(strange[i]), "?");
    }
    struct vhost_user_gpu_header flagged = {VHOST_USER_GPU_GET_DISPLAY_INFO, 4, 0};
    assert_reason(vhost_user_gpu_check_request(&flagged, NULL, 0, ALL), "flags");
}

static void an_update_has_as_many_pixels_as_it_says(void **state)
{
    struct vhost_user_gpu_update update = {0, 10, 20, 30, 40};
    struct vhost_user_gpu_header header = {VHOST_USER_GPU_UPDATE, 0, 20 + 30 * 40 * 4};

    assert_null(vhost_user_gpu_check_request(&header, &update, 0, 0));
    header.size -= 4;
    assert_reason(vhost_user_gpu_check_request(&header, &update, 0, 0), "pixels");
    header.size += 8;
    assert_reason(vhost_user_gpu_check_request(&header, &update, 0, 0), "pixels");
    /* Sizes whose product does not fit are no small picture. */
    update.width = 0x80000000u;
    update.height = 2;
    header.size = 20;
    assert_reason(vhost_user_gpu_check_request(&header, &update, 0, 0), "pixels");
    update.width = 0x10000u;
    update.height = 0x10000u;
    assert_reason(vhost_user_gpu_check_request(&header, &update, 0, 0), "pixels");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_request_has_the_manual_s_sizes),
        cmocka_unit_test(every_answer_has_the_manual_s_size),
        cmocka_unit_test(what_is_not_in_the_manual_is_refused),
        cmocka_unit_test(an_update_has_as_many_pixels_as_it_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
#include "fd_count.h"

#include <string.h>

#include "protocol/vhost_user.h"

#define ALL UINT64_MAX
#define RUNNING VHOST_USER_RUNNING
#define IDLE VHOST_USER_IDLE

/* The messages as the specification has them, written down a second time: number, payload sizes,
 * descriptors, the protocol feature bit that gates it (-1: none), and whether its answer has a form
 * of its own. */
static const struct row {
    const char *name;
    uint32_t request;
    uint32_t min_size, max_size;
    unsigned min_fds, max_fds;
    int bit;
    bool own;
} rows[] = {
    {"GET_FEATURES", 1, 0, 0, 0, 0, -1, true},
    {"SET_FEATURES", 2, 8, 8, 0, 0, -1, false},
    {"SET_OWNER", 3, 0, 0, 0, 0, -1, false},
    {"RESET_OWNER", 4, 0, 0, 0, 0, -1, false},
    {"SET_MEM_TABLE", 5, 8, 8 + 32 * 32, 0, 32, -1, false},
    {"SET_VRING_NUM", 8, 8, 8, 0, 0, -1, false},
    {"SET_VRING_ADDR", 9, 40, 40, 0, 0, -1, false},
    {"SET_VRING_BASE", 10, 8, 8, 0, 0, -1, false},
    {"GET_VRING_BASE", 11, 8, 8, 0, 0, -1, true},
    {"SET_VRING_KICK", 12, 8, 8, 0, 1, -1, false},
    {"SET_VRING_CALL", 13, 8, 8, 0, 1, -1, false},
    {"SET_VRING_ERR", 14, 8, 8, 0, 1, -1, false},
    {"GET_PROTOCOL_FEATURES", 15, 0, 0, 0, 0, -1, true},
    {"SET_PROTOCOL_FEATURES", 16, 8, 8, 0, 0, -1, false},
    {"GET_QUEUE_NUM", 17, 0, 0, 0, 0, 0, true},
    {"SET_VRING_ENABLE", 18, 8, 8, 0, 0, -1, false},
    {"SET_BACKEND_REQ_FD", 21, 0, 0, 1, 1, 5, false},
    {"GET_CONFIG", 24, 12, 268, 0, 0, 9, true},
    {"SET_CONFIG", 25, 12, 268, 0, 0, 9, false},
    {"GPU_SET_SOCKET", 33, 0, 0, 1, 1, -1, false},
    {"RESET_DEVICE", 34, 0, 0, 0, 0, 13, false},
    {"GET_MAX_MEM_SLOTS", 36, 0, 0, 0, 0, 15, true},
    {"ADD_MEM_REG", 37, 40, 40, 1, 1, 15, false},
    {"REM_MEM_REG", 38, 40, 40, 0, 1, 15, false},
    {"GET_SHARED_OBJECT", 41, 0, 16, 0, 0, 18, true},
    {"GET_SHMEM_CONFIG", 44, 0, 0, 0, 0, 22, true},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static const char *check(uint32_t request, uint32_t size, unsigned fds, uint64_t acked,
                         unsigned state)
{
    struct vhost_user_header header = {request, VHOST_USER_VERSION, size};

    return vhost_user_check(&header, fds, acked, state);
}

/* A reason, and one that says this. */
static void assert_reason(const char *reason, const char *part)
{
    assert_non_null(reason);
    if (strstr(reason, part) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", reason, part);
}

static void takes_every_message_within_its_bounds(void **state)
{
    for (size_t i = 0; i < ROWS; i++) {
        const struct row *row = &rows[i];

        assert_string_equal(vhost_user_request_name(row->request), row->name);
        assert_null(check(row->request, row->min_size, row->min_fds, ALL, IDLE));
        assert_null(check(row->request, row->max_size, row->max_fds, ALL, IDLE));
        assert_int_equal(vhost_user_rule(row->request)->answer,
                         row->own ? VHOST_USER_ANSWER_OWN : VHOST_USER_ANSWER_ACK);
    }
}

static void refuses_a_size_off_by_one(void **state)
{
    for (size_t i = 0; i < ROWS; i++) {
        const struct row *row = &rows[i];

        assert_reason(check(row->request, row->max_size + 1, row->min_fds, ALL, IDLE), "size");
        if (row->min_size > 0)
            assert_reason(check(row->request, row->min_size - 1, row->min_fds, ALL, IDLE), "size");
    }
}

static void refuses_a_wrong_number_of_descriptors(void **state)
{
    for (size_t i = 0; i < ROWS; i++) {
        const struct row *row = &rows[i];

        assert_reason(check(row->request, row->min_size, row->max_fds + 1, ALL, IDLE),
                      "descriptors that it should not");
        if (row->min_fds > 0)
            assert_reason(check(row->request, row->min_size, row->min_fds - 1, ALL, IDLE),
                          "missing");
    }
}

static void asks_for_the_protocol_feature_and_no_other(void **state)
{
    for (size_t i = 0; i < ROWS; i++) {
        const struct row *row = &rows[i];
        uint64_t bit = row->bit < 0 ? 0 : UINT64_C(1) << row->bit;

        assert_null(check(row->request, row->min_size, row->min_fds, bit, IDLE));
        if (bit != 0)
            assert_reason(check(row->request, row->min_size, row->min_fds, ~bit, IDLE),
                          "not negotiated");
    }
}

static void only_negotiation_needs_stopped_rings(void **state)
{
    for (size_t i = 0; i < ROWS; i++) {
        const struct row *row = &rows[i];
        const char *reason = check(row->request, row->min_size, row->min_fds, ALL, RUNNING);

        if (row->request == VHOST_USER_SET_PROTOCOL_FEATURES)
            assert_reason(reason, "while a ring runs");
        else
            assert_null(reason);
    }
}

static void knows_no_other_message(void **state)
{
    for (uint32_t request = 0; request < 300; request++) {
        bool listed = false;

        for (size_t i = 0; i < ROWS; i++)
            listed |= rows[i].request == request;
        assert_int_equal(vhost_user_rule(request) != NULL, listed);
        if (!listed) {
            assert_reason(check(request, 0, 0, ALL, IDLE), "does not know");
            assert_string_equal(vhost_user_request_name(request), "?");
        }
    }
    assert_null(vhost_user_rule(UINT32_MAX));
    assert_reason(check(UINT32_MAX, 0, 0, ALL, IDLE), "does not know");
}

static void checks_the_header_before_anything_else(void **state)
{
    struct vhost_user_header header = {VHOST_USER_GET_FEATURES, VHOST_USER_VERSION, 0};

    assert_null(vhost_user_check_header(&header));
    header.flags |= VHOST_USER_FLAG_NEED_REPLY;
    assert_null(vhost_user_check_header(&header));
    header.flags |= VHOST_USER_FLAG_REPLY;
    assert_reason(vhost_user_check_header(&header), "reply");
    header.flags = 0;
    assert_reason(vhost_user_check_header(&header), "version");
    header.flags = 2;
    assert_reason(vhost_user_check_header(&header), "version");
    header.flags = VHOST_USER_VERSION;
    header.size = VHOST_USER_MAX_PAYLOAD;
    assert_null(vhost_user_check_header(&header));
    header.size++;
    assert_reason(vhost_user_check_header(&header), "larger");
    header.size = UINT32_MAX;
    assert_reason(vhost_user_check_header(&header), "larger");
}

/* The numbers that other programs rely on. */
static void has_the_layout_of_the_wire(void **state)
{
    assert_int_equal(offsetof(struct vhost_user_mmap, fd_offset), 8);
    assert_int_equal(offsetof(struct vhost_user_mmap, shm_offset), 16);
    assert_int_equal(offsetof(struct vhost_user_mmap, len), 24);
    assert_int_equal(offsetof(struct vhost_user_mmap, flags), 32);
    assert_int_equal(offsetof(struct vhost_user_shmem_config, sizes), 8);
    assert_int_equal(offsetof(struct vhost_user_mem_table, regions), 8);
    assert_int_equal(sizeof(struct vhost_user_region), 32);
    assert_int_equal(offsetof(struct vhost_user_config, data), 12);
    assert_int_equal(VHOST_USER_BACKEND_SHMEM_MAP, 9);
    assert_int_equal(VHOST_USER_BACKEND_SHMEM_UNMAP, 10);
    assert_int_equal(VHOST_USER_PROTOCOL_F_SHMEM, 22);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(takes_every_message_within_its_bounds),
        FD_TEST(refuses_a_size_off_by_one),
        FD_TEST(refuses_a_wrong_number_of_descriptors),
        FD_TEST(asks_for_the_protocol_feature_and_no_other),
        FD_TEST(only_negotiation_needs_stopped_rings),
        FD_TEST(knows_no_other_message),
        FD_TEST(checks_the_header_before_anything_else),
        FD_TEST(has_the_layout_of_the_wire),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

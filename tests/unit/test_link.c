/* SPDX-License-Identifier: MIT */
#include "fd_count.h"

#include <string.h>

#include "protocol/link.h"

/* Who says what, with how many descriptors. */
static const struct row {
    const char *name;
    uint32_t type;
    size_t payload;
    unsigned min_fds, max_fds;
    enum link_end from;
} rows[] = {
    {"FEATURES", LINK_FEATURES, 8, 0, 0, LINK_DOOR},
    {"MEM_TABLE", LINK_MEM_TABLE, sizeof(struct link_mem_table), 0, 32, LINK_DOOR},
    {"RING_START", LINK_RING_START, sizeof(struct link_ring_start), 0, 2, LINK_DOOR},
    {"RING_ENABLE", LINK_RING_ENABLE, sizeof(struct link_ring), 0, 0, LINK_DOOR},
    {"RING_CALL", LINK_RING_CALL, sizeof(struct link_ring), 0, 1, LINK_DOOR},
    {"RING_STOP", LINK_RING_STOP, sizeof(struct link_ring), 0, 0, LINK_DOOR},
    {"RESET", LINK_RESET, 0, 0, 0, LINK_DOOR},
    {"CONFIG_WRITE", LINK_CONFIG_WRITE, sizeof(struct link_config), 0, 0, LINK_DOOR},
    {"WINDOW", LINK_WINDOW, sizeof(struct link_window), 0, 0, LINK_DOOR},
    {"SHM_DONE", LINK_SHM_DONE, sizeof(struct link_shm), 0, 0, LINK_DOOR},
    {"DISPLAY", LINK_DISPLAY, 0, 1, 1, LINK_DOOR},
    {"COMMAND", LINK_COMMAND, 512, 0, 1, LINK_DOOR},
    {"OBJECT_FOUND", LINK_OBJECT_FOUND, 32, 0, 1, LINK_DOOR},
    {"HELLO", LINK_HELLO, sizeof(struct link_hello), 0, 0, LINK_WORKER},
    {"ACK", LINK_ACK, sizeof(struct link_ack), 0, 0, LINK_WORKER},
    {"SHM_MAP", LINK_SHM_MAP, sizeof(struct link_shm), 1, 1, LINK_WORKER},
    {"SHM_UNMAP", LINK_SHM_UNMAP, sizeof(struct link_shm), 0, 0, LINK_WORKER},
    {"CONFIG_CHANGED", LINK_CONFIG_CHANGED, sizeof(struct link_config), 0, 0, LINK_WORKER},
    {"COMMAND_DONE", LINK_COMMAND_DONE, 8 + 4096, 0, 0, LINK_WORKER},
    {"OBJECT_ADD", LINK_OBJECT_ADD, 32, 1, 1, LINK_WORKER},
    {"OBJECT_REMOVE", LINK_OBJECT_REMOVE, 32, 0, 0, LINK_WORKER},
    {"OBJECT_LOOKUP", LINK_OBJECT_LOOKUP, 32, 0, 0, LINK_WORKER},
    {"SHELF_GIVE", LINK_SHELF_GIVE, 8 + 32 * 8, 0, 32, LINK_DOOR},
    {"SHELF_ASK", LINK_SHELF_ASK, 8, 0, 0, LINK_WORKER},
    {"SHELF_PUT", LINK_SHELF_PUT, 8, 1, 1, LINK_WORKER},
    {"SHELF_DROP", LINK_SHELF_DROP, 8, 0, 0, LINK_WORKER},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static const char *check(uint32_t type, uint32_t size, unsigned fds, enum link_end from)
{
    struct link_message message = {.type = type};

    return link_check(&message, size, fds, from);
}

static void lists_every_message(void **state)
{
    /* Types count from 1 without a gap. */
    assert_int_equal(ROWS, LINK_TYPES - 1);
    for (size_t i = 0; i < ROWS; i++) {
        assert_non_null(link_rule(rows[i].type));
        assert_string_equal(link_rule(rows[i].type)->name, rows[i].name);
        assert_int_equal(link_size(rows[i].type), LINK_HEADER_SIZE + rows[i].payload);
    }
}

static void takes_what_keeps_its_rule(void **state)
{
    for (size_t i = 0; i < ROWS; i++) {
        uint32_t size = link_size(rows[i].type);

        assert_null(check(rows[i].type, size, rows[i].min_fds, rows[i].from));
        assert_null(check(rows[i].type, size, rows[i].max_fds, rows[i].from));
    }
}

static void refuses_what_does_not(void **state)
{
    for (size_t i = 0; i < ROWS; i++) {
        const struct row *row = &rows[i];
        enum link_end other = row->from == LINK_DOOR ? LINK_WORKER : LINK_DOOR;
        uint32_t size = link_size(row->type);

        assert_non_null(check(row->type, size, row->min_fds, other));
        assert_non_null(check(row->type, size + 1, row->min_fds, row->from));
        assert_non_null(check(row->type, size - 1, row->min_fds, row->from));
        assert_non_null(check(row->type, size, row->max_fds + 1, row->from));
        if (row->min_fds > 0)
            assert_non_null(check(row->type, size, row->min_fds - 1, row->from));
    }
}

static void refuses_what_is_no_message(void **state)
{
    const uint32_t types[] = {0, LINK_TYPES, LINK_TYPES + 1, UINT32_MAX};

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        assert_null(link_rule(types[i]));
        assert_int_equal(link_size(types[i]), 0);
        assert_non_null(check(types[i], LINK_HEADER_SIZE, 0, LINK_DOOR));
        assert_non_null(check(types[i], LINK_HEADER_SIZE, 0, LINK_WORKER));
    }
}

/* A packet too short for a header has no type to look at: it may lie past the end. */
static void does_not_look_at_a_header_that_is_not_there(void **state)
{
    for (uint32_t size = 0; size < LINK_HEADER_SIZE; size++)
        assert_non_null(check(LINK_RESET, size, 0, LINK_DOOR));
    assert_null(check(LINK_RESET, LINK_HEADER_SIZE, 0, LINK_DOOR));
}

static void a_message_begins_empty(void **state)
{
    static struct link_message m;
    const uint8_t *bytes = (const uint8_t *)&m;

    for (uint32_t type = 1; type < LINK_TYPES; type++) {
        uint32_t size = link_size(type);

        memset(&m, 0xa5, sizeof(m));
        link_begin(&m, type);
        assert_int_equal(m.type, type);
        for (uint32_t i = sizeof(m.type); i < size; i++)
            assert_int_equal(bytes[i], 0);
        for (uint32_t i = size; i < sizeof(m); i++)
            assert_int_equal(bytes[i], 0xa5); /* it costs no more than it is long */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(lists_every_message),
        FD_TEST(takes_what_keeps_its_rule),
        FD_TEST(refuses_what_does_not),
        FD_TEST(refuses_what_is_no_message),
        FD_TEST(does_not_look_at_a_header_that_is_not_there),
        FD_TEST(a_message_begins_empty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

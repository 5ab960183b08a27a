/* SPDX-License-Identifier: MIT */
#include "tests/unit/fd_count.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/units.h"
#include "gpu/opaque_layout.h"

#define SIZE UINT64_C(65536)

/* What a probe found, as it is written. */
static void learn(struct opaque_layout *layout, bool ok, const char *report, const char *why)
{
    struct probe probe = {.ok = ok, .report = json_tokener_parse(report)};

    snprintf(probe.why, sizeof(probe.why), "%s", why);
    assert_non_null(probe.report);
    *layout = (struct opaque_layout){0};
    opaque_layout_learn(layout, &probe);
    json_object_put(probe.report);
}

/* A file with the header that Mesa's software driver writes. */
static int make_file(uint64_t file_size, uint64_t said_size, uint64_t said_offset)
{
    const uint64_t header[2] = {said_size, said_offset};
    int fd = memfd_create("opaque", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)file_size), 0);
    assert_int_equal(pwrite(fd, header, sizeof(header), 0), sizeof(header));
    return fd;
}

static int look(const struct opaque_layout *layout, int fd, uint64_t *offset, char why[PROBE_WHY])
{
    int result;

    *offset = 77;
    why[0] = '\0';
    result = opaque_layout_offset(layout, fd, SIZE, offset, why);
    close(fd);
    assert_int_equal(result == 0, why[0] == '\0');
    return result;
}

static void nothing_is_mapped_before_it_is_proven(void **state)
{
    struct opaque_layout layout = {0};
    char why[PROBE_WHY];
    uint64_t offset;

    assert_int_equal(look(&layout, make_file(SIZE + 8192, SIZE + 4096, 4096), &offset, why),
                     -EOPNOTSUPP);
    learn(&layout, false, "{}", "there is no Vulkan");
    assert_int_equal(look(&layout, make_file(SIZE + 8192, SIZE + 4096, 4096), &offset, why),
                     -EOPNOTSUPP);
    assert_string_equal(why, "there is no Vulkan");
    learn(&layout, true, "{\"opaque_why\": \"the devices differ\"}", "");
    assert_int_equal(look(&layout, make_file(SIZE + 8192, SIZE + 4096, 4096), &offset, why),
                     -EOPNOTSUPP);
    assert_string_equal(why, "the devices differ");
    learn(&layout, true, "{}", "");
    assert_int_equal(look(&layout, make_file(SIZE + 8192, SIZE + 4096, 4096), &offset, why),
                     -EOPNOTSUPP);
}

static void a_proven_offset_is_used(void **state)
{
    struct opaque_layout layout;
    char why[PROBE_WHY];
    uint64_t offset;

    learn(&layout, true, "{\"opaque_offset\": 4096}", "");
    /* As Mesa 26.1 makes it: 40 bytes more, and the whole size in the header. */
    assert_int_equal(look(&layout, make_file(SIZE + 4136, SIZE + 4136, 4096), &offset, why), 0);
    assert_int_equal(offset, 4096);
    /* Where the file was made longer than was asked for. */
    assert_int_equal(look(&layout, make_file(SIZE + 8192, SIZE + 4136, 4096), &offset, why), 0);
    assert_int_equal(offset, 4096);
}

static void a_file_of_another_form_is_refused(void **state)
{
    struct opaque_layout layout;
    char why[PROBE_WHY];
    uint64_t offset;
    int pair[2];

    learn(&layout, true, "{\"opaque_offset\": 4096}", "");
    assert_int_equal(look(&layout, make_file(SIZE + 8192, SIZE + 4136, 8192), &offset, why),
                     -EOPNOTSUPP);
    assert_int_equal(look(&layout, make_file(SIZE + 8192, SIZE + 65536, 4096), &offset, why),
                     -EOPNOTSUPP);
    assert_int_equal(look(&layout, make_file(SIZE + 8192, 16, 4096), &offset, why), -EOPNOTSUPP);
    assert_int_equal(look(&layout, make_file(0, 0, 0), &offset, why), -EOPNOTSUPP);
    assert_int_equal(offset, 77);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    close(pair[1]);
    assert_int_equal(look(&layout, pair[0], &offset, why), -EOPNOTSUPP);
    assert_non_null(strstr(why, "no file"));
}

static void a_file_that_is_too_short_is_refused(void **state)
{
    struct opaque_layout layout;
    char why[PROBE_WHY];
    uint64_t offset;

    learn(&layout, true, "{\"opaque_offset\": 4096}", "");
    assert_int_equal(look(&layout, make_file(SIZE + 4095, SIZE + 4095, 4096), &offset, why),
                     -EOPNOTSUPP);
    assert_non_null(strstr(why, "69631 bytes"));
    assert_int_equal(look(&layout, make_file(SIZE + 4096, SIZE + 4096, 4096), &offset, why), 0);
    /* Its length is read, not its header alone; and no sum overflows. */
    assert_int_equal(opaque_layout_offset(&layout, -1, SIZE, &offset, why), -EOPNOTSUPP);
    learn(&layout, true, "{\"opaque_offset\": 0}", "");
    assert_int_equal(look(&layout, make_file(SIZE - 1, 5, 6), &offset, why), -EOPNOTSUPP);
    assert_int_equal(look(&layout, make_file(SIZE, 5, 6), &offset, why), 0);
    assert_int_equal(offset, 0);
}

static void a_size_that_no_file_has_is_refused(void **state)
{
    struct opaque_layout layout;
    char why[PROBE_WHY];
    uint64_t offset;
    int fd = make_file(SIZE + 8192, SIZE + 4096, 4096);

    learn(&layout, true, "{\"opaque_offset\": 4096}", "");
    assert_int_equal(opaque_layout_offset(&layout, fd, UINT64_MAX - 4095, &offset, why),
                     -EOPNOTSUPP);
    assert_int_equal(opaque_layout_offset(&layout, fd, UINT64_MAX, &offset, why), -EOPNOTSUPP);
    close(fd);
}

/* It looks once: what was found, or not, is kept. */
static void it_is_looked_for_once(void **state)
{
    static char name[] = "nobody";
    char *argv[] = {name, NULL};
    struct opaque_layout layout;

    learn(&layout, true, "{\"opaque_offset\": 8192}", "");
    opaque_layout_find(&layout, argv);
    assert_int_equal(layout.state, OPAQUE_LAYOUT_PROVEN);
    assert_int_equal(layout.offset, 8192);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(nothing_is_mapped_before_it_is_proven),
        FD_TEST(a_proven_offset_is_used),
        FD_TEST(a_file_of_another_form_is_refused),
        FD_TEST(a_file_that_is_too_short_is_refused),
        FD_TEST(a_size_that_no_file_has_is_refused),
        FD_TEST(it_is_looked_for_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

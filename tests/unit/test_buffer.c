/* SPDX-License-Identifier: MIT */
#include "fd_count.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/units.h"
#include "buffer/arena.h"
#include "buffer/buffer.h"
#include "buffer/exporter.h"

static uint64_t page;

static int setup(void **state)
{
    page = units_page_size();
    return 0;
}

static void a_memfd_buffer_is_shared_and_zeroed(void **state)
{
    struct buffer *buffer = buffer_memfd_create(page + 1);
    uint8_t *data, *guest;

    assert_non_null(buffer);
    assert_int_equal(buffer->kind, BUFFER_MEMFD);
    assert_string_equal(buffer_kind_name(buffer->kind), "memfd");
    assert_int_equal(buffer->size, 2 * page);
    assert_int_equal(buffer->fd_offset, 0);
    data = buffer_data(buffer);
    assert_non_null(data);
    assert_ptr_equal(buffer_data(buffer), data);
    for (uint64_t i = 0; i < buffer->size; i++)
        assert_int_equal(data[i], 0);
    guest = mmap(NULL, buffer->size, PROT_READ | PROT_WRITE, MAP_SHARED, buffer->fd, 0);
    assert_true(guest != MAP_FAILED);
    guest[page] = 42;
    assert_int_equal(data[page], 42);
    munmap(guest, buffer->size);
    assert_int_equal(ftruncate(buffer->fd, 0), -1); /* nobody can make an access to it fault */
    buffer_destroy(buffer);
}

static void impossible_sizes_are_refused(void **state)
{
    errno = 0;
    assert_null(buffer_memfd_create(0));
    assert_int_equal(errno, EINVAL);
    assert_null(buffer_memfd_create(UINT64_MAX));
    assert_int_equal(errno, EFBIG);
    assert_null(buffer_memfd_create((uint64_t)INT64_MAX + 1));
    assert_int_equal(errno, EFBIG);
    buffer_destroy(NULL);
}

/* More than there is address space for: it can exist, but not be looked at. */
static void a_buffer_too_large_to_map_says_so(void **state)
{
    struct buffer *buffer = buffer_memfd_create(UINT64_C(1) << 62);

    if (buffer != NULL) {
        assert_null(buffer_data(buffer));
        assert_int_equal(errno, ENOMEM);
    }
    buffer_destroy(buffer);
}

static void an_import_shows_its_part(void **state)
{
    int fd = fd_memfd("test", 4 * page);
    struct buffer *buffer;

    assert_int_equal(pwrite(fd, "there", 5, (off_t)page), 5);
    buffer = buffer_imported_create(fd_duplicate(fd), page, 2 * page);
    assert_non_null(buffer);
    assert_int_equal(buffer->size, 2 * page);
    assert_int_equal(buffer->fd_offset, page);
    assert_true(fd_same_file(buffer->fd, fd));
    assert_memory_equal(buffer_data(buffer), "there", 5);
    memcpy((uint8_t *)buffer_data(buffer) + page, "back", 4);
    buffer_destroy(buffer);
    char text[4];
    assert_int_equal(pread(fd, text, 4, 2 * (off_t)page), 4);
    assert_memory_equal(text, "back", 4);
    fd_close(&fd);
}

static void bad_imports_are_refused_and_closed(void **state)
{
    int fd = fd_memfd("test", 4 * page);
    char path[64];

#define REFUSED(error, descriptor, offset, size)                                                   \
    do {                                                                                           \
        assert_null(buffer_imported_create(descriptor, offset, size));                             \
        assert_int_equal(errno, error);                                                            \
    } while (0)
    REFUSED(EINVAL, fd_duplicate(fd), 0, 0);
    REFUSED(EINVAL, fd_duplicate(fd), 0, 5 * page);
    REFUSED(EINVAL, fd_duplicate(fd), 4 * page, page);
    REFUSED(EINVAL, fd_duplicate(fd), 1, page);
    REFUSED(EINVAL, fd_duplicate(fd), 0, page - 1);
    REFUSED(EINVAL, fd_duplicate(fd), UINT64_MAX - page + 1, page);
    REFUSED(EINVAL, fd_duplicate(fd), page, UINT64_MAX - page + 1);
    REFUSED(EBADF, -1, 0, page);
    REFUSED(ENODEV, eventfd(0, EFD_CLOEXEC), 0, page);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    REFUSED(EACCES, open(path, O_RDONLY | O_CLOEXEC), 0, page);
    fd_close(&fd);
}

static void exporters_make_what_they_say(void **state)
{
    struct exporter exporter;
    struct arena arena;
    struct buffer *buffer;

    assert_int_equal(exporter_init(&exporter, EXPORTER_ARENA, NULL), -EINVAL);
    exporter_finish(&exporter);
    assert_int_equal(exporter_init(&exporter, EXPORTER_MEMFD, NULL), 0);
    buffer = exporter_create(&exporter, 1);
    assert_int_equal(buffer->kind, BUFFER_MEMFD);
    buffer_destroy(buffer);
    assert_null(exporter_create(&exporter, 0));
    exporter_finish(&exporter);

    assert_int_equal(arena_init(&arena, fd_memfd("arena", 16 * page), 16 * page), 0);
    assert_int_equal(exporter_init(&exporter, EXPORTER_ARENA, &arena), 0);
    buffer = exporter_create(&exporter, 1);
    assert_int_equal(buffer->kind, BUFFER_ARENA);
    buffer_destroy(buffer);
    assert_null(exporter_create(&exporter, 0));
    exporter_finish(&exporter);
    arena_finish(&arena);
    assert_string_equal(exporter_kind_name(EXPORTER_UDMABUF), "udmabuf");
}

static void a_dmabuf_is_shared_and_imported(void **state)
{
    struct exporter exporter;
    struct buffer *buffer, *import;

    if (access("/dev/udmabuf", R_OK | W_OK) != 0) {
        assert_true(exporter_init(&exporter, EXPORTER_UDMABUF, NULL) < 0);
        exporter_finish(&exporter);
        skip();
    }
    assert_int_equal(exporter_init(&exporter, EXPORTER_UDMABUF, NULL), 0);
    buffer = exporter_create(&exporter, 3 * page);
    assert_non_null(buffer);
    assert_int_equal(buffer->kind, BUFFER_UDMABUF);
    memcpy(buffer_data(buffer), "there", 5);
    import = buffer_imported_create(fd_duplicate(buffer->fd), page, 2 * page);
    assert_non_null(import);
    buffer_destroy(import);
    assert_null(buffer_imported_create(fd_duplicate(buffer->fd), page, 3 * page));
    import = buffer_imported_create(fd_duplicate(buffer->fd), 0, page);
    assert_memory_equal(buffer_data(import), "there", 5);
    buffer_destroy(import);
    buffer_destroy(buffer);
    exporter_finish(&exporter);
}

static void without_udmabuf_there_is_no_dmabuf(void **state)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    assert_null(buffer_udmabuf_create(null, page));
    assert_int_equal(errno, ENOTTY);
    assert_null(buffer_udmabuf_create(null, 0));
    assert_int_equal(errno, EINVAL);
    fd_close(&null);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(a_memfd_buffer_is_shared_and_zeroed), FD_TEST(impossible_sizes_are_refused),
        FD_TEST(a_buffer_too_large_to_map_says_so),   FD_TEST(an_import_shows_its_part),
        FD_TEST(bad_imports_are_refused_and_closed),  FD_TEST(exporters_make_what_they_say),
        FD_TEST(a_dmabuf_is_shared_and_imported),     FD_TEST(without_udmabuf_there_is_no_dmabuf),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}

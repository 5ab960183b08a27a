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
#include "base/fourcc.h"
#include "base/units.h"
#include "buffer/arena.h"
#include "buffer/buffer.h"
#include "buffer/exporter.h"
#include "buffer/self_test.h"

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
        assert_true(errno == ENOMEM || errno == EINVAL); /* valgrind says the latter */
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

    assert_int_equal(exporter_init(&exporter, EXPORTER_ARENA, NULL, NULL), -EINVAL);
    exporter_finish(&exporter);
    assert_int_equal(exporter_init(&exporter, EXPORTER_MEMFD, NULL, NULL), 0);
    buffer = exporter_create(&exporter, 1);
    assert_int_equal(buffer->kind, BUFFER_MEMFD);
    buffer_destroy(buffer);
    assert_null(exporter_create(&exporter, 0));
    exporter_finish(&exporter);

    assert_int_equal(arena_init(&arena, fd_memfd("arena", 16 * page), 16 * page), 0);
    assert_int_equal(exporter_init(&exporter, EXPORTER_ARENA, &arena, NULL), 0);
    buffer = exporter_create(&exporter, 1);
    assert_int_equal(buffer->kind, BUFFER_ARENA);
    buffer_destroy(buffer);
    assert_null(exporter_create(&exporter, 0));
    exporter_finish(&exporter);
    arena_finish(&arena);
}

static void an_exporter_has_a_name(void **state)
{
    enum exporter_kind kind;

    for (unsigned i = EXPORTER_MEMFD; i <= EXPORTER_AUTO; i++) {
        assert_int_equal(exporter_kind_parse(exporter_kind_name((enum exporter_kind)i), &kind), 0);
        assert_int_equal(kind, i);
    }
    assert_int_equal(exporter_kind_parse("arena", &kind), -EINVAL);
    assert_int_equal(exporter_kind_parse("", &kind), -EINVAL);
}

/* What a kind needs, by the paths that the kernel gives it. */
static bool is_here(enum exporter_kind kind)
{
    switch (kind) {
    case EXPORTER_UDMABUF:
        return access("/dev/udmabuf", R_OK | W_OK) == 0;
    case EXPORTER_DMA_HEAP:
        return access("/dev/dma_heap/system", R_OK | W_OK) == 0;
    case EXPORTER_GBM:
        return access("/dev/dri/card0", R_OK | W_OK) == 0;
    default:
        return true;
    }
}

static void import_of(struct buffer *buffer)
{
    struct buffer *import;
    uint64_t whole; /* a driver may give more than was asked for */

    memcpy(buffer_data(buffer), "there", 5);
    import = buffer_imported_create(fd_duplicate(buffer->fd), page, 2 * page);
    assert_non_null(import);
    assert_true(import->dmabuf);
    buffer_destroy(import);
    assert_int_equal(fd_file_size(buffer->fd, &whole), 0);
    assert_null(buffer_imported_create(fd_duplicate(buffer->fd), page, whole));
    import = buffer_imported_create(fd_duplicate(buffer->fd), 0, page);
    assert_int_equal(buffer_begin(import, BUFFER_READ), 0);
    assert_memory_equal(buffer_data(import), "there", 5);
    assert_int_equal(buffer_end(import, BUFFER_READ), 0);
    buffer_destroy(import);
}

/* Buffers of many sizes pass the self-test, which demands that they come zeroed: so no byte of one
 * is left for the next. */
static void a_dmabuf_exporter_works(enum exporter_kind kind, enum buffer_kind made)
{
    const uint64_t sizes[] = {1, page, 3 * page, 1 << 20, (5 << 20) + 1, 64 << 20};
    struct exporter exporter;
    struct buffer *buffer;
    char why[128] = "";

    if (!is_here(kind)) {
        assert_true(exporter_init(&exporter, kind, NULL, NULL) < 0);
        exporter_finish(&exporter);
        skip();
    }
    assert_int_equal(exporter_init(&exporter, kind, NULL, NULL), 0);
    assert_true(exporter_makes_dmabufs(&exporter));
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        buffer = exporter_create(&exporter, sizes[i]);
        assert_non_null(buffer);
        assert_int_equal(buffer->kind, made);
        assert_string_equal(buffer_kind_name(made), exporter_kind_name(kind));
        assert_true(buffer->dmabuf);
        assert_true(buffer->size >= sizes[i] && buffer->size < sizes[i] + page);
        if (self_test_buffer(buffer, why, sizeof(why)) < 0)
            fail_msg("%llu bytes: %s", (unsigned long long)sizes[i], why);
        buffer_destroy(buffer);
    }
    assert_null(exporter_create(&exporter, 0));
    assert_null(exporter_create(&exporter, UINT64_MAX));
    buffer = exporter_create(&exporter, 3 * page);
    import_of(buffer);
    buffer_destroy(buffer);
    exporter_finish(&exporter);
}

static void udmabufs_work(void **state)
{
    a_dmabuf_exporter_works(EXPORTER_UDMABUF, BUFFER_UDMABUF);
}

static void dma_heaps_work(void **state)
{
    a_dmabuf_exporter_works(EXPORTER_DMA_HEAP, BUFFER_DMA_HEAP);
}

static void gbm_works(void **state)
{
    a_dmabuf_exporter_works(EXPORTER_GBM, BUFFER_GBM);
}

/* What is made is what was foretold, and holds what the layout says. */
static void images_are_made(struct exporter *exporter)
{
    static const uint32_t formats[] = {FOURCC_R8,       FOURCC_RGB565,   FOURCC_XRGB8888,
                                       FOURCC_ARGB8888, FOURCC_XBGR8888, FOURCC_ABGR8888,
                                       FOURCC_NV12,     FOURCC_YVU420};

    for (unsigned i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        struct surface surface = {333, 77, formats[i], SURFACE_USE_RENDERING | SURFACE_USE_SCANOUT};
        struct surface_layout told, layout;
        struct buffer *buffer;
        char why[128] = "";

        assert_int_equal(exporter_image_layout(exporter, &surface, &told), 0);
        buffer = exporter_create_image(exporter, &surface, &layout);
        assert_non_null(buffer);
        assert_true(surface_layout_equal(&told, &layout));
        assert_int_equal(buffer->size, layout.size);
        assert_true(surface_layout_holds(&surface, &layout));
        assert_int_equal(buffer->dmabuf, exporter_makes_dmabuf_images(exporter));
        if (buffer->kind != BUFFER_ARENA && self_test_buffer(buffer, why, sizeof(why)) < 0)
            fail_msg("format %u: %s", i, why);
        buffer_destroy(buffer);
    }
    errno = 0;
    assert_null(exporter_create_image(exporter, &(struct surface){0, 1, FOURCC_R8},
                                      &(struct surface_layout){0}));
    assert_int_equal(errno, EINVAL);
    assert_int_equal(
        exporter_image_layout(exporter, &(struct surface){1, 1, 0}, &(struct surface_layout){0}),
        -EINVAL);
}

static void images_of_memory(void **state)
{
    struct exporter exporter;
    struct arena arena;

    assert_int_equal(exporter_init(&exporter, EXPORTER_MEMFD, NULL, NULL), 0);
    assert_false(exporter_makes_dmabuf_images(&exporter));
    images_are_made(&exporter);
    exporter_finish(&exporter);
    assert_int_equal(arena_init(&arena, fd_memfd("arena", 16 * page), 16 * page), 0);
    assert_int_equal(exporter_init(&exporter, EXPORTER_ARENA, &arena, NULL), 0);
    images_are_made(&exporter);
    exporter_finish(&exporter);
    arena_finish(&arena);
}

static void images_of_gbm(void **state)
{
    struct exporter exporter;

    if (!is_here(EXPORTER_GBM))
        skip();
    assert_int_equal(exporter_init(&exporter, EXPORTER_GBM, NULL, NULL), 0);
    assert_non_null(exporter.gbm);
    images_are_made(&exporter);
    exporter_finish(&exporter);
}

/* Whatever the machine has, something works. */
static void the_best_is_chosen(void **state)
{
    struct exporter exporter;
    struct buffer *buffer;

    assert_int_equal(exporter_init(&exporter, EXPORTER_AUTO, NULL, NULL), 0);
    assert_int_equal(exporter.kind, is_here(EXPORTER_UDMABUF)    ? EXPORTER_UDMABUF
                                    : is_here(EXPORTER_DMA_HEAP) ? EXPORTER_DMA_HEAP
                                                                 : EXPORTER_MEMFD);
    buffer = exporter_create(&exporter, page);
    assert_non_null(buffer);
    buffer_destroy(buffer);
    images_are_made(&exporter);
    exporter_finish(&exporter);
}

/* Where somebody chose by trying, what the kind cannot make is made in another way; where somebody
 * insisted, it is refused. */
static void what_is_too_large_is_not_forgotten(void **state)
{
    struct exporter exporter;
    struct buffer *buffer;

    assert_int_equal(exporter_init(&exporter, EXPORTER_MEMFD, NULL, NULL), 0);
    exporter.limit = page;
    assert_null(exporter_create(&exporter, page + 1));
    assert_int_equal(errno, EFBIG);
    exporter.chosen = true;
    buffer = exporter_create(&exporter, page + 1);
    assert_non_null(buffer);
    assert_int_equal(buffer->kind, BUFFER_MEMFD);
    buffer_destroy(buffer);
    exporter_finish(&exporter);
}

static void every_kind_is_judged(void **state)
{
    struct exporter_verdict verdicts[EXPORTER_KINDS];
    unsigned count = exporter_check(NULL, verdicts);

    assert_int_equal(count, EXPORTER_KINDS - 1);
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(verdicts[i].kind, EXPORTER_MEMFD + i);
        assert_int_equal(verdicts[i].works, is_here(verdicts[i].kind));
        assert_true(strlen(verdicts[i].text) > 10);
    }
    exporter_check("/nonexistent/node", verdicts);
    assert_false(verdicts[EXPORTER_GBM - EXPORTER_MEMFD].works);
    assert_non_null(strstr(verdicts[EXPORTER_GBM - EXPORTER_MEMFD].text, "/nonexistent/node: "));
}

static void a_bad_buffer_is_found(void **state)
{
    struct buffer *buffer = buffer_memfd_create(page);
    char why[128] = "";

    assert_int_equal(self_test_buffer(buffer, why, sizeof(why)), 0);
    /* Now it is not empty any more. */
    assert_int_equal(self_test_buffer(buffer, why, sizeof(why)), -EIO);
    assert_string_equal(why, "a new one holds old bytes");
    memset(buffer_data(buffer), 0, page);
    buffer->size = 2 * page;
    assert_int_equal(self_test_buffer(buffer, why, sizeof(why)), -EIO);
    assert_string_equal(why, "it is smaller than was asked for");
    buffer->size = page;
    buffer_destroy(buffer);
    /* Two mappings that do not show the same bytes. */
    buffer = buffer_memfd_create(page);
    assert_true(mmap(buffer_data(buffer), page, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED);
    assert_int_equal(self_test_buffer(buffer, why, sizeof(why)), -EIO);
    assert_string_equal(why, "what one mapping writes another does not read");
    buffer_destroy(buffer);
}

static void without_a_device_there_is_no_dmabuf(void **state)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    assert_null(buffer_udmabuf_create(null, page));
    assert_int_equal(errno, ENOTTY);
    assert_null(buffer_udmabuf_create(null, 0));
    assert_int_equal(errno, EINVAL);
    assert_null(buffer_dma_heap_create(null, page));
    assert_int_equal(errno, ENOTTY);
    assert_null(buffer_dma_heap_create(null, 0));
    assert_int_equal(errno, EINVAL);
    assert_null(buffer_dma_heap_create(null, UINT64_MAX));
    assert_int_equal(errno, EFBIG);
    fd_close(&null);
}

/* libgbm loads a driver, whose descriptors stay open as long as the process: the count before the
 * tests includes them. */
static int load_drivers(void **state)
{
    struct exporter exporter;

    if (is_here(EXPORTER_GBM) && exporter_init(&exporter, EXPORTER_GBM, NULL, NULL) == 0)
        exporter_finish(&exporter);
    return setup(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(a_memfd_buffer_is_shared_and_zeroed),
        FD_TEST(impossible_sizes_are_refused),
        FD_TEST(a_buffer_too_large_to_map_says_so),
        FD_TEST(an_import_shows_its_part),
        FD_TEST(bad_imports_are_refused_and_closed),
        FD_TEST(exporters_make_what_they_say),
        FD_TEST(an_exporter_has_a_name),
        FD_TEST(udmabufs_work),
        FD_TEST(dma_heaps_work),
        FD_TEST(gbm_works),
        FD_TEST(images_of_memory),
        FD_TEST(images_of_gbm),
        FD_TEST(the_best_is_chosen),
        FD_TEST(what_is_too_large_is_not_forgotten),
        FD_TEST(every_kind_is_judged),
        FD_TEST(a_bad_buffer_is_found),
        FD_TEST(without_a_device_there_is_no_dmabuf),
    };

    return cmocka_run_group_tests(tests, load_drivers, NULL);
}

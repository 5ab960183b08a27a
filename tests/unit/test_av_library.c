/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "media/av_library.h"

static const struct av_library *load(unsigned parts)
{
    const char *why = NULL;
    const struct av_library *av = av_library_load(parts, &why);

    if (av == NULL) {
        assert_non_null(why);
        print_message("%s\n", why);
        skip();
    }
    return av;
}

static void test_parts(void **state)
{
    const struct av_library *av = load(0);

    assert_non_null(av->avcodec_open2);
    assert_non_null(av->av_frame_alloc);
    assert_null(av->sws_scale);
    assert_null(av->avformat_open_input);
    assert_ptr_equal(load(AV_LIBRARY_SCALE), av);
    assert_non_null(av->sws_scale);
    assert_null(av->avformat_open_input);
    load(AV_LIBRARY_SCALE | AV_LIBRARY_FORMAT);
    assert_non_null(av->avformat_open_input);
}

static void test_version(void **state)
{
    const struct av_library *av = load(AV_LIBRARY_SCALE | AV_LIBRARY_FORMAT);

    assert_int_equal(strncmp(av_library_version(av), "libavcodec ", 11), 0);
    assert_int_equal(AV_VERSION_MAJOR(av->avcodec_version()), LIBAVCODEC_VERSION_MAJOR);
    assert_int_equal(AV_VERSION_MAJOR(av->swscale_version()), LIBSWSCALE_VERSION_MAJOR);
    assert_int_equal(AV_VERSION_MAJOR(av->avformat_version()), LIBAVFORMAT_VERSION_MAJOR);
}

static void test_failure(void **state)
{
    assert_int_equal(av_library_failure(7), 0);
    assert_int_equal(av_library_failure(AVERROR(ENOMEM)), -ENOMEM);
    assert_int_equal(av_library_failure(AVERROR_EOF), -ENODATA);
    assert_int_equal(av_library_failure(AVERROR_INVALIDDATA), -EBADMSG);
    assert_int_equal(av_library_failure(AVERROR_PATCHWELCOME), -EOPNOTSUPP);
    assert_int_equal(av_library_failure(AVERROR_UNKNOWN), -EIO);
}

static void test_text(void **state)
{
    const struct av_library *av = load(0);
    char text[AV_ERROR_MAX_STRING_SIZE];

    assert_string_equal(av_library_text(av, AVERROR_EOF, text), "End of file");
}

/* What the library says while 'debug' or not, as it came out at standard error. */
static size_t said(bool debug, int level, char *text, size_t size)
{
    const struct av_library *av = load(0);
    int was = dup(STDERR_FILENO), fd = memfd_create("log", MFD_CLOEXEC);
    ssize_t n;

    log_init("test", NULL, debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
    assert_true(dup2(fd, STDERR_FILENO) >= 0);
    av->av_log(NULL, level, "the %s is broken\n", "slice");
    dup2(was, STDERR_FILENO);
    n = pread(fd, text, size - 1, 0);
    close(was);
    close(fd);
    assert_true(n >= 0);
    text[n] = '\0';
    return (size_t)n;
}

static void test_log(void **state)
{
    char text[512];

    assert_int_not_equal(said(false, AV_LOG_ERROR, text, sizeof(text)), 0);
    assert_non_null(strstr(text, "FFmpeg: the slice is broken\n"));
    assert_int_equal(said(false, AV_LOG_WARNING, text, sizeof(text)), 0);
    assert_int_not_equal(said(true, AV_LOG_WARNING, text, sizeof(text)), 0);
    assert_int_equal(said(true, AV_LOG_TRACE, text, sizeof(text)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts),   cmocka_unit_test(test_version),
        cmocka_unit_test(test_failure), cmocka_unit_test(test_text),
        cmocka_unit_test(test_log),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <linux/videodev2.h>

#include "media/codec_list.h"

static void test_default(void **state)
{
    assert_true(codec_list_has(NULL, V4L2_PIX_FMT_H264));
    assert_true(codec_list_has(NULL, V4L2_PIX_FMT_MPEG2));
    assert_false(codec_list_has(NULL, V4L2_PIX_FMT_MJPEG));
}

static void test_names(void **state)
{
    assert_true(codec_list_has("mjpeg", V4L2_PIX_FMT_MJPEG));
    assert_false(codec_list_has("mjpeg", V4L2_PIX_FMT_H264));
    assert_true(codec_list_has("vp9,h264", V4L2_PIX_FMT_VP9));
    assert_true(codec_list_has("vp9,h264", V4L2_PIX_FMT_H264));
    assert_false(codec_list_has("vp9,h264", V4L2_PIX_FMT_VP8));
}

static void test_refusal(void **state)
{
    assert_null(codec_list_refusal("h264,hevc,vp8,vp9,av1,mpeg2,mjpeg"));
    assert_null(codec_list_refusal("vp8"));
    assert_non_null(codec_list_refusal(""));
    assert_non_null(codec_list_refusal("h264,"));
    assert_non_null(codec_list_refusal(",h264"));
    assert_non_null(codec_list_refusal("h264 vp8"));
    assert_non_null(codec_list_refusal("h26"));
    assert_non_null(codec_list_refusal("h2645"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_default),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_refusal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

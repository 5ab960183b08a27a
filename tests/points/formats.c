/* SPDX-License-Identifier: MIT */
#include "tests/points/points.h"

#define EACH_TYPE(g, i) for (unsigned i = 0; i < (g)->types; i++)
#define EACH_FORMAT(g, type, n, fourcc)                                                            \
    for (uint32_t n = 0, fourcc; (fourcc = point_fourcc(g, type, n)) != 0; n++)

static void formats_are_numbered(struct point_guest *g)
{
    EACH_TYPE(g, i)
    {
        uint32_t seen[64], count = 0;
        struct v4l2_fmtdesc desc;

        for (;; count++) {
            memset(&desc, 0xff, sizeof(desc));
            desc.index = count;
            desc.type = g->type[i];
            if (ASK(g, ENUM_FMT, &desc) != 0)
                break;
            assert_true(count < 64);
            assert_int_equal(desc.index, count);
            assert_int_equal(desc.type, g->type[i]);
            assert_int_not_equal(desc.description[0], 0);
            assert_non_null(memchr(desc.description, 0, sizeof(desc.description)));
            assert_int_equal(desc.reserved[0] | desc.reserved[1] | desc.reserved[2], 0);
            for (unsigned k = 0; k < count; k++)
                assert_int_not_equal(seen[k], desc.pixelformat);
            seen[count] = desc.pixelformat;
        }
        assert_true(count > 0);
        desc = (struct v4l2_fmtdesc){.index = count, .type = g->type[i]};
        assert_int_equal(ASK(g, ENUM_FMT, &desc), EINVAL);
        desc.index = 0xffffffff;
        assert_int_equal(ASK(g, ENUM_FMT, &desc), EINVAL);
    }
}

static void coded_formats_are_compressed(struct point_guest *g)
{
    uint32_t coded = g->subject->has & POINT_DECODER ? g->output : g->capture;

    EACH_TYPE(g, i)
    {
        struct v4l2_fmtdesc desc = {.type = g->type[i]};

        for (; ASK(g, ENUM_FMT, &desc) == 0; desc.index++)
            assert_int_equal((desc.flags & V4L2_FMT_FLAG_COMPRESSED) != 0, g->type[i] == coded);
    }
}

static void other_types_are_refused(struct point_guest *g)
{
    for (uint32_t type = 0; type < 20; type++) {
        struct v4l2_fmtdesc desc = {.type = type};
        struct v4l2_format format = {.type = type};

        if (type == g->capture || type == g->output)
            continue;
        assert_int_equal(ASK(g, ENUM_FMT, &desc), EINVAL);
        assert_int_equal(ASK(g, G_FMT, &format), EINVAL);
        assert_int_equal(ASK(g, TRY_FMT, &format), EINVAL);
        assert_int_equal(ASK(g, S_FMT, &format), EINVAL);
    }
}

static bool is_offered(struct point_guest *g, uint32_t type, uint32_t wanted)
{
    EACH_FORMAT(g, type, n, fourcc)
    {
        if (fourcc == wanted)
            return true;
    }
    return false;
}

static void check_zeros(const struct v4l2_format *format)
{
    const struct v4l2_pix_format_mplane *mp = &format->fmt.pix_mp;

    if (!V4L2_TYPE_IS_MULTIPLANAR(format->type)) {
        assert_int_equal(format->fmt.pix.priv, V4L2_PIX_FMT_PRIV_MAGIC);
        return;
    }
    for (unsigned i = 0; i < sizeof(mp->reserved); i++)
        assert_int_equal(mp->reserved[i], 0);
    assert_in_range(mp->num_planes, 1, VIDEO_MAX_PLANES);
    for (unsigned i = 0; i < mp->num_planes; i++)
        for (unsigned k = 0; k < 6; k++)
            assert_int_equal(mp->plane_fmt[i].reserved[k], 0);
}

static void check_format(struct point_guest *g, const struct v4l2_format *format)
{
    struct point_format f = point_format_of(format);

    assert_true(is_offered(g, format->type, f.fourcc));
    assert_int_not_equal(f.field, V4L2_FIELD_ANY);
    assert_true(f.width > 0 && f.height > 0);
    for (unsigned i = 0; i < f.planes; i++)
        assert_true(f.size[i] > 0);
    assert_in_range(f.colorspace, 0, V4L2_COLORSPACE_DCI_P3);
    check_zeros(format);
}

static void format_in_force_is_whole(struct point_guest *g)
{
    EACH_TYPE(g, i)
    {
        struct v4l2_format format;

        memset(&format, 0xff, sizeof(format)); /* the guest's rubbish does not come back */
        format.type = g->type[i];
        assert_int_equal(ASK(g, G_FMT, &format), 0);
        check_format(g, &format);
    }
}

static void lines_fit_in_planes(struct point_guest *g)
{
    EACH_TYPE(g, i)
    {
        struct v4l2_fmtdesc desc = {.type = g->type[i]};

        for (; ASK(g, ENUM_FMT, &desc) == 0; desc.index++) {
            struct v4l2_format format = {.type = g->type[i]};
            struct point_format f;

            point_format_put(&format, desc.pixelformat, 640, 480);
            assert_int_equal(ASK(g, TRY_FMT, &format), 0);
            f = point_format_of(&format);
            for (unsigned p = 0; p < f.planes; p++) {
                if (desc.flags & V4L2_FMT_FLAG_COMPRESSED)
                    assert_int_equal(f.line[p], 0);
                else
                    assert_true(f.line[p] * (f.height / (p > 0 ? 2 : 1)) <= f.size[p]);
            }
        }
    }
}

static void offered_formats_are_taken(struct point_guest *g)
{
    EACH_TYPE(g, i)
    EACH_FORMAT(g, g->type[i], n, fourcc)
    {
        struct v4l2_format format = {.type = g->type[i]};
        struct v4l2_format again;

        point_format_put(&format, fourcc, 640, 480);
        assert_int_equal(ASK(g, TRY_FMT, &format), 0);
        assert_int_equal(point_format_of(&format).fourcc, fourcc);
        check_format(g, &format);
        again = format;
        assert_int_equal(ASK(g, TRY_FMT, &again), 0); /* what was answered needs no mending */
        assert_memory_equal(&again, &format, sizeof(format));
    }
}

static void trying_changes_nothing(struct point_guest *g)
{
    EACH_TYPE(g, i)
    {
        struct v4l2_format before = point_g_fmt(g, g->type[i]), now;

        EACH_FORMAT(g, g->type[i], n, fourcc)
        {
            struct v4l2_format format = {.type = g->type[i]};

            point_format_put(&format, fourcc, 320, 240);
            assert_int_equal(ASK(g, TRY_FMT, &format), 0);
        }
        now = point_g_fmt(g, g->type[i]);
        assert_memory_equal(&now, &before, sizeof(now));
    }
}

static void impossible_formats_are_mended(struct point_guest *g)
{
    static const uint32_t sizes[][2] = {
        {0, 0}, {1, 1}, {0xffffffff, 0xffffffff}, {17, 4097}, {0, 0xffffffff}};

    EACH_TYPE(g, i)
    for (unsigned k = 0; k < 5; k++) {
        struct v4l2_format format;

        memset(&format, k % 2 ? 0xff : 0, sizeof(format));
        format.type = g->type[i];
        point_format_put(&format, v4l2_fourcc('?', '?', '?', '?'), sizes[k][0], sizes[k][1]);
        assert_int_equal(ASK(g, TRY_FMT, &format), 0);
        check_format(g, &format);
        memset(&format, k % 2 ? 0xff : 0, sizeof(format));
        format.type = g->type[i];
        point_format_put(&format, v4l2_fourcc('?', '?', '?', '?'), sizes[k][0], sizes[k][1]);
        assert_int_equal(ASK(g, S_FMT, &format), 0);
        check_format(g, &format);
    }
}

static void what_is_set_is_in_force(struct point_guest *g)
{
    EACH_TYPE(g, i)
    EACH_FORMAT(g, g->type[i], n, fourcc)
    {
        struct v4l2_format format = {.type = g->type[i]}, tried, now;

        point_format_put(&format, fourcc, 320, 240);
        tried = format;
        assert_int_equal(ASK(g, TRY_FMT, &tried), 0);
        assert_int_equal(ASK(g, S_FMT, &format), 0);
        assert_memory_equal(&format, &tried, sizeof(format));
        now = point_g_fmt(g, g->type[i]);
        assert_memory_equal(&now, &format, sizeof(now));
        assert_int_equal(ASK(g, S_FMT, &now), 0); /* and again, to no effect */
        assert_memory_equal(&now, &format, sizeof(now));
    }
}

static void buffers_hold_the_format(struct point_guest *g)
{
    EACH_TYPE(g, i)
    {
        struct v4l2_format format = point_g_fmt(g, g->type[i]), other = format;

        point_allocate(g, g->type[i], 1);
        point_format_put(&other, point_fourcc(g, g->type[i], 0), 200, 200);
        assert_int_equal(ASK(g, TRY_FMT, &other), 0);
        assert_int_equal(ASK(g, S_FMT, &other), EBUSY);
        other = point_g_fmt(g, g->type[i]);
        assert_memory_equal(&other, &format, sizeof(other));
        assert_int_equal(point_reqbufs(g, g->type[i], V4L2_MEMORY_MMAP, &(uint32_t){0}), 0);
        assert_int_equal(ASK(g, S_FMT, &other), 0);
    }
}

static void check_stepwise(struct point_guest *g, uint32_t type, uint32_t fourcc,
                           const struct v4l2_frmsize_stepwise *s)
{
    const uint32_t sizes[][2] = {{s->min_width, s->min_height},
                                 {s->max_width, s->max_height},
                                 {s->min_width + s->step_width, s->min_height + s->step_height}};

    assert_true(s->min_width > 0 && s->min_height > 0);
    assert_true(s->min_width <= s->max_width && s->min_height <= s->max_height);
    assert_true(s->step_width > 0 && s->step_height > 0);
    for (unsigned i = 0; i < 3; i++) {
        struct v4l2_format format = {.type = type};
        struct point_format f;

        if (sizes[i][0] > s->max_width || sizes[i][1] > s->max_height)
            continue;
        point_format_put(&format, fourcc, sizes[i][0], sizes[i][1]);
        assert_int_equal(ASK(g, TRY_FMT, &format), 0);
        f = point_format_of(&format);
        /* Of compressed streams, a decoder's buffers are told apart by what they hold. */
        assert_int_equal(f.width, sizes[i][0]);
        assert_int_equal(f.height, sizes[i][1]);
    }
}

static uint32_t sized_type(struct point_guest *g)
{
    return g->output != 0 ? g->output : g->capture;
}

static void frame_sizes_are_kept(struct point_guest *g)
{
    uint32_t type = sized_type(g);

    EACH_FORMAT(g, type, n, fourcc)
    {
        struct v4l2_frmsizeenum sizes;

        memset(&sizes, 0xff, sizeof(sizes));
        sizes.index = 0;
        sizes.pixel_format = fourcc;
        assert_int_equal(ASK(g, ENUM_FRAMESIZES, &sizes), 0);
        assert_int_equal(sizes.pixel_format, fourcc);
        assert_int_equal(sizes.reserved[0] | sizes.reserved[1], 0);
        if (sizes.type == V4L2_FRMSIZE_TYPE_DISCRETE)
            continue;
        check_stepwise(g, type, fourcc, &sizes.stepwise);
        sizes.index = 1; /* one row says all */
        assert_int_equal(ASK(g, ENUM_FRAMESIZES, &sizes), EINVAL);
    }
}

static void frame_sizes_of_no_format(struct point_guest *g)
{
    struct v4l2_frmsizeenum sizes = {.pixel_format = v4l2_fourcc('?', '?', '?', '?')};

    assert_int_equal(ASK(g, ENUM_FRAMESIZES, &sizes), EINVAL);
}

POINTS(point_formats,
       {"VIDIOC_ENUM_FMT", "formats are numbered from 0 without a gap, each once, then EINVAL",
        formats_are_numbered, 0},
       {"VIDIOC_ENUM_FMT", "coded formats have the COMPRESSED flag, raw ones have not",
        coded_formats_are_compressed, POINT_CODEC},
       {"VIDIOC_G_FMT", "a type of buffer that the node has not is refused with EINVAL",
        other_types_are_refused, 0},
       {"VIDIOC_G_FMT", "the format is one of those on offer, with field, sizes and zeroed rest",
        format_in_force_is_whole, 0},
       {"VIDIOC_G_FMT", "lines fit in sizeimage; a compressed format has none", lines_fit_in_planes,
        0},
       {"VIDIOC_TRY_FMT", "an offered format is taken, and the answer is taken again unchanged",
        offered_formats_are_taken, 0},
       {"VIDIOC_TRY_FMT", "trying a format does not change the one in force",
        trying_changes_nothing, 0},
       {"VIDIOC_S_FMT", "an impossible format or size is mended and not refused",
        impossible_formats_are_mended, 0},
       {"VIDIOC_S_FMT", "does what TRY_FMT says, and G_FMT says it afterwards",
        what_is_set_is_in_force, 0},
       {"VIDIOC_S_FMT", "EBUSY while the queue has buffers", buffers_hold_the_format, 0},
       {"VIDIOC_ENUM_FRAMESIZES", "each format has sizes, and their limits are taken as they are",
        frame_sizes_are_kept, 0},
       {"VIDIOC_ENUM_FRAMESIZES", "EINVAL for a format that is not on offer",
        frame_sizes_of_no_format, 0});

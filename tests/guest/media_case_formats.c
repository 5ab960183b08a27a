/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "media_case.h"

#define SIZES_MAX 32
#define FORMAT_BUFFERS 3u

struct walk {
    struct media_case *c;
    struct media_client *client;
    uint32_t session;
    bool stream; /* false: only list */
    unsigned done, bad;
};

int media_case_each_format(struct media_case *c, struct media_client *client, uint32_t session,
                           int (*found)(void *context, const struct v4l2_fmtdesc *desc),
                           void *context)
{
    static const uint32_t types[] = {V4L2_BUF_TYPE_VIDEO_CAPTURE,
                                     V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE};
    static const uint32_t caps[] = {V4L2_CAP_VIDEO_CAPTURE, V4L2_CAP_VIDEO_CAPTURE_MPLANE};

    for (unsigned t = 0; t < 2; t++) {
        for (uint32_t i = 0; c->place.caps & caps[t] && i < 256; i++) {
            struct v4l2_fmtdesc desc = {.index = i, .type = types[t]};
            int rc = media_client_ioctl(client, session, VIDIOC_ENUM_FMT, &desc, sizeof(desc));

            if (rc == -EINVAL && i)
                break;
            if (!rc)
                rc = found(context, &desc);
            else
                fprintf(stderr, "media: ENUM_FMT %u: %s\n", i, strerror(-rc));
            if (rc)
                return rc;
        }
    }
    return 0;
}

struct size {
    uint32_t width, height;
};

/* The ends of a range, and what people use in between. Returns how many. */
static int sizes_between(const struct v4l2_frmsize_stepwise *range, struct size *sizes)
{
    static const struct size classes[] = {
        {320, 240}, {640, 480}, {1280, 720}, {1920, 1080}, {3840, 2160}};
    int n = 0;

    sizes[n++] = (struct size){range->min_width, range->min_height};
    for (unsigned i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        uint32_t w = classes[i].width, h = classes[i].height;

        if (w > range->min_width && w < range->max_width && h > range->min_height &&
            h <= range->max_height && (w - range->min_width) % range->step_width == 0 &&
            (h - range->min_height) % range->step_height == 0)
            sizes[n++] = classes[i];
    }
    sizes[n++] = (struct size){range->max_width, range->max_height};
    return n;
}

/* All discrete sizes, or some of a range. Returns how many, or -errno. */
static int find_sizes(struct walk *walk, uint32_t fourcc, struct size *sizes)
{
    int n = 0;

    for (uint32_t i = 0; n < SIZES_MAX; i++) {
        struct v4l2_frmsizeenum e = {.index = i, .pixel_format = fourcc};
        int rc =
            media_client_ioctl(walk->client, walk->session, VIDIOC_ENUM_FRAMESIZES, &e, sizeof(e));

        if (rc)
            return rc == -EINVAL && n ? n : rc;
        if (e.type != V4L2_FRMSIZE_TYPE_DISCRETE) {
            if (!e.stepwise.step_width || !e.stepwise.step_height)
                return -EPROTO;
            return sizes_between(&e.stepwise, sizes);
        }
        sizes[n++] = (struct size){e.discrete.width, e.discrete.height};
    }
    return n;
}

/* Whole frames per second that an interval is; 0 when it is no such. */
static unsigned whole_rate(const struct v4l2_fract *f)
{
    return f->numerator && f->denominator % f->numerator == 0 ? f->denominator / f->numerator : 0;
}

/*
 * Writes the rates of one size into 'text'; returns the fastest that is not over 'limit', in frames
 * per second, or 0.
 */
static unsigned find_rate(struct walk *walk, uint32_t fourcc, const struct size *size,
                          unsigned limit, char *text, size_t room)
{
    unsigned best = 0;
    size_t at = 0;

    text[0] = 0;
    for (uint32_t i = 0; i < 32 && at < room; i++) {
        struct v4l2_frmivalenum e = {.index = i, .pixel_format = fourcc};
        unsigned rate;

        e.width = size->width;
        e.height = size->height;
        if (media_client_ioctl(walk->client, walk->session, VIDIOC_ENUM_FRAMEINTERVALS, &e,
                               sizeof(e)))
            break;
        if (e.type != V4L2_FRMIVAL_TYPE_DISCRETE) {
            unsigned slowest = whole_rate(&e.stepwise.max), fastest = whole_rate(&e.stepwise.min);

            snprintf(text, room, "%u..%u/s", slowest, fastest);
            return slowest > limit ? 0 : fastest < limit ? fastest : limit;
        }
        at += (size_t)snprintf(text + at, room - at, "%s%u/%us", i ? "," : "", e.discrete.numerator,
                               e.discrete.denominator);
        rate = whole_rate(&e.discrete);
        if (rate > best && rate <= limit)
            best = rate;
    }
    return best;
}

static void print_format(const struct media_stream *s, const struct size *size, unsigned fps)
{
    printf("@@ format=%s size=%ux%u fps=%u planes=%u frames=%llu drops=%llu bad=%llu "
           "clock_worst_us=%llu check_us=%llu\n",
           media_stream_name(s->format.fmt.pix.pixelformat), size->width, size->height, fps,
           s->planes, (unsigned long long)s->check.frames, (unsigned long long)s->check.drops,
           (unsigned long long)media_check_bad(&s->check),
           (unsigned long long)s->check.worst_clock / 1000,
           s->check.frames ? (unsigned long long)(s->check.busy / s->check.frames / 1000) : 0ull);
}

static int stream_size(struct walk *walk, uint32_t fourcc, const struct size *size, unsigned fps)
{
    static struct media_stream stream;
    struct media_stream_ask ask = {
        .fourcc = fourcc,
        .width = size->width,
        .height = size->height,
        .fps = fps,
    };
    int rc = media_stream_begin(&stream, walk->client, &walk->c->place, &ask), end;
    unsigned index;

    if (!rc)
        rc = media_stream_buffers(&stream, FORMAT_BUFFERS);
    if (!rc)
        rc = media_stream_start(&stream);
    for (unsigned i = 0; i < walk->c->frames && !rc; i++)
        rc = media_stream_next(&stream, false, &index);
    print_format(&stream, size, fps);
    if (!rc)
        rc = media_stream_stop(&stream);
    end = media_stream_end(&stream);
    return rc || end || media_check_bad(&stream.check);
}

static int each(void *context, const struct v4l2_fmtdesc *desc)
{
    struct walk *walk = context;
    struct size sizes[SIZES_MAX];
    int count = find_sizes(walk, desc->pixelformat, sizes);

    if (count < 0) {
        fprintf(stderr, "media: ENUM_FRAMESIZES of %s: %s\n", media_stream_name(desc->pixelformat),
                strerror(-count));
        return count;
    }
    for (int i = 0; i < count; i++) {
        char rates[256];
        /* A picture of more than 2 million pixels is seen less often, for a slow machine's sake. */
        unsigned limit = (uint64_t)sizes[i].width * sizes[i].height > 2200000 ? 10 : 30;
        unsigned fps = find_rate(walk, desc->pixelformat, &sizes[i], limit, rates, sizeof(rates));

        walk->done++;
        if (!walk->stream) {
            printf("@@ format=%s type=%u size=%ux%u intervals=%s\n",
                   media_stream_name(desc->pixelformat), desc->type, sizes[i].width,
                   sizes[i].height, rates);
            walk->bad += !rates[0];
        } else if (!fps) {
            fprintf(stderr, "media: %ux%u has no rate up to 30\n", sizes[i].width, sizes[i].height);
            walk->bad++;
        } else if (stream_size(walk, desc->pixelformat, &sizes[i], fps)) {
            walk->bad++;
        }
    }
    return 0;
}

static int walk_formats(struct media_case *c, bool stream)
{
    struct media_client client;
    struct walk walk = {.c = c, .client = &client, .stream = stream};
    int rc;

    if (media_case_client(c, 0, &client))
        return 1;
    rc = media_client_open(&client, &walk.session);
    if (!rc)
        rc = media_case_each_format(c, &client, walk.session, each, &walk);
    if (!rc)
        rc = media_client_close(&client, walk.session);
    media_client_finish(&client);
    printf("@@ combinations=%u bad=%u\n", walk.done, walk.bad);
    if (rc || walk.bad || !walk.done) {
        fprintf(stderr, "media: %u of %u formats and sizes are wrong%s%s\n", walk.bad, walk.done,
                rc ? ": " : "", rc ? strerror(-rc) : "");
        return 1;
    }
    return 0;
}

int media_case_formats(struct media_case *c)
{
    return walk_formats(c, true);
}

int media_case_info(struct media_case *c)
{
    printf("the card calls itself '%s'\n", (const char *)c->card);
    printf("@@ caps=%#x type=%u\n", c->place.caps, c->device_type);
    printf("@@ region=%llu bar_offset=%llu bar=%s\n", (unsigned long long)c->place.region,
           (unsigned long long)c->place.bar_offset, c->place.bar_path);
    return walk_formats(c, false);
}

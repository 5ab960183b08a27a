/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "media/frame_input.h"
#include "media/frame_reader.h"
#include "media/picture_copy.h"
#include "media/y4m.h"

/* What comes next. */
enum raw_place {
    RAW_STREAM, /* the line of the stream (Y4M) */
    RAW_FRAME,  /* the line of a frame (Y4M), or of another stream */
    RAW_PIXELS, /* a frame, of which 'done' bytes are read */
};

/* Frames as they lie in memory, with nothing between them, or a line (Y4M). Stops at any byte, and
 * goes on there. */
struct raw_reader {
    struct frame_reader reader;
    struct frame_reader_options options;
    struct frame_input input;
    enum raw_place place;
    uint64_t done;
    bool forsaken;   /* the rest of the frame is passed over */
    uint64_t frames; /* whole ones since the beginning */
    uint8_t *staged; /* one frame, while it is asked for in another format */
    uint64_t staged_size;
};

static struct raw_reader *raw_of(struct frame_reader *reader)
{
    return (struct raw_reader *)(void *)reader; /* its first member */
}

static enum frame_outcome fail(struct raw_reader *raw, const char *why)
{
    snprintf(raw->reader.why, sizeof(raw->reader.why), "%s", why);
    return FRAME_BAD;
}

static void begin(struct raw_reader *raw)
{
    raw->place = raw->options.raw != NULL ? RAW_PIXELS : RAW_STREAM;
    raw->done = 0;
    raw->forsaken = false;
    raw->frames = 0;
}

static int raw_reach(struct frame_reader *reader)
{
    struct frame_input *input = &raw_of(reader)->input;

    return frame_reader_opened(reader, input, frame_input_reach(input));
}

static int raw_open(struct frame_reader *reader)
{
    struct frame_input *input = &raw_of(reader)->input;

    begin(raw_of(reader));
    return frame_reader_opened(reader, input, frame_input_open(input));
}

/* The bytes have come to an end, in the middle of something or not. */
static enum frame_outcome at_end(struct raw_reader *raw)
{
    const uint8_t *at;
    bool cut = raw->done > 0 || frame_input_seen(&raw->input, &at) > 0;
    bool again = raw->options.loop && raw->frames > 0 && !raw->reader.stream;

    if (!raw->reader.stream && raw->options.follow)
        return FRAME_WAIT;
    raw->reader.why[0] = '\0';
    if (cut)
        snprintf(raw->reader.why, sizeof(raw->reader.why),
                 "it ends in the middle of a frame, after %llu whole ones",
                 (unsigned long long)raw->frames);
    else if (raw->frames == 0 && !raw->reader.stream)
        snprintf(raw->reader.why, sizeof(raw->reader.why), "there is not one frame in it");
    if (raw->reader.stream)
        return FRAME_GONE;
    if (!again)
        return FRAME_END;
    raw->reader.round = raw->frames;
    if (frame_input_open(&raw->input) != 0)
        return fail(raw, "it cannot be opened any more");
    begin(raw);
    return FRAME_AGAIN;
}

/* What a read that gave no byte means. */
static enum frame_outcome no_bytes(struct raw_reader *raw, ssize_t n)
{
    if (n == 0 || n == -ECONNRESET)
        return at_end(raw);
    return n == -EAGAIN ? FRAME_WAIT : fail(raw, strerror((int)-n));
}

/* Takes a line of up to Y4M_MAX_LINE bytes into 'line'. FRAME_READY, and *size is 0 when it has to
 * be tried again. */
static enum frame_outcome take_line(struct raw_reader *raw, char line[Y4M_MAX_LINE], size_t *size)
{
    const uint8_t *at, *newline;
    size_t seen = frame_input_seen(&raw->input, &at);
    ssize_t n;

    *size = 0;
    newline = memchr(at, '\n', seen < Y4M_MAX_LINE ? seen : Y4M_MAX_LINE);
    if (newline != NULL && newline > at) {
        *size = (size_t)(newline - at);
        memcpy(line, at, *size);
        frame_input_take(&raw->input, *size + 1);
        return FRAME_READY;
    }
    if (newline != NULL || seen >= Y4M_MAX_LINE)
        return fail(raw, "a line of Y4M is missing in it");
    n = frame_input_look(&raw->input, &at);
    return n > 0 ? FRAME_READY : no_bytes(raw, n);
}

/* A rate that a clock can keep. */
static bool is_rate(struct v4l2_fract interval)
{
    return interval.numerator != 0 && interval.denominator / 1000 <= interval.numerator &&
           interval.numerator / 1000 <= interval.denominator;
}

static enum frame_outcome take_stream_line(struct raw_reader *raw, const char *line, size_t size)
{
    struct y4m y4m;
    const char *wrong = y4m_parse(&y4m, line, size);

    if (wrong != NULL)
        return fail(raw, wrong);
    raw->reader.shape.picture = y4m.picture;
    raw->reader.shape.interval = is_rate(y4m.interval) ? y4m.interval : (struct v4l2_fract){0, 0};
    raw->reader.shape.known = true;
    raw->place = RAW_FRAME;
    return FRAME_READY;
}

/* A writer may be gone, and the next be there, before the end between them was seen: the next one
 * says again what its frames are. */
static enum frame_outcome take_frame_line(struct raw_reader *raw, const char *line, size_t size)
{
    if (raw->reader.stream && y4m_is_stream(line, size)) {
        raw->frames = 0;
        return take_stream_line(raw, line, size);
    }
    if (!y4m_is_frame(line, size))
        return fail(raw, "there is something between two frames");
    raw->place = RAW_PIXELS;
    return FRAME_READY;
}

static void frame_over(struct raw_reader *raw)
{
    raw->done = 0;
    raw->forsaken = false;
    raw->place = raw->options.raw != NULL ? RAW_PIXELS : RAW_FRAME;
}

static enum frame_outcome pass_over(struct raw_reader *raw)
{
    uint64_t size = picture_size(&raw->reader.shape.picture);

    while (raw->done < size) {
        ssize_t n = frame_input_skip(&raw->input, size - raw->done);

        if (n <= 0)
            return no_bytes(raw, n);
        raw->done += (uint64_t)n;
    }
    raw->frames++;
    frame_over(raw);
    return FRAME_READY;
}

/* Whether a frame begins: its first bytes are looked at, so that an end in front of it is known
 * before it is taken. */
static enum frame_outcome look_on(struct raw_reader *raw)
{
    const uint8_t *at;
    ssize_t n = frame_input_look(&raw->input, &at);

    return n > 0 ? FRAME_READY : no_bytes(raw, n);
}

static enum frame_outcome raw_next(struct frame_reader *reader)
{
    struct raw_reader *raw = raw_of(reader);
    enum frame_outcome outcome = FRAME_READY;
    char line[Y4M_MAX_LINE];
    const uint8_t *at;
    size_t size;

    while (outcome == FRAME_READY || outcome == FRAME_AGAIN) {
        if (raw->forsaken) {
            outcome = pass_over(raw);
        } else if (raw->place == RAW_PIXELS) {
            if (raw->done > 0 || frame_input_seen(&raw->input, &at) > 0)
                return FRAME_READY;
            outcome = look_on(raw);
        } else {
            outcome = take_line(raw, line, &size);
            if (outcome == FRAME_READY && size > 0)
                outcome = raw->place == RAW_STREAM ? take_stream_line(raw, line, size)
                                                   : take_frame_line(raw, line, size);
        }
    }
    return outcome;
}

/* The next bytes of the frame, into the plane of memory where they belong. */
static ssize_t read_pixels(struct raw_reader *raw, const struct picture *picture,
                           uint8_t *const *planes)
{
    uint64_t at = raw->done;
    unsigned i = 0;

    while (at >= picture->plane_size[i])
        at -= picture->plane_size[i++];
    return frame_input_read(&raw->input, planes[i] + at, picture->plane_size[i] - at);
}

static enum frame_outcome read_frame(struct raw_reader *raw, const struct picture *picture,
                                     uint8_t *const *planes)
{
    uint64_t size = picture_size(picture);

    while (raw->done < size) {
        ssize_t n = read_pixels(raw, picture, planes);

        if (n <= 0)
            return no_bytes(raw, n);
        raw->done += (uint64_t)n;
    }
    raw->frames++;
    frame_over(raw);
    return FRAME_READY;
}

static void drop_staged(struct raw_reader *raw)
{
    if (raw->staged != NULL)
        munmap(raw->staged, raw->staged_size);
    raw->staged = NULL;
}

/* Room for one frame. Mapped and not malloc'ed: a heap would keep it. */
static bool make_staged(struct raw_reader *raw)
{
    uint64_t size = picture_size(&raw->reader.shape.picture);
    void *data;

    if (raw->staged != NULL && raw->staged_size == size)
        return true;
    drop_staged(raw);
    data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED)
        return false;
    raw->staged = data;
    raw->staged_size = size;
    return true;
}

static enum frame_outcome raw_take(struct frame_reader *reader, const struct picture *picture,
                                   uint8_t *const *planes)
{
    struct raw_reader *raw = raw_of(reader);
    enum frame_outcome outcome;

    if (picture->width != reader->shape.picture.width ||
        picture->height != reader->shape.picture.height ||
        !picture_copy_can(reader->shape.picture.format, picture->format))
        return FRAME_OTHER;
    if (picture->format->layout == reader->shape.picture.format->layout)
        return read_frame(raw, picture, planes);
    if (!make_staged(raw))
        return fail(raw, "there is no memory for a frame of it");
    outcome = read_frame(raw, &reader->shape.picture, &raw->staged);
    if (outcome == FRAME_READY)
        picture_copy(&reader->shape.picture, &raw->staged, picture, planes);
    return outcome;
}

static void raw_pass(struct frame_reader *reader)
{
    raw_of(reader)->forsaken = true;
}

static void raw_forsake(struct frame_reader *reader)
{
    struct raw_reader *raw = raw_of(reader);

    raw->forsaken = raw->place == RAW_PIXELS && raw->done > 0;
    drop_staged(raw);
}

static int raw_fd(const struct frame_reader *reader)
{
    return reader->stream ? ((const struct raw_reader *)(const void *)reader)->input.fd : -1;
}

static void raw_close(struct frame_reader *reader)
{
    frame_input_finish(&raw_of(reader)->input);
    drop_staged(raw_of(reader));
    begin(raw_of(reader));
}

static void raw_destroy(struct frame_reader *reader)
{
    drop_staged(raw_of(reader));
    frame_input_finish(&raw_of(reader)->input);
    free(reader);
}

static const struct frame_reader_impl raw_impl = {
    .reach = raw_reach,
    .open = raw_open,
    .close = raw_close,
    .next = raw_next,
    .take = raw_take,
    .pass = raw_pass,
    .forsake = raw_forsake,
    .fd = raw_fd,
    .destroy = raw_destroy,
};

struct frame_reader *raw_reader_create(const struct frame_reader_options *options)
{
    struct raw_reader *raw = calloc(1, sizeof(*raw));
    const struct pixel_format *format = options->raw;

    if (raw == NULL)
        return NULL;
    raw->reader.impl = &raw_impl;
    raw->reader.shape.known = format != NULL;
    raw->options = *options;
    frame_input_init(&raw->input, options->path);
    picture_init(&raw->reader.shape.picture,
                 format != NULL ? format : pixel_format_find(V4L2_PIX_FMT_YUV420),
                 options->width != 0 ? options->width : FRAME_READER_WIDTH,
                 options->height != 0 ? options->height : FRAME_READER_HEIGHT);
    begin(raw);
    return &raw->reader;
}

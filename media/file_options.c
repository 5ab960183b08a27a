/* SPDX-License-Identifier: MIT */
#include "media/file_options.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/units.h"
#include "media/media_kind.h"

#define MAX_RATE 1000u /* frames per second, and seconds per frame */

static struct media_options *options_of(void *target)
{
    return target;
}

const char *file_options_take_path(void *target, const char *argument)
{
    options_of(target)->file = argument;
    return *argument != '\0' ? NULL : "it must be the path of a file, a FIFO or a unix socket";
}

/* "YU12", as V4L2's tools write it. */
static bool is_named(const struct pixel_format *format, const char *name)
{
    char fourcc[5] = {(char)format->fourcc, (char)(format->fourcc >> 8),
                      (char)(format->fourcc >> 16), (char)(format->fourcc >> 24)};

    return strcasecmp(fourcc, name) == 0;
}

const char *file_options_take_format(void *target, const char *argument)
{
    const struct pixel_format *format;

    options_of(target)->file_format = NULL;
    options_of(target)->file_y4m = strcmp(argument, "y4m") == 0;
    options_of(target)->file_av = strcmp(argument, "ffmpeg") == 0;
    if (options_of(target)->file_y4m || options_of(target)->file_av ||
        strcmp(argument, "auto") == 0)
        return NULL;
    for (unsigned i = 0; (format = pixel_format_at(i)) != NULL; i++) {
        if (format->planes > 1 || !is_named(format, argument))
            continue;
        options_of(target)->file_format = format;
        return NULL;
    }
    return "it must be auto, y4m, ffmpeg, or one of the raw formats YUYV, UYVY, NV12, P010, YU12, "
           "422P, "
           "GREY, RGB3";
}

/* A decimal number up to 'max' at *text, which it moves on. */
static bool take_number(const char **text, uint32_t max, uint32_t *number)
{
    char *end;
    unsigned long value;

    if (**text < '0' || **text > '9')
        return false;
    errno = 0;
    value = strtoul(*text, &end, 10);
    if (errno != 0 || value > max)
        return false;
    *number = (uint32_t)value;
    *text = end;
    return true;
}

static bool is_side(uint32_t side)
{
    return side > 0 && side % PICTURE_STEP == 0;
}

const char *file_options_take_size(void *target, const char *argument)
{
    struct media_options *o = options_of(target);

    if (take_number(&argument, PICTURE_MAX_SIDE, &o->width) && *argument++ == 'x' &&
        take_number(&argument, PICTURE_MAX_SIDE, &o->height) && *argument == '\0' &&
        is_side(o->width) && is_side(o->height))
        return NULL;
    return "it must be WIDTHxHEIGHT, two even numbers, as in 1280x720";
}

const char *file_options_take_rate(void *target, const char *argument)
{
    struct v4l2_fract *rate = &options_of(target)->rate;
    bool good;

    rate->denominator = 1;
    good = take_number(&argument, 1000000, &rate->numerator);
    if (good && *argument == '/') {
        argument++;
        good = take_number(&argument, 1000000, &rate->denominator);
    }
    good = good && *argument == '\0' && rate->numerator > 0 && rate->denominator > 0 &&
           (uint64_t)rate->numerator <= (uint64_t)rate->denominator * MAX_RATE &&
           (uint64_t)rate->denominator <= (uint64_t)rate->numerator * MAX_RATE;
    return good ? NULL : "it must be frames per second, as in 25 or 30000/1001";
}

const char *file_options_take_pace(void *target, const char *argument)
{
    static const char *const names[] = {
        [MEDIA_PACE_AUTO] = "auto", [MEDIA_PACE_RATE] = "rate", [MEDIA_PACE_GUEST] = "guest"};

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        options_of(target)->pace = (enum media_pace)i;
        if (strcmp(argument, names[i]) == 0)
            return NULL;
    }
    return "it must be auto, rate or guest";
}

const char *file_options_take_loop(void *target, const char *argument)
{
    options_of(target)->loop = true;
    return NULL;
}

const char *file_options_take_follow(void *target, const char *argument)
{
    options_of(target)->follow = true;
    return NULL;
}

const char *file_options_wrong(const struct media_options *options)
{
    if (options->file == NULL)
        return "There is nothing to read: give --file=PATH.";
    if (options->file_format != NULL && options->width == 0)
        return "Raw frames do not say how large they are: give --size=WIDTHxHEIGHT.";
    if (options->loop && options->follow)
        return "--loop and --follow are two things to do at a file's end: leave one out.";
    if (options->follow && options->file_av)
        return "FFmpeg's libraries do not follow a file that grows: leave --follow out.";
    return NULL;
}

#define LOOK_MS 10000

enum frame_outcome file_options_look(struct frame_reader *reader)
{
    uint64_t end = units_now_ns() + LOOK_MS * 1000000ull;
    enum frame_outcome outcome = reader->impl->next(reader);

    while (outcome == FRAME_WAIT && units_now_ns() < end) {
        struct pollfd poller = {.fd = reader->impl->fd(reader), .events = POLLIN};

        if (poller.fd < 0)
            break;
        poll(&poller, 1, 100);
        outcome = reader->impl->next(reader);
    }
    if (outcome == FRAME_WAIT)
        snprintf(reader->why, sizeof(reader->why), "there is no frame in it yet");
    return outcome;
}

static struct frame_reader *ffmpeg_reader(const struct frame_reader_options *wish, const char **why)
{
#ifdef HAVE_CODECS
    return av_reader_create(wish, why);
#else
    *why = "this program was built without the headers of FFmpeg";
    return NULL;
#endif
}

/* Found out without opening it: a writer that waits for a reader would hear that one came, and
 * went. */
static bool is_stream(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode));
}

/* Whether our own reader takes a regular file; its reason why not, in 'why'. Streams are its own
 * unless somebody says otherwise: what they are is not to be seen yet. */
static bool is_ours(const char *path, struct frame_reader *raw, char why[FRAME_READER_TEXT])
{
    bool ours;

    *why = '\0';
    if (is_stream(path))
        return true;
    ours = raw->impl->open(raw) != 0 || raw->impl->next(raw) != FRAME_BAD;
    snprintf(why, FRAME_READER_TEXT, "%s", raw->why);
    raw->impl->close(raw);
    return ours;
}

/* What our own reader does not take; NULL: it shall have it. */
static struct frame_reader *other_reader(const struct media_options *options,
                                         const struct frame_reader_options *wish,
                                         struct frame_reader *raw, const char **why)
{
    char said[FRAME_READER_TEXT] = "as asked for";
    struct frame_reader *other;

    if (options->file_format != NULL || options->file_y4m || options->follow ||
        (!options->file_av && is_ours(options->file, raw, said)))
        return NULL;
    other = ffmpeg_reader(wish, why);
    if (other != NULL)
        log_info("file: %s: read by FFmpeg's libraries (%s)", options->file, said);
    else
        log_warning("file: %s: %s, and FFmpeg's libraries do not help: %s", options->file, said,
                    *why);
    return other;
}

struct frame_reader *file_options_reader(const struct media_options *options, const char **why)
{
    const struct frame_reader_options wish = {
        .path = options->file,
        .raw = options->file_format,
        .width = options->width,
        .height = options->height,
        .loop = options->loop,
        .follow = options->follow,
    };
    struct frame_reader *raw = raw_reader_create(&wish), *other;

    *why = "there is no memory";
    if (raw == NULL)
        return NULL;
    other = other_reader(options, &wish, raw, why);
    if (other == NULL && !options->file_av)
        return raw;
    raw->impl->destroy(raw);
    return other;
}

static bool check_file(const struct media_options *options, char *text)
{
    const char *why;
    struct frame_reader *reader = file_options_reader(options, &why);
    const struct picture *picture;
    bool good;

    if (reader == NULL) {
        snprintf(text, MEDIA_KIND_TEXT, "%s", why);
        return false;
    }
    picture = &reader->shape.picture;
    good = reader->impl->open(reader) == 0 && file_options_look(reader) == FRAME_READY;
    if (good)
        snprintf(text, MEDIA_KIND_TEXT, "frames of %ux%u, %s", picture->width, picture->height,
                 picture->format->description);
    else
        snprintf(text, MEDIA_KIND_TEXT, "%.50s: %.180s", options->file, reader->why);
    reader->impl->destroy(reader);
    return good;
}

bool file_options_check(const struct media_options *options, char *text)
{
    const char *wrong = file_options_wrong(options);
    *text = '\0';
    if (options->file == NULL && (options->kind == NULL || strcmp(options->kind, "file") != 0))
        return true;
    if (wrong != NULL) {
        snprintf(text, MEDIA_KIND_TEXT, "%s", wrong);
        return false;
    }
    if (is_stream(options->file)) {
        snprintf(text, MEDIA_KIND_TEXT, "a stream: what it is, is seen when it comes");
        return true;
    }
    return check_file(options, text);
}

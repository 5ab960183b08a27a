/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/trial.h"
#include "base/units.h"
#include "daemon/opener.h"
#include "daemon/program.h"
#include "media/codec_list.h"
#include "media/file_options.h"
#include "media/job.h"
#include "media/media_device.h"
#include "media/media_kind.h"
#include "media/media_quota.h"
#include "media/v4l2_node.h"

static struct media_options media_options;

static const char *take_kind(void *target, const char *argument)
{
    static char why[160];
    const char *name, *reason;
    int n;

    ((struct media_options *)target)->kind = argument;
    if (media_kind_find(argument) != NULL)
        return NULL;
    for (unsigned i = 0; (name = media_kind_missing(i, &reason)) != NULL; i++)
        if (strcmp(name, argument) == 0)
            return reason;
    n = snprintf(why, sizeof(why), "it must be one of:");
    for (unsigned i = 0; media_kind_at(i) != NULL && (size_t)n < sizeof(why); i++)
        n += snprintf(why + n, sizeof(why) - (size_t)n, " %s", media_kind_at(i)->name);
    return why;
}

static const char *take_card(void *target, const char *argument)
{
    ((struct media_options *)target)->card = argument;
    return *argument != '\0' && strlen(argument) < 32 ? NULL : "it must have 1 to 31 bytes";
}

static const char *take_node(void *target, const char *argument)
{
    ((struct media_options *)target)->node = argument;
    return *argument == '/' ? NULL : "it must be a path, such as /dev/video0";
}

static const char *take_codecs(void *target, const char *argument)
{
    ((struct media_options *)target)->codecs = argument;
    return codec_list_refusal(argument);
}

static bool planes_given;

static const char *take_planes(void *target, const char *argument)
{
    planes_given = true;
    ((struct media_options *)target)->multiplanar = strcmp(argument, "multi") == 0;
    return strcmp(argument, "multi") == 0 || strcmp(argument, "single") == 0
               ? NULL
               : "it must be 'single' or 'multi'";
}

static const char *take_pipewire_target(void *target, const char *argument)
{
    ((struct media_options *)target)->pipewire_target = argument;
    return *argument != '\0' ? NULL : "it must be the name or the serial of a node";
}

static const char *take_threads(void *target, const char *argument)
{
    static char why[48];

    snprintf(why, sizeof(why), "it must be a number from 1 to %u", JOB_MAX_THREADS);
    return units_parse_number(argument, 1, JOB_MAX_THREADS,
                              &((struct media_options *)target)->threads)
               ? NULL
               : why;
}

static const struct options_row rows[] = {
    {"kind", "KIND",
     "What the device is: pattern, a camera that shows a test pattern (the default); file,\n"
     "a camera whose frames come from --file; pipewire, a camera of the desktop; v4l2, a video\n"
     "node of this host (--node); decoder, which decodes video on the processor; encoder, which\n"
     "encodes it there.",
     take_kind},
    {"node", "PATH", "The host's video node, /dev/videoN, that kind v4l2 passes on to the guest.",
     take_node},
    {"card", "NAME", "The name that the guest's programs show.", take_card},
    {"planes", "HOW",
     "single: the guest's node has V4L2's single-planar API (the default of cameras). multi:\n"
     "the multi-planar one, with formats of several planes too (the default of codecs).",
     take_planes},
    {"threads", "N",
     "How many threads work for all sessions together, in turns (as many as the host has\n"
     "processors, but no more than 4).",
     take_threads},
    {"codecs", "LIST",
     "What a decoder or encoder offers: some of h264, hevc, vp8, vp9, av1, mpeg2 and mjpeg, with\n"
     "commas between them; it leaves out what it cannot do. All but mjpeg is the default: to\n"
     "V4L2, a node is a codec of pictures or of streams, so make mjpeg a node of its own.",
     take_codecs},
    {"pipewire-target", "NAME",
     "With --kind=pipewire: the camera's node name or serial (default: the default camera).",
     take_pipewire_target},
    {"file", "PATH",
     "Where a camera's frames come from: a file, a FIFO (from the first to the last writer\n"
     "that comes), or a unix socket that somebody listens at. Every frame comes to the guest:\n"
     "where it has no buffer, the file and its writer wait. For example\n"
     "  --kind=file --file=clip.y4m --loop\n"
     "  --kind=file --file=/run/cam.fifo --file-format=NV12 --size=1280x720",
     file_options_take_path},
    {"file-format", "FORMAT",
     "y4m, or a raw format by V4L2's name: YUYV, UYVY, NV12, P010, YU12, 422P, GREY, RGB3.\n"
     "ffmpeg: what FFmpeg's libraries make of it, MP4, Matroska and so on. auto: y4m, or for\n"
     "a file that is none, ffmpeg (the default).",
     file_options_take_format},
    {"size", "WxH", "The size of raw frames.", file_options_take_size},
    {"rate", "N[/D]", "Frames per second, instead of the file's own; 30 where it has none.",
     file_options_take_rate},
    {"pace", "WHO",
     "rate: a clock gives the frames out. guest: they come as fast as the guest takes them.\n"
     "auto: rate for a file, guest for a FIFO and a socket (the default).",
     file_options_take_pace},
    {"loop", NULL, "After a file's end comes its beginning; else the guest is told of the end.",
     file_options_take_loop},
    {"follow", NULL, "At a file's end wait until it has grown.", file_options_take_follow},
    {NULL},
};

static const struct media_kind_impl *chosen_kind(const struct media_options *options)
{
    return media_kind_find(options->kind != NULL ? options->kind : MEDIA_DEFAULT_KIND);
}

static struct device *create(struct device_host *host, const void *options)
{
    if (!planes_given)
        media_options.multiplanar = chosen_kind(options)->multiplanar;
    return media_device_create(host, options);
}

struct kind_trial {
    const struct media_kind_impl *impl;
    const struct media_options *options;
};

static int try_kind(void *data, char *text, size_t size)
{
    const struct kind_trial *trial = data;
    char said[MEDIA_KIND_TEXT] = "";
    bool works = trial->impl->check == NULL || trial->impl->check(trial->options, said);

    snprintf(text, size, "%s", said);
    return works ? 0 : -ENOTSUP;
}

/* Libraries that a kind loads may crash or hang, so each kind is tried in a child. */
#define TRIAL_SECONDS 20u

static bool kind_works(const struct media_kind_impl *impl, const struct media_options *options,
                       char text[TRIAL_TEXT])
{
    struct kind_trial trial = {impl, options};

    return trial_run(try_kind, &trial, TRIAL_SECONDS, text, TRIAL_TEXT) == 0;
}

static int prepare(const void *options, char *const *argv, char word[PROGRAM_WORD], bool *foreign)
{
    const struct media_kind_impl *impl = chosen_kind(options);
    char text[TRIAL_TEXT];

    *foreign = impl->maps_foreign;
    if (impl->check == NULL || kind_works(impl, options, text))
        return 0;
    if (impl->waits) {
        log_warning("--kind=%s does not work here yet: %s", impl->name, text);
        return 0;
    }
    log_error("--kind=%s does not work here: %s", impl->name, text);
    return -ENODEV;
}

static struct json_object *describe(bool in, const char *text)
{
    struct json_object *kind = json_object_new_object();

    json_object_object_add(kind, "in", json_object_new_boolean(in));
    if (text[0] != '\0')
        json_object_object_add(kind, in ? "with" : "why", json_object_new_string(text));
    return kind;
}

/* Those that need nothing of the host. */
static void describe_formats(struct json_object *kind, const struct media_kind_impl *impl)
{
    const struct pixel_format *format;
    char text[256];
    size_t used = 0;

    if (impl->format == NULL)
        return;
    for (unsigned i = 0; (format = impl->format(i)) != NULL && used + 6 < sizeof(text); i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%.4s", i > 0 ? " " : "",
                                 (const char *)&format->fourcc);
    json_object_object_add(kind, "formats", json_object_new_string(text));
}

static void check(const void *options, char *const *argv, struct json_object *root)
{
    struct json_object *kinds = json_object_new_object();
    const struct media_kind_impl *impl;
    const char *name, *why;

    for (unsigned i = 0; (impl = media_kind_at(i)) != NULL; i++) {
        char text[TRIAL_TEXT];
        bool works = kind_works(impl, options, text);
        struct json_object *kind = describe(works, text);

        describe_formats(kind, impl);
        json_object_object_add(kinds, impl->name, kind);
    }
    for (unsigned i = 0; (name = media_kind_missing(i, &why)) != NULL; i++)
        json_object_object_add(kinds, name, describe(false, why));
    json_object_object_add(root, "kinds", kinds);
}

/* The folder that the file lies in, since it may be made, or replaced, later; and where it is in
 * truth. Its path becomes an absolute one: folders are others when the worker is shut in. */
static void add_file(struct sandbox_plan *plan, const char *file)
{
    static char folder[PATH_MAX], target[PATH_MAX];
    static char *absolute;
    char copy[PATH_MAX], name[PATH_MAX];

    if (file == NULL)
        return;
    snprintf(copy, sizeof(copy), "%s", file);
    snprintf(name, sizeof(name), "%s", file);
    if (realpath(dirname(copy), folder) != NULL) {
        sandbox_allow(plan, folder, SANDBOX_READ);
        if (asprintf(&absolute, "%s/%s", folder, basename(name)) > 0)
            media_options.file = absolute;
    }
    if (realpath(file, target) != NULL)
        sandbox_allow(plan, target, SANDBOX_READ);
}

/* The daemon's socket, and what libpipewire reads of the home folder. */
static void add_desktop(struct sandbox_plan *plan)
{
    static const char *const variables[] = {"PIPEWIRE_RUNTIME_DIR", "XDG_RUNTIME_DIR",
                                            "PIPEWIRE_CONFIG_DIR", "XDG_CONFIG_HOME"};

    for (unsigned i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        const char *folder = getenv(variables[i]);

        if (folder != NULL && folder[0] == '/')
            sandbox_allow(plan, folder, SANDBOX_READ);
    }
    sandbox_allow(plan, "/run/pipewire", SANDBOX_READ);
}

/* The opener knows its path and flags, and no others. */
static int open_node(const char *path, int flags)
{
    return opener_open();
}

/* From now on the node is opened by another process. */
static void add_node(struct sandbox_plan *plan, const char *node)
{
    static struct v4l2_calls calls;
    int r;

    plan->role = SANDBOX_MEDIA_V4L2;
    plan->early = true;
    if (node == NULL || plan->mode == SANDBOX_NONE)
        return;
    r = opener_start(plan, node, O_RDWR | O_NONBLOCK);
    if (r < 0)
        log_error("There is no process to open %s: %s.", node, strerror(-r));
    calls = v4l2_calls_real;
    calls.open = open_node;
    media_options.v4l2_calls = &calls;
}

static void sandbox(const void *options, struct sandbox_plan *plan)
{
    const struct media_options *o = options;
    const char *kind = chosen_kind(o)->name;

    if (plan->role == SANDBOX_STARTER)
        return;
    plan->role = SANDBOX_MEDIA;
    if (strcmp(kind, "file") == 0) {
        plan->role = SANDBOX_MEDIA_FILE;
        add_file(plan, o->file);
    } else if (strcmp(kind, "v4l2") == 0) {
        add_node(plan, o->node);
    } else if (strcmp(kind, "pipewire") == 0) {
        plan->role = SANDBOX_MEDIA_PIPEWIRE;
        plan->early = true;
        sandbox_allow_system(plan);
        add_desktop(plan);
    }
}

/* QEMU's schema names none for this type. */
static const char *const capabilities[] = {NULL};

static const char *const feature_names[] = {NULL};

/* The driver describes the memory of a buffer or a control in up to 64 pieces. */
static const struct diagnosis_queue queues[] = {
    {"command", 128,
     "an ioctl of the guest with memory in many pieces finds no room, and fails, where the driver "
     "may not use INDIRECT_DESC"},
    {"event", 16, "frames and events are told late"},
    {NULL},
};

static const struct diagnosis_kind kind = {feature_names, queues};

int main(int argc, char **argv)
{
    static const struct program program = {
        .options =
            {
                .name = "hostblob-media",
                .summary = "a virtio-media device (V4L2) for virtual machines, over vhost-user.",
                .window = UINT64_C(4) << 30,
                .rows = rows,
                .quotas = media_quota_rows,
                .owner = "session",
                .target = &media_options,
            },
        .type = "media",
        .kind = &kind,
        .capabilities = capabilities,
        .create = create,
        .sandbox = sandbox,
        .prepare = prepare,
        .check = check,
    };

    return program_main(&program, argc, argv);
}

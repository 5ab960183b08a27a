/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "media/av_library.h"
#include "media/codec_list.h"
#include "media/encoder_context.h"
#include "media/media_kind.h"

/* A stateful encoder: every session makes a stream of its own, on the processor. */
struct kind_encoder {
    struct media_kind kind;
    struct media *media; /* borrowed */
    const struct av_library *av;
    bool multiplanar;
    const char *codecs; /* media/codec_list.h; borrowed */
};

static struct kind_encoder *encoder_of(struct media_kind *kind)
{
    return (struct kind_encoder *)(void *)((char *)kind - offsetof(struct kind_encoder, kind));
}

static struct context *open_context(struct media_kind *kind, uint32_t session)
{
    struct kind_encoder *encoder = encoder_of(kind);
    struct encoder_context *context =
        encoder_context_create(encoder->media, encoder->av, encoder->multiplanar, encoder->codecs);

    return context != NULL ? &context->m2m.context : NULL;
}

static void close_context(struct media_kind *kind, struct context *context)
{
    encoder_context_destroy(encoder_context_of(context));
}

static void reset(struct media_kind *kind)
{
    /* Nothing outlives the sessions. */
}

static void destroy(struct media_kind *kind)
{
    free(encoder_of(kind));
}

static const struct media_kind_ops encoder_ops = {
    .open = open_context,
    .close = close_context,
    .reset = reset,
    .destroy = destroy,
};

static const struct av_library *load(const struct media_options *options, const char **why)
{
    const struct av_library *av = av_library_load(AV_LIBRARY_SCALE, why);

    if (av != NULL && encoder_format_coded(av, options->codecs, 0) == 0) {
        *why = "of --codecs there is nothing that this libavcodec encodes (H.264 by libx264 or "
               "libopenh264, VP8 by libvpx, Motion-JPEG): install another, or name others";
        return NULL;
    }
    return av;
}

/* ---- does it work? ---- */

#define TRIAL_SIDE 64u

/* Encodes a grey picture. */
static bool works(const struct av_library *av, uint32_t coded)
{
    struct encoder_settings settings;
    uint8_t *planes[PICTURE_MAX_PLANES] = {calloc(TRIAL_SIDE * 2, TRIAL_SIDE)};
    struct encoder *encoder = encoder_create(av);
    bool well = false;

    memset(&settings, 0, sizeof(settings));
    picture_init(&settings.raw, pixel_format_find(V4L2_PIX_FMT_NV12), TRIAL_SIDE, TRIAL_SIDE);
    settings.coded = coded;
    settings.crop = (struct v4l2_rect){0, 0, TRIAL_SIDE, TRIAL_SIDE};
    settings.interval = ENCODER_DEFAULT_INTERVAL;
    settings.colours = colours_default;
    settings.bitrate = settings.peak = 1000000;
    settings.quality = 50;
    settings.gop = 1;
    settings.max_qp = 51;
    settings.threads = 1;
    if (planes[0] != NULL && encoder != NULL)
        well = encoder_put(encoder, &settings, planes, 0, true) == 0 && encoder_has_output(encoder);
    encoder_destroy(encoder);
    free(planes[0]);
    return well;
}

static bool check(const struct media_options *options, char *text)
{
    const char *why;
    const struct av_library *av = load(options, &why);
    uint32_t coded;
    unsigned found = 0;
    size_t used;

    if (av == NULL) {
        snprintf(text, MEDIA_KIND_TEXT, "%s", why);
        return false;
    }
    snprintf(text, MEDIA_KIND_TEXT, "%s:", av_library_version(av));
    for (unsigned i = 0; (coded = encoder_format_coded(av, options->codecs, i)) != 0; i++) {
        bool well = works(av, coded);

        used = strlen(text);
        snprintf(text + used, MEDIA_KIND_TEXT - used, "%s %s%s (%s)", i > 0 ? "," : "",
                 well ? "" : "no ", encoder_format_name(coded), encoder_name(av, coded));
        found += well;
    }
    return found > 0;
}

static void say_what(const struct av_library *av, const char *list)
{
    static const uint32_t all[] = {V4L2_PIX_FMT_H264, V4L2_PIX_FMT_VP8, V4L2_PIX_FMT_MJPEG};

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        const char *name = encoder_name(av, all[i]);

        if (!codec_list_has(list, all[i]))
            continue;
        if (name != NULL)
            log_info("encoder: %s is made by %s", encoder_format_name(all[i]), name);
        else
            log_info("encoder: %s is left out: libavcodec here has no encoder for it",
                     encoder_format_name(all[i]));
    }
}

static uint32_t caps(const struct media_options *options)
{
    return m2m_caps(options->multiplanar);
}

static struct media_kind *create(const struct media_kind_host *host)
{
    struct kind_encoder *encoder;
    const char *why;
    const struct av_library *av = load(host->options, &why);

    if (av == NULL) {
        log_error("The encoder cannot work: %s.", why);
        errno = ENOSYS;
        return NULL;
    }
    encoder = calloc(1, sizeof(*encoder));
    if (encoder == NULL)
        return NULL;
    *encoder = (struct kind_encoder){
        {&encoder_ops}, host->media, av, host->options->multiplanar, host->options->codecs};
    say_what(av, encoder->codecs);
    return &encoder->kind;
}

const struct media_kind_impl kind_encoder_impl = {
    .name = "encoder",
    .description = "makes H.264, VP8 and Motion-JPEG of raw pictures (V4L2's stateful encoder)",
    .multiplanar = true,
    .check = check,
    .caps = caps,
    .create = create,
};

/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "media/codec_list.h"
#include "media/decoder_codec.h"
#include "media/decoder_context.h"
#include "media/encoder_context.h"
#include "media/media_kind.h"

/* A stateful codec: every session has a stream of its own, on the processor. */
struct kind_codec {
    struct media_kind kind;
    const struct codec_row *row;
    struct media *media; /* borrowed */
    const struct av_library *av;
    bool multiplanar;
    const char *codecs; /* media/codec_list.h; borrowed */
};

/* A compressed format. */
struct codec_format {
    uint32_t fourcc;
    const char *name;  /* for people */
    const char *maker; /* libavcodec's codec that serves; NULL: there is none here */
};

/* What the decoder and the encoder have of their own. */
struct codec_row {
    const char *name;
    const char *nothing; /* what to do where no format works */
    struct media_kind_ops ops;
    /* The format number 'index', false past the end. */
    bool (*format)(const struct av_library *av, unsigned index, struct codec_format *format);
    bool (*works)(const struct av_library *av, const struct codec_format *format);
};

static struct kind_codec *codec_of(struct media_kind *kind)
{
    return (struct kind_codec *)(void *)((char *)kind - offsetof(struct kind_codec, kind));
}

static void reset(struct media_kind *kind)
{
    /* Nothing outlives the sessions. */
}

static void destroy(struct media_kind *kind)
{
    free(codec_of(kind));
}

static uint32_t caps(const struct media_options *options)
{
    return m2m_caps(options->multiplanar);
}

/* Names the formats of the list that libavcodec has, in MEDIA_KIND_TEXT bytes, and says in the log
 * which it lacks. How many work: with 'try' by trying. */
static unsigned describe(const struct codec_row *row, const struct av_library *av, const char *list,
                         bool try, char *text)
{
    size_t used = (size_t)snprintf(text, MEDIA_KIND_TEXT, "%s:", av_library_version(av));
    struct codec_format format;
    unsigned named = 0, work = 0;

    for (unsigned i = 0; row->format(av, i, &format); i++) {
        bool works;

        if (!codec_list_has(list, format.fourcc))
            continue;
        if (format.maker == NULL) {
            log_info("%s: %s is left out: libavcodec here has nothing for it", row->name,
                     format.name);
            continue;
        }
        works = !try || row->works(av, &format);
        if (used < MEDIA_KIND_TEXT)
            used += (size_t)snprintf(text + used, MEDIA_KIND_TEXT - used, "%s %s%s (%s)",
                                     named > 0 ? "," : "", works ? "" : "no ", format.name,
                                     format.maker);
        named++;
        work += works;
    }
    return work;
}

static bool check(const struct codec_row *row, const struct media_options *options, char *text)
{
    const char *why = row->nothing;
    const struct av_library *av = av_library_load(AV_LIBRARY_SCALE, &why);

    if (av != NULL && describe(row, av, options->codecs, true, text) > 0)
        return true;
    snprintf(text, MEDIA_KIND_TEXT, "%s", av != NULL ? row->nothing : why);
    return false;
}

static struct media_kind *create(const struct codec_row *row, const struct media_kind_host *host)
{
    const char *why = row->nothing, *codecs = host->options->codecs;
    const struct av_library *av = av_library_load(AV_LIBRARY_SCALE, &why);
    char text[MEDIA_KIND_TEXT];
    struct kind_codec *codec;

    if (av == NULL || describe(row, av, codecs, false, text) == 0) {
        log_error("%s: %s", row->name, av != NULL ? row->nothing : why);
        errno = ENOTSUP;
        return NULL;
    }
    log_info("%s: on the processor, with %s", row->name, text);
    codec = calloc(1, sizeof(*codec));
    if (codec == NULL)
        return NULL;
    *codec =
        (struct kind_codec){{&row->ops}, row, host->media, av, host->options->multiplanar, codecs};
    return &codec->kind;
}

/* ---- the decoder ---- */

static struct context *open_decoder(struct media_kind *kind, uint32_t session)
{
    const struct kind_codec *codec = codec_of(kind);
    struct decoder_context *context =
        decoder_context_create(codec->media, codec->av, session, codec->multiplanar, codec->codecs);

    return context != NULL ? &context->m2m.context : NULL;
}

static void close_decoder(struct media_kind *kind, struct context *context)
{
    decoder_context_destroy(decoder_context_of(context));
}

static bool decoder_format(const struct av_library *av, unsigned index, struct codec_format *format)
{
    const struct decoder_codec *row = decoder_codec_at(index);
    const AVCodec *found = row != NULL ? decoder_codec_library(row, av) : NULL;

    if (row != NULL)
        *format = (struct codec_format){row->fourcc, row->description,
                                        found != NULL ? found->name : NULL};
    return row != NULL;
}

/* One may be there and want hardware. */
static bool decoder_works(const struct av_library *av, const struct codec_format *format)
{
    const AVCodec *codec = av->avcodec_find_decoder_by_name(format->maker);
    AVCodecContext *context = av->avcodec_alloc_context3(codec);
    bool opened = context != NULL && av->avcodec_open2(context, codec, NULL) >= 0;

    av->avcodec_free_context(&context);
    return opened;
}

static const struct codec_row decoder_row = {
    .name = "decoder",
    .nothing = "libavcodec here decodes nothing of --codecs; install a whole one, or name others",
    .ops = {.open = open_decoder, .close = close_decoder, .reset = reset, .destroy = destroy},
    .format = decoder_format,
    .works = decoder_works,
};

static bool check_decoder(const struct media_options *options, char *text)
{
    return check(&decoder_row, options, text);
}

static struct media_kind *create_decoder(const struct media_kind_host *host)
{
    return create(&decoder_row, host);
}

const struct media_kind_impl kind_decoder_impl = {
    .name = "decoder",
    .description = "decodes H.264, HEVC, VP8, VP9, AV1, MPEG-2 and Motion-JPEG on the processor",
    .multiplanar = true,
    .check = check_decoder,
    .caps = caps,
    .create = create_decoder,
};

/* ---- the encoder ---- */

static struct context *open_encoder(struct media_kind *kind, uint32_t session)
{
    const struct kind_codec *codec = codec_of(kind);
    struct encoder_context *context =
        encoder_context_create(codec->media, codec->av, session, codec->multiplanar, codec->codecs);

    return context != NULL ? &context->m2m.context : NULL;
}

static void close_encoder(struct media_kind *kind, struct context *context)
{
    encoder_context_destroy(encoder_context_of(context));
}

static bool encoder_format(const struct av_library *av, unsigned index, struct codec_format *format)
{
    static const uint32_t all[] = {V4L2_PIX_FMT_H264, V4L2_PIX_FMT_VP8, V4L2_PIX_FMT_MJPEG};

    if (index >= sizeof(all) / sizeof(all[0]))
        return false;
    *format = (struct codec_format){all[index], encoder_format_name(all[index]),
                                    encoder_name(av, all[index])};
    return true;
}

#define TRIAL_SIDE 64u

/* Encodes a grey picture. */
static bool encoder_works(const struct av_library *av, const struct codec_format *format)
{
    struct encoder_settings settings;
    uint8_t *planes[PICTURE_MAX_PLANES] = {calloc(TRIAL_SIDE * 2, TRIAL_SIDE)};
    struct encoder *encoder = encoder_create(av, NULL);
    bool well = false;

    memset(&settings, 0, sizeof(settings));
    picture_init(&settings.raw, pixel_format_find(V4L2_PIX_FMT_NV12), TRIAL_SIDE, TRIAL_SIDE);
    settings.coded = format->fourcc;
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

static const struct codec_row encoder_row = {
    .name = "encoder",
    .nothing = "of --codecs there is nothing that this libavcodec encodes (H.264 by libx264 or "
               "libopenh264, VP8 by libvpx, Motion-JPEG): install another, or name others",
    .ops = {.open = open_encoder, .close = close_encoder, .reset = reset, .destroy = destroy},
    .format = encoder_format,
    .works = encoder_works,
};

static bool check_encoder(const struct media_options *options, char *text)
{
    return check(&encoder_row, options, text);
}

static struct media_kind *create_encoder(const struct media_kind_host *host)
{
    return create(&encoder_row, host);
}

const struct media_kind_impl kind_encoder_impl = {
    .name = "encoder",
    .description = "makes H.264, VP8 and Motion-JPEG of raw pictures (V4L2's stateful encoder)",
    .multiplanar = true,
    .check = check_encoder,
    .caps = caps,
    .create = create_encoder,
};

/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "media/codec_list.h"
#include "media/decoder_context.h"
#include "media/media_kind.h"

/* A stateful decoder: every session decodes a stream of its own, on the processor. */
struct kind_decoder {
    struct media_kind kind;
    struct media *media; /* borrowed */
    const struct av_library *av;
    bool multiplanar;
    const char *codecs; /* media/codec_list.h; borrowed */
};

static struct kind_decoder *decoder_of(struct media_kind *kind)
{
    return (struct kind_decoder *)(void *)((char *)kind - offsetof(struct kind_decoder, kind));
}

static struct context *open_context(struct media_kind *kind, uint32_t session)
{
    struct kind_decoder *decoder = decoder_of(kind);
    struct decoder_context *context =
        decoder_context_create(decoder->media, decoder->av, decoder->multiplanar, decoder->codecs);

    return context != NULL ? &context->m2m.context : NULL;
}

static void close_context(struct media_kind *kind, struct context *context)
{
    decoder_context_destroy(decoder_context_of(context));
}

static void reset(struct media_kind *kind)
{
    /* Nothing outlives the sessions. */
}

static void destroy(struct media_kind *kind)
{
    free(decoder_of(kind));
}

static const struct media_kind_ops decoder_ops = {
    .open = open_context,
    .close = close_context,
    .reset = reset,
    .destroy = destroy,
};

static const struct av_library *load(const struct media_options *options, const char **why)
{
    const struct av_library *av = av_library_load(AV_LIBRARY_SCALE, why);

    if (av != NULL && decoder_codec_offered(av, options->codecs, 0) == NULL) {
        *why = "libavcodec here decodes nothing of --codecs; install a whole one, or name others";
        return NULL;
    }
    return av;
}

/* Adds to a text of MEDIA_KIND_TEXT bytes. */
static void __attribute__((format(printf, 2, 3))) add(char *text, const char *format, ...)
{
    size_t length = strlen(text);
    va_list args;

    va_start(args, format);
    vsnprintf(text + length, MEDIA_KIND_TEXT - length, format, args);
    va_end(args);
}

static bool opens(const struct av_library *av, const AVCodec *codec)
{
    AVCodecContext *context = av->avcodec_alloc_context3(codec);
    bool opened = context != NULL && av->avcodec_open2(context, codec, NULL) >= 0;

    av->avcodec_free_context(&context);
    return opened;
}

static bool check(const struct media_options *options, char *text)
{
    const struct decoder_codec *row;
    const struct av_library *av;
    const char *why;
    unsigned found = 0;

    av = load(options, &why);
    if (av == NULL) {
        snprintf(text, MEDIA_KIND_TEXT, "%s", why);
        return false;
    }
    snprintf(text, MEDIA_KIND_TEXT, "%s:", av_library_version(av));
    for (unsigned i = 0; (row = decoder_codec_at(i)) != NULL; i++) {
        const AVCodec *codec = decoder_codec_library(row, av);

        if (!codec_list_has(options->codecs, row->fourcc))
            continue;
        if (codec != NULL && opens(av, codec))
            add(text, "%s %s", found++ > 0 ? "," : "", row->description);
        else
            log_info("decoder: %s is left out: libavcodec here has no %s", row->description,
                     row->names[0]);
    }
    return found > 0;
}

static uint32_t caps(const struct media_options *options)
{
    return m2m_caps(options->multiplanar);
}

static struct media_kind *create(const struct media_kind_host *host)
{
    struct kind_decoder *decoder;
    const char *why;
    const struct av_library *av = load(host->options, &why);

    if (av == NULL) {
        log_error("decoder: %s", why);
        errno = ENOTSUP;
        return NULL;
    }
    decoder = calloc(1, sizeof(*decoder));
    if (decoder == NULL)
        return NULL;
    *decoder = (struct kind_decoder){.kind.ops = &decoder_ops,
                                     .media = host->media,
                                     .av = av,
                                     .multiplanar = host->options->multiplanar,
                                     .codecs = host->options->codecs};
    log_info("decoder: decodes on the processor, with %s", av_library_version(av));
    return &decoder->kind;
}

const struct media_kind_impl kind_decoder_impl = {
    .name = "decoder",
    .description = "decodes H.264, HEVC, VP8, VP9, AV1, MPEG-2 and Motion-JPEG on the processor",
    .multiplanar = true,
    .check = check,
    .caps = caps,
    .create = create,
};

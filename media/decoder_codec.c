/* SPDX-License-Identifier: MIT */
#include "media/decoder_codec.h"

#include <stddef.h>

#include "media/codec_list.h"

/* What decodes on the processor alone: libavcodec's own decoder of AV1 wants hardware for it. */
static const struct decoder_codec codecs[] = {
    {V4L2_PIX_FMT_H264, "H.264", {"h264"}, true},
    {V4L2_PIX_FMT_HEVC, "HEVC", {"hevc"}, true},
    {V4L2_PIX_FMT_VP8, "VP8", {"vp8"}, true},
    {V4L2_PIX_FMT_VP9, "VP9", {"vp9"}, true},
    {V4L2_PIX_FMT_AV1, "AV1", {"libdav1d", "libaom-av1"}, false},
    {V4L2_PIX_FMT_MPEG2, "MPEG-2 ES", {"mpeg2video"}, false},
    {V4L2_PIX_FMT_MJPEG, "Motion-JPEG", {"mjpeg"}, false},
};

const struct decoder_codec *decoder_codec_at(unsigned index)
{
    return index < sizeof(codecs) / sizeof(codecs[0]) ? &codecs[index] : NULL;
}

const AVCodec *decoder_codec_library(const struct decoder_codec *codec, const struct av_library *av)
{
    const AVCodec *found = NULL;

    for (unsigned i = 0; found == NULL && codec->names[i] != NULL; i++)
        found = av->avcodec_find_decoder_by_name(codec->names[i]);
    return found;
}

const struct decoder_codec *decoder_codec_offered(const struct av_library *av, const char *list,
                                                  unsigned index)
{
    const struct decoder_codec *codec;

    for (unsigned i = 0; (codec = decoder_codec_at(i)) != NULL; i++)
        if (codec_list_has(list, codec->fourcc) && decoder_codec_library(codec, av) != NULL &&
            index-- == 0)
            return codec;
    return NULL;
}

const struct decoder_codec *decoder_codec_find(const struct av_library *av, const char *list,
                                               uint32_t fourcc)
{
    const struct decoder_codec *codec;

    for (unsigned i = 0; (codec = decoder_codec_offered(av, list, i)) != NULL; i++)
        if (codec->fourcc == fourcc)
            return codec;
    return NULL;
}

/* SPDX-License-Identifier: MIT */
#include "tests/shortage/subject.h"

#include <stddef.h>
#include <string.h>

#include "tests/shortage/visit.h"

#define GPU "HOSTBLOB_GPU"
#define MEDIA "HOSTBLOB_MEDIA"
#define VISITED_AS_GPU visit_gpu, visit_gpu_settle, visit_gpu_see, visit_gpu_ask
#define VISITED_AS_CAMERA visit_media, visit_media_settle, visit_media_see, visit_media_ask

static const struct subject subjects[] = {
    {"gpu", GPU, {"--window=16M"}, NULL, VISITED_AS_GPU},
    {"media", MEDIA, {"--window=16M"}, NULL, VISITED_AS_CAMERA},
    {"gpu:single", GPU, {"--window=16M", "--mapping=single"}, NULL, VISITED_AS_GPU},
    {"media:single", MEDIA, {"--window=16M", "--mapping=single"}, NULL, VISITED_AS_CAMERA},
    {"decoder",
     MEDIA,
     {"--window=16M", "--kind=decoder", "--codecs=h264", "--planes=single", "--threads=1"},
     visit_decoder_missing,
     visit_decoder,
     visit_decoder_settle,
     visit_decoder_see,
     visit_media_ask},
    {"encoder",
     MEDIA,
     {"--window=16M", "--kind=encoder", "--codecs=h264", "--planes=single", "--threads=1"},
     visit_codec_missing,
     visit_encoder,
     visit_encoder_settle,
     visit_encoder_see,
     visit_media_ask},
};

const struct subject *subject_at(unsigned i)
{
    return i < sizeof(subjects) / sizeof(subjects[0]) ? &subjects[i] : NULL;
}

const struct subject *subject_find(const char *name)
{
    for (unsigned i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++)
        if (strcmp(subjects[i].name, name) == 0)
            return &subjects[i];
    return NULL;
}

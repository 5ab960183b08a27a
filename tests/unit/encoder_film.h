/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_ENCODER_FILM_H
#define TESTS_UNIT_ENCODER_FILM_H

/* Pictures that the ffmpeg program makes, for the tests of the encoder, and how like each other
 * they are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codec_stream.h"
#include "moving_picture.h"

/* What there is to encode, as NV12 without gaps. */
struct film {
    uint32_t width, height;
    unsigned frames;
    uint8_t *pictures;
};

static inline size_t picture_bytes(const struct film *film)
{
    return (size_t)film->width * film->height * 3 / 2;
}

static inline void make_path(char *path)
{
    int fd;

    strcpy(path, "/tmp/hostblob-film-XXXXXX");
    fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
}

/* Runs ffmpeg with 'how', which ends where the name of its output belongs. */
static inline uint8_t *ffmpeg(const char *how, size_t *size)
{
    char path[64], command[512];
    uint8_t *data = NULL;

    make_path(path);
    snprintf(command, sizeof(command), "ffmpeg -v error -nostdin -y %s %s", how, path);
    if (codec_stream_shell(command))
        data = codec_stream_slurp(path, size);
    unlink(path);
    return data;
}

/* The last one made, for tests that want the same. */
static struct film made;

static inline int unmake(void **state)
{
    free(made.pictures);
    return 0;
}

static inline void make(uint32_t width, uint32_t height, unsigned frames)
{
    char how[256];
    size_t size = 0;

    if (made.width == width && made.height == height && made.frames >= frames)
        return;
    free(made.pictures);
    made = (struct film){0};
    snprintf(how, sizeof(how),
             "-f lavfi -i testsrc2=size=%ux%u:rate=30 -frames:v %u -pix_fmt nv12 -f rawvideo",
             width, height, frames);
    made.pictures = ffmpeg(how, &size);
    if (made.pictures == NULL)
        skip(); /* the program is missing, as it said */
    made = (struct film){width, height, frames, made.pictures};
    assert_int_equal(size, frames * picture_bytes(&made));
}

static inline void film_make(struct film *film, uint32_t width, uint32_t height, unsigned frames)
{
    size_t size;

    make(width, height, frames);
    *film = (struct film){width, height, frames, NULL};
    size = frames * picture_bytes(film);
    film->pictures = malloc(size);
    assert_non_null(film->pictures);
    memcpy(film->pictures, made.pictures, size);
}

static inline void film_free(struct film *film)
{
    free(film->pictures);
}

/* The luma's, of picture 'n' of 'film' from 'left', 'top' on; of all pictures. */
static inline double psnr(const struct film *film, const struct film *decoded, uint32_t left,
                          uint32_t top)
{
    uint64_t error = 0, samples = (uint64_t)decoded->frames * decoded->width * decoded->height;

    for (unsigned n = 0; n < decoded->frames; n++) {
        const uint8_t *was = film->pictures + n * picture_bytes(film);
        const uint8_t *is = decoded->pictures + n * picture_bytes(decoded);

        for (uint32_t y = 0; y < decoded->height; y++) {
            for (uint32_t x = 0; x < decoded->width; x++) {
                int difference =
                    is[y * decoded->width + x] - was[(y + top) * film->width + x + left];

                error += (uint64_t)(difference * difference);
            }
        }
    }
    return moving_psnr(error, samples);
}

#endif

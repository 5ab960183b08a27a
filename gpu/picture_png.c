/* SPDX-License-Identifier: MIT */
#include "gpu/picture_png.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <png.h>

#include "base/log.h"

#define LINE_PIXELS 256u
#define RGB 3u

/* Lines of blue, green, red. */
static uint8_t *packed(const struct picture *picture)
{
    uint8_t *bytes = malloc((size_t)picture->width * picture->height * RGB), *to = bytes;
    uint8_t four[LINE_PIXELS * PICTURE_BYTES_PER_PIXEL];

    for (uint32_t y = 0; bytes != NULL && y < picture->height; y++) {
        const uint8_t *from = picture->data + (size_t)y * picture->stride;

        for (uint32_t x = 0; x < picture->width;) {
            uint32_t n = picture->width - x < LINE_PIXELS ? picture->width - x : LINE_PIXELS;

            picture_convert(four, from + (size_t)x * PICTURE_BYTES_PER_PIXEL, n, picture->format);
            for (uint32_t i = 0; i < n; i++, to += RGB) {
                to[0] = four[4 * i];
                to[1] = four[4 * i + 1];
                to[2] = four[4 * i + 2];
            }
            x += n;
        }
    }
    return bytes;
}

static int encode(const struct picture *picture, const uint8_t *bytes, FILE *file)
{
    png_image image = {
        .version = PNG_IMAGE_VERSION,
        .width = picture->width,
        .height = picture->height,
        .format = PNG_FORMAT_BGR,
        .flags = PNG_IMAGE_FLAG_FAST,
    };

    errno = 0;
    if (png_image_write_to_stdio(&image, file, 0, bytes, (png_int_32)(picture->width * RGB), NULL))
        return 0;
    log_error("a picture could not be written: %s", image.message);
    return errno != 0 ? -errno : -EIO;
}

int picture_png_write(const struct picture *picture, int fd)
{
    FILE *file = fdopen(fd, "wb");
    uint8_t *bytes;
    int result;

    if (file == NULL) {
        result = -errno;
        close(fd);
        return result;
    }
    bytes = packed(picture);
    result = bytes != NULL ? encode(picture, bytes, file) : -ENOMEM;
    free(bytes);
    if (fclose(file) != 0 && result == 0)
        result = -errno;
    return result;
}

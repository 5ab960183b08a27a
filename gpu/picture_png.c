/* SPDX-License-Identifier: MIT */
#include "gpu/picture_png.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include <png.h>

#include "base/log.h"

#define RGB 3u

/* Makes of its pixels blue, green and red without gaps, in place: no large memory is needed. */
static void pack(struct picture *picture)
{
    const uint8_t *from = picture->data;
    uint8_t *to = picture->data;
    uint8_t four[PICTURE_BYTES_PER_PIXEL];

    for (size_t i = 0; i < picture->size; i += sizeof(four), to += RGB) {
        picture_convert(four, from + i, 1, picture->format);
        to[0] = four[0];
        to[1] = four[1];
        to[2] = four[2];
    }
}

static int encode(const struct picture *picture, FILE *file)
{
    png_image image = {
        .version = PNG_IMAGE_VERSION,
        .width = picture->width,
        .height = picture->height,
        .format = PNG_FORMAT_BGR,
        .flags = PNG_IMAGE_FLAG_FAST,
    };

    errno = 0;
    if (png_image_write_to_stdio(&image, file, 0, picture->data, (png_int_32)(picture->width * RGB),
                                 NULL))
        return 0;
    log_error("a picture could not be written: %s", image.message);
    return errno != 0 ? -errno : -EIO;
}

int picture_png_write(struct picture *picture, int fd)
{
    FILE *file = fdopen(fd, "wb");
    int result;

    if (file == NULL) {
        result = -errno;
        close(fd);
        return result;
    }
    pack(picture);
    result = encode(picture, file);
    if (fclose(file) != 0 && result == 0)
        result = -errno;
    return result;
}

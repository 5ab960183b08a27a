/* SPDX-License-Identifier: MIT */
#include "gpu/picture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/virtio_gpu.h>

#include "base/fd.h"
#include "base/units.h"
#include "gpu/pins_reader.h"

#define FOURCC(a, b, c, d)                                                                         \
    ((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)

/* At which byte of a pixel each colour is. DRM names formats by a little-endian word, highest byte
 * first, so the other way round. */
struct picture_format {
    uint32_t format;
    uint8_t red, green, blue, alpha;
    bool has_alpha;
    uint32_t fourcc;
};

static const struct picture_format formats[] = {
    {VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, 2, 1, 0, 3, true, FOURCC('A', 'R', '2', '4')},
    {VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 2, 1, 0, 3, false, FOURCC('X', 'R', '2', '4')},
    {VIRTIO_GPU_FORMAT_A8R8G8B8_UNORM, 1, 2, 3, 0, true, FOURCC('B', 'A', '2', '4')},
    {VIRTIO_GPU_FORMAT_X8R8G8B8_UNORM, 1, 2, 3, 0, false, FOURCC('B', 'X', '2', '4')},
    {VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM, 0, 1, 2, 3, true, FOURCC('A', 'B', '2', '4')},
    {VIRTIO_GPU_FORMAT_X8B8G8R8_UNORM, 3, 2, 1, 0, false, FOURCC('R', 'X', '2', '4')},
    {VIRTIO_GPU_FORMAT_A8B8G8R8_UNORM, 3, 2, 1, 0, true, FOURCC('R', 'A', '2', '4')},
    {VIRTIO_GPU_FORMAT_R8G8B8X8_UNORM, 0, 1, 2, 3, false, FOURCC('X', 'B', '2', '4')},
};

static const struct picture_format *find(uint32_t format)
{
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
        if (formats[i].format == format)
            return &formats[i];
    return NULL;
}

bool picture_format_is_known(uint32_t format)
{
    return find(format) != NULL;
}

bool picture_format_has_alpha(uint32_t format)
{
    const struct picture_format *found = find(format);

    return found != NULL && found->has_alpha;
}

uint32_t picture_format_with_alpha(uint32_t format)
{
    const struct picture_format *found = find(format);

    for (size_t i = 0; found != NULL && i < sizeof(formats) / sizeof(formats[0]); i++)
        if (formats[i].has_alpha && formats[i].red == found->red &&
            formats[i].alpha == found->alpha)
            return formats[i].format;
    return 0;
}

uint32_t picture_format_fourcc(uint32_t format)
{
    const struct picture_format *found = find(format);

    return found != NULL ? found->fourcc : 0;
}

void picture_convert(uint8_t *to, const uint8_t *from, size_t pixels, uint32_t format)
{
    const struct picture_format *found = find(format);

    if (found == NULL)
        found = &formats[1];
    for (; pixels > 0; pixels--, to += 4, from += 4) {
        uint8_t pixel[4];

        memcpy(pixel, from, 4);
        to[0] = pixel[found->blue];
        to[1] = pixel[found->green];
        to[2] = pixel[found->red];
        to[3] = found->has_alpha ? pixel[found->alpha] : 255;
    }
}

uint64_t picture_size(uint32_t format, uint32_t width, uint32_t height)
{
    if (!picture_format_is_known(format) || width == 0 || width > PICTURE_MAX_SIDE || height == 0 ||
        height > PICTURE_MAX_SIDE)
        return 0;
    return (uint64_t)width * height * PICTURE_BYTES_PER_PIXEL;
}

/* Opens the picture's memory, or takes 'fd', which must be as large. */
static int take_memory(struct picture *picture, int fd)
{
    uint64_t rounded, size = 0;
    int result;

    if (!units_round_up(picture->size, units_page_size(), &rounded))
        return -EINVAL;
    if (fd < 0) {
        picture->fd = fd_memfd("picture", rounded);
        return picture->fd < 0 ? picture->fd : 0;
    }
    result = fd_leaves_room(fd) ? fd_file_size(fd, &size) : -EMFILE;
    return result < 0 ? result : size == rounded ? 0 : -EINVAL;
}

/* Gives the picture its memory. Returns 0 or -errno; what was opened is the picture's. */
static int allocate(struct picture *picture, int fd)
{
    int result = take_memory(picture, fd);

    if (result < 0)
        return result;
    picture->data = mmap(NULL, picture->size, PROT_READ | PROT_WRITE, MAP_SHARED, picture->fd, 0);
    if (picture->data == MAP_FAILED) {
        picture->data = NULL;
        return -errno;
    }
    return 0;
}

static struct picture *create(uint32_t format, uint32_t width, uint32_t height, int fd)
{
    uint64_t size = picture_size(format, width, height);
    struct picture *picture = size != 0 && size <= SIZE_MAX ? calloc(1, sizeof(*picture)) : NULL;
    int result;

    if (picture == NULL) {
        errno = size == 0 || size > SIZE_MAX ? EINVAL : ENOMEM;
        fd_close(&fd);
        return NULL;
    }
    *picture = (struct picture){
        .format = format,
        .width = width,
        .height = height,
        .stride = width * PICTURE_BYTES_PER_PIXEL,
        .size = (size_t)size,
        .fd = fd,
    };
    result = allocate(picture, fd);
    if (result < 0) {
        picture_destroy(picture);
        errno = -result;
        return NULL;
    }
    return picture;
}

struct picture *picture_create(uint32_t format, uint32_t width, uint32_t height)
{
    return create(format, width, height, -1);
}

struct picture *picture_restore(uint32_t format, uint32_t width, uint32_t height, int fd)
{
    return create(format, width, height, fd);
}

void picture_destroy(struct picture *picture)
{
    if (picture == NULL)
        return;
    if (picture->data != NULL)
        munmap(picture->data, picture->size);
    if (picture->fd >= 0)
        close(picture->fd);
    free(picture);
}

/* Where a pixel of the picture is. */
static uint8_t *pixel_at(struct picture *picture, uint32_t x, uint32_t y)
{
    return picture->data + (size_t)y * picture->stride + (size_t)x * PICTURE_BYTES_PER_PIXEL;
}

/* Copies 'rect', whose first pixel lies at 'offset' of the pages. */
static int copy(struct picture *picture, const struct rect *rect, uint64_t offset, uint32_t stride,
                const struct guest_pins *pins)
{
    size_t line = (size_t)rect->width * PICTURE_BYTES_PER_PIXEL;
    struct pins_reader reader;
    uint64_t bytes;
    int result = 0;

    if (rect_is_empty(rect))
        return 0;
    bytes = (uint64_t)stride * (rect->height - 1) + line; /* below 2^48 + 2^17 */
    if (pins == NULL || bytes > pins->size || offset > pins->size - bytes)
        return -ERANGE;
    pins_reader_init(&reader, pins);
    if (line == stride && line == picture->stride)
        return pins_reader_get(&reader, offset, pixel_at(picture, rect->x, rect->y), bytes);
    for (uint32_t i = 0; i < rect->height && result == 0; i++)
        result = pins_reader_get(&reader, offset + (uint64_t)stride * i,
                                 pixel_at(picture, rect->x, rect->y + i), line);
    return result;
}

int picture_transfer(struct picture *picture, const struct rect *rect, uint64_t offset,
                     const struct guest_pins *pins)
{
    if (!rect_is_inside(rect, picture->width, picture->height))
        return -EINVAL;
    return copy(picture, rect, offset, picture->stride, pins);
}

int picture_copy_lines(struct picture *picture, const struct rect *rect, uint64_t offset,
                       uint32_t stride, const struct guest_pins *pins)
{
    uint64_t skip;

    if (!rect_is_inside(rect, picture->width, picture->height))
        return -EINVAL;
    skip = (uint64_t)stride * rect->y + (uint64_t)rect->x * PICTURE_BYTES_PER_PIXEL;
    if (skip > UINT64_MAX - offset)
        return -ERANGE;
    return copy(picture, rect, offset + skip, stride, pins);
}

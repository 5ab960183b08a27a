/* SPDX-License-Identifier: MIT */
#include "gpu/image.h"

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
struct image_format {
    uint32_t format;
    uint8_t red, green, blue, alpha;
    bool has_alpha;
    uint32_t fourcc;
};

static const struct image_format formats[] = {
    {VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, 2, 1, 0, 3, true, FOURCC('A', 'R', '2', '4')},
    {VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 2, 1, 0, 3, false, FOURCC('X', 'R', '2', '4')},
    {VIRTIO_GPU_FORMAT_A8R8G8B8_UNORM, 1, 2, 3, 0, true, FOURCC('B', 'A', '2', '4')},
    {VIRTIO_GPU_FORMAT_X8R8G8B8_UNORM, 1, 2, 3, 0, false, FOURCC('B', 'X', '2', '4')},
    {VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM, 0, 1, 2, 3, true, FOURCC('A', 'B', '2', '4')},
    {VIRTIO_GPU_FORMAT_X8B8G8R8_UNORM, 3, 2, 1, 0, false, FOURCC('R', 'X', '2', '4')},
    {VIRTIO_GPU_FORMAT_A8B8G8R8_UNORM, 3, 2, 1, 0, true, FOURCC('R', 'A', '2', '4')},
    {VIRTIO_GPU_FORMAT_R8G8B8X8_UNORM, 0, 1, 2, 3, false, FOURCC('X', 'B', '2', '4')},
};

static const struct image_format *find(uint32_t format)
{
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
        if (formats[i].format == format)
            return &formats[i];
    return NULL;
}

bool image_format_is_known(uint32_t format)
{
    return find(format) != NULL;
}

bool image_format_has_alpha(uint32_t format)
{
    const struct image_format *found = find(format);

    return found != NULL && found->has_alpha;
}

uint32_t image_format_fourcc(uint32_t format)
{
    const struct image_format *found = find(format);

    return found != NULL ? found->fourcc : 0;
}

void image_convert(uint8_t *to, const uint8_t *from, size_t pixels, uint32_t format)
{
    const struct image_format *found = find(format);

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

uint64_t image_size(uint32_t format, uint32_t width, uint32_t height)
{
    if (!image_format_is_known(format) || width == 0 || width > IMAGE_MAX_SIDE || height == 0 ||
        height > IMAGE_MAX_SIDE)
        return 0;
    return (uint64_t)width * height * IMAGE_BYTES_PER_PIXEL;
}

/* Gives the image its memory. Returns 0 or -errno; what was opened is the image's. */
static int allocate(struct image *image)
{
    uint64_t rounded;

    if (!units_round_up(image->size, units_page_size(), &rounded))
        return -EINVAL;
    image->fd = fd_memfd("image", rounded);
    if (image->fd < 0)
        return image->fd;
    if (!fd_leaves_room(image->fd))
        return -EMFILE;
    image->data = mmap(NULL, image->size, PROT_READ | PROT_WRITE, MAP_SHARED, image->fd, 0);
    if (image->data == MAP_FAILED) {
        image->data = NULL;
        return -errno;
    }
    return 0;
}

struct image *image_create(uint32_t format, uint32_t width, uint32_t height)
{
    uint64_t size = image_size(format, width, height);
    struct image *image;
    int result;

    if (size == 0 || size > SIZE_MAX) {
        errno = EINVAL;
        return NULL;
    }
    image = calloc(1, sizeof(*image));
    if (image == NULL)
        return NULL;
    *image = (struct image){
        .format = format,
        .width = width,
        .height = height,
        .stride = width * IMAGE_BYTES_PER_PIXEL,
        .size = (size_t)size,
        .fd = -1,
    };
    result = allocate(image);
    if (result < 0) {
        image_destroy(image);
        errno = -result;
        return NULL;
    }
    return image;
}

void image_destroy(struct image *image)
{
    if (image == NULL)
        return;
    if (image->data != NULL)
        munmap(image->data, image->size);
    if (image->fd >= 0)
        close(image->fd);
    free(image);
}

/* Where a pixel of the image is. */
static uint8_t *pixel_at(struct image *image, uint32_t x, uint32_t y)
{
    return image->data + (size_t)y * image->stride + (size_t)x * IMAGE_BYTES_PER_PIXEL;
}

/* Copies 'rect', whose first pixel lies at 'offset' of the pages. */
static int copy(struct image *image, const struct rect *rect, uint64_t offset, uint32_t stride,
                const struct guest_pins *pins)
{
    size_t line = (size_t)rect->width * IMAGE_BYTES_PER_PIXEL;
    struct pins_reader reader;
    uint64_t bytes;
    int result = 0;

    if (rect_is_empty(rect))
        return 0;
    bytes = (uint64_t)stride * (rect->height - 1) + line; /* below 2^48 + 2^17 */
    if (pins == NULL || bytes > pins->size || offset > pins->size - bytes)
        return -ERANGE;
    pins_reader_init(&reader, pins);
    if (line == stride && line == image->stride)
        return pins_reader_get(&reader, offset, pixel_at(image, rect->x, rect->y), bytes);
    for (uint32_t i = 0; i < rect->height && result == 0; i++)
        result = pins_reader_get(&reader, offset + (uint64_t)stride * i,
                                 pixel_at(image, rect->x, rect->y + i), line);
    return result;
}

int image_transfer(struct image *image, const struct rect *rect, uint64_t offset,
                   const struct guest_pins *pins)
{
    if (!rect_is_inside(rect, image->width, image->height))
        return -EINVAL;
    return copy(image, rect, offset, image->stride, pins);
}

int image_copy_lines(struct image *image, const struct rect *rect, uint64_t offset, uint32_t stride,
                     const struct guest_pins *pins)
{
    uint64_t skip;

    if (!rect_is_inside(rect, image->width, image->height))
        return -EINVAL;
    skip = (uint64_t)stride * rect->y + (uint64_t)rect->x * IMAGE_BYTES_PER_PIXEL;
    if (skip > UINT64_MAX - offset)
        return -ERANGE;
    return copy(image, rect, offset + skip, stride, pins);
}

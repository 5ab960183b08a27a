/* SPDX-License-Identifier: MIT */
#ifndef GPU_IMAGE_H
#define GPU_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gpu/rect.h"
#include "guest/guest_pins.h"

#define IMAGE_BYTES_PER_PIXEL 4u
/* The largest that Linux asks for is 8192. */
#define IMAGE_MAX_SIDE 32768u

/*
 * Pixels of the host's: a 2D resource, or a copy of what an output shows. It is zeros at
 * first. Its memory is a sealed memfd, so that others can be given it as it is. The guest never
 * sees that memory: what was copied in stays as it was.
 */
struct image {
    uint32_t format; /* VIRTIO_GPU_FORMAT_*: names the four bytes of a pixel in their order */
    uint32_t width, height;
    uint32_t stride; /* bytes from a line to the next: width * 4, as the guest counts */
    size_t size;     /* bytes: stride * height */
    uint8_t *data;   /* owned */
    int fd;          /* owned; of 'size' bytes rounded up to pages */
};

/* Whether it is one of the eight formats of the virtio specification. */
bool image_format_is_known(uint32_t format);
/* Whether the fourth byte says how much is seen; else it means nothing. */
bool image_format_has_alpha(uint32_t format);
/* The DRM_FORMAT_* of the same order of bytes; 0 for an unknown format. */
uint32_t image_format_fourcc(uint32_t format);
/* Copies 'pixels' pixels as B, G, R, A, which is ARGB8888 and XRGB8888 in a little-endian word; a
 * format without alpha is given 255. 'from' may change meanwhile; it may be 'to'. */
void image_convert(uint8_t *to, const uint8_t *from, size_t pixels, uint32_t format);

/* How many bytes the image would have; 0 when there can be none: a format that is unknown, a side
 * that is 0 or above IMAGE_MAX_SIDE. */
uint64_t image_size(uint32_t format, uint32_t width, uint32_t height);
/* NULL with errno set: EINVAL (see image_size), ENOMEM, EMFILE when descriptors are running out. */
struct image *image_create(uint32_t format, uint32_t width, uint32_t height);
/* Takes NULL. */
void image_destroy(struct image *image);

/*
 * TRANSFER_TO_HOST_2D (virtio specification, "Device Operation: controlq"): copies 'rect' from the
 * guest's pages ('pins' may be NULL: there are none), where its first pixel lies at 'offset' and
 * lines are image->stride apart. Returns 0; -EINVAL when the rectangle is not in the image; -ERANGE
 * when the pages end before it does. Nothing is copied then.
 */
int image_transfer(struct image *image, const struct rect *rect, uint64_t offset,
                   const struct guest_pins *pins);
/*
 * The same for lines that are 'stride' bytes apart, as those of a blob are: the image's pixel
 * 0, 0 lies at 'offset'. 'stride' is at least four times the image's width.
 */
int image_copy_lines(struct image *image, const struct rect *rect, uint64_t offset, uint32_t stride,
                     const struct guest_pins *pins);

#endif

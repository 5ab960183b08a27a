/* SPDX-License-Identifier: MIT */
#ifndef GPU_PICTURE_H
#define GPU_PICTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gpu/rect.h"
#include "guest/guest_pins.h"

#define PICTURE_BYTES_PER_PIXEL 4u
/* The largest that Linux asks for is 8192. */
#define PICTURE_MAX_SIDE 32768u

/*
 * Pixels in host memory: a 2D resource, or a copy of what an output shows. It is zeros at first.
 * Its memory is a sealed memfd, so that others can be given it as it is. The guest never sees that
 * memory: what was copied in stays as it was.
 */
struct picture {
    uint32_t format; /* VIRTIO_GPU_FORMAT_*: names the four bytes of a pixel in their order */
    uint32_t width, height;
    uint32_t stride; /* bytes from a line to the next: width * 4, as the guest counts */
    size_t size;     /* bytes: stride * height */
    uint8_t *data;   /* owned */
    int fd;          /* owned; of 'size' bytes rounded up to pages */
};

/* Whether it is one of the eight formats of the virtio specification. */
bool picture_format_is_known(uint32_t format);
/* Whether the fourth byte says how much is seen; else it means nothing. */
bool picture_format_has_alpha(uint32_t format);
/* The format of the same order of bytes that has alpha; 0 for an unknown format. */
uint32_t picture_format_with_alpha(uint32_t format);
/* The DRM_FORMAT_* of the same order of bytes; 0 for an unknown format. */
uint32_t picture_format_fourcc(uint32_t format);
/* Copies 'pixels' pixels as B, G, R, A, which is ARGB8888 and XRGB8888 in a little-endian word; a
 * format without alpha is given 255. 'from' may change meanwhile; it may be 'to'. */
void picture_convert(uint8_t *to, const uint8_t *from, size_t pixels, uint32_t format);

/* How many bytes the picture would have; 0 when there can be none: a format that is unknown, a side
 * that is 0 or above PICTURE_MAX_SIDE. */
uint64_t picture_size(uint32_t format, uint32_t width, uint32_t height);
/* NULL with errno set: EINVAL (see picture_size), ENOMEM, EMFILE when descriptors are running out.
 */
struct picture *picture_create(uint32_t format, uint32_t width, uint32_t height);
/* One whose memory is 'fd', which is owned even on error: it was another process's. NULL with errno
 * set. */
struct picture *picture_restore(uint32_t format, uint32_t width, uint32_t height, int fd);
/* Takes NULL. */
void picture_destroy(struct picture *picture);

/*
 * TRANSFER_TO_HOST_2D (virtio specification, "Device Operation: controlq"): copies 'rect' from the
 * guest's pages ('pins' may be NULL: there are none), where its first pixel lies at 'offset' and
 * lines are picture->stride apart. Returns 0; -EINVAL when the rectangle is not in the picture;
 * -ERANGE when the pages end before it does. Nothing is copied then.
 */
int picture_transfer(struct picture *picture, const struct rect *rect, uint64_t offset,
                     const struct guest_pins *pins);
/*
 * The same for lines that are 'stride' bytes apart, as those of a blob are: the picture's pixel
 * 0, 0 lies at 'offset'. 'stride' is at least four times the picture's width.
 */
int picture_copy_lines(struct picture *picture, const struct rect *rect, uint64_t offset,
                       uint32_t stride, const struct guest_pins *pins);

#endif

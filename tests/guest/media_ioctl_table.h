/* SPDX-License-Identifier: MIT */
#ifndef TESTS_GUEST_MEDIA_IOCTL_TABLE_H
#define TESTS_GUEST_MEDIA_IOCTL_TABLE_H

#include <stdint.h>

/* The V4L2 ioctls that a plain capture device answers in one way whatever their payload. */
enum media_ioctl_answer {
    MEDIA_IOCTL_ENOTTY,   /* what such a device has not, or the guest's kernel does itself */
    MEDIA_IOCTL_OPTIONAL, /* success, ENOTTY or EINVAL */
};

struct media_ioctl_row {
    const char *name;
    uint32_t code;  /* VIDIOC_* */
    uint32_t first; /* first word of the payload; the rest is 0 */
    enum media_ioctl_answer answer;
};

/* All rows; '*count' is set. */
const struct media_ioctl_row *media_ioctl_rows(unsigned *count);

#endif

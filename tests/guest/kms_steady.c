/* SPDX-License-Identifier: MIT */
#include "kms_steady.h"

#include <errno.h>

#include "steady.h"

static void flip(struct kms_card *card, unsigned output, const struct kms_picture *picture)
{
    struct abi_flip flip = {
        .crtc = card->crtcs[output], .fb = picture->fb, .flags = ABI_FLIP_EVENT};
    char event[256];
    ssize_t n;
    int r;

    do {
        r = ioctl(card->fd, ABI_PAGE_FLIP, &flip);
    } while (r < 0 && (errno == EINTR || errno == EBUSY));
    if (r < 0)
        kms_fail("the flip");
    do {
        n = read(card->fd, event, sizeof(event));
    } while (n < 0 && errno == EINTR);
    if (n <= 0)
        kms_fail("the end of the flip");
}

int kms_steady(struct kms_card *card, unsigned output, const struct kms_picture pictures[2],
               const char *until)
{
    struct steady steady;

    kms_show(card, output, &pictures[0]);
    steady_init(&steady, "flips", until);
    do {
        flip(card, output, &pictures[(steady.units + 1) % 2]);
    } while (steady_unit(&steady, true));
    return !steady_end(&steady);
}

/* SPDX-License-Identifier: MIT */
#include "kms_blob.h"

#include <errno.h>
#include <sys/mman.h>

#include "blob_abi.h"

#define PAGE 4096u
#define GAP 64u /* bytes after each line, which a dumb buffer has not */

static void must(struct kms_card *card, unsigned long request, void *argument, const char *what)
{
    int r;

    do {
        r = ioctl(card->fd, request, argument);
    } while (r < 0 && errno == EINTR);
    if (r < 0)
        kms_fail(what);
}

void kms_blob_create(struct kms_card *card, struct kms_picture *picture, uint32_t width,
                     uint32_t height, int of_host)
{
    uint32_t pitch = width * 4 + GAP;
    struct abi_create_blob blob = {
        .memory = of_host ? ABI_BLOB_HOST3D : ABI_BLOB_GUEST,
        .flags = ABI_BLOB_MAPPABLE,
        .size = ((uint64_t)pitch * height + PAGE - 1) & ~(uint64_t)(PAGE - 1),
    };
    struct abi_map map = {0};
    struct abi_fb fb = {.width = width, .height = height, .pitch = pitch, .bpp = 32, .depth = 24};

    must(card, ABI_CREATE_BLOB, &blob, "a blob");
    map.handle = fb.handle = blob.handle;
    must(card, ABI_MAP, &map, "a blob's place");
    *picture = (struct kms_picture){blob.handle, 0, width, height, pitch, blob.size};
    picture->pixels =
        mmap(NULL, blob.size, PROT_READ | PROT_WRITE, MAP_SHARED, card->fd, (off_t)map.offset);
    if (picture->pixels == MAP_FAILED)
        kms_fail("a blob's memory");
    must(card, ABI_ADD_FB, &fb, "a blob as a frame buffer");
    picture->fb = fb.id;
    picture->is_blob = 1;
}

void kms_blob_close(struct kms_card *card, uint32_t handle)
{
    struct abi_gem_close command = {.handle = handle};

    must(card, ABI_GEM_CLOSE, &command, "the blob's end");
}

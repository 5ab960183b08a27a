/* SPDX-License-Identifier: MIT */
#include "kms_blob.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

void kms_fail(const char *what)
{
    printf("bad: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void must(struct kms_card *card, unsigned long request, void *argument, const char *what)
{
    int r;

    do {
        r = ioctl(card->fd, request, argument);
    } while (r < 0 && errno == EINTR);
    if (r < 0)
        kms_fail(what);
}

void kms_open(struct kms_card *card)
{
    struct abi_resources resources = {0};

    *card = (struct kms_card){.fd = open("/dev/dri/card0", O_RDWR | O_CLOEXEC)};
    if (card->fd < 0)
        kms_fail("/dev/dri/card0");
    resources.crtcs = (uintptr_t)card->crtcs;
    resources.crtc_count = KMS_OUTPUTS;
    resources.connectors = (uintptr_t)card->connectors;
    resources.connector_count = KMS_OUTPUTS;
    must(card, ABI_GET_RESOURCES, &resources, "the card's resources");
    card->count = resources.connector_count;
    if (card->count != resources.crtc_count || card->count > KMS_OUTPUTS)
        kms_fail("as many CRTCs as connectors");
}

unsigned kms_modes(struct kms_card *card, unsigned output, struct abi_mode *modes, int *connected)
{
    struct abi_connector connector = {.id = card->connectors[output]};

    if (output >= card->count)
        kms_fail("an output of that number");
    /* The first question has the kernel look anew. */
    must(card, ABI_GET_CONNECTOR, &connector, "the connector");
    if (connector.mode_count > KMS_MODES)
        kms_fail("so many modes");
    connector.encoder_count = connector.property_count = 0;
    connector.modes = (uintptr_t)modes;
    if (connector.mode_count > 0)
        must(card, ABI_GET_CONNECTOR, &connector, "the connector's modes");
    *connected = connector.connection == 1;
    return connector.mode_count;
}

void kms_picture_create(struct kms_card *card, struct kms_picture *picture, uint32_t width,
                        uint32_t height, int shown)
{
    struct abi_dumb dumb = {.width = width, .height = height, .bpp = 32};
    struct abi_dumb_map map = {0};
    struct abi_fb fb = {.width = width, .height = height, .bpp = 32, .depth = 24};

    must(card, ABI_CREATE_DUMB, &dumb, "a dumb buffer");
    map.handle = dumb.handle;
    must(card, ABI_MAP_DUMB, &map, "a dumb buffer's place");
    *picture = (struct kms_picture){dumb.handle, 0, width, height, dumb.pitch, dumb.size};
    picture->pixels =
        mmap(NULL, dumb.size, PROT_READ | PROT_WRITE, MAP_SHARED, card->fd, (off_t)map.offset);
    if (picture->pixels == MAP_FAILED)
        kms_fail("a dumb buffer's memory");
    if (!shown)
        return;
    fb.pitch = dumb.pitch;
    fb.handle = dumb.handle;
    must(card, ABI_ADD_FB, &fb, "a frame buffer");
    picture->fb = fb.id;
}

void kms_picture_destroy(struct kms_card *card, struct kms_picture *picture)
{
    munmap(picture->pixels, picture->size);
    if (picture->fb != 0)
        must(card, ABI_REMOVE_FB, &picture->fb, "the frame buffer's end");
    if (picture->is_blob)
        kms_blob_close(card, picture->handle);
    else
        must(card, ABI_DESTROY_DUMB, &picture->handle, "the dumb buffer's end");
}

/* A mode of that size: the monitor's, or one that we make up, with 60 Hz and short blanks. */
static struct abi_mode mode_for(struct kms_card *card, unsigned output, uint16_t width,
                                uint16_t height)
{
    static struct abi_mode modes[KMS_MODES];
    int connected;
    unsigned count = kms_modes(card, output, modes, &connected);
    struct abi_mode own = {
        .hdisplay = width,
        .hsync_start = width + 48,
        .hsync_end = width + 80,
        .htotal = width + 160,
        .vdisplay = height,
        .vsync_start = height + 3,
        .vsync_end = height + 9,
        .vtotal = height + 20,
        .vrefresh = 60,
        .name = "own",
    };

    for (unsigned i = 0; i < count; i++)
        if (modes[i].hdisplay == width && modes[i].vdisplay == height)
            return modes[i];
    own.clock = (uint32_t)own.htotal * own.vtotal * 60 / 1000;
    return own;
}

void kms_show(struct kms_card *card, unsigned output, const struct kms_picture *picture)
{
    struct abi_crtc crtc = {.id = card->crtcs[output]};

    if (picture != NULL) {
        crtc.connectors = (uintptr_t)&card->connectors[output];
        crtc.connector_count = 1;
        crtc.fb = picture->fb;
        crtc.mode_valid = 1;
        crtc.mode = mode_for(card, output, (uint16_t)picture->width, (uint16_t)picture->height);
    }
    must(card, ABI_SET_CRTC, &crtc, "the mode");
}

void kms_flush(struct kms_card *card, const struct kms_picture *picture, unsigned x, unsigned y,
               unsigned width, unsigned height)
{
    struct abi_clip clip = {(uint16_t)x, (uint16_t)y, (uint16_t)(x + width),
                            (uint16_t)(y + height)};
    struct abi_dirty dirty = {.fb = picture->fb, .clip_count = 1, .clips = (uintptr_t)&clip};

    must(card, ABI_DIRTY_FB, &dirty, "the flush");
}

void kms_cursor(struct kms_card *card, unsigned output, const struct kms_picture *picture,
                int hot_x, int hot_y)
{
    struct abi_cursor cursor = {
        .flags = ABI_CURSOR_BO,
        .crtc = card->crtcs[output],
        .width = picture ? picture->width : 0,
        .height = picture ? picture->height : 0,
        .handle = picture ? picture->handle : 0,
        .hot_x = hot_x,
        .hot_y = hot_y,
    };

    must(card, ABI_CURSOR2, &cursor, "the pointer");
}

void kms_cursor_move(struct kms_card *card, unsigned output, int x, int y)
{
    struct abi_cursor cursor = {
        .flags = ABI_CURSOR_MOVE, .crtc = card->crtcs[output], .x = x, .y = y};

    must(card, ABI_CURSOR2, &cursor, "the pointer's place");
}

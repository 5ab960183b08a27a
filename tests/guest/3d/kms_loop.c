/* SPDX-License-Identifier: MIT */
/* Sets a mode on every connected output and flips between two dumb buffers of each without a pause:
 * plain 2D, which goes on whatever becomes of the renderers.
 *
 *     kms_loop SECONDS
 *
 * A step is one flip of every output. Ends with 0 after SECONDS, with 3 when a flip does not come
 * or the kernel refuses something.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#include "tick.h"

#define OUTPUTS 16
#define PATIENCE_MS 20000

struct side {
    uint32_t handle, frame, pitch;
    uint64_t size;
    uint8_t *pixels;
};

struct output {
    uint32_t connector, crtc;
    drmModeModeInfo mode;
    struct side sides[2];
    unsigned shown;
    bool waiting;
};

static int refused(const char *what)
{
    printf("@@ lost=%d call=%s\n", errno, what);
    fflush(stdout);
    return -1;
}

static int make_side(int card, const drmModeModeInfo *mode, struct side *side)
{
    uint64_t offset;

    if (drmModeCreateDumbBuffer(card, mode->hdisplay, mode->vdisplay, 32, 0, &side->handle,
                                &side->pitch, &side->size))
        return refused("create_dumb");
    if (drmModeAddFB(card, mode->hdisplay, mode->vdisplay, 24, 32, side->pitch, side->handle,
                     &side->frame))
        return refused("add_fb");
    if (drmModeMapDumbBuffer(card, side->handle, &offset))
        return refused("map_dumb");
    side->pixels = mmap(NULL, side->size, PROT_READ | PROT_WRITE, MAP_SHARED, card, (off_t)offset);
    return side->pixels == MAP_FAILED ? refused("mmap") : 0;
}

/* A grey that changes with each step, so that every flip is another picture. */
static void paint(struct side *side, unsigned step)
{
    memset(side->pixels, (int)(step * 8 % 256), side->size / 16);
}

static int start(int card, const drmModeConnector *connector, uint32_t crtc, struct output *output)
{
    *output = (struct output){.connector = connector->connector_id, .crtc = crtc};
    output->mode = connector->modes[0];
    for (unsigned i = 0; i < 2; i++)
        if (make_side(card, &output->mode, &output->sides[i]))
            return -1;
    if (drmModeSetCrtc(card, crtc, output->sides[0].frame, 0, 0, &output->connector, 1,
                       &output->mode))
        return refused("set_crtc");
    printf("@@ output=%u width=%u height=%u\n", output->connector, output->mode.hdisplay,
           output->mode.vdisplay);
    return 0;
}

/* Returns how many outputs run, or -1. virtio-gpu has as many CRTCs as connectors, in one order. */
static int start_all(int card, struct output *outputs)
{
    drmModeRes *resources = drmModeGetResources(card);
    int count = 0, status = 0;

    if (!resources)
        return refused("get_resources");
    for (int i = 0; !status && i < resources->count_connectors && count < OUTPUTS; i++) {
        drmModeConnector *connector = drmModeGetConnector(card, resources->connectors[i]);

        if (connector && connector->connection == DRM_MODE_CONNECTED && connector->count_modes)
            status = start(card, connector, resources->crtcs[i], &outputs[count++]);
        drmModeFreeConnector(connector);
    }
    drmModeFreeResources(resources);
    return status ? -1 : count;
}

static void flipped(int card, unsigned sequence, unsigned s, unsigned us, void *data)
{
    ((struct output *)data)->waiting = false;
}

static bool any_waits(const struct output *outputs, int count)
{
    for (int i = 0; i < count; i++)
        if (outputs[i].waiting)
            return true;
    return false;
}

static int flip_all(int card, struct output *outputs, int count, unsigned step)
{
    drmEventContext events = {.version = 2, .page_flip_handler = flipped};
    struct pollfd poll_card = {.fd = card, .events = POLLIN};

    for (int i = 0; i < count; i++) {
        struct output *output = &outputs[i];

        output->shown ^= 1;
        paint(&output->sides[output->shown], step);
        if (drmModePageFlip(card, output->crtc, output->sides[output->shown].frame,
                            DRM_MODE_PAGE_FLIP_EVENT, output))
            return refused("page_flip");
        output->waiting = true;
    }
    while (any_waits(outputs, count)) {
        if (poll(&poll_card, 1, PATIENCE_MS) <= 0)
            return refused("flip_event");
        drmHandleEvent(card, &events);
    }
    return 0;
}

int main(int argc, char **argv)
{
    static struct output outputs[OUTPUTS];
    uint64_t ms = argc > 1 ? strtoull(argv[1], NULL, 10) * 1000 : 0;
    int card = open("/dev/dri/card0", O_RDWR | O_CLOEXEC), count = -1, status = 3;
    struct tick tick;

    if (card < 0 || ms == 0) {
        fprintf(stderr, "usage: kms_loop SECONDS, where there is a /dev/dri/card0\n");
        return 2;
    }
    count = start_all(card, outputs);
    if (count > 0)
        status = 0;
    printf("@@ looping=%d outputs=%d\n", status, count);
    fflush(stdout);
    tick_init(&tick);
    while (!status && !tick_over(&tick, ms)) {
        status = flip_all(card, outputs, count, tick.steps) ? 3 : 0;
        tick_step(&tick);
    }
    tick_end(&tick);
    printf("@@ ended=%d\n", status);
    return status;
}

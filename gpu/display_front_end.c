/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "gpu/display.h"

/* The outputs as they were before a front-end said what they are. */
struct display_own {
    unsigned count;
    struct output outputs[VIRTIO_GPU_MAX_SCANOUTS];
};

void display_front_end_came(struct display *display)
{
    struct display_own *own = display->own;

    if (own != NULL)
        return;
    display->own = own = malloc(sizeof(*own));
    if (own == NULL)
        return; /* then its sizes outlive it */
    own->count = display->count;
    memcpy(own->outputs, display->outputs, sizeof(own->outputs));
    /* The guest may use one before the front-end has said which there are. */
    for (unsigned i = display->count; i < VIRTIO_GPU_MAX_SCANOUTS; i++)
        display->outputs[i].mode = (struct output_mode){0};
    display->count = VIRTIO_GPU_MAX_SCANOUTS;
}

void display_front_end_left(struct display *display)
{
    struct display_own *own = display->own;

    if (own == NULL || audience_has_front_end(&display->audience))
        return;
    display->count = own->count;
    memcpy(display->outputs, own->outputs, sizeof(own->outputs));
    display->own = NULL;
    free(own);
}

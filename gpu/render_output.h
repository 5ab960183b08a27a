/* SPDX-License-Identifier: MIT */
#ifndef GPU_RENDER_OUTPUT_H
#define GPU_RENDER_OUTPUT_H

#include <systemd/sd-event.h>

#include "base/log.h"

#define RENDER_OUTPUT_LINE 400u

/*
 * What the render server and its processes print becomes lines of our log, no more of them than of
 * any stranger: a guest can make them speak. Whoever prints is never held up, what does not fit is
 * lost.
 */
struct render_output {
    int in;  /* the end to print to, owned; -1: none */
    int out; /* the end that is read, owned */
    sd_event_source *io;
    char line[RENDER_OUTPUT_LINE + 1];
    unsigned size;
    struct log_limit limit;
};

/* 0 or -errno; on an error the descriptors are -1, and it may be finished. */
int render_output_init(struct render_output *output, sd_event *loop);
/* Says what is there yet. */
void render_output_finish(struct render_output *output);

#endif

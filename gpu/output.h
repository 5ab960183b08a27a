/* SPDX-License-Identifier: MIT */
#ifndef GPU_OUTPUT_H
#define GPU_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "gpu/monitor.h"

#define OUTPUT_MAX_EDID 1024u /* what an answer holds */
#define OUTPUT_DEFAULT_WIDTH 1280u
#define OUTPUT_DEFAULT_HEIGHT 800u
#define OUTPUT_DEFAULT_HZ 60u

/* What a person, or a front-end, wants an output to be. */
struct output_mode {
    uint32_t width, height; /* pixels; 0 x 0: nothing is plugged in */
    uint32_t hz;
};

/*
 * A place where the guest can show a picture: what it is told of it. The guest does not have to
 * follow: what is really shown is a scanout (gpu/scanout.h).
 */
struct output {
    struct output_mode mode;
    uint32_t number;                 /* from 0 */
    char name[MONITOR_MAX_NAME + 1]; /* what the monitor calls itself */
    uint8_t given[OUTPUT_MAX_EDID];  /* an EDID from elsewhere, to answer instead of our own */
    uint32_t given_size;             /* bytes; 0: there is none */
};

/* An output with the default mode, called "hostblob". */
void output_init(struct output *output, uint32_t number);
static inline bool output_is_on(const struct output *output)
{
    return output->mode.width != 0;
}
/* Whether a mode can be: "off", or inside the limits of monitor.h. */
bool output_mode_is_valid(const struct output_mode *mode);
/* The EDID to answer; of an output that is off, one with the default mode. Returns its bytes. */
uint32_t output_edid(const struct output *output, uint8_t edid[static OUTPUT_MAX_EDID]);

/* Reads "1920x1080", "1920x1080@75" or "off"; 'hz' is OUTPUT_DEFAULT_HZ unless given. Returns NULL,
 * or a sentence that says what would be right. */
const char *output_parse_mode(const char *text, struct output_mode *mode);
/* Reads what output_parse_mode does, and ",name=NAME" after it, into an output that was
 * initialised. Returns NULL or a sentence as well. */
const char *output_parse(const char *text, struct output *output);

#endif

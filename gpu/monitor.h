/* SPDX-License-Identifier: MIT */
#ifndef GPU_MONITOR_H
#define GPU_MONITOR_H

#include <stdint.h>

/* Linux's driver for virtio-gpu has no modes above this. */
#define MONITOR_MAX_SIDE 8192u
#define MONITOR_MIN_SIDE 64u
#define MONITOR_MIN_HZ 10u
#define MONITOR_MAX_HZ 240u
#define MONITOR_MAX_NAME 13u

/* What a monitor says of itself. */
struct monitor {
    uint32_t width, height; /* of the preferred mode, MONITOR_MIN_SIDE to MONITOR_MAX_SIDE */
    uint32_t hz;            /* MONITOR_MIN_HZ to MONITOR_MAX_HZ */
    uint32_t serial;        /* tells monitors apart */
    const char *name;       /* 1 to MONITOR_MAX_NAME printable characters */
};

/* Millimetres of 'pixels' at 96 dots per inch; 0, which means unknown, for a monitor so small that
 * nobody would believe it. */
uint32_t monitor_millimetres(const struct monitor *monitor, uint32_t pixels);

#endif

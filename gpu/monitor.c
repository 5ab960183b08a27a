/* SPDX-License-Identifier: MIT */
#include "gpu/monitor.h"

static uint32_t millimetres(uint32_t pixels)
{
    return (pixels * 254u + 480u) / 960u;
}

/* Below 10 cm readers believe in a mistake. */
uint32_t monitor_millimetres(const struct monitor *monitor, uint32_t pixels)
{
    if (millimetres(monitor->width) < 100 || millimetres(monitor->height) < 100)
        return 0;
    return millimetres(pixels);
}

/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_FRAME_CLOCK_H
#define MEDIA_FRAME_CLOCK_H

#include <stdint.h>

#include <systemd/sd-event.h>

/*
 * Ticks of a camera, on CLOCK_MONOTONIC: tick number n is at start + (n + 1) * interval, computed
 * from the start each time, so that it never drifts. A tick that the loop was late for still comes,
 * at once and with the time it should have had, as a camera goes on while its reader is away; ticks
 * that are more than FRAME_CLOCK_MAX_LATE_NS old are passed over. That is as long as a reader with
 * 32 buffers at 30 frames a second can be away: where there are buffers, a host that is busy for
 * some moments loses no frame.
 */
#define FRAME_CLOCK_MAX_LATE_NS 1000000000ull

struct frame_clock;

/* 'sequence' is the tick's number, 'timestamp' its time (ns, a multiple of 1000), 'missed' the
 * ticks passed over just before it. May stop the clock. */
typedef void frame_clock_tick(void *data, uint64_t sequence, uint64_t timestamp, uint64_t missed);

struct frame_clock {
    sd_event_source *timer;          /* NULL while stopped */
    uint64_t start;                  /* ns */
    uint32_t numerator, denominator; /* the interval in seconds */
    uint64_t next;                   /* tick number */
    frame_clock_tick *tick;
    void *data;
};

/* Starts a stopped clock with an interval of numerator / denominator seconds (neither 0). 0 or
 * -errno. */
int frame_clock_start(struct frame_clock *clock, sd_event *loop, uint32_t numerator,
                      uint32_t denominator, frame_clock_tick *tick, void *data);
/* A running clock started at 'start' and gives the tick 'next' next. -EINVAL when that cannot be:
 * the start is in the future, or the tick after the one whose turn it is. */
int frame_clock_set(struct frame_clock *clock, uint64_t start, uint64_t next);
/* Stops it; nothing if it is stopped. */
void frame_clock_stop(struct frame_clock *clock);
/* The time of a tick, ns. */
uint64_t frame_clock_time(const struct frame_clock *clock, uint64_t tick);

#endif

/* SPDX-License-Identifier: MIT */
#include "media/frame_clock.h"

#include <errno.h>

#include "base/units.h"

#define NS_PER_SECOND 1000000000u

uint64_t frame_clock_time(const struct frame_clock *clock, uint64_t tick)
{
    unsigned __int128 since = (unsigned __int128)(tick + 1) * clock->numerator * NS_PER_SECOND;

    return clock->start + (uint64_t)(since / clock->denominator);
}

/* How many ticks from 'next' on are too old to be worth giving. */
static uint64_t too_old(const struct frame_clock *clock, uint64_t now)
{
    uint64_t limit;
    unsigned __int128 ticks;

    if (now < clock->start + FRAME_CLOCK_MAX_LATE_NS)
        return 0;
    limit = now - FRAME_CLOCK_MAX_LATE_NS - clock->start;
    /* Ticks before this time, number 'ticks - 1' the last of them. */
    ticks = (unsigned __int128)limit * clock->denominator / clock->numerator / NS_PER_SECOND;
    /* The last of a slow clock's ticks is given, however late. */
    if (ticks > clock->next && frame_clock_time(clock, (uint64_t)ticks) > now)
        ticks--;
    return ticks > clock->next ? (uint64_t)ticks - clock->next : 0;
}

static int arm(struct frame_clock *clock)
{
    uint64_t usec = (frame_clock_time(clock, clock->next) + 999) / 1000;
    int r = sd_event_source_set_time(clock->timer, usec);

    return r < 0 ? r : sd_event_source_set_enabled(clock->timer, SD_EVENT_ONESHOT);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *data)
{
    struct frame_clock *clock = data;
    uint64_t missed = too_old(clock, units_now_ns());
    uint64_t tick = clock->next + missed;
    uint64_t time = frame_clock_time(clock, tick);

    clock->next = tick + 1;
    /* Armed first: the one who takes the tick may stop the clock. */
    arm(clock);
    clock->tick(clock->data, tick, time - time % 1000, missed);
    return 0;
}

int frame_clock_start(struct frame_clock *clock, sd_event *loop, uint32_t numerator,
                      uint32_t denominator, frame_clock_tick *tick, void *data)
{
    int r;

    if (clock->timer != NULL)
        return -EBUSY;
    if (numerator == 0 || denominator == 0)
        return -EINVAL;
    *clock = (struct frame_clock){.start = units_now_ns(),
                                  .numerator = numerator,
                                  .denominator = denominator,
                                  .tick = tick,
                                  .data = data};
    /* An accuracy of 1 us: 0 would mean sd-event's default of 250 ms. */
    r = sd_event_add_time(loop, &clock->timer, CLOCK_MONOTONIC,
                          (frame_clock_time(clock, 0) + 999) / 1000, 1, on_timer, clock);
    return r < 0 ? r : 0;
}

int frame_clock_set(struct frame_clock *clock, uint64_t start, uint64_t next)
{
    uint64_t now = units_now_ns();
    unsigned __int128 most = 1;

    if (start > now)
        return -EINVAL;
    most +=
        (unsigned __int128)(now - start) * clock->denominator / clock->numerator / NS_PER_SECOND;
    if (next > most)
        return -EINVAL;
    clock->start = start;
    clock->next = next;
    return arm(clock);
}

void frame_clock_stop(struct frame_clock *clock)
{
    clock->timer = sd_event_source_disable_unref(clock->timer);
}

/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "base/trace.h"
#include "base/units.h"
#include "guest/guest_fault.h"
#include "worker/worker_parts.h"

#define TURN_NS 20000u /* at the rings, until everything else has its turn */

/* Leaves the core to its other thread for a moment. */
static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb" ::: "memory");
#endif
}

void worker_poll_answered(struct worker *w)
{
    struct worker_poll *p = &w->poll;

    poll_span_answered(&p->span, units_now_ns());
    if (p->looks || p->span.span == 0)
        return;
    p->looks = true;
    for (unsigned i = 0; i < w->facts.queues; i++)
        virtqueue_hush(&w->queues[i]);
}

bool worker_poll_notices(struct worker *w, unsigned index)
{
    if (!virtqueue_look(&w->queues[index]))
        return false;
    poll_span_came(&w->poll.span, units_now_ns());
    return true;
}

/* Every ring has its turn, however busy another one is. */
static bool serve(struct worker *w)
{
    bool any = false;

    for (unsigned i = 0; i < w->facts.queues; i++) {
        if (!worker_poll_notices(w, i))
            continue;
        worker_serve_queue(w, i);
        any = true;
    }
    return any;
}

/* From now on the driver kicks. */
static void rest(struct worker *w)
{
    unsigned waiting = 0;

    w->poll.looks = false;
    for (unsigned i = 0; i < w->facts.queues; i++)
        if (virtqueue_listen(&w->queues[i]))
            waiting |= 1u << i;
    for (unsigned i = 0; i < w->facts.queues; i++)
        if (waiting & 1u << i)
            worker_run_queue(w, i); /* it may begin to look again */
}

/* Memory that was lost stops the rings, and the loop hears of that before they are served again. */
static bool memory_was_lost(struct worker_poll *p)
{
    unsigned faults = __atomic_load_n(&guest_fault_count, __ATOMIC_ACQUIRE);
    bool lost = faults != p->faults;

    p->faults = faults;
    return lost;
}

/* Looks at the rings: once, or, where there is nothing else to do, for a while. */
static void look(struct worker *w, bool once)
{
    uint64_t now = units_now_ns(), end = once ? now : now + TURN_NS;

    if (memory_was_lost(&w->poll))
        return;
    while (!serve(w)) {
        now = units_now_ns();
        if (poll_span_is_over(&w->poll.span, now)) {
            rest(w);
            return;
        }
        if (now >= end)
            return;
        relax();
    }
}

int worker_poll_turn(struct worker *w, uint64_t timeout)
{
    int r = sd_event_run(w->loop, w->poll.looks ? 0 : timeout);
    int status;

    /* Rings and everything else take turns: neither keeps the other waiting. */
    if (r >= 0 && w->poll.looks && sd_event_get_exit_code(w->loop, &status) == -ENODATA)
        look(w, r > 0);
    if (TRACE_ON()) /* what was found by looking is no turn of the loop */
        trace_flush();
    return r;
}

int worker_poll_loop(struct worker *w)
{
    int r = 0, status = 0;

    while (r >= 0 && sd_event_get_state(w->loop) != SD_EVENT_FINISHED)
        r = worker_poll_turn(w, UINT64_MAX);
    if (r >= 0)
        r = sd_event_get_exit_code(w->loop, &status);
    return r < 0 ? r : status;
}

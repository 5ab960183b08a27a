/* SPDX-License-Identifier: MIT */
#include "worker/poll_span.h"

void poll_span_init(struct poll_span *s, uint64_t limit)
{
    *s = (struct poll_span){.limit = limit};
}

static void grow(struct poll_span *s)
{
    if (s->span == 0 && s->close++ < s->doubt)
        return;
    s->span = s->span == 0 ? POLL_SPAN_FIRST : s->span * 2;
    if (s->span > s->limit)
        s->span = s->limit;
}

static void in_vain(struct poll_span *s)
{
    if (s->span == 0)
        return;
    if (s->doubt < POLL_SPAN_MOST_DOUBT)
        s->doubt = 2 * s->doubt + 1;
    s->span = 0;
    s->close = 0;
    s->behind = false;
}

/* Whoever comes close behind a sleep, and again behind a longer one, waits for us to sleep. */
static void missed(struct poll_span *s, uint64_t late)
{
    bool behind = s->span > 0 && late < POLL_SPAN_BEHIND;

    if (behind && s->behind) {
        in_vain(s);
        return;
    }
    s->behind = behind;
    grow(s);
}

static void found(struct poll_span *s)
{
    s->doubt -= (s->doubt + 3) / 4;
    s->behind = false;
}

/* Answers may follow each other with no command between them: then none came for that long. */
void poll_span_answered(struct poll_span *s, uint64_t now)
{
    if (s->idle && now - s->since > s->limit)
        in_vain(s);
    s->idle = true;
    s->since = now;
}

void poll_span_came(struct poll_span *s, uint64_t now)
{
    uint64_t idle = now - s->since;

    if (!s->idle)
        return;
    s->idle = false;
    if (idle > s->limit)
        in_vain(s);
    else if (idle > s->span)
        missed(s, idle - s->span);
    else
        found(s);
}

bool poll_span_is_over(const struct poll_span *s, uint64_t now)
{
    return now - s->since >= s->span;
}

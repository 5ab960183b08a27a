/* SPDX-License-Identifier: MIT */
#include "door/session.h"

struct stats *session_stats(struct session *s)
{
    return &s->lent.journal->page->stats;
}

unsigned session_rings_started(const struct session *s)
{
    unsigned n = 0;

    for (unsigned i = 0; i < JOURNAL_RINGS; i++)
        n += s->rings[i].started;
    return n;
}

void session_tell_display(struct session *s)
{
    struct link_message m = {.type = LINK_DISPLAY};

    if (s->display_fd >= 0)
        keeper_send(s->lent.keeper, &m, &s->display_fd, 1, false);
}

int session_ask_worker(struct session *s, struct link_message *m, const int *fds, unsigned count)
{
    int64_t serial = keeper_send(s->lent.keeper, m, fds, count, true);

    s->waits_for = serial > 0 ? (uint32_t)serial : 0;
    return SESSION_WAITS;
}

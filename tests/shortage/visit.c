/* SPDX-License-Identifier: MIT */
#include "tests/shortage/visit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

bool visit_goes_on(const struct visit *visit)
{
    return !visit->over && !visit->silent;
}

bool visit_step(struct visit *visit, const char *what, int result, int expected)
{
    if (!visit_goes_on(visit))
        return false;
    visit->steps++;
    if (result == expected)
        return true;
    visit->over = result == -ECONNRESET || result == -EPIPE;
    visit->silent = result == -ETIMEDOUT;
    if (visit->refused++ == 0)
        snprintf(visit->first, sizeof(visit->first), "%s: %d%s", what, result,
                 visit->over     ? " (hung up)"
                 : visit->silent ? " (no answer)"
                                 : "");
    return false;
}

/* The report, which a person may ask for at any time. It is no harm if there is none. */
static void ask_report(struct visit *visit)
{
    struct json_object *state = daemon_process_state(visit->daemon);

    VISIT_STEP(visit, "the report", state != NULL ? 0 : -errno == -ETIMEDOUT ? -ETIMEDOUT : 1, 0);
    json_object_put(state);
}

bool visit_begin(struct visit *visit, const struct daemon_process *daemon,
                 const struct subject *subject)
{
    struct frontend *f = &visit->frontend;
    struct frontend_plan plan;

    *visit = (struct visit){.daemon = daemon, .subject = subject};
    frontend_plan_init(&plan, HABIT_QEMU);
    return VISIT_STEP(visit, "connect", frontend_init(f, &plan, daemon_process_connect(daemon)),
                      0) &&
           VISIT_STEP(visit, "negotiate", frontend_negotiate(f), 0) &&
           VISIT_STEP(visit, "start", frontend_start(f), 0);
}

bool visit_end(struct visit *visit)
{
    struct frontend *f = &visit->frontend;

    for (unsigned i = 0; i < FRONTEND_QUEUES; i++)
        visit->violations += f->queues[i].violations;
    visit->violations += f->counts.violations;
    memcpy(visit->violation, f->violation, sizeof(visit->violation));
    frontend_finish(f);
    return visit->refused == 0 && visit->violations == 0;
}

void visit_forgive(struct visit *visit)
{
    visit->steps = visit->refused = 0;
    visit->first[0] = '\0';
}

/* With each front-end a driver comes twice: it resets the device with all that is in it. Then the
 * front-end goes, with all that is there. */
bool visit_run(struct visit *visit, const struct daemon_process *daemon,
               const struct subject *subject)
{
    struct frontend *f = &visit->frontend;

    if (visit_begin(visit, daemon, subject)) {
        subject->use(visit);
        ask_report(visit);
        VISIT_STEP(visit, "stop", frontend_stop(f), 0);
        VISIT_STEP(visit, "go on", frontend_start(f), 0);
        VISIT_STEP(visit, "reset", frontend_reset(f), 0);
        if (VISIT_STEP(visit, "start again", frontend_start(f), 0))
            subject->use(visit);
    }
    return visit_end(visit);
}

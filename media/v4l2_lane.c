/* SPDX-License-Identifier: MIT */
#include "media/v4l2_lane.h"

#include <assert.h>
#include <stddef.h>

static struct v4l2_lane *lane_of(struct job *job)
{
    return (struct v4l2_lane *)(void *)((char *)job - offsetof(struct v4l2_lane, job));
}

static void go_on(struct v4l2_lane *lane)
{
    if (lane->running != NULL || lane->delivering || TAILQ_EMPTY(&lane->works))
        return;
    lane->running = TAILQ_FIRST(&lane->works);
    lane->ran = false;
    job_give(lane->pool, &lane->job);
}

static void leave(struct v4l2_lane *lane, struct v4l2_work *work)
{
    TAILQ_REMOVE(&lane->works, work, entry);
    work->waiting = false;
    if (lane->running == work)
        lane->running = NULL;
}

static void run(struct job *job)
{
    struct v4l2_lane *lane = lane_of(job);

    lane->running->run(lane->running);
    lane->ran = true;
}

static void done(struct job *job)
{
    struct v4l2_lane *lane = lane_of(job);
    struct v4l2_work *work = lane->running;

    leave(lane, work);
    lane->delivering = true;
    work->done(work);
    lane->delivering = false;
    go_on(lane);
    if (TAILQ_EMPTY(&lane->works))
        lane->changed(lane, false);
}

int v4l2_lane_init(struct v4l2_lane *lane, struct job_pool *pool,
                   void (*changed)(struct v4l2_lane *lane, bool busy))
{
    *lane = (struct v4l2_lane){.pool = pool, .job = {.run = run, .done = done}, .changed = changed};
    TAILQ_INIT(&lane->works);
    return job_pool_hold(pool);
}

void v4l2_lane_finish(struct v4l2_lane *lane)
{
    struct v4l2_work *work;

    if (lane->running != NULL)
        job_take_back(lane->pool, &lane->job);
    lane->delivering = true; /* nothing goes to a thread any more */
    while ((work = TAILQ_FIRST(&lane->works)) != NULL) {
        if (lane->running == NULL || !lane->ran)
            work->run(work);
        leave(lane, work);
        work->done(work);
    }
    job_pool_release(lane->pool);
}

void v4l2_lane_give(struct v4l2_lane *lane, struct v4l2_work *work)
{
    bool first = TAILQ_EMPTY(&lane->works);

    assert(!work->waiting);
    work->waiting = true;
    TAILQ_INSERT_TAIL(&lane->works, work, entry);
    if (first)
        lane->changed(lane, true);
    go_on(lane);
}

void v4l2_lane_take_back(struct v4l2_lane *lane, struct v4l2_work *work)
{
    if (!work->waiting)
        return;
    if (lane->running == work)
        job_take_back(lane->pool, &lane->job);
    leave(lane, work);
    go_on(lane);
    if (TAILQ_EMPTY(&lane->works))
        lane->changed(lane, false);
}

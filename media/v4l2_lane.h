/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_V4L2_LANE_H
#define MEDIA_V4L2_LANE_H

#include <stdbool.h>

#include <bsd/sys/queue.h>

#include "media/job.h"

/*
 * Everything that is asked of a host's video node goes through one lane: on a thread, one piece of
 * work after the other, in the order given. So a file is closed before the next is opened that
 * wants its buffers, nothing overtakes anything, and the loop never waits for a driver.
 */
struct v4l2_work {
    /* On a thread. What it uses, nobody else changes meanwhile. */
    void (*run)(struct v4l2_work *work);
    /* On the loop, before the next work runs; may free it. */
    void (*done)(struct v4l2_work *work);
    bool waiting;                 /* in the lane, or running */
    TAILQ_ENTRY(v4l2_work) entry; // v4l2_lane::works
};

TAILQ_HEAD(v4l2_work_list, v4l2_work);

struct v4l2_lane {
    struct job_pool *pool; /* borrowed, held */
    struct job job;
    struct v4l2_work *running; /* the head of 'works' while a thread has it */
    bool ran;                  /* its thread is through with it */
    bool delivering;           /* a 'done' runs */
    struct v4l2_work_list works;
    /* Called when the first work comes, and when none is left. */
    void (*changed)(struct v4l2_lane *lane, bool busy);
};

/* 0 or -errno: when there is no thread. */
int v4l2_lane_init(struct v4l2_lane *lane, struct job_pool *pool,
                   void (*changed)(struct v4l2_lane *lane, bool busy));
/* Does here and now what is left in the lane, and lets go of the pool. */
void v4l2_lane_finish(struct v4l2_lane *lane);
/* Gives a work that is not waiting. Borrowed until it is done. */
void v4l2_lane_give(struct v4l2_lane *lane, struct v4l2_work *work);
/* Takes it back, nothing if it is not waiting: one that runs is waited for, which blocks; one that
 * does not never runs. 'done' is not called. */
void v4l2_lane_take_back(struct v4l2_lane *lane, struct v4l2_work *work);

#endif

/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SHORTAGE_VISIT_H
#define TESTS_SHORTAGE_VISIT_H

#include "tests/frontend/daemon_process.h"
#include "tests/frontend/frontend.h"

/*
 * One visit of a front-end with its guest, from connecting to hanging up: it uses what the device
 * has, resets it in between, and leaves buffers behind. A step that fails does not end it: what
 * depends on the step will get errors too. That nobody answers does, and a connection that is over.
 */
struct visit {
    struct frontend frontend;
    const struct daemon_process *daemon; /* borrowed: a person asks it too; NULL: nobody does */
    unsigned steps;                      /* that were tried, */
    unsigned refused;                    /* and those that failed */
    char first[128];                     /* the first that failed, and how */
    bool over;                           /* the connection is */
    bool silent;                         /* an answer did not come */
    unsigned violations;                 /* of the protocol, by the device */
    char violation[200];
};

/* Visits the device that listens at daemon->socket_path, a hostblob-gpu if 'gpu'. Returns whether
 * all went as it should. */
bool visit_run(struct visit *visit, const struct daemon_process *daemon, bool gpu);

/* What visit_run is made of. */
/* A step: 'result' is -errno, or what came instead of 'expected'. Returns whether it was good. */
bool visit_step(struct visit *visit, const char *what, int result, int expected);
bool visit_goes_on(const struct visit *visit);
/* The same, if anybody is there to take it: 'result' is not even worked out else. */
#define VISIT_STEP(visit, what, result, expected)                                                  \
    ({                                                                                             \
        bool good_ = visit_goes_on(visit) && visit_step(visit, what, result, expected);            \
        good_;                                                                                     \
    })
void visit_gpu(struct visit *visit);
void visit_media(struct visit *visit);

#endif

/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SHORTAGE_VISIT_H
#define TESTS_SHORTAGE_VISIT_H

#include "tests/frontend/daemon_process.h"
#include "tests/frontend/frontend.h"
#include "tests/shortage/subject.h"

/*
 * One visit of a front-end with its guest, from connecting to hanging up: it uses what the device
 * has, resets it in between, and leaves buffers behind. A step that fails does not end it: what
 * depends on the step will get errors too. That nobody answers does, and a connection that is over.
 */
struct visit {
    const struct subject *subject;
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

/* Visits the device that listens at daemon->socket_path. Returns whether all went as it should. */
bool visit_run(struct visit *visit, const struct daemon_process *daemon,
               const struct subject *subject);
/* Its beginning and its end alone, for who does something else in between: a front-end that has
 * started the device's rings; and one that hangs up. The same is returned. */
bool visit_begin(struct visit *visit, const struct daemon_process *daemon,
                 const struct subject *subject);
bool visit_end(struct visit *visit);
/* What went wrong up to now is forgotten, but not that it is over. */
void visit_forgive(struct visit *visit);

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

/* Of each subject, see there. */
void visit_gpu(struct visit *visit);
void visit_gpu_settle(struct visit *visit);
void visit_gpu_see(struct visit *visit);
void visit_gpu_ask(struct visit *visit);
void visit_media(struct visit *visit);
void visit_media_settle(struct visit *visit);
void visit_media_see(struct visit *visit);
void visit_media_ask(struct visit *visit);
const char *visit_codec_missing(void);
const char *visit_decoder_missing(void);
void visit_decoder(struct visit *visit);
void visit_decoder_settle(struct visit *visit);
void visit_decoder_see(struct visit *visit);
void visit_encoder(struct visit *visit);
void visit_encoder_settle(struct visit *visit);
void visit_encoder_see(struct visit *visit);

#endif

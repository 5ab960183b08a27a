/* SPDX-License-Identifier: MIT */
#ifndef TESTS_BAD_BAD_H
#define TESTS_BAD_BAD_H

#include "tests/session/gpu_story.h"
#include "tests/session/subject.h"
#include "tests/session/unharmed.h"

/*
 * A front-end that sends what it should not. A message that breaks its rule ends the connection;
 * one that is well formed and says something wrong is answered with an ack that is not 0. The
 * program lives in both cases, keeps no descriptor of it, and serves the next front-end.
 */
enum bad_end {
    BAD_CLOSED,  /* the connection is over */
    BAD_REFUSED, /* acknowledged with something else than 0, and the connection goes on */
    BAD_TAKEN,   /* acknowledged with 0: not bad after all */
};

struct bad_message {
    uint32_t request;
    uint32_t flags; /* besides the version; BAD_FLAGS: instead of it */
    uint32_t size;  /* as the header says */
    uint32_t sent;  /* bytes of payload that are really sent; BAD_ALL: 'size' */
    unsigned fds;
    const void *payload; /* NULL: zeros */
};

#define BAD_ALL UINT32_MAX
#define BAD_FLAGS (1u << 31)

/* story_start, and notes what may not change. */
void bad_start(struct story *s);
/* Notes it again: what is opened at a first use is open now. */
void bad_note(struct story *s);
/* Connects a front-end that has negotiated; 'start': and has started the rings. */
void bad_join(struct story *s, bool start);
/* Sends the message, with guest memory's descriptor 'fds' times over. */
int bad_send(struct story *s, const struct bad_message *message);
/* Sends it, and fails the test unless it ends like this. */
void bad_expect(struct story *s, const struct bad_message *message, enum bad_end end);
/* The program said why, in these words, and counted it ("chains_bad"). */
void bad_told(struct story *s, const char *counter, const char *words);
/* Only the counter: there is nothing to say. */
void bad_told_counter(struct story *s, const char *counter);
/* The processor's time that two processes (0: none) use while this one uses 'ms' of it, in ticks of
 * 10 ms. On a busy machine that takes longer: a process that never rests gets no more than we. */
unsigned long bad_busy_ticks(pid_t one, pid_t other, unsigned ms);
/* Both processes are what they were, and the next front-end finds a device that works. */
void bad_afterwards(struct story *s);

#endif

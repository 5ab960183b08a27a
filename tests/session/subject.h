/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SESSION_SUBJECT_H
#define TESTS_SESSION_SUBJECT_H

#include "story.h"

/*
 * What a story does that is told of either device. The driver has two buffers: the bystander is
 * mapped from the beginning, has the guest's pattern in it, and nothing that happens may change a
 * byte of it; the other one is mapped and unmapped by the story. For hostblob-gpu they are blobs of
 * a context, for hostblob-media the buffers of a session. What fails, fails the test.
 */
#define SUBJECT_QUEUE 0u /* where both devices take commands */

bool subject_is_gpu(const struct story *s);

/* There is another front-end: nothing is bound. */
void subject_forget(void);
/* The driver binds: makes both buffers, maps the bystander and writes into it. */
void subject_bind(struct story *s);
/* The same where no window can be had: nothing is mapped. */
void subject_bind_unmapped(struct story *s);
/* A request that needs nothing is answered, and the bystander is as it was. */
void subject_serves(struct story *s);
/* Only the request. */
void subject_answers(struct story *s);

/* Maps the other buffer. Returns whether the guest got it; else it got an error. */
bool subject_map(struct story *s);
/* The same in two steps: the first gives the slot of the request. */
int subject_map_begin(struct story *s);
bool subject_map_end(struct story *s, int slot);
/* What the guest writes into the mapped other buffer is there. */
void subject_verify(struct story *s);
/* Takes the other buffer out again: UNREF, MUNMAP. Returns whether the guest got no error. */
bool subject_unmap(struct story *s);

/* Keeps the device busy from now on: hostblob-media streams into the other buffer. */
void subject_work(struct story *s);
/* Sends a request of no device's, and expects an error for it. */
void subject_errs(struct story *s);
/* Bytes of a request that needs nothing, and of the room for its answer. */
size_t subject_request(const struct story *s, void *to, size_t *space);

#endif

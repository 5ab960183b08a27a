/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SHORTAGE_PERSON_H
#define TESTS_SHORTAGE_PERSON_H

#include <stdbool.h>
#include <stddef.h>

#include "tests/frontend/daemon_process.h"

/* What a person asks a device at its control socket. */
#define PERSON_TEXT 1024u

struct person {
    int fd; /* owned; -1: the conversation is over */
    size_t have;
    char text[PERSON_TEXT]; /* the answer, as far as it has come */
};

/* Says a line, with 'file' (borrowed; -1: none). Whether it was heard is seen by the answer. */
void person_ask(struct person *person, const struct daemon_process *daemon, const char *line,
                int file);
/* Whether the answer is there, or there will be none, after that long at most. */
bool person_hears(struct person *person, int milliseconds);
void person_finish(struct person *person);
/* What the whole answer is. */
bool person_is_content(const struct person *person);
bool person_is_refused(const struct person *person);

#endif

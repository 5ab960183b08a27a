/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SESSION_UPGRADE_STORY_H
#define TESTS_SESSION_UPGRADE_STORY_H

/* 'hostblob upgrade', asked of a story's device as a person asks it. */
#include "story.h"

/* What it said last. */
extern char upgrade_said[4096];

/* Asks for it, with one more option. */
pid_t upgrade_begin(struct story *s, const char *option);
/* Whether it has ended: then *status is its exit status, and the story knows the new door. */
bool upgrade_is_done(struct story *s, pid_t pid, int *status);
/* Whether it has ended; it must have been made then. */
bool upgrade_is_made(struct story *s, pid_t pid);
/* All of it, while the front-end does nothing but answer. Returns the exit status. */
int upgrade(struct story *s, const char *option);
/* All of it, which is made: another door and another worker serve. */
void upgrade_well(struct story *s);

#endif

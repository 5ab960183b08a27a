/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SOAK_SOAK_LOAD_H
#define TESTS_SOAK_SOAK_LOAD_H

#include "tests/session/story.h"

/*
 * A load: a story that is told over and over. Each life is that of a front-end, which joins, works,
 * and goes in one of several ways; in the end of each nothing is left of it. 'turn' counts lives.
 * What fails ends the program.
 */
void soak_gpu_life(struct story *s, unsigned long turn);
void soak_media_life(struct story *s, unsigned long turn);

/* The same with a worker that dies in the middle. */
void soak_gpu_death(struct story *s, unsigned long turn);
void soak_media_death(struct story *s, unsigned long turn);

/* And with an upgrade. */
void soak_gpu_upgrade(struct story *s, unsigned long turn);
void soak_media_upgrade(struct story *s, unsigned long turn);

#endif

/* SPDX-License-Identifier: MIT */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

#define NEAREST_WORD 48u /* bytes: longer words are like none */

/*
 * Which of several words was meant by one that is none of them: the one with the fewest letters to
 * change, put in or take out, if they are few for the word's length. Each that there is, is offered
 * once; the strings are borrowed.
 */
struct nearest {
    const char *word;
    unsigned far;     /* what is as far as this, or farther, is another word */
    const char *best; /* NULL: none is like it */
};

void nearest_init(struct nearest *nearest, const char *word);
void nearest_offer(struct nearest *nearest, const char *candidate);

#endif

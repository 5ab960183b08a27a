/* SPDX-License-Identifier: MIT */
#include "base/nearest.h"

#include <string.h>

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* How many letters have to be changed, put in or taken out. Both are shorter than NEAREST_WORD. */
static unsigned distance(const char *a, const char *b)
{
    unsigned row[NEAREST_WORD];
    size_t width = strlen(b);

    for (unsigned i = 0; i <= width; i++)
        row[i] = i;
    for (unsigned i = 0; a[i] != '\0'; i++) {
        unsigned before = row[0]; /* up and to the left */

        row[0] = i + 1;
        for (unsigned j = 0; j < width; j++) {
            unsigned above = row[j + 1];

            row[j + 1] = least(before + (a[i] != b[j]), least(above, row[j]) + 1);
            before = above;
        }
    }
    return row[width];
}

void nearest_init(struct nearest *nearest, const char *word)
{
    size_t length = strlen(word);

    *nearest = (struct nearest){.word = word};
    if (length < NEAREST_WORD)
        nearest->far = least((unsigned)length / 3 + 2, (unsigned)length);
}

void nearest_offer(struct nearest *nearest, const char *candidate)
{
    unsigned far;

    if (nearest->far == 0 || strlen(candidate) >= NEAREST_WORD)
        return;
    far = distance(nearest->word, candidate);
    if (far >= nearest->far)
        return;
    nearest->far = far;
    nearest->best = candidate;
}

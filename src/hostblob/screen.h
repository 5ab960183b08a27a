/* SPDX-License-Identifier: MIT */
#ifndef HOSTBLOB_SCREEN_H
#define HOSTBLOB_SCREEN_H

#include <stdbool.h>

/* What standard output can show. */
struct screen {
    bool terminal;
    bool utf8;        /* it is a terminal, and takes more than ASCII */
    unsigned columns; /* $COLUMNS where it is no terminal, else 80 */
    unsigned rows;    /* 0: as many as there are */
};

/* Asks standard output, and the environment. */
void screen_init(struct screen *screen);

#endif

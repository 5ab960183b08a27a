/* SPDX-License-Identifier: MIT */
#ifndef HOSTBLOB_TERMINAL_H
#define HOSTBLOB_TERMINAL_H

#include <stdbool.h>

/*
 * The terminal, for a command that shows itself again and again until a person has seen enough:
 * keys are read without the return key and not shown, the cursor is hidden, and what was on the
 * screen comes back at the end. Where standard output is no terminal nothing of that is done.
 */

/* Begins; also sees to it that SIGINT, SIGTERM and SIGHUP only end terminal_wait. 'plain': as where
 * there is no terminal. */
void terminal_begin(bool plain);
/* Puts everything back as it was. */
void terminal_end(void);
/* Clears the screen: what is printed next begins at its top. */
void terminal_clear(void);
/* Waits 'ms' milliseconds. False: it is to end, by 'q', Ctrl-C or a signal. */
bool terminal_wait(unsigned ms);

#endif

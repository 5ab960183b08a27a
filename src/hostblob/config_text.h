/* SPDX-License-Identifier: MIT */
#ifndef HOSTBLOB_CONFIG_TEXT_H
#define HOSTBLOB_CONFIG_TEXT_H

#include <stdio.h>

/*
 * The lines of one ini file: libinih reads them, behind a reader that sees to what it would pass
 * over in silence (lines that are too long, words behind a section's ']', sections without a key)
 * and counts lines. White space before a line means nothing. After a section that is wrong, its
 * keys are left out. Strings are borrowed for the call.
 */
struct config_text_handler {
    void (*section)(void *data, unsigned line, const char *section);
    void (*entry)(void *data, unsigned line, const char *key, const char *value);
    void (*wrong)(void *data, unsigned line, const char *sentence); /* without its full stop */
};

/* Reads 'file', borrowed, to its end. 0 or -errno, of what is not said of a line. */
int config_text_read(FILE *file, const struct config_text_handler *handler, void *data);

#endif

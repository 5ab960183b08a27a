/* SPDX-License-Identifier: MIT */
#ifndef HOSTBLOB_SAVE_FILE_H
#define HOSTBLOB_SAVE_FILE_H

#include <stddef.h>

/* Puts 'size' bytes in 'file'. What was there is replaced when the new one is whole: the disk may
 * be full. Into what is there and is no file (a pipe, a terminal) they are written. 0 or -errno. */
int save_file(const char *file, const char *bytes, size_t size);

#endif

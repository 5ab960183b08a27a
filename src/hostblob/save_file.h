/* SPDX-License-Identifier: MIT */
#ifndef HOSTBLOB_SAVE_FILE_H
#define HOSTBLOB_SAVE_FILE_H

#include <stddef.h>

/* Writes 'size' bytes to 'fd' (borrowed). 0 or -errno. */
int save_file_write(int fd, const char *bytes, size_t size);
/* Puts them in 'file'. What was there is replaced when the new one is whole: the disk may be full.
 * Into what is there and is no file (a pipe, a terminal) they are written. 0 or -errno. */
int save_file(const char *file, const char *bytes, size_t size);

#endif

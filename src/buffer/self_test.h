/* SPDX-License-Identifier: MIT */
#ifndef BUFFER_SELF_TEST_H
#define BUFFER_SELF_TEST_H

#include <stddef.h>

#include "buffer/buffer.h"

/*
 * Whether the buffer is what a guest needs: its file is as large as it says, it can be mapped a
 * second time as the front-end will do, it comes zeroed, and what is written through one mapping is
 * read through the other, both ways. A driver may give memory that has none of that. 0, or -errno
 * with a reason in 'why'. Overwrites the bytes.
 */
int self_test_buffer(struct buffer *buffer, char *why, size_t size);

#endif

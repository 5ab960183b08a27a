/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_HEARD_H
#define TESTS_UNIT_HEARD_H

/* What the code under test says to its log: heard_begin, the code, heard_end. */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct heard {
    int file, was; /* owned: standard error for now, and before */
    char text[8192];
};

/* Standard error goes into 'heard' from here on ... */
static inline void heard_begin(struct heard *heard)
{
    heard->file = memfd_create("heard", MFD_CLOEXEC);
    heard->was = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
    assert_true(heard->file >= 0 && heard->was >= 0);
    assert_true(dup2(heard->file, STDERR_FILENO) >= 0);
}

/* ... until here; what was said is in heard->text. */
static inline void heard_end(struct heard *heard)
{
    ssize_t n = pread(heard->file, heard->text, sizeof(heard->text) - 1, 0);

    heard->text[n > 0 ? n : 0] = '\0';
    dup2(heard->was, STDERR_FILENO);
    close(heard->was);
    close(heard->file);
}

#endif

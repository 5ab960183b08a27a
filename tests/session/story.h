/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SESSION_STORY_H
#define TESTS_SESSION_STORY_H

/* What every session test begins with: cmocka, a real program in its own processes, and the
 * scripted front-end. Everything here fails the test when it does not work. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/frontend/daemon_process.h"
#include "tests/frontend/frontend.h"

/* Environment variables that name the programs under test. */
#define STORY_GPU "HOSTBLOB_GPU"
#define STORY_MEDIA "HOSTBLOB_MEDIA"
/* And one that has every story told by a front-end of other habits than its cast says: qemu, crosvm
 * or libkrun. */
#define STORY_HABIT "HOSTBLOB_TEST_HABIT"

/* Whose habits and which way of mapping a story is told with: a test's initial state. */
struct story_cast {
    const char *program;
    enum habit habit;
    const char *mapping; /* "--mapping=arena", "--mapping=single" or NULL */
    bool split;          /* requests are cut in pieces */
};

struct story {
    struct story_cast cast;
    struct daemon_process daemon;
    struct frontend frontend;
    bool joined;
    bool ended;
    bool twice;   /* the ordinary run tells it with this cast anyway */
    int idle_fds; /* of the door, without a front-end */
};

/* The story of the running test: cmocka leaves no other way from a setup to a teardown. */
struct story *story(void **state);

/* Skips the story where a front-end of that habit tells it, which has no such thing as 'what', and
 * says so: libkrun cannot pause a device or stop a single ring, never asks for the window, and
 * answers no SHMEM request; crosvm's VM is dead after a refused one. */
void story_unless(struct story *s, enum habit habit, const char *what);
/* Starts the program with 'arguments' (NULL at the end, or NULL) and lets a first front-end come
 * and go, so that what is opened at the first use is open. */
void story_start(struct story *s, const char *const *arguments);
/* A front-end connects, negotiates and starts the rings. */
void story_join(struct story *s);
void story_join_plan(struct story *s, const struct frontend_plan *plan);
/* Only connects. */
void story_connect(struct story *s, const struct frontend_plan *plan);
/* The front-end goes: nothing was violated, and the program holds nothing any more, neither
 * mappings nor resources nor descriptors. */
void story_leave(struct story *s);
/* Leaves, and ends the program: status 0, in less than a second. */
void story_end(struct story *s);
/* Runs the program with one line of arguments, in an empty folder, in which it has to leave
 * nothing; what it prints goes to 'output', of 'size' bytes. Its exit status: 124 after 20 seconds.
 */
int story_run(const struct story *s, const char *arguments, char *output, size_t size);

/* What the front-end has against the back-end so far. */
void story_assert_clean(struct story *s);
/* A number of the control socket's answer becomes this within 20 seconds. */
void story_await(struct story *s, const char *path, long expected);
/* SHMEM requests that came in all. */
unsigned story_shmem_requests(const struct story *s);
/* The pid of the worker. */
pid_t story_worker(struct story *s);
/* Waits, as a front-end that is served, until there is another worker than 'old'. */
void story_await_another(struct story *s, pid_t old);
/* Runs a line of the shell, formatted as by printf. Its exit status; what it printed on standard
 * output goes to 'output', as a string of less than 'size' bytes. */
int story_shell(char *output, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Whether the story maps its buffers one by one. */
bool story_single(const struct story *s);

/* cmocka's setup and teardown; the initial state is a struct story_cast. The teardown prints the
 * program's log when the story did not come to its end. */
int story_setup(void **state);
int story_teardown(void **state);

#define STORY(function, cast)                                                                      \
    {                                                                                              \
#function " (" #cast ")", function, story_setup, story_teardown, (void *)(uintptr_t)&cast  \
    }

/* The usual casts. */
extern const struct story_cast gpu_qemu_arena, gpu_qemu_single, gpu_crosvm_arena, gpu_crosvm_single,
    media_qemu, media_crosvm, media_qemu_single, media_crosvm_single;

#endif

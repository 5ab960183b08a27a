/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SESSION_PIPEWIRE_DESKTOP_H
#define TESTS_SESSION_PIPEWIRE_DESKTOP_H

/*
 * A desktop for the kind pipewire: a PipeWire daemon of our own in a folder of its own, without a
 * session manager unless one is started, and with cameras that are a node of the daemon (SPA's test
 * source) or programs (tests/session/pipewire_camera.c).
 */
#include "story.h"

#define DESKTOP_LIMIT 60000 /* milliseconds for what has to come */

struct program {
    pid_t pid;
    int input; /* its standard input; -1: none */
};

/* The daemon, the camera that is "our-camera", and one more. They end with the story at the latest.
 */
extern struct program desktop_daemon, desktop_camera, desktop_other;

/* cmocka's setup and teardown, as story_setup and story_teardown. */
int desktop_setup(void **state);
int desktop_teardown(void **state);

/* Of a clock that only goes on. */
int64_t desktop_now_ms(void);
/* Whether a command of the shell's ends well. */
bool desktop_run(const char *command);
/* Starts desktop_daemon, with SPA's test source if wished ("test-card"), and waits until it
 * listens.
 */
void desktop_start_daemon(bool test_source);
/* A camera's program, with its arguments. It is there a little later. */
struct program desktop_start_program(const char *name, const char *format, const char *memory,
                                     const char *width, const char *height);
/* Starts desktop_camera, and waits until the daemon shows it. */
void desktop_start_camera(const char *format, const char *memory, const char *width,
                          const char *height);
/* Gives it a line to obey, with its newline. */
void desktop_tell_camera(const char *line);
/* A session manager, which ends with the daemon. Skips the test where there is none. */
void desktop_start_manager(void);
/* Kills a program, if it runs. */
void desktop_end(struct program *program);

#endif

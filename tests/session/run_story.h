/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SESSION_RUN_STORY_H
#define TESTS_SESSION_RUN_STORY_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * 'hostblob run' with a configuration in a folder of its own, watched from outside: what it says to
 * its manager and in its log, and which processes it has. Everything here fails the test when it
 * does not work.
 */
struct run_story {
    pid_t pid; /* 0: it does not run */
    char dir[64];
    char file[96];     /* DIR/a.conf */
    char program[96];  /* the program to run: the one under test, or a copy */
    int notify_fd;     /* what it says as to systemd; owned */
    char heard[65536]; /* all that it said so far */
};

/* Makes the folder, which is the run directory too. */
void run_story_init(struct run_story *run);
/* Kills what still runs, prints the log of a test that failed, and removes the folder. */
void run_story_finish(struct run_story *run);
/* Writes the configuration. */
void run_story_write(struct run_story *run, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Starts it with 'options', one word or NULL, and the file. */
void run_story_start(struct run_story *run, const char *option);
/* Waits until it has said so: a line that begins with 'text'. What came up to there is forgotten.
 */
void run_story_await(struct run_story *run, const char *text);
/* Whether it has said so since, and forgets it all. */
bool run_story_heard(struct run_story *run, const char *text);
/* Waits until its log says so. */
void run_story_await_log(struct run_story *run, const char *text);
bool run_story_logged(const struct run_story *run, const char *text);
/* The first process of a device; 0: there is none. */
pid_t run_story_device(const struct run_story *run, const char *name);
/* Waits for another than 'old' that is ready. */
pid_t run_story_await_device(struct run_story *run, const char *name, pid_t old);
/* Reads its file again, and waits until it has done what that asks for. */
void run_story_reload(struct run_story *run);
/* Waits for its end: the exit status. Nothing is left then, neither process nor socket. */
int run_story_wait(struct run_story *run);
/* The same after SIGTERM. */
int run_story_stop(struct run_story *run);
/* Milliseconds of CLOCK_MONOTONIC. */
long run_story_now(void);

#endif

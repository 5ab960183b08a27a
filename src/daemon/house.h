/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_HOUSE_H
#define DAEMON_HOUSE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/fd.h"
#include "protocol/starter.h"

/* One of the starter's children. */
struct child {
    pid_t pid; /* 0: it does not run */
    int pidfd; /* owned; it is signalled by this, so that never another process is meant */
};

/* 0 or -errno. */
int child_init(struct child *child, pid_t pid);
void child_signal(const struct child *child, int signal_number);
/* It has been waited for. */
void child_forget(struct child *child);
/* A child begins with this: it ends with its parent. systemd hears of it by the starter alone. */
void child_begin(pid_t parent);

/* What was settled at the start, beside the command line, for the workers. */
struct house_words {
    char word[STARTER_TEXT]; /* an option, or "" */
    bool foreign;            /* the device maps memory that is not its own */
};

#define HOUSE_ARGUMENTS 254u /* of a command line */
#define HOUSE_MORE 4u        /* with what is put behind it, and its end */

/* The whole command line of a worker, or of a door beside: the program's own words, what was
 * settled, and 'last'. All are borrowed. */
void house_command(char *const *argv, const struct house_words *words, char *last,
                   char *to[static HOUSE_ARGUMENTS + HOUSE_MORE]);

/* A door with its worker, as the starter sees them. It has one; in an upgrade one more. */
struct house {
    int line;    /* to the door, owned; -1: it has hung up */
    int program; /* what its workers are, owned; -1: this very program */
    struct child door, worker;
    struct child leaving; /* the door before an upgrade, which may answer who asked for it */
    struct house_words words;
    bool speaks; /* the door beside: it speaks this program's language */
    bool holds;  /* and has all that it needs */
    bool ending; /* the door is about to end */
};

/* Nobody is there. */
void house_clear(struct house *house);
/* Whether what failed with 'error' (-errno), which cannot be done without, is to be tried again:
 * the host lacks something. Waits a moment then, a second in all; *tries begins with 0. */
bool house_patience(int error, unsigned *tries);
/* Tells the door. One that does not read is killed. */
void house_tell(struct house *house, const struct starter_message *message);
/* Starts a worker as the door wishes it, with its descriptors; 'argv' is the program's own command
 * line. Tells the door what came of it. */
void house_start_worker(struct house *house, char *const *argv, const struct fd_list *fds);
/* Kills the worker; but see house_await_worker. */
void house_kill_worker(struct house *house);
/*
 * After the door's end, at which a worker ends by itself. A build with a sanitizer looks for leaks
 * then: it waits for that end, some seconds at most, and does not kill the worker of a door that is
 * ending. False: a signal ended it, as a sanitizer does that has found something. In other builds
 * nobody waits.
 */
bool house_await_worker(struct house *house);
/* An upgrade: the device is the one of 'next' from now on, where nobody is left then. The door
 * before it may live on; its worker, and the door before that, are killed. */
void house_follow(struct house *house, struct house *next);
/* Kills all, and waits for their ends. */
void house_finish(struct house *house);
/* Becomes the program 'fd' (-1: this very one) with 'argv'. Returns only on an error. */
void house_execute(int fd, char *const *argv);

#endif

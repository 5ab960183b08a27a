/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FRONTEND_DAEMON_PROCESS_H
#define TESTS_FRONTEND_DAEMON_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

#include <json-c/json.h>

/*
 * A device program under test: started on sockets in a folder of its own, watched from outside
 * (descriptors, state by the control socket, log), and ended.
 */
#define DAEMON_PROCESS_ARGUMENTS 16u

struct daemon_process {
    pid_t program; /* what was started, and has the others started; 0 when it does not run */
    pid_t pid;     /* of the door */
    int status;    /* of waitpid, when it ended before it was ready */
    char dir[64];
    char socket_path[96], control_path[96], log_path[96];
};

/* Starts the program that the environment variable 'variable' names, with --socket-path,
 * --control-path and 'arguments' (NULL at the end, or NULL), and waits until it listens. 0 or
 * -errno. */
int daemon_process_start(struct daemon_process *daemon, const char *variable,
                         const char *const *arguments);
/* The same with --fd=N on one end of a socketpair; *socket is the other, which the caller owns. */
int daemon_process_start_fd(struct daemon_process *daemon, const char *variable,
                            const char *const *arguments, int *socket);
/* Connects to the socket at a path. A descriptor that the caller owns, or -errno. */
int daemon_process_connect_to(const char *path);
/* And to the program's own. */
int daemon_process_connect(const struct daemon_process *daemon);
/* Waits for its end. The wait status, or -ETIMEDOUT (it still runs), or -ECHILD. */
int daemon_process_wait(struct daemon_process *daemon, int milliseconds);
/* SIGTERM, and waits up to 'milliseconds'; SIGKILL after that. Returns the exit status, or 1000 and
 * more for a signal: 1000 + its number. */
int daemon_process_stop(struct daemon_process *daemon, int milliseconds);
/* Prints the end of its log, for a test that fails, and removes the folder. Ends the test program
 * as a failure if a sanitizer has reported something there. */
void daemon_process_finish(struct daemon_process *daemon, bool print_log);
/* Whether its log has this text. */
bool daemon_process_logged(const struct daemon_process *daemon, const char *text);

/* How many descriptors a process has open; -errno when it is gone. */
int daemon_process_fds(pid_t pid);
/* Waits until a process has that many descriptors open; the number that it has in the end. */
int daemon_process_await_fds(pid_t pid, int expected, int milliseconds);
/* The same, until it has no more than 'most'. */
int daemon_process_await_few_fds(pid_t pid, int most, int milliseconds);
/* Whether a process exists and is no zombie. */
bool daemon_process_alive(pid_t pid);
/* What the control socket says; the caller owns it. NULL with errno set. */
struct json_object *daemon_process_state(const struct daemon_process *daemon);
/* A number of it by path, "/device/resources"; -1 when it is not there. An array counts its
 * members. */
long daemon_process_number(const struct daemon_process *daemon, const char *path);
/* Waits until that number is 'expected'; the number that it is in the end. */
long daemon_process_await_number(const struct daemon_process *daemon, const char *path,
                                 long expected, int milliseconds);

#endif

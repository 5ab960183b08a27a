/* SPDX-License-Identifier: MIT */
#ifndef GPU_PROBE_H
#define GPU_PROBE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <json-c/json.h>

/*
 * A self-test in a process of its own, since what it tries may abort, crash or hang: this program
 * is started again with --probe=NAME behind its own words. There the function of that name runs,
 * and what it found is one line of JSON on standard output.
 */
struct gpu_options;

/* In the child. Tries what the name says and adds what may interest to 'report', also on failure; 0
 * or -errno, and then 'why' says the reason: a sentence without an end. */
#define PROBE_WHY 256u
typedef int probe_fn(const struct gpu_options *options, struct json_object *report, char *why);

/* Runs 'probe' and prints the line. Returns main's exit status. */
int probe_run(probe_fn *probe, const struct gpu_options *options);

#define PROBES_MAX 8u

/* The parent's side. */
struct probe {
    const char *name;           /* borrowed */
    struct json_object *report; /* owned; an object, perhaps empty */
    bool ok;
    char why[PROBE_WHY]; /* unless ok */
    pid_t pid;           /* 0: it has ended */
    int pid_fd, out, err;
    char line[8192]; /* what came of each so far */
    char last[PROBE_WHY];
    unsigned line_size, last_size;
};

/* Starts the probe called 'name'; 'argv' are this program's own words. An error is the probe's
 * outcome. */
void probe_start(struct probe *probe, const char *name, char *const *argv);
/* Waits until all have ended, at most PROBES_MAX of them; this blocks. What has not after
 * 'limit_ms' is killed with all that it started. */
void probe_wait(struct probe *probes, unsigned count, unsigned limit_ms);
/* Frees the report. */
void probe_finish(struct probe *probe);

#endif

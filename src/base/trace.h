/* SPDX-License-Identifier: MIT */
#ifndef BASE_TRACE_H
#define BASE_TRACE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * What happened when, in a file that Perfetto and chrome://tracing show: the Trace Event Format's
 * JSON array, one event a line. It may be read at any moment, also when its writers were killed:
 * the format lets the bracket at the end be missing.
 *
 * Several processes write into one file, each whole lines at its end, after every turn of its loop;
 * and each opens it for itself, before it is shut in. The file is a plain one and is never cut: one
 * that is a trace of ours is gone on with, one that is something else is refused. Times are those
 * of CLOCK_MONOTONIC. It is for the thread of the loop alone.
 *
 * Where nothing is traced, a place in the code costs one look at 'trace_on':
 *
 *     if (TRACE_ON())
 *         trace_put(&(struct trace_event){.phase = TRACE_INSTANT, ...});
 */
extern bool trace_on;
#define TRACE_ON() __builtin_expect(trace_on, 0)

#define TRACE_ARGS 4u

enum trace_phase {
    TRACE_INSTANT = 'i',
    TRACE_WHOLE = 'X', /* from 'start' until now */
    TRACE_BEGIN = 'b', /* of what lasts, and is known by category and id, */
    TRACE_STEP = 'n',
    TRACE_END = 'e',
};

struct trace_event {
    enum trace_phase phase;
    const char *category, *name;
    uint64_t start; /* of TRACE_WHOLE, units_now_ns */
    uint64_t id;    /* of TRACE_BEGIN, _STEP and _END */
    bool lasting;   /* the id means the same in the workers to come, and in no other device */
    struct {
        const char *key; /* NULL: no more */
        uint64_t value;
    } args[TRACE_ARGS];
};

/* Makes the file, or looks whether it is a trace of ours. 0, or -errno after a line in the log. */
int trace_make(const char *path);
/*
 * From now on this process, 'name' for people, writes into the file that trace_make made, as long
 * as that has no more than 'limit' bytes. What does not work ends tracing with a line in the log,
 * and nothing else.
 */
void trace_begin(const char *path, uint64_t limit, const char *name);
/* Writes down one event. Strings are borrowed until it returns. */
void trace_put(const struct trace_event *event);
/* Writes what was put down to the file: to be called at the end of each turn. */
void trace_flush(void);
/* Flushes, and traces no more. */
void trace_end(void);

#endif

/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SHORTAGE_SUBJECT_H
#define TESTS_SHORTAGE_SUBJECT_H

/*
 * A device that is tried, and what a guest does with it (visit_gpu.c and so on). What a guest has
 * is kept by those files: there is one guest at a time.
 */
#define SUBJECT_ARGUMENTS 6u

struct visit;

struct subject {
    const char *name, *variable;              /* of the environment: names the program */
    const char *arguments[SUBJECT_ARGUMENTS]; /* NULL at the end */
    const char *(*missing)(void);             /* what the host lacks, or NULL; may be NULL */
    void (*use)(struct visit *visit);         /* all that there is, once */
    void (*settle)(struct visit *visit);      /* makes what is to outlive a program */
    void (*see)(struct visit *visit);         /* it is there as it was, and serves */
    void (*ask)(struct visit *visit);         /* asks the device for something small */
};

/* NULL: there is none of that name. */
const struct subject *subject_find(const char *name);
/* The i-th of them, or NULL. */
const struct subject *subject_at(unsigned i);

#endif

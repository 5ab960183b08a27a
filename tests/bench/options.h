/* SPDX-License-Identifier: MIT */
#ifndef TESTS_BENCH_OPTIONS_H
#define TESTS_BENCH_OPTIONS_H

#include <stdbool.h>
#include <sys/types.h>

/* What the person wants measured, and how. */
#define OPTIONS_ANY_CPU (-1)
#define OPTIONS_NUMBERS 8u

/* One of these is wanted; with none, any. */
struct options_numbers {
    unsigned values[OPTIONS_NUMBERS], count;
};

struct options {
    bool media;          /* the device is a media device, else a GPU */
    char **exec;         /* the back-end's command, NULL at the end; NULL: it runs already */
    int fd;              /* what number its socket has there */
    const char *socket;  /* the path to connect to, instead */
    pid_t pid;           /* of the back-end that runs already; 0: the one that the socket tells */
    const char *subject; /* what the back-end is called in the figures */
    const char *items;   /* which ones, separated by commas: names and letters; NULL: all */
    struct options_numbers depths; /* commands in the ring */
    struct options_numbers lives;  /* mappings besides */
    unsigned rounds, first_round;
    double seconds; /* for each item in a round */
    int front_end_cpu, back_end_cpu;
    bool no_floors;  /* measure none */
    bool awake;      /* keep these from halting */
    bool quick;      /* small sizes, and no item that has to wait */
    bool soak;       /* the long item, too */
    bool plain_ring; /* neither indirect descriptors nor event indices */
    bool no_display; /* no display socket */
    const char *json, *report;
    bool list;
};

/* Reads the command line; says on standard error what is wrong with it. 0 to go on, else the status
 * to exit with, plus 1. What it borrows of 'argv' it keeps. */
int options_read(struct options *options, int argc, char **argv);
/* Whether the item of that letter and name is wanted, with so many commands in the ring (0: it has
 * none) and so many mappings besides (F). */
bool options_want(const struct options *options, char letter, const char *name, unsigned depth,
                  unsigned live);

#endif

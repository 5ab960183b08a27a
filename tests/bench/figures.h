/* SPDX-License-Identifier: MIT */
#ifndef TESTS_BENCH_FIGURES_H
#define TESTS_BENCH_FIGURES_H

#include <stdint.h>
#include <stdio.h>

#include "tests/bench/floor.h"
#include "tests/bench/item.h"

/*
 * What came of the items, round by round: a line of JSON for each as it comes, and a table of the
 * medians in the end.
 */
struct result {
    const struct item *item;
    unsigned round; /* counted from 0 */
    uint64_t operations;
    int64_t wall_ns, back_ns, front_ns; /* in all: time, and processor's time of the two ends */
    double least_us, p50_us, p99_us, p999_us; /* of a turn */
    uint64_t bytes;
    double gauge_ns;         /* see gauge.h: per operation, while this was measured */
    double floor_ns;         /* the same, if it is the item's floor; 0: there is none */
    unsigned slices, steady; /* how many there were, and how many of them count */
    char gauge[48];          /* its name */
    struct item_value values[ITEM_VALUES];
    unsigned value_count;
    char unsupported[160], failed[160];
};

struct figures {
    const struct options *options; /* borrowed */
    FILE *json;                    /* owned; NULL: none is wanted */
    struct result *results;        /* owned */
    unsigned count, room;
    unsigned rounds;
};

/* 0 or -errno: the file cannot be written. */
int figures_init(struct figures *figures, const struct options *options);
void figures_finish(struct figures *figures);
/* Begins a round, and tells it. */
void figures_round(struct figures *figures, int argc, char **argv);
/* Adds a result, which is copied, and tells it. 0 or -ENOMEM. */
int figures_add(struct figures *figures, const struct result *result);
/* Prints the table. Returns how many items have failed. */
unsigned figures_print(struct figures *figures, FILE *to);

/* figures_report.c. With --report: begins the folder, before figures_init; and writes the table and
 * the plots into it, in the end. 0 or -errno; it is said on standard error what is wrong. */
int figures_begin_report(struct options *options);
int figures_report(struct figures *figures);

/* figures_json.c. What figures_round and figures_add write. */
void figures_json_round(const struct figures *figures, unsigned round, int argc, char **argv);
void figures_json_result(const struct figures *figures, const struct result *result);
#define FIGURES_NAME 96u /* bytes */
/* The item, and what it differs in from others of its name: "null x64", "transfer 1080p
 * scattered". */
void figures_name(const struct item *item, char text[static FIGURES_NAME]);

#endif

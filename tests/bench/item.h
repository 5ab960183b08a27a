/* SPDX-License-Identifier: MIT */
#ifndef TESTS_BENCH_ITEM_H
#define TESTS_BENCH_ITEM_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/bench/floor.h"
#include "tests/bench/rig.h"

/*
 * What is measured: a table of items for each family. An item is prepared, and then its turn is
 * taken over and over, as long as its time lasts; in the end it is proved that what was done was
 * right.
 */
enum item_device { ITEM_GPU, ITEM_MEDIA, ITEM_ANY };

struct item_parameters {
    unsigned depth;   /* commands that are in the ring at once; 0: does not matter */
    const char *size; /* "64x64", "1080p", "4k", "4096" */
    uint32_t width, height;
    uint64_t bytes;      /* of a buffer */
    unsigned live;       /* mappings that are there besides */
    unsigned entries;    /* pieces of guest memory */
    const char *backing; /* "linear", "scattered" */
    const char *path;    /* "pixels", "blob" */
    enum front_end front_end;
};

#define ITEM_VALUES 16u

/* A figure beside the usual ones. */
struct item_value {
    const char *name;
    double value;
};

struct item;

/* An item at work. */
struct work {
    const struct item *item;
    struct item_parameters with; /* as the item says, or smaller for a quick look */
    const struct options *options;
    struct rig rig;
    uint64_t bytes;   /* moved in the measured time */
    uint64_t gpa;     /* guest memory of its own */
    uint8_t *memory;  /* the same, as the front-end sees it */
    uint32_t session; /* of a media device */
    unsigned turns;
    uint64_t notes[8]; /* the item's own */
    struct item_value values[ITEM_VALUES];
    unsigned value_count;
    char unsupported[160]; /* why it cannot be measured with this back-end */
};

struct item {
    char letter; /* of the family */
    const char *name;
    struct item_parameters with;
    enum item_device device;
    enum floor_kind floor;
    unsigned per_turn; /* operations; 0: none are counted */
    bool lean;         /* nothing but the ring has to be watched */
    bool paced; /* by a clock: what it costs is the processor's time, not how long it takes */
    bool slow;  /* left out of a quick look */
    /* Each gives 0 or -errno, with rig_trouble. prepare may say 'unsupported' instead. 'turn' gives
     * how many operations that was. */
    int (*prepare)(struct work *work);
    int (*turn)(struct work *work);
    int (*prove)(struct work *work); /* or NULL */
    /* Instead of all that: without a rig. */
    int (*whole)(struct work *work);
};

/* The families, each ended by a row without a name. */
extern const struct item item_commands[], item_transfers[], item_presents[], item_blobs[],
    item_streams[], item_lives[], item_soaks[];
extern const struct item *const item_families[]; /* ended by NULL */

void item_value(struct work *work, const char *name, double value);
/* Says why it cannot be measured. Returns 0. */
int item_unsupported(struct work *work, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Guest memory: 'size' bytes at a page. 0 or -errno. */
int item_take_memory(struct work *work, uint64_t size);

#endif

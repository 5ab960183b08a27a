/* SPDX-License-Identifier: MIT */
#ifndef DOOR_DIAGNOSIS_H
#define DOOR_DIAGNOSIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal/journal.h"

/*
 * What was negotiated with a front-end, in words, and which known traps lie in it: a table of
 * conditions and sentences. Each says what will not work and what to do, before a guest finds out.
 * Pure: it knows the facts, and no session (session_diagnosis.h collects them).
 */

/* How far the conversation has come; each row of the table has the first at which it can be told.
 */
enum diagnosis_stage {
    DIAGNOSIS_BEGUN,
    DIAGNOSIS_NEGOTIATED, /* it took protocol features */
    DIAGNOSIS_ASKED,   /* it asked for the window: with QEMU, all that precedes a driver is said */
    DIAGNOSIS_PATIENT, /* a driver took its features, and a while has passed */
    DIAGNOSIS_RUNS,    /* a ring was started, or could not be */
};

/* A queue of the device, as people and drivers know it. */
struct diagnosis_queue {
    const char *name; /* "control" */
    uint32_t least;   /* entries; with fewer... */
    const char *why;  /* ...this is what comes of it */
};

/* What a program knows of its device in words, for people; borrowed for ever. */
struct diagnosis_kind {
    const char *const *features; /* the names of the device's own feature bits, ended by NULL */
    const struct diagnosis_queue *queues; /* ended by a NULL name */
};

struct diagnosis_facts {
    enum diagnosis_stage stage;
    const struct diagnosis_kind *kind; /* NULL: it has no words */
    uint64_t features;                 /* virtio feature bits that were taken */
    uint64_t protocol_features;        /* protocol feature bits that were taken */
    uint64_t window_size;              /* bytes */
    bool window_usable;                /* it was asked for, or need not be */
    bool arena;                        /* our buffers are one mapping */
    bool mute;                         /* no answers to SHMEM requests, as libkrun */
    bool channel;                      /* the back-end channel is there */
    unsigned queues;                   /* that the device has, */
    unsigned called;                   /* of them those that have a call descriptor */
    uint32_t sizes[JOURNAL_RINGS];     /* entries; 0: not said */
    bool outside;                      /* a queue lies in none of the memory regions */
    unsigned regions;
    uint64_t bytes;    /* of guest memory */
    bool memory_empty; /* nothing was ever written to what is behind it */
};

/* One trap. */
struct diagnosis_row {
    const char *name; /* for programs: "no-shmem" */
    bool harmless;    /* worth a line, but nothing fails of it by itself */
    enum diagnosis_stage stage;
    bool (*applies)(const struct diagnosis_facts *facts);
    const char *sentence;
};

/* libkrun's window, bytes, whatever the back-end says. */
#define DIAGNOSIS_MUTE_WINDOW (UINT64_C(4) << 30)
#define DIAGNOSIS_TEXT 768u /* room for any text of this file */

/* The table; NULL behind its end. */
const struct diagnosis_row *diagnosis_row(unsigned index);
/* Which rows apply: a bit for each. */
uint32_t diagnosis_traps(const struct diagnosis_facts *facts);
/* The row's sentence, with what belongs to these facts alone. */
void diagnosis_tell(const struct diagnosis_row *row, const struct diagnosis_facts *facts,
                    char text[static DIAGNOSIS_TEXT]);
/* One line, without its end, with all that was negotiated. */
void diagnosis_describe(const struct diagnosis_facts *facts, char text[static DIAGNOSIS_TEXT]);

/* The name of a feature bit: the device's own or the ring's; and of a protocol feature. "bit 7" in
 * 'room' for one that has none. */
#define DIAGNOSIS_NAME 16u
const char *diagnosis_feature(const struct diagnosis_kind *kind, unsigned bit,
                              char room[static DIAGNOSIS_NAME]);
const char *diagnosis_protocol_feature(unsigned bit, char room[static DIAGNOSIS_NAME]);

#endif

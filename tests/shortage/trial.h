/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SHORTAGE_TRIAL_H
#define TESTS_SHORTAGE_TRIAL_H

#include "tests/shortage/nth_page.h"
#include "tests/shortage/visit.h"

/* What every phase of the sweep does with a device: it is started, a fault is armed in it, and what
 * becomes of it is judged. One device at a time. */
#define TRIAL_LIMIT 10000 /* milliseconds, for what happens by itself */

enum phase {
    PHASE_START,
    PHASE_VISIT,
    PHASE_DEATH,
    PHASE_UPGRADE,
    PHASE_END,
    PHASES,
};

struct trial_wish {
    const struct subject *subject;
    bool verbose;
    uint64_t times; /* calls that fail, one after the other */
};

extern struct trial_wish trial_wish;

/* The device that is tried, while it lives. */
struct trial {
    struct daemon_process daemon;
    bool runs;
    pid_t worker;
    bool replaced; /* it is another than at first */
    int door_fds, worker_fds, starter_fds;
    int64_t door_live; /* allocations */
    unsigned faults;   /* that it has seen */
};

extern struct trial trial;

struct trial_sum {
    uint64_t tried, fired, refused, replaced, hung_up, bad, leaks, library;
};

extern struct trial_sum trial_sum; /* of the part that is swept */

double trial_now(void); /* seconds */

/* ---- the page ---- */

extern struct nth_page *trial_page;

int trial_page_make(void);
/* No fault, and counts from 0. */
void trial_page_clear(void);
void trial_arm(unsigned role, unsigned kind, uint64_t n);
void trial_disarm(void);
/* Keeps what was counted up to now, for trial_counted to tell. */
void trial_keep_counts(void);
uint64_t trial_counted(unsigned role, unsigned kind);
bool trial_fired(void);

/* ---- the device ---- */

/* 0 or -errno, as daemon_process_start. */
int trial_start(void);
void trial_drop(bool print_log);
/* One that is as good as new, at whose state others are measured. 0 or -errno, after a line. */
int trial_fresh(void);
pid_t trial_worker(void);
/* The processes that the program has started, zombies too. */
unsigned trial_children(void);
bool trial_alive(void);
/* Nothing is left of the last front-end. NULL, or what is. */
const char *trial_await_idle(void);
bool trial_log_has(const char *text);
bool trial_folder_is_clean(void);

/* ---- judging ---- */

/* Says what is wrong, with the stack of the call that failed. */
void trial_complain(const char *what);
/* And with which fault that was. */
void trial_title(enum phase phase, unsigned role, unsigned kind, uint64_t n);
/* Whether a process was killed by a signal that no one sends. */
bool trial_crashed(void);
/* What came of a fault, and whether all is as it was: the device lives and is idle, and the next
 * visit goes well. 'faulty' is the visit, which has ended. */
bool trial_judge(const struct visit *faulty);
/* The door has not allocated more than before. */
void trial_judge_memory(void);

extern const char *const trial_role_names[NTH_ROLES];
extern const char *const trial_kind_names[NTH_KINDS];
extern const char *const trial_phase_names[PHASES];

/* ---- the phases ---- */

/* Does it without a fault, and keeps how many calls there are. 0 or -errno. */
int try_start_count(void);
int try_visit_count(void);
int try_death_count(void);
int try_upgrade_count(void);
int try_end_count(void);
/* The nth call of that kind in that process fails. */
void try_start(unsigned role, unsigned kind, uint64_t n);
void try_visit(unsigned role, unsigned kind, uint64_t n);
void try_death(unsigned role, unsigned kind, uint64_t n);
void try_upgrade(unsigned role, unsigned kind, uint64_t n);
void try_end(unsigned role, unsigned kind, uint64_t n);

#endif

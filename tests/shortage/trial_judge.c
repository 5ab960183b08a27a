/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/shortage/trial.h"

/* The door kills a worker that it cannot speak to any more, and says so; nothing else may. */
bool trial_crashed(void)
{
    static const int signals[] = {SIGSEGV, SIGABRT, SIGBUS, SIGILL, SIGFPE, SIGSYS, SIGTRAP};
    char text[64];

    for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        snprintf(text, sizeof(text), "was killed by signal %d", signals[i]);
        if (trial_log_has(text))
            return true;
    }
    return trial_log_has("was killed by its sandbox");
}

/* Whether the first of the stack that is not libc is a library that may crash, or abort, where it
 * gets no memory, as what codecs load does: that costs a worker, and nothing else. */
static bool library_crashed(void)
{
    for (unsigned i = 0; i < NTH_FRAMES && trial_page->where[i][0] != '\0'; i++)
        if (strncmp(trial_page->where[i], "libc.so", 7) != 0)
            return strncmp(trial_page->where[i], "lib", 3) == 0 &&
                   strncmp(trial_page->where[i], "libsystemd", 10) != 0;
    return false;
}

void trial_complain(const char *what)
{
    printf("BAD: %s\n", what);
    if (atomic_load(&trial_page->fired) > 0)
        for (unsigned i = 0; i < NTH_FRAMES && trial_page->where[i][0] != '\0'; i++)
            printf("    %s\n", trial_page->where[i]);
    fflush(stdout);
    trial_sum.bad++;
}

/* A worker that has come in the place of another may not have opened all yet. */
static bool fds_are(pid_t pid, int expected, const char *who, bool fewer)
{
    char text[128];
    int have = fewer ? daemon_process_fds(pid) : daemon_process_await_fds(pid, expected, 3000);

    if (fewer && have > expected)
        have = daemon_process_await_fds(pid, expected, 3000);
    if (have == expected || (fewer && have >= 0 && have < expected))
        return true;
    snprintf(text, sizeof(text), "the %s has %d descriptors, %d before", who, have, expected);
    trial_complain(text);
    return false;
}

/* What came of the fault, and whether all is as it was. */
bool trial_judge(const struct visit *faulty)
{
    struct visit visit;
    const char *left;
    char text[512];
    bool replaced;
    pid_t worker;

    if (!trial_alive()) {
        trial_complain("the device has ended");
        return false;
    }
    if (trial_crashed() && !library_crashed()) {
        trial_complain("the worker was killed by a signal");
        return false;
    }
    trial_sum.library += trial_crashed();
    if (faulty->silent || faulty->violations > 0) {
        snprintf(text, sizeof(text), "%s; %s", faulty->first, faulty->violation);
        trial_complain(text);
        return false;
    }
    left = trial_await_idle();
    if (left != NULL) {
        snprintf(text, sizeof(text), "%s is not 0 (1 for ready)", left);
        trial_complain(text);
        return false;
    }
    if (!visit_run(&visit, &trial.daemon, trial_wish.subject)) {
        snprintf(text, sizeof(text), "the next visit: %s; %s", visit.first, visit.violation);
        trial_complain(text);
        return false;
    }
    if (trial_await_idle() != NULL || !trial_alive()) {
        trial_complain("it is not idle after the next visit");
        return false;
    }
    worker = trial_worker();
    replaced = worker != trial.worker;
    trial_sum.replaced += replaced;
    trial.replaced = trial.replaced || replaced;
    trial.worker = worker;
    return fds_are(trial.daemon.program, trial.starter_fds, "starter", false) &&
           fds_are(trial.daemon.pid, trial.door_fds, "door", false) &&
           fds_are(worker, trial.worker_fds, "worker", trial.replaced);
}

/* What the door has allocated may vary by what its libraries keep, but not rise with each fault. */
void trial_judge_memory(void)
{
    int64_t now_live = atomic_load(&trial_page->live[NTH_DOOR]);

    /* Whoever asked last may not be forgotten yet. */
    for (unsigned i = 0; i < 50 && now_live > trial.door_live; i++, usleep(5000))
        now_live = atomic_load(&trial_page->live[NTH_DOOR]);
    if (now_live > trial.door_live) {
        printf("    %lld allocations more than before in the door\n",
               (long long)(now_live - trial.door_live));
        for (unsigned i = 0;
             trial_wish.verbose && i < NTH_FRAMES && trial_page->where[i][0] != '\0'; i++)
            printf("      %s\n", trial_page->where[i]);
        trial_sum.leaks++;
    }
    trial.door_live = now_live;
}

void trial_title(enum phase phase, unsigned role, unsigned kind, uint64_t n)
{
    printf("%s %s, %s: %s %llu\n", trial_wish.subject->name, trial_phase_names[phase],
           trial_role_names[role], trial_kind_names[kind], (unsigned long long)n);
    fflush(stdout);
}

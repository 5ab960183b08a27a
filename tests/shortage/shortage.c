/* SPDX-License-Identifier: MIT */

/*
 * Has the nth call of a kind fail in one process of a device, for all n, and sees what becomes of
 * it. tests/nth runs it, and says what it takes.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/shortage/trial.h"

#define SKIPPED 77 /* what meson takes for that */

static struct {
    bool count;
    int role, kind, phase; /* -1: all */
    uint64_t first, last, step, most;
    uint64_t memory_most; /* allocations of a phase that begins with programs' starts; 0: all */
    double seconds;       /* that may be used; 0: all that it takes */
} wish = {.role = -1, .kind = -1, .phase = -1, .first = 1, .step = 1};

static struct trial_sum total;

static const struct {
    int (*count)(void);
    void (*try)(unsigned role, unsigned kind, uint64_t n);
} phases[PHASES] = {
    [PHASE_START] = {try_start_count, try_start},
    [PHASE_VISIT] = {try_visit_count, try_visit},
    [PHASE_DEATH] = {try_death_count, try_death},
    [PHASE_UPGRADE] = {try_upgrade_count, try_upgrade},
    [PHASE_END] = {try_end_count, try_end},
};

static void add_up(void)
{
    total.tried += trial_sum.tried;
    total.fired += trial_sum.fired;
    total.bad += trial_sum.bad;
    total.leaks += trial_sum.leaks;
}

static void tell(unsigned phase, unsigned role, unsigned kind, double seconds)
{
    const struct trial_sum *sum = &trial_sum;

    printf("%-7s %-7s %-7s %5llu calls: %llu tried, %llu failed, %llu with errors, %llu hung up, "
           "%llu replaced, %llu by libraries, %llu BAD, %llu leaks, %.0f s\n",
           trial_phase_names[phase], trial_role_names[role], trial_kind_names[kind],
           (unsigned long long)trial_counted(role, kind), (unsigned long long)sum->tried,
           (unsigned long long)sum->fired, (unsigned long long)sum->refused,
           (unsigned long long)sum->hung_up, (unsigned long long)sum->replaced,
           (unsigned long long)sum->library, (unsigned long long)sum->bad,
           (unsigned long long)sum->leaks, seconds);
}

static void sweep(unsigned phase, unsigned role, unsigned kind, double end)
{
    uint64_t count = trial_counted(role, kind);
    uint64_t last = wish.last != 0 && wish.last < count ? wish.last : count;
    uint64_t step = wish.step, most = wish.most;
    double began = trial_now();

    memset(&trial_sum, 0, sizeof(trial_sum));
    if (kind == NTH_MEMORY && phase != PHASE_VISIT && wish.memory_most != 0)
        most = wish.memory_most;
    if (most != 0 && count / step > most)
        step = (count + most - 1) / most;
    for (uint64_t n = wish.first; !wish.count && n <= last && (end == 0 || trial_now() < end);
         n += step)
        phases[phase].try(role, kind, n);
    if (wish.count && count > 0)
        printf("%s, %s: %llu of %s\n", trial_phase_names[phase], trial_role_names[role],
               (unsigned long long)count, trial_kind_names[kind]);
    if (trial_sum.tried > 0)
        tell(phase, role, kind, trial_now() - began);
    fflush(stdout);
    add_up();
}

/* 0 or -errno. */
static int sweep_phase(unsigned phase, double end)
{
    int r = phases[phase].count();

    for (unsigned role = 0; r == 0 && role < NTH_ROLES; role++)
        for (unsigned kind = 0; kind < NTH_KINDS; kind++)
            if ((wish.role < 0 || role == (unsigned)wish.role) &&
                (wish.kind < 0 || kind == (unsigned)wish.kind))
                sweep(phase, role, kind, end);
    if (trial.runs)
        trial_drop(false);
    return r;
}

static int find(const char *name, const char *const *names, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (strcmp(name, names[i]) == 0)
            return (int)i;
    fprintf(stderr, "'%s' is not known\n", name);
    exit(2);
}

static void take_options(int argc, char **argv)
{
    static const struct option options[] = {
        {"subject", required_argument, NULL, 'd'},
        {"phase", required_argument, NULL, 'p'},
        {"role", required_argument, NULL, 'r'},
        {"kind", required_argument, NULL, 'k'},
        {"first", required_argument, NULL, 'f'},
        {"last", required_argument, NULL, 'l'},
        {"step", required_argument, NULL, 's'},
        {"most", required_argument, NULL, 'm'},
        {"memory-most", required_argument, NULL, 'M'},
        {"times", required_argument, NULL, 't'},
        {"seconds", required_argument, NULL, 'e'},
        {"verbose", no_argument, NULL, 'v'},
        {"count", no_argument, NULL, 'c'},
        {0},
    };

    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (c) {
        case 'd':
            trial_wish.subject = subject_find(optarg);
            break;
        case 'p':
            wish.phase = find(optarg, trial_phase_names, PHASES);
            break;
        case 'r':
            wish.role = find(optarg, trial_role_names, NTH_ROLES);
            break;
        case 'k':
            wish.kind = find(optarg, trial_kind_names, NTH_KINDS);
            break;
        case 'f':
            wish.first = strtoull(optarg, NULL, 10);
            break;
        case 'l':
            wish.last = strtoull(optarg, NULL, 10);
            break;
        case 's':
            wish.step = strtoull(optarg, NULL, 10);
            break;
        case 'm':
            wish.most = strtoull(optarg, NULL, 10);
            break;
        case 'M':
            wish.memory_most = strtoull(optarg, NULL, 10);
            break;
        case 't':
            trial_wish.times = strtoull(optarg, NULL, 10);
            break;
        case 'e':
            wish.seconds = strtod(optarg, NULL);
            break;
        case 'c':
            wish.count = true;
            break;
        case 'v':
            trial_wish.verbose = true;
            break;
        default:
            exit(2);
        }
    }
}

int main(int argc, char **argv)
{
    const char *missing;
    double end;

    take_options(argc, argv);
    signal(SIGPIPE, SIG_IGN);
    /* More than a worker gets from the door; and what fails often is tried again ever later. */
    frontend_patience = trial_wish.times > 1 ? 40000 : 8000;
    if (trial_wish.subject == NULL || trial_page_make() < 0 || wish.step == 0 || wish.first == 0 ||
        getenv("HOSTBLOB_NTH_LIBRARY") == NULL) {
        fprintf(stderr, "start it with tests/nth\n");
        return 2;
    }
    missing = trial_wish.subject->missing != NULL ? trial_wish.subject->missing() : NULL;
    if (missing != NULL) {
        printf("skipped: %s\n", missing);
        return SKIPPED;
    }
    end = wish.seconds > 0 ? trial_now() + wish.seconds : 0;
    for (unsigned phase = 0; phase < PHASES; phase++) {
        if (wish.phase >= 0 && phase != (unsigned)wish.phase)
            continue;
        if (sweep_phase(phase, end) < 0) {
            printf("BAD: without a fault it does not work\n");
            return 1;
        }
    }
    printf("%llu tried, %llu failed, %llu bad, %llu leaks\n", (unsigned long long)total.tried,
           (unsigned long long)total.fired, (unsigned long long)total.bad,
           (unsigned long long)total.leaks);
    return total.bad > 0;
}

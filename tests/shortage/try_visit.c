/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "tests/shortage/trial.h"

#define FAULTS_MOST 200u /* of one device */

/* A guest visits while the fault is armed. */

int try_visit_count(void)
{
    struct visit visit;
    int r = trial_fresh();

    trial_page_clear();
    if (r == 0)
        visit_run(&visit, &trial.daemon, trial_wish.subject);
    trial_keep_counts();
    return r;
}

void try_visit(unsigned role, unsigned kind, uint64_t n)
{
    struct visit visit;
    uint64_t bad = trial_sum.bad, library = trial_sum.library;
    double began = trial_now();

    if (trial_fresh() < 0) {
        trial_complain("the device does not work without a fault");
        return;
    }
    trial_sum.tried++;
    trial_arm(role, kind, n);
    visit_run(&visit, &trial.daemon, trial_wish.subject);
    if (!trial_fired()) {
        trial_disarm();
        if (trial_await_idle() == NULL)
            return;
    }
    trial_sum.fired++;
    trial_sum.refused += visit.refused > 0;
    trial_sum.hung_up += visit.over;
    if (trial_wish.verbose) {
        trial_title(PHASE_VISIT, role, kind, n);
        printf("    %u of %u steps refused, the first: %s\n", visit.refused, visit.steps,
               visit.first);
    }
    trial_disarm();
    if (!trial_judge(&visit))
        trial_title(PHASE_VISIT, role, kind, n);
    else
        trial_judge_memory();
    trial.faults++;
    if (trial_wish.verbose && trial_now() - began > 1)
        printf("    it took %.1f s\n", trial_now() - began);
    if (trial_sum.bad != bad || trial_sum.library != library || trial.faults == FAULTS_MOST)
        trial_drop(trial_sum.bad != bad && trial_wish.verbose);
}

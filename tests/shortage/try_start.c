/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/shortage/trial.h"

/* The device starts, or ends, while the fault is armed. */

/* ---- at the start ---- */

int try_start_count(void)
{
    int r;

    if (trial.runs)
        trial_drop(false);
    trial_page_clear();
    r = trial_start();
    if (r == 0 && trial_await_idle() != NULL)
        r = -EBUSY;
    trial_keep_counts();
    trial_drop(r < 0);
    return r;
}

/* It has ended before it was ready: with this status it may, if it has said why. */
static const char *judge_refusal(int status)
{
    trial_sum.refused++;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != EXIT_FAILURE)
        return "it ends with a strange status";
    return trial_log_has("rror: ") ? NULL : "it does not say why it ends";
}

/* Waits until its worker is there, or it has ended. The wait status, -EINPROGRESS when it is ready,
 * or -ETIMEDOUT. */
static int await_start(void)
{
    int status = -ETIMEDOUT;

    for (double end = trial_now() + TRIAL_LIMIT / 1000; status == -ETIMEDOUT && trial_now() < end;
         usleep(5000)) {
        status = daemon_process_wait(&trial.daemon, 0);
        if (status == -ETIMEDOUT && daemon_process_number(&trial.daemon, "/worker/ready") == 1)
            return -EINPROGRESS;
    }
    return status;
}

/* What is wrong with a device that was started, or NULL: it works after all, or has said why it
 * does not, and ended in order. */
static const char *judge_start(int started, struct visit *visit)
{
    const char *wrong = NULL;
    int status = -ETIMEDOUT;

    if (started == 0)
        status = await_start();
    else if (trial.daemon.program == 0)
        status = trial.daemon.status;
    trial_disarm();
    trial_sum.fired += trial_fired();
    if (status == -EINPROGRESS) {
        if (!visit_run(visit, &trial.daemon, trial_wish.subject))
            return visit->first;
        if (daemon_process_stop(&trial.daemon, 5000) != 0)
            wrong = "it ends with another status than 0";
    } else if (status < 0) {
        return started == 0 ? "it has started, and does not get ready"
                            : "it neither starts nor ends";
    } else {
        wrong = judge_refusal(status);
    }
    if (trial_crashed())
        return "a process was killed by a signal";
    if (wrong == NULL && !trial_folder_is_clean())
        return "its sockets are left";
    return wrong;
}

void try_start(unsigned role, unsigned kind, uint64_t n)
{
    struct visit visit;
    const char *wrong;
    int r;

    if (trial.runs)
        trial_drop(false);
    trial_sum.tried++;
    trial_arm(role, kind, n);
    r = trial_start();
    wrong = judge_start(r, &visit);
    if (wrong != NULL)
        trial_complain(wrong);
    if (wrong != NULL || trial_wish.verbose) {
        trial_title(PHASE_START, role, kind, n);
        printf("    the start: %d\n", r);
    }
    trial_drop(wrong != NULL);
}

/* ---- at the end ---- */

int try_end_count(void)
{
    int r = trial_fresh();

    trial_page_clear();
    if (r == 0)
        daemon_process_stop(&trial.daemon, 5000);
    trial_keep_counts();
    trial_drop(r < 0);
    return r;
}

/* What ends has less to do with memory, but must end, and soon. */
void try_end(unsigned role, unsigned kind, uint64_t n)
{
    int status;

    if (trial_fresh() < 0) {
        trial_complain("the device does not work without a fault");
        return;
    }
    trial_sum.tried++;
    trial_arm(role, kind, n);
    status = daemon_process_stop(&trial.daemon, 5000);
    trial_disarm();
    trial_sum.fired += trial_fired();
    if (status != 0 || trial_crashed() || !trial_folder_is_clean()) {
        trial_complain("it does not end in order");
        trial_title(PHASE_END, role, kind, n);
        printf("    status %d\n", status);
        trial_drop(true);
    } else {
        trial_drop(false);
    }
}

/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/shortage/person.h"
#include "tests/shortage/trial.h"

/*
 * The fault is armed while processes of the device are exchanged under a guest: its worker dies, or
 * a person has the program upgraded. Whatever comes of it, the guest has what it had.
 */
#define DEATHS_MOST 8u /* of one device: more in a short time are waited for */
#define UPGRADE "upgrade seconds=20\n"
#define WANT_SECONDS 2.0     /* while the fault goes on, */
#define RECOVER_SECONDS 20.0 /* and after it, for all to be well again */
#define UPGRADE_LIMIT 50.0   /* seconds, for the answer */

/* How many descriptors there are with nobody there, when an upgrade was made. */
static struct {
    int starter, door, worker;
} upgraded;

/* A guest settles in a fresh device. */
static int settle(struct visit *v)
{
    int r = trial_fresh();

    if (r < 0)
        return r;
    trial_page_clear();
    if (visit_begin(v, &trial.daemon, trial_wish.subject))
        trial_wish.subject->settle(v);
    trial.worker = trial_worker();
    if (v->refused == 0)
        return 0;
    printf("BAD: without a fault: %s\n", v->first);
    visit_end(v);
    trial_drop(true);
    return -EPROTO;
}

/* The fault has been: now all has to be there, if the guest is. */
static void see_again(struct visit *v)
{
    trial_sum.refused += v->refused > 0;
    if (trial_wish.verbose && v->refused > 0)
        printf("    %u of %u steps refused, the first: %s\n", v->refused, v->steps, v->first);
    if (v->over) {
        trial_sum.hung_up++;
        return;
    }
    if (v->silent)
        return;
    visit_forgive(v);
    trial_wish.subject->see(v);
}

/* Says what is wrong with what the guest saw at last. */
static bool seen_well(const struct visit *v)
{
    char text[200];

    if (v->refused == 0 || v->over)
        return true;
    snprintf(text, sizeof(text), "afterwards: %s", v->first);
    trial_complain(text);
    return false;
}

/* ---- a worker's death ---- */

static void die(struct visit *v, pid_t worker)
{
    if (worker > 1) /* another number means others */
        kill(worker, SIGKILL);
    trial_wish.subject->see(v); /* whoever answers is another one */
}

int try_death_count(void)
{
    struct visit v;
    int r = settle(&v);

    if (r < 0)
        return r;
    trial_page_clear();
    die(&v, trial.worker);
    trial_keep_counts();
    if (!visit_end(&v)) {
        printf("BAD: without a fault: %s%s\n", v.first, v.violation);
        r = -EPROTO;
    }
    return r;
}

void try_death(unsigned role, unsigned kind, uint64_t n)
{
    struct visit v;
    uint64_t bad = trial_sum.bad, library = trial_sum.library;
    bool good;

    if (settle(&v) < 0) {
        trial_complain("the device does not work without a fault");
        return;
    }
    trial_sum.tried++;
    trial_arm(role, kind, n);
    die(&v, trial.worker);
    trial_disarm();
    trial_sum.fired += trial_fired();
    if (trial_wish.verbose)
        trial_title(PHASE_DEATH, role, kind, n);
    see_again(&v);
    good = seen_well(&v);
    visit_end(&v);
    if (!good || !trial_judge(&v))
        trial_title(PHASE_DEATH, role, kind, n);
    else
        trial_judge_memory();
    if (trial_sum.bad != bad || trial_sum.library != library || ++trial.faults == DEATHS_MOST)
        trial_drop(trial_sum.bad != bad && trial_wish.verbose);
}

/* ---- an upgrade ---- */

/* Asks for one, and waits until it is made or not. */
static void upgrade(struct visit *v, struct person *person)
{
    double end = trial_now() + UPGRADE_LIMIT;

    person_ask(person, &trial.daemon, UPGRADE, -1);
    while (!person_hears(person, 0) && trial_now() < end) {
        if (!visit_goes_on(v)) {
            usleep(2000);
            continue;
        }
        trial_wish.subject->ask(v);
        if (visit_goes_on(v) && frontend_pump(&v->frontend, person->fd, 5) == -ECONNRESET)
            v->over = true;
    }
}

/* One door and one worker are there. The door's pid, or 0. */
static pid_t await_three(double seconds)
{
    pid_t door = 0;

    for (double end = trial_now() + seconds; door <= 0 && trial_now() < end; usleep(5000)) {
        if (!daemon_process_alive(trial.daemon.program))
            return 0;
        if (trial_children() == 2 && daemon_process_number(&trial.daemon, "/worker/ready") == 1)
            door = (pid_t)daemon_process_number(&trial.daemon, "/door/pid");
    }
    return door;
}

/* What does not fit together, or NULL. A person whose answer could not be sent hears none. */
static const char *judge_answer(const struct person *person, bool changed)
{
    if (person->fd >= 0)
        return "who asked for the upgrade hears nothing";
    if (person_is_content(person))
        return changed ? NULL : "the upgrade is said to be made, and is not";
    if (!person_is_refused(person))
        return person->have == 0 ? NULL : "who asked for the upgrade hears half an answer";
    if (changed && strstr(person->text, "has the device") == NULL)
        return "the upgrade is said not to be made, and is";
    return NULL;
}

/* The numbers that others are measured at are those of the program that it is now. */
static void note_program(bool changed)
{
    if (!changed)
        return;
    /* A starter that could not become the new program holds on to it. */
    trial.starter_fds =
        upgraded.starter + trial_log_has("goes on as the program before the upgrade");
    trial.door_fds = upgraded.door;
    trial.worker_fds = upgraded.worker;
}

static bool judge_upgrade(struct visit *v, struct person *person)
{
    pid_t before = trial.daemon.pid, door = await_three(WANT_SECONDS);
    const char *wrong;
    bool good;

    trial_disarm();
    if (door <= 0) /* what goes on failing is tried again now and then */
        door = await_three(RECOVER_SECONDS);
    trial_sum.fired += trial_fired();
    if (door <= 0) {
        trial_complain(daemon_process_alive(trial.daemon.program)
                           ? "there is no door and worker afterwards, or more than these"
                           : "the device has ended");
        visit_end(v);
        return false;
    }
    trial.daemon.pid = door;
    trial_sum.replaced += door != before;
    note_program(door != before);
    trial.replaced = trial.worker != trial_worker();
    trial.worker = trial_worker();
    if (trial_wish.verbose)
        printf("    %s, %s%s\n", door != before ? "upgraded" : "not upgraded", person->text,
               v->over ? " (hung up)" : "");
    wrong = judge_answer(person, door != before);
    see_again(v);
    good = seen_well(v);
    visit_end(v);
    if (wrong != NULL)
        trial_complain(wrong);
    return good && wrong == NULL && trial_judge(v);
}

int try_upgrade_count(void)
{
    struct person person;
    struct visit v;
    int r = settle(&v);

    if (r < 0)
        return r;
    trial_page_clear();
    upgrade(&v, &person);
    trial.daemon.pid = await_three(RECOVER_SECONDS);
    trial_keep_counts();
    if (!person_is_content(&person) || v.refused > 0) {
        printf("BAD: without a fault: %s %s\n", v.first, person.text);
        r = -EPROTO;
    }
    trial_wish.subject->see(&v);
    if (!visit_end(&v) || trial_await_idle() != NULL) {
        printf("BAD: without a fault, after it: %s%s\n", v.first, v.violation);
        r = -EPROTO;
    }
    visit_run(&v, &trial.daemon, trial_wish.subject);
    if (trial_await_idle() != NULL)
        r = -EBUSY;
    usleep(20000);
    upgraded.starter = daemon_process_fds(trial.daemon.program);
    upgraded.door = daemon_process_fds(trial.daemon.pid);
    upgraded.worker = daemon_process_fds(trial_worker());
    trial_drop(r < 0);
    return r;
}

void try_upgrade(unsigned role, unsigned kind, uint64_t n)
{
    struct person person;
    struct visit v;
    uint64_t bad = trial_sum.bad;
    bool good;

    if (settle(&v) < 0) {
        trial_complain("the device does not work without a fault");
        return;
    }
    trial_sum.tried++;
    trial_arm(role, kind, n);
    upgrade(&v, &person);
    if (trial_wish.verbose)
        trial_title(PHASE_UPGRADE, role, kind, n);
    good = judge_upgrade(&v, &person);
    if (good && daemon_process_stop(&trial.daemon, 5000) != 0) {
        trial_complain("it does not end in order");
        good = false;
    } else if (good && !trial_folder_is_clean()) {
        trial_complain("its sockets are left");
        good = false;
    }
    if (!good)
        trial_title(PHASE_UPGRADE, role, kind, n);
    person_finish(&person);
    trial_drop(trial_sum.bad != bad && trial_wish.verbose);
}

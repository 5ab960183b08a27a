/* SPDX-License-Identifier: MIT */
#include "tests/shortage/trial.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PAGE_FD 900

struct trial_wish trial_wish = {.times = 1};
struct trial trial;
struct trial_sum trial_sum;

struct nth_page *trial_page;

static uint64_t counts[NTH_ROLES][NTH_KINDS];

const char *const trial_role_names[NTH_ROLES] = {"starter", "door", "worker", "beside"};
const char *const trial_kind_names[NTH_KINDS] = {"memory",  "map",   "open", "send",
                                                 "receive", "clone", "watch"};
const char *const trial_phase_names[PHASES] = {"start", "visit", "death", "upgrade", "end"};

double trial_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- the page ---- */

void trial_page_clear(void)
{
    atomic_store(&trial_page->nth, 0);
    atomic_store(&trial_page->fired, 0);
    memset(trial_page->where, 0, sizeof(trial_page->where));
    for (unsigned r = 0; r < NTH_ROLES; r++)
        for (unsigned k = 0; k < NTH_KINDS; k++)
            atomic_store(&trial_page->count[r][k], 0);
}

void trial_arm(unsigned role, unsigned kind, uint64_t n)
{
    trial_page_clear();
    atomic_store(&trial_page->role, role);
    atomic_store(&trial_page->kind, kind);
    atomic_store(&trial_page->times, trial_wish.times);
    atomic_store(&trial_page->nth, n);
}

int trial_page_make(void)
{
    int fd = memfd_create("nth", 0);
    char number[16];

    if (fd < 0 || ftruncate(fd, sizeof(*trial_page)) < 0 || dup2(fd, PAGE_FD) < 0)
        return -errno;
    close(fd);
    trial_page = mmap(NULL, sizeof(*trial_page), PROT_READ | PROT_WRITE, MAP_SHARED, PAGE_FD, 0);
    snprintf(number, sizeof(number), "%d", PAGE_FD);
    setenv(NTH_PAGE_FD, number, 1);
    return trial_page == MAP_FAILED ? -errno : 0;
}

void trial_disarm(void)
{
    atomic_store(&trial_page->nth, 0);
}

void trial_keep_counts(void)
{
    for (unsigned r = 0; r < NTH_ROLES; r++)
        for (unsigned k = 0; k < NTH_KINDS; k++)
            counts[r][k] = atomic_load(&trial_page->count[r][k]);
}

uint64_t trial_counted(unsigned role, unsigned kind)
{
    return counts[role][kind];
}

bool trial_fired(void)
{
    return atomic_load(&trial_page->fired) > 0;
}

/* ---- the device ---- */

int trial_start(void)
{
    const struct subject *subject = trial_wish.subject;
    int r;

    setenv("LD_PRELOAD", getenv("HOSTBLOB_NTH_LIBRARY"), 1);
    setenv("MALLOC_PERTURB_", "165", 0); /* what was freed is no longer what it was */
    r = daemon_process_start(&trial.daemon, subject->variable, subject->arguments);
    unsetenv("LD_PRELOAD");
    trial.runs = r == 0;
    trial.faults = 0;
    return r;
}

void trial_drop(bool print_log)
{
    trial_page_clear();
    daemon_process_finish(&trial.daemon, print_log);
    trial.runs = false;
}

pid_t trial_worker(void)
{
    return (pid_t)daemon_process_number(&trial.daemon, "/worker/pid");
}

unsigned trial_children(void)
{
    unsigned count = 0;
    char path[96];
    FILE *file;
    int pid;

    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)trial.daemon.program,
             (int)trial.daemon.program);
    file = fopen(path, "r");
    while (file != NULL && fscanf(file, "%d", &pid) == 1)
        count++;
    if (file != NULL)
        fclose(file);
    return count;
}

/* The starter is the program. */
bool trial_alive(void)
{
    return daemon_process_alive(trial.daemon.program) && daemon_process_alive(trial.daemon.pid);
}

const char *trial_await_idle(void)
{
    static const char *const paths[] = {"/rings_started", "/ledger",          "/device/resources",
                                        "/device/mapped", "/device/sessions", "/device/loans"};

    if (daemon_process_await_number(&trial.daemon, "/worker/ready", 1, TRIAL_LIMIT) != 1)
        return "/worker/ready";
    for (unsigned i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        if (daemon_process_await_number(&trial.daemon, paths[i], 0, TRIAL_LIMIT) != 0)
            return paths[i];
    return NULL;
}

bool trial_log_has(const char *text)
{
    return daemon_process_logged(&trial.daemon, text);
}

bool trial_folder_is_clean(void)
{
    return access(trial.daemon.socket_path, F_OK) != 0 &&
           access(trial.daemon.control_path, F_OK) != 0;
}

int trial_fresh(void)
{
    struct visit visit;
    int r;

    if (trial.runs)
        return 0;
    trial_page_clear();
    r = trial_start();
    for (unsigned i = 0; r == 0 && i < 2; i++) {
        if (!visit_run(&visit, &trial.daemon, trial_wish.subject)) {
            printf("BAD: without a fault: %s%s\n", visit.first, visit.violation);
            r = -EPROTO;
        }
        if (r == 0 && trial_await_idle() != NULL)
            r = -EBUSY;
    }
    if (r < 0) {
        trial_drop(true);
        return r;
    }
    usleep(20000);
    trial.worker = trial_worker();
    trial.replaced = false;
    trial.starter_fds = daemon_process_fds(trial.daemon.program);
    trial.door_fds = daemon_process_fds(trial.daemon.pid);
    trial.worker_fds = daemon_process_fds(trial.worker);
    trial.door_live = atomic_load(&trial_page->live[NTH_DOOR]);
    return 0;
}

/* SPDX-License-Identifier: MIT */

/*
 * Has the nth call of a kind fail in one process of a device, for all n, and sees what becomes of
 * it. tests/nth runs it, and says what it takes.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/shortage/nth_page.h"
#include "tests/shortage/visit.h"

#define PAGE_FD 900
#define LIMIT 10000 /* milliseconds, for what happens by itself */

enum phase { PHASE_START, PHASE_VISIT, PHASE_END, PHASES };

static const char *const role_names[NTH_ROLES] = {"starter", "door", "worker"};
static const char *const kind_names[NTH_KINDS] = {"memory",  "map",   "open", "send",
                                                  "receive", "clone", "watch"};
static const char *const phase_names[PHASES] = {"start", "visit", "end"};

static struct {
    bool gpu, verbose, count;
    const char *mapping;
    int role, kind, phase; /* -1: all */
    uint64_t first, last, step, most, times;
    double seconds; /* that may be used; 0: all that it takes */
} wish = {.gpu = true, .role = -1, .kind = -1, .phase = -1, .first = 1, .step = 1, .times = 1};

static struct nth_page *page;

/* The device that is tried, while it lives. */
static struct {
    struct daemon_process daemon;
    bool runs;
    pid_t worker;
    int door_fds, worker_fds, starter_fds;
    int64_t door_live;
    uint64_t faults; /* that it has seen */
} device;

static struct {
    uint64_t tried, fired, refused, replaced, hung_up, bad, leaks, library;
} total, part;

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- the page ---- */

static void page_clear(void)
{
    atomic_store(&page->nth, 0);
    atomic_store(&page->fired, 0);
    memset(page->where, 0, sizeof(page->where));
    for (unsigned r = 0; r < NTH_ROLES; r++)
        for (unsigned k = 0; k < NTH_KINDS; k++)
            atomic_store(&page->count[r][k], 0);
}

static void page_arm(unsigned role, unsigned kind, uint64_t n)
{
    page_clear();
    atomic_store(&page->role, role);
    atomic_store(&page->kind, kind);
    atomic_store(&page->times, wish.times);
    atomic_store(&page->nth, n);
}

static int page_make(void)
{
    int fd = memfd_create("nth", 0);
    char number[16];

    if (fd < 0 || ftruncate(fd, sizeof(*page)) < 0 || dup2(fd, PAGE_FD) < 0)
        return -errno;
    close(fd);
    page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, PAGE_FD, 0);
    snprintf(number, sizeof(number), "%d", PAGE_FD);
    setenv(NTH_PAGE_FD, number, 1);
    return page == MAP_FAILED ? -errno : 0;
}

/* ---- the device ---- */

static int device_start(void)
{
    const char *arguments[] = {"--window=16M", wish.mapping, NULL};
    int r;

    setenv("LD_PRELOAD", getenv("HOSTBLOB_NTH_LIBRARY"), 1);
    setenv("MALLOC_PERTURB_", "165", 0); /* what was freed is no longer what it was */
    r = daemon_process_start(&device.daemon, wish.gpu ? "HOSTBLOB_GPU" : "HOSTBLOB_MEDIA",
                             arguments);
    unsetenv("LD_PRELOAD");
    device.runs = r == 0;
    device.faults = 0;
    return r;
}

static void device_drop(bool print_log)
{
    page_clear();
    daemon_process_finish(&device.daemon, print_log);
    device.runs = false;
}

static pid_t worker_pid(void)
{
    return (pid_t)daemon_process_number(&device.daemon, "/worker/pid");
}

/* The starter is the program. */
static bool all_alive(void)
{
    return daemon_process_alive(device.daemon.program) && daemon_process_alive(device.daemon.pid);
}

/* Nothing is left of the last front-end. NULL, or what is. */
static const char *await_idle(void)
{
    static const char *const paths[] = {"/rings_started", "/ledger",          "/device/resources",
                                        "/device/mapped", "/device/sessions", "/device/loans"};

    if (daemon_process_await_number(&device.daemon, "/worker/ready", 1, LIMIT) != 1)
        return "/worker/ready";
    for (unsigned i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        if (daemon_process_await_number(&device.daemon, paths[i], 0, LIMIT) != 0)
            return paths[i];
    return NULL;
}

static bool log_has(const char *text)
{
    return daemon_process_logged(&device.daemon, text);
}

/* The door kills a worker that it cannot speak to any more, and says so; nothing else may. */
static bool crashed(void)
{
    static const int signals[] = {SIGSEGV, SIGABRT, SIGBUS, SIGILL, SIGFPE, SIGSYS, SIGTRAP};
    char text[64];

    for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        snprintf(text, sizeof(text), "was killed by signal %d", signals[i]);
        if (log_has(text))
            return true;
    }
    return log_has("was killed by its sandbox");
}

/* libseccomp (2.5.4) takes some allocations for granted, and leaves rules out where others fail: a
 * process that is started then ends at once, which its parent tells, or one rule is too strict. */
static bool blames_library(void)
{
    for (unsigned i = 0; i < NTH_FRAMES; i++)
        if (strncmp(page->where[i], "libseccomp.so", 13) == 0)
            return true;
    return false;
}

/* ---- judging ---- */

static void complain(const char *what)
{
    printf("BAD: %s\n", what);
    if (atomic_load(&page->fired) > 0)
        for (unsigned i = 0; i < NTH_FRAMES && page->where[i][0] != '\0'; i++)
            printf("    %s\n", page->where[i]);
    fflush(stdout);
    part.bad++;
}

/* A device that is as good as new, at whose state others are measured. */
static int fresh_device(void)
{
    struct visit visit;
    int r;

    if (device.runs)
        return 0;
    page_clear();
    r = device_start();
    for (unsigned i = 0; r == 0 && i < 2; i++) {
        if (!visit_run(&visit, &device.daemon, wish.gpu)) {
            printf("BAD: without a fault: %s%s\n", visit.first, visit.violation);
            r = -EPROTO;
        }
        if (r == 0 && await_idle() != NULL)
            r = -EBUSY;
    }
    if (r < 0) {
        device_drop(true);
        return r;
    }
    usleep(20000);
    device.worker = worker_pid();
    device.starter_fds = daemon_process_fds(device.daemon.program);
    device.door_fds = daemon_process_fds(device.daemon.pid);
    device.worker_fds = daemon_process_fds(device.worker);
    device.door_live = atomic_load(&page->live[NTH_DOOR]);
    return 0;
}

static bool fds_are(pid_t pid, int expected, const char *who)
{
    char text[128];
    int have = daemon_process_await_fds(pid, expected, 3000);

    if (have == expected)
        return true;
    snprintf(text, sizeof(text), "the %s has %d descriptors, %d before", who, have, expected);
    complain(text);
    return false;
}

/* What came of the fault, and whether all is as it was. */
static bool judge(const struct visit *faulty)
{
    struct visit visit;
    const char *left;
    char text[512];
    pid_t worker;

    if (!all_alive()) {
        complain("the device has ended");
        return false;
    }
    if (crashed()) {
        complain("the worker was killed by a signal");
        return false;
    }
    if (faulty->silent || faulty->violations > 0) {
        snprintf(text, sizeof(text), "%s; %s", faulty->first, faulty->violation);
        complain(text);
        return false;
    }
    left = await_idle();
    if (left != NULL) {
        snprintf(text, sizeof(text), "%s is not 0 (1 for ready)", left);
        complain(text);
        return false;
    }
    if (!visit_run(&visit, &device.daemon, wish.gpu)) {
        snprintf(text, sizeof(text), "the next visit: %s; %s", visit.first, visit.violation);
        complain(text);
        return false;
    }
    if (await_idle() != NULL || !all_alive()) {
        complain("it is not idle after the next visit");
        return false;
    }
    worker = worker_pid();
    part.replaced += worker != device.worker;
    device.worker = worker;
    return fds_are(device.daemon.program, device.starter_fds, "starter") &&
           fds_are(device.daemon.pid, device.door_fds, "door") &&
           fds_are(worker, device.worker_fds, "worker");
}

/* What the door has allocated may vary by what its libraries keep, but not rise with each fault. */
static void judge_memory(void)
{
    int64_t now_live = atomic_load(&page->live[NTH_DOOR]);

    /* Whoever asked last may not be forgotten yet. */
    for (unsigned i = 0; i < 50 && now_live > device.door_live; i++, usleep(5000))
        now_live = atomic_load(&page->live[NTH_DOOR]);
    if (now_live > device.door_live) {
        printf("    %lld allocations more than before in the door\n",
               (long long)(now_live - device.door_live));
        for (unsigned i = 0; wish.verbose && i < NTH_FRAMES && page->where[i][0] != '\0'; i++)
            printf("      %s\n", page->where[i]);
        part.leaks++;
    }
    device.door_live = now_live;
}

static void title(unsigned phase, unsigned role, unsigned kind, uint64_t n)
{
    printf("%s %s, %s: %s %llu\n", wish.gpu ? "gpu" : "media", phase_names[phase], role_names[role],
           kind_names[kind], (unsigned long long)n);
    fflush(stdout);
}

static void try_visit(unsigned role, unsigned kind, uint64_t n)
{
    struct visit visit;
    uint64_t bad = part.bad;
    double began = now();

    if (fresh_device() < 0) {
        complain("the device does not work without a fault");
        return;
    }
    part.tried++;
    page_arm(role, kind, n);
    visit_run(&visit, &device.daemon, wish.gpu);
    if (atomic_load(&page->fired) == 0) {
        atomic_store(&page->nth, 0);
        if (await_idle() == NULL)
            return;
    }
    part.fired++;
    part.refused += visit.refused > 0;
    part.hung_up += visit.over;
    if (wish.verbose) {
        title(PHASE_VISIT, role, kind, n);
        printf("    %u of %u steps refused, the first: %s\n", visit.refused, visit.steps,
               visit.first);
    }
    atomic_store(&page->nth, 0);
    if (!judge(&visit))
        title(PHASE_VISIT, role, kind, n);
    else
        judge_memory();
    device.faults++;
    if (wish.verbose && now() - began > 1)
        printf("    it took %.1f s\n", now() - began);
    if (part.bad != bad || device.faults == 200)
        device_drop(part.bad != bad && wish.verbose);
}

/* ---- at the start, and at the end ---- */

static bool folder_is_clean(void)
{
    return access(device.daemon.socket_path, F_OK) != 0 &&
           access(device.daemon.control_path, F_OK) != 0;
}

/* It has ended before it was ready: with this status it may, if it has said why. */
static const char *judge_refusal(int status)
{
    part.refused++;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != EXIT_FAILURE)
        return "it ends with a strange status";
    return log_has("rror: ") ? NULL : "it does not say why it ends";
}

/* Waits until its worker is there, or it has ended. The wait status, -EINPROGRESS when it is ready,
 * or -ETIMEDOUT. */
static int await_start(void)
{
    int status = -ETIMEDOUT;

    for (double end = now() + LIMIT / 1000; status == -ETIMEDOUT && now() < end; usleep(5000)) {
        status = daemon_process_wait(&device.daemon, 0);
        if (status == -ETIMEDOUT && daemon_process_number(&device.daemon, "/worker/ready") == 1)
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
    else if (device.daemon.program == 0)
        status = device.daemon.status;
    atomic_store(&page->nth, 0);
    part.fired += atomic_load(&page->fired) > 0;
    if (status == -EINPROGRESS) {
        if (!visit_run(visit, &device.daemon, wish.gpu))
            return visit->first;
        if (daemon_process_stop(&device.daemon, 5000) != 0)
            wrong = "it ends with another status than 0";
    } else if (status < 0) {
        return started == 0 ? "it has started, and does not get ready"
                            : "it neither starts nor ends";
    } else {
        wrong = judge_refusal(status);
    }
    if (crashed())
        return "a process was killed by a signal";
    if (wrong == NULL && !folder_is_clean())
        return "its sockets are left";
    return wrong;
}

static void try_start(unsigned role, unsigned kind, uint64_t n)
{
    struct visit visit;
    const char *wrong;
    int r;

    if (device.runs)
        device_drop(false);
    part.tried++;
    page_arm(role, kind, n);
    r = device_start();
    wrong = judge_start(r, &visit);
    if (wrong != NULL && blames_library()) {
        part.library++;
        wrong = NULL;
    }
    if (wrong != NULL)
        complain(wrong);
    if (wrong != NULL || wish.verbose) {
        title(PHASE_START, role, kind, n);
        printf("    the start: %d\n", r);
    }
    device_drop(wrong != NULL);
}

/* What ends has less to do with memory, but must end, and soon. */
static void try_end(unsigned role, unsigned kind, uint64_t n)
{
    int status;

    if (fresh_device() < 0) {
        complain("the device does not work without a fault");
        return;
    }
    part.tried++;
    page_arm(role, kind, n);
    status = daemon_process_stop(&device.daemon, 5000);
    atomic_store(&page->nth, 0);
    part.fired += atomic_load(&page->fired) > 0;
    if (status != 0 || crashed() || !folder_is_clean()) {
        complain("it does not end in order");
        title(PHASE_END, role, kind, n);
        printf("    status %d\n", status);
        device_drop(true);
    } else {
        device_drop(false);
    }
}

/* ---- all of it ---- */

/* How many calls there are of each kind, without a fault. */
static int count_calls(unsigned phase, uint64_t counts[NTH_ROLES][NTH_KINDS])
{
    struct visit visit;
    int r;

    if (phase == PHASE_START && device.runs)
        device_drop(false);
    if (phase == PHASE_START) {
        page_clear();
        r = device_start();
        if (r == 0 && await_idle() != NULL)
            r = -EBUSY;
    } else {
        r = fresh_device();
        page_clear();
        if (r == 0 && phase == PHASE_VISIT)
            visit_run(&visit, &device.daemon, wish.gpu);
        if (r == 0 && phase == PHASE_END)
            daemon_process_stop(&device.daemon, 5000);
    }
    for (unsigned i = 0; i < NTH_ROLES; i++)
        for (unsigned k = 0; k < NTH_KINDS; k++)
            counts[i][k] = atomic_load(&page->count[i][k]);
    if (r < 0 || phase != PHASE_VISIT)
        device_drop(r < 0);
    return r;
}

static void add_up(void)
{
    total.tried += part.tried;
    total.fired += part.fired;
    total.refused += part.refused;
    total.replaced += part.replaced;
    total.hung_up += part.hung_up;
    total.bad += part.bad;
    total.leaks += part.leaks;
}

static void sweep(unsigned phase, unsigned role, unsigned kind, uint64_t count, double end)
{
    static void (*const tries[PHASES])(unsigned, unsigned, uint64_t) = {try_start, try_visit,
                                                                        try_end};
    uint64_t last = wish.last != 0 && wish.last < count ? wish.last : count;
    uint64_t step = wish.step;
    double began = now();

    memset(&part, 0, sizeof(part));
    if (wish.most != 0 && count / step > wish.most)
        step = (count + wish.most - 1) / wish.most;
    for (uint64_t n = wish.first; !wish.count && n <= last && (end == 0 || now() < end); n += step)
        tries[phase](role, kind, n);
    if (wish.count)
        printf("%s %s, %s: %llu of %s\n", wish.gpu ? "gpu" : "media", phase_names[phase],
               role_names[role], (unsigned long long)count, kind_names[kind]);
    if (part.tried > 0)
        printf(
            "%s %-5s %-7s %-7s %5llu calls: %llu tried, %llu failed, %llu visits with errors, %llu "
            "hung up, %llu workers replaced, %llu by libseccomp, %llu BAD, %llu leaks, %.0f s\n",
            wish.gpu ? "gpu  " : "media", phase_names[phase], role_names[role], kind_names[kind],
            (unsigned long long)count, (unsigned long long)part.tried,
            (unsigned long long)part.fired, (unsigned long long)part.refused,
            (unsigned long long)part.hung_up, (unsigned long long)part.replaced,
            (unsigned long long)part.library, (unsigned long long)part.bad,
            (unsigned long long)part.leaks, now() - began);
    fflush(stdout);
    add_up();
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
        {"device", required_argument, NULL, 'd'},  {"mapping", required_argument, NULL, 'g'},
        {"phase", required_argument, NULL, 'p'},   {"role", required_argument, NULL, 'r'},
        {"kind", required_argument, NULL, 'k'},    {"first", required_argument, NULL, 'f'},
        {"last", required_argument, NULL, 'l'},    {"step", required_argument, NULL, 's'},
        {"most", required_argument, NULL, 'm'},    {"times", required_argument, NULL, 't'},
        {"seconds", required_argument, NULL, 'e'}, {"verbose", no_argument, NULL, 'v'},
        {"count", no_argument, NULL, 'c'},         {0},
    };

    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (c) {
        case 'd':
            wish.gpu = strcmp(optarg, "gpu") == 0;
            break;
        case 'g':
            wish.mapping = optarg;
            break;
        case 'p':
            wish.phase = find(optarg, phase_names, PHASES);
            break;
        case 'r':
            wish.role = find(optarg, role_names, NTH_ROLES);
            break;
        case 'k':
            wish.kind = find(optarg, kind_names, NTH_KINDS);
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
        case 't':
            wish.times = strtoull(optarg, NULL, 10);
            break;
        case 'e':
            wish.seconds = strtod(optarg, NULL);
            break;
        case 'c':
            wish.count = true;
            break;
        case 'v':
            wish.verbose = true;
            break;
        default:
            exit(2);
        }
    }
}

int main(int argc, char **argv)
{
    uint64_t counts[NTH_ROLES][NTH_KINDS];
    double end;

    take_options(argc, argv);
    signal(SIGPIPE, SIG_IGN);
    frontend_patience = 8000; /* more than a worker gets from the door */
    if (page_make() < 0 || wish.step == 0 || wish.first == 0 ||
        getenv("HOSTBLOB_NTH_LIBRARY") == NULL) {
        fprintf(stderr, "start it with tests/nth\n");
        return 2;
    }
    end = wish.seconds > 0 ? now() + wish.seconds : 0;
    for (unsigned phase = 0; phase < PHASES; phase++) {
        if (wish.phase >= 0 && phase != (unsigned)wish.phase)
            continue;
        if (count_calls(phase, counts) < 0) {
            printf("BAD: without a fault it does not work\n");
            return 1;
        }
        for (unsigned role = 0; role < NTH_ROLES; role++)
            for (unsigned kind = 0; kind < NTH_KINDS; kind++)
                if ((wish.role < 0 || role == (unsigned)wish.role) &&
                    (wish.kind < 0 || kind == (unsigned)wish.kind))
                    sweep(phase, role, kind, counts[role][kind], end);
    }
    if (device.runs)
        device_drop(false);
    printf("%llu tried, %llu failed, %llu bad, %llu leaks\n", (unsigned long long)total.tried,
           (unsigned long long)total.fired, (unsigned long long)total.bad,
           (unsigned long long)total.leaks);
    return total.bad > 0;
}

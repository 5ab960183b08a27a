/* SPDX-License-Identifier: MIT */
#include "gpu/probe.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/units.h"

#define WORDS_MAX 256u
#define STATUS_NO 3 /* it ran to its end and says that it did not work */

/* ---- in the child ---- */

int probe_run(probe_fn *probe, const struct gpu_options *options)
{
    struct json_object *report = json_object_new_object();
    char why[PROBE_WHY] = "";
    int result = probe(options, report, why);

    json_object_object_add(report, "ok", json_object_new_boolean(result == 0));
    if (result < 0)
        json_object_object_add(report, "why",
                               json_object_new_string(why[0] != '\0' ? why : strerror(-result)));
    puts(json_object_to_json_string_ext(report, JSON_C_TO_STRING_PLAIN));
    fflush(stdout);
    /* What the libraries would do at exit is of no interest, and may crash. */
    _exit(result == 0 ? EXIT_SUCCESS : STATUS_NO);
}

/* Between fork and exec. In a process group of its own: a probe may start a server. */
static void become(const char *name, char *const *argv, int out, int err)
{
    char word[64];
    char *words[WORDS_MAX + 2];
    unsigned n = 0;
    sigset_t none;

    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (dup2(out, STDOUT_FILENO) < 0 || dup2(err, STDERR_FILENO) < 0)
        _exit(127);
    closefrom(STDERR_FILENO + 1);
    snprintf(word, sizeof(word), "--probe=%s", name);
    for (; argv[n] != NULL && n < WORDS_MAX; n++)
        words[n] = argv[n];
    words[n++] = word;
    words[n] = NULL;
    execv("/proc/self/exe", words);
    _exit(127);
}

/* ---- in the parent ---- */

static void fail(struct probe *probe, const char *reason)
{
    if (probe->why[0] == '\0')
        snprintf(probe->why, sizeof(probe->why), "%s", reason);
}

static int open_pipes(int out[2], int err[2])
{
    if (pipe2(out, O_CLOEXEC) < 0)
        return -errno;
    if (pipe2(err, O_CLOEXEC) < 0) {
        int error = -errno;

        fd_close(&out[0]);
        fd_close(&out[1]);
        return error;
    }
    fd_set_nonblock(out[0]);
    fd_set_nonblock(err[0]);
    return 0;
}

/* What fits is kept; the rest is read as well, so that the child is not held up. */
static void read_report(struct probe *probe)
{
    char piece[4096];
    ssize_t n;

    while ((n = read(probe->out, piece, sizeof(piece))) > 0) {
        size_t room = sizeof(probe->line) - 1 - probe->line_size;
        size_t take = (size_t)n < room ? (size_t)n : room;

        memcpy(probe->line + probe->line_size, piece, take);
        probe->line_size += (unsigned)take;
    }
    if (n == 0)
        fd_close(&probe->out);
}

/* The last line is what a library says before it aborts. */
static void read_errors(struct probe *probe)
{
    char piece[4096];
    ssize_t n;

    while ((n = read(probe->err, piece, sizeof(piece))) > 0) {
        for (ssize_t i = 0; i < n; i++) {
            if (piece[i] != '\n' && probe->last_size < sizeof(probe->last) - 1) {
                probe->last[probe->last_size++] = piece[i];
                probe->last[probe->last_size] = '\0';
            } else if (piece[i] == '\n' && probe->last_size > 0) {
                log_debug("Probe %s: %s", probe->name, probe->last);
                probe->last_size = 0;
            }
        }
    }
    if (n == 0)
        fd_close(&probe->err);
}

static void describe_end(struct probe *probe, const siginfo_t *si)
{
    const char *signal_name;

    if (si->si_code == CLD_EXITED) {
        snprintf(probe->why, sizeof(probe->why), "the self-test ended with status %d%s%.180s",
                 si->si_status, probe->last[0] != '\0' ? ": " : "", probe->last);
        return;
    }
    signal_name = sigabbrev_np(si->si_status);
    snprintf(probe->why, sizeof(probe->why), "the self-test died of SIG%s%s%.180s",
             signal_name != NULL ? signal_name : "?", probe->last[0] != '\0' ? ": " : "",
             probe->last);
}

/* Takes over what the child found, if it is what a probe prints. */
static bool take_report(struct probe *probe)
{
    struct json_object *report, *value;

    probe->line[probe->line_size] = '\0';
    report = json_tokener_parse(probe->line);
    if (report == NULL || !json_object_object_get_ex(report, "ok", &value)) {
        json_object_put(report);
        return false;
    }
    probe->ok = json_object_get_boolean(value);
    if (!probe->ok && json_object_object_get_ex(report, "why", &value))
        fail(probe, json_object_get_string(value));
    json_object_object_del(report, "ok");
    json_object_object_del(report, "why");
    json_object_put(probe->report);
    probe->report = report;
    return true;
}

/* The child has ended: reaps it, and ends what it may have left. */
static void reap(struct probe *probe)
{
    siginfo_t si = {0};

    read_report(probe);
    read_errors(probe);
    kill(-probe->pid, SIGKILL);
    waitid(P_PID, (id_t)probe->pid, &si, WEXITED);
    probe->pid = 0;
    if (probe->why[0] != '\0')
        return;
    if (!take_report(probe) ||
        (probe->ok && (si.si_code != CLD_EXITED || si.si_status != EXIT_SUCCESS))) {
        probe->ok = false;
        describe_end(probe, &si);
    }
}

static void stop(struct probe *probe)
{
    kill(-probe->pid, SIGKILL);
    kill(probe->pid, SIGKILL);
    reap(probe);
}

void probe_start(struct probe *probe, const char *name, char *const *argv)
{
    int out[2], err[2];
    int result;

    *probe = (struct probe){.name = name, .pid_fd = -1, .out = -1, .err = -1};
    probe->report = json_object_new_object();
    result = open_pipes(out, err);
    if (result < 0) {
        fail(probe, strerror(-result));
        return;
    }
    probe->out = out[0];
    probe->err = err[0];
    probe->pid = fork();
    if (probe->pid == 0)
        become(name, argv, out[1], err[1]);
    fd_close(&out[1]);
    fd_close(&err[1]);
    if (probe->pid > 0)
        probe->pid_fd = pidfd_open(probe->pid, 0);
    if (probe->pid_fd >= 0)
        return;
    fail(probe, strerror(errno));
    if (probe->pid > 0)
        stop(probe);
    probe->pid = 0;
}

static void take_news(struct probe *probe, const struct pollfd *fds)
{
    read_report(probe);
    read_errors(probe);
    if (fds[0].revents != 0)
        reap(probe);
}

/* Waits up to 'limit_ms' for news of one of them and takes it. False when all have ended. */
static bool wait_for_news(struct probe *probes, unsigned count, int limit_ms)
{
    struct pollfd fds[3 * PROBES_MAX];
    unsigned running = 0;

    for (unsigned i = 0; i < count; i++) {
        struct probe *probe = &probes[i];
        bool runs = probe->pid > 0;

        running += runs;
        fds[3 * i] = (struct pollfd){.fd = runs ? probe->pid_fd : -1, .events = POLLIN};
        fds[3 * i + 1] = (struct pollfd){.fd = runs ? probe->out : -1, .events = POLLIN};
        fds[3 * i + 2] = (struct pollfd){.fd = runs ? probe->err : -1, .events = POLLIN};
    }
    if (running == 0)
        return false;
    poll(fds, 3 * count, limit_ms);
    for (unsigned i = 0; i < count; i++)
        if (probes[i].pid > 0)
            take_news(&probes[i], &fds[3 * i]);
    return true;
}

static void give_up(struct probe *probe, unsigned limit_ms)
{
    char reason[64];

    snprintf(reason, sizeof(reason), "the self-test had not ended after %u ms", limit_ms);
    fail(probe, reason);
    stop(probe);
}

void probe_wait(struct probe *probes, unsigned count, unsigned limit_ms)
{
    uint64_t deadline = units_now_ns() + limit_ms * UINT64_C(1000000);
    uint64_t now;

    assert(count <= PROBES_MAX);
    while ((now = units_now_ns()) < deadline &&
           wait_for_news(probes, count, (int)((deadline - now) / 1000000) + 1))
        ;
    for (unsigned i = 0; i < count; i++) {
        if (probes[i].pid > 0)
            give_up(&probes[i], limit_ms);
        fd_close(&probes[i].pid_fd);
        fd_close(&probes[i].out);
        fd_close(&probes[i].err);
    }
}

void probe_finish(struct probe *probe)
{
    json_object_put(probe->report);
    probe->report = NULL;
}

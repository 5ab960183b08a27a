/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/sandbox_list.h"
#include "daemon/sandbox_parts.h"

#define SIGSYS_STATUS (128 + SIGSYS)

/* Names the system call, for whoever asked by --sandbox-log, and ends as the kernel would have. */
static void on_sigsys(int signal_number, siginfo_t *info, void *context)
{
    int number = info->si_syscall;
    bool known = number >= 0 && (unsigned)number < sandbox_call_count &&
                 sandbox_call_names[number][0] != '\0';

    log_error("The sandbox refuses system call %d (%s).", number,
              known ? sandbox_call_names[number] : "unknown");
    _exit(SIGSYS_STATUS);
}

/* Has the kernel take the role's list for this process: for all its threads, or this one. */
static int load(enum sandbox_role role, bool log, unsigned flags)
{
    struct sock_filter program[SANDBOX_LIST_MOST];
    struct sock_fprog list = {sandbox_lists[role].length, program};
    long r;

    memcpy(program, sandbox_lists[role].program, list.len * sizeof(program[0]));
    for (unsigned i = 0; i < list.len; i++) {
        if (program[i].k == SANDBOX_LIST_OWN_PID)
            program[i].k = (uint32_t)getpid();
        if (log && program[i].code == (BPF_RET | BPF_K) && program[i].k == SECCOMP_RET_KILL_PROCESS)
            program[i].k = SECCOMP_RET_TRAP;
    }
    r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &list);
    return r < 0   ? -errno
           : r > 0 ? -ECANCELED
                   : 0; /* above 0: a thread that it cannot be had for */
}

int sandbox_seccomp(const struct sandbox_plan *plan, const char **what)
{
    struct sigaction action = {.sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO};

    *what = "seccomp";
    if (plan->log)
        sigaction(SIGSYS, &action, NULL);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    return load(plan->role, plan->log, SECCOMP_FILTER_FLAG_TSYNC);
}

/* ---- of a child ---- */

static bool child_enters;

void sandbox_seccomp_child(void)
{
    child_enters = true;
}

int sandbox_child_enter(void)
{
    return child_enters ? load(SANDBOX_RENDER_SERVER, false, 0) : 0;
}

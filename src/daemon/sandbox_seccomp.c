/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/sandbox_program.h"

#define SIGSYS_STATUS (128 + SIGSYS)

/* Names the system call, for whoever asked by --sandbox-log, and ends as the kernel would have. */
static void on_sigsys(int number, siginfo_t *info, void *context)
{
    char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, info->si_syscall);

    log_error("The sandbox refuses system call %d (%s).", info->si_syscall,
              name != NULL ? name : "unknown");
    _exit(SIGSYS_STATUS);
}

/* 0 or -errno. */
static int load(const struct sandbox_program *program, unsigned flags)
{
    const struct sock_fprog all = {(unsigned short)program->size,
                                   (struct sock_filter *)(uintptr_t)program->code};
    long r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &all);

    if (r > 0) /* the number of a thread that has another list */
        return -ESRCH;
    return r < 0 ? -errno : 0;
}

int sandbox_seccomp(const struct sandbox_plan *plan, const char **what)
{
    static struct sandbox_program program;
    struct sigaction action = {.sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO};
    int r;

    *what = "seccomp";
    r = sandbox_program_make(&program, plan->role, plan->log);
    if (r < 0)
        return r;
    if (plan->log)
        sigaction(SIGSYS, &action, NULL);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    return load(&program, SECCOMP_FILTER_FLAG_TSYNC);
}

/* ---- of a child ---- */

static struct sandbox_program child_program;

int sandbox_seccomp_child(const struct sandbox_plan *plan, const char **what)
{
    *what = "seccomp";
    return sandbox_program_make(&child_program, plan->role, plan->log);
}

int sandbox_child_enter(void)
{
    return child_program.size > 0 ? load(&child_program, 0) : 0;
}

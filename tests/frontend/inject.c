/* SPDX-License-Identifier: MIT */
#include "tests/frontend/inject.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __x86_64__

#define SYSCALL_SIZE 2 /* bytes of the instruction */
#define BELOW_STACK 1024u

bool inject_possible(void)
{
    return geteuid() == 0;
}

/* Waits until it stops or ends. Its wait status, or -1. */
static int await_stop(pid_t pid)
{
    int status;

    return waitpid(pid, &status, __WALL) == pid ? status : -1;
}

static long ended(int status)
{
    return WIFSIGNALED(status) ? INJECT_KILLED + WTERMSIG(status) : -ECHILD;
}

/* Far below what the process has on its stack. The address. */
static unsigned long put_text(pid_t pid, unsigned long stack, const char *text)
{
    unsigned long at = (stack - BELOW_STACK) & ~7ul;
    char bytes[64] = "";

    snprintf(bytes, sizeof(bytes), "%s", text);
    for (size_t i = 0; i < sizeof(bytes); i += sizeof(long)) {
        long word;

        memcpy(&word, bytes + i, sizeof(word));
        ptrace(PTRACE_POKEDATA, pid, at + i, word);
    }
    return at;
}

/* It stands behind the instruction of the call that it waits in: back to that, with another call.
 */
static long make_call(pid_t pid, long number, const unsigned long arguments[static 4],
                      const char *path)
{
    struct user_regs_struct before, now;
    unsigned long address = 0;
    int status;

    if (ptrace(PTRACE_GETREGS, pid, NULL, &before) < 0)
        return -ECHILD;
    now = before;
    now.rip -= SYSCALL_SIZE;
    now.orig_rax = (unsigned long)-1;
    now.rax = (unsigned long)number;
    if (path != NULL)
        address = put_text(pid, before.rsp, path);
    now.rdi = arguments[0] == INJECT_PATH ? address : arguments[0];
    now.rsi = arguments[1] == INJECT_PATH ? address : arguments[1];
    now.rdx = arguments[2];
    now.r10 = arguments[3];
    ptrace(PTRACE_SETREGS, pid, NULL, &now);
    ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL);
    status = await_stop(pid);
    if (status < 0 || !WIFSTOPPED(status))
        return ended(status);
    ptrace(PTRACE_GETREGS, pid, NULL, &now);
    /* The wait was interrupted, which it takes for nothing. */
    before.rax = (unsigned long)-EINTR;
    before.orig_rax = (unsigned long)-1;
    ptrace(PTRACE_SETREGS, pid, NULL, &before);
    return (long)now.rax;
}

long inject_call(pid_t pid, long number, const unsigned long arguments[static 4], const char *path)
{
    long result;
    int status;

    if (ptrace(PTRACE_ATTACH, pid, NULL, NULL) < 0)
        return -ECHILD;
    status = await_stop(pid);
    if (status < 0 || !WIFSTOPPED(status))
        return ended(status);
    result = make_call(pid, number, arguments, path);
    if (result < INJECT_KILLED)
        ptrace(PTRACE_DETACH, pid, NULL, NULL);
    return result;
}

#else

bool inject_possible(void)
{
    return false;
}

long inject_call(pid_t pid, long number, const unsigned long arguments[static 4], const char *path)
{
    return -ECHILD;
}

#endif

/* SPDX-License-Identifier: MIT */
#include "tests/bench/awake.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "tests/bench/floor.h"

static int spin_on(int cpu)
{
    const struct sched_param none = {0};
    pid_t parent = getpid(), pid;

    fflush(NULL);
    pid = fork();
    if (pid != 0)
        return pid < 0 ? -errno : 0;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent ||
        sched_setscheduler(0, SCHED_IDLE, &none) < 0)
        _exit(1);
    floor_pin(cpu);
    for (;;)
        __asm__ volatile("" ::: "memory");
}

int awake_keep(int one, int other)
{
    int r = spin_on(one);

    return r < 0 || one == other ? r : spin_on(other);
}

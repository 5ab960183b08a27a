/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_LED_H
#define TESTS_UNIT_LED_H

/*
 * A process that is led instruction by instruction, so that a test can look at what it leaves
 * behind at any instant of its life. Everything it leaves must be in shared memory.
 */
#include <signal.h>
#include <stdint.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd_count.h"

#define LED_NOT_ALLOWED 77

/* Runs 'life' in a child and calls 'look' after each of its instructions; skips the test where no
 * process may be led. */
static inline void led_watch(void (*life)(void), void (*look)(void))
{
    int status = 0;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
            _exit(LED_NOT_ALLOWED);
        raise(SIGSTOP);
        life();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == LED_NOT_ALLOWED) {
        print_message("no process may be led step by step here: nothing is tested\n");
        skip();
    }
    assert_true(WIFSTOPPED(status));
    while (WIFSTOPPED(status)) {
        int signal = WSTOPSIG(status) == SIGTRAP || WSTOPSIG(status) == SIGSTOP ? 0 : SIGKILL;

        look();
        assert_int_equal(ptrace(PTRACE_SINGLESTEP, pid, NULL, (void *)(intptr_t)signal), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
    }
    look();
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

#endif

/* SPDX-License-Identifier: MIT */
/* Each role's program, run here as the kernel would, says of every call what the tables say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <string.h>
#include <unistd.h>

#include "daemon/sandbox_program.h"

#define NUMBERS 700u /* more than any kernel has calls */

static struct sandbox_program program;

/* The machine: what the kernel makes of the program for one call. */
static uint32_t run(const struct seccomp_data *data)
{
    uint32_t a = 0;

    for (unsigned at = 0, steps = 0;; at++, steps++) {
        const struct sock_filter *f = &program.code[at];

        assert_true(at < program.size && steps < program.size);
        switch (f->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            assert_true(f->k <= sizeof(*data) - 4 && f->k % 4 == 0);
            memcpy(&a, (const char *)data + f->k, 4);
            break;
        case BPF_ALU | BPF_AND | BPF_K:
            a &= f->k;
            break;
        case BPF_JMP | BPF_JA:
            at += f->k;
            break;
        case BPF_JMP | BPF_JEQ | BPF_K:
            at += a == f->k ? f->jt : f->jf;
            break;
        case BPF_JMP | BPF_JGE | BPF_K:
            at += a >= f->k ? f->jt : f->jf;
            break;
        case BPF_RET | BPF_K:
            return f->k;
        default:
            fail_msg("instruction %u is 0x%x", at, f->code);
        }
    }
}

static bool is_conditional(const struct sandbox_call *c)
{
    return c->rule == SANDBOX_ALLOW_EQUAL || c->rule == SANDBOX_ALLOW_MASKED ||
           c->rule == SANDBOX_ALLOW_OWN_PID;
}

static bool holds(const struct sandbox_call *c, const struct seccomp_data *data)
{
    uint64_t argument = data->args[c->argument];

    if (c->rule == SANDBOX_ALLOW_OWN_PID)
        return argument == (uint64_t)getpid();
    return c->rule == SANDBOX_ALLOW_MASKED ? (argument & c->mask) == c->value
                                           : argument == c->value;
}

/* What the first row of the call says; of conditions, any that holds. */
static uint32_t expected(enum sandbox_role role, const struct seccomp_data *data, uint32_t death)
{
    uint32_t otherwise = sandbox_is_closed(role) ? death : SECCOMP_RET_ERRNO | EPERM;
    bool conditional = false;

    for (const struct sandbox_call *const *t = sandbox_tables(role); *t != NULL; t++)
        for (const struct sandbox_call *c = *t; c->name != NULL; c++) {
            if (seccomp_syscall_resolve_name(c->name) != data->nr ||
                (conditional && !is_conditional(c)))
                continue;
            if (is_conditional(c) && !holds(c, data)) {
                conditional = true;
                continue;
            }
            if (c->rule == SANDBOX_KILL)
                return death;
            return c->rule == SANDBOX_REFUSE ? SECCOMP_RET_ERRNO | (uint32_t)c->value
                                             : SECCOMP_RET_ALLOW;
        }
    return otherwise;
}

/* A value that a condition asks for, and others next to it, also in the upper half. */
static void try_values(enum sandbox_role role, struct seccomp_data *data, uint32_t death,
                       const struct sandbox_call *c)
{
    uint64_t wanted = c->rule == SANDBOX_ALLOW_OWN_PID ? (uint64_t)getpid() : c->value;
    __u64 *argument = &data->args[c->argument];

    for (unsigned bit = 0; bit < 64; bit++) {
        *argument = wanted ^ UINT64_C(1) << bit;
        assert_int_equal(run(data), expected(role, data, death));
    }
    *argument = wanted;
    assert_int_equal(run(data), expected(role, data, death));
    assert_int_equal(run(data), SECCOMP_RET_ALLOW);
    *argument = 0;
}

static void compare(enum sandbox_role role, uint32_t death)
{
    struct seccomp_data data = {.arch = seccomp_arch_native()};
    unsigned allowed = 0, conditions = 0;

    for (data.nr = 0; data.nr < (int)NUMBERS; data.nr++) {
        assert_int_equal(run(&data), expected(role, &data, death));
        allowed += run(&data) == SECCOMP_RET_ALLOW;
    }
    for (const struct sandbox_call *const *t = sandbox_tables(role); *t != NULL; t++)
        for (const struct sandbox_call *c = *t; c->name != NULL; c++) {
            data.nr = seccomp_syscall_resolve_name(c->name);
            memset(data.args, 0xff, sizeof(data.args));
            if (data.nr < 0 || !is_conditional(c) || run(&data) == SECCOMP_RET_ALLOW)
                continue; /* an earlier row permits it without */
            memset(data.args, 0, sizeof(data.args));
            try_values(role, &data, death, c);
            conditions++;
        }
    assert_true(allowed > 40 && allowed < 250);
    assert_true(conditions > 0);
}

static void every_role_is_what_its_tables_say(void **state)
{
    for (unsigned role = 0; role < SANDBOX_ROLES; role++) {
        assert_int_equal(sandbox_program_make(&program, (enum sandbox_role)role, false), 0);
        assert_true(program.size > 40 && program.size < SANDBOX_PROGRAM_MOST / 2);
        compare((enum sandbox_role)role, SECCOMP_RET_KILL_PROCESS);
        assert_int_equal(sandbox_program_make(&program, (enum sandbox_role)role, true), 0);
        compare((enum sandbox_role)role, SECCOMP_RET_TRAP);
    }
}

static void calls_of_another_interface_are_death(void **state)
{
    struct seccomp_data data = {.arch = seccomp_arch_native() ^ 1, .nr = 1};

    for (unsigned role = 0; role < SANDBOX_ROLES; role++) {
        assert_int_equal(sandbox_program_make(&program, (enum sandbox_role)role, true), 0);
        for (data.nr = 0; data.nr < (int)NUMBERS; data.nr++)
            assert_int_equal(run(&data), SECCOMP_RET_KILL_PROCESS);
    }
}

#ifdef __x86_64__
static void x32_is_death(void **state)
{
    struct seccomp_data data = {.arch = seccomp_arch_native()};

    assert_int_equal(sandbox_program_make(&program, SANDBOX_STARTER, true), 0);
    for (unsigned n = 0; n < NUMBERS; n++) {
        data.nr = (int)(0x40000000u + n);
        assert_int_equal(run(&data), SECCOMP_RET_KILL_PROCESS);
    }
    data.nr = 0x3fffffff;
    assert_int_equal(run(&data), SECCOMP_RET_ERRNO | EPERM);
    data.nr = -1;
    assert_int_equal(run(&data), SECCOMP_RET_ERRNO | EPERM);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_role_is_what_its_tables_say),
        cmocka_unit_test(calls_of_another_interface_are_death),
#ifdef __x86_64__
        cmocka_unit_test(x32_is_death),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

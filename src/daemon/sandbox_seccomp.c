/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "daemon/sandbox_parts.h"

#define BUILD_SECONDS 5u /* it takes milliseconds */
#define SIGSYS_STATUS (128 + SIGSYS)
#define SAID_MOST 512u /* more calls than any role's tables have */

/* Names the system call, for whoever asked by --sandbox-log, and ends as the kernel would have. */
static void on_sigsys(int number, siginfo_t *info, void *context)
{
    char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, info->si_syscall);

    log_error("The sandbox refuses system call %d (%s).", info->si_syscall,
              name != NULL ? name : "unknown");
    _exit(SIGSYS_STATUS);
}

static bool is_conditional(const struct sandbox_call *c)
{
    return c->rule == SANDBOX_ALLOW_EQUAL || c->rule == SANDBOX_ALLOW_MASKED ||
           c->rule == SANDBOX_ALLOW_OWN_PID;
}

/* The calls that the rows so far have said something of. */
struct said {
    unsigned count;
    struct {
        int number;
        bool conditional;
    } calls[SAID_MOST];
};

/* What an earlier row said of the call stays: libseccomp would not have the two together.
 * Conditions go together, any of them will do. Returns 1; 0: nothing was said before; -E2BIG. */
static int say(struct said *said, const struct sandbox_call *call, int number)
{
    for (unsigned i = 0; i < said->count; i++)
        if (said->calls[i].number == number &&
            !(said->calls[i].conditional && is_conditional(call)))
            return 1;
    if (said->count == SAID_MOST)
        return -E2BIG;
    said->calls[said->count].number = number;
    said->calls[said->count++].conditional = is_conditional(call);
    return 0;
}

static int add_call(scmp_filter_ctx filter, const struct sandbox_call *c, int number,
                    uint32_t death)
{
    struct scmp_arg_cmp only = {.arg = c->argument, .op = SCMP_CMP_EQ, .datum_a = c->value};

    switch (c->rule) {
    case SANDBOX_ALLOW:
        return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, number, 0, NULL);
    case SANDBOX_ALLOW_OWN_PID:
        only.datum_a = (scmp_datum_t)getpid();
        return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, number, 1, &only);
    case SANDBOX_ALLOW_EQUAL:
        return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, number, 1, &only);
    case SANDBOX_ALLOW_MASKED:
        only.op = SCMP_CMP_MASKED_EQ;
        only.datum_a = c->mask;
        only.datum_b = c->value;
        return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, number, 1, &only);
    case SANDBOX_REFUSE:
        return seccomp_rule_add_array(filter, SCMP_ACT_ERRNO((uint16_t)c->value), number, 0, NULL);
    case SANDBOX_KILL:
        return seccomp_rule_add_array(filter, death, number, 0, NULL);
    }
    return -EINVAL;
}

static int add_row(scmp_filter_ctx filter, struct said *said, const struct sandbox_call *c,
                   bool closed, uint32_t death)
{
    int number = seccomp_syscall_resolve_name(c->name);
    int r;

    if (number == __NR_SCMP_ERROR || number < 0)
        return 0;
    r = say(said, c, number);
    if (r != 0)
        return r < 0 ? r : 0;
    /* What comes of all other calls needs no rule, and may have none. */
    if (closed ? c->rule == SANDBOX_KILL : c->rule == SANDBOX_REFUSE && c->value == EPERM)
        return 0;
    r = add_call(filter, c, number, death);
    return r < 0 && r != -EDOM ? r : 0;
}

static int add_tables(scmp_filter_ctx filter, enum sandbox_role role, bool closed, uint32_t death)
{
    struct said said;
    int r = 0;

    said.count = 0;
    for (const struct sandbox_call *const *t = sandbox_tables(role); *t != NULL; t++)
        for (const struct sandbox_call *c = *t; c->name != NULL && r == 0; c++)
            r = add_row(filter, &said, c, closed, death);
    return r;
}

/* The library goes on where some of its allocations fail, and leaves rules out: it is to be asked
 * with errno 0, and not to be believed if that is ENOMEM then. */
static int believe(int result)
{
    return result == 0 && errno == ENOMEM ? -ENOMEM : result;
}

/* The list of the role; NULL with *error. */
static scmp_filter_ctx make_filter(const struct sandbox_plan *plan, int *error)
{
    bool closed = sandbox_is_closed(plan->role);
    uint32_t death = plan->log ? SCMP_ACT_TRAP : SCMP_ACT_KILL_PROCESS;
    scmp_filter_ctx filter = seccomp_init(closed ? death : SCMP_ACT_ERRNO(EPERM));

    *error = -ENOMEM;
    if (filter == NULL)
        return NULL;
    errno = 0;
    *error = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (*error == 0)
        *error = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    if (*error == 0)
        *error = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (*error == 0)
        *error = believe(add_tables(filter, plan->role, closed, death));
    if (*error == 0)
        return filter;
    seccomp_release(filter);
    return NULL;
}

/* libseccomp (2.5.4) may run in circles when it got no memory. */
static void on_alarm(int number)
{
    static const char text[] = "error: The sandbox cannot be built: libseccomp does not come to an "
                               "end, as it does where there is no memory.\n";

    if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
        _exit(EXIT_FAILURE);
    _exit(EXIT_FAILURE);
}

static int load(const struct sandbox_plan *plan)
{
    struct sigaction action = {.sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO};
    int r;
    scmp_filter_ctx filter = make_filter(plan, &r);

    if (filter == NULL)
        return r;
    if (plan->log)
        sigaction(SIGSYS, &action, NULL);
    errno = 0;
    r = believe(seccomp_load(filter));
    seccomp_release(filter);
    return r;
}

int sandbox_seccomp(const struct sandbox_plan *plan, const char **what)
{
    int r;

    *what = "seccomp";
    signal(SIGALRM, on_alarm);
    alarm(BUILD_SECONDS);
    r = load(plan);
    alarm(0);
    return r;
}

/* ---- of a child ---- */

static struct sock_fprog child_filter;

static int export_filter(scmp_filter_ctx filter, int fd)
{
    errno = 0;
    return believe(seccomp_export_bpf(filter, fd));
}

int sandbox_seccomp_child(const struct sandbox_plan *plan, const char **what)
{
    static struct sock_filter program[BPF_MAXINSNS];
    scmp_filter_ctx filter;
    int fd = memfd_create("seccomp", MFD_CLOEXEC);
    ssize_t size;
    int r;

    *what = "seccomp";
    filter = make_filter(plan, &r);
    if (filter != NULL)
        r = fd < 0 ? -errno : export_filter(filter, fd);
    seccomp_release(filter);
    if (r == 0) {
        size = pread(fd, program, sizeof(program), 0);
        r = size < 0 ? -errno : 0;
        child_filter.len = (unsigned short)((size_t)(size < 0 ? 0 : size) / sizeof(program[0]));
        child_filter.filter = program;
    }
    fd_close(&fd);
    return r;
}

int sandbox_child_enter(void)
{
    if (child_filter.len == 0)
        return 0;
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0u, &child_filter) < 0 ? -errno : 0;
}

/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/filter.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/sandbox_list.h"
#include "daemon/sandbox_tables.h"

/*
 * Run when hostblob is built: has libseccomp make each role's list of system calls into a program
 * for the kernel, and writes them all as C (sandbox_list.h). A device that starts has none of that
 * to do, which would take it a fifth of its time and most of its allocations.
 */
#define SAID_MOST 512u /* more calls than any role's tables have */
#define CALLS 1024     /* more than there are */

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

static int add_call(scmp_filter_ctx filter, const struct sandbox_call *c, int number)
{
    struct scmp_arg_cmp only = {.arg = c->argument, .op = SCMP_CMP_EQ, .datum_a = c->value};

    switch (c->rule) {
    case SANDBOX_ALLOW:
        return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, number, 0, NULL);
    case SANDBOX_ALLOW_OWN_PID:
        only.datum_a = SANDBOX_LIST_OWN_PID;
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
        return seccomp_rule_add_array(filter, SCMP_ACT_KILL_PROCESS, number, 0, NULL);
    }
    return -EINVAL;
}

static int add_row(scmp_filter_ctx filter, struct said *said, const struct sandbox_call *c,
                   bool closed)
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
    r = add_call(filter, c, number);
    return r < 0 && r != -EDOM ? r : 0;
}

static int add_tables(scmp_filter_ctx filter, enum sandbox_role role, bool closed)
{
    struct said said;
    int r = 0;

    said.count = 0;
    for (const struct sandbox_call *const *t = sandbox_tables(role); *t != NULL; t++)
        for (const struct sandbox_call *c = *t; c->name != NULL && r == 0; c++)
            r = add_row(filter, &said, c, closed);
    return r;
}

/* The list of the role; NULL with *error. */
static scmp_filter_ctx make_filter(enum sandbox_role role, int *error)
{
    bool closed = sandbox_is_closed(role);
    scmp_filter_ctx filter = seccomp_init(closed ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ERRNO(EPERM));

    *error = -ENOMEM;
    if (filter == NULL)
        return NULL;
    *error = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (*error == 0)
        *error = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (*error == 0)
        *error = add_tables(filter, role, closed);
    if (*error == 0)
        return filter;
    seccomp_release(filter);
    return NULL;
}

/* How many instructions 'file' got, or -errno. */
static int make_program(enum sandbox_role role, FILE *file, struct sock_filter *program)
{
    int r;
    scmp_filter_ctx filter = make_filter(role, &r);

    if (filter == NULL)
        return r;
    if (lseek(fileno(file), 0, SEEK_SET) < 0 || ftruncate(fileno(file), 0) < 0)
        r = -errno;
    if (r == 0)
        r = seccomp_export_bpf(filter, fileno(file));
    seccomp_release(filter);
    if (r < 0)
        return r;
    rewind(file);
    return (int)(fread(program, sizeof(*program), SANDBOX_LIST_MOST + 1, file));
}

/* Its own process id is the one thing that a list cannot know. */
static unsigned count_own_pid(const struct sock_filter *program, int length)
{
    unsigned count = 0;

    for (int i = 0; i < length; i++)
        count += program[i].k == SANDBOX_LIST_OWN_PID;
    return count;
}

static int write_list(enum sandbox_role role, FILE *scratch, struct sock_filter *program)
{
    int length = make_program(role, scratch, program);

    if (length <= 0 || length > (int)SANDBOX_LIST_MOST) {
        fprintf(stderr, "sandbox_lists: role %d: %s\n", (int)role,
                length < 0 ? strerror(-length) : "no program of a size that it may have");
        return -1;
    }
    if (count_own_pid(program, length) != 1) {
        fprintf(stderr, "sandbox_lists: role %d: where the process id belongs is not clear\n",
                (int)role);
        return -1;
    }
    printf("static const struct sock_filter list_%d[] = {\n", (int)role);
    for (int i = 0; i < length; i++)
        printf("    {0x%x, %u, %u, 0x%x},\n", program[i].code, program[i].jt, program[i].jf,
               program[i].k);
    printf("};\n\n");
    return 0;
}

static void write_names(void)
{
    printf("const char sandbox_call_names[][SANDBOX_CALL_NAME] = {\n");
    for (int i = 0; i < CALLS; i++) {
        char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, i);

        if (name != NULL && strlen(name) < SANDBOX_CALL_NAME)
            printf("    [%d] = \"%s\",\n", i, name);
        free(name);
    }
    printf("};\n"
           "const unsigned sandbox_call_count = sizeof(sandbox_call_names) / "
           "sizeof(sandbox_call_names[0]);\n");
}

int main(void)
{
    static struct sock_filter program[SANDBOX_LIST_MOST + 1];
    FILE *scratch = tmpfile();

    if (scratch == NULL) {
        fprintf(stderr, "sandbox_lists: a temporary file: %s\n", strerror(errno));
        return EXIT_FAILURE;
    }
    printf("/* Made by sandbox_make.c out of sandbox_tables.c. */\n#include "
           "\"daemon/sandbox_list.h\"\n\n");
    for (int role = 0; role < SANDBOX_ROLES; role++)
        if (write_list((enum sandbox_role)role, scratch, program) < 0)
            return EXIT_FAILURE;
    printf("#define LIST(role) {list_##role, sizeof(list_##role) / sizeof(list_##role[0])}\n"
           "const struct sandbox_list sandbox_lists[SANDBOX_ROLES] = {\n");
    for (int role = 0; role < SANDBOX_ROLES; role++)
        printf("    LIST(%d),\n", role);
    printf("};\n\n");
    write_names();
    fclose(scratch);
    return ferror(stdout) || fflush(stdout) != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* SPDX-License-Identifier: MIT */
#include "daemon/sandbox_program.h"

#include <endian.h>
#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#define ROWS_MOST 512u
#define SPANS_MOST (2 * ROWS_MOST + 3)
/* Calls of another interface than that of the list (x86: x32), and the number of none. */
#define NUMBER_FOREIGN 0x40000000u
#define NUMBER_NONE UINT32_MAX

#if __BYTE_ORDER == __LITTLE_ENDIAN
#define LOW_HALF 0u
#else
#define LOW_HALF 4u
#endif

/* A row that counts. */
struct row {
    uint32_t number;
    const struct sandbox_call *call;
};

/* The numbers from 'first' to the next span. */
struct span {
    uint32_t first;
    uint32_t action;        /* if no condition holds */
    const struct row *rows; /* any of these conditions permits it */
    unsigned count;
};

struct list {
    uint32_t otherwise, death;
    struct row rows[ROWS_MOST]; /* by number; those of one number as the tables have them */
    unsigned row_count;
    struct span spans[SPANS_MOST];
    unsigned span_count;
};

static bool is_conditional(const struct sandbox_call *c)
{
    return c->rule == SANDBOX_ALLOW_EQUAL || c->rule == SANDBOX_ALLOW_MASKED ||
           c->rule == SANDBOX_ALLOW_OWN_PID;
}

/* ---- what the tables say ---- */

/* The place behind all rows up to that number. */
static unsigned place_of(const struct list *list, uint32_t number)
{
    unsigned from = 0, to = list->row_count;

    while (from < to) {
        unsigned middle = (from + to) / 2;

        if (list->rows[middle].number <= number)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

/* What an earlier row said of the call stays. Conditions go together, any of them will do. */
static int add_row(struct list *list, const struct sandbox_call *call)
{
    int number = seccomp_syscall_resolve_name(call->name);
    struct row *at;
    unsigned place;

    if (number < 0) /* this kind of machine has no such call, or nobody knows it */
        return 0;
    place = place_of(list, (uint32_t)number);
    at = &list->rows[place];
    if (place > 0 && at[-1].number == (uint32_t)number &&
        !(is_conditional(at[-1].call) && is_conditional(call)))
        return 0;
    if (list->row_count == ROWS_MOST)
        return -E2BIG;
    memmove(at + 1, at, (list->row_count++ - place) * sizeof(*at));
    *at = (struct row){(uint32_t)number, call};
    return 0;
}

static int read_tables(struct list *list, enum sandbox_role role)
{
    int r = 0;

    for (const struct sandbox_call *const *t = sandbox_tables(role); *t != NULL; t++)
        for (const struct sandbox_call *c = *t; c->name != NULL && r == 0; c++)
            r = add_row(list, c);
    return r;
}

static uint32_t action_of(const struct list *list, const struct sandbox_call *call)
{
    switch (call->rule) {
    case SANDBOX_ALLOW:
        return SECCOMP_RET_ALLOW;
    case SANDBOX_REFUSE:
        return SECCOMP_RET_ERRNO | ((uint32_t)call->value & SECCOMP_RET_DATA);
    case SANDBOX_KILL:
        return list->death;
    default:
        return list->otherwise;
    }
}

/* ---- the same, as spans ---- */

static void add_span(struct list *list, uint32_t first, uint32_t action, const struct row *rows,
                     unsigned count)
{
    const struct span *last = &list->spans[list->span_count - 1];

    if (list->span_count > 0 && last->count == 0 && count == 0 && last->action == action)
        return;
    list->spans[list->span_count++] = (struct span){first, action, rows, count};
}

static void make_spans(struct list *list)
{
    uint32_t next = 0;

    for (unsigned i = 0, end; i < list->row_count; i = end) {
        const struct row *row = &list->rows[i];

        for (end = i + 1; end < list->row_count && list->rows[end].number == row->number;)
            end++;
        if (row->number > next)
            add_span(list, next, list->otherwise, NULL, 0);
        add_span(list, row->number, action_of(list, row->call), row,
                 is_conditional(row->call) ? end - i : 0);
        next = row->number + 1;
    }
    add_span(list, next, list->otherwise, NULL, 0);
#ifdef __x86_64__
    add_span(list, NUMBER_FOREIGN, SECCOMP_RET_KILL_PROCESS, NULL, 0);
    add_span(list, NUMBER_NONE, list->otherwise, NULL, 0);
#endif
}

/* ---- the same, as a program ---- */

/* One that is too long has a size that is. */
static struct sock_filter *put(struct sandbox_program *p, unsigned code, uint32_t k,
                               uint8_t if_true, uint8_t if_not)
{
    static struct sock_filter nowhere;
    struct sock_filter *at = p->size < SANDBOX_PROGRAM_MOST ? &p->code[p->size] : &nowhere;

    p->size++;
    *at = (struct sock_filter){(uint16_t)code, if_true, if_not, k};
    return at;
}

static void put_return(struct sandbox_program *p, uint32_t action)
{
    put(p, BPF_RET | BPF_K, action, 0, 0);
}

/* Goes on if half of an argument, under the mask, is 'value', and 'far' instructions behind the
 * test if it is not. */
static void put_test(struct sandbox_program *p, uint32_t offset, uint32_t mask, uint32_t value,
                     unsigned far)
{
    put(p, BPF_LD | BPF_W | BPF_ABS, offset, 0, 0);
    put(p, BPF_ALU | BPF_AND | BPF_K, mask, 0, 0);
    put(p, BPF_JMP | BPF_JEQ | BPF_K, value, 0, (uint8_t)far);
}

static void put_condition(struct sandbox_program *p, const struct sandbox_call *c)
{
    uint64_t mask = c->rule == SANDBOX_ALLOW_MASKED ? c->mask : UINT64_MAX;
    uint64_t value = c->rule == SANDBOX_ALLOW_OWN_PID ? (uint64_t)getpid() : c->value;
    uint32_t at = (uint32_t)(offsetof(struct seccomp_data, args) + c->argument * sizeof(uint64_t));

    put_test(p, at + 4 - LOW_HALF, (uint32_t)(mask >> 32), (uint32_t)(value >> 32), 4);
    put_test(p, at + LOW_HALF, (uint32_t)mask, (uint32_t)value, 1);
    put_return(p, SECCOMP_RET_ALLOW);
}

static void put_span(struct sandbox_program *p, const struct span *span)
{
    for (unsigned i = 0; i < span->count; i++)
        put_condition(p, span->rows[i].call);
    put_return(p, span->action);
}

/* The tree: the number is in one of these spans. */
static void put_spans(struct sandbox_program *p, const struct span *spans, unsigned count)
{
    unsigned half = count / 2, from;
    struct sock_filter *jump;

    if (count == 1) {
        put_span(p, spans);
        return;
    }
    /* A test jumps less far than there may be to go. */
    put(p, BPF_JMP | BPF_JGE | BPF_K, spans[half].first, 0, 1);
    jump = put(p, BPF_JMP | BPF_JA, 0, 0, 0);
    from = p->size;
    put_spans(p, spans, half);
    jump->k = p->size - from;
    put_spans(p, spans + half, count - half);
}

int sandbox_program_make(struct sandbox_program *p, enum sandbox_role role, bool log)
{
    struct list list;
    int r;

    list.death = log ? SECCOMP_RET_TRAP : SECCOMP_RET_KILL_PROCESS;
    list.otherwise = sandbox_is_closed(role) ? list.death : SECCOMP_RET_ERRNO | EPERM;
    list.row_count = list.span_count = 0;
    p->size = 0;
    r = read_tables(&list, role);
    if (r < 0)
        return r;
    make_spans(&list);
    put(p, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0, 0);
    put(p, BPF_JMP | BPF_JEQ | BPF_K, seccomp_arch_native(), 1, 0);
    put_return(p, SECCOMP_RET_KILL_PROCESS);
    put(p, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
    put_spans(p, list.spans, list.span_count);
    return p->size <= SANDBOX_PROGRAM_MOST ? 0 : -E2BIG;
}

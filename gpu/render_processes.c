/* SPDX-License-Identifier: MIT */
#include "gpu/render_processes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "gpu/child_watch.h"
#include "gpu/process_info.h"

/* The render server itself refuses more than 256 contexts. */
#define CHILDREN_MAX 512u

struct render_process {
    struct render_processes *owner;
    uint32_t ctx_id; /* 0: of no context */
    bool leaving;    /* its end is wanted */
    struct child_watch watch;
    LIST_ENTRY(render_process) link; // render_processes::list
};

void render_processes_init(struct render_processes *all, sd_event *loop,
                           void (*lost)(void *data, uint32_t ctx_id), void *data)
{
    *all = (struct render_processes){.loop = loop, .lost = lost, .data = data};
    LIST_INIT(&all->list);
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
        log_warning("The processes of a dead render server cannot be taken over: %s.",
                    strerror(errno));
}

static void process_free(struct render_process *p)
{
    LIST_REMOVE(p, link);
    free(p);
}

void render_processes_finish(struct render_processes *all)
{
    struct render_process *p, *next;

    LIST_FOREACH(p, &all->list, link)
    child_watch_kill(&p->watch);
    LIST_FOREACH_SAFE(p, &all->list, link, next)
    {
        child_watch_finish(&p->watch);
        process_free(p);
    }
}

static void on_ended(void *data, const char *how)
{
    struct render_process *p = data;
    struct render_processes *all = p->owner;
    uint32_t ctx_id = p->ctx_id;
    bool leaving = p->leaving;

    process_free(p);
    if (leaving)
        return;
    log_stranger("The render process of context %u %s: the context is lost.", ctx_id, how);
    all->lost(all->data, ctx_id);
}

static int watch(struct render_processes *all, pid_t pid, uint32_t ctx_id, bool leaving)
{
    struct render_process *p = calloc(1, sizeof(*p));
    int ret;

    if (p == NULL)
        return -ENOMEM;
    *p = (struct render_process){.owner = all, .ctx_id = ctx_id, .leaving = leaving};
    child_watch_init(&p->watch);
    ret = child_watch_start(&p->watch, all->loop, pid, on_ended, p);
    if (ret < 0) {
        free(p);
        return ret;
    }
    LIST_INSERT_HEAD(&all->list, p, link);
    return 0;
}

static bool is_known(const struct render_processes *all, pid_t pid)
{
    struct render_process *p;

    LIST_FOREACH(p, &all->list, link)
    {
        if (p->watch.pid == pid)
            return true;
    }
    return false;
}

int render_processes_add(struct render_processes *all, pid_t server, uint32_t ctx_id)
{
    pid_t children[CHILDREN_MAX];
    unsigned count = process_info_children(server, children, CHILDREN_MAX);

    /* The youngest come last. It may have ended already, as any other; then that is told next. */
    while (count-- > 0) {
        if (!is_known(all, children[count]))
            return watch(all, children[count], ctx_id, false);
    }
    return -ESRCH;
}

static struct render_process *find(const struct render_processes *all, uint32_t ctx_id)
{
    struct render_process *p;

    LIST_FOREACH(p, &all->list, link)
    {
        if (p->ctx_id == ctx_id && !p->leaving)
            return p;
    }
    return NULL;
}

void render_processes_leave(struct render_processes *all, uint32_t ctx_id)
{
    struct render_process *p = find(all, ctx_id);

    if (p == NULL)
        return;
    p->leaving = true;
    child_watch_kill(&p->watch);
}

void render_processes_leave_all(struct render_processes *all)
{
    struct render_process *p;

    LIST_FOREACH(p, &all->list, link)
    {
        p->leaving = true;
        child_watch_kill(&p->watch);
    }
}

pid_t render_processes_find(const struct render_processes *all, uint32_t ctx_id)
{
    const struct render_process *p = find(all, ctx_id);

    return p != NULL ? p->watch.pid : 0;
}

uint32_t render_processes_next(const struct render_processes *all, uint32_t ctx_id)
{
    const struct render_process *p;
    uint32_t next = 0;

    LIST_FOREACH(p, &all->list, link)
    {
        if (!p->leaving && p->ctx_id > ctx_id && (next == 0 || p->ctx_id < next))
            next = p->ctx_id;
    }
    return next;
}

bool render_processes_kill(struct render_processes *all, uint32_t ctx_id)
{
    struct render_process *p = find(all, ctx_id);

    if (p == NULL)
        return false;
    child_watch_kill(&p->watch);
    return true;
}

void render_processes_sweep(struct render_processes *all, pid_t server)
{
    pid_t children[CHILDREN_MAX];
    unsigned count;
    siginfo_t si;

    /* Those that ended before it did, and that it has not reaped. */
    do {
        si.si_pid = 0;
    } while (waitid(P_PGID, (id_t)server, &si, WEXITED | WNOHANG) == 0 && si.si_pid != 0);
    count = process_info_children(getpid(), children, CHILDREN_MAX);
    for (unsigned i = 0; i < count; i++) {
        if (getpgid(children[i]) != server || is_known(all, children[i]))
            continue;
        if (watch(all, children[i], 0, true) == 0)
            child_watch_kill(&LIST_FIRST(&all->list)->watch);
    }
}

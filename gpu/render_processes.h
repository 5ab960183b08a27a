/* SPDX-License-Identifier: MIT */
#ifndef GPU_RENDER_PROCESSES_H
#define GPU_RENDER_PROCESSES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <bsd/sys/queue.h>
#include <systemd/sd-event.h>

/*
 * The processes that the render server has forked, one for each of its contexts. They are the
 * server's children, and outlive it: then they become ours (this process is made a subreaper), and
 * are watched, killed and reaped here. A context's process whose end nobody asked for is told to
 * the owner at once.
 */
struct render_process;

struct render_processes {
    sd_event *loop;
    /* The process of that context is gone, and nobody asked for it. */
    void (*lost)(void *data, uint32_t ctx_id);
    void *data;
    LIST_HEAD(, render_process) list;
};

/* Makes this process a subreaper. */
void render_processes_init(struct render_processes *processes, sd_event *loop,
                           void (*lost)(void *data, uint32_t ctx_id), void *data);
/* Kills them all and waits for them. */
void render_processes_finish(struct render_processes *processes);
/* 'server' has just made the process of 'ctx_id': it is the child that was not there before. 0,
 * -ESRCH when none is found (it cannot be watched then), or another -errno. */
int render_processes_add(struct render_processes *processes, pid_t server, uint32_t ctx_id);
/* The context is being destroyed: kills its process, whose end is then nobody's loss. */
void render_processes_leave(struct render_processes *processes, uint32_t ctx_id);
/* The same for all contexts. */
void render_processes_leave_all(struct render_processes *processes);
/* The process of that context; 0: there is none. */
pid_t render_processes_find(const struct render_processes *processes, uint32_t ctx_id);
/* The context whose id is the next above 'ctx_id'; 0: no more. */
uint32_t render_processes_next(const struct render_processes *processes, uint32_t ctx_id);
/* Kills the process of that context, which is its loss. False: there is none. */
bool render_processes_kill(struct render_processes *processes, uint32_t ctx_id);
/* 'server' (and its process group) has ended: reaps what it left, kills what nobody knows. */
void render_processes_sweep(struct render_processes *processes, pid_t server);

#endif

/* SPDX-License-Identifier: MIT */
#ifndef WORKER_WORKER_COMMAND_H
#define WORKER_WORKER_COMMAND_H

#include <bsd/sys/queue.h>

#include "base/fd.h"
#include "device/device.h"
#include "protocol/link.h"

/* A person's commands on their way through the device: each is answered by LINK_COMMAND_DONE. */
struct worker_command;

struct worker_commands {
    int link_fd; /* borrowed */
    LIST_HEAD(, worker_command) waiting;
};

void worker_commands_init(struct worker_commands *commands, int link_fd);
/* Forgets what was not answered: the device is destroyed. */
void worker_commands_finish(struct worker_commands *commands);
/* Answers the door's LINK_COMMAND of that serial: 0 or -errno, and a text for the person. */
void worker_commands_answer(const struct worker_commands *commands, uint32_t serial, int result,
                            const char *text);
/* The door's LINK_COMMAND: takes the descriptor out of 'fds' and has 'device' carry it out. */
void worker_commands_take(struct worker_commands *commands, struct device *device,
                          const struct link_message *message, struct fd_list *fds);

#endif

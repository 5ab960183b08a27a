/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_COMMAND_ROW_H
#define MEDIA_COMMAND_ROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "media/command.h"

struct session;

/* A handler returned this: what it waits for calls command_settle, or is a context's. */
#define COMMAND_LATER (-EINPROGRESS)

/* Reads command::request and fills command::reply behind its header. Returns 0, -errno or
 * COMMAND_LATER. */
typedef int command_handler(struct media *media, struct command *command);

/* One command of virtio-media. 'request' and 'reply' are the least sizes of the two parts. */
struct command_row {
    const char *name;
    size_t request, reply;
    command_handler *run; /* NULL: there is no such command */
    bool silent;          /* nothing is answered, whatever room there is */
};

/* The row of that number; one without a handler if there is none. */
const struct command_row *command_row_find(uint32_t number);

/* Whether a request that takes buffers away has to wait for those who work on them. */
bool command_wait_for_context(struct command *command, const struct session *session);

/* command_ioctl.c: the handler of VIRTIO_MEDIA_CMD_IOCTL. */
command_handler command_ioctl;
/* Says what came of an ioctl, if a guest that means well does not get such an answer. */
void command_ioctl_log(const struct ioctl_call *call, int result);
/* How much of the payload is answered, now that it is known: command::call has it. */
void command_ioctl_size(struct command *command);

#endif

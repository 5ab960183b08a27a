/* SPDX-License-Identifier: MIT */
#include "worker/worker_command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

struct worker_command {
    LIST_ENTRY(worker_command) link; // worker_commands::waiting
    struct worker_commands *commands;
    uint32_t serial;
};

/* Whether the door reads it or not: a command that nobody waits for is no harm. */
void worker_commands_answer(const struct worker_commands *commands, uint32_t serial, int result,
                            const char *text)
{
    struct link_message m = {.type = LINK_COMMAND_DONE, .serial = serial};
    uint32_t size = link_size(m.type);
    bool fits = strlen(text) < sizeof(m.command_done.text);

    m.command_done.result = fits ? result : -EMSGSIZE;
    strcpy(m.command_done.text, fits ? text : "the answer is too long");
    if (fd_send(commands->link_fd, &m, size, NULL, 0) != (ssize_t)size)
        log_warning("A command's answer could not be sent.");
}

static void on_answer(void *data, int result, const char *text)
{
    struct worker_command *c = data;

    LIST_REMOVE(c, link);
    worker_commands_answer(c->commands, c->serial, result, text);
    free(c);
}

void worker_commands_take(struct worker_commands *commands, struct device *device,
                          const struct link_message *message, struct fd_list *fds)
{
    char line[LINK_MAX_LINE];
    struct worker_command *c;

    if (device->impl->command == NULL) {
        worker_commands_answer(commands, message->serial, -EOPNOTSUPP,
                               "this device knows no commands");
        return;
    }
    c = malloc(sizeof(*c));
    if (c == NULL) {
        worker_commands_answer(commands, message->serial, -ENOMEM, "there is no memory");
        return;
    }
    *c = (struct worker_command){.commands = commands, .serial = message->serial};
    LIST_INSERT_HEAD(&commands->waiting, c, link);
    memcpy(line, message->command.line, sizeof(line));
    line[sizeof(line) - 1] = '\0';
    device->impl->command(device, line, fd_list_take(fds, 0), on_answer, c);
}

void worker_commands_init(struct worker_commands *commands, int link_fd)
{
    *commands = (struct worker_commands){.link_fd = link_fd};
    LIST_INIT(&commands->waiting);
}

void worker_commands_finish(struct worker_commands *commands)
{
    struct worker_command *c;

    while ((c = LIST_FIRST(&commands->waiting)) != NULL) {
        LIST_REMOVE(c, link);
        free(c);
    }
}

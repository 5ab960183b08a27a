/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "media/command_row.h"
#include "media/media.h"

/* Checks the sizes and sets up the call, in a copy of its own. 0 or -errno. */
static int prepare_ioctl(struct command *command, const struct virtio_media_cmd_ioctl *head)
{
    struct ioctl_call *call = &command->call;
    const uint8_t *payload = command->request + sizeof(*head);
    size_t size = command->size - sizeof(*head);
    const struct v4l2_ioctl *row = call->row;

    command->reply_size = sizeof(struct virtio_media_resp_header) + (row->out ? row->size : 0);
    if ((row->in && size < row->size) || command->room < command->reply_size) {
        log_stranger("ioctl %s: %zu bytes of payload and %llu of room do not hold %u", row->name,
                     size, (unsigned long long)command->room, row->size);
        return -EINVAL;
    }
    call->payload = command->reply + sizeof(struct virtio_media_resp_header);
    call->tail = (uint8_t *)call->payload + row->size;
    memset(call->payload, 0, row->size);
    if (row->in)
        memcpy(call->payload, payload, row->size);
    if (row->tail != V4L2_IOCTL_TAIL_NONE) {
        call->tail_size = size - row->size;
        memcpy(call->tail, payload + row->size, call->tail_size);
    }
    return 0;
}

void command_ioctl_size(struct command *command)
{
    size_t answer = command->reply_size + command->call.tail_answer;

    command->reply_size = answer <= command->room ? answer : (size_t)command->room;
    if (command->call.row->echo_on_error)
        command->error_size = command->reply_size;
}

int command_ioctl(struct media *media, struct command *command)
{
    struct virtio_media_cmd_ioctl head;
    struct ioctl_call *call = &command->call;
    int r;

    memcpy(&head, command->request, sizeof(head));
    *call = (struct ioctl_call){.row = v4l2_ioctl_find(head.code),
                                .number = head.code,
                                .session = session_find(&media->sessions, head.session_id)};
    if (call->session == NULL)
        return -EINVAL;
    if (call->row == NULL)
        return -ENOTTY;
    if (ioctl_waits(head.code) && command_wait_for_context(command, call->session))
        return COMMAND_LATER;
    r = prepare_ioctl(command, &head);
    if (r != 0)
        return r;
    r = ioctl_run(media, call);
    if (r == COMMAND_LATER)
        return r;
    log_debug("session %u: %s gives %d", head.session_id, call->row->name, -r);
    command_ioctl_size(command);
    return r;
}

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

/* Who lists things learns by an error that there are no more, and who asks whether the device can
 * do something may learn that it cannot. */
static bool is_usual(const struct ioctl_call *call, int result)
{
    const char *name = call->row->name;

    return result == 0 || result == -ENOTTY || result == -EDQUOT || strstr(name, "ENUM") != NULL ||
           strstr(name, "QUERY") != NULL || strstr(name, "TRY_") != NULL;
}

void command_ioctl_log(const struct ioctl_call *call, int result)
{
    unsigned id = call->session->id.id;

    log_debug("session %u: %s gives %d", id, call->row->name, -result);
    if (!is_usual(call, result))
        log_stranger("session %u: %s is refused: %s", id, call->row->name, strerror(-result));
}

int command_ioctl(struct media *media, struct command *command)
{
    struct virtio_media_cmd_ioctl head;
    struct ioctl_call *call = &command->call;
    int r;

    memcpy(&head, command->request, sizeof(head));
    *call = (struct ioctl_call){.row = v4l2_ioctl_find(head.code),
                                .number = head.code,
                                .session = session_find(&media->sessions, head.session_id),
                                .again = command->again};
    if (call->session == NULL) {
        log_stranger("an ioctl for session %u, which is not open", head.session_id);
        return -EINVAL;
    }
    if (call->row == NULL) {
        log_stranger("ioctl %u is none that there is", head.code);
        return -ENOTTY;
    }
    if (ioctl_waits(head.code) && command_wait_for_context(command, call->session))
        return COMMAND_LATER;
    r = prepare_ioctl(command, &head);
    if (r != 0)
        return r;
    r = ioctl_run(media, call);
    if (r == COMMAND_LATER)
        return r;
    command_ioctl_log(call, r);
    command_ioctl_size(command);
    return r;
}

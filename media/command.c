/* SPDX-License-Identifier: MIT */
#include "media/command.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "media/ioctl.h"
#include "media/media.h"

/* Requests taken in one go: a driver that refills the ring meanwhile does not keep us from the
 * rest. */
#define BATCH 128u

/* A handler returned this: what it waits for calls settle, or is a context's (command_waiter). */
#define LATER (-EINPROGRESS)

/* Each reads command::request and fills command::reply behind its header. Returns 0, -errno or
 * LATER. */
typedef int command_handler(struct media *media, struct command *command);

static command_handler run_open, run_close, run_ioctl, run_mmap, run_munmap;

/* 'request' and 'reply' are the least sizes of the two parts. */
static const struct command_row {
    const char *name;
    size_t request, reply;
    command_handler *run;
} rows[] = {
    [VIRTIO_MEDIA_CMD_OPEN] = {"OPEN", sizeof(struct virtio_media_cmd_header),
                               sizeof(struct virtio_media_resp_open), run_open},
    [VIRTIO_MEDIA_CMD_CLOSE] = {"CLOSE", sizeof(struct virtio_media_cmd_close), 0, run_close},
    [VIRTIO_MEDIA_CMD_IOCTL] = {"IOCTL", sizeof(struct virtio_media_cmd_ioctl),
                                sizeof(struct virtio_media_resp_header), run_ioctl},
    [VIRTIO_MEDIA_CMD_MMAP] = {"MMAP", sizeof(struct virtio_media_cmd_mmap),
                               sizeof(struct virtio_media_resp_mmap), run_mmap},
    [VIRTIO_MEDIA_CMD_MUNMAP] = {"MUNMAP", sizeof(struct virtio_media_cmd_munmap),
                                 sizeof(struct virtio_media_resp_header), run_munmap},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static void close_number(struct media *media, uint32_t id)
{
    struct session *session = session_find(&media->sessions, id);

    if (session != NULL)
        media_close_session(media, session);
}

/* What of an opening may take long. 0, -errno after closing the session, or LATER. */
static int start_session(struct media *media, struct session *session)
{
    struct context *context = session->context;
    uint32_t id = session->id.id;
    int r = context->impl->start != NULL ? context->impl->start(context) : 0;

    if (r == LATER)
        media->command.opening = id;
    else if (r != 0)
        close_number(media, id);
    return r;
}

static int run_open(struct media *media, struct command *command)
{
    struct session *session = session_open(&media->sessions);
    struct virtio_media_resp_open answer = {0};
    int r;

    if (session == NULL) {
        log_stranger("refused a session: %u are open", (unsigned)media->sessions.map.count);
        return -errno;
    }
    session->context = media->kind->ops->open(media->kind, session->id.id);
    if (session->context == NULL) {
        r = -errno;
        log_stranger("refused a session: error %d", -r);
        session_close(&media->sessions, session);
        return r;
    }
    answer.session_id = session->id.id;
    memcpy(command->reply, &answer, sizeof(answer));
    media_show_sessions(media);
    return start_session(media, session);
}

/* Whether a request that takes buffers away has to wait for those who work on them. */
static bool wait_for_context(struct command *command, const struct session *session)
{
    struct context *context = session->context;

    command->waits_for_context = context->impl->busy != NULL && context->impl->busy(context);
    return command->waits_for_context;
}

static int run_close(struct media *media, struct command *command)
{
    struct virtio_media_cmd_close close;
    struct session *session;

    memcpy(&close, command->request, sizeof(close));
    session = session_find(&media->sessions, close.session_id);
    if (session == NULL)
        return -EINVAL;
    if (wait_for_context(command, session))
        return LATER;
    media_close_session(media, session);
    return 0;
}

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

/* How much of the payload is answered, now that it is known. */
static void size_answer(struct command *command)
{
    size_t answer = command->reply_size + command->call.tail_answer;

    command->reply_size = answer <= command->room ? answer : (size_t)command->room;
    if (command->call.row->echo_on_error)
        command->error_size = command->reply_size;
}

static int run_ioctl(struct media *media, struct command *command)
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
    if (ioctl_waits(head.code) && wait_for_context(command, call->session))
        return LATER;
    r = prepare_ioctl(command, &head);
    if (r != 0)
        return r;
    r = ioctl_run(media, call);
    if (r == LATER)
        return r;
    log_debug("session %u: %s gives %d", head.session_id, call->row->name, -r);
    size_answer(command);
    return r;
}

static void mapping_settled(void *data, int result);

static int run_mmap(struct media *media, struct command *command)
{
    struct virtio_media_resp_mmap answer = {0};
    struct virtio_media_cmd_mmap mmap;
    struct session *session;
    struct plane *plane;

    memcpy(&mmap, command->request, sizeof(mmap));
    session = session_find(&media->sessions, mmap.session_id);
    if (session == NULL)
        return -EINVAL;
    plane = context_plane(session->context, mmap.session_id, mmap.offset);
    if (plane == NULL)
        return -EINVAL;
    /* Always readable and writable: the guest's own page tables keep what is read-only so. */
    answer.shm_offset = plane->place.start;
    answer.len = plane->size;
    memcpy(command->reply, &answer, sizeof(answer));
    command->plane = plane;
    return plane_map(plane, mapping_settled, media);
}

static int run_munmap(struct media *media, struct command *command)
{
    struct virtio_media_cmd_munmap munmap;
    struct plane *plane;

    memcpy(&munmap, command->request, sizeof(munmap));
    plane = window_mapped_at(&media->window, munmap.shm_offset);
    if (plane == NULL)
        return -EINVAL;
    return plane_unmap(plane, mapping_settled, media);
}

/* Gives the chain back with 'status' (0 or -errno) and 'size' bytes of the reply, which begins with
 * a header. */
static void give_back(struct media *media, struct chain *chain, int status, size_t size)
{
    struct device_host *host = media->device.host;
    struct virtio_media_resp_header header = {.status = (uint32_t)-status};
    uint8_t *reply = media->command.reply;

    stats_add(&host->stats->commands, 1);
    if (status != 0)
        stats_add(&host->stats->command_errors, 1);
    if (size > 0)
        memcpy(reply, &header, sizeof(header));
    size = chain_write(chain, host->memory, 0, reply, size);
    virtqueue_push(&host->queues[VIRTIO_MEDIA_COMMANDQ], chain, (uint32_t)size);
}

/* Answers the request that came to 'result'. */
static void answer(struct media *media, struct chain *chain, int result)
{
    const struct command *command = &media->command;
    size_t error_size = command->room < command->error_size ? 0 : command->error_size;

    give_back(media, chain, result, result == 0 ? command->reply_size : error_size);
}

/* What the request in hand waited for is there. */
static void settle(struct media *media, int result)
{
    media->command.settled = true;
    media->command.result = result;
}

static void mapping_settled(void *data, int result)
{
    struct media *media = data;

    settle(media, result);
    if (result != -ECANCELED) /* else when there is a window again: the ring will be ready then */
        command_run(media);
}

static void context_settles(struct media *media)
{
    struct command *command = &media->command;

    /* Whoever waits for the window, or for an answer, is not meant. */
    if (command->chain == NULL || !command->waits_for_context)
        return;
    settle(media, -ECANCELED);
    command_run(media);
}

static void context_answers(struct media *media, int result, size_t tail_answer)
{
    struct command *command = &media->command;

    if (command->chain == NULL || command->call.row == NULL)
        return;
    log_debug("session %u: %s gives %d", command->call.session->id.id, command->call.row->name,
              -result);
    command->call.tail_answer = tail_answer;
    size_answer(command);
    settle(media, result);
    command_run(media);
}

static void context_starts(struct media *media, int result)
{
    struct command *command = &media->command;

    if (command->chain == NULL || command->opening == 0)
        return;
    if (result != 0) {
        log_stranger("refused a session: error %d", -result);
        close_number(media, command->opening);
        command->opening = 0;
    }
    settle(media, result);
    command_run(media);
}

/* Copies the request out once; whoever changes it in guest memory after this changes nothing. */
static const struct command_row *request_read(struct media *media, struct chain *chain)
{
    struct command *command = &media->command;
    struct virtio_media_cmd_header header;
    const struct command_row *row;

    if (chain->readable_size < sizeof(header) || chain->readable_size > COMMAND_MAX_REQUEST)
        return NULL;
    command->size = (size_t)chain->readable_size;
    if (chain_read(chain, media->device.host->memory, 0, command->request, command->size) !=
        command->size)
        return NULL;
    memcpy(&header, command->request, sizeof(header));
    if (header.cmd >= ROWS || rows[header.cmd].run == NULL)
        return &rows[0];
    row = &rows[header.cmd];
    if (command->size < row->request || command->room < row->reply)
        return NULL;
    return row;
}

/* Does what the row says, if there is one. */
static int request_run(struct media *media, const struct command_row *row)
{
    struct command *command = &media->command;

    if (row == NULL) {
        log_stranger("a request of %zu bytes with room for %llu is no command", command->size,
                     (unsigned long long)command->room);
        stats_add(&media->device.host->stats->chains_bad, 1);
        return -EINVAL;
    }
    if (row->run == NULL) {
        log_stranger("refused a command of an unknown type");
        return -ENOTTY;
    }
    command->reply_size = row->reply;
    return row->run(media, command);
}

/* Answers one request, or leaves it in command::chain. */
static void take(struct media *media, struct chain *chain)
{
    struct command *command = &media->command;
    const struct command_row *row;
    int r;

    command->room = chain->writable_size;
    command->size = 0;
    command->reply_size = 0;
    command->error_size = sizeof(struct virtio_media_resp_header);
    command->waits_for_context = false;
    command->plane = NULL;
    command->opening = 0;
    command->call = (struct ioctl_call){0};
    row = request_read(media, chain);
    if (row != NULL && row->run == run_close)
        command->error_size = 0; /* nothing is answered, whatever room there is */
    r = request_run(media, row);
    if (r == LATER)
        command->chain = chain;
    else
        answer(media, chain, r);
}

/* The driver of the ring began anew while its request was in hand: it knows of no mapping and of no
 * session, and will not undo it. */
static void drop(struct media *media, struct chain *chain)
{
    struct command *command = &media->command;

    if (command->plane != NULL && command->result == 0)
        plane_unmap(command->plane, NULL, NULL);
    if (command->opening != 0)
        close_number(media, command->opening);
    virtqueue_drop(&media->device.host->queues[VIRTIO_MEDIA_COMMANDQ], chain);
}

/* Answers the request in hand if what it waits for is there, or does it again if it was cancelled.
 * Returns whether the driver got an answer. */
static bool take_up(struct media *media)
{
    struct command *command = &media->command;
    struct virtqueue *queue = &media->device.host->queues[VIRTIO_MEDIA_COMMANDQ];
    struct chain *chain = command->chain;

    if (chain == NULL || !command->settled ||
        (virtqueue_holds(queue, chain) && !virtqueue_running(queue)))
        return false;
    command->chain = NULL;
    command->settled = false;
    if (!virtqueue_holds(queue, chain)) {
        drop(media, chain);
        return false;
    }
    if (command->result == -ECANCELED) {
        take(media, chain);
        return command->chain == NULL;
    }
    answer(media, chain, command->result);
    return true;
}

void command_run(struct media *media)
{
    struct device_host *host = media->device.host;
    struct command *command = &media->command;
    unsigned taken = take_up(media);

    while (command->chain == NULL && taken < BATCH) {
        struct chain *chain = virtqueue_pop(&host->queues[VIRTIO_MEDIA_COMMANDQ]);

        if (chain == NULL)
            break;
        taken++;
        take(media, chain);
    }
    if (taken > 0)
        host->call(host, VIRTIO_MEDIA_COMMANDQ);
    if (taken == BATCH && command->chain == NULL)
        sd_event_source_set_enabled(command->more, SD_EVENT_ONESHOT);
}

static int on_more(sd_event_source *source, void *data)
{
    command_run(data);
    return 0;
}

static const struct context_waiter command_waiter = {
    .settled = context_settles,
    .answered = context_answers,
    .started = context_starts,
};

int command_init(struct command *command, struct media *media)
{
    int r = sd_event_add_defer(media->device.host->loop, &command->more, on_more, media);

    media->waiter = &command_waiter;
    return r < 0 ? r : sd_event_source_set_enabled(command->more, SD_EVENT_OFF);
}

void command_finish(struct command *command)
{
    command->more = sd_event_source_disable_unref(command->more);
}

void command_reset(struct media *media)
{
    struct command *command = &media->command;

    if (command->chain != NULL)
        virtqueue_drop(&media->device.host->queues[VIRTIO_MEDIA_COMMANDQ], command->chain);
    command->chain = NULL;
    command->settled = false;
    sd_event_source_set_enabled(command->more, SD_EVENT_OFF);
}

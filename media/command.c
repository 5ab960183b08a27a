/* SPDX-License-Identifier: MIT */
#include "media/command.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/probe_point.h"
#include "base/trace.h"
#include "base/units.h"
#include "media/command_row.h"
#include "media/media.h"

/* Requests taken in one go: a driver that refills the ring meanwhile does not keep us from the
 * rest. */
#define BATCH 128u

/* Gives the chain back with 'size' bytes of the reply, which is settled: events that the request
 * caused go out first. 'record' is the estate's. */
static void send(struct media *media, struct chain *chain, size_t size, uint32_t record)
{
    struct device_host *host = media->device.host;

    estate_rests(&media->estate);
    event_queue_hold(&media->events, false);
    size = chain_write(chain, host->memory, 0, media->command.reply, size);
    virtqueue_push(&host->queues[VIRTIO_MEDIA_COMMANDQ], chain, (uint32_t)size);
    estate_over(&media->estate, record);
}

/* Gives the chain back with 'status' (0 or -errno) and 'size' bytes of the reply, which begins with
 * a header. */
static void give_back(struct media *media, struct chain *chain, int status, size_t size)
{
    struct device_host *host = media->device.host;
    struct virtio_media_resp_header header = {.status = (uint32_t)-status};
    uint8_t *reply = media->command.reply;

    HOSTBLOB_PROBE2(media_answer, status, size);
    stats_add(&host->stats->commands, 1);
    if (status != 0)
        stats_add(&host->stats->command_errors, 1);
    if (size > 0)
        memcpy(reply, &header, sizeof(header));
    send(media, chain, size, estate_answer(&media->estate, chain, reply, size));
}

/* Answers the request that came to 'result'. To a program of the guest a quota is memory. */
static void answer(struct media *media, struct chain *chain, int result)
{
    const struct command *command = &media->command;
    int status = result == -EDQUOT ? -ENOMEM : result;
    size_t error_size = command->room < command->error_size ? 0 : command->error_size;

    give_back(media, chain, status, result == 0 ? command->reply_size : error_size);
}

void command_settle(struct media *media, int result, bool now)
{
    media->command.settled = true;
    media->command.result = result;
    if (now)
        command_run(media);
}

static void context_settles(struct media *media)
{
    struct command *command = &media->command;

    /* Whoever waits for the window, or for an answer, is not meant. */
    if (command->chain == NULL || !command->waits_for_context)
        return;
    command_settle(media, -ECANCELED, true);
}

static void context_answers(struct media *media, int result, size_t tail_answer)
{
    struct command *command = &media->command;

    if (command->chain == NULL || command->call.row == NULL)
        return;
    command_ioctl_log(&command->call, result);
    command->call.tail_answer = tail_answer;
    command_ioctl_size(command);
    command_settle(media, result, true);
}

static void context_starts(struct media *media, int result)
{
    struct command *command = &media->command;

    if (command->chain == NULL || command->opening == 0)
        return;
    if (result == 0)
        media_session_opened(media, session_find(&media->sessions, command->opening));
    if (result != 0) {
        log_stranger("refused a session: error %d", -result);
        media_close_session(media, session_find(&media->sessions, command->opening));
        command->opening = 0;
    }
    command_settle(media, result, true);
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
    row = command_row_find(header.cmd);
    if (row->run == NULL)
        return row;
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

static __attribute__((noinline, cold)) void
trace_command(const struct command *command, const struct command_row *row, uint64_t start)
{
    struct virtio_media_cmd_ioctl head = {0};

    memcpy(&head, command->request, command->size < sizeof(head) ? command->size : sizeof(head));
    trace_put(&(struct trace_event){
        .phase = TRACE_WHOLE,
        .category = "command",
        .name = row != NULL && row->name != NULL ? row->name : "unknown",
        .start = start,
        .args = {{"command", head.hdr.cmd}, {"code", head.code}, {"session", head.session_id}},
    });
}

/* The request runs now: what it causes is told when its answer is settled. */
static void begin(struct media *media, const struct chain *chain)
{
    struct command *command = &media->command;
    struct virtio_media_cmd_ioctl head = {0};

    memcpy(&head, command->request, command->size < sizeof(head) ? command->size : sizeof(head));
    HOSTBLOB_PROBE3(media_command, head.hdr.cmd, head.code, head.session_id);
    event_queue_hold(&media->events, true);
    estate_runs(&media->estate, chain, head.hdr.cmd | head.code << 8, head.session_id);
}

/* Gives the answer that a worker before us had for it. Returns whether there was one. */
static bool recall(struct media *media, struct chain *chain)
{
    struct command *command = &media->command;
    size_t size;
    uint32_t record =
        estate_recall(&media->estate, chain, command->reply, sizeof(command->reply), &size);

    if (record != 0)
        send(media, chain, size, record);
    return record != 0;
}

/* Answers one request, or leaves it in command::chain. */
static void take(struct media *media, struct chain *chain)
{
    struct command *command = &media->command;
    uint64_t start = TRACE_ON() ? units_now_ns() : 0;
    const struct command_row *row;
    int r;

    if (recall(media, chain))
        return;
    command->room = chain->writable_size;
    command->size = 0;
    command->reply_size = 0;
    command->error_size = sizeof(struct virtio_media_resp_header);
    command->waits_for_context = false;
    command->plane = NULL;
    command->opening = 0;
    command->again = chain->again;
    command->call = (struct ioctl_call){0};
    row = request_read(media, chain);
    if (row != NULL && row->silent)
        command->error_size = 0; /* nothing is answered, whatever room there is */
    begin(media, chain);
    r = estate_is_poison(&media->estate, chain) ? -EIO : request_run(media, row);
    if (TRACE_ON())
        trace_command(command, row, start);
    if (r != COMMAND_LATER) {
        answer(media, chain, r);
        return;
    }
    command->chain = chain;
    estate_rests(&media->estate);
    event_queue_hold(&media->events, false);
}

/* The driver of the ring began anew while its request was in hand: it knows of no mapping and of no
 * session, and will not undo it. */
static void drop(struct media *media, struct chain *chain)
{
    struct command *command = &media->command;

    if (command->plane != NULL && command->result == 0)
        plane_unmap(command->plane, NULL, NULL);
    if (command->opening != 0)
        media_close_session(media, session_find(&media->sessions, command->opening));
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
    if (r >= 0) /* others first: among equals, sd-event takes what is deferred before all */
        r = sd_event_source_set_priority(command->more, SD_EVENT_PRIORITY_IDLE);
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

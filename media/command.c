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

/* A handler returned this: the answer comes from mapping_settled. */
#define LATER (-EINPROGRESS)

/* A request in hand, in a private copy. */
struct request {
    const uint8_t *data; /* command::request */
    size_t size;
    uint64_t room;     /* writable bytes */
    uint8_t *reply;    /* command::reply */
    size_t reply_size; /* set by the handler: bytes to answer with when it succeeds */
    size_t error_size; /* and when it fails: the header, or more */
};

typedef int command_handler(struct media *media, struct request *request);

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

static int run_open(struct media *media, struct request *request)
{
    struct session *session = session_open(&media->sessions);
    struct virtio_media_resp_open answer = {0};

    if (session == NULL) {
        log_stranger("refused a session: %u are open", (unsigned)media->sessions.map.count);
        return -errno;
    }
    answer.session_id = session->id.id;
    memcpy(request->reply, &answer, sizeof(answer));
    media_show_sessions(media);
    return 0;
}

static int run_close(struct media *media, struct request *request)
{
    struct virtio_media_cmd_close close;
    struct session *session;

    memcpy(&close, request->data, sizeof(close));
    session = session_find(&media->sessions, close.session_id);
    if (session == NULL)
        return -EINVAL;
    buffer_queue_forsake(&media->queue, session->id.id);
    session_close(&media->sessions, session);
    media_show_sessions(media);
    return 0;
}

static int run_ioctl(struct media *media, struct request *request)
{
    struct virtio_media_cmd_ioctl head;
    struct ioctl_call call = {.payload = request->reply + sizeof(struct virtio_media_resp_header)};
    const uint8_t *payload = request->data + sizeof(head);
    size_t size = request->size - sizeof(head), answer;
    int r;

    memcpy(&head, request->data, sizeof(head));
    call.session = session_find(&media->sessions, head.session_id);
    call.row = v4l2_ioctl_find(head.code);
    if (call.session == NULL)
        return -EINVAL;
    if (call.row == NULL)
        return -ENOTTY;
    answer = sizeof(struct virtio_media_resp_header) + (call.row->out ? call.row->size : 0);
    if ((call.row->in && size < call.row->size) || request->room < answer) {
        log_stranger("ioctl %s: %zu bytes of payload and %llu of room do not hold %u",
                     call.row->name, size, (unsigned long long)request->room, call.row->size);
        return -EINVAL;
    }
    memset(call.payload, 0, call.row->size);
    if (call.row->in)
        memcpy(call.payload, payload, call.row->size);
    call.tail = (uint8_t *)call.payload + call.row->size;
    if (call.row->tail != V4L2_IOCTL_TAIL_NONE) {
        call.tail_size = size - call.row->size;
        memcpy(call.tail, payload + call.row->size, call.tail_size);
    }
    r = ioctl_run(media, head.code, &call);
    log_debug("session %u: %s gives %d", head.session_id, call.row->name, -r);
    answer += call.tail_answer;
    request->reply_size = answer <= request->room ? answer : (size_t)request->room;
    if (call.row->echo_on_error)
        request->error_size = request->reply_size;
    return r;
}

static void mapping_settled(void *data, int result);

static int run_mmap(struct media *media, struct request *request)
{
    struct virtio_media_cmd_mmap mmap;
    struct plane *plane;

    memcpy(&mmap, request->data, sizeof(mmap));
    if (session_find(&media->sessions, mmap.session_id) == NULL)
        return -EINVAL;
    if (!media->queue.owned || media->queue.owner != mmap.session_id)
        return -EINVAL;
    plane = buffer_queue_plane(&media->queue, mmap.offset);
    if (plane == NULL)
        return -EINVAL;
    /* Always readable and writable: the guest's own page tables keep what is read-only so. */
    media->command.mapping =
        (struct virtio_media_resp_mmap){.shm_offset = plane->place.start, .len = plane->size};
    media->command.mapping_size = sizeof(media->command.mapping);
    media->command.plane = plane;
    memcpy(request->reply, &media->command.mapping, sizeof(media->command.mapping));
    return plane_map(plane, mapping_settled, media);
}

static int run_munmap(struct media *media, struct request *request)
{
    struct virtio_media_cmd_munmap munmap;
    struct plane *plane;

    memcpy(&munmap, request->data, sizeof(munmap));
    plane = window_mapped_at(&media->window, munmap.shm_offset);
    if (plane == NULL)
        return -EINVAL;
    media->command.plane = NULL;
    media->command.mapping = (struct virtio_media_resp_mmap){0};
    media->command.mapping_size = sizeof(struct virtio_media_resp_header);
    return plane_unmap(plane, mapping_settled, media);
}

/* Gives the chain back with 'status' (0 or -errno) and 'size' bytes of 'reply', which begins with a
 * header. */
static void give_back(struct media *media, struct chain *chain, int status, void *reply,
                      size_t size)
{
    struct device_host *host = media->device.host;
    struct virtio_media_resp_header header = {.status = (uint32_t)-status};

    stats_add(&host->stats->commands, 1);
    if (status != 0)
        stats_add(&host->stats->command_errors, 1);
    if (size > 0)
        memcpy(reply, &header, sizeof(header));
    size = chain_write(chain, host->memory, 0, reply, size);
    virtqueue_push(&host->queues[VIRTIO_MEDIA_COMMANDQ], chain, (uint32_t)size);
}

static void mapping_settled(void *data, int result)
{
    struct media *media = data;

    media->command.settled = true;
    media->command.result = result;
    if (result != -ECANCELED) /* else when there is a window again: the ring will be ready then */
        command_run(media);
}

/* Copies the request out once; whoever changes it in guest memory after this changes nothing. */
static const struct command_row *request_read(struct media *media, struct chain *chain,
                                              struct request *request)
{
    struct virtio_media_cmd_header header;
    const struct command_row *row;

    if (chain->readable_size < sizeof(header) || chain->readable_size > COMMAND_MAX_REQUEST)
        return NULL;
    request->size = (size_t)chain->readable_size;
    if (chain_read(chain, media->device.host->memory, 0, media->command.request, request->size) !=
        request->size)
        return NULL;
    memcpy(&header, request->data, sizeof(header));
    if (header.cmd >= ROWS || rows[header.cmd].run == NULL)
        return &rows[0];
    row = &rows[header.cmd];
    if (request->size < row->request || request->room < row->reply)
        return NULL;
    return row;
}

/* Answers one request, or leaves it in command::chain. */
static void take(struct media *media, struct chain *chain)
{
    struct request request = {.data = media->command.request,
                              .room = chain->writable_size,
                              .reply = media->command.reply,
                              .error_size = sizeof(struct virtio_media_resp_header)};
    const struct command_row *row = request_read(media, chain, &request);
    int r;

    if (row == NULL) {
        log_stranger("a request of %llu bytes with room for %llu is no command",
                     (unsigned long long)chain->readable_size,
                     (unsigned long long)chain->writable_size);
        stats_add(&media->device.host->stats->chains_bad, 1);
        r = -EINVAL;
    } else if (row->run == NULL) {
        log_stranger("refused a command of an unknown type");
        r = -ENOTTY;
    } else {
        request.reply_size = row->reply;
        r = row->run(media, &request);
    }
    if (r == LATER) {
        media->command.chain = chain;
        return;
    }
    if (r != 0)
        request.reply_size = request.room < request.error_size ? 0 : request.error_size;
    if (row != NULL && row->run == run_close)
        request.reply_size = 0;
    give_back(media, chain, r, request.reply, request.reply_size);
}

/* Answers the request in hand if the window has, or does it again if it was cancelled. Returns
 * whether the driver got an answer. */
static bool take_up(struct media *media)
{
    struct command *command = &media->command;
    struct virtqueue *queue = &media->device.host->queues[VIRTIO_MEDIA_COMMANDQ];
    struct chain *chain = command->chain;
    size_t size = sizeof(struct virtio_media_resp_header);

    if (chain == NULL || !command->settled ||
        (virtqueue_holds(queue, chain) && !virtqueue_running(queue)))
        return false;
    command->chain = NULL;
    command->settled = false;
    if (!virtqueue_holds(queue, chain)) {
        /* The driver of the ring began anew: it knows of no mapping, and will not undo it. */
        if (command->plane != NULL && command->result == 0)
            plane_unmap(command->plane, NULL, NULL);
        virtqueue_drop(queue, chain);
        return false;
    }
    if (command->result == -ECANCELED) {
        take(media, chain);
        return command->chain == NULL;
    }
    if (command->result == 0)
        size = command->mapping_size;
    give_back(media, chain, command->result, &command->mapping, size);
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

int command_init(struct command *command, struct media *media)
{
    int r = sd_event_add_defer(media->device.host->loop, &command->more, on_more, media);

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

/* SPDX-License-Identifier: MIT */
#include "door/back_channel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <time.h>

#include <linux/sockios.h>

#include "base/fd.h"
#include "base/log.h"
#include "door/listening.h"

#define NOT_SENT 0u       /* the 'request' that only waits for those before it */
#define ACCURACY_US 1000u /* the loop's own would let "at once" be 250 ms */
#define IN_VAIN 16u       /* so many answers are worth a timer that rings for nothing */

static const uint8_t nobodys_uuid[16] = "hostblob-barrier";
static const struct vhost_user_header follower = {VHOST_USER_BACKEND_CONFIG_CHANGE,
                                                  VHOST_USER_VERSION, 0};

/* Answers the first request of the queue and forgets it. */
static void complete_first(struct back_channel *ch, int result)
{
    struct back_request *first = TAILQ_FIRST(&ch->queue);

    TAILQ_REMOVE(&ch->queue, first, link);
    if (first->done != NULL)
        first->done(first->data, result);
    free(first);
}

static void fail_all(struct back_channel *ch, int result)
{
    ch->phase = BACK_CHANNEL_IDLE;
    while (!TAILQ_EMPTY(&ch->queue))
        complete_first(ch, result);
}

static void detach(struct back_channel *ch)
{
    ch->io = sd_event_source_disable_unref(ch->io);
    ch->timer = sd_event_source_disable_unref(ch->timer);
    fd_close(&ch->fd);
    fd_close(&ch->answer_fd);
    ch->have = 0;
    ch->broken = NULL;
}

static void channel_break(struct back_channel *ch, int result, const char *reason)
{
    /* libkrun closes it at each reset, and brings another. */
    if (!ch->mute || !ch->held)
        log_stranger("The back-end channel is closed: %s. Buffers can no longer be mapped.",
                     reason);
    detach(ch);
    fail_all(ch, result);
}

static void pump(struct back_channel *ch);

static uint64_t now_us(const struct back_channel *ch)
{
    uint64_t now = 0;

    sd_event_now(ch->loop, CLOCK_MONOTONIC, &now);
    return now;
}

static void ring_at(struct back_channel *ch, uint64_t us)
{
    sd_event_source_set_time(ch->timer, us);
    sd_event_source_set_enabled(ch->timer, SD_EVENT_ONESHOT);
}

static void ring_never(struct back_channel *ch)
{
    if (ch->timer != NULL && ch->broken == NULL)
        sd_event_source_set_enabled(ch->timer, SD_EVENT_OFF);
}

static int on_time(sd_event_source *source, uint64_t set_for, void *data)
{
    struct back_channel *ch = data;
    const struct back_request *first = TAILQ_FIRST(&ch->queue);

    if (ch->broken != NULL) {
        channel_break(ch, -ECONNRESET, ch->broken);
    } else if (ch->phase != BACK_CHANNEL_IDLE && now_us(ch) < ch->due_us) {
        ring_at(ch, ch->due_us);
    } else if (ch->phase != BACK_CHANNEL_IDLE) {
        channel_break(ch, -ETIMEDOUT, "the front-end did not answer in time");
    } else if (first != NULL && first->header.request == NOT_SENT && !ch->held) {
        complete_first(ch, 0);
        pump(ch);
    } else {
        ch->answered = 0;
    }
    return 0;
}

/* What is under way has its time from now on. */
static void limit_begins(struct back_channel *ch)
{
    if (ch->timer == NULL || ch->broken != NULL)
        return;
    ch->due_us = now_us(ch) + ch->limit_us;
    if (sd_event_source_get_enabled(ch->timer, NULL) <= 0)
        ring_at(ch, ch->due_us);
}

/* It is answered. */
static void limit_ends(struct back_channel *ch)
{
    if (ch->answered < IN_VAIN)
        ring_never(ch);
    ch->answered++;
}

/* From the loop's next turn: 'done' never comes from within the call that asked. */
static void fail_soon(struct back_channel *ch, ssize_t n)
{
    ch->broken =
        n < 0 && n != -EAGAIN ? strerror((int)-n) : "the front-end does not read its requests";
    ring_at(ch, now_us(ch));
}

static bool send_bytes(struct back_channel *ch, const void *bytes, size_t size, int fd)
{
    ssize_t n = fd_send_now(ch->fd, bytes, size, &fd, fd >= 0);

    if (n != (ssize_t)size)
        fail_soon(ch, n);
    return n == (ssize_t)size;
}

/* With an edge for each byte that the front-end reads, besides what arrives. */
static void watch_reading(struct back_channel *ch, bool on)
{
    sd_event_source_set_io_events(ch->io, on ? EPOLLIN | EPOLLOUT | EPOLLET : EPOLLIN);
}

/* Whether the front-end has read all that was sent. The kernel wakes us while it still counts 1 for
 * what was just read; an unread byte counts for hundreds. */
static bool all_read(const struct back_channel *ch)
{
    int unread = 0;

    return ioctl(ch->fd, SIOCOUTQ, &unread) >= 0 && unread <= 1;
}

/* Sends the first request from byte 'from' on. */
static void send_first(struct back_channel *ch, size_t from)
{
    struct back_request *first = TAILQ_FIRST(&ch->queue);
    uint8_t bytes[2 * VHOST_USER_HEADER_SIZE + sizeof(first->payload)];
    size_t size = VHOST_USER_HEADER_SIZE + first->header.size;

    memcpy(bytes, &first->header, VHOST_USER_HEADER_SIZE);
    memcpy(bytes + VHOST_USER_HEADER_SIZE, &first->payload, first->header.size);
    if (ch->mute && first->header.request != VHOST_USER_BACKEND_CONFIG_CHANGE) {
        memcpy(bytes + size, &follower, VHOST_USER_HEADER_SIZE);
        size += VHOST_USER_HEADER_SIZE;
    }
    if (!send_bytes(ch, bytes + from, size - from, from == 0 ? first->fd : -1))
        return;
    ch->phase = BACK_CHANNEL_ASKED;
    if (ch->mute)
        watch_reading(ch, true);
}

static void knock(struct back_channel *ch)
{
    const struct back_request *first = TAILQ_FIRST(&ch->queue);

    if (!send_bytes(ch, &first->header, 1, first->fd))
        return;
    ch->phase = BACK_CHANNEL_KNOCKED;
    watch_reading(ch, true);
}

/* Goes on with a request that was knocked for, if it is being waited for now. */
static void enter(struct back_channel *ch)
{
    if (ch->phase != BACK_CHANNEL_KNOCKED || !all_read(ch) || !ch->quiet(ch->quiet_data))
        return;
    watch_reading(ch, false);
    send_first(ch, 1);
}

/* Makes what was begun a message that nobody knows; the request counts as not sent. */
static void walk_away(struct back_channel *ch)
{
    struct vhost_user_header nonsense = TAILQ_FIRST(&ch->queue)->header;

    nonsense.request |= VHOST_USER_BACKEND_WITHDRAWN;
    nonsense.flags = VHOST_USER_VERSION;
    nonsense.size = 0;
    watch_reading(ch, false);
    ch->phase = BACK_CHANNEL_IDLE;
    send_bytes(ch, (uint8_t *)&nonsense + 1, VHOST_USER_HEADER_SIZE - 1, -1);
}

/* Whether QEMU dies of the request when it comes at the wrong moment. */
static bool is_delicate(uint32_t request)
{
    return request != VHOST_USER_BACKEND_SHARED_OBJECT_ADD &&
           request != VHOST_USER_BACKEND_SHARED_OBJECT_REMOVE &&
           request != VHOST_USER_BACKEND_SHARED_OBJECT_LOOKUP;
}

/* Sends the first request unless one is under way. */
static void pump(struct back_channel *ch)
{
    struct back_request *first = TAILQ_FIRST(&ch->queue);

    if (first == NULL || ch->phase != BACK_CHANNEL_IDLE || ch->held || ch->fd < 0 ||
        ch->broken != NULL)
        return;
    if (first->header.request == NOT_SENT) {
        ring_at(ch, now_us(ch)); /* answered from the loop's next turn, as all */
        return;
    }
    if (ch->knock && is_delicate(first->header.request))
        knock(ch);
    else
        send_first(ch, 0);
    if (ch->phase != BACK_CHANNEL_IDLE)
        limit_begins(ch);
}

/* A request that is never answered is done with when what follows it has been read. */
static void settle(struct back_channel *ch)
{
    if (!ch->mute || ch->phase != BACK_CHANNEL_ASKED || !all_read(ch))
        return;
    watch_reading(ch, false);
    ch->phase = BACK_CHANNEL_IDLE;
    limit_ends(ch);
    complete_first(ch, 0);
    pump(ch);
}

/* What is wrong with the answer that has arrived, or NULL. */
static const char *check_answer(const struct back_channel *ch, struct vhost_user_header *header)
{
    if (ch->phase != BACK_CHANNEL_ASKED || ch->mute)
        return "the front-end answered, but nothing was asked";
    if (header->request != TAILQ_FIRST(&ch->queue)->header.request)
        return "the front-end answered another request than the one made";
    if (header->flags != (VHOST_USER_VERSION | VHOST_USER_FLAG_REPLY) ||
        header->size != sizeof(uint64_t))
        return "the front-end's answer has the wrong form";
    return NULL;
}

/* What the answer, which is in order, comes to. */
static int answer_result(struct back_channel *ch, uint32_t request, uint64_t value)
{
    static struct log_limit limit;
    int fd = ch->answer_fd;

    if (request != VHOST_USER_BACKEND_SHARED_OBJECT_LOOKUP)
        return value == 0 ? 0 : -EIO;
    if (value == 0 && fd < 0 && log_limit_allows(&limit))
        log_warning("The front-end found a shared object, but sent no descriptor.");
    if (value == 0 && fd >= 0) {
        ch->answer_fd = -1;
        return fd;
    }
    fd_close(&ch->answer_fd);
    return -EIO;
}

static void take_answer(struct back_channel *ch)
{
    struct vhost_user_header header;
    const char *reason;
    uint64_t value;

    memcpy(&header, ch->answer, sizeof(header));
    memcpy(&value, ch->answer + VHOST_USER_HEADER_SIZE, sizeof(value));
    ch->have = 0;
    reason = check_answer(ch, &header);
    if (reason != NULL) {
        channel_break(ch, -ECONNRESET, reason);
        return;
    }
    ch->phase = BACK_CHANNEL_IDLE;
    limit_ends(ch);
    complete_first(ch, answer_result(ch, header.request, value));
    pump(ch);
}

/* Whether a descriptor may come now. */
static bool looks_for_one(const struct back_channel *ch)
{
    return ch->phase == BACK_CHANNEL_ASKED &&
           TAILQ_FIRST(&ch->queue)->header.request == VHOST_USER_BACKEND_SHARED_OBJECT_LOOKUP;
}

static void read_answer(struct back_channel *ch)
{
    struct fd_list fds = {0};
    ssize_t n = fd_receive_now(ch->fd, ch->answer + ch->have, sizeof(ch->answer) - ch->have, &fds);
    unsigned count = fds.count;

    if (count > 0 && ch->answer_fd < 0 && looks_for_one(ch)) {
        ch->answer_fd = fd_list_take(&fds, 0);
        count--;
    }
    fd_list_finish(&fds);
    if (n == -EAGAIN || n == -EINTR)
        return;
    if (n <= 0)
        channel_break(ch, -ECONNRESET, n == 0 ? "the front-end closed it" : strerror((int)-n));
    else if (count > 0)
        channel_break(ch, -ECONNRESET, "the front-end's answer carries descriptors");
    else if ((ch->have += (unsigned)n) == sizeof(ch->answer))
        take_answer(ch);
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *data)
{
    struct back_channel *ch = data;

    if (events & ~(uint32_t)EPOLLOUT)
        read_answer(ch);
    enter(ch);
    settle(ch);
    return 0;
}

void back_channel_init(struct back_channel *ch, sd_event *loop, uint64_t limit_us,
                       bool (*quiet)(void *data), void *quiet_data)
{
    *ch = (struct back_channel){
        .loop = loop,
        .fd = -1,
        .answer_fd = -1,
        .held = true,
        .limit_us = limit_us,
        .quiet = quiet,
        .quiet_data = quiet_data,
    };
    TAILQ_INIT(&ch->queue);
}

void back_channel_finish(struct back_channel *ch)
{
    detach(ch);
    fail_all(ch, -ECONNRESET);
}

int back_channel_attach(struct back_channel *ch, int fd)
{
    int r;

    detach(ch);
    fail_all(ch, -ECONNRESET);
    ch->fd = fd;
    r = fd_set_nonblock(fd);
    if (r == 0)
        r = sd_event_add_io(ch->loop, &ch->io, fd, EPOLLIN, on_io, ch);
    if (r >= 0)
        r = sd_event_add_time_relative(ch->loop, &ch->timer, CLOCK_MONOTONIC, ch->limit_us,
                                       ACCURACY_US, on_time, ch);
    if (r >= 0)
        r = sd_event_source_set_enabled(ch->timer, SD_EVENT_OFF);
    if (r < 0)
        detach(ch);
    return r < 0 ? r : 0;
}

bool back_channel_attached(const struct back_channel *ch)
{
    return ch->fd >= 0;
}

bool back_channel_rests(const struct back_channel *ch)
{
    return ch->broken == NULL && ch->have == 0 && TAILQ_EMPTY(&ch->queue);
}

void back_channel_deafen(struct back_channel *ch, bool deaf)
{
    int r = ch->io != NULL ? listening_set(ch->io, !deaf) : 0;

    if (r < 0)
        fail_soon(ch, r);
}

void back_channel_hold(struct back_channel *ch, bool hold)
{
    ch->held = hold;
    if (hold && ch->phase == BACK_CHANNEL_KNOCKED)
        walk_away(ch);
    if (hold)
        ring_never(ch);
    else if (ch->phase != BACK_CHANNEL_IDLE)
        limit_begins(ch);
    pump(ch);
}

void back_channel_poke(struct back_channel *ch)
{
    enter(ch);
}

void back_channel_drain(struct back_channel *ch)
{
    if (ch->phase == BACK_CHANNEL_ASKED)
        read_answer(ch);
    settle(ch);
}

void back_channel_cancel_unsent(struct back_channel *ch)
{
    TAILQ_HEAD(, back_request) canceled = TAILQ_HEAD_INITIALIZER(canceled);
    struct back_request *r, *next;

    TAILQ_FOREACH_SAFE(r, &ch->queue, link, next)
    {
        if (ch->phase != BACK_CHANNEL_IDLE && r == TAILQ_FIRST(&ch->queue))
            continue;
        TAILQ_REMOVE(&ch->queue, r, link);
        TAILQ_INSERT_TAIL(&canceled, r, link);
    }
    while ((r = TAILQ_FIRST(&canceled)) != NULL) {
        TAILQ_REMOVE(&canceled, r, link);
        if (r->done != NULL)
            r->done(r->data, -ECANCELED);
        free(r);
    }
}

/* A request with room for its payload, or NULL. */
static struct back_request *request_create(uint32_t request, uint32_t size, back_channel_done *done,
                                           void *data)
{
    struct back_request *r = calloc(1, sizeof(*r));

    if (r == NULL)
        return NULL;
    r->header = (struct vhost_user_header){
        .request = request,
        .flags = VHOST_USER_VERSION | VHOST_USER_FLAG_NEED_REPLY,
        .size = size,
    };
    r->fd = -1;
    r->done = done;
    r->data = data;
    return r;
}

/* The send happens from the loop's next turn if the queue is idle, so that 'done' never comes from
 * within. */
static int enqueue(struct back_channel *ch, struct back_request *r)
{
    if (ch->mute)
        r->header.flags = VHOST_USER_VERSION;
    TAILQ_INSERT_TAIL(&ch->queue, r, link);
    pump(ch);
    return 0;
}

int back_channel_mmap(struct back_channel *ch, uint32_t request, const struct vhost_user_mmap *mmap,
                      int fd, back_channel_done *done, void *data)
{
    struct back_request *r;

    if (ch->fd < 0)
        return -ENOTCONN;
    r = request_create(request, sizeof(*mmap), done, data);
    if (r == NULL)
        return -ENOMEM;
    r->payload.mmap = *mmap;
    r->fd = fd;
    return enqueue(ch, r);
}

int back_channel_object(struct back_channel *ch, uint32_t request, const uint8_t uuid[static 16],
                        back_channel_done *done, void *data)
{
    struct back_request *r;

    if (ch->fd < 0)
        return -ENOTCONN;
    r = request_create(request, sizeof(r->payload.uuid), done, data);
    if (r == NULL)
        return -ENOMEM;
    memcpy(r->payload.uuid, uuid, sizeof(r->payload.uuid));
    return enqueue(ch, r);
}

/* The front-end refuses it, and that is as good an answer. */
struct barrier {
    back_channel_done *done;
    void *data;
};

static void barrier_answered(void *data, int result)
{
    struct barrier *b = data;

    b->done(b->data, result == -EIO ? 0 : result);
    free(b);
}

int back_channel_barrier(struct back_channel *ch, bool send, back_channel_done *done, void *data)
{
    struct barrier *b;
    struct back_request *r;

    if (ch->fd < 0)
        return -ENOTCONN;
    b = malloc(sizeof(*b));
    if (b == NULL)
        return -ENOMEM;
    *b = (struct barrier){done, data};
    r = request_create(send ? VHOST_USER_BACKEND_SHARED_OBJECT_REMOVE : NOT_SENT,
                       sizeof(nobodys_uuid), barrier_answered, b);
    if (r == NULL) {
        free(b);
        return -ENOMEM;
    }
    memcpy(r->payload.uuid, nobodys_uuid, sizeof(nobodys_uuid));
    return enqueue(ch, r);
}

int back_channel_config_change(struct back_channel *ch)
{
    struct back_request *r;

    if (ch->fd < 0)
        return -ENOTCONN;
    /* One that waits to be sent says as much as two. */
    TAILQ_FOREACH(r, &ch->queue, link)
    if (r->header.request == VHOST_USER_BACKEND_CONFIG_CHANGE &&
        (r != TAILQ_FIRST(&ch->queue) || ch->phase == BACK_CHANNEL_IDLE))
        return 0;
    r = request_create(VHOST_USER_BACKEND_CONFIG_CHANGE, 0, NULL, NULL);
    return r != NULL ? enqueue(ch, r) : -ENOMEM;
}

/* SPDX-License-Identifier: MIT */
#include "door/connection.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

#include "base/log.h"
#include "door/listening.h"

/* Says it once; the owner finishes the connection, so nothing may touch it afterwards. */
static void connection_break(struct connection *c, const char *reason)
{
    if (c->broken)
        return;
    c->broken = true;
    sd_event_source_set_enabled(c->io, SD_EVENT_OFF);
    c->handler->closed(c->data, reason);
}

/* The same for what no front-end should do. */
static void connection_refuse(struct connection *c, const char *reason)
{
    if (!c->broken)
        c->handler->refused(c->data, reason);
    connection_break(c, reason);
}

/* Nothing more can be read or written: 'error' is -errno. */
static void connection_fail(struct connection *c, int error, const char *otherwise)
{
    if (error == -ECONNRESET || error == -EPIPE)
        connection_break(c, "it hung up");
    else
        connection_refuse(c, otherwise);
}

/* How many bytes to read next: the header first, then its payload and not a byte more, because the
 * descriptors of the next message come with its first byte. */
static size_t bytes_wanted(const struct connection *c)
{
    if (c->have < VHOST_USER_HEADER_SIZE)
        return VHOST_USER_HEADER_SIZE - c->have;
    return VHOST_USER_HEADER_SIZE + c->in.header.size - c->have;
}

/* On the wire the payload follows the header at once; in the struct it is aligned for its numbers.
 */
static uint8_t *next_byte(struct connection *c)
{
    if (c->have < VHOST_USER_HEADER_SIZE)
        return (uint8_t *)&c->in.header + c->have;
    return c->in.bytes + (c->have - VHOST_USER_HEADER_SIZE);
}

static void deliver(struct connection *c)
{
    struct fd_list fds = c->fds;
    struct vhost_user_message message = c->in;

    c->have = 0;
    c->fds = (struct fd_list){0};
    c->handler->message(c->data, &message, &fds);
    fd_list_finish(&fds);
}

/* Reads a piece. Returns whether a whole message is there. */
static bool read_piece(struct connection *c)
{
    ssize_t n = fd_receive_now(c->fd, next_byte(c), bytes_wanted(c), &c->fds);
    const char *reason;

    if (n == -EAGAIN || n == -EINTR)
        return false;
    if (n <= 0) {
        connection_fail(c, n == 0 && c->have == 0 ? -ECONNRESET : (int)n,
                        n == 0           ? "it hung up in mid-message"
                        : n == -EMSGSIZE ? "it sent more descriptors than can be taken"
                                         : strerror((int)-n));
        return false;
    }
    c->have += (size_t)n;
    if (c->have == VHOST_USER_HEADER_SIZE) {
        reason = vhost_user_check_header(&c->in.header);
        if (reason != NULL) {
            connection_refuse(c, reason);
            return false;
        }
    }
    return c->have >= VHOST_USER_HEADER_SIZE && bytes_wanted(c) == 0;
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *data)
{
    struct connection *c = data;

    if (read_piece(c) || (!c->broken && c->have >= VHOST_USER_HEADER_SIZE && read_piece(c)))
        deliver(c);
    return 0;
}

int connection_init(struct connection *c, sd_event *loop, int fd,
                    const struct connection_handler *handler, void *data)
{
    int r;

    memset(c, 0, sizeof(*c));
    c->fd = fd;
    c->handler = handler;
    c->data = data;
    r = fd_set_nonblock(fd);
    if (r == 0)
        r = sd_event_add_io(loop, &c->io, fd, EPOLLIN, on_io, c);
    if (r < 0)
        connection_finish(c);
    return r < 0 ? r : 0;
}

void connection_finish(struct connection *c)
{
    c->broken = true;
    c->io = sd_event_source_disable_unref(c->io);
    fd_list_finish(&c->fds);
    fd_close(&c->fd);
}

void connection_hold(struct connection *c, bool hold)
{
    int r = c->broken ? 0 : listening_set(c->io, !hold);

    /* Nothing would ever be read again. */
    if (r < 0 && !hold) {
        log_error("The front-end cannot be listened to: %s.", strerror(-r));
        connection_break(c, "its socket cannot be waited for");
    }
}

bool connection_quiet(const struct connection *c)
{
    int unread = 0;

    return c->have == 0 && ioctl(c->fd, FIONREAD, &unread) == 0 && unread == 0;
}

void connection_answer(struct connection *c, const struct vhost_user_message *request,
                       const void *payload, uint32_t size)
{
    connection_answer_fd(c, request, payload, size, -1);
}

void connection_answer_fd(struct connection *c, const struct vhost_user_message *request,
                          const void *payload, uint32_t size, int fd)
{
    struct vhost_user_header header = {
        .request = request->header.request,
        .flags = VHOST_USER_VERSION | VHOST_USER_FLAG_REPLY,
        .size = size,
    };
    uint8_t answer[VHOST_USER_HEADER_SIZE + VHOST_USER_MAX_PAYLOAD];
    size_t total = sizeof(header) + size;
    ssize_t n;

    if (c->broken)
        return;
    memcpy(answer, &header, sizeof(header));
    if (size > 0)
        memcpy(answer + sizeof(header), payload, size);
    n = fd_send_now(c->fd, answer, total, &fd, fd >= 0);
    if (n != (ssize_t)total)
        connection_fail(c, n < 0 ? (int)n : -EAGAIN,
                        n < 0 && n != -EAGAIN ? strerror((int)-n) : "it does not read its answers");
}

void connection_ack(struct connection *c, const struct vhost_user_message *request, bool reply_ack,
                    int result)
{
    uint64_t value = result != 0;

    if (reply_ack && (request->header.flags & VHOST_USER_FLAG_NEED_REPLY))
        connection_answer(c, request, &value, sizeof(value));
}

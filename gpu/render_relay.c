/* SPDX-License-Identifier: MIT */
#include "gpu/render_relay.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/log.h"

#define MESSAGE_MAX 256u /* bytes; the longest that is known has 40 */
#define SEND_BUFFER (1 << 20)
#define TRIES_MAX 2u /* a context that kills two servers is the one to blame */

void render_relay_init(struct render_relay *r, sd_event *loop,
                       const struct render_relay_handler *handler, void *data)
{
    *r = (struct render_relay){
        .loop = loop,
        .handler = handler,
        .data = data,
        .library_fd = -1,
        .server_fd = -1,
        .refusing = true,
    };
}

struct message {
    uint32_t size;
    uint8_t bytes[MESSAGE_MAX];
    struct fd_list fds;
};

static void close_library(struct render_relay *r)
{
    r->library_io = sd_event_source_disable_unref(r->library_io);
    fd_close(&r->library_fd);
    r->initialised = false;
    r->creating = false;
}

static void close_server(struct render_relay *r)
{
    r->server_io = sd_event_source_disable_unref(r->server_io);
    fd_close(&r->server_fd);
}

void render_relay_finish(struct render_relay *r)
{
    close_library(r);
    close_server(r);
}

/* The library is heard when what it says can go somewhere. */
static void listen_to_library(struct render_relay *r)
{
    bool ready = !r->creating && (r->server_fd >= 0 || r->refusing);

    if (r->library_io != NULL)
        sd_event_source_set_enabled(r->library_io, ready ? SD_EVENT_ON : SD_EVENT_OFF);
}

static void refuse_context(struct render_relay *r)
{
    const struct render_wire_create_context_reply reply = {.ok = 0};

    log_stranger("Context %u gets no render process.", r->create.ctx_id);
    r->creating = false;
    fd_send(r->library_fd, &reply, sizeof(reply), NULL, 0);
}

/* A server whose socket is full has not read hundreds of messages: it is as good as dead. */
static void send_to_server(struct render_relay *r, const struct message *m)
{
    ssize_t n = fd_send(r->server_fd, m->bytes, m->size, m->fds.fds, m->fds.count);

    if (n < 0)
        r->handler->server_gone(r->data);
}

static void remember(struct render_relay *r, const struct message *m)
{
    uint32_t op = 0;

    if (m->size >= sizeof(op))
        memcpy(&op, m->bytes, sizeof(op));
    if (op == RENDER_WIRE_INIT && m->size == sizeof(r->init)) {
        memcpy(&r->init, m->bytes, sizeof(r->init));
        r->initialised = true;
    } else if (op == RENDER_WIRE_CREATE_CONTEXT && m->size == sizeof(r->create)) {
        memcpy(&r->create, m->bytes, sizeof(r->create));
        r->creating = true;
        r->tries = 1;
    } else if (op == RENDER_WIRE_DESTROY_CONTEXT &&
               m->size == sizeof(struct render_wire_destroy_context)) {
        struct render_wire_destroy_context destroy;

        memcpy(&destroy, m->bytes, sizeof(destroy));
        r->handler->destroyed(r->data, destroy.ctx_id);
    } else if (op == RENDER_WIRE_RESET) {
        r->handler->reset(r->data);
    } else if (op != RENDER_WIRE_NOP) {
        log_stranger("The library says something unknown to its render server: %u, %u bytes.", op,
                     m->size);
    }
}

static int on_library(sd_event_source *source, int fd, uint32_t events, void *data)
{
    struct render_relay *r = data;
    struct message m = {0};
    ssize_t n = fd_receive(fd, m.bytes, sizeof(m.bytes), &m.fds);

    if (n == -EAGAIN)
        return 0;
    if (n <= 0) {
        close_library(r);
        r->handler->library_gone(r->data);
        return 0;
    }
    m.size = (uint32_t)n;
    remember(r, &m);
    if (r->server_fd >= 0)
        send_to_server(r, &m);
    else if (r->creating)
        refuse_context(r);
    fd_list_finish(&m.fds);
    listen_to_library(r);
    return 0;
}

/* Whether it is an answer, to a question that was asked. The library would take any other for the
 * answer to its next one, and from then on each context's process for another's. */
static bool is_answer(const struct render_relay *r, const struct message *m)
{
    const struct render_wire_create_context_reply *reply = (const void *)m->bytes;

    return r->creating && m->size == sizeof(*reply) && reply->ok <= 1 && m->fds.count == reply->ok;
}

/* An answer of the server goes on to the library. */
static void pass_answer(struct render_relay *r)
{
    struct message m = {0};
    ssize_t n = fd_receive(r->server_fd, m.bytes, sizeof(m.bytes), &m.fds);
    bool made;

    if (n == -EAGAIN)
        return;
    m.size = n > 0 ? (uint32_t)n : 0;
    if (!is_answer(r, &m)) {
        if (n > 0)
            log_stranger("The render server says what nobody asked for: another is started.");
        fd_list_finish(&m.fds);
        r->handler->server_gone(r->data);
        return;
    }
    made = m.bytes[0] != 0;
    r->creating = false;
    if (made)
        r->handler->created(r->data, r->create.ctx_id);
    n = fd_send(r->library_fd, m.bytes, (size_t)n, m.fds.fds, m.fds.count);
    if (n < 0)
        log_error("The library does not take its render server's answer: %s.", strerror((int)-n));
    fd_list_finish(&m.fds);
}

static int on_server(sd_event_source *source, int fd, uint32_t events, void *data)
{
    struct render_relay *r = data;

    pass_answer(r);
    listen_to_library(r);
    return 0;
}

int render_relay_set_library(struct render_relay *r, int fd)
{
    int ret;

    close_library(r);
    r->library_fd = fd;
    ret = fd_set_nonblock(fd);
    if (ret == 0)
        ret = sd_event_add_io(r->loop, &r->library_io, fd, EPOLLIN, on_library, r);
    if (ret < 0)
        close_library(r);
    listen_to_library(r);
    return ret < 0 ? ret : 0;
}

/* Says again what the last server has heard. */
static void repeat(struct render_relay *r)
{
    struct message m = {.size = sizeof(r->init)};

    if (r->initialised) {
        memcpy(m.bytes, &r->init, sizeof(r->init));
        send_to_server(r, &m);
    }
    if (!r->creating || r->server_fd < 0)
        return;
    r->tries++;
    m.size = sizeof(r->create);
    memcpy(m.bytes, &r->create, sizeof(r->create));
    send_to_server(r, &m);
}

int render_relay_set_server(struct render_relay *r, int fd)
{
    int size = SEND_BUFFER;
    int ret;

    close_server(r);
    r->server_fd = fd;
    /* As much as the system allows; half of it would do as well. */
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    ret = fd_set_nonblock(fd);
    if (ret == 0)
        ret = sd_event_add_io(r->loop, &r->server_io, fd, EPOLLIN, on_server, r);
    if (ret < 0) {
        close_server(r);
        return ret;
    }
    r->refusing = false;
    repeat(r);
    listen_to_library(r);
    return 0;
}

void render_relay_drop_server(struct render_relay *r, bool soon)
{
    close_server(r);
    r->refusing = !soon;
    if (r->creating && (!soon || r->tries >= TRIES_MAX))
        refuse_context(r);
    listen_to_library(r);
}

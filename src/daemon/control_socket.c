/* SPDX-License-Identifier: MIT */
#include "daemon/control_socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/log.h"

static void client_finish(struct control_socket_client *c)
{
    c->io = sd_event_source_disable_unref(c->io);
    fd_close(&c->fd);
    free(c->text);
    c->text = NULL;
}

static int on_writable(sd_event_source *source, int fd, uint32_t events, void *data)
{
    struct control_socket_client *c = data;
    ssize_t n = fd_send(fd, c->text + c->sent, c->size - c->sent, NULL, 0);

    if (n == -EAGAIN || n == -EINTR)
        return 0;
    if (n > 0)
        c->sent += (size_t)n;
    if (n <= 0 || c->sent == c->size)
        client_finish(c);
    return 0;
}

static struct control_socket_client *free_client(struct control_socket *control)
{
    for (unsigned i = 0; i < CONTROL_SOCKET_CLIENTS; i++)
        if (control->clients[i].fd < 0)
            return &control->clients[i];
    return NULL;
}

static int on_accept(sd_event_source *source, int fd, uint32_t events, void *data)
{
    struct control_socket *control = data;
    struct control_socket_client *c = free_client(control);
    int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (peer < 0 || c == NULL) {
        fd_close(&peer);
        return 0;
    }
    *c = (struct control_socket_client){.control = control, .fd = peer};
    c->text = control->document(control->data);
    c->size = c->text != NULL ? strlen(c->text) : 0;
    if (c->text == NULL ||
        sd_event_add_io(control->loop, &c->io, peer, EPOLLOUT, on_writable, c) < 0)
        client_finish(c);
    return 0;
}

int control_socket_init(struct control_socket *control, sd_event *loop, const char *path,
                        char *(*document)(void *data), void *data)
{
    int r;

    *control = (struct control_socket){.loop = loop, .fd = -1, .document = document, .data = data};
    for (unsigned i = 0; i < CONTROL_SOCKET_CLIENTS; i++)
        control->clients[i].fd = -1;
    r = listener_init_path(&control->listener, path);
    if (r < 0)
        return r;
    control->fd = listener_take(&control->listener);
    r = sd_event_add_io(loop, &control->accept, control->fd, EPOLLIN, on_accept, control);
    if (r < 0)
        control_socket_finish(control);
    return r < 0 ? r : 0;
}

void control_socket_finish(struct control_socket *control)
{
    control->accept = sd_event_source_disable_unref(control->accept);
    for (unsigned i = 0; i < CONTROL_SOCKET_CLIENTS; i++)
        client_finish(&control->clients[i]);
    fd_close(&control->fd);
    listener_finish(&control->listener);
}

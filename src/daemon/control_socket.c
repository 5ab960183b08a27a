/* SPDX-License-Identifier: MIT */
#include "daemon/control_socket.h"

#include <errno.h>
#include <string.h>

#include "base/fd.h"

static struct control_client *free_client(struct control_socket *control)
{
    for (unsigned i = 0; i < CONTROL_SOCKET_CLIENTS; i++)
        if (control->clients[i].fd < 0)
            return &control->clients[i];
    return NULL;
}

/* One more than can be served: it may come again. */
static void turn_away(int peer)
{
    static const char answer[] = "{\"ok\":false,\"error\":\"too many ask at once\"}\n";

    fd_send(peer, answer, sizeof(answer) - 1, NULL, 0);
    fd_close(&peer);
}

static int on_accept(sd_event_source *source, int fd, uint32_t events, void *data)
{
    struct control_socket *control = data;
    struct control_client *client = free_client(control);
    int peer = accepting_take(&control->accepting, "Who asks at the control socket");

    if (peer < 0)
        return 0;
    if (client == NULL)
        turn_away(peer);
    else
        control_client_init(client, control->loop, peer, control->handler, control->data);
    return 0;
}

void control_socket_clear(struct control_socket *control)
{
    *control = (struct control_socket){.fd = -1, .listener.fd = -1};
    for (unsigned i = 0; i < CONTROL_SOCKET_CLIENTS; i++)
        control_client_clear(&control->clients[i]);
}

int control_socket_open(struct control_socket *control, const char *path)
{
    int r;

    control_socket_clear(control);
    r = listener_init_path(&control->listener, path, NULL);
    if (r == 0)
        control->fd = listener_take(&control->listener);
    return r;
}

int control_socket_serve(struct control_socket *control, sd_event *loop,
                         const struct control_handler *handler, void *data)
{
    control->loop = loop;
    control->handler = handler;
    control->data = data;
    return control->adopted
               ? accepting_insist(&control->accepting, loop, control->fd, on_accept, control)
               : accepting_init(&control->accepting, loop, control->fd, on_accept, control);
}

void control_socket_close(struct control_socket *control)
{
    accepting_finish(&control->accepting);
    fd_close(&control->fd);
}

void control_socket_adopt(struct control_socket *control, int fd)
{
    control_socket_clear(control);
    control->fd = fd;
    control->adopted = true;
}

bool control_socket_busy(const struct control_socket *control)
{
    for (unsigned i = 0; i < CONTROL_SOCKET_CLIENTS; i++)
        if (control->clients[i].fd >= 0)
            return true;
    return false;
}

void control_socket_finish(struct control_socket *control)
{
    accepting_finish(&control->accepting);
    for (unsigned i = 0; i < CONTROL_SOCKET_CLIENTS; i++)
        control_client_finish(&control->clients[i]);
    fd_close(&control->fd);
    listener_finish(&control->listener);
}

/* SPDX-License-Identifier: MIT */
#include "hostblob/notify_socket.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/fd.h"

static int on_io(sd_event_source *source, int fd, uint32_t events, void *data)
{
    struct notify_socket *notify = data;
    char text[1024], control[CMSG_SPACE(sizeof(struct ucred))];
    struct iovec iov = {text, sizeof(text) - 1};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control,
                         .msg_controllen = sizeof(control)};
    ssize_t n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    struct cmsghdr *c = n >= 0 ? CMSG_FIRSTHDR(&msg) : NULL;
    struct ucred cred;

    if (c == NULL || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_CREDENTIALS)
        return 0;
    memcpy(&cred, CMSG_DATA(c), sizeof(cred));
    text[n] = '\0';
    notify->heard(notify->data, cred.pid, text);
    return 0;
}

/* A name that the kernel chooses. */
static int bind_somewhere(struct notify_socket *notify)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t size = sizeof(address);
    int on = 1;

    if (setsockopt(notify->fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0 ||
        bind(notify->fd, (struct sockaddr *)&address, sizeof(sa_family_t)) < 0 ||
        getsockname(notify->fd, (struct sockaddr *)&address, &size) < 0)
        return -errno;
    snprintf(notify->address, sizeof(notify->address), "@%.*s",
             (int)(size - offsetof(struct sockaddr_un, sun_path) - 1), address.sun_path + 1);
    return 0;
}

int notify_socket_init(struct notify_socket *notify, sd_event *loop,
                       void (*heard)(void *data, pid_t pid, const char *text), void *data)
{
    int r;

    *notify = (struct notify_socket){.heard = heard, .data = data};
    notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (notify->fd < 0)
        return -errno;
    r = bind_somewhere(notify);
    if (r == 0)
        r = sd_event_add_io(loop, &notify->io, notify->fd, EPOLLIN, on_io, notify);
    if (r >= 0) /* who has spoken is not late */
        r = sd_event_source_set_priority(notify->io, SD_EVENT_PRIORITY_NORMAL - 10);
    return r < 0 ? r : 0;
}

void notify_socket_finish(struct notify_socket *notify)
{
    notify->io = sd_event_source_disable_unref(notify->io);
    fd_close(&notify->fd);
}

bool notify_socket_has(const char *text, const char *line)
{
    size_t length = strlen(line);

    for (; *text != '\0'; text += strcspn(text, "\n"), text += *text == '\n')
        if (strncmp(text, line, length) == 0 && (text[length] == '\0' || text[length] == '\n'))
            return true;
    return false;
}

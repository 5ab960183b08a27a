/* SPDX-License-Identifier: MIT */
#include "gpu/sink_socket_part.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/fd.h"
#include "base/log.h"

static struct sink_socket *of(struct sink *sink)
{
    return (struct sink_socket *)(void *)sink;
}

void sink_socket_break(struct sink_socket *s)
{
    if (s->broken)
        return;
    s->broken = true;
    s->io = sd_event_source_disable_unref(s->io);
    sd_event_source_set_enabled(s->end, SD_EVENT_ONESHOT);
}

static int on_end(sd_event_source *source, void *data)
{
    struct sink_socket *s = data;

    s->closed(s->data, &s->sink);
    return 0;
}

/* ---- out ---- */

/* One output after the other, going on where the socket was full. */
static int send_outputs(struct sink_socket *s)
{
    int64_t left = SINK_SOCKET_BATCH;

    for (unsigned n = 0; n < VIRTIO_GPU_MAX_SCANOUTS; n++) {
        int r = sink_socket_pointer_send(s, s->next);

        if (r == 0)
            r = sink_socket_picture_send(s, s->next, &left);
        if (r < 0)
            return r;
        s->next = (s->next + 1) % VIRTIO_GPU_MAX_SCANOUTS;
    }
    return 0;
}

void sink_socket_pump(struct sink_socket *s)
{
    int r;

    if (s->broken || s->blocked)
        return;
    r = display_wire_flush(&s->wire);
    if (r == 0)
        r = sink_socket_question_send(s);
    if (r == 0 && s->ask.ready)
        r = send_outputs(s);
    if (r == 0)
        r = display_wire_flush(&s->wire); /* the last message may have gone in part */
    if (r == -EAGAIN) {
        s->blocked = true;
        r = sd_event_source_set_io_events(s->io, EPOLLIN | EPOLLOUT);
    }
    if (r < 0) {
        log_warning("The display socket takes no more: %s.", strerror(-r));
        sink_socket_break(s);
    }
}

/* ---- in ---- */

static void take_answers(struct sink_socket *s)
{
    const char *reason = NULL;
    int r = 0;

    while (!s->broken && (r = display_wire_receive(&s->wire, &reason)) > 0) {
        if (s->wire.in.header.request == VHOST_USER_GPU_DMABUF_UPDATE)
            sink_socket_picture_shown(s);
        else
            sink_socket_question_answer(s);
    }
    if (s->broken || r == 0)
        return;
    if (r == -ECONNRESET)
        log_info("The front-end closed the display socket.");
    else
        log_stranger("The display socket is given up: the front-end's answer %u is refused, %s.",
                     s->wire.in.header.request, reason != NULL ? reason : strerror(-r));
    sink_socket_break(s);
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *data)
{
    struct sink_socket *s = data;

    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        take_answers(s);
    if (!s->broken && s->blocked && (events & EPOLLOUT)) {
        s->blocked = false;
        sd_event_source_set_io_events(s->io, EPOLLIN);
    }
    sink_socket_pump(s);
    return 0;
}

/* ---- what the display says ---- */

static void socket_scanout(struct sink *sink, unsigned output, uint32_t width, uint32_t height)
{
    struct sink_socket_output *o = &of(sink)->outputs[output];

    o->off_due = width == 0 && o->shows != SINK_SOCKET_NOTHING;
    sink_socket_picture_drop(of(sink), output);
    sink_socket_pump(of(sink));
}

static bool socket_update(struct sink *sink, unsigned output, const struct sink_frame *frame,
                          const struct rect *damage)
{
    struct sink_socket *s = of(sink);
    struct sink_socket_output *o = &s->outputs[output];

    if (s->broken)
        return true;
    damage_add(&o->damage, damage);
    if (!sink_socket_picture_as_dmabuf(s, frame) || s->late) {
        sink_socket_pump(s);
        return true;
    }
    o->unsaid++;
    sink_socket_pump(s);
    return false;
}

static void socket_cursor(struct sink *sink, unsigned output, const struct sink_cursor *cursor,
                          int32_t x, int32_t y)
{
    sink_socket_pointer_set(of(sink), output, cursor, x, y);
}

static void socket_cursor_move(struct sink *sink, unsigned output, int32_t x, int32_t y)
{
    sink_socket_pointer_move(of(sink), output, x, y);
}

static void socket_asked(struct sink *sink, int output)
{
    sink_socket_question_asked(of(sink), output);
}

static void socket_destroy(struct sink *sink)
{
    struct sink_socket *s = of(sink);

    sink_socket_question_finish(s);
    sink_socket_picture_finish(s);
    sink_socket_pointer_finish(s);
    s->io = sd_event_source_disable_unref(s->io);
    s->end = sd_event_source_disable_unref(s->end);
    display_wire_finish(&s->wire);
    free(s);
}

static const struct sink_impl socket_impl = {
    .name = "display socket",
    .scanout = socket_scanout,
    .update = socket_update,
    .cursor = socket_cursor,
    .cursor_move = socket_cursor_move,
    .asked = socket_asked,
    .destroy = socket_destroy,
};

/* ---- life ---- */

struct sink *sink_socket_create(sd_event *loop, int fd, sink_socket_closed *closed, void *data)
{
    struct sink_socket *s = calloc(1, sizeof(*s));
    int r = -ENOMEM;

    if (s == NULL) {
        fd_close(&fd);
    } else {
        s->sink = (struct sink){.impl = &socket_impl,
                                .flags = SINK_WANTS_FRAMES | SINK_TAKES_DMABUF | SINK_IS_FRONT_END};
        s->answer_us = SINK_SOCKET_ANSWER_US;
        s->show_us = SINK_SOCKET_SHOW_US;
        s->closed = closed;
        s->data = data;
        r = display_wire_init(&s->wire, fd);
    }
    if (r == 0)
        r = sd_event_add_io(loop, &s->io, s->wire.fd, EPOLLIN, on_io, s);
    if (r >= 0)
        r = sd_event_add_defer(loop, &s->end, on_end, s);
    if (r >= 0)
        r = sd_event_source_set_enabled(s->end, SD_EVENT_OFF);
    if (r >= 0)
        r = sink_socket_question_init(s, loop);
    if (r >= 0)
        r = sink_socket_picture_init(s, loop);
    if (r >= 0)
        r = sink_socket_pointer_init(s, loop);
    if (r < 0) {
        if (s != NULL)
            socket_destroy(&s->sink);
        errno = -r;
        return NULL;
    }
    return &s->sink;
}

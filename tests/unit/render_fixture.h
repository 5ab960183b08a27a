/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_RENDER_FIXTURE_H
#define TESTS_UNIT_RENDER_FIXTURE_H

#include "tests/unit/fd_count.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>

#include "base/units.h"
#include "gpu/process_info.h"
#include "gpu/render_server.h"
#include "tests/unit/fake_render_server.h"

/*
 * A relay with the fake render server behind it, and the test in the place of the library. The
 * library may block; here the loop is run while it waits.
 */
struct render_fixture {
    sd_event *loop;
    struct render_server *server;
    int library; /* our end, as the library has it */
    unsigned lost_count;
    uint32_t lost; /* the last */
};

#define PATIENCE_NS UINT64_C(10000000000)

static inline void fixture_lost(void *data, uint32_t ctx_id)
{
    struct render_fixture *f = data;

    f->lost_count++;
    f->lost = ctx_id;
}

static inline void fixture_run(struct render_fixture *f)
{
    assert_true(sd_event_run(f->loop, 10000) >= 0);
}

static inline void fixture_init(struct render_fixture *f)
{
    static const char *const environment[] = {"FAKE_RENDER_SERVER=ours", NULL};
    static const struct render_server_options options = {"/proc/self/exe", environment};

    *f = (struct render_fixture){0};
    assert_true(sd_event_new(&f->loop) >= 0);
    f->server = render_server_create(f->loop, &options, fixture_lost, f);
    assert_non_null(f->server);
    f->library = render_server_connect(f->server);
    assert_true(f->library >= 0);
}

static inline void fixture_finish(struct render_fixture *f)
{
    render_server_destroy(f->server);
    fd_close(&f->library);
    sd_event_unref(f->loop);
    /* Not a single child is left, dead or alive. */
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static inline void fixture_say(struct render_fixture *f, const void *message, size_t size)
{
    assert_int_equal(send(f->library, message, size, MSG_NOSIGNAL), size);
}

static inline void fixture_say_init(struct render_fixture *f, uint32_t flags)
{
    fixture_say(f, &(struct render_wire_init){RENDER_WIRE_INIT, flags},
                sizeof(struct render_wire_init));
}

static inline void fixture_say_create(struct render_fixture *f, uint32_t ctx_id, const char *name)
{
    struct render_wire_create_context m = {.op = RENDER_WIRE_CREATE_CONTEXT, .ctx_id = ctx_id};

    strncpy(m.name, name, sizeof(m.name) - 1);
    fixture_say(f, &m, sizeof(m));
}

static inline void fixture_say_destroy(struct render_fixture *f, uint32_t ctx_id)
{
    fixture_say(f, &(struct render_wire_destroy_context){RENDER_WIRE_DESTROY_CONTEXT, ctx_id},
                sizeof(struct render_wire_destroy_context));
}

/* Runs the loop until there is something to read. */
static inline void fixture_await(struct render_fixture *f, int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    uint64_t end = units_now_ns() + PATIENCE_NS;

    while (poll(&poll_fd, 1, 0) == 0) {
        assert_true(units_now_ns() < end);
        fixture_run(f);
    }
}

/* The context's socket, or -1 where it was refused. */
static inline int fixture_created(struct render_fixture *f)
{
    struct fd_list fds = {0};
    uint8_t ok = 7;

    fixture_await(f, f->library);
    assert_int_equal(fd_receive(f->library, &ok, 1, &fds), 1);
    assert_int_equal(ok, fds.count);
    return fd_list_take(&fds, 0);
}

static inline int fixture_create(struct render_fixture *f, uint32_t ctx_id, const char *name)
{
    fixture_say_create(f, ctx_id, name);
    return fixture_created(f);
}

/* Asks the process of a context who it is. */
static inline struct fake_context_answer fixture_ask(int context)
{
    struct fake_context_answer answer = {0};

    assert_int_equal(send(context, "?", 1, MSG_NOSIGNAL), 1);
    assert_int_equal(recv(context, &answer, sizeof(answer), 0), sizeof(answer));
    return answer;
}

/* Runs the loop until 'pid' is not even a zombie. */
static inline void fixture_await_end(struct render_fixture *f, pid_t pid)
{
    uint64_t end = units_now_ns() + PATIENCE_NS;

    while (process_info_state(pid) != 0) {
        assert_true(units_now_ns() < end);
        fixture_run(f);
    }
}

static inline void fixture_await_lost(struct render_fixture *f, unsigned count)
{
    uint64_t end = units_now_ns() + PATIENCE_NS;

    while (f->lost_count < count) {
        assert_true(units_now_ns() < end);
        fixture_run(f);
    }
    assert_int_equal(f->lost_count, count);
}

/* The pid of the render server: it is the suspect while a context is being made. */
static inline pid_t fixture_server_pid(const struct render_fixture *f)
{
    pid_t children[FAKE_CONTEXTS];
    unsigned count = process_info_children(getpid(), children, FAKE_CONTEXTS);

    for (unsigned i = 0; i < count; i++) {
        if (getpgid(children[i]) == children[i] && process_info_state(children[i]) != 'Z')
            return children[i];
    }
    return 0;
}

#endif

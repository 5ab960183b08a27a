/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_FAKE_RENDER_SERVER_H
#define TESTS_UNIT_FAKE_RENDER_SERVER_H

/*
 * A render server that renders nothing: the test's own program, started by the relay with
 * "--socket-fd 3". Each of its contexts is a forked process, as with the real one. How it
 * misbehaves is in the name of the context.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/units.h"
#include "protocol/render_wire.h"

#define FAKE_CONTEXTS 64u
#define FAKE_LONG_NS UINT64_C(500000000)
/* What a context's process answers to any packet. */
struct fake_context_answer {
    pid_t pid;
    uint32_t ctx_id;
    uint32_t init_flags;
    char environment[32]; /* $FAKE_RENDER_SERVER */
};

struct fake_render_server {
    uint32_t init_flags;
    pid_t pids[FAKE_CONTEXTS]; /* by context id */
};

static inline void fake_work(uint64_t ns)
{
    uint64_t end = units_now_ns() + ns;

    while (units_now_ns() < end)
        ;
}

static inline void fake_context_main(const struct fake_render_server *s, uint32_t ctx_id, int fd)
{
    struct fake_context_answer answer = {getpid(), ctx_id, s->init_flags, ""};
    const char *environment = getenv("FAKE_RENDER_SERVER");
    char byte;

    if (environment != NULL)
        strncpy(answer.environment, environment, sizeof(answer.environment) - 1);
    while (recv(fd, &byte, 1, 0) == 1) {
        /* Longer than any test waits, but a test that dies must leave nothing behind. */
        alarm(60);
        while (byte == 'w') /* works for ever, and answers nothing */
            ;
        if (byte == 's') /* does nothing at all, for ever */
            pause();
        alarm(0);
        if (byte == 'l') /* works for long, and answers */
            fake_work(FAKE_LONG_NS);
        if (send(fd, &answer, sizeof(answer), MSG_NOSIGNAL) < 0)
            break;
    }
    _exit(0);
}

static inline void fake_reply(int fd, int socket)
{
    uint8_t ok = socket >= 0;

    fd_send(3, &ok, 1, &socket, ok);
    fd_close(&socket);
    fd_close(&fd);
}

static inline void fake_create(struct fake_render_server *s,
                               const struct render_wire_create_context *m)
{
    int pair[2] = {-1, -1};

    if (strcmp(m->name, "crash") == 0)
        abort();
    /* The file is there for the first one that finds it. */
    if (m->name[0] == '/' && unlink(m->name) == 0)
        abort();
    if (strcmp(m->name, "hang") == 0)
        pause();
    for (unsigned i = 0; strcmp(m->name, "talk") == 0 && i < 20000; i++)
        fprintf(stderr, "this is line\x1b %u of many\n", i);
    if (strcmp(m->name, "refuse") == 0) {
        fake_reply(-1, -1);
        return;
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0)
        abort();
    s->pids[m->ctx_id % FAKE_CONTEXTS] = fork();
    if (s->pids[m->ctx_id % FAKE_CONTEXTS] == 0) {
        close(3);
        close(pair[1]);
        fake_context_main(s, m->ctx_id, pair[0]);
    }
    if (strcmp(m->name, "crash after") == 0)
        abort();
    fake_reply(pair[0], pair[1]);
    if (strcmp(m->name, "twice") == 0)
        fake_reply(-1, -1);
}

static inline void fake_destroy(struct fake_render_server *s, uint32_t ctx_id)
{
    pid_t *pid = &s->pids[ctx_id % FAKE_CONTEXTS];

    if (*pid != 0) {
        kill(*pid, SIGKILL);
        waitpid(*pid, NULL, 0);
    }
    *pid = 0;
}

/* Never returns. */
static inline void fake_render_server_main(void)
{
    struct fake_render_server s = {0};
    union {
        uint32_t op;
        struct render_wire_init init;
        struct render_wire_create_context create;
        struct render_wire_destroy_context destroy;
    } m;

    while (recv(3, &m, sizeof(m), 0) > 0) {
        if (m.op == RENDER_WIRE_INIT)
            s.init_flags = m.init.flags;
        else if (m.op == RENDER_WIRE_CREATE_CONTEXT)
            fake_create(&s, &m.create);
        else if (m.op == RENDER_WIRE_DESTROY_CONTEXT)
            fake_destroy(&s, m.destroy.ctx_id);
        for (uint32_t i = 0; m.op == RENDER_WIRE_RESET && i < FAKE_CONTEXTS; i++)
            fake_destroy(&s, i);
    }
    for (uint32_t i = 0; i < FAKE_CONTEXTS; i++)
        fake_destroy(&s, i);
    _exit(0);
}

/* For main(): becomes the server if that is what it was started for. */
static inline void fake_render_server_maybe(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--socket-fd") == 0)
        fake_render_server_main();
}

#endif

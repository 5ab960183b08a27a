/* SPDX-License-Identifier: MIT */
#ifndef PROTOCOL_RENDER_WIRE_H
#define PROTOCOL_RENDER_WIRE_H

#include <stdint.h>

/*
 * What libvirglrenderer says to its render server, one message per packet of a SOCK_SEQPACKET
 * socket, in the host's byte order. The same in virglrenderer 1.0 to 1.3; it is private to that
 * library, which calls this version RENDER_WIRE_VERSION and bumps it when it changes. Only
 * CREATE_CONTEXT has an answer: one byte, 1 with a descriptor (the socket of the context's own
 * process) or 0 without.
 */
#define RENDER_WIRE_VERSION 0u

enum render_wire_op {
    RENDER_WIRE_NOP,
    RENDER_WIRE_INIT,
    RENDER_WIRE_RESET,
    RENDER_WIRE_CREATE_CONTEXT,
    RENDER_WIRE_DESTROY_CONTEXT,
};

#define RENDER_WIRE_NAME 32u

struct render_wire_init {
    uint32_t op;
    uint32_t flags; /* VIRGL_RENDERER_* of the library's init */
};

struct render_wire_reset {
    uint32_t op;
};

struct render_wire_create_context {
    uint32_t op;
    uint32_t ctx_id;
    char name[RENDER_WIRE_NAME]; /* zero-terminated */
};

struct render_wire_destroy_context {
    uint32_t op;
    uint32_t ctx_id;
};

struct render_wire_create_context_reply {
    uint8_t ok; /* 1: a descriptor comes with it */
};

#endif

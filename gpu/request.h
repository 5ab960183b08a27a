/* SPDX-License-Identifier: MIT */
#ifndef GPU_REQUEST_H
#define GPU_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bsd/sys/queue.h>

#include "base/trace.h"
#include "gpu/backing.h"
#include "guest/chain.h"
#include "guest/guest_memory.h"
#include "protocol/cursor.h"
#include "protocol/virtio_gpu.h"

/* The longest request: the largest fixed part, and the memory entries or command stream after it.
 */
#define REQUEST_MAX_TAIL (1u << 20)
#define REQUEST_MAX_SIZE (128u + REQUEST_MAX_TAIL)
#define REQUEST_SMALL 256u
/* The longest answer after its header; GET_EDID's is 1032 bytes. */
#define REQUEST_MAX_ANSWER 2048u

struct gpu;
struct hand;
struct renderer;
struct resource;

/* A handler's result besides a VIRTIO_GPU_RESP_*: the answer comes later, through answer_give,
 * or the request waits for a resource and is done again from its beginning. */
#define REQUEST_PENDING 0u

/* How far a request has come. */
enum request_state {
    REQUEST_WORKS,  /* somebody has it: the window, a renderer, a resource that is busy */
    REQUEST_HELD,   /* it is done again when the worker says that the queue is ready */
    REQUEST_AGAIN,  /* it is done again from its beginning when the ring runs */
    REQUEST_FENCED, /* its work is done; the renderer or an earlier fence is not */
    REQUEST_READY,  /* it goes out when the ring runs */
};

TAILQ_HEAD(request_list, request);

/* What it waited for is done: 0 or -errno. */
typedef void request_done(struct request *request, int result);

/*
 * One command of the driver, copied out of guest memory once, and the answer that grows for it.
 * 'args' stands after the header; its length was checked against the command table.
 */
struct request {
    struct gpu *gpu;              /* borrowed */
    struct hand *hand;            /* borrowed */
    TAILQ_ENTRY(request) in_hand; // hand::requests
    enum request_state state;
    bool kept;                 /* it counts in the hand's quotas */
    TAILQ_ENTRY(request) turn; // hand::turns
    uint64_t tag;              /* unique, also over the worker's death; 0: it has none */
    uint32_t record;           /* of its answer, see gpu/estate.h */
    struct chain *chain;       /* owned until it is pushed; NULL: the ring began anew meanwhile */
    uint32_t type;
    uint32_t flags;
    uint64_t fence_id;
    uint32_t ctx_id;
    uint8_t ring_idx;
    struct reader args;
    uint8_t *bytes; /* the whole copy: 'small', or from the heap */
    size_t size;
    uint8_t small[REQUEST_SMALL];
    struct writer answer; /* what follows the answer's header, over 'reply' */
    struct {
        struct virtio_gpu_ctrl_hdr header;
        uint8_t payload[REQUEST_MAX_ANSWER];
    } reply;
    char reason[160];                          /* of a refusal, for the log */
    bool said;                                 /* it has it: a quota says more */
    uint32_t result;                           /* VIRTIO_GPU_RESP_*, from REQUEST_FENCED on */
    struct resource *resource;                 /* what it works on: see resource_name */
    void (*let_go)(struct resource *resource); /* of that, when the request is over */
    request_done *done;                        /* when the window answers: see resource_map */
    struct backing backing;                    /* owned; guest pages that it brings */
    struct request_list *parked_in;            /* where it waits to be done again, or NULL */
    TAILQ_ENTRY(request) parked;
    unsigned parts;            /* of its work that are not done, where several have one */
    bool asked;                /* the sinks were asked for what it asks */
    int error;                 /* the first of theirs; 0: none */
    struct renderer *renderer; /* whose work a fence of this request waits for; NULL: nobody's */
    struct request_list *timeline; /* NULL: it waits for no fence, or its context is gone */
    bool settled;                  /* its own fence is done */
    TAILQ_ENTRY(request) fenced;   // of 'timeline'
};

/* Takes over 'chain' and copies it into 'request', whose fields but 'in_hand' it sets. Returns
 * VIRTIO_GPU_RESP_OK_NODATA, or the refusal to answer with when it is too short, too long or not in
 * memory. The header's fields are set wherever there was one. */
uint32_t request_init(struct request *request, struct gpu *gpu, struct hand *hand,
                      struct chain *chain, struct guest_memory *memory);
/* Makes it as it was after request_init, so that it can be done again. */
void request_rewind(struct request *request);
/* Frees the copy, lets go of the resource, and leaves every list but its hand's. The chain is not
 * touched. */
void request_finish(struct request *request);

/* Puts it at the end of a row of requests that wait to be done again; takes it out, if it is in
 * one. */
void request_park(struct request *request, struct request_list *list);
static inline void request_unpark(struct request *request)
{
    if (request->parked_in != NULL)
        TAILQ_REMOVE(request->parked_in, request, parked);
    request->parked_in = NULL;
}

/* Writes the beginning or the end of its fence into the trace. */
void request_trace_fence(const struct request *request, enum trace_phase phase);
/* Takes it out of its timeline, if it is in one. */
static inline void request_unfence(struct request *request)
{
    if (request->timeline == NULL)
        return;
    TAILQ_REMOVE(request->timeline, request, fenced);
    request->timeline = NULL;
    if (TRACE_ON())
        request_trace_fence(request, TRACE_END);
}

/* Forgets the resource that it named. */
static inline void request_forget_resource(struct request *request)
{
    if (request->resource != NULL)
        request->let_go(request->resource);
    request->resource = NULL;
}

/* Writes the answer 'type', with the payload if it is an OK, into the chain. Returns the bytes
 * written: 0 when the chain has no room for a header. */
uint32_t request_write_answer(struct request *request, struct guest_memory *memory, uint32_t type);

/* Remembers why, for the log, and returns 'type'. */
uint32_t request_refuse(struct request *request, uint32_t type, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Refuses with the answer that fits the negative errno 'error' of doing 'what'. */
uint32_t request_fail(struct request *request, int error, const char *what);

static inline bool request_answer_is_error(uint32_t type)
{
    return type >= VIRTIO_GPU_RESP_ERR_UNSPEC;
}

#endif

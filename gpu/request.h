/* SPDX-License-Identifier: MIT */
#ifndef GPU_REQUEST_H
#define GPU_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

struct control;
struct resource;

/* A handler's result besides a VIRTIO_GPU_RESP_*: the answer comes later, through control_answer.
 */
#define REQUEST_PENDING 0u

/*
 * One command of the driver, copied out of guest memory once, and the answer that grows for it.
 * 'args' stands after the header; its length was checked against the command table.
 */
struct request {
    struct control *control;
    struct chain *chain; /* owned until it is pushed */
    uint32_t type;
    uint32_t flags;
    uint64_t fence_id;
    uint32_t ctx_id;
    uint8_t ring_idx;
    struct reader args;
    uint8_t *bytes; /* the whole copy: 'small', or from the heap */
    size_t size;
    uint8_t small[REQUEST_SMALL];
    struct writer answer; /* what follows the answer's header, over 'payload' */
    uint8_t payload[REQUEST_MAX_ANSWER];
    char reason[160];          /* of a refusal, for the log */
    struct resource *resource; /* what a pending command works on */
};

/* Takes over 'chain' and copies it. Returns VIRTIO_GPU_RESP_OK_NODATA, or the refusal to answer
 * with when it is too short, too long or not in memory. The header's fields are set wherever there
 * was one. */
uint32_t request_init(struct request *request, struct control *control, struct chain *chain,
                      struct guest_memory *memory);
/* Makes it as it was after request_init, so that it can be done again. */
void request_rewind(struct request *request);
/* Frees the copy. The chain is not touched. */
void request_finish(struct request *request);

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

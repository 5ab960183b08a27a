/* SPDX-License-Identifier: MIT */
#ifndef DEVICE_SHM_PORT_H
#define DEVICE_SHM_PORT_H

#include <stdbool.h>
#include <stdint.h>

#include "buffer/buffer.h"

/*
 * The guest's window, as a device sees it: buffers go in, and come out. The worker fills this in.
 *
 * A request is answered through 'done' with 0 or -errno, always exactly once, and never before the
 * call returns with 0; a call that returns -errno was refused at once, and one that returns 1 was
 * carried out at once: then 'done' is not called. The answer comes when the guest can really use
 * the mapping, or can no longer: after the front-end's answer and a barrier (design decision 3).
 * For a piece of the arena it comes as soon as the arena itself is mapped, mostly at once. Requests
 * that wait are answered in the order in which they were made.
 */
typedef void shm_port_done(void *data, int result);

struct shm_port;

struct shm_port_impl {
    int (*map)(struct shm_port *port, struct buffer *buffer, uint64_t offset, shm_port_done *done,
               void *data);
    int (*unmap)(struct shm_port *port, struct buffer *buffer, uint64_t offset, shm_port_done *done,
                 void *data);
    int (*adopt)(struct shm_port *port, struct buffer *buffer, uint64_t offset);
    void (*name)(struct shm_port *port, const struct buffer *buffer, uint64_t offset);
};

struct shm_port {
    const struct shm_port_impl *impl;
    uint64_t size; /* of the window, bytes */
};

/* Asks to put the whole 'buffer' at 'offset' of the window. Refuses at once what is not page
 * aligned or does not fit (-EINVAL), or overlaps a live mapping (-EEXIST). The buffer must live
 * until the answer; after an error it is not mapped. */
static inline int shm_port_map(struct shm_port *port, struct buffer *buffer, uint64_t offset,
                               shm_port_done *done, void *data)
{
    return port->impl->map(port, buffer, offset, done, data);
}

/* Asks to take out 'buffer', mapped at 'offset'. The buffer must live until the answer, and may be
 * destroyed in it, whatever the answer is: the port has forgotten the mapping then, and the door
 * keeps its own hold on the memory until the front-end has let go. -ENOENT when it is not mapped.
 */
static inline int shm_port_unmap(struct shm_port *port, struct buffer *buffer, uint64_t offset,
                                 shm_port_done *done, void *data)
{
    return port->impl->unmap(port, buffer, offset, done, data);
}

/* Enters 'buffer' as mapped at 'offset': a worker before this one has mapped the same memory there,
 * and it stayed. In device_impl.resume only. 0; -EINVAL or -EEXIST as shm_port_map; -ENOMEM. */
static inline int shm_port_adopt(struct shm_port *port, struct buffer *buffer, uint64_t offset)
{
    return port->impl->adopt(port, buffer, offset);
}

/* 'buffer', mapped at 'offset', has got another id or owner: so it is shown to people. */
static inline void shm_port_name(struct shm_port *port, const struct buffer *buffer,
                                 uint64_t offset)
{
    port->impl->name(port, buffer, offset);
}

#endif

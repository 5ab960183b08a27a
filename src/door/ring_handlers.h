/* SPDX-License-Identifier: MIT */
#ifndef DOOR_RING_HANDLERS_H
#define DOOR_RING_HANDLERS_H

#include "door/handlers.h"

/* The handlers of the requests about one virtqueue (vhost-user manual, "Ring states"): a ring is
 * described, starts with its kick descriptor, is enabled and disabled, and stops when its base is
 * asked for. */
handlers_fn ring_handlers_num;
handlers_fn ring_handlers_addr;
handlers_fn ring_handlers_set_base;
handlers_fn ring_handlers_kick;
handlers_fn ring_handlers_call;
handlers_fn ring_handlers_err;
handlers_fn ring_handlers_enable;
handlers_fn ring_handlers_get_base;

/* The worker has started the ring of s->waiting, or could not; 'fresh': its driver begins from
 * nothing. Returns what to acknowledge. */
int ring_handlers_started(struct session *s, int result, uint64_t fresh);
/* The worker has stopped the ring of s->waiting at 'base': answers. */
void ring_handlers_stopped(struct session *s, uint64_t base);

#endif

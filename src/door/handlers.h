/* SPDX-License-Identifier: MIT */
#ifndef DOOR_HANDLERS_H
#define DOOR_HANDLERS_H

#include "door/session.h"

/*
 * What each request of the front-end means (vhost-user manual of QEMU 11.1). It has kept its rule
 * when its handler runs. Returns 0 or -errno for the acknowledgement, SESSION_ANSWERED or
 * SESSION_WAITS.
 */
typedef int handlers_fn(struct session *s, const struct vhost_user_message *m, struct fd_list *fds);

/* The handler of a request that has a rule. */
handlers_fn *handlers_find(uint32_t request);
/* The worker has carried out what SESSION_WAITS waits for: answers the front-end. */
void handlers_worker_done(struct session *s, int result, uint64_t value);
/* Whether the request has the worker forget the driver. */
bool handlers_resets(uint32_t request);
/* The protocol feature bits that are offered, with CONFIGURE_MEM_SLOTS or without. */
uint64_t handlers_protocol_features(bool mem_slots);
/* The front-end took these: what follows from that. */
void handlers_take_protocol_features(struct session *s, uint64_t features);

#endif

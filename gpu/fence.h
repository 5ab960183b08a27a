/* SPDX-License-Identifier: MIT */
#ifndef GPU_FENCE_H
#define GPU_FENCE_H

#include "gpu/request.h"

/*
 * The order of fences (virtio specification, "Device Operation: Request header"). A request with
 * VIRTIO_GPU_FLAG_FENCE belongs to the device's one timeline, or with INFO_RING_IDX to one of its
 * context: a request_list, by arrival. Its answer says that it and all earlier ones of the timeline
 * are complete, and Linux takes it at its word: so an answer goes out when its own work is done and
 * every earlier one is out.
 *
 * Puts a request at the end of its timeline, before it is carried out.
 */
void fence_enter(struct request_list *timeline, struct request *request);
/* Whether an earlier one of its timeline is not complete. */
bool fence_waits(const struct request *request);
/* Its own work is complete: it may go out (hand_ready) once all before it may, and so may those
 * behind it that waited for nothing else. A request without timeline may at once. */
void fence_settle(struct request *request);
/* The timeline ends: nobody waits for an earlier fence any more. What is settled may go out. */
void fence_disband(struct request_list *timeline);

#endif

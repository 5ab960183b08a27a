/* SPDX-License-Identifier: MIT */
#ifndef GPU_FENCE_H
#define GPU_FENCE_H

#include "gpu/request.h"

/*
 * The order of fences (virtio specification, "Device Operation: Request header"). A request with
 * VIRTIO_GPU_FLAG_FENCE belongs to the device's one timeline, or with INFO_RING_IDX to one of its
 * context. Its answer says that it and all earlier ones of the timeline are complete, and Linux
 * takes it at its word: so an answer goes out when its own work is done and every earlier one is
 * out.
 */
struct fence_timeline {
    struct request_list requests; /* not answered yet, by arrival */
};

void fence_timeline_init(struct fence_timeline *timeline);
/* Puts a request at the end, before it is carried out. */
void fence_enter(struct fence_timeline *timeline, struct request *request);
/* Its own work is complete: answers it (control_deliver), and those behind it that waited for
 * nothing else, once all before it are answered. A request without timeline is answered at once. */
void fence_settle(struct request *request);
/* Takes a request out without an answer. */
void fence_leave(struct request *request);
/* The timeline ends: nobody waits for an earlier fence any more. What is settled is answered. */
void fence_disband(struct fence_timeline *timeline);

#endif

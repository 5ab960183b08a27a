/* SPDX-License-Identifier: MIT */
#ifndef GPU_ANSWER_H
#define GPU_ANSWER_H

#include "gpu/request.h"

/* The work of a request, which was REQUEST_PENDING, is done: it is answered with 'type' when its
 * fence allows, from the loop. The request may be gone when this returns. */
void answer_give(struct request *request, uint32_t type);
/* Puts a request that has a fence into its timeline, before it is carried out. */
void answer_expect(struct request *request);

#endif

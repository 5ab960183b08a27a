/* SPDX-License-Identifier: MIT */
#ifndef GPU_COMMAND_RESOURCE_H
#define GPU_COMMAND_RESOURCE_H

#include "gpu/request.h"
#include "gpu/resource.h"

struct gpu;

/*
 * The resource whose id the request has next, held by the request from now on. Returns OK_NODATA
 * with *resource set; ERR_INVALID_RESOURCE_ID, with a reason, if there is none; REQUEST_PENDING
 * when it is busy: the request is parked there, and its handler has to return that.
 */
uint32_t command_resource_find(struct gpu *gpu, struct request *request,
                               struct resource **resource);
/* The same without waiting: for what only hands on to a renderer, which keeps the order itself. */
uint32_t command_resource_peek(struct gpu *gpu, struct request *request,
                               struct resource **resource);

#endif

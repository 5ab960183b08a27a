/* SPDX-License-Identifier: MIT */
#ifndef GPU_RESOURCE_COMMAND_H
#define GPU_RESOURCE_COMMAND_H

#include "gpu/request.h"
#include "gpu/resource.h"

struct gpu;

/*
 * The resource whose id the request has next, held by the request from now on. Returns OK_NODATA
 * with *resource set; ERR_INVALID_RESOURCE_ID, with a reason, if there is none; REQUEST_PENDING
 * when it is busy: the request is parked there, and its handler has to return that.
 */
uint32_t resource_command_find(struct gpu *gpu, struct request *request,
                               struct resource **resource);
/* The same without waiting: for what only hands on to a renderer, which keeps the order itself. */
uint32_t resource_command_peek(struct gpu *gpu, struct request *request,
                               struct resource **resource);
/* Ends the resource, for whoever knows it beside renderers: other devices, and outputs that show
 * it. */
void resource_command_end(struct gpu *gpu, struct resource *resource);

#endif

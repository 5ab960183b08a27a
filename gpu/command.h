/* SPDX-License-Identifier: MIT */
#ifndef GPU_COMMAND_H
#define GPU_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "gpu/request.h"

struct gpu;

/* Returns a VIRTIO_GPU_RESP_*, or REQUEST_PENDING. Has read nothing but the header yet. */
typedef uint32_t command_handler(struct gpu *gpu, struct request *request);

/*
 * One row per command that the device knows (virtio specification, "Device Operation: Request
 * header"). What a row says is checked before the handler runs.
 */
struct command {
    uint32_t type;
    uint32_t size;     /* of the request's fixed part with its header, bytes; exact */
    bool tail;         /* whether more bytes may follow: the handler checks how many */
    uint32_t answer;   /* bytes that an OK answer has after its header */
    unsigned queue;    /* the queue it may come on */
    uint64_t features; /* must all have been negotiated */
    command_handler *run;
};

/* The row of that type, or NULL. */
const struct command *command_find(uint32_t type);
/* Checks a request against its row and runs it. Returns a VIRTIO_GPU_RESP_*, or REQUEST_PENDING. */
uint32_t command_run(struct gpu *gpu, struct request *request);

/* gpu/display_query.c */
command_handler display_get_info;
command_handler display_get_edid;
/* gpu/command_2d.c */
command_handler command_2d_create;
command_handler command_2d_transfer;
/* gpu/scanout_command.c */
command_handler scanout_set;
command_handler scanout_set_blob;
command_handler scanout_flush;
/* gpu/cursor_command.c */
command_handler cursor_update;
command_handler cursor_move;
/* gpu/capset.c */
command_handler capset_get_info;
command_handler capset_get;
/* gpu/context_command.c */
command_handler context_command_create;
command_handler context_command_destroy;
command_handler context_command_attach;
command_handler context_command_detach;
command_handler context_command_submit;
/* gpu/resource_command.c */
command_handler resource_command_unref;
command_handler resource_command_attach_backing;
command_handler resource_command_detach_backing;
/* gpu/blob.c */
command_handler blob_create;
command_handler blob_map;
command_handler blob_unmap;
/* gpu/uuid.c */
command_handler uuid_assign;
/* gpu/command_3d.c */
command_handler command_3d_create;
command_handler command_3d_transfer_to_host;
command_handler command_3d_transfer_from_host;

#endif

/* SPDX-License-Identifier: MIT */
#ifndef GPU_VIRGL_LIBRARY_TABLE_H
#define GPU_VIRGL_LIBRARY_TABLE_H

#include "gpu/virgl_library.h"

#define VIRGL_RENDERER_UNSTABLE_APIS /* in 0.10.4: blobs, fences, all of venus */
#include <virglrenderer.h>

/* The loaded library, for the two files of it: gpu/virgl_library.c sets it up,
 * gpu/virgl_library_calls.c uses it. */
struct virgl_library {
    void *handle;
    enum virgl_library_version version;
    struct virgl_library_plan plan;
    const struct virgl_library_events *events;
    void *data;
    struct virgl_renderer_callbacks callbacks;

    /* What every version has. */
    __typeof__(virgl_renderer_init) *init;
    __typeof__(virgl_renderer_cleanup) *cleanup;
    __typeof__(virgl_renderer_poll) *poll;
    __typeof__(virgl_renderer_get_poll_fd) *get_poll_fd;
    __typeof__(virgl_renderer_get_cap_set) *get_cap_set;
    __typeof__(virgl_renderer_fill_caps) *fill_caps;
    __typeof__(virgl_renderer_context_create_with_flags) *context_create;
    __typeof__(virgl_renderer_context_destroy) *context_destroy;
    __typeof__(virgl_renderer_force_ctx_0) *force_ctx_0;
    __typeof__(virgl_renderer_ctx_attach_resource) *attach;
    __typeof__(virgl_renderer_ctx_detach_resource) *detach;
    __typeof__(virgl_renderer_submit_cmd) *submit;
    __typeof__(virgl_renderer_resource_create) *resource_create;
    __typeof__(virgl_renderer_resource_create_blob) *create_blob;
    __typeof__(virgl_renderer_resource_import_blob) *import_blob;
    __typeof__(virgl_renderer_resource_unref) *unref;
    __typeof__(virgl_renderer_resource_attach_iov) *attach_iov;
    __typeof__(virgl_renderer_resource_detach_iov) *detach_iov;
    __typeof__(virgl_renderer_transfer_read_iov) *read_iov;
    __typeof__(virgl_renderer_transfer_write_iov) *write_iov;
    __typeof__(virgl_renderer_resource_export_blob) *export_blob;
    __typeof__(virgl_renderer_resource_get_map_info) *get_map_info;
    __typeof__(virgl_renderer_create_fence) *create_fence;
    __typeof__(virgl_renderer_context_create_fence) *context_create_fence;
};

/* What the library returned, as 0 or a negative errno. */
int virgl_library_failure(int result);

#endif

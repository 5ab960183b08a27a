/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_PIPEWIRE_LIBRARY_H
#define MEDIA_PIPEWIRE_LIBRARY_H

#include <pipewire/pipewire.h>

/*
 * libpipewire, loaded when the kind pipewire wants it; nobody links it. A call is
 * pw->stream_new(...), with the types and constants of PipeWire's own headers. What those headers
 * have as inline functions (pw_core_sync, pw_loop_iterate, all of SPA) is used as it is. Versions
 * from 0.3.65 to 1.6 are met: they share one soname.
 */
#define PIPEWIRE_LIBRARY_CALLS(X)                                                                  \
    X(context_connect)                                                                             \
    X(context_destroy)                                                                             \
    X(context_new)                                                                                 \
    X(core_disconnect)                                                                             \
    X(get_library_version)                                                                         \
    X(init)                                                                                        \
    X(log_set_level)                                                                               \
    X(loop_destroy)                                                                                \
    X(loop_new)                                                                                    \
    X(properties_new)                                                                              \
    X(proxy_add_listener)                                                                          \
    X(proxy_destroy)                                                                               \
    X(stream_add_listener)                                                                         \
    X(stream_connect)                                                                              \
    X(stream_dequeue_buffer)                                                                       \
    X(stream_destroy)                                                                              \
    X(stream_get_node_id)                                                                          \
    X(stream_new)                                                                                  \
    X(stream_queue_buffer)                                                                         \
    X(stream_update_params)

#define PIPEWIRE_LIBRARY_POINTER(call) __typeof__(pw_##call) *call;

struct pipewire_library {
    PIPEWIRE_LIBRARY_CALLS(PIPEWIRE_LIBRARY_POINTER)
};

/* Loads the library, which stays loaded; one table for the process. NULL, and in *why (static) the
 * reason and what to do, when it is not there or lacks a call. From the loop's thread only. */
const struct pipewire_library *pipewire_library_load(const char **why);

#endif

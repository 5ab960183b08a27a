/* SPDX-License-Identifier: MIT */
#ifndef GPU_VIRGL_LIBRARY_H
#define GPU_VIRGL_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct renderer_blob;
struct renderer_resource;
struct renderer_transfer;

/*
 * libvirglrenderer, loaded at run time, so that no program is linked to it. This is the one place
 * that knows how its versions differ: 0.10.4 (Debian 12), 1.0 and 1.1 (Debian 13), 1.2, 1.3.
 *
 * It is one instance per process, and not thread safe: from virgl_library_init on, all calls come
 * from one thread. Any result of it but 0 is an error; here every error is a negative errno, and
 * what the library does not name is -EIO.
 */
struct virgl_library;

enum virgl_library_version {
    VIRGL_LIBRARY_0_10,
    VIRGL_LIBRARY_1_0, /* or 1.1 */
    VIRGL_LIBRARY_1_2,
    VIRGL_LIBRARY_1_3, /* or newer */
};

/* What it shall do. */
struct virgl_library_plan {
    bool virgl;               /* OpenGL, in this process */
    bool venus;               /* Vulkan, in processes that a render server starts */
    const char *render_node;  /* of virgl, a path; NULL: no device (surfaceless) */
    int (*shut_server)(void); /* of venus; see render_spawn.h. NULL: nothing */
};

/* What it says. With venus this comes from threads of its own as well. */
struct virgl_library_events {
    /* What was drawn before virgl_library_fence is done, as are all earlier fences (modulo 2^32).
     */
    void (*fence)(void *data, uint32_t fence);
    /* The same for virgl_library_context_fence: all earlier ones of this context's ring. */
    void (*context_fence)(void *data, uint32_t context, uint32_t ring, uint64_t fence);
    /* A connected SOCK_SEQPACKET descriptor to a render server, which the library then owns, or
     * -errno. NULL: the library starts a render server itself. */
    int (*server)(void *data);
};

/* Loads the library; it stays loaded. NULL, and in *why (static) the reason, when it is not there
 * or lacks something. */
struct virgl_library *virgl_library_open(const char **why);
void virgl_library_close(struct virgl_library *library);

enum virgl_library_version virgl_library_version(const struct virgl_library *library);
/* "1.0 or 1.1" and so on: a library does not say exactly what it is. */
const char *virgl_library_version_name(const struct virgl_library *library);
/* Why the plan cannot be carried out by this version whatever the machine, as a sentence without an
 * end; NULL when it may. */
const char *virgl_library_refusal(const struct virgl_library *library,
                                  const struct virgl_library_plan *plan);

/* Sets up what the plan says; 'plan', 'events' and 'data' are borrowed until virgl_library_finish.
 * Takes 0.1 to 0.3 s with virgl. libepoxy aborts the process where libGL is missing. 0 or -errno.
 */
int virgl_library_init(struct virgl_library *library, const struct virgl_library_plan *plan,
                       const struct virgl_library_events *events, void *data);
void virgl_library_finish(struct virgl_library *library);

/* A descriptor (the library's) that can be read when virgl_library_poll has something to do; -1:
 * call that one now and then. */
int virgl_library_poll_fd(struct virgl_library *library);
/* Calls events->fence for what was done. */
void virgl_library_poll(struct virgl_library *library);

/* The size of a capset's description, bytes, and its highest version; 0 when there is none. Also
 * says so for one that was not asked for in the plan. */
uint32_t virgl_library_capset(struct virgl_library *library, uint32_t capset, uint32_t *version);
/* Writes as many bytes. */
void virgl_library_fill_capset(struct virgl_library *library, uint32_t capset, uint32_t version,
                               void *to);

/* A context's ids are the caller's, not 0. */
int virgl_library_context_create(struct virgl_library *library, uint32_t context, uint32_t capset,
                                 const char *name);
void virgl_library_context_destroy(struct virgl_library *library, uint32_t context);
void virgl_library_attach(struct virgl_library *library, uint32_t context, uint32_t resource);
void virgl_library_detach(struct virgl_library *library, uint32_t context, uint32_t resource);
/* 'bytes' are aligned to 8, 'size' is a multiple of 4. */
int virgl_library_submit(struct virgl_library *library, uint32_t context, void *bytes, size_t size);

/* A resource's ids are the caller's, not 0. The library keeps pointers to 'iov' and to what it
 * points to until the resource is destroyed, or its backing detached. */
int virgl_library_create_3d(struct virgl_library *library, uint32_t resource,
                            const struct renderer_resource *what);
int virgl_library_create_blob(struct virgl_library *library, uint32_t context, uint32_t resource,
                              const struct renderer_blob *what, const struct iovec *iov,
                              unsigned count);
/* A resource over a memfd (or, if 'dmabuf', a dmabuf) made elsewhere; takes 'fd' even on error. */
int virgl_library_import(struct virgl_library *library, uint32_t resource, int fd, bool dmabuf,
                         uint64_t size);
void virgl_library_unref(struct virgl_library *library, uint32_t resource);
int virgl_library_attach_backing(struct virgl_library *library, uint32_t resource,
                                 const struct iovec *iov, unsigned count);
void virgl_library_detach_backing(struct virgl_library *library, uint32_t resource);
/* Between a resource and 'iov', or its backing where 'count' is 0. 'context' may be 0. */
int virgl_library_transfer(struct virgl_library *library, uint32_t context, uint32_t resource,
                           const struct renderer_transfer *transfer, const struct iovec *iov,
                           unsigned count);

enum virgl_library_memory {
    VIRGL_LIBRARY_DMABUF,
    VIRGL_LIBRARY_SHM,
    VIRGL_LIBRARY_OPAQUE, /* of a Vulkan driver; its bytes may not begin at offset 0 */
};

/* A descriptor of a blob's memory, which the caller owns, or -errno. */
int virgl_library_export(struct virgl_library *library, uint32_t resource,
                         enum virgl_library_memory *memory);
/* VIRTIO_GPU_MAP_CACHE_*; 0 where the library does not say. */
uint32_t virgl_library_map_info(struct virgl_library *library, uint32_t resource);

/* See events. An error means that nothing will be said of it. */
int virgl_library_fence(struct virgl_library *library, uint32_t fence);
int virgl_library_context_fence(struct virgl_library *library, uint32_t context, uint32_t ring,
                                uint64_t fence);

#endif

/* SPDX-License-Identifier: MIT */
#ifndef GPU_VIRGL_H
#define GPU_VIRGL_H

#include "base/id_map.h"
#include "gpu/opaque_layout.h"
#include "gpu/render_server.h"
#include "gpu/render_thread.h"
#include "gpu/renderer.h"
#include "gpu/virgl_fence.h"
#include "gpu/virgl_library.h"
#include "gpu/watchdog.h"
#include "guest/guest_pins.h"

/*
 * The renderer over libvirglrenderer, for the files of it. Its operations are jobs of the render
 * thread. What is marked as the thread's is touched by jobs alone, since the books have to be where
 * the library is: jobs that a reset drops leave both as they were.
 */
#define VIRGL_MAX_CAPSETS 3u

struct virgl {
    struct renderer renderer;
    struct virgl_library_plan plan;
    struct virgl_library_events events;
    struct render_server *server;  /* of venus, else NULL */
    struct opaque_layout layout;   /* likewise; unchanged once the thread runs */
    struct virgl_library *library; /* the thread's, once that runs */
    struct render_thread *thread;
    struct watchdog *watchdog;
    struct virgl_fences fences;
    struct id_map contexts; // virgl_context::node: those that the device has now
    uint64_t serial;        /* of the newest of them */
    struct renderer_capset capsets[VIRGL_MAX_CAPSETS];
    uint8_t capset_bytes[VIRGL_MAX_CAPSETS][RENDERER_MAX_CAPSET];

    /* The thread's: what the library has. */
    struct id_map held_contexts;  // virgl_held::node
    struct id_map held_resources; // virgl_held::node
};

/* A context as the loop sees it. */
struct virgl_context {
    struct id_node node; // virgl::contexts
    uint64_t serial;     /* no two have the same */
    uint32_t capset;     /* never 0 */
    bool lost;           /* its process is gone */
};

/* A context or resource that the library has. It is made and freed on the loop. */
struct virgl_held {
    struct id_node node;     // virgl::held_contexts or held_resources; virgl_job::held
    bool gl;                 /* a context of OpenGL; unused of a resource */
    struct guest_pins *pins; /* one reference, while the library may use them; NULL: none */
    /* Of an adopted picture, else NULL: its memory, mapped. */
    void *pixels;
    size_t size;
    uint32_t stride;
};

static inline struct virgl *virgl_of(struct renderer *renderer)
{
    return (struct virgl *)(void *)renderer;
}

/* One operation. Whatever it owns is freed on the loop, with it. */
struct virgl_job {
    struct render_job base;
    struct virgl *virgl;
    /* On the thread; what the operation's result is. */
    int (*work)(struct virgl_job *job);
    /* On the loop, before 'done' is called and the rest freed; may be NULL. */
    void (*finish)(struct virgl_job *job, bool dropped);
    renderer_done *done; /* NULL: nobody is told */
    void *data;
    int result;
    uint32_t id;             /* of the resource */
    struct guest_pins *pins; /* a reference, or NULL */
    struct virgl_held *held; /* not the library's yet, or any more; or NULL */
};

/* gpu/virgl_job.c */

/* A job of 'size' bytes, zeroed behind its first part; 'context' is for whom (0: nobody). NULL:
 * there is no memory. */
void *virgl_job_create(struct virgl *virgl, size_t size, int (*work)(struct virgl_job *job),
                       uint32_t context);
/* Takes the job over. Returns -EINPROGRESS. */
int virgl_job_queue(struct virgl_job *job, renderer_done *done, void *data);
/* Frees a job that was not queued, and what it owns. */
void virgl_job_destroy(struct virgl_job *job);
/* Frees what the library has let go of. */
void virgl_held_destroy(struct virgl_held *held);
/* On the thread: what the library has under that id, or NULL. */
struct virgl_held *virgl_held_find(struct id_map *map, uint32_t id);

/* The operations; see struct renderer_impl. gpu/renderer_virgl_context.c */
int virgl_context_create(struct renderer *renderer, struct context *context, renderer_done *done,
                         void *data);
void virgl_context_destroy(struct renderer *renderer, struct context *context);
void virgl_context_attach(struct renderer *renderer, struct context *context,
                          struct resource *resource);
void virgl_context_detach(struct renderer *renderer, struct context *context,
                          struct resource *resource);
int virgl_context_submit(struct renderer *renderer, struct context *context, const void *bytes,
                         size_t size, renderer_done *done, void *data);
int virgl_context_fence(struct renderer *renderer, struct context *context, uint32_t ring,
                        renderer_done *done, void *data);
/* On the loop: its process is gone. 'data' is a struct virgl. */
void virgl_context_lost(void *data, uint32_t id);
/* On the thread: has the library destroy it. The caller owns 'held' then. */
void virgl_context_drop(struct virgl *virgl, struct virgl_held *held);

/* gpu/renderer_virgl_resource.c */
int virgl_resource_create(struct renderer *renderer, struct resource *resource,
                          const struct renderer_resource *what, renderer_done *done, void *data);
int virgl_resource_destroy(struct renderer *renderer, struct resource *resource,
                           renderer_done *done, void *data);
int virgl_resource_attach_backing(struct renderer *renderer, struct resource *resource,
                                  struct guest_pins *pins, renderer_done *done, void *data);
int virgl_resource_detach_backing(struct renderer *renderer, struct resource *resource,
                                  renderer_done *done, void *data);
int virgl_resource_transfer(struct renderer *renderer, struct context *context,
                            struct resource *resource, const struct renderer_transfer *transfer,
                            renderer_done *done, void *data);
int virgl_resource_read(struct renderer *renderer, struct resource *resource,
                        const struct renderer_box *box, void *to, uint32_t stride, size_t size,
                        renderer_done *done, void *data);
/* On the thread: enters job->held, which the library has made, in the books. */
void virgl_resource_keep(struct virgl_job *job);

/* gpu/renderer_virgl_blob.c */
int virgl_blob_create(struct renderer *renderer, struct context *context, struct resource *resource,
                      const struct renderer_blob *blob, struct guest_pins *pins,
                      struct renderer_given *given, renderer_blob_done *done, void *data);

/* gpu/renderer_virgl_adopt.c */
int virgl_adopt(struct renderer *renderer, struct resource *resource);

#endif

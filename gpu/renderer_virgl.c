/* SPDX-License-Identifier: MIT */
#include "gpu/renderer_virgl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "gpu/virgl.h"
#include "protocol/virtio_gpu.h"

#define BEGIN_LIMIT_MS 20000u
#define END_LIMIT_MS 2000u
/* How often the library is asked for fences where it has no descriptor to wait for. */
#define INTERVAL_MS 2

/* ---- on the thread ---- */

static void add_capset(struct virgl *virgl, uint32_t id)
{
    struct renderer_capset *capset = &virgl->capsets[virgl->renderer.capset_count];
    uint32_t version;
    uint32_t size = virgl_library_capset(virgl->library, id, &version);

    if (size == 0 || size > RENDERER_MAX_CAPSET) {
        log_warning("Capset %u is not offered: its description would have %u bytes.", id, size);
        return;
    }
    *capset = (struct renderer_capset){.id = id, .max_version = version, .size = size};
    virgl_library_fill_capset(virgl->library, id, version,
                              virgl->capset_bytes[virgl->renderer.capset_count]);
    virgl->renderer.capset_count++;
}

static int begin(struct render_thread *thread, void *data)
{
    struct virgl *virgl = data;
    int result = virgl_library_init(virgl->library, &virgl->plan, &virgl->events, virgl);
    int fd;

    if (result < 0)
        return result;
    if (virgl->plan.virgl) {
        add_capset(virgl, VIRTIO_GPU_CAPSET_VIRGL);
        add_capset(virgl, VIRTIO_GPU_CAPSET_VIRGL2);
        fd = virgl_library_poll_fd(virgl->library);
        render_thread_watch(thread, fd, fd < 0 ? INTERVAL_MS : -1);
    }
    if (virgl->plan.venus)
        add_capset(virgl, VIRTIO_GPU_CAPSET_VENUS);
    return 0;
}

static void poll_library(void *data)
{
    virgl_library_poll(((struct virgl *)data)->library);
}

static void finish(void *data)
{
    virgl_library_finish(((struct virgl *)data)->library);
}

static const struct render_thread_work work = {begin, poll_library, finish};

/* ---- capsets ---- */

static void fill_capset(struct renderer *renderer, const struct renderer_capset *capset,
                        uint32_t version, struct writer *to)
{
    struct virgl *virgl = virgl_of(renderer);

    writer_put(to, virgl->capset_bytes[capset - virgl->capsets], capset->size);
}

/* ---- reset ---- */

/* The library's own reset stops its fences for ever (up to 1.1): so everything is destroyed one by
 * one. */
struct reset_job {
    struct virgl_job job;
    struct id_map contexts, resources; // virgl_held::node: what was held, to be freed on the loop
};

static void take_all(struct id_map *from, struct id_map *to)
{
    *to = *from;
    id_map_init(from);
}

static int reset_library(struct virgl_job *base)
{
    struct reset_job *job = (struct reset_job *)base;
    struct virgl *virgl = base->virgl;
    struct id_node *node;
    bool gl = false;

    take_all(&virgl->held_contexts, &job->contexts);
    take_all(&virgl->held_resources, &job->resources);
    for (node = id_map_first(&job->contexts); node != NULL; node = id_map_next(node)) {
        virgl_library_context_destroy(virgl->library, node->id);
        gl |= ID_MAP_OF(node, struct virgl_held, node)->gl;
    }
    for (node = id_map_first(&job->resources); node != NULL; node = id_map_next(node))
        virgl_library_unref(virgl->library, node->id);
    if (gl)
        virgl_fences_mend(virgl);
    return 0;
}

static void free_held(struct id_map *map)
{
    struct id_node *node;

    while ((node = id_map_first(map)) != NULL) {
        id_map_remove(map, node);
        virgl_held_destroy(ID_MAP_OF(node, struct virgl_held, node));
    }
}

static void reset_finish(struct virgl_job *base, bool dropped)
{
    struct reset_job *job = (struct reset_job *)base;

    free_held(&job->contexts);
    free_held(&job->resources);
}

static void forget_contexts(struct virgl *virgl)
{
    struct id_node *node;

    while ((node = id_map_first(&virgl->contexts)) != NULL) {
        id_map_remove(&virgl->contexts, node);
        free(ID_MAP_OF(node, struct virgl_context, node));
    }
}

static void reset(struct renderer *renderer)
{
    struct virgl *virgl = virgl_of(renderer);
    struct reset_job *job;

    virgl_fences_drop(&virgl->fences);
    render_thread_reset(virgl->thread);
    forget_contexts(virgl);
    job = virgl_job_create(virgl, sizeof(*job), reset_library, 0);
    if (job == NULL) {
        log_error("There is no memory to take back what the last driver had drawn with.");
        return;
    }
    id_map_init(&job->contexts);
    id_map_init(&job->resources);
    job->job.finish = reset_finish;
    virgl_job_queue(&job->job, NULL, NULL);
}

/* ---- life ---- */

static void destroy(struct renderer *renderer)
{
    struct virgl *virgl = virgl_of(renderer);

    virgl_fences_drop(&virgl->fences);
    forget_contexts(virgl);
    watchdog_destroy(virgl->watchdog);
    render_server_destroy(virgl->server); /* whoever waits for it does so no longer */
    if (!render_thread_destroy(virgl->thread, END_LIMIT_MS)) {
        log_warning("virglrenderer does not come back: it is left to itself.");
        return;
    }
    virgl_fences_drop(&virgl->fences);
    free_held(&virgl->held_contexts);
    free_held(&virgl->held_resources);
    virgl_fences_finish(&virgl->fences);
    virgl_library_close(virgl->library);
    free(virgl);
}

static const struct renderer_impl virgl_impl = {
    .name = "virglrenderer",
    .fill_capset = fill_capset,
    .context_create = virgl_context_create,
    .context_destroy = virgl_context_destroy,
    .attach = virgl_context_attach,
    .detach = virgl_context_detach,
    .create_3d = virgl_resource_create,
    .create_blob = virgl_blob_create,
    .adopt = virgl_adopt,
    .destroy_resource = virgl_resource_destroy,
    .attach_backing = virgl_resource_attach_backing,
    .detach_backing = virgl_resource_detach_backing,
    .transfer = virgl_resource_transfer,
    .submit = virgl_context_submit,
    .fence = virgl_context_fence,
    .read = virgl_resource_read,
    .reset = reset,
    .destroy = destroy,
};

static int open_library(struct virgl *virgl)
{
    const char *why;

    virgl->library = virgl_library_open(&why);
    if (virgl->library != NULL)
        why = virgl_library_refusal(virgl->library, &virgl->plan);
    if (why == NULL)
        return 0;
    log_error("virglrenderer cannot be used: %s.", why);
    return -ENOENT;
}

static int connect_server(void *data)
{
    return render_server_connect(((struct virgl *)data)->server);
}

/* The probe comes first: the render server takes every child that is nobody's. */
static int start_server(struct virgl *virgl, sd_event *loop)
{
    static char *const words[] = {(char *)"hostblob-gpu", NULL};
    const struct render_server_options options = {.shut = virgl->plan.shut_server};

    opaque_layout_find(&virgl->layout, words);
    virgl->server = render_server_create(loop, &options, virgl_context_lost, virgl);
    if (virgl->server == NULL) {
        log_error("The render server of venus cannot be started: %m.");
        return -errno;
    }
    virgl->events.server = connect_server;
    return 0;
}

static int start_thread(struct virgl *virgl, sd_event *loop)
{
    virgl->thread = render_thread_create(loop, &work, virgl, BEGIN_LIMIT_MS);
    if (virgl->thread == NULL) {
        log_error("virglrenderer cannot be set up: %m.");
        return -errno;
    }
    virgl->watchdog = watchdog_create(loop, virgl->thread, virgl->server, NULL);
    if (virgl->watchdog != NULL)
        return 0;
    log_error("virglrenderer cannot be watched: %m.");
    return -errno;
}

static int init(struct virgl *virgl, sd_event *loop)
{
    int result = open_library(virgl);

    if (result == 0 && virgl->plan.venus)
        result = start_server(virgl, loop);
    if (result == 0)
        result = start_thread(virgl, loop);
    return result;
}

/* As far as it came. A thread that does not come back uses all of it still. */
static void undo(struct virgl *virgl, int result)
{
    render_server_destroy(virgl->server);
    if (result == -ETIMEDOUT || !render_thread_destroy(virgl->thread, END_LIMIT_MS))
        return;
    virgl_fences_finish(&virgl->fences);
    virgl_library_close(virgl->library);
    free(virgl);
}

struct renderer *renderer_virgl_create(sd_event *loop, const struct virgl_library_plan *plan)
{
    struct virgl *virgl = calloc(1, sizeof(*virgl));
    int result;

    if (virgl == NULL)
        return NULL;
    virgl->renderer.impl = &virgl_impl;
    virgl->renderer.capsets = virgl->capsets;
    virgl->plan = *plan;
    virgl->events = (struct virgl_library_events){.fence = virgl_fences_on_global,
                                                  .context_fence = virgl_fences_on_context};
    virgl_fences_init(&virgl->fences);
    id_map_init(&virgl->contexts);
    id_map_init(&virgl->held_contexts);
    id_map_init(&virgl->held_resources);
    result = init(virgl, loop);
    if (result == 0)
        return &virgl->renderer;
    undo(virgl, result);
    errno = -result;
    return NULL;
}

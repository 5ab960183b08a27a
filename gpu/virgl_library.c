/* SPDX-License-Identifier: MIT */
#include "gpu/virgl_library.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VIRGL_RENDERER_UNSTABLE_APIS /* in 0.10.4: blobs, fences, all of venus */
#include <virglrenderer.h>

#include "base/fd.h"
#include "base/log.h"
#include "gpu/renderer.h"

#define SONAME "libvirglrenderer.so.1"
#define CALLBACKS_VERSION 4 /* what all versions know, given VIRGL_RENDERER_UNSTABLE_APIS */

/* Newer than the oldest header. */
typedef void log_fn(int level, const char *message, void *data);
typedef void set_log_fn(log_fn *log, void *data, void (*free_data)(void *));
#define LOG_LEVEL_OF_ERRORS 2 /* the library's warnings, and worse */

struct virgl_library {
    void *handle;
    enum virgl_library_version version;
    struct virgl_library_plan plan;
    const struct virgl_library_events *events;
    void *data;
    struct virgl_renderer_callbacks callbacks;

    /* What every version has: see 'symbols'. */
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

struct symbol {
    const char *name;
    size_t offset; /* of the pointer in struct virgl_library */
};

#define SYMBOL(field, function)                                                                    \
    {                                                                                              \
#function, offsetof(struct virgl_library, field)                                           \
    }

static const struct symbol symbols[] = {
    SYMBOL(init, virgl_renderer_init),
    SYMBOL(cleanup, virgl_renderer_cleanup),
    SYMBOL(poll, virgl_renderer_poll),
    SYMBOL(get_poll_fd, virgl_renderer_get_poll_fd),
    SYMBOL(get_cap_set, virgl_renderer_get_cap_set),
    SYMBOL(fill_caps, virgl_renderer_fill_caps),
    SYMBOL(context_create, virgl_renderer_context_create_with_flags),
    SYMBOL(context_destroy, virgl_renderer_context_destroy),
    SYMBOL(force_ctx_0, virgl_renderer_force_ctx_0),
    SYMBOL(attach, virgl_renderer_ctx_attach_resource),
    SYMBOL(detach, virgl_renderer_ctx_detach_resource),
    SYMBOL(submit, virgl_renderer_submit_cmd),
    SYMBOL(resource_create, virgl_renderer_resource_create),
    SYMBOL(create_blob, virgl_renderer_resource_create_blob),
    SYMBOL(import_blob, virgl_renderer_resource_import_blob),
    SYMBOL(unref, virgl_renderer_resource_unref),
    SYMBOL(attach_iov, virgl_renderer_resource_attach_iov),
    SYMBOL(detach_iov, virgl_renderer_resource_detach_iov),
    SYMBOL(read_iov, virgl_renderer_transfer_read_iov),
    SYMBOL(write_iov, virgl_renderer_transfer_write_iov),
    SYMBOL(export_blob, virgl_renderer_resource_export_blob),
    SYMBOL(get_map_info, virgl_renderer_resource_get_map_info),
    SYMBOL(create_fence, virgl_renderer_create_fence),
    SYMBOL(context_create_fence, virgl_renderer_context_create_fence),
};

/* What tells the versions apart, newest first. */
static const struct {
    const char *symbol;
    enum virgl_library_version version;
    const char *name;
} versions[] = {
    {"virgl_renderer_resource_map_fixed", VIRGL_LIBRARY_1_3, "1.3 or newer"},
    {"virgl_renderer_get_dev_fd", VIRGL_LIBRARY_1_2, "1.2"},
    {"virgl_set_log_callback", VIRGL_LIBRARY_1_0, "1.0 or 1.1"},
    {"virgl_renderer_context_create_fence", VIRGL_LIBRARY_0_10, "0.10"},
};
#define VERSIONS (sizeof(versions) / sizeof(versions[0]))

/* Errors are EINVAL or -EINVAL, depending on the function and the version; -1 stands for anything.
 */
static int failure(int result)
{
    int error = result < 0 ? -result : result;

    if (result == 0)
        return 0;
    return error > 1 && error < 4096 ? -error : -EIO;
}

/* ---- its log ---- */

/* Several threads of the library may speak at a time. Much of it is about what a guest did. */
static void say(bool serious, const char *text)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static struct log_limit limit;
    int length = (int)strcspn(text, "\n");
    bool allowed;

    if (length == 0)
        return;
    pthread_mutex_lock(&lock);
    allowed = !serious || log_limit_allows(&limit);
    pthread_mutex_unlock(&lock);
    if (serious && allowed)
        log_warning("virglrenderer: %.*s", length, text);
    else if (allowed)
        log_debug("virglrenderer: %.*s", length, text);
}

static void on_log(int level, const char *message, void *data)
{
    say(level >= LOG_LEVEL_OF_ERRORS, message);
}

/* 0.10 does not say how serious it is. */
static void __attribute__((format(printf, 1, 0))) on_old_log(const char *format, va_list args)
{
    char text[512];

    vsnprintf(text, sizeof(text), format, args);
    say(false, text);
}

static void take_log(struct virgl_library *l)
{
    set_log_fn *set;
    __typeof__(virgl_set_debug_callback) *set_old;

    *(void **)&set = dlsym(l->handle, "virgl_set_log_callback");
    *(void **)&set_old = dlsym(l->handle, "virgl_set_debug_callback");
    if (set != NULL)
        set(on_log, NULL, NULL);
    else if (set_old != NULL)
        set_old(on_old_log);
}

/* ---- loading ---- */

static const char *load_symbols(struct virgl_library *l)
{
    static char why[128];

    for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++) {
        void *symbol = dlsym(l->handle, symbols[i].name);

        if (symbol == NULL) {
            snprintf(why, sizeof(why), SONAME " is too old: it has no %s", symbols[i].name);
            return why;
        }
        memcpy((char *)l + symbols[i].offset, &symbol, sizeof(symbol));
    }
    return NULL;
}

static void find_version(struct virgl_library *l)
{
    for (size_t i = 0; i < VERSIONS; i++) {
        l->version = versions[i].version;
        if (dlsym(l->handle, versions[i].symbol) != NULL)
            return;
    }
}

struct virgl_library *virgl_library_open(const char **why)
{
    static char reason[256];
    struct virgl_library *l = calloc(1, sizeof(*l));

    *why = "there is no memory";
    if (l == NULL)
        return NULL;
    /* Mesa has threads and cleanups of its own: it must never be unloaded. */
    l->handle = dlopen(SONAME, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (l->handle == NULL) {
        snprintf(reason, sizeof(reason), "%s", dlerror());
        *why = reason;
    } else {
        *why = load_symbols(l);
    }
    if (*why != NULL) {
        virgl_library_close(l);
        return NULL;
    }
    find_version(l);
    return l;
}

void virgl_library_close(struct virgl_library *l)
{
    if (l != NULL && l->handle != NULL)
        dlclose(l->handle);
    free(l);
}

enum virgl_library_version virgl_library_version(const struct virgl_library *l)
{
    return l->version;
}

const char *virgl_library_version_name(const struct virgl_library *l)
{
    for (size_t i = 0; i < VERSIONS; i++)
        if (versions[i].version == l->version)
            return versions[i].name;
    return "unknown";
}

const char *virgl_library_refusal(const struct virgl_library *l,
                                  const struct virgl_library_plan *plan)
{
    if (plan->venus && l->version == VIRGL_LIBRARY_0_10)
        return "virglrenderer 0.10 speaks Venus in a form that no guest of today understands: 1.0 "
               "or newer is needed";
    return NULL;
}

/* ---- life ---- */

static void on_fence(void *cookie, uint32_t fence)
{
    struct virgl_library *l = cookie;

    l->events->fence(l->data, fence);
}

static void on_context_fence(void *cookie, uint32_t context, uint32_t ring, uint64_t fence)
{
    struct virgl_library *l = cookie;

    l->events->context_fence(l->data, context, ring, fence);
}

static int on_server(void *cookie, uint32_t version)
{
    struct virgl_library *l = cookie;
    int fd = l->events->server != NULL ? l->events->server(l->data) : -1;

    return fd < 0 ? -1 : fd;
}

static int on_drm(void *cookie)
{
    struct virgl_library *l = cookie;
    int fd = open(l->plan.render_node, O_RDWR | O_CLOEXEC);

    if (fd < 0)
        log_error("The render node %s cannot be opened: %m.", l->plan.render_node);
    return fd < 0 ? -1 : fd;
}

/*
 * EXTERNAL_BLOB: without it GL buffer storage is made as blobs that nobody can export, and guests
 * draw wrong pictures. ASYNC_FENCE_CB: without it a fence of a render process that died is never
 * heard of. With it the library's own threads call back, OpenGL's too, which up to 1.1 stop for
 * ever at virgl_renderer_reset: hence that is not used here at all.
 */
static int flags_of(const struct virgl_library_plan *plan)
{
    int flags = VIRGL_RENDERER_THREAD_SYNC;

    if (plan->virgl)
        flags |= VIRGL_RENDERER_USE_EGL | VIRGL_RENDERER_USE_EXTERNAL_BLOB;
    else
        flags |= VIRGL_RENDERER_NO_VIRGL;
    if (plan->virgl && plan->render_node == NULL)
        flags |= VIRGL_RENDERER_USE_SURFACELESS;
    if (plan->venus)
        flags |=
            VIRGL_RENDERER_VENUS | VIRGL_RENDERER_RENDER_SERVER | VIRGL_RENDERER_ASYNC_FENCE_CB;
    return flags;
}

int virgl_library_init(struct virgl_library *l, const struct virgl_library_plan *plan,
                       const struct virgl_library_events *events, void *data)
{
    l->plan = *plan;
    l->events = events;
    l->data = data;
    l->callbacks = (struct virgl_renderer_callbacks){
        .version = CALLBACKS_VERSION,
        .write_fence = on_fence,
        .write_context_fence = on_context_fence,
        .get_server_fd = on_server,
        .get_drm_fd = plan->render_node != NULL ? on_drm : NULL,
    };
    take_log(l);
    return failure(l->init(l, flags_of(plan), &l->callbacks));
}

void virgl_library_finish(struct virgl_library *l)
{
    l->cleanup(l);
}

int virgl_library_poll_fd(struct virgl_library *l)
{
    return l->get_poll_fd();
}

void virgl_library_poll(struct virgl_library *l)
{
    l->poll();
}

uint32_t virgl_library_capset(struct virgl_library *l, uint32_t capset, uint32_t *version)
{
    uint32_t size = 0;

    *version = 0;
    l->get_cap_set(capset, version, &size);
    return size;
}

void virgl_library_fill_capset(struct virgl_library *l, uint32_t capset, uint32_t version, void *to)
{
    l->fill_caps(capset, version, to);
}

/* ---- contexts ---- */

/*
 * Leads the library to its own context 0. It makes a new context, or one that it destroys, the
 * current one of OpenGL and does not write that down: the next commands of the context that it
 * believes to be current would go there. And it makes and ends resources in whichever is current,
 * whose bindings change behind its back.
 */
static void settle_current(struct virgl_library *l)
{
    if (l->plan.virgl)
        l->force_ctx_0();
}

int virgl_library_context_create(struct virgl_library *l, uint32_t context, uint32_t capset,
                                 const char *name)
{
    int result = failure(l->context_create(context, capset, (uint32_t)strlen(name), name));

    settle_current(l);
    return result;
}

void virgl_library_context_destroy(struct virgl_library *l, uint32_t context)
{
    l->context_destroy(context);
    settle_current(l);
}

void virgl_library_attach(struct virgl_library *l, uint32_t context, uint32_t resource)
{
    l->attach((int)context, (int)resource);
}

void virgl_library_detach(struct virgl_library *l, uint32_t context, uint32_t resource)
{
    l->detach((int)context, (int)resource);
}

int virgl_library_submit(struct virgl_library *l, uint32_t context, void *bytes, size_t size)
{
    if (size % 4 != 0 || size > INT32_MAX)
        return -EINVAL;
    return failure(l->submit(bytes, (int)context, (int)(size / 4)));
}

/* ---- resources ---- */

int virgl_library_create_3d(struct virgl_library *l, uint32_t resource,
                            const struct renderer_resource *what)
{
    struct virgl_renderer_resource_create_args args = {
        .handle = resource,
        .target = what->target,
        .format = what->format,
        .bind = what->bind,
        .width = what->width,
        .height = what->height,
        .depth = what->depth,
        .array_size = what->array_size,
        .last_level = what->last_level,
        .nr_samples = what->nr_samples,
        .flags = what->flags,
    };

    settle_current(l);
    return failure(l->resource_create(&args, NULL, 0));
}

int virgl_library_create_blob(struct virgl_library *l, uint32_t context, uint32_t resource,
                              const struct renderer_blob *what, const struct iovec *iov,
                              unsigned count)
{
    struct virgl_renderer_resource_create_blob_args args = {
        .res_handle = resource,
        .ctx_id = context,
        .blob_mem = what->memory,
        .blob_flags = what->flags,
        .blob_id = what->blob_id,
        .size = what->size,
        .iovecs = iov,
        .num_iovs = count,
    };

    settle_current(l);
    return failure(l->create_blob(&args));
}

int virgl_library_import(struct virgl_library *l, uint32_t resource, int fd, bool dmabuf,
                         uint64_t size)
{
    struct virgl_renderer_resource_import_blob_args args = {
        .res_handle = resource,
        .blob_mem = VIRGL_RENDERER_BLOB_MEM_HOST3D,
        .fd_type = dmabuf ? VIRGL_RENDERER_BLOB_FD_TYPE_DMABUF : VIRGL_RENDERER_BLOB_FD_TYPE_SHM,
        .fd = fd,
        .size = size,
    };
    int result = failure(l->import_blob(&args));

    /* After a lack of memory, and nothing else, the library has closed it. */
    if (result < 0 && result != -ENOMEM)
        fd_close(&fd);
    return result;
}

void virgl_library_unref(struct virgl_library *l, uint32_t resource)
{
    settle_current(l);
    l->unref(resource);
}

int virgl_library_attach_backing(struct virgl_library *l, uint32_t resource,
                                 const struct iovec *iov, unsigned count)
{
    return failure(l->attach_iov((int)resource, (struct iovec *)iov, (int)count));
}

void virgl_library_detach_backing(struct virgl_library *l, uint32_t resource)
{
    struct iovec *iov;
    int count;

    l->detach_iov((int)resource, &iov, &count);
}

int virgl_library_transfer(struct virgl_library *l, uint32_t context, uint32_t resource,
                           const struct renderer_transfer *t, const struct iovec *iov,
                           unsigned count)
{
    struct renderer_box copy = t->box;
    struct virgl_box *box = (struct virgl_box *)(void *)&copy;
    struct iovec *vector = count > 0 ? (struct iovec *)iov : NULL;

    if (t->from_host)
        return failure(l->read_iov(resource, context, t->level, t->stride, t->layer_stride, box,
                                   t->offset, vector, (int)count));
    return failure(l->write_iov(resource, context, (int)t->level, t->stride, t->layer_stride, box,
                                t->offset, vector, count));
}

int virgl_library_export(struct virgl_library *l, uint32_t resource,
                         enum virgl_library_memory *memory)
{
    uint32_t type = 0;
    int fd = -1;
    int result = failure(l->export_blob(resource, &type, &fd));

    if (result < 0)
        return result;
    switch (type) {
    case VIRGL_RENDERER_BLOB_FD_TYPE_DMABUF:
        *memory = VIRGL_LIBRARY_DMABUF;
        return fd;
    case VIRGL_RENDERER_BLOB_FD_TYPE_SHM:
        *memory = VIRGL_LIBRARY_SHM;
        return fd;
    case VIRGL_RENDERER_BLOB_FD_TYPE_OPAQUE:
        *memory = VIRGL_LIBRARY_OPAQUE;
        return fd;
    default:
        fd_close(&fd);
        return -EOPNOTSUPP;
    }
}

uint32_t virgl_library_map_info(struct virgl_library *l, uint32_t resource)
{
    uint32_t info = 0;

    if (l->get_map_info(resource, &info) != 0)
        return 0;
    return info & VIRGL_RENDERER_MAP_CACHE_MASK;
}

/* ---- fences ---- */

int virgl_library_fence(struct virgl_library *l, uint32_t fence)
{
    return failure(l->create_fence((int)fence, 0));
}

int virgl_library_context_fence(struct virgl_library *l, uint32_t context, uint32_t ring,
                                uint64_t fence)
{
    return failure(l->context_create_fence(context, 0, ring, fence));
}

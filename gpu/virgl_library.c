/* SPDX-License-Identifier: MIT */
#include "gpu/virgl_library_table.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "gpu/keep_loaded.h"

#define SONAME "libvirglrenderer.so.1"
#define CALLBACKS_VERSION 4 /* what all versions know, given VIRGL_RENDERER_UNSTABLE_APIS */

/* Newer than the oldest header. */
typedef void log_fn(int level, const char *message, void *data);
typedef void set_log_fn(log_fn *log, void *data, void (*free_data)(void *));
#define LOG_LEVEL_OF_ERRORS 2 /* the library's warnings, and worse */

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
    int r;

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
    r = virgl_library_failure(l->init(l, flags_of(plan), &l->callbacks));
    /* It unloads its driver in the end, which leaves behind what it has found out about the
     * processor (Mesa 22.3, where that is AMD's). */
    keep_loaded("_dri.so");
    return r;
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

/* SPDX-License-Identifier: MIT */
#include "tests/unit/fake_virgl.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#define VIRGL_RENDERER_UNSTABLE_APIS
#include <virglrenderer.h>

#define PATIENCE_MS 10000u

struct fake_virgl_results fake_virgl_results;
struct fake_virgl_export fake_virgl_export;
uint8_t fake_virgl_colour;

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    char done[65536]; /* what it was asked for */
    bool hold;
    int poll_fd;
    uint32_t stray; /* a context that is OpenGL's current one without the library's knowing */
    bool drawing;   /* a context that draws is the current one */
    uint32_t finished;
    uint64_t last_fence;
    void *cookie;
    struct virgl_renderer_callbacks *callbacks;
} fake = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, .poll_fd = -1};

/* ---- the test's side ---- */

static void __attribute__((format(printf, 1, 2))) note(const char *format, ...)
{
    size_t used;
    va_list args;

    pthread_mutex_lock(&fake.lock);
    used = strlen(fake.done);
    va_start(args, format);
    vsnprintf(fake.done + used, sizeof(fake.done) - used, format, args);
    va_end(args);
    pthread_mutex_unlock(&fake.lock);
}

void fake_virgl_begin(void)
{
    fake_virgl_results = (struct fake_virgl_results){0};
    fake_virgl_export = (struct fake_virgl_export){.type = VIRGL_RENDERER_BLOB_FD_TYPE_SHM};
    fake.done[0] = '\0';
    fake.last_fence = 0;
    fake.stray = 0;
    fake_virgl_hold(false);
}

bool fake_virgl_did(const char *words)
{
    bool same = false;

    for (unsigned i = 0; i < PATIENCE_MS && !same; i++) {
        pthread_mutex_lock(&fake.lock);
        same = strcmp(fake.done, words) == 0;
        if (!same && i + 1 == PATIENCE_MS)
            fprintf(stderr, "it did '%s', not '%s'\n", fake.done, words);
        if (same || i + 1 == PATIENCE_MS)
            fake.done[0] = '\0';
        pthread_mutex_unlock(&fake.lock);
        if (!same)
            usleep(1000);
    }
    return same;
}

bool fake_virgl_await(const char *word)
{
    char *at = NULL;

    for (unsigned i = 0; i < PATIENCE_MS && at == NULL; i++) {
        pthread_mutex_lock(&fake.lock);
        at = strstr(fake.done, word);
        if (at != NULL)
            memmove(fake.done, at + strlen(word), strlen(at + strlen(word)) + 1);
        pthread_mutex_unlock(&fake.lock);
        if (at == NULL)
            usleep(1000);
    }
    return at != NULL;
}

void fake_virgl_hold(bool hold)
{
    pthread_mutex_lock(&fake.lock);
    fake.hold = hold;
    pthread_cond_broadcast(&fake.changed);
    pthread_mutex_unlock(&fake.lock);
}

void fake_virgl_finish(uint32_t fence)
{
    uint64_t one = 1;

    pthread_mutex_lock(&fake.lock);
    fake.finished = fence;
    pthread_mutex_unlock(&fake.lock);
    if (write(fake.poll_fd, &one, sizeof(one)) < 0)
        perror("poll_fd");
}

struct context_fence {
    uint32_t context, ring;
    uint64_t fence;
};

static void *call_back(void *data)
{
    const struct context_fence *f = data;

    fake.callbacks->write_context_fence(fake.cookie, f->context, f->ring, f->fence);
    return NULL;
}

void fake_virgl_finish_context(uint32_t context, uint32_t ring, uint64_t fence)
{
    struct context_fence f = {context, ring, fence};
    pthread_t thread;

    if (pthread_create(&thread, NULL, call_back, &f) == 0)
        pthread_join(thread, NULL);
}

uint64_t fake_virgl_last_fence(void)
{
    uint64_t last;

    pthread_mutex_lock(&fake.lock);
    last = fake.last_fence;
    pthread_mutex_unlock(&fake.lock);
    return last;
}

static void note_fence(uint64_t fence)
{
    pthread_mutex_lock(&fake.lock);
    fake.last_fence = fence;
    pthread_mutex_unlock(&fake.lock);
}

/* ---- the library's ---- */

/* The mark of 1.0, which not every header has, and those that do not the same. */
void set_log_callback(void) __asm__("virgl_set_log_callback");

void set_log_callback(void)
{
}

int virgl_renderer_init(void *cookie, int flags, struct virgl_renderer_callbacks *callbacks)
{
    fake.cookie = cookie;
    fake.callbacks = callbacks;
    fake.poll_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return 0;
}

void virgl_renderer_cleanup(void *cookie)
{
    note("cleanup;");
    close(fake.poll_fd);
    fake.poll_fd = -1;
}

int virgl_renderer_get_poll_fd(void)
{
    return fake.poll_fd;
}

void virgl_renderer_poll(void)
{
    uint64_t count;
    uint32_t finished;

    if (read(fake.poll_fd, &count, sizeof(count)) < 0)
        return;
    pthread_mutex_lock(&fake.lock);
    finished = fake.finished;
    pthread_mutex_unlock(&fake.lock);
    fake.callbacks->write_fence(fake.cookie, finished);
}

void virgl_renderer_get_cap_set(uint32_t set, uint32_t *version, uint32_t *size)
{
    *version = set;
    *size = 8 * set;
}

void virgl_renderer_fill_caps(uint32_t set, uint32_t version, void *to)
{
    memset(to, (int)(0x40 + set), 8 * set);
}

int virgl_renderer_context_create_with_flags(uint32_t id, uint32_t flags, uint32_t length,
                                             const char *name)
{
    int result = fake_virgl_results.context;

    fake.stray = id;
    note("context %u %u;", id, flags);
    return result;
}

void virgl_renderer_context_destroy(uint32_t id)
{
    fake.stray = id;
    note("end %u;", id);
}

void virgl_renderer_force_ctx_0(void)
{
    fake.stray = 0;
    fake.drawing = false;
}

/* What is made or ended while a context is the current one changes its bindings. */
static const char *spoilt(void)
{
    return fake.drawing ? " spoils a context" : "";
}

/* Commands for a context go to the one that is current, whichever that is. */
static void note_stray(void)
{
    if (fake.stray != 0)
        note("astray in %u;", fake.stray);
}

void virgl_renderer_ctx_attach_resource(int context, int resource)
{
    note("attach %d %d;", context, resource);
}

void virgl_renderer_ctx_detach_resource(int context, int resource)
{
    note("detach %d %d;", context, resource);
}

int virgl_renderer_submit_cmd(void *bytes, int context, int words)
{
    note_stray();
    fake.drawing = true;
    note("submit %d %d;", context, words);
    pthread_mutex_lock(&fake.lock);
    while (fake.hold)
        pthread_cond_wait(&fake.changed, &fake.lock);
    pthread_mutex_unlock(&fake.lock);
    return fake_virgl_results.submit;
}

int virgl_renderer_resource_create(struct virgl_renderer_resource_create_args *args,
                                   struct iovec *iov, uint32_t count)
{
    int result = fake_virgl_results.resource;

    note("resource %u%s;", args->handle, spoilt());
    return result;
}

int virgl_renderer_resource_create_blob(const struct virgl_renderer_resource_create_blob_args *args)
{
    int result = fake_virgl_results.blob;

    note("blob %u of %u, %u pieces%s;", args->res_handle, args->ctx_id, args->num_iovs, spoilt());
    return result;
}

int virgl_renderer_resource_import_blob(const struct virgl_renderer_resource_import_blob_args *args)
{
    int result = fake_virgl_results.blob;

    if (result == 0)
        close(args->fd);
    note("import %u;", args->res_handle);
    return result;
}

void virgl_renderer_resource_unref(uint32_t id)
{
    note("unref %u%s;", id, spoilt());
}

int virgl_renderer_resource_attach_iov(int id, struct iovec *iov, int count)
{
    int result = fake_virgl_results.attach_iov;

    note("pages %d %d;", id, count);
    return result;
}

void virgl_renderer_resource_detach_iov(int id, struct iovec **iov, int *count)
{
    note("no pages %d;", id);
}

int virgl_renderer_transfer_read_iov(uint32_t id, uint32_t context, uint32_t level, uint32_t stride,
                                     uint32_t layer_stride, struct virgl_box *box, uint64_t offset,
                                     struct iovec *iov, int count)
{
    note("read %u %u;", id, context);
    for (int i = 0; i < count; i++)
        memset(iov[i].iov_base, fake_virgl_colour, iov[i].iov_len);
    return fake_virgl_results.transfer;
}

int virgl_renderer_transfer_write_iov(uint32_t id, uint32_t context, int level, uint32_t stride,
                                      uint32_t layer_stride, struct virgl_box *box, uint64_t offset,
                                      struct iovec *iov, unsigned int count)
{
    int result = fake_virgl_results.transfer;

    note("write %u %u;", id, context);
    return result;
}

int virgl_renderer_resource_export_blob(uint32_t id, uint32_t *type, int *fd)
{
    note("export %u;", id);
    if (fake_virgl_results.export != 0)
        return fake_virgl_results.export;
    *type = fake_virgl_export.type;
    *fd = memfd_create("fake", MFD_CLOEXEC);
    if (*fd < 0 || ftruncate(*fd, (off_t)fake_virgl_export.bytes) < 0 ||
        pwrite(*fd, fake_virgl_export.head, sizeof(fake_virgl_export.head), 0) < 0)
        return -EIO;
    return 0;
}

int virgl_renderer_resource_get_map_info(uint32_t id, uint32_t *info)
{
    *info = VIRGL_RENDERER_MAP_CACHE_WC;
    return 0;
}

int virgl_renderer_create_fence(int fence, uint32_t context)
{
    int result = fake_virgl_results.fence;

    note_fence((uint32_t)fence);
    note("fence;");
    return result;
}

int virgl_renderer_context_create_fence(uint32_t context, uint32_t flags, uint32_t ring,
                                        uint64_t fence)
{
    int result = fake_virgl_results.context_fence;

    note_fence(fence);
    note("fence %u %u;", context, ring);
    return result;
}

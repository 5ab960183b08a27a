/* SPDX-License-Identifier: MIT */
#include "gpu/probe_venus.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gpu/probe_vulkan.h"
#include "gpu/render_environment.h"
#include "gpu/render_spawn.h"
#include "gpu/renderer.h"
#include "gpu/virgl_library.h"
#include "protocol/virtio_gpu.h"

#define CONTEXT 1u
#define BLOB 1u
#define BLOB_SIZE 65536u

static void on_fence(void *data, uint32_t fence)
{
}

static void on_context_fence(void *data, uint32_t context, uint32_t ring, uint64_t fence)
{
}

/* Here the library may start the server itself: it is not to live long. */
static const struct virgl_library_events events = {on_fence, on_context_fence, NULL};

static int fail(char *why, int result, const char *what)
{
    if (result < 0)
        snprintf(why, PROBE_WHY, "%s: %s", what, strerror(-result));
    return result;
}

/* Memory that the context's own process makes is what every driver begins with. */
static int check_blob(struct virgl_library *library, char *why)
{
    static const struct renderer_blob blob = {
        .memory = VIRTIO_GPU_BLOB_MEM_HOST3D,
        .flags = VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE,
        .size = BLOB_SIZE,
    };
    enum virgl_library_memory memory;
    uint32_t *words;
    int fd;
    int result = virgl_library_create_blob(library, CONTEXT, BLOB, &blob, NULL, 0);

    if (result < 0)
        return fail(why, result, "a context makes no memory");
    fd = virgl_library_export(library, BLOB, &memory);
    if (fd < 0)
        return fail(why, fd, "a context's memory cannot be had");
    words = mmap(NULL, BLOB_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (words == MAP_FAILED)
        return fail(why, -errno, "a context's memory cannot be mapped");
    words[BLOB_SIZE / sizeof(*words) - 1] = 1;
    munmap(words, BLOB_SIZE);
    virgl_library_unref(library, BLOB);
    return 0;
}

static int check_library(struct virgl_library *library, char *why)
{
    static const struct virgl_library_plan plan = {.venus = true};
    int result = virgl_library_init(library, &plan, &events, NULL);

    if (result < 0)
        return fail(why, result, "the render server cannot be started");
    result = virgl_library_context_create(library, CONTEXT, VIRTIO_GPU_CAPSET_VENUS, "self-test");
    if (result < 0)
        return fail(why, result, "the render server makes no context");
    result = check_blob(library, why);
    if (result == 0)
        virgl_library_context_destroy(library, CONTEXT);
    return result;
}

static int check_vulkan(const struct gpu_options *options, struct json_object *report, char *why)
{
#ifdef HAVE_VULKAN
    return probe_vulkan(options, report, why);
#else
    return 0;
#endif
}

int probe_venus(const struct gpu_options *options, struct json_object *report, char *why)
{
    static const struct virgl_library_plan plan = {.venus = true};
    const char *reason;
    struct virgl_library *library = virgl_library_open(&reason);
    int result;

    if (library != NULL) {
        json_object_object_add(report, "virglrenderer",
                               json_object_new_string(virgl_library_version_name(library)));
        reason = virgl_library_refusal(library, &plan);
    }
    if (reason == NULL && render_spawn_program() == NULL)
        reason = "there is no virgl_render_server";
    if (reason != NULL) {
        snprintf(why, PROBE_WHY, "%s", reason);
        return -ENOENT;
    }
    render_environment_apply();
    result = check_vulkan(options, report, why);
    return result < 0 ? result : check_library(library, why);
}

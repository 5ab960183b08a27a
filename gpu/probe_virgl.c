/* SPDX-License-Identifier: MIT */
#include "gpu/probe_virgl.h"

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "gpu/gpu_device.h"
#include "gpu/renderer.h"
#include "gpu/virgl_library.h"
#include "protocol/virgl_stream.h"
#include "protocol/virtio_gpu.h"

#define SIDE 64u
#define PIXELS (SIDE * SIDE)
#define TEXTURE 1u
#define CONTEXT 1u
#define VENUS_CONTEXT 2u
#define FENCE 1u
#define FENCE_LIMIT_NS UINT64_C(5000000000)

struct test {
    struct virgl_library *library;
    struct virgl_library_plan plan;
    struct json_object *report;
    char *why;
    bool fenced;
    uint32_t pixels[PIXELS]; /* the texture's backing */
};

static int fail(struct test *t, int result, const char *what)
{
    if (result < 0)
        snprintf(t->why, PROBE_WHY, "%s: %s", what, strerror(-result));
    return result;
}

static void on_fence(void *data, uint32_t fence)
{
    ((struct test *)data)->fenced |= fence == FENCE;
}

static void on_context_fence(void *data, uint32_t context, uint32_t ring, uint64_t fence)
{
}

static const struct virgl_library_events events = {on_fence, on_context_fence, NULL};

/* ---- what it is ---- */

static void say(struct test *t, const char *key, const char *text)
{
    if (text != NULL)
        json_object_object_add(t->report, key, json_object_new_string(text));
}

/* OpenGL's own words, where its library can be asked: a context is current after init. */
static void say_gl(struct test *t)
{
    typedef const char *get_string_fn(unsigned name);
    static const char *const names[] = {"libOpenGL.so.0", "libGL.so.1"};
    get_string_fn *get_string = NULL;

    for (unsigned i = 0; i < 2 && get_string == NULL; i++) {
        void *gl = dlopen(names[i], RTLD_LAZY | RTLD_NOLOAD);

        if (gl != NULL)
            *(void **)&get_string = dlsym(gl, "glGetString");
    }
    if (get_string != NULL) {
        say(t, "device", get_string(0x1f01)); /* GL_RENDERER */
        say(t, "gl", get_string(0x1f02));     /* GL_VERSION */
    }
}

static int say_capsets(struct test *t)
{
    static const uint32_t ids[] = {VIRTIO_GPU_CAPSET_VIRGL, VIRTIO_GPU_CAPSET_VIRGL2};
    struct json_object *list = json_object_new_array();

    json_object_object_add(t->report, "capsets", list);
    for (unsigned i = 0; i < 2; i++) {
        struct json_object *item = json_object_new_object();
        uint32_t version;
        uint32_t size = virgl_library_capset(t->library, ids[i], &version);

        json_object_object_add(item, "id", json_object_new_int64(ids[i]));
        json_object_object_add(item, "version", json_object_new_int64(version));
        json_object_object_add(item, "size", json_object_new_int64(size));
        json_object_array_add(list, item);
        if (size == 0 || size > RENDERER_MAX_CAPSET)
            return fail(t, -EPROTO, "a capset has an impossible size");
    }
    return 0;
}

/* ---- what it does ---- */

static int make_texture(struct test *t)
{
    static const struct renderer_resource what = {
        .target = VIRGL_STREAM_TARGET_2D,
        .format = VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM,
        .bind = VIRGL_STREAM_BIND_RENDER_TARGET | VIRGL_STREAM_BIND_SAMPLER_VIEW,
        .width = SIDE,
        .height = SIDE,
        .depth = 1,
        .array_size = 1,
    };
    static struct iovec iov;
    int result = virgl_library_create_3d(t->library, TEXTURE, &what);

    iov = (struct iovec){t->pixels, sizeof(t->pixels)};
    if (result == 0)
        result = virgl_library_attach_backing(t->library, TEXTURE, &iov, 1);
    if (result == 0)
        virgl_library_attach(t->library, CONTEXT, TEXTURE);
    return fail(t, result, "no texture can be made");
}

static int transfer(struct test *t, bool from_host)
{
    struct renderer_transfer what = {
        .from_host = from_host,
        .stride = SIDE * 4,
        .box = {.w = SIDE, .h = SIDE, .d = 1},
    };

    return fail(t, virgl_library_transfer(t->library, 0, TEXTURE, &what, NULL, 0),
                from_host ? "a texture cannot be read" : "a texture cannot be written");
}

static uint32_t pattern(unsigned i)
{
    return i * UINT32_C(2654435761);
}

static int check_copy(struct test *t)
{
    int result;

    for (unsigned i = 0; i < PIXELS; i++)
        t->pixels[i] = pattern(i);
    result = transfer(t, false);
    memset(t->pixels, 0, sizeof(t->pixels));
    if (result == 0)
        result = transfer(t, true);
    for (unsigned i = 0; i < PIXELS && result == 0; i++)
        if (t->pixels[i] != pattern(i))
            result = fail(t, -EIO, "pixels do not come back as they were written");
    return result;
}

static int check_drawing(struct test *t)
{
    static const float colour[4] = {1.0f, 0.0f, 0.0f, 1.0f};
    static _Alignas(8) uint32_t words[VIRGL_STREAM_CLEAR_WORDS];
    int result;

    virgl_stream_clear(words, 1, TEXTURE, VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, colour);
    result = fail(t, virgl_library_submit(t->library, CONTEXT, words, sizeof(words)),
                  "a command stream is refused");
    if (result == 0)
        result = transfer(t, true);
    for (unsigned i = 0; i < PIXELS && result == 0; i++)
        if (t->pixels[i] != 0xffff0000u)
            result = fail(t, -EIO, "OpenGL does not draw what it was told to");
    return result;
}

static int check_fence(struct test *t)
{
    struct pollfd fd = {.fd = virgl_library_poll_fd(t->library), .events = POLLIN};
    uint64_t start = units_now_ns();
    int result = fail(t, virgl_library_fence(t->library, FENCE), "no fence can be made");

    while (result == 0 && !t->fenced) {
        if (units_now_ns() - start > FENCE_LIMIT_NS)
            return fail(t, -ETIMEDOUT, "a fence is never reached");
        poll(&fd, 1, fd.fd < 0 ? 1 : 100);
        virgl_library_poll(t->library);
    }
    return result;
}

static int check(struct test *t)
{
    int result = virgl_library_init(t->library, &t->plan, &events, t);

    if (result < 0)
        return fail(t, result, "virglrenderer cannot be set up (is there EGL, and Mesa?)");
    say_gl(t);
    result = say_capsets(t);
    if (result == 0)
        result = fail(t,
                      virgl_library_context_create(t->library, CONTEXT, VIRTIO_GPU_CAPSET_VIRGL2,
                                                   "self-test"),
                      "no context can be made");
    if (result == 0)
        result = make_texture(t);
    if (result == 0)
        result = check_copy(t);
    if (result == 0)
        result = check_drawing(t);
    if (result == 0)
        result = check_fence(t);
    if (result == 0 && t->plan.venus)
        result = fail(t,
                      virgl_library_context_create(t->library, VENUS_CONTEXT,
                                                   VIRTIO_GPU_CAPSET_VENUS, "self-test"),
                      "no Vulkan context can be made beside OpenGL");
    return result;
}

static int test(const struct gpu_options *options, bool venus, struct json_object *report,
                char *why)
{
    static struct test t;
    const char *reason;

    t = (struct test){.report = report, .why = why};
    t.plan = (struct virgl_library_plan){true, venus, options->render_node};
    t.library = virgl_library_open(&reason);
    if (t.library != NULL) {
        say(&t, "virglrenderer", virgl_library_version_name(t.library));
        reason = virgl_library_refusal(t.library, &t.plan);
    }
    if (reason == NULL)
        return check(&t);
    snprintf(why, PROBE_WHY, "%s", reason);
    return -ENOENT;
}

int probe_virgl(const struct gpu_options *options, struct json_object *report, char *why)
{
    return test(options, false, report, why);
}

int probe_virgl_and_venus(const struct gpu_options *options, struct json_object *report, char *why)
{
    return test(options, true, report, why);
}

/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "daemon/program.h"
#include "gpu/choose.h"
#include "gpu/gpu_device.h"
#include "gpu/gpu_quota.h"
#include "gpu/render_environment.h"
#include "gpu/render_spawn.h"

static struct gpu_options gpu_options;

static const char *take_renderer(void *target, const char *argument)
{
    ((struct gpu_options *)target)->renderer = argument;
    return choose_parse(argument) >= 0
               ? NULL
               : "it must be 'auto', 'memory', 'virgl', 'venus' or 'virgl,venus'";
}

/* What libvirt says when a domain's video wants acceleration. */
static const char *take_virgl(void *target, const char *argument)
{
    struct gpu_options *o = target;

    if (o->renderer != NULL && strcmp(o->renderer, "virgl") != 0)
        return "another renderer was asked for";
    o->renderer = "virgl";
    return NULL;
}

static const char *take_render_node(void *target, const char *argument)
{
    ((struct gpu_options *)target)->render_node = argument;
    return *argument == '/' ? NULL : "it must be a path such as /dev/dri/renderD128";
}

static const char *take_output(void *target, const char *argument)
{
    struct gpu_options *o = target;

    if (strcmp(argument, "none") == 0) {
        o->no_outputs = true;
        return o->output_count == 0 ? NULL : "there are outputs already";
    }
    if (o->no_outputs || o->output_count == VIRTIO_GPU_MAX_SCANOUTS)
        return o->no_outputs ? "there is to be none" : "there are 16 outputs already";
    output_init(&o->outputs[o->output_count], o->output_count);
    return output_parse(argument, &o->outputs[o->output_count++]);
}

static const char *take_display(void *target, const char *argument)
{
    struct gpu_options *o = target;

    o->display = strcmp(argument, "none") != 0 ? argument : NULL;
    return o->display == NULL || (strncmp(argument, "file:", 5) == 0 && argument[5] != '\0')
               ? NULL
               : "it must be 'none' or 'file:FOLDER'";
}

static const char *take_pointer(void *target, const char *argument)
{
    struct gpu_options *o = target;

    o->draw_pointer = strcmp(argument, "drawn") == 0;
    return o->draw_pointer || strcmp(argument, "front-end") == 0
               ? NULL
               : "it must be 'front-end' or 'drawn'";
}

static const struct options_row rows[] = {
    {"renderer", "NAME",
     "memory: host memory for blobs, with no GPU at all (the default). virgl: OpenGL.\n"
     "venus: Vulkan. virgl,venus: both. auto: what of them works here.",
     take_renderer},
    {"virgl", NULL, "The same as --renderer=virgl, by the name that libvirt knows.", take_virgl},
    {"render-node", "PATH",
     "The device for virgl, such as /dev/dri/renderD128. Without it OpenGL draws\n"
     "with whatever it finds, which may be the processor.",
     take_render_node},
    {"output", "MODE[,name=NAME]",
     "A display that the guest sees, such as 1920x1080@60,name=Left or 'off' (to be\n"
     "plugged in later). Once for each, up to 16; without it there is one of\n"
     "1280x800@60. none: no outputs at all; a Linux guest uses its render node only.",
     take_output, OPTIONS_REPEATS},
    {"pointer", "HOW",
     "The guest's pointer in a front-end that shows the outputs (QEMU's\n"
     "vhost-user-gpu-pci): front-end (the default: it draws the pointer itself, and\n"
     "leaves it out of a screendump) or drawn: into the pictures that it is given, for\n"
     "screendumps, recorders and viewers that draw none. They are pixels then, never\n"
     "dmabufs.",
     take_pointer},
    {"display", "WHERE",
     "Who looks at what the outputs show: none (the default: one picture on demand at\n"
     "the control socket) or file:FOLDER, which is given a PNG for each change.",
     take_display},
    {NULL},
};

/* A long list of guest pages is in the heap three times for a moment, up to 1 MiB each: as it came,
 * with neighbours joined, and as pointers. The C library would give each back to the system at
 * once, and fetch it again, page by page, for the next: which takes longer than all else. */
#define HEAP_ONE (2 << 20)
#define HEAP_SPARE (4 << 20)

static struct device *create(struct device_host *host, const void *options)
{
    struct device *device = gpu_device_create(host, options);

    mallopt(M_MMAP_THRESHOLD, HEAP_ONE); /* but what the start took goes back */
    mallopt(M_TRIM_THRESHOLD, HEAP_SPARE);
    return device;
}

/* What was asked for, or what 'auto' came to. */
static char chosen[CHOOSE_WORDS];

/* A node that was named and cannot be had is nothing to go on without. */
static int check_render_node(const char *path)
{
    int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
    int result = path != NULL && fd < 0 ? -errno : 0;

    if (result == -EACCES || result == -EPERM)
        log_error("The render node %s may not be opened: the user of this program has to be in its "
                  "group, mostly 'render' ('ls -l %s' shows it).",
                  path, path);
    else if (result < 0)
        log_error("The render node %s cannot be opened: %s. 'ls /dev/dri' shows those of this "
                  "host; without --render-node the processor draws.",
                  path, strerror(-result));
    fd_close(&fd);
    return result;
}

/* What a library renders into is memory of its own. */
static int prepare(const void *options, char *const *argv, char word[PROGRAM_WORD], bool *foreign)
{
    int result = check_render_node(((const struct gpu_options *)options)->render_node);

    if (result == 0)
        result = choose_renderers(options, argv, chosen);
    if (result == 0)
        snprintf(word, PROGRAM_WORD, "--renderer=%s", chosen);
    *foreign = result == 0 && choose_parse(chosen) > 0;
    return result;
}

static void check(const void *options, char *const *argv, struct json_object *root)
{
    choose_check(options, argv, root);
}

static int probe(const char *name, const void *options)
{
    probe_fn *fn = choose_probe(name);

    return fn != NULL ? probe_run(fn, options) : EXIT_FAILURE;
}

/* Devices of the drivers that there are; NVIDIA's are names beneath /dev. */
static void add_devices(struct sandbox_plan *plan)
{
    static const char *const devices[] = {
        "/dev/dri",       "/dev/udmabuf",        "/dev/kfd",        "/dev/nvidia0",
        "/dev/nvidiactl", "/dev/nvidia-modeset", "/dev/nvidia-uvm", "/dev/shm",
    };

    for (unsigned i = 0; i < sizeof(devices) / sizeof(devices[0]); i++)
        sandbox_allow(plan, devices[i], SANDBOX_READ | SANDBOX_WRITE);
}

/* The folder of --display=file:FOLDER, made if it is not there. */
static void add_folder(struct sandbox_plan *plan, const char *display)
{
    static char folder[PATH_MAX], absolute[PATH_MAX + 8];

    if (display == NULL)
        return;
    mkdir(display + 5, 0777); /* whoever opens it says what is wrong */
    if (realpath(display + 5, folder) == NULL)
        return;
    sandbox_allow(plan, folder, SANDBOX_READ | SANDBOX_WRITE | SANDBOX_MAKE);
    /* Relative to what it is shut in, it would be another one. */
    snprintf(absolute, sizeof(absolute), "file:%s", folder);
    gpu_options.display = absolute;
}

/* The render server, what loads it, and this program itself, which is started once more for a
 * self-test; with the layer that lies beside it when it was not installed. */
static void add_server(struct sandbox_plan *plan)
{
    static const char *const loaders[] = {"/lib64/ld-linux-x86-64.so.2",
                                          "/lib/ld-linux-aarch64.so.1"};
    static char self[PATH_MAX], folder[PATH_MAX];
    const char *server = render_spawn_program(), *layer = render_environment_layer();
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

    plan->role = SANDBOX_GPU_VENUS;
    for (unsigned i = 0; i < sizeof(loaders) / sizeof(loaders[0]); i++)
        sandbox_allow(plan, loaders[i], SANDBOX_READ | SANDBOX_EXECUTE);
    if (server != NULL)
        sandbox_allow(plan, server, SANDBOX_READ | SANDBOX_EXECUTE);
    if (layer != NULL && realpath(layer, folder) != NULL)
        sandbox_allow(plan, folder, SANDBOX_READ);
    if (n > 0)
        sandbox_allow(plan, self, SANDBOX_READ | SANDBOX_EXECUTE);
    sandbox_child_prepare(plan);
    gpu_options.shut_server = sandbox_child_enter;
}

static bool has_venus(const char *words)
{
    int renderers = choose_parse(words);

    return renderers > 0 && (renderers & CHOOSE_VENUS) != 0;
}

static void sandbox(const void *options, struct sandbox_plan *plan)
{
    const struct gpu_options *o = options;

    if (plan->role == SANDBOX_STARTER) {
        if (has_venus(chosen))
            plan->role = SANDBOX_STARTER_VENUS;
        return;
    }

    plan->role = o->display != NULL ? SANDBOX_GPU_PICTURES : SANDBOX_GPU_MEMORY;
    add_folder(plan, o->display);
    if (choose_parse(o->renderer) == 0)
        return;
    plan->role = SANDBOX_GPU_3D;
    if (has_venus(o->renderer))
        add_server(plan);
    plan->early = true;
    /* There is no place to keep compiled shaders in. */
    setenv("MESA_SHADER_CACHE_DISABLE", "true", 1);
    sandbox_allow_system(plan);
    add_devices(plan);
}

static const char *const feature_names[] = {
    "VIRGL", "EDID", "RESOURCE_UUID", "RESOURCE_BLOB", "CONTEXT_INIT", "BLOB_ALIGNMENT", NULL};

/* Linux gives a command an entry for each piece of its data, or one for all by INDIRECT_DESC. */
static const struct diagnosis_queue queues[] = {
    {"control", 128,
     "the guest's programs wait for room in it, and where the driver may not use INDIRECT_DESC one "
     "long command can wait for ever"},
    {"cursor", 16, "the guest's pointer lags"},
    {NULL},
};

static const struct diagnosis_kind kind = {feature_names, queues};

int main(int argc, char **argv)
{
    const struct program program = {
        .options =
            {
                .name = "hostblob-gpu",
                .summary =
                    "a virtio-gpu device for virtual machines, over vhost-user, with host blobs.",
                .window = UINT64_C(256) << 20,
                .rows = rows,
                .quotas = gpu_quota_rows,
                .owner = "context",
                .target = &gpu_options,
            },
        .type = "gpu",
        .kind = &kind,
        .capabilities = choose_capabilities(),
        .create = create,
        .drm_node = &gpu_options.render_node,
        .sandbox = sandbox,
        .prepare = prepare,
        .check = check,
        .probe = probe,
    };

    return program_main(&program, argc, argv);
}

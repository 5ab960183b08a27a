/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/program.h"
#include "gpu/choose.h"
#include "gpu/gpu_device.h"

static struct gpu_options gpu_options;

static const char *take_renderer(void *target, const char *argument)
{
    ((struct gpu_options *)target)->renderer = argument;
    return choose_parse(argument) >= 0
               ? NULL
               : "it must be 'auto', 'memory', 'virgl', 'venus' or 'virgl,venus'";
}

static const char *take_render_node(void *target, const char *argument)
{
    ((struct gpu_options *)target)->render_node = argument;
    return *argument == '/' ? NULL : "it must be a path such as /dev/dri/renderD128";
}

static const char *take_outputs(void *target, const char *argument)
{
    char *end;
    unsigned long n = strtoul(argument, &end, 10);

    if (*argument < '0' || *argument > '9' || *end != '\0' || n > 16)
        return "it must be a number from 0 to 16";
    ((struct gpu_options *)target)->outputs = (unsigned)n;
    return NULL;
}

static const struct options_row rows[] = {
    {"renderer", "NAME",
     "memory: host memory for blobs, with no GPU at all (the default). virgl: OpenGL.\n"
     "venus: Vulkan. virgl,venus: both. auto: what of them works here.",
     take_renderer},
    {"render-node", "PATH",
     "The device for virgl, such as /dev/dri/renderD128. Without it OpenGL draws\n"
     "with whatever it finds, which may be the processor.",
     take_render_node},
    {"outputs", "N",
     "Displays that the guest sees, 0 to 16. The default is 0: a Linux guest then\n"
     "uses its render node only.",
     take_outputs},
    {NULL},
};

static struct device *create(struct device_host *host, const void *options)
{
    return gpu_device_create(host, options);
}

static int prepare(const void *options, char *const *argv, char word[PROGRAM_WORD])
{
    char words[CHOOSE_WORDS];
    int result = choose_renderers(options, argv, words);

    if (result == 0)
        snprintf(word, PROGRAM_WORD, "--renderer=%s", words);
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

/* QEMU's schema knows the words 'render-node' and 'virgl', and this program can do neither so far.
 */
static const char *const capabilities[] = {NULL};

int main(int argc, char **argv)
{
    static const struct program program = {
        .options =
            {
                .name = "hostblob-gpu",
                .summary =
                    "a virtio-gpu device for virtual machines, over vhost-user, with host blobs.",
                .window = UINT64_C(256) << 20,
                .rows = rows,
                .target = &gpu_options,
            },
        .type = "gpu",
        .capabilities = capabilities,
        .create = create,
        .drm_node = &gpu_options.render_node,
        .prepare = prepare,
        .check = check,
        .probe = probe,
    };

    return program_main(&program, argc, argv);
}

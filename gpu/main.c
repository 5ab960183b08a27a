/* SPDX-License-Identifier: MIT */
#include <stdio.h>
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
     take_output},
    {"display", "WHERE",
     "Who looks at what the outputs show: none (the default: one picture on demand at\n"
     "the control socket) or file:FOLDER, which is given a PNG for each change.",
     take_display},
    {NULL},
};

static struct device *create(struct device_host *host, const void *options)
{
    return gpu_device_create(host, options);
}

/* What a library renders into is memory of its own. */
static int prepare(const void *options, char *const *argv, char word[PROGRAM_WORD], bool *foreign)
{
    char words[CHOOSE_WORDS];
    int result = choose_renderers(options, argv, words);

    if (result == 0)
        snprintf(word, PROGRAM_WORD, "--renderer=%s", words);
    *foreign = result == 0 && choose_parse(words) > 0;
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
                .target = &gpu_options,
            },
        .type = "gpu",
        .capabilities = choose_capabilities(),
        .create = create,
        .drm_node = &gpu_options.render_node,
        .prepare = prepare,
        .check = check,
        .probe = probe,
    };

    return program_main(&program, argc, argv);
}

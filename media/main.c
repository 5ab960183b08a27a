/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "daemon/program.h"
#include "media/media_device.h"
#include "media/media_kind.h"

static struct media_options media_options;

static const char *take_kind(void *target, const char *argument)
{
    static char why[160];
    int n;

    ((struct media_options *)target)->kind = argument;
    if (media_kind_find(argument) != NULL)
        return NULL;
    n = snprintf(why, sizeof(why), "it must be one of:");
    for (unsigned i = 0; media_kind_at(i) != NULL && (size_t)n < sizeof(why); i++)
        n += snprintf(why + n, sizeof(why) - (size_t)n, " %s", media_kind_at(i)->name);
    return why;
}

static const char *take_card(void *target, const char *argument)
{
    ((struct media_options *)target)->card = argument;
    return *argument != '\0' && strlen(argument) < 32 ? NULL : "it must have 1 to 31 bytes";
}

static bool planes_given;

static const char *take_planes(void *target, const char *argument)
{
    planes_given = true;
    ((struct media_options *)target)->multiplanar = strcmp(argument, "multi") == 0;
    return strcmp(argument, "multi") == 0 || strcmp(argument, "single") == 0
               ? NULL
               : "it must be 'single' or 'multi'";
}

static const struct options_row rows[] = {
    {"kind", "KIND",
     "What the device is: pattern, a camera that shows a test pattern (the default);\n"
     "decoder, which decodes video on the processor; encoder, which encodes it there.",
     take_kind},
    {"card", "NAME", "The name that the guest's programs show.", take_card},
    {"planes", "HOW",
     "single: the guest's node has V4L2's single-planar API (the default of cameras). multi:\n"
     "the multi-planar one, with formats of several planes too (the default of codecs).",
     take_planes},
    {NULL},
};

static const struct media_kind_impl *chosen_kind(const struct media_options *options)
{
    return media_kind_find(options->kind != NULL ? options->kind : MEDIA_DEFAULT_KIND);
}

static struct device *create(struct device_host *host, const void *options)
{
    if (!planes_given)
        media_options.multiplanar = chosen_kind(options)->multiplanar;
    return media_device_create(host, options);
}

static int prepare(const void *options, char *const *argv, char word[PROGRAM_WORD], bool *foreign)
{
    *foreign = chosen_kind(options)->maps_foreign;
    return 0;
}

/* Each kind of device that this program has works without anything of the machine's. */
static void check(const void *options, char *const *argv, struct json_object *root)
{
    struct json_object *kinds = json_object_new_object();

    for (unsigned i = 0; media_kind_at(i) != NULL; i++) {
        struct json_object *kind = json_object_new_object();
        json_object_object_add(kind, "in", json_object_new_boolean(true));
        json_object_object_add(kinds, media_kind_at(i)->name, kind);
    }
    json_object_object_add(root, "kinds", kinds);
}

/* QEMU's schema names none for this type. */
static const char *const capabilities[] = {NULL};

int main(int argc, char **argv)
{
    static const struct program program = {
        .options =
            {
                .name = "hostblob-media",
                .summary = "a virtio-media device (V4L2) for virtual machines, over vhost-user.",
                .window = UINT64_C(1) << 30,
                .rows = rows,
                .target = &media_options,
            },
        .type = "media",
        .capabilities = capabilities,
        .create = create,
        .prepare = prepare,
        .check = check,
    };

    return program_main(&program, argc, argv);
}

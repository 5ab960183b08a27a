/* SPDX-License-Identifier: MIT */
#include "gpu/choose.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "gpu/gpu_device.h"
#ifdef HAVE_VIRGLRENDERER
#include "gpu/probe_venus.h"
#include "gpu/probe_virgl.h"
#endif
#ifdef HAVE_VULKAN
#include "gpu/probe_vulkan.h"
#endif

#define LIMIT_MS 20000u

/* What can be tried. One that needs several renderers is tried when all of them are asked for. */
struct row {
    const char *name;
    unsigned needs;
    probe_fn *probe;    /* NULL: not in this build */
    const char *remedy; /* what a person may do when it does not work */
};

static const struct row rows[] = {
#ifdef HAVE_VIRGLRENDERER
    {"virgl", CHOOSE_VIRGL, probe_virgl,
     "Debian has it in libvirglrenderer1, libegl1, libgl1 and libgl1-mesa-dri"},
    {"venus", CHOOSE_VENUS, probe_venus,
     "Debian 13 has it in libvirglrenderer1, virgl-server and mesa-vulkan-drivers"},
    {"virgl,venus", CHOOSE_VIRGL | CHOOSE_VENUS, probe_virgl_and_venus, "Choose one of the two"},
#else
    {"virgl", CHOOSE_VIRGL, NULL, "Build it with libvirglrenderer-dev"},
    {"venus", CHOOSE_VENUS, NULL, "Build it with libvirglrenderer-dev"},
#endif
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))
_Static_assert(ROWS <= PROBES_MAX, "they run all at a time");

probe_fn *choose_probe(const char *name)
{
    for (size_t i = 0; i < ROWS; i++)
        if (strcmp(rows[i].name, name) == 0)
            return rows[i].probe;
#ifdef HAVE_VULKAN
    if (strcmp(name, "vulkan") == 0) /* a part of "venus" by itself: gpu/opaque_layout.h */
        return probe_vulkan;
#endif
    return NULL;
}

const char *const *choose_capabilities(void)
{
    static const char *const words[] = {
#ifdef HAVE_VIRGLRENDERER
        "render-node",
        "virgl",
#endif
        NULL,
    };

    return words;
}

/* ---- words ---- */

static const struct {
    const char *words;
    unsigned renderers;
} choices[] = {
    {"memory", 0},
    {"auto", CHOOSE_AUTO},
    {"virgl", CHOOSE_VIRGL},
    {"venus", CHOOSE_VENUS},
    {"virgl,venus", CHOOSE_VIRGL | CHOOSE_VENUS},
    {"venus,virgl", CHOOSE_VIRGL | CHOOSE_VENUS},
};
#define CHOICES (sizeof(choices) / sizeof(choices[0]))

int choose_parse(const char *words)
{
    if (words == NULL)
        return 0;
    for (size_t i = 0; i < CHOICES; i++)
        if (strcmp(words, choices[i].words) == 0)
            return (int)choices[i].renderers;
    return -EINVAL;
}

static const char *words_of(unsigned renderers)
{
    for (size_t i = 0; i < CHOICES; i++)
        if (choices[i].renderers == renderers)
            return choices[i].words;
    return "memory";
}

/* ---- trying ---- */

/* What came of the rows. */
struct trial {
    struct probe probes[ROWS];
    bool tried[ROWS];
};

/* Starts what needs no other renderer than these. */
static void try_rows(struct trial *t, unsigned renderers, char *const *argv)
{
    *t = (struct trial){0};
    for (size_t i = 0; i < ROWS; i++) {
        t->tried[i] = (rows[i].needs & ~renderers) == 0;
        t->probes[i] = (struct probe){.pid_fd = -1, .out = -1, .err = -1};
        if (!t->tried[i])
            continue;
        if (rows[i].probe != NULL) {
            probe_start(&t->probes[i], rows[i].name, argv);
            continue;
        }
        t->probes[i].name = rows[i].name;
        t->probes[i].report = json_object_new_object();
        snprintf(t->probes[i].why, PROBE_WHY, "this program was built without it");
    }
    probe_wait(t->probes, ROWS, LIMIT_MS);
}

/* A row of several renderers says nothing when one of them does not even work alone. */
static bool means_something(const struct trial *t, size_t row)
{
    for (size_t i = 0; i < row; i++)
        if ((rows[i].needs & ~rows[row].needs) == 0 && !t->probes[i].ok)
            return false;
    return t->tried[row];
}

/* Each that works; where two do not work together, the one that is named first. */
static unsigned works(const struct trial *t)
{
    unsigned result = 0;

    for (size_t i = 0; i < ROWS; i++) {
        unsigned others = rows[i].needs & (rows[i].needs - 1);

        if (!means_something(t, i))
            continue;
        if (t->probes[i].ok)
            result |= rows[i].needs;
        else
            result &= ~others;
    }
    return result;
}

static void finish(struct trial *t)
{
    for (size_t i = 0; i < ROWS; i++)
        probe_finish(&t->probes[i]);
}

/* ---- choosing ---- */

static const char *text_of(const struct probe *probe, const char *key)
{
    struct json_object *value;

    if (!json_object_object_get_ex(probe->report, key, &value))
        return "?";
    return json_object_get_string(value);
}

/* All Vulkan devices, and what their memory is when it is shared; a list to be read by people. */
static const char *list_devices(const struct probe *probe, char *text, size_t size)
{
    struct json_object *devices, *name, *memory;
    size_t length = 0;

    text[0] = '\0';
    if (!json_object_object_get_ex(probe->report, "devices", &devices))
        return "?";
    for (size_t i = 0; i < json_object_array_length(devices) && length < size; i++) {
        struct json_object *device = json_object_array_get_idx(devices, i);

        if (!json_object_object_get_ex(device, "dma_buf_is", &memory))
            memory = NULL;
        if (json_object_object_get_ex(device, "name", &name))
            length += (size_t)snprintf(text + length, size - length, "%s%s, shared memory: %s",
                                       i > 0 ? "; " : "", json_object_get_string(name),
                                       memory != NULL ? json_object_get_string(memory) : "none");
    }
    return text;
}

static void say_works(const struct probe *probe, unsigned renderers)
{
    char devices[512];

    if (renderers == CHOOSE_VENUS) {
        log_info("Renderer %s works: Vulkan on %s; virglrenderer %s.", probe->name,
                 list_devices(probe, devices, sizeof(devices)), text_of(probe, "virglrenderer"));
        return;
    }
    log_info("Renderer %s works: OpenGL %s, %s; virglrenderer %s.", probe->name,
             text_of(probe, "gl"), text_of(probe, "device"), text_of(probe, "virglrenderer"));
}

static int say(const struct trial *t, bool automatic)
{
    int result = 0;

    for (size_t i = 0; i < ROWS; i++) {
        const struct probe *probe = &t->probes[i];

        if (!means_something(t, i))
            continue;
        if (probe->ok) {
            say_works(probe, rows[i].needs);
        } else if (automatic) {
            log_info("Renderer %s is left out: %s.", rows[i].name, probe->why);
        } else {
            log_error("Renderer %s does not work here: %s. %s; or choose --renderer=auto or "
                      "--renderer=memory.",
                      rows[i].name, probe->why, rows[i].remedy);
            result = -ENOTSUP;
        }
    }
    return result;
}

int choose_renderers(const struct gpu_options *options, char *const *argv, char words[CHOOSE_WORDS])
{
    int wanted = choose_parse(options->renderer);
    bool automatic = wanted >= 0 && (wanted & CHOOSE_AUTO) != 0;
    struct trial trial;
    int result;

    if (wanted <= 0) {
        snprintf(words, CHOOSE_WORDS, "%s", words_of(0));
        return wanted;
    }
    try_rows(&trial, automatic ? CHOOSE_VIRGL | CHOOSE_VENUS : (unsigned)wanted, argv);
    result = say(&trial, automatic);
    snprintf(words, CHOOSE_WORDS, "%s", words_of(works(&trial)));
    finish(&trial);
    return result;
}

/* ---- checking ---- */

static struct json_object *describe(const struct probe *probe)
{
    struct json_object *item = json_object_get(probe->report);

    json_object_object_add(item, "in", json_object_new_boolean(probe->ok));
    if (!probe->ok)
        json_object_object_add(item, "why", json_object_new_string(probe->why));
    return item;
}

void choose_check(const struct gpu_options *options, char *const *argv, struct json_object *root)
{
    struct json_object *renderers = json_object_new_object();
    struct json_object *memory = json_object_new_object();
    struct trial trial;

    try_rows(&trial, CHOOSE_VIRGL | CHOOSE_VENUS, argv);
    json_object_object_add(root, "auto", json_object_new_string(words_of(works(&trial))));
    json_object_object_add(root, "renderers", renderers);
    json_object_object_add(memory, "with", json_object_new_string("capset cross-domain"));
    json_object_object_add(memory, "in", json_object_new_boolean(true));
    json_object_object_add(renderers, "memory", memory);
    for (size_t i = 0; i < ROWS; i++)
        if (means_something(&trial, i))
            json_object_object_add(renderers, rows[i].name, describe(&trial.probes[i]));
    finish(&trial);
}

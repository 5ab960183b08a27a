/* SPDX-License-Identifier: MIT */
#include "hostblob/device_check.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/units.h"
#include "hostblob/device_program.h"
#include "hostblob/front_ends.h"
#include "hostblob/json_path.h"

#define SENTENCE 1024u

/* A device, while it is looked at. */
struct looking {
    const struct device_spec *spec;
    struct json_object *report;                     /* of its program, owned */
    struct json_object *device, *offers, *problems; /* borrowed, but for the first */
    bool starts;
};

static void add_text(struct json_object *to, const char *key, const char *text)
{
    if (text != NULL)
        json_object_object_add(to, key, json_object_new_string(text));
}

static void add_problem(struct looking *l, const char *text)
{
    json_object_array_add(l->problems, json_object_new_string(text));
}

/* Something that keeps it from starting. */
static void add_obstacle(struct looking *l, const char *text)
{
    add_problem(l, text);
    l->starts = false;
}

/* ---- what it offers ---- */

/* "/renderers/virgl": whether it is in, and what is said of it. NULL: nothing is known of it. */
static struct json_object *item_of(struct looking *l, const char *section, const char *name)
{
    char path[128];

    snprintf(path, sizeof(path), "/%s/%s", section, name);
    return json_path_get(l->report, path, json_type_object);
}

static bool is_in(struct json_object *item)
{
    return json_object_get_boolean(json_path_get(item, "/in", json_type_boolean));
}

/* What the device was told to be, in that section: it has to work. */
static void demand(struct looking *l, const char *section, const char *option, const char *name)
{
    struct json_object *item = item_of(l, section, name);
    char sentence[SENTENCE];

    if (item == NULL)
        return;
    json_object_object_add(l->offers, name, json_object_get(item));
    if (is_in(item))
        return;
    snprintf(sentence, sizeof(sentence), "%s=%s does not work here: %s", option, name,
             json_path_text(item, "/why"));
    if (strcmp(name, "pipewire") == 0) /* it waits for its daemon */
        add_problem(l, sentence);
    else
        add_obstacle(l, sentence);
}

/* Whatever of a section works; the rest with its reason. */
static void offer_all(struct looking *l, const char *section)
{
    char path[64];
    struct json_object *all;

    snprintf(path, sizeof(path), "/%s", section);
    all = json_path_get(l->report, path, json_type_object);
    if (all == NULL)
        return;
    json_object_object_foreach(all, name, item)
    {
        json_object_object_add(l->offers, name, json_object_get(item));
    }
}

static void look_at_gpu(struct looking *l)
{
    const char *renderer = device_spec_value(l->spec, "renderer");

    if (renderer == NULL || strcmp(renderer, "memory") == 0)
        demand(l, "renderers", "renderer", "memory");
    else if (strcmp(renderer, "auto") == 0)
        offer_all(l, "renderers");
    else if (strcmp(renderer, "venus,virgl") == 0)
        demand(l, "renderers", "renderer", "virgl,venus");
    else
        demand(l, "renderers", "renderer", renderer);
}

static void look_at_media(struct looking *l)
{
    const char *kind = device_spec_value(l->spec, "kind");

    demand(l, "kinds", "kind", kind != NULL ? kind : "pattern");
}

static void look_at_exporter(struct looking *l)
{
    const char *exporter = device_spec_value(l->spec, "exporter");
    const char *mapping = device_spec_value(l->spec, "mapping");

    if (exporter != NULL && strcmp(exporter, "auto") != 0)
        demand(l, "exporters", "exporter", exporter);
    else if (exporter != NULL || (mapping != NULL && strcmp(mapping, "single") == 0))
        offer_all(l, "exporters");
}

/* ---- where it is ---- */

static void look_at_socket(struct looking *l, const char *socket)
{
    const char *slash = strrchr(socket, '/');
    char folder[SENTENCE], sentence[SENTENCE + 128];

    if (slash == NULL || slash == socket)
        return;
    snprintf(folder, sizeof(folder), "%.*s", (int)(slash - socket), socket);
    if (access(folder, F_OK) == 0)
        return;
    snprintf(sentence, sizeof(sentence), "its socket cannot be in %s: %s. Make the folder", folder,
             strerror(errno));
    add_obstacle(l, sentence);
}

static void add_front_ends(struct looking *l, const char *name, const char *socket)
{
    struct json_object *all = json_object_new_object();
    const struct front_end *f = NULL;
    char options[FRONT_ENDS_OPTIONS];

    while ((f = front_ends_next(l->spec->kind, f)) != NULL) {
        struct json_object *one = json_object_new_object();

        front_ends_options(f, name, socket, options);
        add_text(one, "title", f->title);
        if (*options != '\0')
            add_text(one, "options", options);
        add_text(one, "note", f->note);
        json_object_object_add(all, f->name, one);
    }
    json_object_object_add(l->device, "front_ends", all);
}

/* ---- all of it ---- */

static void begin(struct looking *l, const struct device_spec *spec, const char *socket)
{
    *l = (struct looking){
        .spec = spec,
        .device = json_object_new_object(),
        .offers = json_object_new_object(),
        .problems = json_object_new_array(),
        .starts = true,
    };
    add_text(l->device, "name", spec->name);
    add_text(l->device, "kind", spec->kind);
    add_text(l->device, "place", spec->place);
    add_text(l->device, "socket", socket);
    json_object_object_add(l->device, "problems", l->problems);
    json_object_object_add(l->device, "offers", l->offers);
}

struct json_object *device_check(const struct device_spec *spec)
{
    const char *socket = device_spec_value(spec, "socket-path");
    struct looking l;
    char sentence[SENTENCE];
    int r;

    socket = socket != NULL ? socket : "";
    begin(&l, spec, socket);
    r = device_program_try(spec->argv, &l.report);
    if (r < 0) {
        snprintf(sentence, sizeof(sentence), "%s cannot try it: %s", spec->argv[0], strerror(-r));
        add_obstacle(&l, sentence);
    } else {
        json_object_object_add(
            l.device, "window",
            json_object_new_int64((int64_t)json_path_number(l.report, "/window")));
        if (strcmp(spec->kind, "gpu") == 0)
            look_at_gpu(&l);
        else
            look_at_media(&l);
        look_at_exporter(&l);
    }
    look_at_socket(&l, socket);
    json_object_object_add(l.device, "starts", json_object_new_boolean(l.starts));
    add_front_ends(&l, spec->name != NULL ? spec->name : spec->kind, socket);
    json_object_put(l.report);
    return l.device;
}

/* SPDX-License-Identifier: MIT */
#include "hostblob/check_view.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "hostblob/json_path.h"

/* Whether it is a list of things that are in or out. */
static bool is_section(struct json_object *o)
{
    bool found = false;

    if (!json_object_is_type(o, json_type_object))
        return false;
    json_object_object_foreach(o, name, item)
    {
        if (name == NULL || json_path_get(item, "/in", json_type_boolean) == NULL)
            return false;
        found = true;
    }
    return found;
}

/* The capsets of a renderer, by name (virtio 1.3, 5.7.6.8). */
static size_t describe_capsets(struct json_object *list, const char *before, char *text,
                               size_t size)
{
    static const char *const names[] = {"?",     "virgl",        "virgl2", "gfxstream-vulkan",
                                        "venus", "cross-domain", "drm"};
    size_t used = (size_t)snprintf(text, size, "%scapsets", before);

    for (size_t i = 0; i < json_object_array_length(list) && used < size; i++) {
        uint64_t id = json_path_number(json_object_array_get_idx(list, i), "/id");

        used += (size_t)snprintf(text + used, size - used, " %s",
                                 names[id < sizeof(names) / sizeof(names[0]) ? id : 0]);
    }
    return used;
}

/* Why it is out, or what else was found. */
static void describe_item(struct json_object *item, char *text, size_t size)
{
    const char *why = json_path_text(item, "/why");
    size_t used = (size_t)snprintf(text, size, "%s", why);

    if (*why != '\0')
        return;
    json_object_object_foreach(item, key, value)
    {
        const char *comma = used > 0 ? ", " : "";

        if (used >= size)
            return;
        if (strcmp(key, "capsets") == 0 && json_object_is_type(value, json_type_array))
            used += describe_capsets(value, comma, text + used, size - used);
        else if (json_object_is_type(value, json_type_string) ||
                 json_object_is_type(value, json_type_int))
            used += (size_t)snprintf(text + used, size - used, "%s%s %s", comma, key,
                                     json_object_get_string(value));
    }
}

static void show_items(struct json_object *section)
{
    json_object_object_foreach(section, key, item)
    {
        char text[1024];

        describe_item(item, text, sizeof(text));
        json_path_clean(text);
        printf(text[0] != '\0' ? "    %-3s  %-12s %s\n" : "    %-3s  %s\n",
               json_object_get_boolean(json_path_get(item, "/in", json_type_boolean)) ? "in"
                                                                                      : "out",
               key, text);
    }
}

void check_view_program(const char *name, struct json_object *check)
{
    printf("%s\n", name);
    json_object_object_foreach(check, key, value)
    {
        if (is_section(value)) {
            printf("  %s\n", key);
            show_items(value);
        } else if (json_object_is_type(value, json_type_string) && strcmp(key, "program") != 0 &&
                   strcmp(key, "version") != 0) {
            printf("  %s: %s\n", key, json_object_get_string(value));
        }
    }
}

/* ---- a device ---- */

/* A sentence of the device or of its file. */
static void show_text(const char *before, const char *text, const char *behind)
{
    char clean[1200];

    snprintf(clean, sizeof(clean), "%s", text);
    json_path_clean(clean);
    printf("%s%s%s", before, clean, behind);
}

static void show_front_ends(struct json_object *all)
{
    json_object_object_foreach(all, name, item)
    {
        const char *options = json_path_text(item, "/options");
        const char *note = json_path_text(item, "/note");

        if (name == NULL)
            continue;
        printf("  %s", json_path_text(item, "/title"));
        if (*note != '\0')
            printf(*options != '\0' ? " (%s)" : ": %s", note);
        putchar('\n');
        if (*options != '\0')
            show_text("    ", options, "\n");
    }
}

void check_view_device(struct json_object *device)
{
    struct json_object *problems = json_path_get(device, "/problems", json_type_array);
    bool starts = json_object_get_boolean(json_path_get(device, "/starts", json_type_boolean));
    char window[24];

    units_format_size(json_path_number(device, "/window"), window);
    printf("%s %s: %s\n", json_path_text(device, "/kind"), json_path_text(device, "/name"),
           starts ? "starts" : "does not start");
    for (size_t i = 0; i < json_object_array_length(problems); i++)
        show_text("  problem: ", json_object_get_string(json_object_array_get_idx(problems, i)),
                  ".\n");
    show_text("  socket ", json_path_text(device, "/socket"), "");
    printf(", window %s\n", window);
    show_items(json_path_get(device, "/offers", json_type_object));
    show_front_ends(json_path_get(device, "/front_ends", json_type_object));
    putchar('\n');
}

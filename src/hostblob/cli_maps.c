/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <json-c/json.h>

#include "base/units.h"
#include "hostblob/cli.h"
#include "hostblob/devices.h"
#include "hostblob/json_path.h"
#include "hostblob/table.h"

static int compare_offsets(const void *a, const void *b)
{
    uint64_t left = json_path_number(*(struct json_object *const *)a, "/offset");
    uint64_t right = json_path_number(*(struct json_object *const *)b, "/offset");

    return left < right ? -1 : left > right;
}

/* What the door's book has at that offset; "mapped" where it has the arena as a whole. */
static const char *state_at(struct json_object *report, uint64_t offset)
{
    struct json_object *ledger = json_path_get(report, "/ledger", json_type_array);

    for (size_t i = 0; ledger != NULL && i < json_object_array_length(ledger); i++) {
        struct json_object *m = json_object_array_get_idx(ledger, i);

        if (json_path_number(m, "/shm_offset") == offset && *json_path_text(m, "/name") == '\0')
            return json_path_text(m, "/state");
    }
    return "mapped";
}

/* The buffers in the guest's window, by offset: an array that the caller owns. */
static struct json_object *maps_of(struct json_object *report)
{
    struct json_object *loans = json_path_get(report, "/device/loans", json_type_array);
    struct json_object *maps = json_object_new_array();

    for (size_t i = 0; loans != NULL && i < json_object_array_length(loans); i++) {
        struct json_object *loan = json_object_array_get_idx(loans, i);
        uint64_t offset = json_path_number(loan, "/offset");
        struct json_object *o = json_object_new_object();

        json_object_object_add(o, "id", json_object_new_uint64(json_path_number(loan, "/id")));
        json_object_object_add(o, "offset", json_object_new_uint64(offset));
        json_object_object_add(o, "size", json_object_new_uint64(json_path_number(loan, "/size")));
        json_object_object_add(o, "kind", json_object_new_string(json_path_text(loan, "/kind")));
        json_object_object_add(o, "state", json_object_new_string(state_at(report, offset)));
        json_object_array_add(maps, o);
    }
    json_object_array_sort(maps, compare_offsets);
    return maps;
}

static uint64_t bytes_of(struct json_object *maps)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < json_object_array_length(maps); i++)
        bytes += json_path_number(json_object_array_get_idx(maps, i), "/size");
    return bytes;
}

static void maps_json(struct json_object *device, struct json_object *report)
{
    struct json_object *maps = maps_of(report);

    json_object_object_add(device, "window",
                           json_object_new_uint64(json_path_number(report, "/region/size")));
    json_object_object_add(device, "mapped_bytes", json_object_new_uint64(bytes_of(maps)));
    json_object_object_add(device, "maps", maps);
    json_object_object_add(device, "negotiated",
                           json_object_get(json_path_get(report, "/negotiated", json_type_object)));
}

static void maps_rows(struct json_object *maps)
{
    static const char *const head[] = {"ID", "OFFSET", "SIZE", "KIND", "STATE"};
    struct table t;

    table_init(&t, sizeof(head) / sizeof(head[0]));
    table_add(&t, head);
    for (size_t i = 0; i < json_object_array_length(maps); i++) {
        struct json_object *m = json_object_array_get_idx(maps, i);
        char id[24], offset[24], size[24];
        const char *cells[] = {id, offset, size, json_path_text(m, "/kind"),
                               json_path_text(m, "/state")};

        snprintf(id, sizeof(id), "%llu", (unsigned long long)json_path_number(m, "/id"));
        snprintf(offset, sizeof(offset), "0x%llx",
                 (unsigned long long)json_path_number(m, "/offset"));
        units_format_size(json_path_number(m, "/size"), size);
        table_add(&t, cells);
    }
    table_print(&t, 2);
    table_finish(&t);
}

static void maps_people(const struct devices *d)
{
    for (unsigned i = 0; i < d->count; i++) {
        struct json_object *maps = maps_of(d->all[i].report);
        size_t count = json_object_array_length(maps);
        char bytes[24], window[24];

        units_format_size(bytes_of(maps), bytes);
        units_format_size(json_path_number(d->all[i].report, "/region/size"), window);
        printf("%s: %zu buffer%s, %s of a window of %s\n", d->all[i].name, count,
               count == 1 ? "" : "s", bytes, window);
        if (count > 0)
            maps_rows(maps);
        json_object_put(maps);
    }
}

static const struct devices_view view = {maps_json, maps_people};

static int maps(const struct cli_command *command, int argc, char **argv)
{
    return devices_show(command, argc, argv, &view);
}

const struct cli_command cli_maps = {
    .name = "maps",
    .arguments = "[--json] [DEVICE ...]",
    .summary = "Show which buffers lie in a guest's memory window.",
    .help = "Each buffer with its id (of the GPU resource, or the media buffer), where in the\n"
            "window it lies, its size, what kind of memory it is, and how far its mapping is.\n"
            "A size without a unit is in bytes.\n"
            "\n"
            "  --json\n"
            "        The same as one array.\n"
            "\n"
            "Examples:\n"
            "  hostblob maps\n"
            "  hostblob maps gpu\n"
            "  hostblob maps --json /run/vm/gpu.control\n",
    .run = maps,
};

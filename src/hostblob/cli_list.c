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

static void list_json(struct json_object *device, struct json_object *report)
{
    json_object_object_add(device, "report", json_object_get(report));
}

static void list_row(struct table *t, const char *name, struct json_object *report)
{
    char window[24], windows[64], mapped[32], resources[32], worker[64];
    const char *cells[] = {name,
                           json_path_text(report, "/program"),
                           json_path_text(report, "/front_end"),
                           resources,
                           mapped,
                           windows,
                           worker};

    units_format_size(json_path_number(report, "/region/size"), window);
    snprintf(windows, sizeof(windows), "%s %s", window, json_path_text(report, "/mapping_mode"));
    snprintf(resources, sizeof(resources), "%llu",
             (unsigned long long)json_path_number(report, "/device/resources"));
    snprintf(mapped, sizeof(mapped), "%llu",
             (unsigned long long)json_path_number(report, "/device/mapped"));
    snprintf(worker, sizeof(worker), "pid %llu, start %llu",
             (unsigned long long)json_path_number(report, "/worker/pid"),
             (unsigned long long)json_path_number(report, "/worker/starts"));
    table_add(t, cells);
}

/* What its front-end did not take that the guest will miss. */
static void list_traps(const char *name, struct json_object *report)
{
    struct json_object *traps = json_path_get(report, "/negotiated/traps", json_type_array);

    for (size_t i = 0; traps != NULL && i < json_object_array_length(traps); i++) {
        struct json_object *trap = json_object_array_get_idx(traps, i);
        char text[1024];

        if (json_object_get_boolean(json_path_get(trap, "/harmless", json_type_boolean)))
            continue;
        snprintf(text, sizeof(text), "%s", json_path_text(trap, "/text"));
        json_path_clean(text);
        printf("%s: %s\n", name, text);
    }
}

static void list_people(const struct devices *d)
{
    static const char *const head[] = {"NAME",   "PROGRAM", "FRONT-END", "RESOURCES",
                                       "MAPPED", "WINDOW",  "WORKER"};
    struct table t;

    table_init(&t, sizeof(head) / sizeof(head[0]));
    table_add(&t, head);
    for (unsigned i = 0; i < d->count; i++)
        list_row(&t, d->all[i].name, d->all[i].report);
    table_print(&t, 0);
    table_finish(&t);
    for (unsigned i = 0; i < d->count; i++)
        list_traps(d->all[i].name, d->all[i].report);
}

static const struct devices_view view = {list_json, list_people};

static int list(const struct cli_command *command, int argc, char **argv)
{
    return devices_show(command, argc, argv, &view);
}

const struct cli_command cli_list = {
    .name = "list",
    .arguments = "[--json] [DEVICE ...]",
    .summary = "Show the devices that run, or those that are named.",
    .help = "Without a name, these are the devices whose control sockets lie in the run directory\n"
            "($HOSTBLOB_RUN_DIR, $XDG_RUNTIME_DIR/hostblob, or /run/hostblob for root), where\n"
            "'hostblob run' puts them. Any other device is named by the path of its socket.\n"
            "Below the table is what a front-end did that its guest will suffer from.\n"
            "\n"
            "  --json\n"
            "        Everything that each device tells about itself, as one array.\n"
            "\n"
            "Examples:\n"
            "  hostblob list\n"
            "  hostblob list --json /run/vm/gpu.control\n",
    .run = list,
};

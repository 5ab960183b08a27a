/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "base/quota.h"
#include "hostblob/cli.h"
#include "hostblob/devices.h"
#include "hostblob/json_path.h"
#include "hostblob/table.h"

static struct json_object *limits_of(struct json_object *report)
{
    return json_path_get(report, "/limits", json_type_object);
}

static void limits_json(struct json_object *device, struct json_object *report)
{
    json_object_object_add(device, "limits", json_object_get(limits_of(report)));
}

static void limits_rows(struct json_object *limits)
{
    static const char *const head[] = {"LIMIT", "USED", "PEAK", "MAY BE", "REFUSED", "THEN"};
    struct table t;

    table_init(&t, sizeof(head) / sizeof(head[0]));
    table_add(&t, head);
    json_object_object_foreach(limits, name, l)
    {
        char used[24], peak[24], limit[24], refused[24];
        const char *cells[] = {name, used, peak, limit, refused, json_path_text(l, "/answer")};
        bool bytes = strcmp(json_path_text(l, "/unit"), "bytes") == 0;

        quota_format(bytes, json_path_number(l, "/used"), used);
        quota_format(bytes, json_path_number(l, "/peak"), peak);
        quota_format(bytes, json_path_number(l, "/limit"), limit);
        quota_format(false, json_path_number(l, "/refused"), refused);
        table_add(&t, cells);
    }
    table_print(&t, 2);
    table_finish(&t);
}

static void limits_people(const struct devices *d)
{
    for (unsigned i = 0; i < d->count; i++) {
        printf("%s:\n", d->all[i].name);
        if (limits_of(d->all[i].report) != NULL)
            limits_rows(limits_of(d->all[i].report));
    }
}

static const struct devices_view view = {limits_json, limits_people};

static int limits(const struct cli_command *command, int argc, char **argv)
{
    return devices_show(command, argc, argv, &view);
}

const struct cli_command cli_limits = {
    .name = "limits",
    .arguments = "[--json] [DEVICE ...]",
    .summary = "Show how much a guest has of what it may have.",
    .help = "Of each thing that a guest can make the device hold: how much it has now, the most\n"
            "that it had, how much it may have, how often it was refused more, and what it gets\n"
            "then. The device's option --limit=NAME=NUMBER changes what it may have; its --help\n"
            "says what each is.\n"
            "\n"
            "  --json\n"
            "        The same as one array.\n"
            "\n"
            "Examples:\n"
            "  hostblob limits gpu\n"
            "  hostblob run --device gpu,socket=/run/gpu.sock,limit=memory=4G,limit=contexts=64\n",
    .run = limits,
};

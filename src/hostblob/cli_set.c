/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "hostblob/ask.h"
#include "hostblob/cli.h"
#include "hostblob/json_path.h"

#define LINE_MAX_BYTES 500u

/* The settings that the device has now. */
static int show(const char *path, bool json)
{
    struct json_object *report, *settings;
    char why[ASK_WHY];

    if (ask_report(path, &report, why) < 0)
        return cli_failed("%s", why);
    settings = json_path_get(report, "/settings", json_type_object);
    if (settings == NULL) {
        json_object_put(report);
        return cli_failed("The device at %s knows no settings: it is of an older version", path);
    }
    if (json) {
        json_path_print(json_object_get(settings));
    } else {
        json_object_object_foreach(settings, key, value)
            printf("%s=%s\n", key, json_object_get_string(value));
    }
    json_object_put(report);
    return cli_end();
}

static int change(const char *path, const char *wish)
{
    char why[ASK_WHY], line[LINE_MAX_BYTES + 8], *text = NULL;

    snprintf(line, sizeof(line), "set %s", wish);
    if (ask_command(path, line, -1, &text, why) < 0)
        return cli_failed("%s", why);
    free(text);
    return EXIT_SUCCESS;
}

static int set(const struct cli_command *command, int argc, char **argv)
{
    char path[RUN_DIRECTORY_PATH], why[ASK_WHY];
    bool json = false;
    int status = EXIT_SUCCESS, count = cli_take(command, argc, argv, &json, 1, 17);

    if (count < 0)
        return CLI_WRONG;
    for (int i = 2; i <= count; i++)
        if (strchr(argv[i], '=') == NULL || strlen(argv[i]) > LINE_MAX_BYTES - 8)
            return cli_wrong(command, "'%.80s' is not KEY=VALUE", argv[i]);
    if (json && count > 1)
        return cli_wrong(command, "--json shows the settings: it goes with no KEY=VALUE");
    if (ask_find(argv[1], path, why) < 0)
        return cli_failed("%s", why);
    if (count == 1)
        return show(path, json);
    for (int i = 2; i <= count && status == EXIT_SUCCESS; i++)
        status = change(path, argv[i]);
    return status;
}

const struct cli_command cli_set = {
    .name = "set",
    .arguments = "[--json] DEVICE [KEY=VALUE ...]",
    .summary = "Change a setting of a device that runs.",
    .help = "  log-level=error|warning|info|debug\n"
            "        What its door and its worker write to the log.\n"
            "  poll=MICROSECONDS\n"
            "        For how long the worker looks at the rings before it sleeps; 0 is never.\n"
            "  limit=NAME=NUMBER\n"
            "        How much of something the guest may have, such as limit=memory=4G; 'hostblob\n"
            "        limits' shows the names. What it has beyond a smaller limit stays.\n"
            "\n"
            "Until the device ends: also for workers that come after this one, and over an\n"
            "upgrade. Its configuration is not changed. All other options are fixed when the\n"
            "device starts, and it says why. Without a KEY the settings are shown.\n"
            "\n"
            "  --json\n"
            "        The settings as an object.\n"
            "\n"
            "Examples:\n"
            "  hostblob set gpu log-level=debug\n"
            "  hostblob set gpu limit=memory=4G poll=50\n"
            "  hostblob set gpu\n",
    .run = set,
};

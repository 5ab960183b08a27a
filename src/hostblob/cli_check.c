/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "hostblob/check_view.h"
#include "hostblob/cli.h"
#include "hostblob/config.h"
#include "hostblob/device_check.h"
#include "hostblob/device_program.h"
#include "hostblob/json_path.h"

static const char *const kinds[] = {"gpu", "media"};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* ---- the host ---- */

/* What the program of a kind says of this machine. False, with a sentence, when it says nothing. */
static bool check_kind(const char *kind, struct json_object *all)
{
    char name[32], *argv[] = {device_program_path(kind), NULL};
    struct json_object *answer = NULL;
    const char *why = "it is not installed beside this program";
    int r = 0;

    snprintf(name, sizeof(name), "hostblob-%s", kind);
    if (argv[0] != NULL && access(argv[0], X_OK) == 0) {
        r = device_program_try(argv, &answer);
        why = r < 0 ? strerror(-r) : NULL;
    }
    free(argv[0]);
    if (why != NULL) {
        answer = json_object_new_object();
        json_object_object_add(answer, "error", json_object_new_string(why));
        cli_failed("%s cannot be checked: %s", name, why);
    }
    json_object_object_add(all, name, answer);
    return why == NULL;
}

static bool check_host(struct json_object *root)
{
    struct json_object *all = json_object_new_object();
    bool well = true;

    json_object_object_add(root, "programs", all);
    for (size_t i = 0; i < KINDS; i++)
        well = check_kind(kinds[i], all) && well;
    return well;
}

/* ---- a file ---- */

static void add_errors(struct json_object *root, const struct config *config)
{
    struct json_object *errors = json_object_new_array();

    for (unsigned i = 0; i < config->error_count; i++)
        json_object_array_add(errors, json_object_new_string(config->errors[i].text != NULL
                                                                 ? config->errors[i].text
                                                                 : "No memory."));
    json_object_object_add(root, "errors", errors);
}

static bool check_devices(struct json_object *root, const struct device_set *set)
{
    struct json_object *devices = json_object_new_array();
    bool well = true;

    json_object_object_add(root, "devices", devices);
    for (unsigned i = 0; i < set->count; i++) {
        struct json_object *device = device_check(set->all[i]);

        well = json_object_get_boolean(json_path_get(device, "/starts", json_type_boolean)) && well;
        json_object_array_add(devices, device);
    }
    return well;
}

/* Reads it as 'hostblob run' does, and tries each device if it has no mistakes. */
static bool check_file(const char *path, struct json_object *root)
{
    struct device_set set = {0};
    struct config config;
    bool well;

    config_init(&config);
    config_read(&config, path);
    config_devices(&config, &set);
    add_errors(root, &config);
    well = config.error_count == 0;
    if (well)
        well = check_devices(root, &set);
    config_finish(&config);
    device_set_finish(&set);
    return well;
}

/* ---- the command ---- */

static void show(const char *file, struct json_object *root)
{
    struct json_object *errors = json_path_get(root, "/errors", json_type_array);
    struct json_object *devices = json_path_get(root, "/devices", json_type_array);

    for (size_t i = 0; errors != NULL && i < json_object_array_length(errors); i++)
        printf("%s\n", json_object_get_string(json_object_array_get_idx(errors, i)));
    if (errors != NULL && json_object_array_length(errors) > 0)
        printf("%s has mistakes: none of its devices was tried.\n\n", file);
    for (size_t i = 0; devices != NULL && i < json_object_array_length(devices); i++)
        check_view_device(json_object_array_get_idx(devices, i));
    json_object_object_foreach(json_path_get(root, "/programs", json_type_object), name, answer)
    {
        check_view_program(name, answer);
    }
}

static int check(const struct cli_command *command, int argc, char **argv)
{
    struct json_object *root;
    bool json = false, well = true;
    int count = cli_take(command, argc, argv, &json, 0, 1);

    if (count < 0)
        return CLI_WRONG;
    root = json_object_new_object();
    json_object_object_add(root, "version", json_object_new_string(HOSTBLOB_VERSION));
    if (count == 1)
        well = check_file(argv[1], root);
    well = check_host(root) && well;
    if (json) {
        json_path_print(root);
    } else {
        show(argv[1], root);
        json_object_put(root);
    }
    return cli_end() == EXIT_SUCCESS && well ? EXIT_SUCCESS : EXIT_FAILURE;
}

const struct cli_command cli_check = {
    .name = "check",
    .arguments = "[--json] [FILE]",
    .summary = "Try what this machine can do, and a configuration; show what is in, what is out, "
               "and why.",
    .help =
        "Has hostblob-gpu and hostblob-media try their renderers and memories, each try in a\n"
        "process of its own. That takes some seconds.\n"
        "\n"
        "  FILE\n"
        "        A configuration as for 'hostblob run': its mistakes, each with its line; then,\n"
        "        of each device, whether it would start and what its guest would be offered,\n"
        "        and the options that give it to QEMU and crosvm, ready to paste. Nothing is\n"
        "        started, and no running device is touched.\n"
        "  --json\n"
        "        What they say, as one object.\n"
        "\n"
        "Ends with status 0 when the machine could be asked (also when something is out), the\n"
        "FILE has no mistake and each of its devices would start; else with 1.\n"
        "\n"
        "Example:\n"
        "  hostblob check /etc/hostblob/hostblob.conf\n",
    .run = check,
};

/* SPDX-License-Identifier: MIT */
#include "hostblob/devices.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "hostblob/ask.h"
#include "hostblob/json_path.h"

void devices_finish(struct devices *d)
{
    for (unsigned i = 0; i < d->count; i++)
        json_object_put(d->all[i].report);
}

static int add_device(struct devices *d, const char *name, const char *path, char *why)
{
    struct json_object *report;
    int r = ask_report(path, &report, why);

    if (r < 0)
        return r;
    snprintf(d->all[d->count].name, sizeof(d->all[0].name), "%s", name);
    snprintf(d->all[d->count].path, sizeof(d->all[0].path), "%s", path);
    d->all[d->count++].report = report;
    return 0;
}

/* A socket of the run directory that nobody listens at is what a killed device left. */
static int read_all(struct devices *d)
{
    static struct run_directory directory;
    char path[RUN_DIRECTORY_PATH], why[ASK_WHY];
    int status = EXIT_SUCCESS;

    if (!run_directory_read(&directory))
        return cli_failed("There is no run directory to look in (XDG_RUNTIME_DIR is not set). "
                          "Name the devices by the paths of their control sockets");
    for (unsigned i = 0; i < directory.count; i++) {
        int r = -ENAMETOOLONG;

        if (run_directory_socket(directory.path, directory.names[i], path))
            r = add_device(d, directory.names[i], path, why);
        if (r < 0 && r != -ECONNREFUSED && r != -ENAMETOOLONG)
            status = cli_failed("%s", why);
    }
    return status;
}

static int read_named(struct devices *d, int count, char **names)
{
    char path[RUN_DIRECTORY_PATH], why[ASK_WHY];
    int status = EXIT_SUCCESS;

    for (int i = 0; i < count; i++)
        if (ask_find(names[i], path, why) < 0 || add_device(d, names[i], path, why) < 0)
            status = cli_failed("%s", why);
    return status;
}

int devices_read(struct devices *d, int count, char **names)
{
    *d = (struct devices){.count = 0};
    return count == 0 ? read_all(d) : read_named(d, count, names);
}

static void print_json(const struct devices *d, const struct devices_view *view)
{
    struct json_object *array = json_object_new_array();

    for (unsigned i = 0; i < d->count; i++) {
        struct json_object *o = json_object_new_object();

        json_object_object_add(o, "name", json_object_new_string(d->all[i].name));
        json_object_object_add(o, "control_path", json_object_new_string(d->all[i].path));
        view->json(o, d->all[i].report);
        json_object_array_add(array, o);
    }
    json_path_print(array);
}

int devices_show(const struct cli_command *command, int argc, char **argv,
                 const struct devices_view *view)
{
    bool as_json = false;
    int count = cli_take(command, argc, argv, &as_json, 0, RUN_DIRECTORY_MAX);
    struct devices d;
    int status;

    if (count < 0)
        return CLI_WRONG;
    status = devices_read(&d, count, argv + 1);
    if (as_json)
        print_json(&d, view);
    else if (d.count > 0)
        view->people(&d);
    else if (status == EXIT_SUCCESS)
        puts("No device runs here.");
    devices_finish(&d);
    return cli_end() == EXIT_SUCCESS ? status : EXIT_FAILURE;
}

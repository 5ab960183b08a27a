/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "hostblob/cli.h"
#include "hostblob/config.h"
#include "hostblob/run_directory.h"
#include "hostblob/supervisor.h"

#define WATCHDOG_S 30.0 /* the door answers within milliseconds */

struct run {
    const struct cli_command *command;
    struct device_set set;
    const char *file; /* NULL: --device */
    struct supervisor_options options;
};

/* ---- from a file ---- */

static int read_file(void *data, struct device_set *set)
{
    struct run *run = data;
    struct config config;
    int r = 0;

    config_init(&config);
    config_read(&config, run->file);
    config_devices(&config, set);
    for (unsigned i = 0; i < config.error_count; i++)
        log_error("%s", config.errors[i].text != NULL ? config.errors[i].text : "No memory.");
    if (config.error_count > 0) {
        log_error("%s has mistakes: %s.", run->file,
                  run->options.data != NULL ? "everything stays as it is" : "no device is started");
        r = -EINVAL;
    } else if (set->count == 0) {
        log_warning("%s has no device yet. Add one, such as [gpu desktop], and reload it (SIGHUP).",
                    run->file);
    }
    config_finish(&config);
    return r;
}

/* ---- from --device ---- */

/* A device without a control socket gets one where 'hostblob list' looks: KIND-PID, the second of
 * its kind KIND-PID-2. That it is found is a comfort: without a run directory it runs all the same.
 */
static void name_device(struct device_spec *spec, const char *directory, unsigned n)
{
    char path[RUN_DIRECTORY_PATH];
    int r = n == 1 ? asprintf(&spec->name, "%s-%d", spec->kind, (int)getpid())
                   : asprintf(&spec->name, "%s-%d-%u", spec->kind, (int)getpid(), n);

    if (r < 0)
        spec->name = NULL;
    if (r < 0 || spec->has_control || directory == NULL)
        return;
    if (run_directory_socket(directory, spec->name, path) &&
        device_spec_add(spec, "control-path", path, NULL))
        log_info("The %s device is called %s (see 'hostblob list').", spec->kind, spec->name);
}

/* How many of that kind there are up to 'index'. */
static unsigned rank(const struct device_set *set, unsigned index)
{
    unsigned n = 1;

    for (unsigned i = 0; i < index; i++)
        n += strcmp(set->all[i]->kind, set->all[index]->kind) == 0;
    return n;
}

static int name_devices(const struct device_set *set, const char *directory)
{
    for (unsigned i = 0; i < set->count; i++) {
        name_device(set->all[i], directory, rank(set, i));
        if (set->all[i]->name == NULL)
            return cli_failed("There is no memory");
    }
    return EXIT_SUCCESS;
}

/* ---- the command ---- */

static int take_device(struct run *run, const char *text)
{
    struct device_spec *spec = device_set_add(&run->set);
    const char *reason;

    if (spec == NULL)
        return cli_wrong(run->command, "there are more than %u devices", DEVICE_SPEC_MAX);
    reason = device_spec_init(spec, text);
    return reason != NULL ? cli_wrong(run->command, "--device %s cannot be: %s", text, reason) : -1;
}

static int take_watchdog(struct run *run, const char *text)
{
    char *end;
    double seconds = strtod(text, &end);

    if (*text == '\0' || *end != '\0' || !isfinite(seconds) || seconds < 0 || seconds > 3600)
        return cli_wrong(run->command,
                         "--watchdog=%s cannot be: it must be a number of seconds, 0 (off) to 3600",
                         text);
    run->options.watchdog_us = (uint64_t)(seconds * 1e6);
    return -1;
}

static int take_cgroup(struct run *run, const char *text)
{
    run->options.cgroup = text;
    if (strcmp(text, "auto") == 0 || strcmp(text, "none") == 0 || *text == '/')
        return -1;
    return cli_wrong(run->command,
                     "--cgroup=%s cannot be: it must be 'auto', 'none' or a folder in "
                     "/sys/fs/cgroup",
                     text);
}

/* -1 for going on, or the exit status. */
static int take_option(struct run *run, int c, const char *word)
{
    switch (c) {
    case 'd':
        return take_device(run, optarg);
    case 'o':
        run->options.once = true;
        return -1;
    case 'w':
        return take_watchdog(run, optarg);
    case 'c':
        return take_cgroup(run, optarg);
    default:
        return cli_wrong(run->command, "'%s' is not understood", word);
    }
}

static int take_arguments(struct run *run, int argc, char **argv)
{
    static const struct option longs[] = {{"device", required_argument, NULL, 'd'},
                                          {"once", no_argument, NULL, 'o'},
                                          {"watchdog", required_argument, NULL, 'w'},
                                          {"cgroup", required_argument, NULL, 'c'},
                                          {0}};
    int status = -1, c;

    opterr = 0;
    while (status < 0 && (c = getopt_long(argc, argv, "", longs, NULL)) != -1)
        status = take_option(run, c, argv[optind - 1]);
    if (status >= 0)
        return status;
    if (optind < argc)
        run->file = argv[optind++];
    if (optind < argc)
        return cli_wrong(run->command, "'%s' is too much: one file includes others", argv[optind]);
    if (run->file != NULL && run->set.count > 0)
        return cli_wrong(run->command, "'%s' and --device exclude each other", run->file);
    if (run->file == NULL && run->set.count == 0)
        return cli_wrong(run->command, "there is no FILE and no --device to run");
    return -1;
}

/* Where the control sockets are, and the others of a file's devices. -1 for going on, or the exit
 * status. */
static int find_devices(struct run *run)
{
    char directory[RUN_DIRECTORY_PATH];
    bool there = run_directory_path(directory);
    int r = there ? run_directory_make(directory) : 0;

    if (r < 0)
        log_warning("%s cannot be used: %s. 'hostblob list' will not find the devices.", directory,
                    strerror(-r));
    if (run->file == NULL)
        return name_devices(&run->set, there && r == 0 ? directory : NULL) == EXIT_SUCCESS
                   ? -1
                   : EXIT_FAILURE;
    if (read_file(run, &run->set) < 0)
        return EXIT_FAILURE;
    run->options.reload = read_file;
    run->options.data = run;
    return -1;
}

static int run_devices(const struct cli_command *command, int argc, char **argv)
{
    struct run run = {
        .command = command,
        .options = {.watchdog_us = (uint64_t)(WATCHDOG_S * 1e6), .cgroup = "auto"},
    };
    int status = take_arguments(&run, argc, argv);

    if (status < 0)
        status = find_devices(&run);
    if (status < 0)
        status = supervisor_run(&run.set, &run.options);
    device_set_finish(&run.set);
    return status;
}

const struct cli_command cli_run = {
    .name = "run",
    .arguments = "[--once] [--watchdog=SECONDS] [--cgroup=WHERE] FILE | --device KIND,socket=PATH"
                 "[,KEY=VALUE ...] [--device ...]",
    .summary = "Start devices, each in processes of its own, and see that they stay there.",
    .help =
        "  FILE\n"
        "        The devices of a configuration file. A section is a device; its keys are the\n"
        "        options of hostblob-gpu or hostblob-media without their dashes:\n"
        "\n"
        "            include = conf.d/*.conf     ; before the first section; relative to FILE\n"
        "\n"
        "            [defaults]                  ; also [defaults gpu], [defaults media]\n"
        "            log-level = warning\n"
        "\n"
        "            [gpu desktop]               ; [KIND NAME]; 'hostblob list' shows the name\n"
        "            socket = /run/vm/gpu.sock   ; else NAME.sock in the run directory\n"
        "            output = 1920x1080@60       ; what repeats may come several times\n"
        "            output = 1280x720\n"
        "\n"
        "            [media camera]\n"
        "            kind = file\n"
        "            file = /srv/film.mp4\n"
        "            loop = yes                  ; an option without an argument: yes or no\n"
        "\n"
        "        After 'kill -HUP' the file is read again: devices that are new are started, "
        "those\n"
        "        that are gone are ended, those that are others now are exchanged, and the rest\n"
        "        is not touched. A file with a mistake changes nothing.\n"
        "  --device gpu,socket=PATH[,window=256M][,renderer=auto][,output=1920x1080@60]...\n"
        "  --device media,socket=PATH[,kind=pattern][,window=1G]...\n"
        "        A device without a file: its keys are the same.\n"
        "  --once\n"
        "        Start each device once: when one ends, end the others. Else it is started again,\n"
        "        after 0.1 s at first, after 30 s at most.\n"
        "  --watchdog=SECONDS\n"
        "        Kill a device that gives no sign of life for so long (30), and start it again.\n"
        "        0: never.\n"
        "  --cgroup=WHERE\n"
        "        auto: each device has a cgroup, NAME.device, in this process' own, if systemd "
        "has\n"
        "        delegated that to it (the default). none: they have none. A folder in\n"
        "        /sys/fs/cgroup: there.\n"
        "\n"
        "Says READY=1 to NOTIFY_SOCKET when every device is ready. Ends with status 0 when it was\n"
        "asked to (SIGTERM, Ctrl-C) and every device ended well, with 1 when one could not be\n"
        "started at first, or did not end well.\n"
        "\n"
        "Examples:\n"
        "  hostblob run /etc/hostblob/hostblob.conf\n"
        "  hostblob run --device gpu,socket=/run/vm-gpu.sock,window=256M\n"
        "  hostblob run --once --device gpu,socket=/tmp/gpu.sock,control-path=/tmp/gpu.control \\\n"
        "               --device media,socket=/tmp/media.sock,kind=pattern\n",
    .run = run_devices,
};

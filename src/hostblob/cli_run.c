/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "hostblob/cli.h"
#include "hostblob/run_directory.h"
#include "hostblob/supervisor.h"

/* A device without a control socket gets one where 'hostblob list' looks: KIND-PID, the second of
 * its kind KIND-PID-2. That it is found is a comfort: without a run directory it runs all the same.
 */
static void name_device(struct device_spec *spec, const char *directory, unsigned n)
{
    char name[64], path[RUN_DIRECTORY_PATH];

    if (n == 1)
        snprintf(name, sizeof(name), "%s-%d", spec->kind, (int)getpid());
    else
        snprintf(name, sizeof(name), "%s-%d-%u", spec->kind, (int)getpid(), n);
    if (run_directory_socket(directory, name, path) && device_spec_add(spec, "control-path", path))
        log_info("The %s device is called %s (see 'hostblob list').", spec->kind, name);
}

/* How many of that kind there are up to 'index'. */
static unsigned rank(const struct device_spec *specs, unsigned index)
{
    unsigned n = 1;

    for (unsigned i = 0; i < index; i++)
        n += strcmp(specs[i].kind, specs[index].kind) == 0;
    return n;
}

static void name_devices(struct device_spec *specs, unsigned count)
{
    char directory[RUN_DIRECTORY_PATH];
    int r;

    if (!run_directory_path(directory))
        return;
    r = run_directory_make(directory);
    if (r < 0) {
        log_warning("%s cannot be used: %s. 'hostblob list' will not find the devices.", directory,
                    strerror(-r));
        return;
    }
    for (unsigned i = 0; i < count; i++)
        if (!specs[i].has_control)
            name_device(&specs[i], directory, rank(specs, i));
}

static int run(const struct cli_command *command, int argc, char **argv)
{
    static const struct option longs[] = {{"device", required_argument, NULL, 'd'}, {0}};
    static struct device_spec specs[SUPERVISOR_MAX_DEVICES];
    const char *reason;
    unsigned count = 0;
    int status = -1, c;

    opterr = 0;
    while (status < 0 && (c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        if (c != 'd')
            status = cli_wrong(command, "'%s' is not understood", argv[optind - 1]);
        else if (count == SUPERVISOR_MAX_DEVICES)
            status = cli_wrong(command, "there are more than %u devices", SUPERVISOR_MAX_DEVICES);
        else if ((reason = device_spec_init(&specs[count++], optarg)) != NULL)
            status = cli_wrong(command, "--device %s cannot be: %s", optarg, reason);
    }
    if (status < 0 && optind < argc)
        status = cli_wrong(command, "'%s' is no option: devices come with --device", argv[optind]);
    if (status < 0 && count == 0)
        status = cli_wrong(command, "there is no --device to run");
    if (status < 0) {
        name_devices(specs, count);
        status = supervisor_run(specs, count);
    }
    for (unsigned i = 0; i < count; i++)
        device_spec_finish(&specs[i]);
    return status;
}

const struct cli_command cli_run = {
    .name = "run",
    .arguments = "--device KIND,socket=PATH[,KEY=VALUE ...] [--device ...]",
    .summary = "Start devices, each in processes of its own, and end them together.",
    .help = "  --device gpu,socket=PATH[,window=256M][,renderer=auto][,output=1920x1080@60]...\n"
            "        A virtio-gpu device for the front-end that connects to PATH. Other keys are\n"
            "        the options of hostblob-gpu without their dashes: see 'hostblob-gpu --help'.\n"
            "  --device media,socket=PATH[,kind=pattern][,window=1G]...\n"
            "        A virtio-media device (V4L2): see 'hostblob-media --help'.\n"
            "\n"
            "Ends with status 0 when it was asked to (SIGTERM, Ctrl-C) and every device ended\n"
            "well, with 1 when a device failed.\n"
            "\n"
            "Examples:\n"
            "  hostblob run --device gpu,socket=/run/vm-gpu.sock,window=256M\n"
            "  hostblob run --device gpu,socket=/tmp/gpu.sock,control-path=/tmp/gpu.control \\\n"
            "               --device media,socket=/tmp/media.sock,kind=pattern\n",
    .run = run,
};

/* SPDX-License-Identifier: MIT */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "hostblob/supervisor.h"

static void print_help(FILE *to)
{
    fputs(
        "hostblob: lends host buffers to virtual machines.\n"
        "\n"
        "Usage: hostblob run --device KIND,socket=PATH[,KEY=VALUE ...] [--device ...]\n"
        "\n"
        "  run       Start the devices, each in processes of its own, and end them together.\n"
        "\n"
        "  --device gpu,socket=PATH[,window=256M][,mapping=arena]...\n"
        "        A virtio-gpu device for the front-end that connects to PATH. Other keys are the\n"
        "        options of hostblob-gpu without their dashes: see 'hostblob-gpu --help'.\n"
        "  --device media,socket=PATH[,kind=pattern][,window=1G]...\n"
        "        A virtio-media device (V4L2): see 'hostblob-media --help'.\n"
        "  --help\n"
        "        Show this and exit.\n"
        "  --version\n"
        "        Show the version and exit.\n"
        "\n"
        "Ends with status 0 when it was asked to (SIGTERM, Ctrl-C) and every device ended well,\n"
        "with 1 when a device failed, with 2 when the command line is wrong.\n",
        to);
}

static int wrong(const char *what, const char *reason)
{
    fprintf(stderr, "hostblob: %s%s.\nTry 'hostblob --help'.\n", what, reason);
    return 2;
}

static int run(int argc, char **argv)
{
    static const struct option longs[] = {
        {"device", required_argument, NULL, 'd'}, {"help", no_argument, NULL, 'h'}, {0}};
    static struct device_spec specs[SUPERVISOR_MAX_DEVICES];
    unsigned count = 0;
    int status = -1, c;

    while (status < 0 && (c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        const char *reason;
        if (c == 'h') {
            print_help(stdout);
            status = EXIT_SUCCESS;
        } else if (c != 'd') {
            status = wrong("", "the command line is not understood");
        } else if (count == SUPERVISOR_MAX_DEVICES) {
            status = wrong("", "there are more than 16 devices");
        } else if ((reason = device_spec_init(&specs[count++], optarg)) != NULL) {
            char what[256];
            snprintf(what, sizeof(what), "--device %s cannot be: ", optarg);
            status = wrong(what, reason);
        }
    }
    if (status < 0 && optind < argc)
        status = wrong("", "there is a word that is no option");
    if (status < 0 && count == 0)
        status = wrong("", "there is no --device to run");
    if (status < 0)
        status = supervisor_run(specs, count);
    for (unsigned i = 0; i < count; i++)
        device_spec_finish(&specs[i]);
    return status;
}

int main(int argc, char **argv)
{
    log_init("hostblob", NULL, LOG_LEVEL_INFO);
    if (argc >= 2 && strcmp(argv[1], "run") == 0)
        return run(argc - 1, argv + 1);
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        print_help(stdout);
        return EXIT_SUCCESS;
    }
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        puts("hostblob " HOSTBLOB_VERSION);
        return EXIT_SUCCESS;
    }
    return wrong("", argc < 2 ? "say what to do" : "that is no command of it");
}

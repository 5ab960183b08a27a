/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/units.h"
#include "hostblob/ask.h"
#include "hostblob/cli.h"
#include "hostblob/json_path.h"
#include "protocol/upgrade_wish.h"

#define SECONDS_MORE 30u /* beyond those for the new program to come up */
#define IN_WORDS(number) #number
#define WORDS(macro) IN_WORDS(macro)
#define SECONDS WORDS(UPGRADE_WISH_SECONDS)

struct wish {
    bool force;
    unsigned seconds;
    const char *program; /* NULL: not given */
};

/* Takes the options out of the arguments. How many are left, or -1 after saying what is wrong. */
static int take_options(const struct cli_command *command, int argc, char **argv, struct wish *wish)
{
    int left = 1;

    wish->seconds = UPGRADE_WISH_SECONDS;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--force") == 0) {
            wish->force = true;
        } else if (strncmp(argv[i], "--seconds=", 10) == 0) {
            if (!units_parse_number(argv[i] + 10, 1, UPGRADE_WISH_SECONDS_MAX, &wish->seconds)) {
                cli_wrong(command, "'%s' is no number of seconds from 1 to %d", argv[i] + 10,
                          UPGRADE_WISH_SECONDS_MAX);
                return -1;
            }
        } else if (strncmp(argv[i], "--program=", 10) == 0) {
            wish->program = argv[i] + 10;
        } else {
            argv[left++] = argv[i];
        }
    }
    return cli_take(command, left, argv, NULL, 1, 1);
}

/* The version of the program that the device is; "?" where it does not say. */
static void read_version(const char *path, char version[static 32])
{
    char why[ASK_WHY];
    struct json_object *report;

    snprintf(version, 32, "?");
    if (ask_report(path, &report, why) < 0)
        return;
    snprintf(version, 32, "%s", json_path_text(report, "/version"));
    json_path_clean(version);
    json_object_put(report);
}

/* The device reads nobody's word for a program's name, but a link beside its control socket that
 * only its user can make. EXIT_SUCCESS, or says what is wrong. */
static int name_program(const char *link, const char *program)
{
    char absolute[PATH_MAX];

    unlink(link); /* what somebody left */
    if (program == NULL)
        return EXIT_SUCCESS;
    if (access(program, X_OK) < 0)
        return cli_failed("%s cannot be started: %s", program, strerror(errno));
    if (realpath(program, absolute) == NULL || symlink(absolute, link) < 0)
        return cli_failed("%s, which names the program, cannot be made: %s", link, strerror(errno));
    return EXIT_SUCCESS;
}

static int upgrade(const struct cli_command *command, int argc, char **argv)
{
    char path[RUN_DIRECTORY_PATH], why[ASK_WHY], line[64], before[32], after[32], *text = NULL;
    char link[RUN_DIRECTORY_PATH + sizeof(UPGRADE_WISH_LINK)];
    struct wish wish = {.force = false};
    int r;

    if (take_options(command, argc, argv, &wish) < 0)
        return CLI_WRONG;
    if (ask_find(argv[1], path, why) < 0)
        return cli_failed("%s", why);
    read_version(path, before);
    snprintf(link, sizeof(link), "%s" UPGRADE_WISH_LINK, path);
    if (name_program(link, wish.program) != EXIT_SUCCESS)
        return EXIT_FAILURE;
    snprintf(line, sizeof(line), "upgrade seconds=%u%s", wish.seconds, wish.force ? " force" : "");
    r = ask_long_command(path, line, -1, wish.seconds + SECONDS_MORE, &text, why);
    if (wish.program != NULL)
        unlink(link);
    if (r < 0)
        return cli_failed("%s", why);
    free(text);
    read_version(path, after);
    printf("The device is upgraded, from %s to %s.\n", before, after);
    return cli_end();
}

const struct cli_command cli_upgrade = {
    .name = "upgrade",
    .arguments = "[--program=PATH] [--force] [--seconds=N] DEVICE",
    .summary = "Exchange a device's program under its running guest.",
    .help = "The program that lies now where the device's own was found takes its place, with the\n"
            "same command line; so install the new version there first. It is tried beside the\n"
            "running one: unless it shows that it fits, nothing changes, and what is wrong is\n"
            "said. The guest does not notice, but for a moment without answers.\n"
            "\n"
            "  --program=PATH\n"
            "        Take this program, and look there the next time too. Only the user that the\n"
            "        device runs as can say that.\n"
            "  --force\n"
            "        Even if something of the guest's is lost: contexts of OpenGL and Vulkan die\n"
            "        with the program that has them. Without it such an upgrade is refused.\n"
            "  --seconds=N\n"
            "        How long the new program may take to come up (" SECONDS ").\n"
            "\n"
            "Examples:\n"
            "  hostblob upgrade gpu\n"
            "  hostblob upgrade --program=/opt/new/hostblob-gpu gpu\n"
            "  hostblob upgrade --force /run/vm/gpu.control\n",
    .run = upgrade,
};

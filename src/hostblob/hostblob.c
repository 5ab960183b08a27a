/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/nearest.h"
#include "hostblob/cli.h"

static const struct cli_command *const commands[] = {
    &cli_run,        &cli_check,     &cli_list,     &cli_top,      &cli_maps,    &cli_limits,
    &cli_processes,  &cli_resources, &cli_contexts, &cli_sessions, &cli_outputs, &cli_output,
    &cli_screenshot, &cli_set,       &cli_metrics,  &cli_upgrade,
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_help(void)
{
    fputs("hostblob: lends host buffers to virtual machines.\n"
          "\n"
          "Usage: hostblob COMMAND [ARGUMENT ...]\n"
          "\n",
          stdout);
    for (size_t i = 0; i < COMMANDS; i++)
        printf("  %-11s %s\n", commands[i]->name, commands[i]->summary);
    fputs(
        "\n"
        "'hostblob COMMAND --help' says more about each.\n"
        "\n"
        "  --help\n"
        "        Show this and exit.\n"
        "  --version\n"
        "        Show the version and exit.\n"
        "\n"
        "DEVICE is a name that 'hostblob list' shows, or its beginning ('gpu'), or the path of a\n"
        "control socket (--control-path of hostblob-gpu and hostblob-media).\n"
        "\n"
        "Ends with status 0 when all went well, with 1 when something failed, with 2 when the\n"
        "command line is wrong.\n",
        stdout);
}

void cli_help(const struct cli_command *command)
{
    printf("hostblob %s: %s\n\nUsage: hostblob %s %s\n\n%s", command->name, command->summary,
           command->name, command->arguments, command->help);
}

int cli_wrong(const struct cli_command *command, const char *format, ...)
{
    va_list args;

    fputs("hostblob: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, ".\nTry 'hostblob %s%s--help'.\n", command != NULL ? command->name : "",
            command != NULL ? " " : "");
    return CLI_WRONG;
}

int cli_failed(const char *format, ...)
{
    va_list args;

    fflush(stdout);
    fputs("hostblob: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputs(".\n", stderr);
    return EXIT_FAILURE;
}

int cli_take(const struct cli_command *command, int argc, char **argv, bool *json, int least,
             int most)
{
    int count = 0;

    for (int i = 1; i < argc; i++) {
        if (json != NULL && strcmp(argv[i], "--json") == 0) {
            *json = true;
        } else if (argv[i][0] == '-' && argv[i][1] == '-') {
            cli_wrong(command, "'%s' is no option of it", argv[i]);
            return -1;
        } else {
            argv[++count] = argv[i];
        }
    }
    if (count >= least && count <= most)
        return count;
    cli_wrong(command, count < least ? "something is missing: %s %s" : "that is too much: %s %s",
              command->name, command->arguments);
    return -1;
}

int cli_end(void)
{
    return ferror(stdout) || fflush(stdout) != 0 ? cli_failed("The output cannot be written")
                                                 : EXIT_SUCCESS;
}

static bool wants_help(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0)
            return true;
    return false;
}

static int run(const struct cli_command *command, int argc, char **argv)
{
    if (!wants_help(argc, argv))
        return command->run(command, argc, argv);
    cli_help(command);
    return cli_end();
}

static int no_command(const char *word)
{
    struct nearest nearest;

    nearest_init(&nearest, word);
    for (size_t i = 0; i < COMMANDS; i++)
        nearest_offer(&nearest, commands[i]->name);
    if (nearest.best == NULL)
        return cli_wrong(NULL, "'%s' is no command of it", word);
    return cli_wrong(NULL, "'%s' is no command of it (did you mean '%s'?)", word, nearest.best);
}

int main(int argc, char **argv)
{
    log_init("hostblob", NULL, LOG_LEVEL_INFO);
    signal(SIGXFSZ, SIG_IGN); /* a file that may not become so large is an error, and no end */
    for (size_t i = 0; i < COMMANDS && argc >= 2; i++)
        if (strcmp(argv[1], commands[i]->name) == 0)
            return run(commands[i], argc - 1, argv + 1);
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        print_help();
        return cli_end();
    }
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        puts("hostblob " HOSTBLOB_VERSION);
        return cli_end();
    }
    if (argc < 2)
        return cli_wrong(NULL, "Say what to do");
    return no_command(argv[1]);
}

/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <json-c/json.h>

#include "base/units.h"
#include "hostblob/cli.h"
#include "hostblob/device_program.h"
#include "hostblob/json_path.h"

#define PATIENCE_NS UINT64_C(60000000000)
#define MAX_ANSWER (1u << 20)

static const char *const kinds[] = {"gpu", "media"};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* ---- asking a program ---- */

static void become(const char *program, const int pipe_end)
{
    if (dup2(pipe_end, STDOUT_FILENO) >= 0)
        execl(program, program, "--check", "--log-level=error", (char *)NULL);
    _exit(127);
}

/* Reads what it prints, to the end or for a minute. The bytes, or -errno. */
static ssize_t read_output(int fd, char *text, size_t size)
{
    uint64_t end = units_now_ns() + PATIENCE_NS;
    size_t have = 0;

    for (;;) {
        struct pollfd readable = {.fd = fd, .events = POLLIN};
        ssize_t n;

        if (units_now_ns() > end || poll(&readable, 1, (int)(PATIENCE_NS / 1000000)) == 0)
            return -ETIMEDOUT;
        n = read(fd, text + have, size - have);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0)
            return (ssize_t)have;
        have += n > 0 ? (size_t)n : 0;
        if (have == size)
            return -EMSGSIZE;
    }
}

static const char *describe_end(int status, char *text, size_t size)
{
    if (WIFSIGNALED(status))
        snprintf(text, size, "it was killed by signal %d", WTERMSIG(status));
    else if (WEXITSTATUS(status) == 127)
        snprintf(text, size, "it cannot be started: is it installed beside this program?");
    else
        snprintf(text, size, "it ended with status %d", WEXITSTATUS(status));
    return text;
}

/* What 'program --check' says: an object that the caller owns, or NULL with a sentence. */
static struct json_object *check_program(const char *program, char *why, size_t size)
{
    static char text[MAX_ANSWER];
    struct json_object *answer = NULL;
    ssize_t n;
    int pair[2], status = 0;
    pid_t pid;

    if (pipe(pair) < 0 || (pid = fork()) < 0) {
        snprintf(why, size, "it cannot be started: %s", strerror(errno));
        return NULL;
    }
    if (pid == 0)
        become(program, pair[1]);
    close(pair[1]);
    n = read_output(pair[0], text, sizeof(text) - 1);
    close(pair[0]);
    if (n < 0)
        kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    if (n < 0) {
        snprintf(why, size, "it does not come to an end: %s", strerror((int)-n));
    } else if (status != 0) {
        describe_end(status, why, size);
    } else {
        text[n] = '\0';
        answer = json_tokener_parse(text);
        if (answer == NULL || !json_object_is_type(answer, json_type_object)) {
            snprintf(why, size, "what it says makes no sense");
            json_object_put(answer);
            answer = NULL;
        }
    }
    return answer;
}

/* ---- showing ---- */

/* Whether it is a list of things that are in or out. */
static bool is_section(struct json_object *o)
{
    bool found = false;

    if (!json_object_is_type(o, json_type_object))
        return false;
    json_object_object_foreach(o, name, item)
    {
        if (name == NULL || json_path_get(item, "/in", json_type_boolean) == NULL)
            return false;
        found = true;
    }
    return found;
}

/* What else is said of an item: why it is out, or what was found. */
static void describe_item(struct json_object *item, char *text, size_t size)
{
    size_t used = 0;

    text[0] = '\0';
    json_object_object_foreach(item, key, value)
    {
        bool is_why = strcmp(key, "why") == 0;

        if (used >= size || (!json_object_is_type(value, json_type_string) &&
                             !json_object_is_type(value, json_type_int)))
            continue;
        used +=
            (size_t)snprintf(text + used, size - used, "%s%s%s%s", used > 0 ? ", " : "",
                             is_why ? "" : key, is_why ? "" : " ", json_object_get_string(value));
    }
}

static void show_section(const char *name, struct json_object *section)
{
    printf("  %s\n", name);
    json_object_object_foreach(section, key, item)
    {
        char text[1024];

        describe_item(item, text, sizeof(text));
        json_path_clean(text);
        printf(text[0] != '\0' ? "    %-3s  %-12s %s\n" : "    %-3s  %s\n",
               json_object_get_boolean(json_path_get(item, "/in", json_type_boolean)) ? "in"
                                                                                      : "out",
               key, text);
    }
}

static void show_program(const char *name, struct json_object *check)
{
    printf("%s\n", name);
    json_object_object_foreach(check, key, value)
    {
        if (is_section(value))
            show_section(key, value);
        else if (json_object_is_type(value, json_type_string) && strcmp(key, "program") != 0 &&
                 strcmp(key, "version") != 0)
            printf("  %s: %s\n", key, json_object_get_string(value));
    }
}

/* ---- the command ---- */

static int check_kind(const char *kind, struct json_object *all)
{
    char name[32], why[256], *program = device_program_path(kind);
    struct json_object *answer = NULL;

    snprintf(name, sizeof(name), "hostblob-%s", kind);
    if (program == NULL || access(program, X_OK) < 0)
        snprintf(why, sizeof(why), "it is not installed beside this program");
    else
        answer = check_program(program, why, sizeof(why));
    free(program);
    if (answer == NULL) {
        answer = json_object_new_object();
        json_object_object_add(answer, "error", json_object_new_string(why));
        json_object_object_add(all, name, answer);
        return cli_failed("%s cannot be checked: %s", name, why);
    }
    json_object_object_add(all, name, answer);
    return EXIT_SUCCESS;
}

static int check(const struct cli_command *command, int argc, char **argv)
{
    struct json_object *root = json_object_new_object(), *all = json_object_new_object();
    int status = EXIT_SUCCESS;
    bool json = false;

    json_object_object_add(root, "version", json_object_new_string(HOSTBLOB_VERSION));
    json_object_object_add(root, "programs", all);
    if (cli_take(command, argc, argv, &json, 0, 0) < 0) {
        json_object_put(root);
        return CLI_WRONG;
    }
    for (size_t i = 0; i < KINDS; i++)
        if (check_kind(kinds[i], all) != EXIT_SUCCESS)
            status = EXIT_FAILURE;
    if (json) {
        json_path_print(root);
        return cli_end() == EXIT_SUCCESS ? status : EXIT_FAILURE;
    }
    json_object_object_foreach(all, name, answer)
    {
        show_program(name, answer);
    }
    json_object_put(root);
    return cli_end() == EXIT_SUCCESS ? status : EXIT_FAILURE;
}

const struct cli_command cli_check = {
    .name = "check",
    .arguments = "[--json]",
    .summary = "Try what this machine can do; show what is in, what is out, and why.",
    .help = "Has hostblob-gpu and hostblob-media try their renderers and memories, each try in a\n"
            "process of its own. That takes some seconds.\n"
            "\n"
            "  --json\n"
            "        What they say, as one object.\n"
            "\n"
            "Ends with status 0 when both could be asked: also when something is out.\n"
            "\n"
            "Example:\n"
            "  hostblob check\n",
    .run = check,
};

/* SPDX-License-Identifier: MIT */
#include "daemon/options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base/nearest.h"
#include "base/units.h"
#include "shm/shm_ledger.h"

#define OPTIONS_MAX 48u
#define TRACE_LIMIT (UINT64_C(256) << 20)

static const char *take_number(const char *text, int *value)
{
    char *end;
    long n;

    errno = 0;
    n = strtol(text, &end, 10);
    if (errno != 0 || *text == '\0' || *end != '\0' || n < 0 || n > INT_MAX)
        return "it must be the number of an open descriptor, such as 3";
    *value = (int)n;
    return NULL;
}

static const char *take_socket_path(void *target, const char *argument)
{
    ((struct options *)target)->socket_path = argument;
    return *argument != '\0' ? NULL : "it must be a path";
}

static const char *take_socket_group(void *target, const char *argument)
{
    ((struct options *)target)->group = argument;
    return *argument != '\0' ? NULL : "it must be the name of a group";
}

static const char *take_control_path(void *target, const char *argument)
{
    ((struct options *)target)->control_path = argument;
    return *argument != '\0' ? NULL : "it must be a path";
}

static const char *take_fd(void *target, const char *argument)
{
    return take_number(argument, &((struct options *)target)->fd);
}

static const char *take_print_capabilities(void *target, const char *argument)
{
    ((struct options *)target)->print_capabilities = true;
    return NULL;
}

static const char *take_print_options(void *target, const char *argument)
{
    ((struct options *)target)->print_options = true;
    return NULL;
}

static const char *take_check_options(void *target, const char *argument)
{
    ((struct options *)target)->check_options = true;
    return NULL;
}

static const char *take_check(void *target, const char *argument)
{
    ((struct options *)target)->check = true;
    return NULL;
}

static const char *take_probe(void *target, const char *argument)
{
    ((struct options *)target)->probe = argument;
    return NULL;
}

static const char *take_window(void *target, const char *argument)
{
    struct options *o = target;
    static char why[160];
    const char *reason;

    if (units_parse_size(argument, &o->window) < 0)
        return "it must be a size such as 256M or 1G";
    reason = shm_region_check(o->window);
    if (reason == NULL)
        return NULL;
    snprintf(why, sizeof(why), "%s (did you forget the unit? 256M is 256 MiB)", reason);
    return o->window < 1024 * 1024 ? why : reason;
}

static const char *take_answer_limit(void *target, const char *argument)
{
    static const char reason[] = "it must be a number of seconds, 1 to 3600";
    int seconds = 0;

    if (take_number(argument, &seconds) != NULL || seconds < 1 || seconds > 3600)
        return reason;
    ((struct options *)target)->answer_limit = (unsigned)seconds;
    return NULL;
}

static const char *take_poll(void *target, const char *argument)
{
    int microseconds = 0;

    if (take_number(argument, &microseconds) != NULL || microseconds > 1000)
        return "it must be a number of microseconds, 0 (off) to 1000";
    ((struct options *)target)->poll = (unsigned)microseconds;
    return NULL;
}

static const char *take_mapping(void *target, const char *argument)
{
    struct options *o = target;

    if (strcmp(argument, "arena") != 0 && strcmp(argument, "single") != 0)
        return "it must be 'arena' or 'single'";
    o->arena = strcmp(argument, "arena") == 0;
    o->arena_asked = o->arena;
    return NULL;
}

static const char *take_exporter(void *target, const char *argument)
{
    struct options *o = target;

    if (exporter_kind_parse(argument, &o->exporter) < 0)
        return "it must be 'auto', 'memfd', 'udmabuf', 'dma_heap' or 'gbm'";
    /* The choice is the same as without the option. */
    o->exporter_asked = o->exporter != EXPORTER_AUTO;
    return NULL;
}

static const char *take_mem_slots(void *target, const char *argument)
{
    ((struct options *)target)->mem_slots = true;
    return NULL;
}

static const char *take_sandbox(void *target, const char *argument)
{
    return sandbox_mode_parse(argument, &((struct options *)target)->sandbox) < 0
               ? "it must be 'auto', 'strict' or 'none'"
               : NULL;
}

static const char *take_sandbox_log(void *target, const char *argument)
{
    ((struct options *)target)->sandbox_log = true;
    return NULL;
}

static const char *take_limit(void *target, const char *argument)
{
    struct options *o = target;

    return quotas_parse(o->quotas, argument, o->limits);
}

static const char *take_log_level(void *target, const char *argument)
{
    if (log_level_parse(argument, &((struct options *)target)->log_level) < 0)
        return "it must be 'error', 'warning', 'info' or 'debug'";
    return NULL;
}

static const char *take_trace(void *target, const char *argument)
{
    ((struct options *)target)->trace = argument;
    return *argument != '\0' ? NULL : "it must be the path of a file";
}

static const char *take_trace_limit(void *target, const char *argument)
{
    struct options *o = target;

    return units_parse_size(argument, &o->trace_limit) == 0 && o->trace_limit >= 65536
               ? NULL
               : "it must be a size such as 256M or 1G, 64K or more";
}

static const char *take_worker(void *target, const char *argument)
{
    struct options *o = target;

    if (sscanf(argument, "%d,%d,%d", &o->link_fd, &o->journal_fd, &o->arena_fd) != 3)
        return "it is for this program's own use";
    o->is_worker = true;
    return NULL;
}

static const char *take_upgrade(void *target, const char *argument)
{
    struct options *o = target;

    return sscanf(argument, "%d,%d", &o->upgrade_line, &o->upgrade_channel) == 2
               ? NULL
               : "it is for this program's own use";
}

static const char *take_starter(void *target, const char *argument)
{
    return take_number(argument, &((struct options *)target)->starter_fd);
}

static const struct options_row shared_rows[] = {
    {"socket-path", "PATH",
     "Listen on this unix socket for the front-end (QEMU, crosvm). It is made\n"
     "with mode 0600, and removed at the end.",
     take_socket_path},
    {"socket-group", "GROUP",
     "Let that group (a name or a number) connect to it too: mode 0660. For a front-end\n"
     "that runs as another user. You must be in the group, or root.",
     take_socket_group},
    {"fd", "N",
     "Use this inherited descriptor instead: a listening or a connected unix\n"
     "socket. Sockets passed by systemd (LISTEN_FDS) are used without an option.",
     take_fd, OPTIONS_ASKS},
    {"print-capabilities", NULL, "Say what this program can do, as JSON, and exit.",
     take_print_capabilities, OPTIONS_ASKS},
    {"print-options", NULL,
     "Say which options are settings of a device, as JSON, and exit: for each its name,\n"
     "its argument (null: it takes none) and whether it repeats.",
     take_print_options, OPTIONS_ASKS},
    {"check-options", NULL,
     "Say what is wrong with the options that follow, each of them, and exit: with\n"
     "status 0 when nothing is, with 2 else. Nothing is opened or tried.",
     take_check_options, OPTIONS_ASKS},
    {"check", NULL,
     "Try what this machine can do, say what works, what does not and why, as JSON,\n"
     "and exit.",
     take_check, OPTIONS_ASKS},
    {"window", "SIZE",
     "Size of the guest's host-visible memory window, with a unit: 256M, 1G.\n"
     "A power of two, at least 64K.",
     take_window},
    {"mapping", "HOW",
     "arena: the device's own buffers lie in one memory, mapped once; giving one\n"
     "to the guest costs nothing (the default). single: each is mapped by itself.",
     take_mapping},
    {"exporter", "KIND",
     "What a buffer is that is mapped by itself: memfd, or a dmabuf: udmabuf,\n"
     "dma_heap or gbm (of a DRM device). Each of these implies --mapping=single.\n"
     "auto: the best that works here (the default).",
     take_exporter},
    {"mem-slots", NULL,
     "Offer CONFIGURE_MEM_SLOTS: up to 32 memory regions, not 8, survive a pause of\n"
     "the VM. But QEMU 11.1 is slower with it, aborts at 512 regions, and dies of a\n"
     "guest reset after a pause with buffers mapped. Off by default.",
     take_mem_slots},
    {"answer-limit", "SECONDS",
     "How long the front-end may take to answer a request to map a buffer (5). One that\n"
     "takes longer gets no more requests, and the guest no more buffers.",
     take_answer_limit},
    {"poll", "MICROSECONDS",
     "After an answer, look for the next command for up to that long before sleeping; 0 (the\n"
     "default): do not. Faster where commands follow closely and a processor is to spare.",
     take_poll},
    {"control-path", "PATH",
     "Answer whoever connects to this unix socket (mode 0600): with one line of JSON\n"
     "about the device (what is mapped, counters, processes), or, to a line such as\n"
     "'outputs', with what came of it. 'hostblob list' and its like speak to it.",
     take_control_path},
    {"sandbox", "MODE",
     "auto: each process gives up every right that it does not need, as far as this host\n"
     "permits, and says what it could not give up (the default). strict: it refuses to start\n"
     "then. none: it keeps them all.",
     take_sandbox},
    {"sandbox-log", NULL, "Name the system call when the sandbox ends a process for it.",
     take_sandbox_log},
    {"limit", "NAME=NUMBER",
     "How much of something the guest may have, such as memory=2G; for each NAME once. The\n"
     "names and the defaults are below.",
     take_limit, OPTIONS_REPEATS},
    {"log-level", "LEVEL", "error, warning, info (the default) or debug.", take_log_level},
    {"trace", "FILE",
     "Write what happens when (maps, frames, fences, commands) into this file, for Perfetto\n"
     "(ui.perfetto.dev) or chrome://tracing. It may be read while it is written. Of several\n"
     "devices, of later workers and after an upgrade it goes on in the same file; one that\n"
     "is no such trace is left as it is, and refused. A slow disk slows the device: choose\n"
     "a tmpfs.",
     take_trace},
    {"trace-limit", "SIZE", "How large that file may become (256M); then tracing ends.",
     take_trace_limit},
    {"worker", "FDS", NULL, take_worker, OPTIONS_ASKS},
    {"probe", "NAME", NULL, take_probe, OPTIONS_ASKS},
    {"upgrade", "FDS", NULL, take_upgrade, OPTIONS_ASKS},
    {"starter", "FD", NULL, take_starter, OPTIONS_ASKS},
    {NULL},
};

static void print_rows(const struct options_row *rows)
{
    for (; rows->name != NULL; rows++) {
        const char *text = rows->help;
        if (text == NULL)
            continue;
        printf("  --%s%s%s\n", rows->name, rows->argument != NULL ? "=" : "",
               rows->argument != NULL ? rows->argument : "");
        while (*text != '\0') {
            size_t line = strcspn(text, "\n");
            printf("        %.*s\n", (int)line, text);
            text += line + (text[line] == '\n');
        }
    }
}

static void list_rows(struct json_object *list, const struct options_row *rows)
{
    for (; rows->name != NULL; rows++) {
        struct json_object *o;

        if ((rows->flags & OPTIONS_ASKS) != 0)
            continue;
        o = json_object_new_object();
        json_object_object_add(o, "name", json_object_new_string(rows->name));
        json_object_object_add(
            o, "argument", rows->argument != NULL ? json_object_new_string(rows->argument) : NULL);
        json_object_object_add(o, "repeats",
                               json_object_new_boolean((rows->flags & OPTIONS_REPEATS) != 0));
        json_object_array_add(list, o);
    }
}

int options_print(const struct options_program *program)
{
    struct json_object *list = json_object_new_array();

    list_rows(list, program->rows);
    list_rows(list, shared_rows);
    puts(json_object_to_json_string_ext(list, JSON_C_TO_STRING_PRETTY));
    json_object_put(list);
    return ferror(stdout) || fflush(stdout) != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* Defaults are for the default window, as long as no other is known. */
static void print_quotas(const struct quota_row *row, uint64_t window)
{
    puts("\nLimits, each with its default, and what the guest gets beyond it:");
    for (; row->name != NULL; row++) {
        const char *text = row->what;
        char most[24];

        quota_format(row->bytes, quota_default(row, window), most);
        printf("  %s=%s, %s%s\n", row->name, most, row->answer,
               row->windows != 0 ? " (more with a larger window)" : "");
        while (*text != '\0') {
            size_t line = strcspn(text, "\n");

            printf("        %.*s\n", (int)line, text);
            text += line + (text[line] == '\n');
        }
    }
}

static void print_help(const struct options_program *program)
{
    char window[24];

    units_format_size(program->window, window);
    printf("%s: %s\n\nUsage: %s --socket-path=PATH [OPTION ...]\n\n", program->name,
           program->summary, program->name);
    print_rows(program->rows);
    print_rows(shared_rows);
    printf("  --help\n        Show this and exit.\n  --version\n        Show the version and "
           "exit.\n\nThe window is %s unless --window says otherwise.\n",
           window);
    print_quotas(program->quotas, program->window);
}

static bool rows_have(const struct options_row *row, const char *name)
{
    while (row->name != NULL && (row->help == NULL || strcmp(row->name, name) != 0))
        row++;
    return row->name != NULL;
}

bool options_has(const struct options_program *program, const char *name)
{
    return rows_have(shared_rows, name) || rows_have(program->rows, name);
}

/* The rows as getopt wants them; the value is the row's place. */
static unsigned add_rows(struct option *to, unsigned n, const struct options_row *rows, int base)
{
    for (int i = 0; rows[i].name != NULL && n < OPTIONS_MAX; i++)
        to[n++] = (struct option){rows[i].name,
                                  rows[i].argument != NULL ? required_argument : no_argument, NULL,
                                  base + i};
    return n;
}

enum { OPTION_HELP = 1000, OPTION_VERSION, OPTION_SHARED = 2000, OPTION_OWN = 3000 };

static enum options_outcome wrong(const struct options_program *program, const char *sentence)
{
    fprintf(stderr, "%s: %s\nTry '%s --help'.\n", program->name, sentence, program->name);
    return OPTIONS_WRONG;
}

static enum options_outcome take_row(const struct options_program *program,
                                     const struct options_row *row, void *target)
{
    const char *reason = row->take(target, optarg);
    char sentence[320];

    if (reason == NULL)
        return OPTIONS_RUN;
    snprintf(sentence, sizeof(sentence), "--%s%s%s cannot be: %s.", row->name,
             optarg != NULL ? "=" : "", optarg != NULL ? optarg : "", reason);
    return wrong(program, sentence);
}

/* A long option that is not there. */
static enum options_outcome no_option(const struct options_program *program,
                                      const struct option *longs, const char *word)
{
    char sentence[320], name[NEAREST_WORD];
    struct nearest nearest;

    word += strspn(word, "-");
    snprintf(name, sizeof(name), "%.*s", (int)strcspn(word, "="), word);
    nearest_init(&nearest, name);
    for (; longs->name != NULL; longs++)
        nearest_offer(&nearest, longs->name);
    snprintf(sentence, sizeof(sentence), "There is no option '--%s'%s%s%s", name,
             nearest.best != NULL ? ": did you mean '--" : ".",
             nearest.best != NULL ? nearest.best : "", nearest.best != NULL ? "'?" : "");
    return wrong(program, sentence);
}

/* What getopt refuses in 'word': optopt is the option, if it is a short one or knows it. */
static enum options_outcome refused(const struct options_program *program,
                                    const struct option *longs, const char *word)
{
    const struct option *row = longs;
    char sentence[320];

    if (optopt == 0)
        return no_option(program, longs, word);
    while (row->name != NULL && row->val != optopt)
        row++;
    if (row->name == NULL)
        snprintf(sentence, sizeof(sentence), "There is no option '-%c'.", optopt);
    else
        snprintf(sentence, sizeof(sentence), "--%s %s.", row->name,
                 row->has_arg == no_argument ? "takes no argument" : "needs an argument");
    return wrong(program, sentence);
}

static enum options_outcome check_whole(struct options *o, const struct options_program *program)
{
    if (o->socket_path != NULL && o->fd >= 0)
        return wrong(program, "--socket-path and --fd exclude each other: give one of them.");
    if (o->group != NULL && o->socket_path == NULL)
        return wrong(program,
                     "--socket-group needs --socket-path: another's socket is not changed.");
    if (o->arena_asked && o->exporter_asked)
        return wrong(program,
                     "--exporter and --mapping=arena exclude each other: give one of them.");
    o->arena = o->arena && !o->exporter_asked;
    if (o->arena)
        o->exporter = EXPORTER_ARENA;
    return OPTIONS_RUN;
}

enum options_outcome options_parse(struct options *o, const struct options_program *program,
                                   int argc, char **argv)
{
    struct option longs[OPTIONS_MAX + 3] = {{0}};
    unsigned n = add_rows(longs, 0, shared_rows, OPTION_SHARED);
    enum options_outcome outcome = OPTIONS_RUN;
    int c;

    opterr = 0;
    n = add_rows(longs, n, program->rows, OPTION_OWN);
    longs[n++] = (struct option){"help", no_argument, NULL, OPTION_HELP};
    longs[n++] = (struct option){"version", no_argument, NULL, OPTION_VERSION};
    *o = (struct options){
        .fd = -1,
        .window = program->window,
        .arena = true,
        .exporter = EXPORTER_AUTO,
        .answer_limit = 5,
        .log_level = LOG_LEVEL_INFO,
        .trace_limit = TRACE_LIMIT,
        .arena_fd = -1,
        .upgrade_line = -1,
        .upgrade_channel = -1,
        .starter_fd = -1,
        .quotas = program->quotas,
    };
    while ((outcome == OPTIONS_RUN || o->check_options) &&
           (c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        if (c == OPTION_HELP) {
            print_help(program);
            return OPTIONS_DONE;
        }
        if (c == OPTION_VERSION) {
            printf("%s %s\n", program->name, HOSTBLOB_VERSION);
            return OPTIONS_DONE;
        }
        if (c == '?')
            return refused(program, longs, argv[optind - 1]);
        if ((c >= OPTION_OWN
                 ? take_row(program, &program->rows[c - OPTION_OWN], program->target)
                 : take_row(program, &shared_rows[c - OPTION_SHARED], o)) != OPTIONS_RUN)
            outcome = OPTIONS_WRONG;
    }
    if (outcome != OPTIONS_RUN)
        return outcome;
    if (optind < argc)
        return wrong(program, "There is nothing to do with words that are no options.");
    return check_whole(o, program);
}

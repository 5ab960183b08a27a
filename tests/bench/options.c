/* SPDX-License-Identifier: MIT */
#include "tests/bench/options.h"

#include <ctype.h>
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"

#define SECONDS 0.3
#define QUICK_SECONDS 0.01

static const char help[] =
    "hostblob-bench: measures a vhost-user GPU or media back-end, ours or another.\n"
    "\n"
    "Usage: hostblob-bench [OPTION ...] --exec COMMAND [ARGUMENT ...]\n"
    "       hostblob-bench [OPTION ...] --socket PATH\n"
    "\n"
    "  --exec COMMAND [ARGUMENT ...]\n"
    "        Start this back-end anew for each item; everything behind --exec is its command.\n"
    "        Its socket is descriptor 3 (as in: hostblob-gpu --fd=3). Where it wants to listen\n"
    "        itself, write {socket} in its command for the path that it shall listen at.\n"
    "  --fd N\n"
    "        Another number for the descriptor.\n"
    "  --socket PATH\n"
    "        Connect to a back-end that runs already, for each item anew.\n"
    "  --pid PID\n"
    "        Its process, whose children are counted too (the one that listens).\n"
    "  --device gpu|media\n"
    "        What it is (gpu).\n"
    "  --subject NAME\n"
    "        What it is called in the figures (the command's name).\n"
    "  --items LIST\n"
    "        Only these, such as A,D or null,transfer; --list shows them. K, the soak, runs only\n"
    "        if it is named: for 10 minutes, or --seconds if they are more than 1.\n"
    "  --depth LIST\n"
    "        Of items that differ in how many commands are in the ring, only these: 1,64.\n"
    "  --live LIST\n"
    "        Of items that differ in how many mappings there are besides, only these: 0,1000.\n"
    "  --rounds N\n"
    "        So often everything, one item after the other (1).\n"
    "  --round N\n"
    "        The number of the first round (1), for who takes turns between back-ends.\n"
    "  --seconds S\n"
    "        How long each item takes in a round (0.3).\n"
    "  --quick\n"
    "        Small sizes and short times, to see that it works: the figures are of no use.\n"
    "  --front-end-cpu C, --back-end-cpu C\n"
    "        The processors to run on; 'any': wherever the kernel likes. Both run on the first\n"
    "        one unless something else is said: waking another one costs more than most commands\n"
    "        do, and varies more.\n"
    "  --awake\n"
    "        Keep these processors from halting, by processes that give way to everything else:\n"
    "        what it costs to wake them is left out.\n"
    "  --no-floors\n"
    "        Measure no floors, and count every slice of time: on a machine that is to be busy.\n"
    "  --plain-ring\n"
    "        Take neither INDIRECT_DESC nor EVENT_IDX. A Linux guest takes both.\n"
    "  --no-display\n"
    "        Give no display socket (VHOST_USER_GPU_SET_SOCKET).\n"
    "  --json FILE\n"
    "        Append the figures to FILE, an object in each line.\n"
    "  --report DIR\n"
    "        Write the figures, the table and plots (SVG; they need gnuplot) into DIR.\n"
    "  --list\n"
    "        Say which items there are for either device, and exit.\n"
    "  --help\n"
    "        Show this and exit.\n"
    "\n"
    "Each item is measured in slices of 20 ms, with its floor (a ring with nothing behind it, a\n"
    "message with a descriptor that is mapped, memcpy) between them. A slice before and behind\n"
    "which the floor is not the same, within 15 percent, does not count: the machine had other\n"
    "things to do. The status is 0 if every item was measured or is unsupported, 1 if one failed,\n"
    "2 for a mistake in the options.\n";

enum {
    OPT_EXEC = 256,
    OPT_FD,
    OPT_SOCKET,
    OPT_PID,
    OPT_DEVICE,
    OPT_SUBJECT,
    OPT_ITEMS,
    OPT_DEPTH,
    OPT_LIVE,
    OPT_ROUNDS,
    OPT_ROUND,
    OPT_SECONDS,
    OPT_QUICK,
    OPT_FRONT_CPU,
    OPT_BACK_CPU,
    OPT_AWAKE,
    OPT_NO_FLOORS,
    OPT_PLAIN_RING,
    OPT_NO_DISPLAY,
    OPT_JSON,
    OPT_REPORT,
    OPT_LIST,
    OPT_HELP,
};

static const struct option table[] = {
    {"exec", no_argument, NULL, OPT_EXEC},
    {"fd", required_argument, NULL, OPT_FD},
    {"socket", required_argument, NULL, OPT_SOCKET},
    {"pid", required_argument, NULL, OPT_PID},
    {"device", required_argument, NULL, OPT_DEVICE},
    {"subject", required_argument, NULL, OPT_SUBJECT},
    {"items", required_argument, NULL, OPT_ITEMS},
    {"depth", required_argument, NULL, OPT_DEPTH},
    {"live", required_argument, NULL, OPT_LIVE},
    {"rounds", required_argument, NULL, OPT_ROUNDS},
    {"round", required_argument, NULL, OPT_ROUND},
    {"seconds", required_argument, NULL, OPT_SECONDS},
    {"quick", no_argument, NULL, OPT_QUICK},
    {"front-end-cpu", required_argument, NULL, OPT_FRONT_CPU},
    {"back-end-cpu", required_argument, NULL, OPT_BACK_CPU},
    {"awake", no_argument, NULL, OPT_AWAKE},
    {"no-floors", no_argument, NULL, OPT_NO_FLOORS},
    {"plain-ring", no_argument, NULL, OPT_PLAIN_RING},
    {"no-display", no_argument, NULL, OPT_NO_DISPLAY},
    {"json", required_argument, NULL, OPT_JSON},
    {"report", required_argument, NULL, OPT_REPORT},
    {"list", no_argument, NULL, OPT_LIST},
    {"help", no_argument, NULL, OPT_HELP},
    {0},
};

static int mistake(const char *what, const char *value)
{
    fprintf(stderr, "hostblob-bench: %s%s%s; --help says more\n", what, value != NULL ? ": " : "",
            value != NULL ? value : "");
    return 3;
}

static bool cpu_number(const char *text, int *cpu)
{
    cpu_set_t allowed;
    unsigned value;

    *cpu = OPTIONS_ANY_CPU;
    if (strcmp(text, "any") == 0)
        return true;
    if (!units_parse_number(text, 0, CPU_SETSIZE - 1, &value))
        return false;
    *cpu = (int)value;
    return sched_getaffinity(0, sizeof(allowed), &allowed) < 0 || CPU_ISSET(value, &allowed);
}

static bool take_numbers(struct options_numbers *numbers, long least, long most, const char *text)
{
    for (const char *at = text; *at != '\0';) {
        char *end;
        long value = strtol(at, &end, 10);

        if (end == at || (*end != ',' && *end != '\0') || value < least || value > most ||
            numbers->count == OPTIONS_NUMBERS)
            return false;
        numbers->values[numbers->count++] = (unsigned)value;
        at = *end == ',' ? end + 1 : end;
    }
    return numbers->count > 0;
}

/* The first processor that this process may run on. */
static int first_cpu(void)
{
    cpu_set_t allowed;

    if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0)
        for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
            if (CPU_ISSET(cpu, &allowed))
                return cpu;
    return OPTIONS_ANY_CPU;
}

/* Where and what. Returns what is wrong with it. */
static const char *take_where(struct options *options, int option, const char *value)
{
    unsigned n;

    switch (option) {
    case OPT_FD:
        options->fd = units_parse_number(value, 3, 1023, &n) ? (int)n : -1;
        return options->fd < 0 ? "--fd takes a number from 3 to 1023" : NULL;
    case OPT_SOCKET:
        options->socket = value;
        return NULL;
    case OPT_PID:
        options->pid = units_parse_number(value, 1, 1 << 22, &n) ? (pid_t)n : -1;
        return options->pid < 0 ? "--pid takes the number of a process" : NULL;
    case OPT_DEVICE:
        options->media = strcmp(value, "media") == 0;
        return options->media || strcmp(value, "gpu") == 0 ? NULL : "--device takes gpu or media";
    case OPT_SUBJECT:
        options->subject = value;
        return NULL;
    case OPT_FRONT_CPU:
        return cpu_number(value, &options->front_end_cpu) ? NULL : "no such processor";
    case OPT_BACK_CPU:
        return cpu_number(value, &options->back_end_cpu) ? NULL : "no such processor";
    case OPT_JSON:
        options->json = value;
        return NULL;
    default:
        options->report = value;
        return NULL;
    }
}

/* Which and how often. */
static const char *take_work(struct options *options, int option, const char *value)
{
    char *end;
    unsigned n;

    switch (option) {
    case OPT_ITEMS:
        options->items = value;
        return NULL;
    case OPT_DEPTH:
        return take_numbers(&options->depths, 1, 120, value)
                   ? NULL
                   : "--depth takes numbers from 1 to 120";
    case OPT_LIVE:
        return take_numbers(&options->lives, 0, 1000000, value)
                   ? NULL
                   : "--live takes numbers from 0 to 1000000";
    case OPT_ROUNDS:
        options->rounds = units_parse_number(value, 1, 1000, &n) ? n : 0;
        return options->rounds == 0 ? "--rounds takes a number from 1 to 1000" : NULL;
    case OPT_ROUND:
        options->first_round = units_parse_number(value, 1, 1000000, &n) ? n : 0;
        return options->first_round == 0 ? "--round takes a number" : NULL;
    case OPT_SECONDS:
        options->seconds = strtod(value, &end);
        return *end != '\0' || !(options->seconds > 0) ? "--seconds takes a number" : NULL;
    case OPT_QUICK:
        options->quick = true;
        return NULL;
    case OPT_AWAKE:
        options->awake = true;
        return NULL;
    case OPT_NO_FLOORS:
        options->no_floors = true;
        return NULL;
    case OPT_PLAIN_RING:
        options->plain_ring = true;
        return NULL;
    case OPT_NO_DISPLAY:
        options->no_display = true;
        return NULL;
    default:
        options->list = true;
        return NULL;
    }
}

static bool is_work(int option)
{
    return (option >= OPT_ITEMS && option <= OPT_QUICK) ||
           (option >= OPT_AWAKE && option <= OPT_NO_DISPLAY) || option == OPT_LIST;
}

/* What must hold between options, and what follows from them. */
static int complete(struct options *options, int rest)
{
    if (options->list)
        return 0;
    if (options->exec != NULL && (rest == 0 || options->socket != NULL))
        return mistake(rest == 0 ? "--exec needs a command behind it"
                                 : "either --exec or --socket, not both",
                       NULL);
    if (options->exec == NULL && options->socket == NULL)
        return mistake("say which back-end: --exec COMMAND, or --socket PATH", NULL);
    if (options->exec == NULL && rest > 0)
        return mistake("what is this? A command stands behind --exec", NULL);
    if (options->awake &&
        (options->front_end_cpu == OPTIONS_ANY_CPU || options->back_end_cpu == OPTIONS_ANY_CPU))
        return mistake("--awake needs processors to keep awake: not 'any'", NULL);
    if (options->subject == NULL) {
        const char *path = options->exec != NULL ? options->exec[0] : options->socket;
        const char *slash = strrchr(path, '/');

        options->subject = slash != NULL ? slash + 1 : path;
    }
    if (options->seconds == 0)
        options->seconds = options->quick ? QUICK_SECONDS : SECONDS;
    return 0;
}

int options_read(struct options *options, int argc, char **argv)
{
    int option;

    *options = (struct options){.fd = 3, .rounds = 1, .first_round = 1};
    options->front_end_cpu = options->back_end_cpu = first_cpu();
    while (options->exec == NULL && (option = getopt_long(argc, argv, "+", table, NULL)) != -1) {
        const char *wrong;

        if (option == '?')
            return mistake("that was no option of this program", NULL);
        if (option == OPT_HELP) {
            fputs(help, stdout);
            return 1;
        }
        if (option == OPT_EXEC) {
            options->exec = argv + optind;
            break;
        }
        wrong = is_work(option) ? take_work(options, option, optarg)
                                : take_where(options, option, optarg);
        if (wrong != NULL)
            return mistake(wrong, optarg);
    }
    return complete(options, argc - optind);
}

/* Whether the comma-separated 'list' has the word. */
static bool has_word(const char *list, const char *word)
{
    size_t length = strlen(word);

    for (const char *at = list; at != NULL; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncasecmp(at, word, length) == 0 && (at[length] == ',' || at[length] == '\0'))
            return true;
    }
    return false;
}

static bool has_number(const struct options_numbers *numbers, unsigned number)
{
    for (unsigned i = 0; i < numbers->count; i++)
        if (numbers->values[i] == number)
            return true;
    return numbers->count == 0;
}

bool options_want(const struct options *options, char letter, const char *name, unsigned depth,
                  unsigned live)
{
    const char word[] = {letter, '\0'};
    bool wanted = (depth == 0 || has_number(&options->depths, depth)) &&
                  (letter != 'F' || has_number(&options->lives, live));

    if (options->items == NULL)
        return wanted && (letter != 'K' || options->list);
    return wanted && (has_word(options->items, word) || has_word(options->items, name));
}

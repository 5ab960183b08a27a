/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base/units.h"
#include "hostblob/ask.h"
#include "hostblob/cli.h"
#include "hostblob/screen.h"
#include "hostblob/table.h"
#include "hostblob/terminal.h"
#include "hostblob/top_sample.h"

#define LEAST_SECONDS 0.1
#define MOST_SECONDS 3600.0

struct wish {
    double seconds;
    unsigned count; /* 0: until it is enough */
    bool json;
    int names; /* devices that are named */
};

/* ---- the command line ---- */

static bool take_interval(const struct cli_command *command, const char *text, double *seconds)
{
    char *end;

    *seconds = strtod(text, &end);
    if (end != text && *end == '\0' && *seconds >= LEAST_SECONDS && *seconds <= MOST_SECONDS)
        return true;
    cli_wrong(command, "'%.40s' is no number of seconds from 0.1 to 3600", text);
    return false;
}

static bool take_count(const struct cli_command *command, const char *text, unsigned *count)
{
    if (units_parse_number(text, 1, 1000000, count))
        return true;
    cli_wrong(command, "'%.40s' is no number of times from 1 to 1000000", text);
    return false;
}

static bool take_options(const struct cli_command *command, int argc, char **argv,
                         struct wish *wish)
{
    int left = 1;

    for (int i = 1; i < argc; i++) {
        bool fine = true;

        if (strncmp(argv[i], "--interval=", 11) == 0)
            fine = take_interval(command, argv[i] + 11, &wish->seconds);
        else if (strncmp(argv[i], "--count=", 8) == 0)
            fine = take_count(command, argv[i] + 8, &wish->count);
        else
            argv[left++] = argv[i];
        if (!fine)
            return false;
    }
    wish->names = cli_take(command, left, argv, &wish->json, 0, RUN_DIRECTORY_MAX);
    return wish->names >= 0;
}

/* ---- for programs ---- */

static double rounded(double value)
{
    return (double)(uint64_t)(value * 10 + 0.5) / 10;
}

static void put_number(struct json_object *o, const char *key, uint64_t number)
{
    json_object_object_add(o, key, json_object_new_uint64(number));
}

static void put_rate(struct json_object *o, const char *key, double rate)
{
    char text[40];

    snprintf(text, sizeof(text), "%.1f", rate);
    json_object_object_add(o, key, json_object_new_double_s(rounded(rate), text));
}

static struct json_object *device_json(const struct top_device *d, const struct top_rates *rates)
{
    struct json_object *o = json_object_new_object();

    json_object_object_add(o, "name", json_object_new_string(d->name));
    json_object_object_add(o, "control_path", json_object_new_string(d->path));
    json_object_object_add(o, "answers", json_object_new_boolean(d->answers));
    json_object_object_add(o, "kind", json_object_new_string(d->kind));
    json_object_object_add(o, "front_end", json_object_new_string(d->front_end));
    put_number(o, "processes", d->usage.processes);
    put_rate(o, "cpu_percent", rates->cpu);
    put_number(o, "memory_bytes", d->usage.memory);
    json_object_object_add(o, "memory_is",
                           json_object_new_string(d->usage.shared_once ? "pss" : "rss"));
    put_number(o, "mapped_bytes", d->mapped);
    put_rate(o, "maps_per_s", rates->maps);
    put_rate(o, "commands_per_s", rates->commands);
    put_rate(o, "frames_per_s", rates->frames);
    put_number(o, "errors", d->errors);
    return o;
}

/* One line for each time. */
static void show_json(const struct top_sample *before, const struct top_sample *now)
{
    struct json_object *array = json_object_new_array();

    for (unsigned i = 0; i < now->count; i++) {
        const struct top_device *d = &now->all[i];
        struct top_rates rates = top_sample_rates(top_sample_find(before, d), d);

        json_object_array_add(array, device_json(d, &rates));
    }
    puts(json_object_to_json_string_ext(array,
                                        JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
    json_object_put(array);
}

/* ---- for people ---- */

static void format_bytes(uint64_t bytes, char text[static 24])
{
    static const char units[] = "KMGTP";
    double value = (double)bytes / 1024;
    unsigned unit = 0;

    while (value >= 1000 && unit + 1 < sizeof(units) - 1) {
        value /= 1024;
        unit++;
    }
    if (bytes == 0)
        snprintf(text, 24, "0");
    else
        snprintf(text, 24, value < 10 && unit > 0 ? "%.1f%c" : "%.0f%c", value, units[unit]);
}

static void device_row(struct table *t, const struct top_device *d, const struct top_rates *rates)
{
    char cpu[24], memory[24], mapped[24], maps[24], commands[24], frames[24], errors[24];
    const char *cells[] = {d->name, d->kind, d->front_end, cpu,    memory,
                           mapped,  maps,    commands,     frames, errors};

    if (!d->answers) {
        const char *none[] = {d->name, "-", "no answer", "-", "-", "-", "-", "-", "-", "-"};

        table_add(t, none);
        return;
    }
    snprintf(cpu, sizeof(cpu), "%.1f", rates->cpu);
    format_bytes(d->usage.memory, memory);
    format_bytes(d->mapped, mapped);
    snprintf(maps, sizeof(maps), "%.0f", rates->maps);
    snprintf(commands, sizeof(commands), "%.0f", rates->commands);
    snprintf(frames, sizeof(frames), "%.1f", rates->frames);
    snprintf(errors, sizeof(errors), "%llu", (unsigned long long)d->errors);
    table_add(t, cells);
}

static bool is_pss(const struct top_sample *sample)
{
    for (unsigned i = 0; i < sample->count; i++)
        if (sample->all[i].answers && !sample->all[i].usage.shared_once)
            return false;
    return true;
}

static void show_people(const struct top_sample *before, const struct top_sample *now)
{
    const char *head[] = {"NAME",   "KIND",   "FRONT-END",  "CPU%",     is_pss(now) ? "PSS" : "RSS",
                          "MAPPED", "MAPS/S", "COMMANDS/S", "FRAMES/S", "ERRORS"};
    struct screen screen;
    struct table t;

    screen_init(&screen);
    table_init(&t, sizeof(head) / sizeof(head[0]));
    table_add(&t, head);
    for (unsigned i = 0; i < now->count; i++) {
        struct top_rates rates =
            top_sample_rates(top_sample_find(before, &now->all[i]), &now->all[i]);

        if (screen.rows == 0 || t.rows + 1 < screen.rows)
            device_row(&t, &now->all[i], &rates);
    }
    table_print(&t, 0);
    if (now->count == 0)
        puts("No device runs here.");
    table_finish(&t);
}

/* ---- the command ---- */

static int watch(const struct wish *wish, char **names)
{
    static struct top_sample samples[2];
    char why[ASK_WHY];
    unsigned shown = 0;
    int r = top_sample_read(&samples[0], wish->names, names, why);

    while (r == 0 && terminal_wait((unsigned)(wish->seconds * 1000))) {
        const struct top_sample *before = &samples[shown % 2];
        struct top_sample *now = &samples[(shown + 1) % 2];

        r = top_sample_read(now, wish->names, names, why);
        if (r < 0)
            break;
        terminal_clear();
        if (wish->json)
            show_json(before, now);
        else
            show_people(before, now);
        if (fflush(stdout) != 0 || ++shown == wish->count)
            break;
    }
    terminal_end();
    return r < 0 ? cli_failed("%s", why) : cli_end();
}

static int top(const struct cli_command *command, int argc, char **argv)
{
    struct wish wish = {.seconds = 1};

    if (!take_options(command, argc, argv, &wish))
        return CLI_WRONG;
    terminal_begin(wish.json);
    return watch(&wish, argv + 1);
}

const struct cli_command cli_top = {
    .name = "top",
    .arguments = "[--interval=SECONDS] [--count=N] [--json] [DEVICE ...]",
    .summary = "Watch what the devices do, and what they take.",
    .help =
        "Of each device, once a second: the processors and the memory that its processes take\n"
        "(PSS: what they share is counted once; RSS where one may not look closer), the bytes\n"
        "that lie in the guest's window, how many buffers were mapped, commands answered and\n"
        "frames given per second, and errors since it was started. q or Ctrl-C ends it.\n"
        "\n"
        "  --interval=SECONDS\n"
        "        From 0.1 to 3600 and not 1.\n"
        "  --count=N\n"
        "        End after N times. Where standard output is no terminal, each time is printed\n"
        "        behind the one before.\n"
        "  --json\n"
        "        A line with an array for each time.\n"
        "\n"
        "Examples:\n"
        "  hostblob top\n"
        "  hostblob top --interval=0.5 gpu camera\n"
        "  hostblob top --count=1 --json\n",
    .run = top,
};

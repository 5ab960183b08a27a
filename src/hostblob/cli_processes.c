/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "hostblob/cli.h"
#include "hostblob/devices.h"
#include "hostblob/json_path.h"
#include "hostblob/process_facts.h"
#include "hostblob/table.h"

#define MOST_HELPERS 64u

/* The processes that a device tells of. What else they have started is a helper. */
static const char *const roles[] = {"starter", "door", "worker"};
#define ROLES (sizeof(roles) / sizeof(roles[0]))

static void put(struct json_object *to, const char *key, struct json_object *value)
{
    json_object_object_add(to, key, value);
}

static void put_capabilities(struct json_object *to, const char *key, uint64_t set)
{
    char text[20];

    snprintf(text, sizeof(text), "%016" PRIx64, set);
    put(to, key, json_object_new_string(text));
}

static const char *compared(uint64_t one, uint64_t other)
{
    if (one == PROCESS_FACTS_UNKNOWN || other == PROCESS_FACTS_UNKNOWN)
        return "unknown";
    return one == other ? "shared" : "own";
}

/* 'outside' is who started the device. */
static struct json_object *describe(const struct process_facts *facts,
                                    const struct process_facts *outside, const char *role,
                                    const char *layers)
{
    struct json_object *o = json_object_new_object(), *list;

    put(o, "role", json_object_new_string(role));
    put(o, "pid", json_object_new_int(facts->pid));
    put(o, "name", json_object_new_string(facts->name));
    put(o, "uid", json_object_new_int64(facts->uid));
    put(o, "seccomp", json_object_new_int(facts->seccomp));
    put(o, "no_new_privs", json_object_new_int(facts->no_new_privs));
    put_capabilities(o, "cap_effective", facts->effective);
    put_capabilities(o, "cap_permitted", facts->permitted);
    put_capabilities(o, "cap_bounding", facts->bounding);
    put(o, "namespaces", list = json_object_new_object());
    for (unsigned i = 0; i < PROCESS_FACTS_NAMESPACES; i++)
        put(list, process_facts_namespaces[i],
            json_object_new_string(compared(facts->namespaces[i], outside->namespaces[i])));
    put(o, "limits", list = json_object_new_object());
    for (unsigned i = 0; i < PROCESS_FACTS_LIMITS; i++)
        if (facts->limits[i] < PROCESS_FACTS_UNLIMITED)
            put(list, process_facts_limits[i], json_object_new_uint64(facts->limits[i]));
    put(o, "sandbox", json_object_new_string(layers));
    return o;
}

static const char *role_of(struct json_object *report, int pid, const char **layers)
{
    char path[32];

    for (unsigned i = 0; i < ROLES; i++) {
        snprintf(path, sizeof(path), "/%s/pid", roles[i]);
        if (json_path_number(report, path) != (uint64_t)pid)
            continue;
        snprintf(path, sizeof(path), "/%s/sandbox", roles[i]);
        *layers = json_path_text(report, path);
        return roles[i];
    }
    *layers = "";
    return "helper";
}

/* An array that the caller owns, with the starter first. */
static struct json_object *processes_of(struct json_object *report)
{
    struct json_object *array = json_object_new_array();
    int pids[MOST_HELPERS + ROLES] = {(int)json_path_number(report, "/starter/pid")};
    struct process_facts facts, outside;
    unsigned count = 1;

    if (pids[0] <= 0 || process_facts_read(&facts, pids[0]) < 0)
        return array;
    if (process_facts_read(&outside, facts.parent) < 0)
        memset(outside.namespaces, 0xff, sizeof(outside.namespaces));
    count += process_facts_offspring(pids[0], pids + 1, sizeof(pids) / sizeof(pids[0]) - 1);
    for (unsigned i = 0; i < count; i++) {
        const char *layers, *role = role_of(report, pids[i], &layers);

        if (process_facts_read(&facts, pids[i]) == 0)
            json_object_array_add(array, describe(&facts, &outside, role, layers));
    }
    return array;
}

static void processes_json(struct json_object *device, struct json_object *report)
{
    put(device, "processes", processes_of(report));
}

/* "mnt net ipc", or "core 0, nofile 1024". */
static void join_namespaces(struct json_object *process, char text[static TABLE_CELL])
{
    text[0] = '\0';
    for (unsigned i = 0; i < PROCESS_FACTS_NAMESPACES; i++) {
        char path[32];
        const char *how;
        size_t n = strlen(text);

        snprintf(path, sizeof(path), "/namespaces/%s", process_facts_namespaces[i]);
        how = json_path_text(process, path);
        if (strcmp(how, "shared") != 0)
            snprintf(text + n, TABLE_CELL - n, "%s%s%s", n > 0 ? " " : "",
                     process_facts_namespaces[i], strcmp(how, "own") == 0 ? "" : "?");
    }
    if (text[0] == '\0')
        strcpy(text, "none");
}

static void join_limits(struct json_object *process, char text[static TABLE_CELL])
{
    text[0] = '\0';
    for (unsigned i = 0; i < PROCESS_FACTS_LIMITS; i++) {
        char path[32];
        size_t n = strlen(text);

        snprintf(path, sizeof(path), "/limits/%s", process_facts_limits[i]);
        if (json_path_get(process, path, json_type_int) != NULL)
            snprintf(text + n, TABLE_CELL - n, "%s%s %" PRIu64, n > 0 ? ", " : "",
                     process_facts_limits[i], json_path_number(process, path));
    }
}

static const char *short_capabilities(const char *text)
{
    text += strspn(text, "0");
    return *text != '\0' ? text : "0";
}

static void processes_row(struct table *t, struct json_object *p)
{
    char role[48], pid[24], uid[24], seccomp[24], privileges[24];
    char namespaces[TABLE_CELL], limits[TABLE_CELL];
    const char *cells[] = {role,
                           pid,
                           uid,
                           seccomp,
                           privileges,
                           short_capabilities(json_path_text(p, "/cap_effective")),
                           short_capabilities(json_path_text(p, "/cap_bounding")),
                           namespaces,
                           limits,
                           json_path_text(p, "/sandbox")};
    bool helper = strcmp(json_path_text(p, "/role"), "helper") == 0;

    snprintf(role, sizeof(role), "%s", json_path_text(p, helper ? "/name" : "/role"));
    snprintf(pid, sizeof(pid), "%" PRIu64, json_path_number(p, "/pid"));
    snprintf(uid, sizeof(uid), "%" PRIu64, json_path_number(p, "/uid"));
    snprintf(seccomp, sizeof(seccomp), "%" PRIu64, json_path_number(p, "/seccomp"));
    snprintf(privileges, sizeof(privileges), "%" PRIu64, json_path_number(p, "/no_new_privs"));
    join_namespaces(p, namespaces);
    join_limits(p, limits);
    table_add(t, cells);
}

static void processes_people(const struct devices *d)
{
    static const char *const head[] = {"PROCESS", "PID",    "UID",        "SECCOMP", "NONEWPRIVS",
                                       "CAPEFF",  "CAPBND", "NAMESPACES", "LIMITS",  "SANDBOX"};

    for (unsigned i = 0; i < d->count; i++) {
        struct json_object *processes = processes_of(d->all[i].report);
        struct table t;

        printf("%s:\n", d->all[i].name);
        table_init(&t, sizeof(head) / sizeof(head[0]));
        table_add(&t, head);
        for (size_t n = 0; n < json_object_array_length(processes); n++)
            processes_row(&t, json_object_array_get_idx(processes, n));
        table_print(&t, 2);
        table_finish(&t);
        json_object_put(processes);
    }
}

static const struct devices_view view = {processes_json, processes_people};

static int processes(const struct cli_command *command, int argc, char **argv)
{
    return devices_show(command, argc, argv, &view);
}

const struct cli_command cli_processes = {
    .name = "processes",
    .arguments = "[--json] [DEVICE ...]",
    .summary = "Show each process of a device, and how it is shut in.",
    .help =
        "What the kernel says of each process that a device is made of, and of those that these\n"
        "have started: its user, its mode of seccomp (2: a list of system calls), whether it can\n"
        "get new privileges (1: never), its capabilities and those it could ever have, which\n"
        "namespaces are not those of whoever started the device ('?': only root may look), its\n"
        "limits; and the layers of the sandbox that it says it has built.\n"
        "\n"
        "  --json\n"
        "        The same as one array.\n"
        "\n"
        "Examples:\n"
        "  hostblob processes\n"
        "  hostblob processes gpu\n"
        "  hostblob processes --json /run/vm/gpu.control\n",
    .run = processes,
};

/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <json-c/json.h>

#include "base/fd.h"
#include "base/units.h"
#include "hostblob/ask.h"
#include "hostblob/cli.h"
#include "hostblob/json_path.h"
#include "hostblob/table.h"

/* What the guest has made in a device: its worker lists it. */

/* How one list is shown. */
struct things {
    const char *word; /* of the command, and of the list in the answer */
    const char *none; /* a sentence */
    unsigned columns;
    const char *head[TABLE_COLUMNS];
    void (*row)(struct table *table, struct json_object *thing);
};

/* The list goes to memory that we lend: it may be too long for a line. An object that the caller
 * owns, or NULL with a sentence. */
static struct json_object *read_list(int memory, const char *word, char why[static ASK_WHY])
{
    struct json_object *list = NULL;
    uint64_t size = 0;
    const char *bytes = MAP_FAILED;
    struct json_tokener *tokener = json_tokener_new();

    if (fd_file_size(memory, &size) == 0 && size > 0 && size < INT32_MAX)
        bytes = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, memory, 0);
    if (bytes != MAP_FAILED && tokener != NULL)
        list = json_tokener_parse_ex(tokener, bytes, (int)size);
    if (bytes != MAP_FAILED)
        munmap((void *)(uintptr_t)bytes, (size_t)size);
    if (tokener != NULL)
        json_tokener_free(tokener);
    if (list == NULL || !json_object_is_type(list, json_type_object)) {
        json_object_put(list);
        list = NULL;
        snprintf(why, ASK_WHY, "The device's list of %s makes no sense", word);
    }
    return list;
}

static struct json_object *ask_list(const char *device, const char *word, char why[static ASK_WHY])
{
    char path[RUN_DIRECTORY_PATH], *text = NULL;
    struct json_object *list = NULL;
    int memory;

    if (ask_find(device, path, why) < 0)
        return NULL;
    memory = memfd_create(word, MFD_CLOEXEC);
    if (memory < 0)
        snprintf(why, ASK_WHY, "There is no memory for a list: %s", strerror(errno));
    else if (ask_command(path, word, memory, &text, why) == 0)
        list = read_list(memory, word, why);
    free(text);
    if (memory >= 0)
        close(memory);
    return list;
}

static void show(const struct things *things, struct json_object *list)
{
    char path[32];
    struct json_object *all;
    struct table t;

    snprintf(path, sizeof(path), "/%s", things->word);
    all = json_path_get(list, path, json_type_array);
    if (all == NULL || json_object_array_length(all) == 0) {
        puts(things->none);
        return;
    }
    table_init(&t, things->columns);
    table_add(&t, things->head);
    for (size_t i = 0; i < json_object_array_length(all); i++)
        things->row(&t, json_object_array_get_idx(all, i));
    table_print(&t, 0);
    table_finish(&t);
    if (json_path_number(list, "/left_out") > 0)
        printf("And %llu more, for which there is no room here.\n",
               (unsigned long long)json_path_number(list, "/left_out"));
}

static int list_things(const struct cli_command *command, int argc, char **argv,
                       const struct things *things)
{
    struct json_object *list;
    char why[ASK_WHY];
    bool json = false;

    if (cli_take(command, argc, argv, &json, 1, 1) < 0)
        return CLI_WRONG;
    list = ask_list(argv[1], things->word, why);
    if (list == NULL)
        return cli_failed("%s", why);
    if (json) {
        json_path_print(list);
        return cli_end();
    }
    show(things, list);
    json_object_put(list);
    return cli_end();
}

/* ---- cells ---- */

static void put_number(char text[static 24], struct json_object *o, const char *path)
{
    snprintf(text, 24, "%llu", (unsigned long long)json_path_number(o, path));
}

static bool is_true(struct json_object *o, const char *path)
{
    return json_object_get_boolean(json_path_get(o, path, json_type_boolean));
}

/* The numbers of an array: "1 2 3", or "-". */
static void join_numbers(char text[static TABLE_CELL], struct json_object *o, const char *path)
{
    struct json_object *array = json_path_get(o, path, json_type_array);
    size_t used = 0;

    strcpy(text, "-");
    for (size_t i = 0; array != NULL && i < json_object_array_length(array); i++)
        if (used < TABLE_CELL)
            used += (size_t)snprintf(
                text + used, TABLE_CELL - used, "%s%llu", i > 0 ? " " : "",
                (unsigned long long)json_object_get_uint64(json_object_array_get_idx(array, i)));
}

/* ---- resources ---- */

static void resource_row(struct table *t, struct json_object *r)
{
    char id[24], kind[TABLE_CELL], size[64], place[64], contexts[TABLE_CELL], outputs[TABLE_CELL];
    const char *buffer = json_path_text(r, "/buffer");
    const char *cells[] = {id,    kind,     size,   *buffer != '\0' ? buffer : "-",
                           place, contexts, outputs};
    bool blob = strcmp(json_path_text(r, "/kind"), "blob") == 0;

    put_number(id, r, "/id");
    snprintf(kind, sizeof(kind), "%s %s", json_path_text(r, "/kind"),
             json_path_text(r, blob ? "/memory" : "/format"));
    if (blob)
        units_format_size(json_path_number(r, "/size"), size);
    else
        snprintf(size, sizeof(size), "%llux%llu", (unsigned long long)json_path_number(r, "/width"),
                 (unsigned long long)json_path_number(r, "/height"));
    if (strcmp(json_path_text(r, "/state"), "unmapped") == 0)
        strcpy(place, "-");
    else
        snprintf(place, sizeof(place), "%.20s at 0x%llx", json_path_text(r, "/state"),
                 (unsigned long long)json_path_number(r, "/offset"));
    join_numbers(contexts, r, "/contexts");
    join_numbers(outputs, r, "/scanouts");
    table_add(t, cells);
}

static int resources(const struct cli_command *command, int argc, char **argv)
{
    static const struct things things = {
        .word = "resources",
        .none = "The guest has made no resources.",
        .columns = 7,
        .head = {"ID", "KIND", "SIZE", "BUFFER", "WINDOW", "CONTEXTS", "OUTPUTS"},
        .row = resource_row,
    };

    return list_things(command, argc, argv, &things);
}

const struct cli_command cli_resources = {
    .name = "resources",
    .arguments = "[--json] DEVICE",
    .summary = "Show what a guest has made in a GPU: images and blobs.",
    .help =
        "Each resource with its id; whether it is a 2D image, the renderer's own (3D) or a\n"
        "blob, with its format or whose memory it is; its size; what kind of memory of the\n"
        "host it has; whether it lies in the guest's window, and where; the contexts that use\n"
        "it; and the outputs that show it.\n"
        "\n"
        "  --json\n"
        "        The same and more as an object; \"left_out\" counts what there was no room for.\n"
        "\n"
        "Example:\n"
        "  hostblob resources gpu\n",
    .run = resources,
};

/* ---- contexts ---- */

static void context_row(struct table *t, struct json_object *c)
{
    char id[24], count[24];
    const char *cells[] = {id,
                           json_path_text(c, "/name"),
                           json_path_text(c, "/capset"),
                           json_path_text(c, "/renderer"),
                           count,
                           is_true(c, "/lost") ? "lost" : "alive"};

    put_number(id, c, "/id");
    put_number(count, c, "/resources");
    table_add(t, cells);
}

static int contexts(const struct cli_command *command, int argc, char **argv)
{
    static const struct things things = {
        .word = "contexts",
        .none = "The guest has made no contexts.",
        .columns = 6,
        .head = {"ID", "NAME", "CAPSET", "RENDERER", "RESOURCES", "STATE"},
        .row = context_row,
    };

    return list_things(command, argc, argv, &things);
}

const struct cli_command cli_contexts = {
    .name = "contexts",
    .arguments = "[--json] DEVICE",
    .summary = "Show the programs of a guest that draw with a GPU.",
    .help = "Each rendering context with its id; the name that the guest's program gave; the\n"
            "capset that its commands are of; who carries them out; how many resources it uses;\n"
            "and whether it is alive, or was lost with a worker that died.\n"
            "\n"
            "  --json\n"
            "        The same as an object; \"left_out\" counts what there was no room for.\n"
            "\n"
            "Example:\n"
            "  hostblob contexts gpu\n",
    .run = contexts,
};

/* ---- sessions ---- */

/* "3 queued, 1 done", or "-". */
static void join_states(char text[static TABLE_CELL], struct json_object *states)
{
    size_t used = 0;

    strcpy(text, "-");
    if (states == NULL)
        return;
    json_object_object_foreach(states, name, number)
    {
        if (used < TABLE_CELL)
            used +=
                (size_t)snprintf(text + used, TABLE_CELL - used, "%s%llu %s", used > 0 ? ", " : "",
                                 (unsigned long long)json_object_get_uint64(number), name);
    }
}

static void queue_row(struct table *t, const char *id, struct json_object *q)
{
    char format[64] = "?", buffers[24], states[TABLE_CELL];
    const char *cells[] = {
        id,      json_path_text(q, "/direction"), format,
        buffers, json_path_text(q, "/memory"),    is_true(q, "/streaming") ? "streams" : "rests",
        states};

    if (*json_path_text(q, "/format") != '\0')
        snprintf(format, sizeof(format), "%.8s %llux%llu", json_path_text(q, "/format"),
                 (unsigned long long)json_path_number(q, "/width"),
                 (unsigned long long)json_path_number(q, "/height"));
    put_number(buffers, q, "/buffers");
    join_states(states, json_path_get(q, "/states", json_type_object));
    table_add(t, cells);
}

static void session_row(struct table *t, struct json_object *s)
{
    static const char *const bare[] = {"", "-", "-", "0", "-", "rests", "-"};
    struct json_object *queues = json_path_get(s, "/queues", json_type_array);
    size_t count = queues != NULL ? json_object_array_length(queues) : 0;
    const char *cells[TABLE_COLUMNS];
    char id[24];

    put_number(id, s, "/id");
    for (size_t i = 0; i < count; i++)
        queue_row(t, i == 0 ? id : "", json_object_array_get_idx(queues, i));
    if (count > 0)
        return;
    memcpy(cells, bare, sizeof(bare));
    cells[0] = id;
    table_add(t, cells);
}

static int sessions(const struct cli_command *command, int argc, char **argv)
{
    static const struct things things = {
        .word = "sessions",
        .none = "No program of the guest has the device open.",
        .columns = 7,
        .head = {"SESSION", "QUEUE", "FORMAT", "BUFFERS", "MEMORY", "STREAM", "THEY ARE"},
        .row = session_row,
    };

    return list_things(command, argc, argv, &things);
}

const struct cli_command cli_sessions = {
    .name = "sessions",
    .arguments = "[--json] DEVICE",
    .summary = "Show the programs of a guest that have a media device open.",
    .help = "Each open file of the guest's video node with its number, and a line for each of its\n"
            "queues: the stream's format ('?' where only the host's node knows it), how many\n"
            "buffers there are, whose memory they are, whether it streams, and where the buffers\n"
            "are: with the guest (idle, prepared), queued, worked on (active), or done.\n"
            "\n"
            "  --json\n"
            "        The same as an object; \"left_out\" counts what there was no room for.\n"
            "\n"
            "Example:\n"
            "  hostblob sessions camera\n",
    .run = sessions,
};

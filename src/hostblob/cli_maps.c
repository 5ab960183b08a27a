/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <json-c/json.h>

#include "base/units.h"
#include "hostblob/cli.h"
#include "hostblob/devices.h"
#include "hostblob/json_path.h"
#include "hostblob/screen.h"
#include "hostblob/table.h"
#include "hostblob/window_picture.h"

/* A mapping, as the picture and the table have it. */
struct maps_row {
    struct window_piece piece;
    struct json_object *loan;  /* what the worker says of it, borrowed; NULL: nothing */
    struct json_object *entry; /* and the door's book; NULL: it has the arena as a whole */
};

struct maps_list {
    struct maps_row *rows;       /* owned, sorted by their offsets */
    struct window_piece *pieces; /* the same, owned */
    size_t count;
};

static int compare_rows(const void *a, const void *b)
{
    uint64_t left = ((const struct maps_row *)a)->piece.offset;
    uint64_t right = ((const struct maps_row *)b)->piece.offset;

    return left < right ? -1 : left > right;
}

static struct maps_row *row_at(const struct maps_list *list, size_t count, uint64_t offset)
{
    struct maps_row key = {.piece.offset = offset};

    return count > 0 ? bsearch(&key, list->rows, count, sizeof(key), compare_rows) : NULL;
}

static size_t length_of(struct json_object *array)
{
    return array != NULL ? json_object_array_length(array) : 0;
}

/* Enters what the door's book has, but for the arena: also what is not mapped yet, or any more. */
static void add_entries(struct maps_list *list, struct json_object *ledger)
{
    size_t loans = list->count;

    for (size_t i = 0; i < length_of(ledger); i++) {
        struct json_object *m = json_object_array_get_idx(ledger, i);
        uint64_t offset = json_path_number(m, "/shm_offset");
        struct maps_row *row = row_at(list, loans, offset);

        if (*json_path_text(m, "/name") != '\0')
            continue;
        if (row != NULL)
            row->entry = m;
        else
            list->rows[list->count++] =
                (struct maps_row){.piece = {offset, json_path_number(m, "/size")}, .entry = m};
    }
}

/* What is in the guest's window. False: no memory. */
static bool list_init(struct maps_list *list, struct json_object *report)
{
    struct json_object *loans = json_path_get(report, "/device/loans", json_type_array);
    struct json_object *ledger = json_path_get(report, "/ledger", json_type_array);
    size_t most = length_of(loans) + length_of(ledger) + 1;

    *list = (struct maps_list){
        .rows = calloc(most, sizeof(*list->rows)),
        .pieces = calloc(most, sizeof(*list->pieces)),
    };
    if (list->rows == NULL || list->pieces == NULL)
        return false;
    for (; list->count < length_of(loans); list->count++) {
        struct json_object *loan = json_object_array_get_idx(loans, list->count);

        list->rows[list->count] = (struct maps_row){
            .piece = {json_path_number(loan, "/offset"), json_path_number(loan, "/size")},
            .loan = loan};
    }
    qsort(list->rows, list->count, sizeof(list->rows[0]), compare_rows);
    add_entries(list, ledger);
    qsort(list->rows, list->count, sizeof(list->rows[0]), compare_rows);
    for (size_t i = 0; i < list->count; i++)
        list->pieces[i] = list->rows[i].piece;
    return true;
}

static void list_finish(struct maps_list *list)
{
    free(list->rows);
    free(list->pieces);
}

static uint64_t bytes_of(const struct maps_list *list)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < list->count; i++)
        bytes += list->rows[i].piece.size;
    return bytes;
}

static uint64_t number_of(const struct maps_row *row, const char *path)
{
    return json_path_number(row->loan != NULL ? row->loan : row->entry, path);
}

static const char *kind_of(const struct maps_row *row)
{
    return row->loan != NULL ? json_path_text(row->loan, "/kind")
                             : json_path_text(row->entry, "/fd_kind");
}

static const char *state_of(const struct maps_row *row)
{
    return row->entry != NULL ? json_path_text(row->entry, "/state") : "mapped";
}

static const char *owner_of(const struct maps_row *row)
{
    return row->loan != NULL ? json_path_text(row->loan, "/owner") : "";
}

/* ---- for programs ---- */

static void put_number(struct json_object *o, const char *key, uint64_t number)
{
    json_object_object_add(o, key, json_object_new_uint64(number));
}

static struct json_object *row_json(const struct maps_row *row)
{
    struct json_object *o = json_object_new_object();

    put_number(o, "id", number_of(row, "/id"));
    put_number(o, "offset", row->piece.offset);
    put_number(o, "size", row->piece.size);
    json_object_object_add(o, "kind", json_object_new_string(kind_of(row)));
    json_object_object_add(o, "owner", json_object_new_string(owner_of(row)));
    put_number(o, "age_ms", number_of(row, "/age_ms"));
    json_object_object_add(o, "state", json_object_new_string(state_of(row)));
    return o;
}

static void maps_json(struct json_object *device, struct json_object *report)
{
    uint64_t window = json_path_number(report, "/region/size");
    struct json_object *maps = json_object_new_array();
    struct window_room room = {0};
    struct maps_list list;

    if (list_init(&list, report))
        room = window_picture_room(window, list.pieces, list.count);
    put_number(device, "shmid", json_path_number(report, "/region/shmid"));
    put_number(device, "window", window);
    put_number(device, "mapped_bytes", bytes_of(&list));
    put_number(device, "free_bytes", room.free);
    put_number(device, "free_ranges", room.free_ranges);
    put_number(device, "largest_free", room.largest_free);
    for (size_t i = 0; i < list.count; i++)
        json_object_array_add(maps, row_json(&list.rows[i]));
    json_object_object_add(device, "maps", maps);
    json_object_object_add(device, "negotiated",
                           json_object_get(json_path_get(report, "/negotiated", json_type_object)));
    list_finish(&list);
}

/* ---- for people ---- */

/* "250 ms", "12 s", "3 min", "5 h", "2 days". */
static void format_age(uint64_t ms, char text[static 24])
{
    uint64_t s = ms / 1000;

    if (s < 1)
        snprintf(text, 24, "%llu ms", (unsigned long long)ms);
    else if (s < 120)
        snprintf(text, 24, "%llu s", (unsigned long long)s);
    else if (s < 7200)
        snprintf(text, 24, "%llu min", (unsigned long long)(s / 60));
    else if (s < 172800)
        snprintf(text, 24, "%llu h", (unsigned long long)(s / 3600));
    else
        snprintf(text, 24, "%llu days", (unsigned long long)(s / 86400));
}

static void maps_rows(const struct maps_list *list)
{
    static const char *const head[] = {"MARK", "ID",    "OFFSET", "SIZE",
                                       "KIND", "OWNER", "AGE",    "STATE"};
    struct table t;

    table_init(&t, sizeof(head) / sizeof(head[0]));
    table_add(&t, head);
    for (size_t i = 0; i < list->count; i++) {
        const struct maps_row *row = &list->rows[i];
        char mark[2] = {window_picture_mark(i), '\0'}, id[24], offset[24], size[24], age[24];
        const char *owner = *owner_of(row) != '\0' ? owner_of(row) : "-";
        const char *cells[] = {mark, id, offset, size, kind_of(row), owner, age, state_of(row)};

        snprintf(id, sizeof(id), "%llu", (unsigned long long)number_of(row, "/id"));
        snprintf(offset, sizeof(offset), "0x%llx", (unsigned long long)row->piece.offset);
        units_format_size(row->piece.size, size);
        format_age(number_of(row, "/age_ms"), age);
        table_add(&t, cells);
    }
    table_print(&t, 2);
    table_finish(&t);
}

static void show_room(const struct window_room *room)
{
    char bytes[24], largest[24];

    units_format_size(room->free, bytes);
    units_format_size(room->largest_free, largest);
    if (room->free_ranges > 1)
        printf("  free: %s in %u ranges, the largest %s (%u%% fragmented)\n", bytes,
               room->free_ranges, largest, room->fragmentation);
    else
        printf("  free: %s%s\n", bytes, room->free_ranges == 1 ? " in one range" : "");
}

static void maps_device(const char *name, struct json_object *report, const struct screen *screen)
{
    uint64_t size = json_path_number(report, "/region/size");
    char bytes[24], window[24];
    struct window_room room;
    struct maps_list list;

    if (!list_init(&list, report)) {
        list_finish(&list);
        return;
    }
    units_format_size(bytes_of(&list), bytes);
    units_format_size(size, window);
    room = window_picture_room(size, list.pieces, list.count);
    printf("%s: %zu buffer%s, %s of a window of %s\n", name, list.count, list.count == 1 ? "" : "s",
           bytes, window);
    show_room(&room);
    if (list.count > 0) {
        window_picture_draw(stdout, size, list.pieces, list.count, screen->columns, screen->utf8);
        maps_rows(&list);
    }
    list_finish(&list);
}

static void maps_people(const struct devices *d)
{
    struct screen screen;

    screen_init(&screen);
    for (unsigned i = 0; i < d->count; i++)
        maps_device(d->all[i].name, d->all[i].report, &screen);
}

static const struct devices_view view = {maps_json, maps_people};

static int maps(const struct cli_command *command, int argc, char **argv)
{
    return devices_show(command, argc, argv, &view);
}

const struct cli_command cli_maps = {
    .name = "maps",
    .arguments = "[--json] [DEVICE ...]",
    .summary = "Show which buffers lie in a guest's memory window.",
    .help =
        "How full the window is, and in how many pieces what is free lies; a picture of it, as\n"
        "wide as the terminal; and each buffer with the letter that it has there, its id (of\n"
        "the GPU resource, or the media buffer), where in the window it lies, its size, what\n"
        "kind of memory it is, the context or session that it belongs to, for how long it has\n"
        "been there (or since another program or worker took the device over), and how far\n"
        "its mapping is: asked, mapped or leaving. A size without a unit is in bytes.\n"
        "\n"
        "  --json\n"
        "        The same as one array.\n"
        "\n"
        "Examples:\n"
        "  hostblob maps\n"
        "  hostblob maps gpu\n"
        "  hostblob maps --json /run/vm/gpu.control\n",
    .run = maps,
};

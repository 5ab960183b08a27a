/* SPDX-License-Identifier: MIT */
#include "hostblob/option_set.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "hostblob/json_path.h"

static bool take_row(struct option_set *set, struct json_object *o)
{
    struct option_set_row *row = &set->rows[set->count];
    struct json_object *name = json_path_get(o, "/name", json_type_string);
    struct json_object *repeats = json_path_get(o, "/repeats", json_type_boolean);

    if (name == NULL || repeats == NULL || set->count == OPTION_SET_MAX ||
        (size_t)json_object_get_string_len(name) >= sizeof(row->name))
        return false;
    snprintf(row->name, sizeof(row->name), "%s", json_object_get_string(name));
    row->argument = json_path_get(o, "/argument", json_type_string) != NULL;
    row->repeats = json_object_get_boolean(repeats);
    set->count++;
    return true;
}

int option_set_parse(struct option_set *set, const char *text)
{
    struct json_object *list = json_tokener_parse(text);
    bool well = json_object_is_type(list, json_type_array);

    *set = (struct option_set){0};
    for (size_t i = 0; well && i < json_object_array_length(list); i++)
        well = take_row(set, json_object_array_get_idx(list, i));
    json_object_put(list);
    return well && set->count > 0 ? 0 : -EINVAL;
}

const struct option_set_row *option_set_find(const struct option_set *set, const char *name)
{
    for (unsigned i = 0; i < set->count; i++)
        if (strcmp(set->rows[i].name, name) == 0)
            return &set->rows[i];
    return NULL;
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* How many letters have to be changed, put in or taken out. Both are shorter than OPTION_SET_NAME.
 */
static unsigned distance(const char *a, const char *b)
{
    unsigned row[OPTION_SET_NAME];
    size_t width = strlen(b);

    for (unsigned i = 0; i <= width; i++)
        row[i] = i;
    for (unsigned i = 0; a[i] != '\0'; i++) {
        unsigned before = row[0]; /* up and to the left */

        row[0] = i + 1;
        for (unsigned j = 0; j < width; j++) {
            unsigned above = row[j + 1];

            row[j + 1] = least(before + (a[i] != b[j]), least(above, row[j]) + 1);
            before = above;
        }
    }
    return row[width];
}

const char *option_set_nearest(const struct option_set *set, const char *name)
{
    unsigned best = (unsigned)strlen(name) / 3 + 2; /* more is another word */
    const char *nearest = NULL;

    if (strlen(name) >= OPTION_SET_NAME)
        return NULL;
    for (unsigned i = 0; i < set->count; i++) {
        unsigned far = distance(name, set->rows[i].name);

        if (far >= best || far >= strlen(name))
            continue;
        best = far;
        nearest = set->rows[i].name;
    }
    return nearest;
}

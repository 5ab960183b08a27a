/* SPDX-License-Identifier: MIT */
#include "hostblob/option_set.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "base/nearest.h"
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

const char *option_set_nearest(const struct option_set *set, const char *name)
{
    struct nearest nearest;

    nearest_init(&nearest, name);
    for (unsigned i = 0; i < set->count; i++)
        nearest_offer(&nearest, set->rows[i].name);
    return nearest.best;
}

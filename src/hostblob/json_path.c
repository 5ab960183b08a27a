/* SPDX-License-Identifier: MIT */
#include "hostblob/json_path.h"

#include <stdio.h>

#include <json-c/json_pointer.h>

struct json_object *json_path_get(struct json_object *o, const char *path, enum json_type type)
{
    struct json_object *found;

    if (json_pointer_get(o, path, &found) < 0 || !json_object_is_type(found, type))
        return NULL;
    return found;
}

uint64_t json_path_number(struct json_object *o, const char *path)
{
    struct json_object *found = json_path_get(o, path, json_type_int);

    return found != NULL ? json_object_get_uint64(found) : 0;
}

const char *json_path_text(struct json_object *o, const char *path)
{
    struct json_object *found = json_path_get(o, path, json_type_string);

    return found != NULL ? json_object_get_string(found) : "";
}

void json_path_print(struct json_object *o)
{
    puts(json_object_to_json_string_ext(o,
                                        JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
    json_object_put(o);
}

void json_path_clean(char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < ' ' || *text == '\x7f')
            *text = '?';
}

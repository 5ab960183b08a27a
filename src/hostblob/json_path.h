/* SPDX-License-Identifier: MIT */
#ifndef HOSTBLOB_JSON_PATH_H
#define HOSTBLOB_JSON_PATH_H

#include <stdint.h>

#include <json-c/json.h>

/* What a device said, whatever it said: 'path' is "/device/resources". */

/* The member, borrowed; NULL when there is none of that type. */
struct json_object *json_path_get(struct json_object *o, const char *path, enum json_type type);
/* A number; 0 when there is none. */
uint64_t json_path_number(struct json_object *o, const char *path);
/* A string, borrowed; "" when there is none. */
const char *json_path_text(struct json_object *o, const char *path);
/* Prints it for people and programs, and lets go of it. */
void json_path_print(struct json_object *o);
/* Makes what a device said fit for a terminal: control characters become '?'. */
void json_path_clean(char *text);

#endif

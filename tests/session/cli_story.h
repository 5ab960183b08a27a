/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SESSION_CLI_STORY_H
#define TESTS_SESSION_CLI_STORY_H

#include "story.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>
#include <json-c/json_pointer.h>

/* The 'hostblob' command, asked as a person asks it. */
static char output[65536]; /* what it printed last, errors included */

/* Its exit status; the run directory is the story's folder. */
static inline int hostblob(struct story *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static inline int hostblob(struct story *s, const char *format, ...)
{
    char arguments[640];
    va_list args;

    va_start(args, format);
    vsnprintf(arguments, sizeof(arguments), format, args);
    va_end(args);
    return story_shell(output, sizeof(output), "HOSTBLOB_RUN_DIR='%s' timeout 100 '%s' %s 2>&1",
                       s->daemon.dir, getenv("HOSTBLOB"), arguments);
}

static inline void expect(const char *text)
{
    if (strstr(output, text) == NULL)
        fail_msg("\"%s\" is not in: %s", text, output);
}

/* A number in what it printed as JSON; an array counts its members. */
static inline long number(const char *path)
{
    struct json_object *root = json_tokener_parse(output), *found = NULL;
    long n = -1;

    if (root == NULL || json_pointer_get(root, path, &found) < 0)
        fail_msg("there is no %s in: %s", path, output);
    n = json_object_is_type(found, json_type_array) ? (long)json_object_array_length(found)
                                                    : (long)json_object_get_int64(found);
    json_object_put(root);
    return n;
}

static inline void expect_text(const char *path, const char *text)
{
    struct json_object *root = json_tokener_parse(output), *found = NULL;

    if (root == NULL || json_pointer_get(root, path, &found) < 0)
        fail_msg("there is no %s in: %s", path, output);
    assert_string_equal(json_object_get_string(found), text);
    json_object_put(root);
}

#endif

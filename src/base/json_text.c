/* SPDX-License-Identifier: MIT */
#include "base/json_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 1024u

static void add(struct json_text *t, const char *bytes, size_t size)
{
    size_t room = t->room > 0 ? t->room : FIRST_ROOM;
    char *larger;

    while (!t->failed && room - t->used < size)
        room *= 2;
    if (!t->failed && room > t->room) {
        larger = realloc(t->bytes, room);
        t->failed = larger == NULL;
        if (larger != NULL) {
            t->bytes = larger;
            t->room = room;
        }
    }
    if (t->failed)
        return;
    memcpy(t->bytes + t->used, bytes, size);
    t->used += size;
}

static void add_text(struct json_text *t, const char *text)
{
    add(t, text, strlen(text));
}

static bool is_plain(char c)
{
    return c != '"' && c != '\\' && (unsigned char)c >= 0x20;
}

static void add_escaped(struct json_text *t, const char *text)
{
    char code[8];

    add_text(t, "\"");
    while (*text != '\0') {
        size_t plain = 0;

        while (is_plain(text[plain]))
            plain++;
        add(t, text, plain);
        text += plain;
        if (*text == '\0')
            break;
        snprintf(code, sizeof(code), (unsigned char)*text < 0x20 ? "\\u%04x" : "\\%c",
                 (unsigned char)*text);
        add_text(t, code);
        text++;
    }
    add_text(t, "\"");
}

static void begin_value(struct json_text *t, const char *key)
{
    if (!t->first)
        add_text(t, ",");
    t->first = false;
    if (key == NULL)
        return;
    add_escaped(t, key);
    add_text(t, ":");
}

void json_text_init(struct json_text *t)
{
    *t = (struct json_text){.first = true};
}

void json_text_open(struct json_text *t, const char *key, char bracket)
{
    begin_value(t, key);
    add(t, &bracket, 1);
    t->first = true;
}

void json_text_close(struct json_text *t, char bracket)
{
    add(t, &bracket, 1);
    t->first = false;
}

void json_text_string(struct json_text *t, const char *key, const char *value)
{
    begin_value(t, key);
    add_escaped(t, value);
}

void json_text_number(struct json_text *t, const char *key, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);

    begin_value(t, key);
    do
        digits[--at] = (char)('0' + value % 10);
    while ((value /= 10) > 0);
    add(t, digits + at, sizeof(digits) - at);
}

void json_text_boolean(struct json_text *t, const char *key, bool value)
{
    begin_value(t, key);
    add_text(t, value ? "true" : "false");
}

struct json_text_mark json_text_mark(const struct json_text *t)
{
    return (struct json_text_mark){.used = t->used, .first = t->first};
}

void json_text_cut(struct json_text *t, struct json_text_mark mark)
{
    t->used = mark.used;
    t->first = mark.first;
}

char *json_text_finish(struct json_text *t)
{
    char *bytes;

    add(t, "\n", 2);
    bytes = t->bytes;
    if (t->failed) {
        free(bytes);
        bytes = NULL;
    }
    json_text_init(t);
    return bytes;
}

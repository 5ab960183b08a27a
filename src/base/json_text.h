/* SPDX-License-Identifier: MIT */
#ifndef BASE_JSON_TEXT_H
#define BASE_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Writes JSON (RFC 8259) as it comes, for processes that must live when there is no memory: a
 * library that keeps a tree of it aborts then. Whatever fails, fails at the end.
 */
struct json_text {
    char *bytes; /* owned */
    size_t used, room;
    bool failed;
    bool first; /* in what is open */
};

void json_text_init(struct json_text *text);
/* Begins an object ('{') or an array ('['). 'key' is NULL in an array, and for the outermost. */
void json_text_open(struct json_text *text, const char *key, char bracket);
/* Ends it: '}' or ']'. */
void json_text_close(struct json_text *text, char bracket);
/* 'value' is written as it is, but for what JSON has to have escaped. */
void json_text_string(struct json_text *text, const char *key, const char *value);
void json_text_number(struct json_text *text, const char *key, uint64_t value);
void json_text_boolean(struct json_text *text, const char *key, bool value);
/* Where the text ends now; json_text_cut goes back to there, as if nothing had come since. Only
 * within what was open then, and is open still. */
struct json_text_mark {
    size_t used;
    bool first;
};

struct json_text_mark json_text_mark(const struct json_text *text);
void json_text_cut(struct json_text *text, struct json_text_mark mark);
/* The text with a line's end, which the caller frees; NULL if there was no memory for all of it.
 * The writer is empty then. */
char *json_text_finish(struct json_text *text);

#endif

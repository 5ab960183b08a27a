/* SPDX-License-Identifier: MIT */
#include "hostblob/device_spec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hostblob/device_program.h"

static const char *const kinds[] = {"gpu", "media"};

/* Makes room for one more word, and the NULL behind it. */
static bool grow(struct device_spec *spec)
{
    char **argv, **where;

    if (spec->argc == DEVICE_SPEC_MAX_ARGUMENTS)
        return false;
    argv = realloc(spec->argv, (spec->argc + 2) * sizeof(*argv));
    if (argv == NULL)
        return false;
    spec->argv = argv;
    where = realloc(spec->where, (spec->argc + 1) * sizeof(*where));
    if (where == NULL)
        return false;
    spec->where = where;
    return true;
}

/* Takes ownership of 'word'. */
static bool add_word(struct device_spec *spec, char *word, const char *where)
{
    char *copy = where != NULL ? strdup(where) : NULL;

    if (word == NULL || (where != NULL && copy == NULL) || !grow(spec)) {
        free(word);
        free(copy);
        return false;
    }
    spec->where[spec->argc] = copy;
    spec->argv[spec->argc++] = word;
    spec->argv[spec->argc] = NULL;
    return true;
}

bool device_spec_add(struct device_spec *spec, const char *key, const char *value,
                     const char *where)
{
    const char *option = strcmp(key, "socket") == 0 ? "socket-path" : key;
    char *word;

    if (asprintf(&word, "--%s%s%s", option, value != NULL ? "=" : "", value != NULL ? value : "") <
        0)
        return false;
    if (strcmp(key, "control-path") == 0)
        spec->has_control = true;
    return add_word(spec, word, where);
}

const char *device_spec_begin(struct device_spec *spec, const char *kind)
{
    for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        char *program;

        if (strcmp(kind, kinds[i]) != 0)
            continue;
        spec->kind = strdup(kind);
        program = device_program_path(kind);
        if (program == NULL)
            return "the path of this program cannot be found out";
        if (!add_word(spec, program, NULL) || spec->kind == NULL)
            return "there is no memory";
        if (access(program, X_OK) < 0)
            return "its program is not installed beside this one";
        return NULL;
    }
    return "the kind must be 'gpu' or 'media', as in gpu,socket=/run/gpu.sock,window=256M";
}

static const char *add_pair(struct device_spec *spec, char *pair)
{
    char *value = strchr(pair, '=');

    if (value != NULL)
        *value++ = '\0';
    if (*pair == '\0')
        return "there is an empty word between its commas";
    return device_spec_add(spec, pair, value, NULL) ? NULL : "it has too many words";
}

const char *device_spec_init(struct device_spec *spec, const char *text)
{
    char *copy = strdup(text), *rest = copy, *pair;
    const char *reason = "there is no memory";

    *spec = (struct device_spec){0};
    if (copy != NULL)
        reason = device_spec_begin(spec, strsep(&rest, ","));
    while (reason == NULL && (pair = strsep(&rest, ",")) != NULL)
        reason = add_pair(spec, pair);
    free(copy);
    if (reason == NULL && device_spec_value(spec, "socket-path") == NULL)
        reason = "it needs socket=PATH, where the front-end will connect";
    return reason;
}

const char *device_spec_value(const struct device_spec *spec, const char *key)
{
    size_t length = strlen(key);

    for (unsigned i = 1; i < spec->argc; i++)
        if (strncmp(spec->argv[i] + 2, key, length) == 0 && spec->argv[i][2 + length] == '=')
            return spec->argv[i] + 3 + length;
    return NULL;
}

bool device_spec_same(const struct device_spec *a, const struct device_spec *b)
{
    if (a->argc != b->argc)
        return false;
    for (unsigned i = 0; i < a->argc; i++)
        if (strcmp(a->argv[i], b->argv[i]) != 0)
            return false;
    return true;
}

void device_spec_finish(struct device_spec *spec)
{
    for (unsigned i = 0; i < spec->argc; i++) {
        free(spec->argv[i]);
        free(spec->where[i]);
    }
    free(spec->argv);
    free(spec->where);
    free(spec->kind);
    free(spec->name);
    free(spec->place);
    *spec = (struct device_spec){0};
}

struct device_spec *device_set_add(struct device_set *set)
{
    struct device_spec *spec = set->count < DEVICE_SPEC_MAX ? calloc(1, sizeof(*spec)) : NULL;

    if (spec != NULL)
        set->all[set->count++] = spec;
    return spec;
}

void device_set_finish(struct device_set *set)
{
    for (unsigned i = 0; i < set->count; i++)
        if (set->all[i] != NULL) { /* or another has it now */
            device_spec_finish(set->all[i]);
            free(set->all[i]);
        }
    set->count = 0;
}

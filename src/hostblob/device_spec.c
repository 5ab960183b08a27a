/* SPDX-License-Identifier: MIT */
#include "hostblob/device_spec.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const kinds[] = {"gpu", "media"};

char *device_spec_program(const char *kind)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    char *slash, *path;

    if (n < 0)
        return NULL;
    self[n] = '\0';
    slash = strrchr(self, '/');
    if (slash == NULL)
        return NULL;
    *slash = '\0';
    return asprintf(&path, "%s/hostblob-%s", self, kind) < 0 ? NULL : path;
}

bool device_spec_add(struct device_spec *spec, const char *key, const char *value)
{
    char *argument;
    const char *option = strcmp(key, "socket") == 0 ? "socket-path" : key;

    if (spec->argc == DEVICE_SPEC_MAX_ARGUMENTS ||
        asprintf(&argument, "--%s%s%s", option, value != NULL ? "=" : "",
                 value != NULL ? value : "") < 0)
        return false;
    spec->argv[spec->argc++] = argument;
    return true;
}

static const char *find_program(struct device_spec *spec)
{
    for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(spec->kind, kinds[i]) != 0)
            continue;
        spec->program = device_spec_program(spec->kind);
        if (spec->program == NULL)
            return "the path of this program cannot be found out";
        if (access(spec->program, X_OK) < 0)
            return "its program is not installed beside this one";
        spec->argv[spec->argc++] = strdup(spec->program);
        return NULL;
    }
    return "the kind must be 'gpu' or 'media', as in gpu,socket=/run/gpu.sock,window=256M";
}

const char *device_spec_init(struct device_spec *spec, const char *text)
{
    char *rest, *pair;
    const char *reason;
    bool has_socket = false;

    *spec = (struct device_spec){.text = strdup(text)};
    if (spec->text == NULL)
        return "there is no memory";
    rest = spec->text;
    spec->kind = strsep(&rest, ",");
    reason = find_program(spec);
    if (reason != NULL)
        return reason;
    while ((pair = strsep(&rest, ",")) != NULL) {
        char *value = strchr(pair, '=');
        if (value != NULL)
            *value++ = '\0';
        if (*pair == '\0')
            return "there is an empty word between its commas";
        if (!device_spec_add(spec, pair, value))
            return "it has too many words";
        spec->has_control = spec->has_control || strcmp(pair, "control-path") == 0;
        has_socket = has_socket || (strcmp(pair, "socket") == 0 && value != NULL);
    }
    return has_socket ? NULL : "it needs socket=PATH, where the front-end will connect";
}

void device_spec_finish(struct device_spec *spec)
{
    for (unsigned i = 0; i < spec->argc; i++)
        free(spec->argv[i]);
    free(spec->program);
    free(spec->text);
    *spec = (struct device_spec){0};
}

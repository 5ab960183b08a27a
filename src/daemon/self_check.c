/* SPDX-License-Identifier: MIT */
#include "daemon/self_check.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/trial.h"
#include "buffer/exporter.h"
#include "daemon/sandbox.h"

/* The kinds of memory that are mapped by themselves; the arena needs nothing. */
static struct json_object *check_exporters(const char *drm_node)
{
    struct json_object *all = json_object_new_object();
    struct exporter_verdict verdicts[EXPORTER_KINDS];
    unsigned count = exporter_check(drm_node, verdicts);

    for (unsigned i = 0; i < count; i++) {
        struct json_object *item = json_object_new_object();
        const struct exporter_verdict *v = &verdicts[i];

        json_object_object_add(item, "in", json_object_new_boolean(v->works));
        if (v->text[0] != '\0')
            json_object_object_add(item, v->works ? "with" : "why",
                                   json_object_new_string(v->text));
        json_object_object_add(all, exporter_kind_name(v->kind), item);
    }
    return all;
}

/* The layers of the processes' sandbox. */
static struct json_object *check_sandbox(void)
{
    struct json_object *all = json_object_new_object();
    char text[TRIAL_TEXT];
    const char *name;
    bool works;

    for (unsigned i = 0; (name = sandbox_try(i, &works, text, sizeof(text))) != NULL; i++) {
        struct json_object *item = json_object_new_object();

        json_object_object_add(item, "in", json_object_new_boolean(works));
        if (!works)
            json_object_object_add(item, "why", json_object_new_string(text));
        json_object_object_add(all, name, item);
    }
    return all;
}

int self_check(const struct program *program, const struct options *options, char *const *argv)
{
    const char *drm_node = program->drm_node != NULL ? *program->drm_node : NULL;
    struct json_object *root = json_object_new_object();

    json_object_object_add(root, "program", json_object_new_string(program->options.name));
    json_object_object_add(root, "version", json_object_new_string(HOSTBLOB_VERSION));
    json_object_object_add(root, "window", json_object_new_int64((int64_t)options->window));
    if (program->check != NULL)
        program->check(program->options.target, argv, root);
    json_object_object_add(root, "exporters", check_exporters(drm_node));
    json_object_object_add(root, "sandbox", check_sandbox());
    puts(json_object_to_json_string_ext(root,
                                        JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
    json_object_put(root);
    return ferror(stdout) || fflush(stdout) != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

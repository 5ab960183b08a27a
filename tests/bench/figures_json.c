/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include <json-c/json.h>

#include "commit.h" /* made by meson */
#include "tests/bench/figures.h"

static void add_text(struct json_object *to, const char *key, const char *text)
{
    json_object_object_add(to, key,
                           text != NULL && *text != '\0' ? json_object_new_string(text) : NULL);
}

/* With three digits behind the point: nanoseconds, where these are microseconds. */
static void add_number(struct json_object *to, const char *key, double value)
{
    char text[32];

    snprintf(text, sizeof(text), "%.3f", value);
    json_object_object_add(to, key, json_object_new_double_s(value, text));
}

static void add_count(struct json_object *to, const char *key, int64_t value)
{
    json_object_object_add(to, key, json_object_new_int64(value));
}

static void write_line(const struct figures *figures, struct json_object *object)
{
    fprintf(figures->json, "%s\n", json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN));
    fflush(figures->json);
    json_object_put(object);
}

static const char *cores(const struct options *options)
{
    if (options->front_end_cpu == OPTIONS_ANY_CPU || options->back_end_cpu == OPTIONS_ANY_CPU)
        return "any";
    if (options->front_end_cpu == options->back_end_cpu)
        return options->awake ? "same, awake" : "same";
    return options->awake ? "two, awake" : "two";
}

static struct json_object *begin(const struct figures *figures, const char *kind, unsigned round)
{
    struct json_object *object = json_object_new_object();

    add_text(object, "kind", kind);
    add_text(object, "subject", figures->options->subject);
    add_count(object, "round", figures->options->first_round + round);
    return object;
}

/* The processor's name, as the kernel tells it. */
static void add_processor(struct json_object *to)
{
    FILE *file = fopen("/proc/cpuinfo", "re");
    char line[256];

    while (file != NULL && fgets(line, sizeof(line), file) != NULL)
        if (strncmp(line, "model name", 10) == 0 && strchr(line, ':') != NULL) {
            line[strcspn(line, "\n")] = '\0';
            add_text(to, "cpu", strchr(line, ':') + 2);
            break;
        }
    if (file != NULL)
        fclose(file);
}

static void tell_run(const struct figures *figures, unsigned round, int argc, char **argv)
{
    struct json_object *object = begin(figures, "run", round);
    struct json_object *words = json_object_new_array();
    double load[1] = {0};
    struct utsname name;

    for (int i = 0; i < argc; i++)
        json_object_array_add(words, json_object_new_string(argv[i]));
    json_object_object_add(object, "command", words);
    words = json_object_new_array();
    for (char **word = figures->options->exec; word != NULL && *word != NULL; word++)
        json_object_array_add(words, json_object_new_string(*word));
    json_object_object_add(object, "backend", words);
    add_text(object, "device", figures->options->media ? "media" : "gpu");
    if (uname(&name) == 0)
        add_text(object, "kernel", name.release);
    add_processor(object);
    if (getloadavg(load, 1) == 1)
        add_number(object, "load1", load[0]);
    add_text(object, "version", HOSTBLOB_VERSION);
    add_text(object, "commit", BENCH_COMMIT);
    add_text(object, "cores", cores(figures->options));
    add_text(object, "ring", figures->options->plain_ring ? "plain" : "as offered");
    json_object_object_add(object, "quick", json_object_new_boolean(figures->options->quick));
    write_line(figures, object);
}

void figures_json_round(const struct figures *figures, unsigned round, int argc, char **argv)
{
    if (figures->json != NULL)
        tell_run(figures, round, argc, argv);
}

static struct json_object *parameters_of(const struct figures *figures, const struct item *item)
{
    struct json_object *to = json_object_new_object();
    const struct item_parameters *with = &item->with;

    add_text(to, "cores", cores(figures->options));
    if (with->depth != 0)
        add_count(to, "depth", with->depth);
    if (with->size != NULL)
        add_text(to, "size", with->size);
    if (with->entries != 0)
        add_count(to, "entries", with->entries);
    if (with->backing != NULL)
        add_text(to, "backing", with->backing);
    if (with->path != NULL)
        add_text(to, "path", with->path);
    if (item->letter == 'F')
        add_count(to, "live", with->live);
    if (item->floor == FLOOR_MAPPING)
        add_text(to, "front_end", front_end_name(with->front_end));
    return to;
}

void figures_json_result(const struct figures *figures, const struct result *result)
{
    struct json_object *object, *values;

    if (figures->json == NULL)
        return;
    object = begin(figures, "item", result->round);
    add_text(object, "item", result->item->name);
    json_object_object_add(object, "parameters", parameters_of(figures, result->item));
    add_count(object, "n", (int64_t)result->operations);
    add_number(object, "wall_us", (double)result->wall_ns / 1000);
    add_number(object, "backend_cpu_us", (double)result->back_ns / 1000);
    add_number(object, "client_cpu_us", (double)result->front_ns / 1000);
    add_count(object, "per_turn", result->item->per_turn);
    json_object_object_add(object, "paced", json_object_new_boolean(result->item->paced));
    add_number(object, "min_us", result->least_us);
    add_number(object, "p50_us", result->p50_us);
    add_number(object, "p99_us", result->p99_us);
    add_number(object, "p999_us", result->p999_us);
    if (result->bytes > 0)
        add_count(object, "bytes", (int64_t)result->bytes);
    else
        json_object_object_add(object, "bytes", NULL);
    add_text(object, "floor", result->floor_ns > 0 ? floor_name(result->item->floor) : NULL);
    add_number(object, "floor_us", result->floor_ns / 1000);
    add_text(object, "gauge", result->gauge);
    add_number(object, "gauge_us", result->gauge_ns / 1000);
    add_count(object, "slices", result->slices);
    add_count(object, "steady", result->steady);
    values = json_object_new_object();
    for (unsigned i = 0; i < result->value_count; i++)
        add_number(values, result->values[i].name, result->values[i].value);
    json_object_object_add(object, "values", values);
    add_text(object, "unsupported", result->unsupported);
    add_text(object, "failed", result->failed);
    write_line(figures, object);
}

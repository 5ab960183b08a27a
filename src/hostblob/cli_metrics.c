/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "base/fd.h"
#include "base/histogram.h"
#include "hostblob/cli.h"
#include "hostblob/devices.h"
#include "hostblob/figures.h"
#include "hostblob/json_path.h"
#include "hostblob/process_usage.h"
#include "hostblob/save_file.h"

/*
 * Prometheus' text format, version 0.0.4: all samples of a metric stand together, behind its HELP
 * and TYPE. Times are seconds and sizes bytes, as its rules for names ask.
 */

/* A label's value, whatever a device said. */
static void put_escaped(FILE *to, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\\' || *text == '"')
            putc('\\', to);
        if (*text == '\n')
            fputs("\\n", to);
        else
            putc(*text, to);
    }
}

static void put_head(FILE *to, const char *name, const char *type, const char *help)
{
    fprintf(to, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* NAME{device="gpu",kind="gpu"  - the caller closes it. */
static void put_labels(FILE *to, const char *name, const struct devices *d, unsigned i)
{
    fprintf(to, "%s{device=\"", name);
    put_escaped(to, d->all[i].name);
    fputs("\",kind=\"", to);
    put_escaped(to, figures_kind(d->all[i].report));
    putc('"', to);
}

static void put_sample(FILE *to, const char *name, const struct devices *d, unsigned i,
                       uint64_t value)
{
    put_labels(to, name, d, i);
    fprintf(to, "} %" PRIu64 "\n", value);
}

/* ---- what is one number of the report ---- */

struct metric {
    const char *name, *type, *path, *help;
};

static const struct metric metrics[] = {
    {"hostblob_window_bytes", "gauge", "/region/size", "Size of the guest's memory window."},
    {"hostblob_mapped_buffers", "gauge", "/device/mapped", "Buffers in the guest's window."},
    {"hostblob_resources", "gauge", "/device/resources", "GPU resources, or media buffers."},
    {"hostblob_resource_bytes", "gauge", "/device/bytes", "Host memory that they may use."},
    {"hostblob_contexts", "gauge", "/device/contexts", "Rendering contexts."},
    {"hostblob_sessions", "gauge", "/device/sessions", "Open files of a media device."},
    {"hostblob_shared_objects", "gauge", "/shared_objects", "Buffers that other devices may have."},
    {"hostblob_rings_started", "gauge", "/rings_started", "Queues that the guest's driver runs."},
    {"hostblob_maps_total", "counter", "/counters/maps", "Buffers put into the window."},
    {"hostblob_unmaps_total", "counter", "/counters/unmaps", "Buffers taken out of it."},
    {"hostblob_shmem_requests_total", "counter", "/counters/shmem_requests",
     "Requests to the front-end to map or unmap."},
    {"hostblob_shmem_refused_total", "counter", "/counters/shmem_refused",
     "Those that it refused, or did not answer in time."},
    {"hostblob_commands_total", "counter", "/counters/commands", "Commands answered."},
    {"hostblob_command_errors_total", "counter", "/counters/command_errors",
     "Those that were answered with an error."},
    {"hostblob_chains_bad_total", "counter", "/counters/chains_bad",
     "Descriptor chains that broke the rules."},
    {"hostblob_memory_lost_total", "counter", "/counters/memory_lost",
     "Mappings of guest memory whose file was cut short."},
    {"hostblob_front_end_errors_total", "counter", "/counters/front_end_errors",
     "Requests of the front-end that were refused."},
    {"hostblob_connections_total", "counter", "/counters/connections", "Front-ends that came."},
    {"hostblob_left_mapped_total", "counter", "/counters/left_mapped",
     "Buffers that were in the window when a front-end left."},
    {"hostblob_worker_starts_total", "counter", "/counters/worker_starts",
     "Times that the worker was started."},
    {"hostblob_events_sent_total", "counter", "/counters/events_sent",
     "Events given to the guest."},
    {"hostblob_frames_total", "counter", "/counters/frames",
     "Media frames given to the guest, or pictures that a GPU was given to show."},
    {"hostblob_frames_dropped_total", "counter", "/counters/frames_dropped",
     "Frames for which the guest had no buffer."},
};

static void put_numbers(FILE *to, const struct devices *d)
{
    for (size_t m = 0; m < sizeof(metrics) / sizeof(metrics[0]); m++) {
        put_head(to, metrics[m].name, metrics[m].type, metrics[m].help);
        for (unsigned i = 0; i < d->count; i++)
            put_sample(to, metrics[m].name, d, i,
                       json_path_number(d->all[i].report, metrics[m].path));
    }
}

/* ---- what is made of the report ---- */

static void put_states(FILE *to, const struct devices *d)
{
    put_head(to, "hostblob_info", "gauge", "1, and what the device is.");
    for (unsigned i = 0; i < d->count; i++) {
        put_labels(to, "hostblob_info", d, i);
        fputs(",version=\"", to);
        put_escaped(to, json_path_text(d->all[i].report, "/version"));
        fputs("\",mapping=\"", to);
        put_escaped(to, json_path_text(d->all[i].report, "/mapping_mode"));
        fputs("\"} 1\n", to);
    }
    put_head(to, "hostblob_front_end_connected", "gauge", "Whether a front-end is there.");
    for (unsigned i = 0; i < d->count; i++)
        put_sample(to, "hostblob_front_end_connected", d, i,
                   strcmp(json_path_text(d->all[i].report, "/front_end"), "connected") == 0);
    put_head(to, "hostblob_mapped_bytes", "gauge", "Bytes of the buffers in the guest's window.");
    for (unsigned i = 0; i < d->count; i++)
        put_sample(to, "hostblob_mapped_bytes", d, i, figures_mapped(d->all[i].report));
}

static void put_processes(FILE *to, const struct devices *d)
{
    static struct process_usage usage[RUN_DIRECTORY_MAX];

    for (unsigned i = 0; i < d->count; i++)
        process_usage_read(&usage[i], (int)json_path_number(d->all[i].report, "/starter/pid"));
    put_head(to, "hostblob_cpu_seconds_total", "counter",
             "Processor time of the device's processes that run now.");
    for (unsigned i = 0; i < d->count; i++) {
        put_labels(to, "hostblob_cpu_seconds_total", d, i);
        fprintf(to, "} %.2f\n", (double)usage[i].cpu_ns / 1e9);
    }
    put_head(to, "hostblob_memory_bytes", "gauge",
             "Memory of the device's processes; shared memory is divided among those that share it "
             "where method is pss.");
    for (unsigned i = 0; i < d->count; i++) {
        put_labels(to, "hostblob_memory_bytes", d, i);
        fprintf(to, ",method=\"%s\"} %" PRIu64 "\n", usage[i].shared_once ? "pss" : "rss",
                usage[i].memory);
    }
}

static void put_limit(FILE *to, const struct devices *d, const struct metric *metric)
{
    put_head(to, metric->name, metric->type, metric->help);
    for (unsigned i = 0; i < d->count; i++) {
        struct json_object *limits = json_path_get(d->all[i].report, "/limits", json_type_object);

        if (limits == NULL)
            continue;
        json_object_object_foreach(limits, name, limit)
        {
            put_labels(to, metric->name, d, i);
            fputs(",limit=\"", to);
            put_escaped(to, name);
            fputs("\",unit=\"", to);
            put_escaped(to, json_path_text(limit, "/unit"));
            fprintf(to, "\"} %" PRIu64 "\n", json_path_number(limit, metric->path));
        }
    }
}

static void put_limits(FILE *to, const struct devices *d)
{
    static const struct metric rows[] = {
        {"hostblob_limit_used", "gauge", "/used", "What the guest has of it."},
        {"hostblob_limit_peak", "gauge", "/peak", "The most that it had."},
        {"hostblob_limit_max", "gauge", "/limit", "What it may have."},
        {"hostblob_limit_refused_total", "counter", "/refused", "Times that it was refused more."},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        put_limit(to, d, &rows[i]);
}

/* ---- histograms ---- */

/* How many took less than that, by the report's list of buckets that hold something. */
static uint64_t count_below(struct json_object *buckets, uint64_t below_us)
{
    uint64_t count = 0;

    for (size_t i = 0; buckets != NULL && i < json_object_array_length(buckets); i++) {
        struct json_object *bucket = json_object_array_get_idx(buckets, i);
        uint64_t end = json_path_number(bucket, "/below_us");

        if (end != 0 && end <= below_us)
            count += json_path_number(bucket, "/count");
    }
    return count;
}

static void put_times(FILE *to, const struct devices *d, unsigned i, const char *name,
                      struct json_object *times)
{
    struct json_object *buckets = json_path_get(times, "/buckets", json_type_array);
    char series[80];

    snprintf(series, sizeof(series), "%s_bucket", name);
    for (unsigned b = 0; b + 1 < HISTOGRAM_BUCKETS; b++) {
        put_labels(to, series, d, i);
        fprintf(to, ",le=\"%.10g\"} %" PRIu64 "\n", (double)histogram_below_us(b) / 1e6,
                count_below(buckets, histogram_below_us(b)));
    }
    put_labels(to, series, d, i);
    fprintf(to, ",le=\"+Inf\"} %" PRIu64 "\n", json_path_number(times, "/count"));
    snprintf(series, sizeof(series), "%s_sum", name);
    put_labels(to, series, d, i);
    fprintf(to, "} %.9f\n", (double)json_path_number(times, "/sum_ns") / 1e9);
    snprintf(series, sizeof(series), "%s_count", name);
    put_sample(to, series, d, i, json_path_number(times, "/count"));
}

static void put_histogram(FILE *to, const struct devices *d, const struct metric *metric)
{
    put_head(to, metric->name, "histogram", metric->help);
    for (unsigned i = 0; i < d->count; i++) {
        struct json_object *times = json_path_get(d->all[i].report, metric->path, json_type_object);

        if (times != NULL)
            put_times(to, d, i, metric->name, times);
    }
}

static void put_histograms(FILE *to, const struct devices *d)
{
    static const struct metric rows[] = {
        {"hostblob_map_duration_seconds", "histogram", "/latencies/map",
         "From the wish to map a buffer to the front-end's answer."},
        {"hostblob_unmap_duration_seconds", "histogram", "/latencies/unmap",
         "From the wish to unmap a buffer to the front-end's answer."},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        put_histogram(to, d, &rows[i]);
}

/* ---- the command ---- */

static int give(const struct devices *d, const char *file)
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    int r;

    if (to == NULL)
        return cli_failed("There is no memory for the metrics");
    put_states(to, d);
    put_numbers(to, d);
    put_processes(to, d);
    put_limits(to, d);
    put_histograms(to, d);
    r = fclose(to) == 0 ? 0 : -1;
    if (r == 0)
        r = strcmp(file, "-") == 0 ? fd_write_all(STDOUT_FILENO, text, size)
                                   : save_file(file, text, size);
    free(text);
    return r < 0 ? cli_failed("The metrics cannot be written to %s: %s", file, strerror(-r))
                 : EXIT_SUCCESS;
}

/* Takes the option out of the arguments. How many are left, or -1 after saying what is wrong. */
static int take_output(const struct cli_command *command, int argc, char **argv, const char **file)
{
    int left = 1;

    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--output=", 9) == 0)
            *file = argv[i] + 9;
        else if (strcmp(argv[i], "--output") == 0 && i + 1 < argc)
            *file = argv[++i];
        else
            argv[left++] = argv[i];
    }
    if (**file != '\0')
        return cli_take(command, left, argv, NULL, 0, RUN_DIRECTORY_MAX);
    cli_wrong(command, "--output needs a file's name");
    return -1;
}

static int metrics_run(const struct cli_command *command, int argc, char **argv)
{
    const char *file = "-";
    struct devices d;
    int status, count = take_output(command, argc, argv, &file);

    if (count < 0)
        return CLI_WRONG;
    status = devices_read(&d, count, argv + 1);
    if (give(&d, file) != EXIT_SUCCESS)
        status = EXIT_FAILURE;
    devices_finish(&d);
    return status;
}

const struct cli_command cli_metrics = {
    .name = "metrics",
    .arguments = "[--output=FILE] [DEVICE ...]",
    .summary = "Write what the devices count, for Prometheus.",
    .help =
        "All devices of the run directory, or those that are named, in Prometheus' text format:\n"
        "each sample has the labels device and kind.\n"
        "\n"
        "  --output=FILE\n"
        "        Write them there and not to standard output. The file is replaced when the\n"
        "        new one is whole, as node_exporter's textfile collector wants it.\n"
        "\n"
        "Examples:\n"
        "  hostblob metrics\n"
        "  hostblob metrics --output=/var/lib/node_exporter/textfile/hostblob.prom\n",
    .run = metrics_run,
};

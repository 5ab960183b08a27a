/* SPDX-License-Identifier: MIT */
#include "hostblob/top_sample.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "hostblob/ask.h"
#include "hostblob/figures.h"
#include "hostblob/json_path.h"

#define SECONDS 2u /* that one device may keep the others waiting */

static void take_report(struct top_device *d, struct json_object *report)
{
    d->answers = true;
    snprintf(d->kind, sizeof(d->kind), "%s", figures_kind(report));
    snprintf(d->front_end, sizeof(d->front_end), "%s", json_path_text(report, "/front_end"));
    d->device = json_path_number(report, "/starter/pid");
    d->mapped = figures_mapped(report);
    d->maps = json_path_number(report, "/counters/maps");
    d->commands = json_path_number(report, "/counters/commands");
    d->frames = json_path_number(report, "/counters/frames");
    d->errors = figures_errors(report);
    process_usage_read(&d->usage, (int)d->device);
}

/* -ECONNREFUSED, -ENOENT: that device has ended. */
static int add(struct top_sample *sample, const char *name, const char *path)
{
    struct top_device *d = &sample->all[sample->count];
    struct json_object *report;
    char why[ASK_WHY];
    int r;

    *d = (struct top_device){.answers = false};
    snprintf(d->name, sizeof(d->name), "%s", name);
    snprintf(d->path, sizeof(d->path), "%s", path);
    r = ask_report_within(path, SECONDS, &report, why);
    if (r == -ECONNREFUSED || r == -ENOENT)
        return r;
    d->at_ns = units_now_ns();
    if (r == 0) {
        take_report(d, report);
        json_object_put(report);
    }
    sample->count++;
    return 0;
}

static int read_all(struct top_sample *sample, char *why)
{
    static struct run_directory directory;
    char path[RUN_DIRECTORY_PATH];

    if (!run_directory_read(&directory)) {
        snprintf(why, ASK_WHY,
                 "There is no run directory to look in (XDG_RUNTIME_DIR is not set). Name the "
                 "devices by the paths of their control sockets");
        return -ENOENT;
    }
    for (unsigned i = 0; i < directory.count; i++)
        if (run_directory_socket(directory.path, directory.names[i], path))
            add(sample, directory.names[i], path);
    return 0;
}

int top_sample_read(struct top_sample *sample, int count, char **names, char *why)
{
    sample->count = 0;
    if (count == 0)
        return read_all(sample, why);
    for (int i = 0; i < count; i++) {
        char path[RUN_DIRECTORY_PATH];
        int r = ask_find(names[i], path, why);

        if (r < 0)
            return r;
        add(sample, names[i], path);
    }
    return 0;
}

const struct top_device *top_sample_find(const struct top_sample *sample,
                                         const struct top_device *device)
{
    for (unsigned i = 0; i < sample->count; i++)
        if (strcmp(sample->all[i].path, device->path) == 0 && sample->all[i].answers &&
            sample->all[i].device == device->device)
            return &sample->all[i];
    return NULL;
}

static double rate(uint64_t before, uint64_t now, double seconds)
{
    return now > before ? (double)(now - before) / seconds : 0;
}

struct top_rates top_sample_rates(const struct top_device *before, const struct top_device *now)
{
    double seconds;

    if (before == NULL || !now->answers || now->at_ns <= before->at_ns)
        return (struct top_rates){0};
    seconds = (double)(now->at_ns - before->at_ns) / 1e9;
    return (struct top_rates){
        .cpu = rate(before->usage.cpu_ns, now->usage.cpu_ns, seconds) / 1e7,
        .maps = rate(before->maps, now->maps, seconds),
        .commands = rate(before->commands, now->commands, seconds),
        .frames = rate(before->frames, now->frames, seconds),
    };
}

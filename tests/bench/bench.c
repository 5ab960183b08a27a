/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "tests/bench/awake.h"
#include "tests/bench/figures.h"
#include "tests/bench/measure.h"
#include "tests/bench/probe.h"

/*
 * hostblob-bench: drives a back-end through its work, and says what it cost. --help says more.
 */
const struct item *const item_families[] = {
    item_commands, item_transfers, item_presents, item_blobs,
    item_streams,  item_lives,     item_soaks,    NULL};

static bool is_for(const struct item *item, const struct options *options)
{
    return item->device == ITEM_ANY || (item->device == ITEM_MEDIA) == options->media;
}

static bool is_wanted(const struct item *item, const struct options *options)
{
    bool fits = is_for(item, options) && !(options->quick && item->slow);

    return (fits || options->list) &&
           options_want(options, item->letter, item->name, item->with.depth, item->with.live);
}

/* Calls 'each' for every wanted item; the number of them. */
static unsigned each_item(const struct options *options,
                          void (*each)(const struct item *item, void *data), void *data)
{
    unsigned count = 0;

    for (const struct item *const *family = item_families; *family != NULL; family++)
        for (const struct item *item = *family; item->name != NULL; item++)
            if (is_wanted(item, options)) {
                if (each != NULL)
                    each(item, data);
                count++;
            }
    return count;
}

static void list_item(const struct item *item, void *data)
{
    static const char *const devices[] = {"gpu", "media", "any"};
    char name[FIGURES_NAME];

    figures_name(item, name);
    printf("%c %-5s %s\n", item->letter, devices[item->device], name);
}

static void measure_item(const struct item *item, void *data)
{
    struct figures *figures = data;
    struct result result;

    measure(item, figures->options, &result);
    result.round = figures->rounds - 1;
    if (figures_add(figures, &result) < 0)
        fprintf(stderr, "hostblob-bench: there is no memory for the figures\n");
}

static void say_where(const struct options *options)
{
    if (options->front_end_cpu != options->back_end_cpu)
        printf("The front-end runs on processor %d, the back-end on %d (-1: any).\n",
               options->front_end_cpu, options->back_end_cpu);
    else if (options->front_end_cpu != OPTIONS_ANY_CPU)
        printf("Front-end and back-end share processor %d: no other one has to be woken.\n",
               options->front_end_cpu);
    if (options->exec == NULL && options->back_end_cpu != OPTIONS_ANY_CPU)
        printf("The back-end was not started here: it runs where it was put.\n");
}

/* A descriptor for each live mapping; what is not allowed shows when it is needed. */
static void allow_descriptors(void)
{
    struct rlimit limit = {1u << 17, 1u << 17};

    if (setrlimit(RLIMIT_NOFILE, &limit) == 0 || getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static int work(struct figures *figures, int argc, char **argv)
{
    const struct options *options = figures->options;
    bool failed;

    for (unsigned round = 0; round < options->rounds; round++) {
        figures_round(figures, argc, argv);
        each_item(options, measure_item, figures);
    }
    failed = figures_print(figures, stdout) > 0;
    return figures_report(figures) < 0 || failed;
}

int main(int argc, char **argv)
{
    static struct figures figures;
    struct options options;
    int r = options_read(&options, argc, argv);

    if (r > 0)
        return r - 1;
    if (options.list || each_item(&options, NULL, NULL) == 0) {
        if (!options.list)
            fprintf(stderr, "hostblob-bench: no item is called so; --list shows them\n");
        return options.list ? each_item(&options, list_item, NULL) == 0 : 2;
    }
    signal(SIGPIPE, SIG_IGN);
    frontend_patience = 8000;
    allow_descriptors();
    floor_pin(options.front_end_cpu);
    say_where(&options);
    if (figures_begin_report(&options) < 0)
        return 2;
    r = figures_init(&figures, &options);
    if (r < 0) {
        fprintf(stderr, "hostblob-bench: %s cannot be written: %s\n", options.json, strerror(-r));
        return 2;
    }
    probe(&options, figures.json);
    r = options.awake ? awake_keep(options.front_end_cpu, options.back_end_cpu) : 0;
    if (r < 0)
        fprintf(stderr, "hostblob-bench: --awake: %s\n", strerror(-r));
    r = r < 0 ? 1 : work(&figures, argc, argv);
    figures_finish(&figures);
    return r;
}

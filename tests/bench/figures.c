/* SPDX-License-Identifier: MIT */
#include "tests/bench/figures.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int figures_init(struct figures *figures, const struct options *options)
{
    memset(figures, 0, sizeof(*figures));
    figures->options = options;
    if (options->json == NULL)
        return 0;
    figures->json = fopen(options->json, "ae");
    return figures->json != NULL ? 0 : -errno;
}

void figures_finish(struct figures *figures)
{
    if (figures->json != NULL)
        fclose(figures->json);
    free(figures->results);
}

void figures_round(struct figures *figures, int argc, char **argv)
{
    figures_json_round(figures, figures->rounds++, argc, argv);
}

int figures_add(struct figures *figures, const struct result *result)
{
    if (figures->count == figures->room) {
        unsigned room = figures->room * 2 + 64;
        struct result *more = realloc(figures->results, room * sizeof(*more));

        if (more == NULL)
            return -ENOMEM;
        figures->results = more;
        figures->room = room;
    }
    figures->results[figures->count++] = *result;
    figures_json_result(figures, result);
    return 0;
}

/* Adds to what is there; what does not fit is left out. */
static void add_word(char text[static FIGURES_NAME], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void add_word(char text[static FIGURES_NAME], const char *format, ...)
{
    size_t have = strlen(text);
    va_list args;
    int size;

    va_start(args, format);
    size = vsnprintf(text + have, FIGURES_NAME - have, format, args);
    va_end(args);
    if (size < 0 || (size_t)size >= FIGURES_NAME - have)
        text[have] = '\0';
}

void figures_name(const struct item *item, char text[static FIGURES_NAME])
{
    const struct item_parameters *with = &item->with;

    text[0] = '\0';
    add_word(text, "%s", item->name);
    if (with->depth != 0)
        add_word(text, " x%u", with->depth);
    if (with->size != NULL)
        add_word(text, " %s", with->size);
    if (with->entries != 0)
        add_word(text, " %u pieces", with->entries);
    if (with->live != 0)
        add_word(text, " of %u", with->live);
    if (with->backing != NULL)
        add_word(text, " %s", with->backing);
    if (with->path != NULL)
        add_word(text, " %s", with->path);
    if (item->floor == FLOOR_MAPPING)
        add_word(text, " %s", front_end_name(with->front_end));
}

/* A figure of a result; NAN where there is none. */
typedef double figure(const struct result *result);

static double wall_us(const struct result *result)
{
    return (double)result->wall_ns / 1000 / (double)result->operations;
}

static double back_us(const struct result *result)
{
    return (double)result->back_ns / 1000 / (double)result->operations;
}

static double front_us(const struct result *result)
{
    return (double)result->front_ns / 1000 / (double)result->operations;
}

static double p50(const struct result *result)
{
    return result->p50_us;
}

static double p99(const struct result *result)
{
    return result->p99_us;
}

/* Whether the work was seen to be done; if it was not, being fast is nothing. */
static bool is_proved(const struct result *result)
{
    for (unsigned i = 0; i < result->value_count; i++)
        if (strcmp(result->values[i].name, "proved") == 0)
            return result->values[i].value != 0;
    return true;
}

/* Of the medians: what comes between turns is no part of either. */
static double ratio(const struct result *result)
{
    double each_ns = result->item->paced ? back_us(result) * 1000
                                         : result->p50_us * 1000 / result->item->per_turn;

    return result->floor_ns > 0 && is_proved(result) ? each_ns / result->floor_ns : NAN;
}

static double speed(const struct result *result)
{
    return result->bytes > 0 && is_proved(result) ? (double)result->bytes / (double)result->wall_ns
                                                  : NAN;
}

static int compare(const void *a, const void *b)
{
    double one = *(const double *)a, other = *(const double *)b;

    return one < other ? -1 : one > other;
}

/* Sorts them; there is one at least. */
static double middle_of(double *values, unsigned count)
{
    qsort(values, count, sizeof(*values), compare);
    return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

/* The median over the rounds of an item; 'spread' (or NULL) is what the furthest is away from it.
 * 'steady': only of rounds in which a slice counts. NAN when no round counts. */
static double median(const struct figures *figures, const struct item *item, figure *of,
                     bool steady, double *spread)
{
    double values[1000], middle;
    unsigned count = 0;

    for (unsigned i = 0; i < figures->count && count < 1000; i++) {
        const struct result *result = &figures->results[i];

        if (result->item == item && result->operations > 0 && !(steady && result->steady == 0) &&
            !isnan(of(result)))
            values[count++] = of(result);
    }
    if (count == 0)
        return NAN;
    middle = middle_of(values, count);
    if (spread != NULL)
        *spread = fmax(values[count - 1] - middle, middle - values[0]) / middle;
    return middle;
}

static void print_number(FILE *to, double value, int width, const char *unit)
{
    if (isnan(value))
        fprintf(to, " %*s%*s", width, "-", (int)strlen(unit), "");
    else
        fprintf(to, " %*.*f%s", width, value < 10 ? 2 : value < 100 ? 1 : 0, value, unit);
}

static void print_values(FILE *to, const struct figures *figures, const struct result *last)
{
    fprintf(to, "%37s", "");
    for (unsigned v = 0; v < last->value_count; v++) {
        double values[1000];
        unsigned count = 0;

        for (unsigned i = 0; i < figures->count && count < 1000; i++)
            if (figures->results[i].item == last->item && v < figures->results[i].value_count)
                values[count++] = figures->results[i].values[v].value;
        fprintf(to, "%s%s %.6g", v > 0 ? ", " : "", last->values[v].name, middle_of(values, count));
    }
    fprintf(to, "\n");
}

static void print_item(FILE *to, const struct figures *figures, const struct result *last)
{
    const struct item *item = last->item;
    double spread = NAN;
    char name[FIGURES_NAME];

    figures_name(item, name);
    fprintf(to, "%c %-34s", item->letter, name);
    if (last->failed[0] != '\0' || last->unsupported[0] != '\0') {
        fprintf(to, " %s: %s\n", last->failed[0] != '\0' ? "FAILED" : "unsupported",
                last->failed[0] != '\0' ? last->failed : last->unsupported);
        return;
    }
    if (last->operations > 0) {
        double wall = median(figures, item, wall_us, false, figures->rounds > 1 ? &spread : NULL);

        print_number(to, 1e6 / wall, 9, "");
        print_number(to, wall, 9, "");
        print_number(to, median(figures, item, back_us, false, NULL), 8, "");
        print_number(to, median(figures, item, front_us, false, NULL), 8, "");
        print_number(to, median(figures, item, p50, false, NULL), 8, "");
        print_number(to, median(figures, item, p99, false, NULL), 8, "");
        print_number(to, median(figures, item, speed, false, NULL), 6, "");
        print_number(to, spread * 100, 5, "%");
        print_number(to, median(figures, item, ratio, true, NULL), 6, "");
        fprintf(to, "\n");
    }
    if (last->value_count > 0)
        print_values(to, figures, last);
}

/* Slices of time in which the machine was not as fast at the end as at the beginning. */
static void print_unsteady(FILE *to, const struct figures *figures)
{
    unsigned slices = 0, steady = 0;

    for (unsigned i = 0; i < figures->count; i++) {
        slices += figures->results[i].slices;
        steady += figures->results[i].steady;
    }
    if (steady < slices)
        fprintf(to, "In %u of %u slices of time the machine changed its pace: they do not count.\n",
                slices - steady, slices);
}

static bool is_last(const struct figures *figures, unsigned index)
{
    for (unsigned i = index + 1; i < figures->count; i++)
        if (figures->results[i].item == figures->results[index].item)
            return false;
    return true;
}

unsigned figures_print(struct figures *figures, FILE *to)
{
    unsigned failed = 0;

    fprintf(to,
            "\n%s: medians of %u rounds; us unless it says otherwise. A turn is all that is in the "
            "ring.\n%-36s %9s %9s %8s %8s %8s %8s %6s %6s %6s\n",
            figures->options->subject, figures->rounds, "", "per s", "each", "back-end", "front",
            "turn p50", "p99", "GB/s", "spread", "floors");
    for (unsigned i = 0; i < figures->count; i++) {
        failed += figures->results[i].failed[0] != '\0';
        if (is_last(figures, i))
            print_item(to, figures, &figures->results[i]);
    }
    print_unsteady(to, figures);
    return failed;
}

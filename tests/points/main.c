/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "tests/points/points.h"

/*
 * media_points --list         the points: which sorts of node, section, what has to hold
 * media_points --nodes        the sorts of node
 * media_points NODE           tries every point that is about that sort of node
 */

static const struct {
    const struct point *points;
    const unsigned *count;
} files[] = {
    {point_formats, &point_formats_count},         {point_buffers, &point_buffers_count},
    {point_streams, &point_streams_count},         {point_ext_controls, &point_ext_controls_count},
    {point_camera, &point_camera_count},           {point_controls, &point_controls_count},
    {point_events, &point_events_count},           {point_codecs, &point_codecs_count},
    {point_decoders, &point_decoders_count},       {point_encoders, &point_encoders_count},
    {point_user_memory, &point_user_memory_count},
};

#define FILES (sizeof(files) / sizeof(files[0]))
#define MOST 512u

struct trial {
    const struct point *point;
    const struct point_subject *subject;
    struct point_guest guest;
};

static void try_point(void **state)
{
    struct trial *trial = *state;

    point_guest_init(&trial->guest, trial->subject);
    trial->point->run(&trial->guest);
    point_guest_finish(&trial->guest);
}

static unsigned collect(const struct point **all)
{
    unsigned count = 0;

    for (size_t i = 0; i < FILES; i++)
        for (unsigned k = 0; k < *files[i].count && count < MOST; k++)
            all[count++] = &files[i].points[k];
    return count;
}

static const char *about(const struct point *point)
{
    unsigned needs = point->needs & ~(unsigned)POINT_STREAMS;

    return needs & POINT_DECODER       ? "decoder"
           : needs & POINT_ENCODER     ? "encoder"
           : needs & POINT_CODEC       ? "codec"
           : needs & POINT_CAMERA      ? "camera"
           : needs & POINT_MULTIPLANAR ? "planes"
                                       : "all";
}

static int list(void)
{
    const struct point *all[MOST];
    unsigned count = collect(all);

    for (unsigned i = 0; i < count; i++)
        printf("%-8s%-28s%s\n", about(all[i]), all[i]->section, all[i]->what);
    return 0;
}

static int try_all(const struct point_subject *subject)
{
    static struct CMUnitTest tests[MOST];
    static char names[MOST][256];
    const struct point *all[MOST];
    unsigned count = collect(all), chosen = 0;
    struct trial *trials = calloc(count, sizeof(*trials));
    unsigned has = subject->has;
    int failed;

    if (subject->make != NULL && !subject->make()) {
        printf("%s: nothing to work on can be made here, its points of work are left out\n",
               subject->name);
        has &= ~(unsigned)POINT_STREAMS;
    }
    for (unsigned i = 0; i < count; i++) {
        if ((all[i]->needs & has) != all[i]->needs)
            continue;
        trials[chosen].point = all[i];
        trials[chosen].subject = subject;
        snprintf(names[chosen], sizeof(names[0]), "%s: %s", all[i]->section, all[i]->what);
        tests[chosen] = (struct CMUnitTest){
            .name = names[chosen], .test_func = try_point, .initial_state = &trials[chosen]};
        chosen++;
    }
    failed = _cmocka_run_group_tests(subject->name, tests, chosen, NULL, NULL);
    free(trials);
    return failed;
}

int main(int argc, char **argv)
{
    const char *wanted = argc == 2 ? argv[1] : "";

    if (strcmp(wanted, "--list") == 0)
        return list();
    for (unsigned i = 0; i < point_subject_count; i++) {
        if (strcmp(wanted, "--nodes") == 0)
            printf("%s\n", point_subjects[i].name);
        else if (strcmp(wanted, point_subjects[i].name) == 0)
            return try_all(&point_subjects[i]);
    }
    if (strcmp(wanted, "--nodes") == 0)
        return 0;
    fprintf(stderr, "usage: media_points --list | --nodes | NODE\n");
    return 2;
}

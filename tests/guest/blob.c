/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "blob_jobs.h"

/* The guest's GPU program: drives the unmodified virtio_gpu driver with its raw ioctls. */
static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} jobs[] = {
    {"info", blob_job_info},       {"main", blob_job_main},     {"rounds", blob_job_rounds},
    {"exhaust", blob_job_exhaust}, {"killed", blob_job_killed}, {"rebind", blob_job_rebind},
    {"hold", blob_job_hold},       {"reboot", blob_job_reboot}, {"fresh", blob_job_fresh},
    {"picture", blob_job_picture}, {"race", blob_job_race},     {"storm", blob_job_storm},
    {"share", blob_job_share},     {"images", blob_job_images}, {"steady", blob_job_steady},
    {"clock", blob_job_clock},
};

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (size_t i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++)
        if (argc > 1 && strcmp(argv[1], jobs[i].name) == 0)
            return jobs[i].run(argc - 1, argv + 1);
    fprintf(stderr, "usage: blob JOB [ARGUMENT]...; the jobs:");
    for (size_t i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++)
        fprintf(stderr, " %s", jobs[i].name);
    fprintf(stderr, "\n");
    return 1;
}

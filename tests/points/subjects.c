/* SPDX-License-Identifier: MIT */
#include "tests/points/points.h"

const struct point_subject point_subjects[] = {
    {.name = "pattern", .has = POINT_CAMERA},
    {.name = "pattern-planes",
     .options = {.multiplanar = true},
     .has = POINT_CAMERA | POINT_MULTIPLANAR},
};

const unsigned point_subject_count = sizeof(point_subjects) / sizeof(point_subjects[0]);

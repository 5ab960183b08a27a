/* SPDX-License-Identifier: MIT */
#ifndef HOSTBLOB_FIGURES_H
#define HOSTBLOB_FIGURES_H

#include <stdint.h>

#include <json-c/json.h>

/* What is made of a device's report in more than one place. */

/* "gpu" of "hostblob-gpu": borrowed from the report. */
const char *figures_kind(struct json_object *report);
/* Bytes of the buffers in the guest's window. */
uint64_t figures_mapped(struct json_object *report);
/* What was refused, or went wrong, since the device was started. */
uint64_t figures_errors(struct json_object *report);

#endif

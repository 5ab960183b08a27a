/* SPDX-License-Identifier: MIT */
#ifndef HOSTBLOB_CHECK_VIEW_H
#define HOSTBLOB_CHECK_VIEW_H

#include <json-c/json.h>

/* What 'hostblob check' found, for people. */

/* What a device program says to --check. */
void check_view_program(const char *name, struct json_object *check);
/* What device_check says of a device. */
void check_view_device(struct json_object *device);

#endif

/* SPDX-License-Identifier: MIT */
#ifndef HOSTBLOB_DEVICE_CHECK_H
#define HOSTBLOB_DEVICE_CHECK_H

#include <json-c/json.h>

#include "hostblob/device_spec.h"

/*
 * What a device that is to be run would be on this machine: its program tries it, with the options
 * that the device has, and nothing is started. An object, owned by the caller:
 *
 *   name, kind, place, socket   as in the file
 *   window                      bytes
 *   problems                    sentences: why it would not start, or be less than was asked for
 *   starts                      whether it would start
 *   offers                      what its guest would be given, each with what its test found
 *   front_ends                  each with what to give it, or why it cannot have the device
 */
struct json_object *device_check(const struct device_spec *spec);

#endif

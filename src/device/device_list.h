/* SPDX-License-Identifier: MIT */
#ifndef DEVICE_DEVICE_LIST_H
#define DEVICE_DEVICE_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json_text.h"
#include "device/device.h"

#define DEVICE_LIST_FILE (1u << 20) /* bytes of a list in memory that the person gave */

/*
 * A list of things that a person has asked for, as JSON: {"NAME":[{...},...],"left_out":N}. It
 * holds the worker up, and a guest may have made many things: so it is as long as fits the answer,
 * or DEVICE_LIST_FILE bytes in the file that came along, and what does not fit is only counted.
 */
struct device_list {
    struct json_text text;
    struct json_text_mark mark; /* before the item that is written */
    size_t room;                /* bytes */
    uint32_t left_out;
    int fd; /* owned; -1: it goes into the answer */
};

/* Begins the list 'name'; owns 'fd', -1 for none. */
void device_list_init(struct device_list *list, const char *name, int fd);
/* The next item: an object that is open, to be written and then closed by device_list_close. NULL:
 * there is no room for it any more, and it is counted. */
struct json_text *device_list_open(struct device_list *list);
void device_list_close(struct device_list *list);
/* Gives the list to who asked, through 'answer', and ends it. */
void device_list_answer(struct device_list *list, device_answer *answer, void *data);

#endif

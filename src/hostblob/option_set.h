/* SPDX-License-Identifier: MIT */
#ifndef HOSTBLOB_OPTION_SET_H
#define HOSTBLOB_OPTION_SET_H

#include <stdbool.h>
#include <stddef.h>

#define OPTION_SET_MAX 64u
#define OPTION_SET_NAME 40u /* bytes */

/* The options of one kind of device that are settings, as its program lists them
 * (--print-options). */
struct option_set {
    unsigned count;
    struct option_set_row {
        char name[OPTION_SET_NAME]; /* long, without the dashes */
        bool argument;              /* it takes one */
        bool repeats;               /* it may be given several times */
    } rows[OPTION_SET_MAX];
};

/* Reads what the program printed. 0, or -EINVAL when it makes no sense. */
int option_set_parse(struct option_set *set, const char *text);
/* The option of that name, or NULL. */
const struct option_set_row *option_set_find(const struct option_set *set, const char *name);
/* The name that may have been meant by 'name'; NULL: none is like it. */
const char *option_set_nearest(const struct option_set *set, const char *name);

#endif

/* SPDX-License-Identifier: MIT */
#ifndef HOSTBLOB_FRONT_ENDS_H
#define HOSTBLOB_FRONT_ENDS_H

#include <stddef.h>

#define FRONT_ENDS_OPTIONS 512u /* bytes of what is given to a front-end */

/* The front-ends that a device can be given to, and the options that do it. */
struct front_end {
    const char *name;  /* short, for programs: "qemu-display" */
    const char *title; /* for people, with the version that it needs */
    const char *kind;  /* of the device: "gpu" */
    /* Writes them for a chardev of that id and a socket, which is quoted. NULL: this front-end
     * cannot have such a device, and 'note' says why. */
    void (*write)(char options[static FRONT_ENDS_OPTIONS], const char *id, const char *path);
    const char *note; /* what else to know, or NULL */
};

/* The next one that knows of devices of that kind, after 'last' (NULL: the first); NULL: no more.
 */
const struct front_end *front_ends_next(const char *kind, const struct front_end *last);
/* The options for a device of that name whose socket is there, ready to be pasted into a shell:
 * what the shell would change is quoted. "" when there are none. */
void front_ends_options(const struct front_end *front_end, const char *name, const char *socket,
                        char options[static FRONT_ENDS_OPTIONS]);

#endif

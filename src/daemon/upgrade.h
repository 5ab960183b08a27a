/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_UPGRADE_H
#define DAEMON_UPGRADE_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/house.h"

/*
 * The starter's part of an upgrade (the doors' is in door/hand_over.h):
 *
 * 1. It starts the program that lies now where its own was found, as a second door beside the
 *    first, with the same command line and "--upgrade=LINE,CHANNEL" behind it. The doors settle
 *    between them whether the new one fits; until the old one gives the device away, or dies when
 *    the new one has all, nothing has happened.
 * 2. Then it becomes the new program itself, by exec, so that whoever started the device still has
 *    the same process; "--starter=FD" tells it that its children are there already. If that fails
 *    it goes on as it is, with workers of the new program.
 *
 * The program is named by nobody who could have listened to a stranger: it is the path of the
 * command line's first word, or of the running program if that word is no path. A person may name
 * another by a symbolic link beside the control socket (protocol/upgrade_wish.h; the door can make
 * no file): it counts for the next upgrade, if it belongs to the device's user or to root.
 */

#define UPGRADE_MAGIC UINT64_C(0x52545242534f4248) /* "HBOSBRTR" */

/* What goes through the exec, in a memfd. Another layout is another STARTER_VERSION. */
struct upgrade_record {
    uint64_t magic;
    uint32_t version; /* STARTER_VERSION */
    uint32_t size;    /* of this struct */
    int32_t line;     /* to the door */
    int32_t door, worker;
    int32_t leaving; /* the door before this one, or 0 */
    uint32_t layers; /* of the starter's sandbox */
    uint32_t made;   /* UPGRADE_MADE_... */
    uint32_t foreign;
    char word[STARTER_TEXT];
};

#define UPGRADE_MADE_SOCKET 1u /* the names in the file system that are removed at the end */
#define UPGRADE_MADE_CONTROL 2u

#define UPGRADE_PATH 4096u

/* Where a program with this command line is to be looked for, now and later. 0 or -errno. */
int upgrade_find(const char *first_word, char path[static UPGRADE_PATH]);
/* Takes the person's link beside 'control_path' (NULL: there is no control socket) away, and where
 * it leads to 'path'. 1; 0 when there is none; -EPERM when it is another user's, logged; or -errno.
 */
int upgrade_take_wish(const char *control_path, char path[static UPGRADE_PATH]);
/* Starts what lies at 'path' beside, with 'argv', what was settled for the device ('words'; it is
 * not settled again under a guest), and 'channel' (borrowed) for its door. 0, or -errno after a
 * line in the log. */
int upgrade_start_beside(struct house *beside, const char *path, char *const *argv,
                         const struct house_words *words, int channel);
/* Becomes the program of 'house'. Returns only when that cannot be: -errno. */
int upgrade_become(const struct house *house, const char *path, char *const *argv, unsigned layers,
                   unsigned made);
/* In the program that a starter became: takes 'fd' (owned) and the children. 0, or -errno after a
 * line in the log: -EPROTO for a record of another version, -ECHILD for one that names a process
 * which is no child of this one. */
int upgrade_resume(int fd, struct house *house, unsigned *layers, unsigned *made);

#endif

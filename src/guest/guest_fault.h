/* SPDX-License-Identifier: MIT */
#ifndef GUEST_GUEST_FAULT_H
#define GUEST_GUEST_FAULT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The file behind guest memory is the front-end's, who may cut it short after it was mapped: then
 * an access raises SIGBUS, in whatever thread and library it happens. Here it meets zeros instead:
 * private pages take the place of those that are gone, the mapping counts as lost, and the loop is
 * told, to stop what uses it. A fault anywhere else ends the process, as ever.
 *
 * Threads that look at guest memory may not block SIGBUS. Only the loop's thread calls these.
 */

/* Takes SIGBUS. '*wake' is an eventfd that becomes readable when a mapping is lost; the caller
 * borrows it and reads it empty. 0 or -errno. */
int guest_fault_init(int *wake);

/* A mapping that is watched: [start, start + size), until it is forgotten, which has to be before
 * it is unmapped. */
struct guest_fault_place;

/* NULL with errno ENOMEM when GUEST_FAULT_PLACES are watched. */
struct guest_fault_place *guest_fault_watch(void *start, size_t size);
/* Takes NULL. */
void guest_fault_forget(struct guest_fault_place *place);
/* Whether pages of it were gone. */
bool guest_fault_lost(const struct guest_fault_place *place);

/* Every view and mapping of a device at its limits. */
#define GUEST_FAULT_PLACES 32768u

/* How many mappings were lost since the start: whoever holds some looks when this has changed. */
extern unsigned guest_fault_count;

#endif

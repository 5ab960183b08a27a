/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_ESTATE_PARTS_H
#define MEDIA_ESTATE_PARTS_H

/* What the files of the estate share. */

#include "media/estate.h"

/* ---- estate_request.c ---- */

/* Whether somebody is told of facts. */
bool estate_is_told(const struct estate *estate);
/* Changes the first word of a record in place. Nothing for 0. */
void estate_put_word(struct estate *estate, uint32_t handle, uint64_t value);
/* What changed is valid now. */
void estate_commit(struct estate *estate);

/* ---- estate_resume.c ---- */

/* What came back, for people, and the events that wait. */
struct estate_tally {
    unsigned sessions, buffers, mappings, streams;
    unsigned lost; /* buffers or streams that were given back as errors */
    unsigned bad;  /* records that cannot be */
    struct event **waiting;
    size_t count, room;
};

/* Brings back what the record 'handle' says. 0, or -errno: it cannot be. */
typedef int estate_restorer(struct media *media, struct store *store, uint32_t handle,
                            struct estate_tally *tally);

/* Whether the event of a record went out. */
bool estate_was_sent(const struct media *media, const struct estate_event *event);
/* The event waits to go out, as the one of that order. 0 or -ENOMEM. */
int estate_remember(struct estate_tally *tally, struct event *event, uint64_t order);

/* ---- estate_resume_context.c ---- */

/* The context that records call 'id', or NULL. */
struct context *estate_context_of(const struct media *media, uint32_t id);
estate_restorer estate_restore_context, estate_restore_controls, estate_restore_part;

/* ---- estate_resume_buffer.c ---- */

/* The plane whose 'size' bytes were at 'place', or on the shelf: held, and mapped where the guest
 * has it mapped. NULL with errno set: also EEXIST, when somebody holds it. */
struct plane *estate_plane_for(struct media *media, uint64_t place, uint64_t key, uint32_t size);
estate_restorer estate_restore_mapping, estate_restore_queue, estate_restore_buffer;

#endif

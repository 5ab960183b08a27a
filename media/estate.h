/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_ESTATE_H
#define MEDIA_ESTATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/videodev2.h>

#include "base/shelf.h"
#include "base/shelf_drops.h"
#include "guest/chain.h"
#include "journal/death_count.h"
#include "journal/store.h"

#define ESTATE_VERSION 1u /* of all its records: another layout or meaning is another version */

struct buffer_queue;
struct context;
struct control_set;
struct event;
struct media;
struct plane;
struct queue_buffer;
struct session;
struct subscription;

/*
 * What the device leaves to the worker that comes after it, so that a guest does not notice that
 * one died.
 *
 * Facts. Each fact that a driver or a stream has brought about is a record in the store
 * (journal/store.h): a session, an event that it wants, a context's format and its place in the
 * stream, controls, a queue, a buffer, a plane that the guest has mapped. Who changes the fact says
 * so here, where it is changed.
 *
 * Requests. The records of a command's effect become valid all at once, with its answer
 * (estate_answer). So a command in flight has had its effect exactly if its answer is in the store,
 * and gets that answer; every other is carried out from its beginning. While a command runs no
 * event goes out (event_queue.h): what it causes is told when that is done.
 *
 * Streams. A buffer that is done, its event, and the place of the stream become valid at once too
 * (estate_settle), before the event is given to the guest. The record of what causes an event also
 * names the event buffer that it goes out in, just before it does: if that one is in flight still
 * when we die (base/ring_record.h), the guest has not got the event, and gets it from our
 * successor; if not, it has. So no buffer is lost, and none comes twice. What was being filled or
 * read when we died was with nobody else: a camera's buffer is queued still, and gets the next
 * frame.
 *
 * Bytes. Planes in the arena stay where they are; others are on the shelf (base/shelf.h). Where the
 * guest's own memory lies (USERPTR) is not kept: such buffers, if they were queued, come back with
 * V4L2_BUF_FLAG_ERROR, and bring their pages along when they are queued again.
 *
 * Where a context is a file of the host's (v4l2_estate.h), that is on the shelf as well, and what
 * its driver does not tell again is in records of the context's own (estate_part).
 *
 * The successor (estate_resume.c) reads all this as if the guest had written it: what is not
 * possible is left out, and said. The buffers of a stream that cannot go on come back with
 * V4L2_BUF_FLAG_ERROR.
 *
 * Poison. The command that is carried out just now is named in the journal. One that two workers
 * died at is answered with an error.
 */
enum estate_kind {
    ESTATE_DEVICE = 1,   /* struct estate_device */
    ESTATE_SESSION,      /* struct estate_session, by the session's id */
    ESTATE_SUBSCRIPTION, /* struct estate_subscription, likewise */
    ESTATE_CONTEXT,      /* what context_impl.leave gives, by the context's id */
    ESTATE_CONTROLS,     /* struct estate_control, and its bytes, one after the other; likewise */
    ESTATE_QUEUE,        /* struct estate_queue; likewise */
    ESTATE_BUFFER,       /* struct estate_buffer; likewise */
    ESTATE_MAPPING,      /* struct estate_mapping, by the number of its first page */
    ESTATE_ANSWER,       /* struct estate_answer, and the reply */
    ESTATE_DEATH,        /* struct death_note */
    ESTATE_PART,         /* what context_impl.resume_part takes, by the session's id */
};

struct estate_device {
    uint64_t next_session; /* changes in place */
};

struct estate_session {
    uint64_t event_sequence; /* changes in place */
};

/* The first words of whatever causes events. */
struct estate_event {
    uint64_t sent;  /* the tag of the event buffer that it goes out in; 0: it waits. In place */
    uint64_t order; /* among what waits */
};

struct estate_subscription {
    struct estate_event event;
    uint32_t type, id, flags;
    uint32_t waiting; /* there is an event: */
    struct v4l2_event what;
};

struct estate_control {
    uint32_t id;
    uint32_t size; /* of the bytes that follow, rounded up to 8; 0: the value is all */
    int64_t value;
};

struct estate_queue {
    uint32_t output; /* else the capture queue */
    uint32_t owner, owned;
    uint32_t streaming;
    uint32_t user; /* its buffers are of the guest's memory */
    uint32_t count;
};

struct estate_plane {
    uint64_t place; /* in the window */
    uint64_t key;   /* on the shelf; 0: a piece of the arena, or the guest's */
    uint64_t userptr;
    uint32_t size, least;
    uint32_t bytesused, data_offset;
};

/* As many planes are written as it has. */
struct estate_buffer {
    struct estate_event event; /* 'order' is that of its queueing while it is queued */
    uint64_t timestamp;
    uint32_t output, index, state;
    uint32_t sequence, flags;
    uint32_t planes;
    struct estate_plane plane[VIDEO_MAX_PLANES];
};

struct estate_mapping {
    uint64_t place, key;
    uint32_t size, mmaps;
};

struct estate_answer {
    uint64_t tag;
    uint64_t size;
};

struct estate {
    struct media *media; /* borrowed */
    struct store *store; /* borrowed; NULL: nothing outlives us */
    struct shelf *shelf; /* borrowed, or NULL */
    bool muted;          /* all goes at once: nothing is said of the single facts */
    bool running;        /* a command runs: its effects wait for its answer */
    uint32_t epoch;      /* of the store, for this driver */
    uint32_t device;     /* record */
    struct death_count deaths;
    struct shelf_drops drops; /* keys that are dropped after the next commit */
};

/* Looks at what the worker before this one died of: when the device is made. */
void estate_init(struct estate *estate, struct media *media);
/* The device begins anew, if nothing is in the store any more; between the two calls it forgets all
 * that it has. */
void estate_mute(struct estate *estate);
void estate_begin(struct estate *estate);
/* estate_resume.c: device_impl.resume. */
void estate_resume(struct media *media);

/* ---- facts, when they have become true ---- */

void estate_session(struct media *media, struct session *session);
void estate_session_gone(struct media *media, struct session *session);
/* Its event_sequence has changed. */
void estate_session_counts(struct media *media, struct session *session);
/* It is made, or its event is another one, or was sent. */
void estate_subscription(struct estate *estate, struct session *session,
                         struct subscription *subscription);
void estate_subscription_gone(struct estate *estate, struct subscription *subscription);
void estate_context(struct context *context);
void estate_context_gone(struct context *context);
void estate_controls(struct control_set *set);
void estate_queue(struct buffer_queue *queue);
void estate_buffer(struct buffer_queue *queue, struct queue_buffer *buffer);
void estate_buffer_gone(struct buffer_queue *queue, struct queue_buffer *buffer);
/* It has bytes of its own; before a buffer or a mapping says so. Or it ends. */
void estate_plane(struct estate *estate, struct plane *plane);
void estate_plane_gone(struct estate *estate, struct plane *plane);
/* The guest has mapped it more often, or less. */
void estate_mapping(struct estate *estate, struct plane *plane);

/* A part of what a session has, which its context knows alone: 'bytes' begin with struct
 * estate_event. *handle becomes that of the record, and is that of the one before. */
void estate_part(struct estate *estate, uint32_t session, const void *bytes, size_t size,
                 uint32_t *handle);
void estate_part_gone(struct estate *estate, uint32_t *handle);
/* A descriptor (borrowed) that outlives us: *key is its name on the shelf, 0 when it does not. Or
 * it need not any more: once its record is erased. */
void estate_shelve(struct estate *estate, int fd, uint64_t *key);
void estate_unshelve(struct estate *estate, uint64_t *key);

/* ---- what makes them valid ---- */

/* What a stream did is valid now, unless a command runs: then with its answer. */
void estate_settle(struct estate *estate);
/* The event goes out in the event buffer 'chain' now. */
void estate_sends(struct estate *estate, const struct event *event, const struct chain *chain);

/* A command runs from here to estate_answer, or estate_rests. 'type' and 'session' are for people.
 */
void estate_runs(struct estate *estate, const struct chain *chain, uint32_t type, uint32_t session);
/* It waits for something. */
void estate_rests(struct estate *estate);
/* It is answered with 'size' bytes: its effects are valid from now on. Returns the record. */
uint32_t estate_answer(struct estate *estate, const struct chain *chain, const void *reply,
                       size_t size);
/* The guest has got the answer. */
void estate_over(struct estate *estate, uint32_t record);
/* The answer that a worker before us had for it: its record, or 0. 'reply' takes 'room' bytes. */
uint32_t estate_recall(const struct estate *estate, const struct chain *chain, void *reply,
                       size_t room, size_t *size);
/* Whether two workers died at it. */
bool estate_is_poison(const struct estate *estate, const struct chain *chain);

#endif

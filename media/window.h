/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_WINDOW_H
#define MEDIA_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/range_set.h"
#include "device/device.h"

/*
 * The guest's window as media uses it: every plane of a buffer gets its place when it is allocated,
 * so that a mapping never fails for want of room.
 */
struct estate;

struct window {
    struct device_host *host; /* borrowed: port, exporter, census */
    struct estate *estate;    /* borrowed; NULL: nothing outlives us */
    struct range_set places;  /* plane::place of every plane */
    uint64_t mapped;          /* planes in the guest's window */
};

/*
 * One plane of a frame: a buffer with a place in the window. Two sides hold it: the buffer queue
 * that allocated it (until plane_release) and the guest's mappings (until the last plane_unmap). It
 * is destroyed when neither is left and the front-end has said that the mapping is gone.
 */
enum plane_state {
    PLANE_OUT,
    PLANE_ENTERING, /* asked the port to map it */
    PLANE_IN,
    PLANE_LEAVING, /* asked the port to unmap it */
    PLANE_LOST,    /* the port could not unmap it: nobody knows; kept as it is until the reset */
};

/* The answer to plane_map or plane_unmap: 0 or -errno. */
typedef void plane_done(void *data, int result);

struct plane {
    struct range place;    // window::places
    struct window *window; /* NULL when the window was reset while the port owed an answer, and for
                              memory of the guest's own */
    struct buffer *buffer; /* owned */
    uint32_t size;         /* bytes that the guest asked for; the buffer's are page-rounded */
    uint32_t mmaps;        /* guest mappings, those asked for too */
    bool held;             /* by the queue */
    uint32_t uses;         /* by others (plane_use) */
    uint64_t key;          /* of the bytes on the shelf; 0: they are not there */
    uint32_t record;       /* in the estate, while the guest has mapped it */
    enum plane_state state;
    plane_done *done; /* of the answer that is awaited; NULL when nobody waits any more */
    void *data;
};

void window_init(struct window *window, struct device_host *host);
/* Forgets every plane without asking the port: a driver begins from nothing. No queue may
 * hold one any more. Answers that are still owed are taken and reported to nobody. */
void window_reset(struct window *window);
/* The plane whose place begins at 'offset' and that the guest has mapped; NULL if there is none. */
struct plane *window_mapped_at(const struct window *window, uint64_t offset);

/* A zeroed plane of 'size' bytes (not 0) with a place of its own, held by the caller: what
 * buffer_data gives for it stays the same for its life. NULL with
 * errno set: EDQUOT; ENOMEM when the window has no room; or whatever the exporter met. */
struct plane *plane_create(struct window *window, uint32_t size);
/* The same of 'buffer', memory that somebody else has made and of which the guest sees 'size' bytes
 * (an imported dmabuf). Takes it over, also on error. Only where buffers are mapped one by one
 * (media_kind_impl::maps_foreign). NULL with errno set: EINVAL when it is smaller, EDQUOT, or
 * ENOMEM. */
struct plane *plane_import(struct window *window, struct buffer *buffer, uint32_t size);
/* The plane of 'size' bytes whose bytes a worker before us had at 'place': in the arena, or in the
 * descriptor of 'key' on the shelf. The guest has it mapped 'mmaps' times; it is held by nobody.
 * NULL with errno set: EINVAL when it cannot be there, EEXIST when something else is. */
struct plane *plane_restore(struct window *window, uint64_t place, uint64_t key, uint32_t size,
                            uint32_t mmaps);
/* One without a place, of memory that the guest has anyway: nobody ever maps it. Takes over
 * 'buffer', also on error: NULL with errno set. */
struct plane *plane_of_guest(struct buffer *buffer, uint32_t size);
/* What its bytes are called for people: the buffer's 'id', of the session 'owner'. */
void plane_name(struct plane *plane, uint32_t id, uint32_t owner);
/* The queue lets go; the plane lives on while the guest has it mapped. Takes NULL. */
void plane_release(struct plane *plane);
/* Somebody else looks at its bytes, whatever the queue does, until plane_unuse. */
void plane_use(struct plane *plane);
void plane_unuse(struct plane *plane);
/* The guest maps it once more. 0 when it is in the window already; -EINPROGRESS when 'done' will be
 * called; another -errno, and nothing has changed. */
int plane_map(struct plane *plane, plane_done *done, void *data);
/* The guest drops one mapping. 0 when others are left; -EINPROGRESS when 'done' will be called (the
 * plane may be gone by then); another -errno when the port refused: it stays in the window. A plane
 * whose unmapping failed keeps its place and its memory, as the guest may see it still, and is not
 * mapped again (-EIO). */
int plane_unmap(struct plane *plane, plane_done *done, void *data);

#endif

/* SPDX-License-Identifier: MIT */
#ifndef GPU_ESTATE_H
#define GPU_ESTATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/shelf.h"
#include "base/shelf_drops.h"
#include "journal/death_count.h"
#include "journal/store.h"
#include "protocol/virtio_gpu.h"

#define ESTATE_VERSION 2u /* of all its records: another layout or meaning is another version */

struct attachment;
struct backing;
struct context;
struct display;
struct gpu;
struct request;
struct resource;

/*
 * What the device leaves to the worker that comes after it, so that a guest does not notice that
 * one died.
 *
 * Facts. Each fact that a driver has brought about is a record in the store (journal/store.h): a
 * resource, its guest pages, its place in the window, its UUID, a context, what is attached to it,
 * what an output shows, a pointer, what a person made of the outputs. Who changes the fact says so
 * here, where it is changed; the records of a request's effect become valid all at once, with its
 * answer, when that is given (estate_commit, called by answer_give alone). So there are two kinds
 * of requests in flight for a successor: whose answer is in the store, which have had their effect
 * and get that answer; and others, which have had none that matters and are carried out from their
 * beginning. An answer that waits for an earlier fence is in the store as well.
 *
 * Bytes. Pixels of 2D resources and blobs that have descriptors of their own are on the shelf
 * (base/shelf.h): put there before the record that names them, dropped after it is erased. A 2D
 * resource gets its memory, and its record the key of that, when somebody needs it. Pieces of the
 * arena stay where they are; the resource's record has the word that says where (see arena_track).
 *
 * The successor (gpu/estate_resume.c) reads all this as if the guest had written it: what is not
 * possible is left out, and said. What lives in a renderer's library is lost: contexts of OpenGL
 * and Vulkan answer errors until the driver destroys them, their resources keep their ids and, if
 * they were mapped, their memory. Mappings are taken over as they are: the door kept those that
 * were settled, and has taken out the others, whose commands are in flight.
 *
 * Poison. The command that is carried out just now is named in the journal. One that two workers
 * died at is answered with an error.
 */
enum estate_kind {
    ESTATE_RESOURCE = 1, /* struct estate_resource, by the resource's id */
    ESTATE_BACKING,      /* struct guest_piece, as many as there are; likewise */
    ESTATE_UUID,         /* 16 bytes; likewise */
    ESTATE_CONTEXT,      /* struct estate_context, by the context's id */
    ESTATE_ATTACHMENT,   /* struct estate_attachment, by the context's id */
    ESTATE_SCANOUT,      /* struct estate_scanout, by the output */
    ESTATE_CURSOR,       /* struct estate_cursor, by the output */
    ESTATE_OUTPUTS,      /* struct estate_outputs */
    ESTATE_DEATH,        /* struct death_note */
};

/* The key of pixels for which there was no room on the shelf. */
#define ESTATE_KEY_LOST UINT64_MAX

struct estate_resource {
    union {            /* changes in place */
        uint64_t word; /* where the bytes of an arena buffer are */
        uint64_t key;  /* on the shelf: of another buffer, or of the pixels; 0: none */
    };
    union {
        struct { /* of a blob */
            uint64_t size;
            uint64_t buffer_size, fd_offset; /* of its buffer */
        };
        struct { /* of another */
            uint32_t width, height, format;
        };
    };
    uint8_t memory, flags;
    uint8_t map_info;
    uint8_t buffer_kind;
    uint8_t has_picture, has_buffer;
    uint8_t keeper; /* 1 + the index of the renderer whose it is; 0: the device's own */
    uint8_t pad;
    uint64_t place; /* in the window: 1 + the offset; 0: none; changes in place */
};

_Static_assert(sizeof(struct estate_resource) <= STORE_CELL_BYTES, "a resource is one cell");

struct estate_context {
    uint32_t capset;
    char name[68];
};

struct estate_attachment {
    uint32_t resource;
    uint32_t count;
};

struct estate_scanout {
    uint32_t resource;
    uint32_t x, y, shown_width, shown_height;
    uint32_t width, height, format, stride;
    uint32_t is_blob;
    uint64_t offset;
};

struct estate_cursor {
    uint64_t place; /* x in the lower half, y in the upper; changes in place */
    uint32_t hot_x, hot_y;
    uint8_t pixels[64 * 64 * 4];
};

struct estate_outputs {
    uint32_t count;
    uint32_t pad;
    struct {
        uint32_t width, height, hz;
    } modes[VIRTIO_GPU_MAX_SCANOUTS];
};

/* A resource's key on the shelf, and its records (but see struct uuid). */
struct estate_handles {
    uint64_t key;
    uint32_t resource, backing;
};

struct estate {
    struct store *store; /* borrowed; NULL: nothing outlives us */
    struct shelf *shelf; /* borrowed, or NULL */
    bool muted;          /* all goes at once: nothing is said of the single facts */
    uint32_t epoch;      /* of the store, for this driver */
    struct death_count deaths;
    uint32_t scanouts[VIRTIO_GPU_MAX_SCANOUTS];
    uint32_t cursors[VIRTIO_GPU_MAX_SCANOUTS];
    uint32_t outputs;
    struct shelf_drops drops; /* keys that are dropped after the next commit */
};

/* Looks at what the worker before this one died of, and takes over what a person made of the
 * outputs: when the device is made. */
void estate_init(struct gpu *gpu);
/* The device begins anew, if nothing is in the store any more; between the two calls it forgets all
 * that it has. */
void estate_mute(struct gpu *gpu);
void estate_begin(struct gpu *gpu);
/* gpu/estate_resume.c: device_impl.resume. */
void estate_resume(struct gpu *gpu);

/* ---- facts, when they have become true ---- */

/* It is made, with its buffer; or it ends, with all that belongs to it. */
void estate_resource(struct resource *resource);
/* Its pixels have memory now: also while others are brought back. */
void estate_picture(struct resource *resource);
void estate_resource_gone(struct resource *resource);
/* It has the backing, whose pieces are forgotten; NULL: or none. */
void estate_backing(struct resource *resource, struct backing *backing);
/* It is in the window, or not. */
void estate_mapping(struct resource *resource);
void estate_uuid(struct resource *resource);
void estate_context(struct context *context);
void estate_context_gone(struct context *context);
void estate_attachment(struct attachment *attachment);
void estate_attachment_gone(struct attachment *attachment);
/* What the output shows. */
void estate_scanout(struct display *display, unsigned output);
/* Its pointer: another picture or none; and where it is. */
void estate_cursor(struct display *display, unsigned output);
void estate_cursor_place(struct display *display, unsigned output);
/* A person changed what outputs there are. */
void estate_outputs(struct display *display);

/* ---- for estate_request.c ---- */

/* Whether facts are noted. */
static inline bool estate_is_told(const struct estate *estate)
{
    return estate->store != NULL && !estate->muted;
}

/* ---- requests: gpu/estate_request.c ---- */

/* Its answer is known, and is kept until it is over. Its facts are valid from now on. Only where
 * facts are noted; for a request that has none, where its answer cannot go out yet. */
void estate_commit(struct request *request);
/* The answer that a worker before us had for it. False: it has none, and is to be carried out. */
bool estate_recall(struct request *request, uint32_t *type);
/* Whether two workers died at it. */
bool estate_is_poison(const struct request *request);
/* It is over, and its answer was kept. */
void estate_over(struct request *request);
/* It is carried out now, until estate_idle. */
void estate_runs(const struct request *request);
void estate_names(struct gpu *gpu, uint32_t resource);
void estate_idle(struct gpu *gpu);

#endif

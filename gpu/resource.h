/* SPDX-License-Identifier: MIT */
#ifndef GPU_RESOURCE_H
#define GPU_RESOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include <bsd/sys/queue.h>

#include "base/id_map.h"
#include "buffer/buffer.h"
#include "gpu/attachment.h"
#include "gpu/backing.h"
#include "gpu/estate.h"
#include "gpu/gpu_quota.h"
#include "gpu/request.h"

struct gpu;
struct picture;
struct renderer;
struct uuid;

/* Where a resource is, seen from the guest's window. */
enum resource_state {
    RESOURCE_UNMAPPED,
    RESOURCE_MAPPING, /* asked, not answered */
    RESOURCE_MAPPED,
    RESOURCE_UNMAPPING, /* asked, not answered */
};

/*
 * A resource: a 2D image, a renderer's own (3D), or a blob. The driver owns it by its id; contexts
 * only use it, so it outlives them, and so does its mapping (another program of the guest may hold
 * the same blob). While it is in the guest's window it may not be destroyed: resource_unmap, and
 * wait, first. Only at a reset of the device are the mappings gone by themselves.
 */
struct resource {
    struct id_node node;                // gpu::resources
    struct gpu *gpu;                    /* borrowed */
    struct request_list parked;         // request::parked
    struct attachment_list attachments; // attachment::of_resource
    struct picture *picture; /* owned; pixels, once somebody needed them: see resource_picture */
    struct buffer *buffer;   /* owned; HOST3D only */
    struct buffer *pages;    /* owned; the backing as one dmabuf, where one was made of it */
    struct guest_pins *pins; /* one reference: the backing. Not of HOST3D; NULL: there is none */
    struct uuid *uuid;       /* owned; NULL as long as nobody asked for it */
    uint64_t offset;         /* in the window, unless RESOURCE_UNMAPPED */
    uint64_t bytes; /* a blob's size, a multiple of the page size; what another took of 'charged' */
    struct estate_handles estate;
    uint32_t width, height; /* pixels; 0 of a blob */
    uint32_t format;        /* VIRTIO_GPU_FORMAT_*, or another of Gallium's; 0 of a blob */
    unsigned holds;         /* of the struct: the map's, and one for each request that names it */
    unsigned uses;          /* of its memory, by streams of renderer_memory that go on */
    uint16_t scanouts;      /* bit N: output N shows it */
    uint8_t memory;         /* VIRTIO_GPU_BLOB_MEM_*; 0: it is no blob */
    uint8_t flags;          /* VIRTIO_GPU_BLOB_FLAG_* */
    uint8_t map_info;       /* VIRTIO_GPU_MAP_CACHE_* of the buffer */
    uint8_t known;          /* bit N: gpu::renderers[N] made or adopted it */
    uint8_t keeper;    /* 1 + index of the renderer whose it is; 0: the device's own (2D, GUEST) */
    uint8_t state;     /* enum resource_state */
    uint8_t charged;   /* enum gpu_quota that 'bytes' are taken from; GPU_QUOTA_COUNT: of none */
    bool is_image : 1; /* a 2D one: the device has its pixels */
    bool pages_tried : 1; /* to make 'pages' */
    bool making : 1;      /* a renderer is at it: what needs its memory waits */
    bool leaving : 1;     /* its UNREF waits for the window or for renderers */
    bool gone : 1;        /* it has ended: only requests in hand still name it */
};

/* Adds an empty resource. NULL with errno set: EEXIST when the id is taken, EDQUOT, ENOMEM. */
struct resource *resource_create(struct gpu *gpu, uint32_t id);
/* Ends it, with its buffer, backing and attachments; requests that name it see 'gone'. Those that
 * are parked there are done again, and will not find it. Outputs and other devices must not know it
 * (any more): see resource_command_end. */
void resource_destroy(struct resource *resource);
/* Keeps the struct readable, and no longer. */
static inline void resource_hold(struct resource *resource)
{
    resource->holds++;
}

void resource_release(struct resource *resource);
/* Names the resource that a request works on: it stays readable (see 'gone') until the request is
 * over, or names another. Takes NULL. */
static inline void resource_name(struct resource *resource, struct request *request)
{
    if (resource != NULL)
        resource_hold(resource);
    request_forget_resource(request);
    request->resource = resource;
    request->let_go = resource_release;
}

/* The resource with that id, or NULL. */
struct resource *resource_find(struct gpu *gpu, uint32_t id);

/* Whether something of it is under way that what comes next has to wait for. */
static inline bool resource_is_busy(const struct resource *resource)
{
    return resource->making || resource->leaving || resource->uses > 0 ||
           resource->state == RESOURCE_MAPPING || resource->state == RESOURCE_UNMAPPING;
}

/* Has a request wait, behind those that wait already, until the resource is not busy: then it is
 * done again from its beginning (hand_again). */
void resource_park(struct resource *resource, struct request *request);
/* Something that made it busy is over: those who wait are done again if it was the last. */
void resource_settled(struct resource *resource);

/* Bytes of a blob; 0 of another. */
static inline uint64_t resource_size(const struct resource *resource)
{
    return resource->memory != 0 ? resource->bytes : 0;
}

/* Whose it is; NULL: the device's own (a 2D image, a GUEST blob). */
struct renderer *resource_renderer(const struct resource *resource);
/* It is that one's, which has made it, or is about to. */
void resource_set_renderer(struct resource *resource, const struct renderer *renderer);

/* Takes 'bytes' (a blob's size) for it from a quota of bytes: once, before there is anything. They
 * go back with the resource. 0 or -EDQUOT. */
int resource_charge(struct resource *resource, enum gpu_quota quota, uint64_t bytes);
/* Gives it the buffer, which it then owns. */
void resource_set_buffer(struct resource *resource, struct buffer *buffer);
/* Makes it a 2D one of that size, which picture_size knows. */
void resource_set_image(struct resource *resource, uint32_t format, uint32_t width,
                        uint32_t height);
/* The pixels of a 2D one, borrowed. A driver makes many that it never draws to: so they have no
 * memory, and no descriptor, until somebody asks here; until then they are zeros. NULL with errno
 * set: see picture_create. */
struct picture *resource_picture(struct resource *resource);
/* Gives it the pages of the backing, whose pieces are left for the store. -EDQUOT: then 'backing'
 * is empty. */
int resource_set_backing(struct resource *resource, struct backing *backing);
/* Gives it the backing as a dmabuf, which it then owns, as long as it has the backing. */
void resource_set_pages(struct resource *resource, struct buffer *pages);
/* Takes the backing away. */
void resource_drop_backing(struct resource *resource);

/* Puts what 'request' names (resource_name) at 'offset' of the window, for that request: like
 * shm_port_map, or -EDQUOT. It must have a buffer and be unmapped. */
int resource_map(struct request *request, uint64_t offset, request_done *done);
/* It is at 'offset' of the window already: like shm_port_adopt. */
int resource_adopt_mapping(struct resource *resource, uint64_t offset);
/* Takes what 'request' names out, for that request: like shm_port_unmap. What the port says is not
 * there (-ENOENT at once, 0 in 'done') is unmapped. After another error it is still
 * RESOURCE_MAPPED, and one may try again: also after -ECANCELED, when the ring stopped and the
 * command comes again. */
int resource_unmap(struct request *request, request_done *done);

#endif

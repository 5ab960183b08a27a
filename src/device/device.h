/* SPDX-License-Identifier: MIT */
#ifndef DEVICE_DEVICE_H
#define DEVICE_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "base/quota.h"
#include "base/shelf.h"
#include "base/stats.h"
#include "buffer/exporter.h"
#include "device/shm_port.h"
#include "guest/guest_memory.h"
#include "guest/virtqueue.h"
#include "journal/journal.h"

#define DEVICE_MAX_QUEUES 4u
#define DEVICE_MAX_CONFIG 256u

/*
 * What a kind of device is. It runs in the worker, in one thread, and never blocks.
 *
 * Life: create -> (reset -> queue_ready ...)* -> destroy. The rings start and stop around it, which
 * the device is not told. While a ring is stopped virtqueue_pop gives nothing, and no memory of the
 * guest may be written for it: an answer that gets ready meanwhile is kept (virtqueue_running), and
 * given at the next queue_ready. A request in hand stays in hand over a stop, unless the driver
 * begins anew: then it is to be dropped (virtqueue_holds), and if all of the device begins anew,
 * reset says so. Requests may be answered in any order.
 */
struct device;

/* What a person's command came to: 0 or -errno, and 'text', borrowed and never NULL: what was asked
 * for ("" if nothing was, JSON where it is long), or a sentence that says why not. */
typedef void device_answer(void *data, int result, const char *text);
/* Another device's shared object: a descriptor, which the callee owns, or -errno. */
typedef void device_object_done(void *data, int fd);

/* What a device is lent for its life. Everything is borrowed. */
struct device_host {
    sd_event *loop;
    struct guest_memory *memory;
    struct virtqueue *queues; /* as many as device_facts.queues */
    struct exporter *exporter;
    struct shm_port *port;
    struct stats *stats;
    struct device_census *census; /* the device keeps it up to date, others show it */
    struct quota *quotas;         /* of the device's kind, in the order of its table */
    /* What outlives the worker: the device leaves there what its successor needs. NULL: nothing
     * does. */
    struct store *store;
    struct shelf *shelf;
    struct journal_running *running; /* what is carried out just now */
    uint64_t life;                   /* this worker's number */
    bool soon; /* queue_ready comes for every queue that runs before the loop's next turn: nobody
                  has to wake himself for that */
    /* Calls the driver of a queue if it wants to be called; after a batch of virtqueue_push. */
    void (*call)(struct device_host *host, unsigned queue);
    /*
     * Something that a worker before this one left cannot be brought back: 'error' is -errno. If
     * the host lacks what it takes, this process ends and another tries, so it is to be asked
     * before anything is given up; it returns where that would not help, or was tried often enough.
     * Only while device_impl.resume runs. NULL: nobody would try again.
     */
    void (*cannot_resume)(struct device_host *host, int error);
    /* Tells the guest that the config space changed. */
    void (*config_changed)(struct device_host *host, const void *config, uint32_t size);
    /*
     * Other devices of the VM may have a duplicate of 'fd' (borrowed) by 'uuid' from now on
     * (vhost-user: SHARED_OBJECT_ADD), until unshare_object, a reset of the device, or the worker's
     * end. Whoever has it has the whole file, and keeps it afterwards. Whether the front-end knows
     * shared objects is not said. 0, or -errno when nobody will know of it.
     */
    int (*share_object)(struct device_host *host, const uint8_t uuid[static 16], int fd);
    void (*unshare_object)(struct device_host *host, const uint8_t uuid[static 16]);
    /* Asks for the object that another device shares. 'done' comes exactly once, from the loop and
     * never from within the call; with -ENOENT when nobody has it, -EOPNOTSUPP when the front-end
     * does not know shared objects, -ECANCELED at a reset or stop of the device. 0, or -errno: then
     * 'done' does not come. */
    int (*lookup_object)(struct device_host *host, const uint8_t uuid[static 16],
                         device_object_done *done, void *data);
};

/* Has another worker try what this one cannot bring back, if there may be one: see cannot_resume.
 */
static inline void device_cannot_resume(struct device_host *host, int error)
{
    if (host->cannot_resume != NULL)
        host->cannot_resume(host, error);
}

/* What the door answers the front-end for it. Fixed for the device's life. */
struct device_facts {
    uint64_t features; /* the device type's own virtio bits; the ring's are added by the worker */
    unsigned queues;
    uint8_t shmid;   /* of its window */
    uint32_t estate; /* the version of what it leaves in the store: an upgrade keeps to the same */
    uint32_t config_size;
    uint8_t config[DEVICE_MAX_CONFIG];
};

struct device_impl {
    const char *name; /* "gpu", "media" */
    void (*facts)(struct device *device, struct device_facts *facts);
    /* A driver begins from nothing: forget every resource and session. The front-end has dropped,
     * or the door takes out, every mapping: none is unmapped through the port. Also before the
     * first start. */
    void (*reset)(struct device *device);
    /*
     * Goes on for a driver that another worker served: brings back what that one left in the store
     * and on the shelf, and trusts none of it. Guest memory, features and the display's socket are
     * there; no ring runs yet.
     */
    void (*resume)(struct device *device);
    /* The driver may have made requests available in 'queue', or the ring runs again. Gives the
     * answers that were kept, and takes requests with virtqueue_pop: first those that a worker
     * before this one took and did not answer. */
    void (*queue_ready)(struct device *device, unsigned queue);
    /* The negotiated virtio feature bits, before the rings start. */
    void (*set_features)(struct device *device, uint64_t features);
    /* The driver wrote 'size' bytes at 'offset' of the config space; NULL where it is read-only. */
    void (*write_config)(struct device *device, uint32_t offset, const void *bytes, uint32_t size);
    /* The front-end's socket for what the outputs show (vhost-user: GPU_SET_SOCKET): the device
     * owns 'fd'. Comes before the rings start, and again with another in place of the first; a
     * reset does not end it. After another worker's death it is in whatever state that one left it.
     * NULL: the device has no outputs to show. */
    void (*take_display)(struct device *device, int fd);
    /*
     * A person's command, one line without its end. The device owns 'fd', -1 for none: a regular
     * file that can be written. 'line' lives for the call. 'answer' comes exactly once, perhaps
     * from within; destroy may come first, and then it does not. After some seconds nobody waits
     * for it any more. NULL: the device knows no commands.
     */
    void (*command)(struct device *device, const char *line, int fd, device_answer *answer,
                    void *data);
    void (*destroy)(struct device *device);
};

struct device {
    const struct device_impl *impl;
    struct device_host *host;
};

#endif

/* SPDX-License-Identifier: MIT */
#ifndef DEVICE_DEVICE_H
#define DEVICE_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "base/stats.h"
#include "buffer/exporter.h"
#include "device/shm_port.h"
#include "guest/guest_memory.h"
#include "guest/virtqueue.h"

#define DEVICE_MAX_QUEUES 4u
#define DEVICE_MAX_CONFIG 256u

/*
 * What a kind of device is. It runs in the worker, in one thread, and never blocks.
 *
 * Life: create -> (reset -> queue_ready ...)* -> destroy. The rings start and stop around it: while
 * they are stopped virtqueue_pop gives nothing. A request in hand when its ring stops is still
 * answered: virtqueue_push to a stopped queue is harmless.
 */
struct device;

/* What a device is lent for its life. Everything is borrowed. */
struct device_host {
    sd_event *loop;
    struct guest_memory *memory;
    struct virtqueue *queues; /* as many as device_facts.queues */
    struct exporter *exporter;
    struct shm_port *port;
    struct stats *stats;
    struct device_census *census; /* the device keeps it up to date, others show it */
    /* Calls the driver of a queue if it wants to be called; after a batch of virtqueue_push. */
    void (*call)(struct device_host *host, unsigned queue);
    /* Tells the guest that the config space changed. */
    void (*config_changed)(struct device_host *host, const void *config, uint32_t size);
};

/* What the door answers the front-end for it. Fixed for the device's life. */
struct device_facts {
    uint64_t features; /* the device type's own virtio bits; the ring's are added by the worker */
    unsigned queues;
    uint8_t shmid; /* of its window */
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
    /* The driver may have made requests available in 'queue'. Takes them with virtqueue_pop. */
    void (*queue_ready)(struct device *device, unsigned queue);
    /* The negotiated virtio feature bits, before the rings start. */
    void (*set_features)(struct device *device, uint64_t features);
    /* The driver wrote 'size' bytes at 'offset' of the config space; NULL where it is read-only. */
    void (*write_config)(struct device *device, uint32_t offset, const void *bytes, uint32_t size);
    void (*destroy)(struct device *device);
};

struct device {
    const struct device_impl *impl;
    struct device_host *host;
};

#endif

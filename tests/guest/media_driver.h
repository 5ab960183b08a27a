/* SPDX-License-Identifier: MIT */
#ifndef TESTS_GUEST_MEDIA_DRIVER_H
#define TESTS_GUEST_MEDIA_DRIVER_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "media_dma.h"
#include "media_pci.h"
#include "media_ring.h"
#include "media_rpc.h"
#include "protocol/virtio_media.h"

/*
 * What the kernel's driver would be: it owns the device and serves client processes. It has the
 * Linux driver's habits: one command at a time, 5 s for each, 16 event buffers posted before
 * DRIVER_OK, one buffer for both directions of an ioctl, and MUNMAP before CLOSE when a process
 * ends. It judges the device strictly: what is wrong is printed and counted as a fault.
 */
#define MEDIA_DRIVER_CLIENTS 8
#define MEDIA_DRIVER_SESSIONS 32
#define MEDIA_DRIVER_MAPPINGS 512
#define MEDIA_DRIVER_BUFFERS 64
#define MEDIA_DRIVER_EVENT_BUFFERS 16

struct media_session {
    bool live;
    uint32_t id;
    unsigned client;
    uint64_t queued;                                      /* bit per buffer that the device holds */
    struct media_frame_info frames[MEDIA_DRIVER_BUFFERS]; /* DQBUF events, a ring */
    unsigned first, count;
};

/* A piece of the window that a client has mapped, 'count' times. */
struct media_mapping {
    unsigned count; /* 0: free */
    unsigned client;
    uint64_t offset;
    uint64_t length;
};

struct media_peer {
    int fd;       /* owned; -1 when gone */
    bool waiting; /* for a frame */
    uint32_t session;
    uint64_t deadline; /* ns, CLOCK_MONOTONIC */
};

struct media_driver {
    struct media_pci pci;
    struct media_dma dma;
    struct media_ring commands;
    struct media_ring events;
    const struct media_pci_shm *shm;
    uint8_t *request; /* header of a request */
    uint8_t *answer;  /* header of an answer */
    uint8_t *payload; /* MEDIA_RPC_PAYLOAD bytes, for both directions */
    struct virtio_media_event_dqbuf *event_buffers[MEDIA_DRIVER_EVENT_BUFFERS];
    unsigned event_count; /* buffers posted */
    bool careless;        /* nothing is freed when a client goes; the reset must */
    bool dead;            /* a command was never answered: nothing more is sent */
    struct media_session sessions[MEDIA_DRIVER_SESSIONS];
    struct media_mapping mappings[MEDIA_DRIVER_MAPPINGS];
    struct media_peer peers[MEDIA_DRIVER_CLIENTS];
    uint64_t command_count, event_total, faults;
    uint64_t slowest; /* ns that the slowest command took */
};

struct media_driver_options {
    unsigned virtio_id;
    unsigned event_buffers; /* 1 to MEDIA_DRIVER_EVENT_BUFFERS */
    bool small_pages;       /* rings in single pages, even if there are huge ones */
    uint64_t features;      /* transport features to take */
};

/*
 * Takes the device and starts it, up to DRIVER_OK. Returns 0 or -errno, with a sentence on standard
 * error. Must be called before any fork.
 */
int media_driver_init(struct media_driver *driver, const struct media_driver_options *options);

/* Resets the device and gives everything back. Returns 0, or -errno when memory had moved. */
int media_driver_finish(struct media_driver *driver);

/* Set by a signal's handler: serving ends at once. */
extern volatile sig_atomic_t media_driver_stop;

/* Serves the peers' sockets (set by the caller) until all of them are closed. */
void media_driver_serve(struct media_driver *driver);

/* Notes something that the device did wrong; printf-like. */
void media_driver_fault(struct media_driver *driver, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Sends one command and waits for its end. 'head' bytes of request, then 'in' bytes of payload are
 * read by the device; it writes 'tail' bytes of answer, then 'out' bytes over the same payload.
 * Returns the bytes that it wrote, or -ETIMEDOUT / -EPROTO.
 */
int media_driver_command(struct media_driver *driver, uint32_t head, uint32_t in, uint32_t tail,
                         uint32_t out);

/* Does what 'rpc' asks, but for DQBUF; the answer is left in it. In media_command.c. */
void media_driver_execute(struct media_driver *driver, unsigned client, struct media_rpc *rpc);

/* What process exit does: MUNMAP for all of the client's mappings, then CLOSE. media_command.c. */
void media_driver_bury(struct media_driver *driver, unsigned client);

/* Takes the events that have come and posts their buffers anew. In media_event.c. */
void media_driver_take_events(struct media_driver *driver);

/* Posts the event buffers for the first time. Returns 0 or -ENOMEM. In media_event.c. */
int media_driver_post_events(struct media_driver *driver);

/* The client's live session with that id, or NULL; any client's for MEDIA_DRIVER_CLIENTS. */
struct media_session *media_driver_session(struct media_driver *driver, unsigned client,
                                           uint32_t id);

/* CLOCK_MONOTONIC in ns. */
uint64_t media_driver_now(void);

#endif

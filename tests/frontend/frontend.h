/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FRONTEND_FRONTEND_H
#define TESTS_FRONTEND_FRONTEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fd.h"
#include "protocol/vhost_user.h"
#include "tests/frontend/driver_queue.h"
#include "tests/frontend/guest_ram.h"
#include "tests/frontend/guest_window.h"

/*
 * The front-end side of vhost-user, for tests: it negotiates, lends guest memory and rings, and
 * really maps what SHMEM_MAP brings. It has the habits of QEMU 11.1, of crosvm or of libkrun, and
 * misbehaves when asked to.
 *
 * One thread does it all. With QEMU's habits the back-end channel is not served while an answer on
 * the main socket is awaited, and SHMEM requests are answered before they take effect, as there.
 * With libkrun's they are not answered at all, no ring is ever asked where it stopped, both rings
 * call through one descriptor, and each driver gets a new back-end channel.
 * Whatever would have crashed or stopped the real thing is noted as a violation; crosvm's VM is
 * then dead, and its sockets are closed.
 *
 * Functions that give int return 0 or -errno unless they say otherwise.
 */
#define FRONTEND_QUEUES 2u
#define FRONTEND_MOST_FDS 64u
#define FRONTEND_WINDOW_GPA UINT64_C(0xff00000000) /* where the guest sees the window */
#define FRONTEND_MOST_OBJECTS 2048u
#define FRONTEND_PATIENCE frontend_patience

/* Milliseconds, for any answer: 20000, unless a test has less. */
extern int frontend_patience;

/* Which requests of the back-end get a wrong answer, and which. */
enum spoil {
    SPOIL_NOTHING,
    SPOIL_REFUSE,  /* answered 1 */
    SPOIL_SILENT,  /* never answered; not mapped */
    SPOIL_CLOSE,   /* the channel is closed instead */
    SPOIL_REQUEST, /* the answer names another request */
    SPOIL_SIZE,    /* the answer has 4 bytes of payload */
    SPOIL_FDS,     /* the answer carries descriptors */
    SPOIL_GARBAGE, /* no message at all */
    SPOIL_FLAGS,   /* the answer is not flagged as one */
    SPOIL_TWICE,   /* answered twice */
};

struct frontend;

struct frontend_mischief {
    enum spoil spoil;
    unsigned spoil_at;    /* the first spoilt SHMEM request: 1 is the next one */
    unsigned spoil_times; /* how many more after it are spoilt too */
    bool deaf;            /* the back-end channel is not read at all */
    unsigned commit_us;   /* from the answer to SHMEM_MAP to the mapping, microseconds */
    unsigned answer_us;   /* from the request to its answer */
    bool no_tables;       /* mappings are not echoed as memory regions */
    /* Called before the next SHMEM request is answered, once. */
    void (*before_answer)(struct frontend *frontend, void *data);
    /* Called over and over between the answer to SHMEM_MAP and the mapping. */
    void (*before_commit)(struct frontend *frontend, void *data);
    void *data;
};

struct frontend_counts {
    unsigned maps, unmaps;   /* SHMEM requests that came */
    unsigned refused;        /* of them, those refused for what they are */
    unsigned barriers;       /* SHARED_OBJECT_REMOVE of what nobody shares; with libkrun's habits
                                the CONFIG_CHANGE behind each SHMEM request */
    unsigned adds, removes;  /* SHARED_OBJECT_ADD, and REMOVE of what was added */
    unsigned withdrawn;      /* requests begun when the rings stopped, and made harmless */
    unsigned config_changes; /* CONFIG_CHANGE */
    unsigned tables;         /* memory tables and regions sent */
    unsigned violations;
};

/* What to take of what the back-end offers. */
struct frontend_plan {
    enum habit habit;
    uint64_t protocol;         /* protocol feature bits */
    uint64_t protocol_unasked; /* protocol feature bits to take even if they were not offered */
    uint64_t features;         /* virtio feature bits */
    uint16_t ring_size;
    uint64_t ram_size;  /* bytes */
    bool split;         /* requests and answers are cut into two descriptors each */
    bool no_window;     /* it never asks for the window: QEMU's vhost-user-gpu */
    bool unread_config; /* the config space is not read when the device is made */
};

struct frontend {
    struct frontend_plan plan;
    int socket;                          /* the main one, owned; -1 once it is closed */
    int channel;                         /* our end of the back-end channel, owned; -1 without */
    uint64_t offered, features;          /* virtio feature bits */
    uint64_t offered_protocol, protocol; /* protocol feature bits */
    uint64_t queue_num;                  /* GET_QUEUE_NUM's answer */
    struct guest_ram ram;
    struct guest_window window;
    struct vhost_user_shmem_config shmem_config; /* GET_SHMEM_CONFIG's answer */
    struct driver_queue queues[FRONTEND_QUEUES];
    uint32_t base[FRONTEND_QUEUES];           /* as GET_VRING_BASE gave it */
    unsigned running;                         /* a bit for every ring that was started */
    unsigned objects;                         /* that the back-end shares with other devices, */
    uint8_t uuids[FRONTEND_MOST_OBJECTS][16]; /* and what they are called */
    uint64_t told_features;                   /* of the last SET_FEATURES; 0: none */
    bool dead;                                /* crosvm: the VM has been stopped */
    bool followed;                            /* libkrun: a CONFIG_CHANGE comes that is none */
    bool table_stale;                         /* the back-end has another memory table than we */
    bool ram_told;                            /* guest memory was told region by region */
    struct frontend_mischief mischief;
    struct frontend_counts counts;
    char violation[200]; /* the first one, in words */
};

/* Fills in what that front-end takes: QEMU everything that it knows and the driver's usual bits,
 * crosvm and libkrun their few. */
void frontend_plan_init(struct frontend_plan *plan, enum habit habit);

/* Takes ownership of 'socket', connected to a back-end, even on error. */
int frontend_init(struct frontend *frontend, const struct frontend_plan *plan, int socket);
/* Closes and frees everything; the back-end sees the end of the stream. */
void frontend_finish(struct frontend *frontend);

/* Main socket. frontend_ask awaits an answer of the message's own form. frontend_tell awaits an ack
 * if 'need_reply', and returns 1 for one that is not 0. Descriptors are borrowed. -ECONNRESET when
 * the back-end has hung up, -ETIMEDOUT after FRONTEND_PATIENCE, -EBADMSG for an answer that is
 * none. */
int frontend_send(struct frontend *frontend, uint32_t request, uint32_t flags, const void *payload,
                  uint32_t size, const int *fds, unsigned count);
int frontend_receive(struct frontend *frontend, uint32_t request,
                     struct vhost_user_message *answer);
int frontend_ask(struct frontend *frontend, uint32_t request, const void *payload, uint32_t size,
                 struct vhost_user_message *answer);
int frontend_tell(struct frontend *frontend, uint32_t request, const void *payload, uint32_t size,
                  const int *fds, unsigned count, bool need_reply);
int frontend_tell_u64(struct frontend *frontend, uint32_t request, uint64_t value, bool need_reply);
int frontend_tell_ring(struct frontend *frontend, uint32_t request, unsigned ring, uint32_t value,
                       bool need_reply);
/* What another device gets that looks for 'uuid': a descriptor that the caller owns, -ENOENT when
 * there is none behind it. */
int frontend_get_object(struct frontend *frontend, const uint8_t uuid[static 16]);
/* Sends bytes as they are, with up to FRONTEND_MOST_FDS descriptors: more than any message has. */
int frontend_send_raw(struct frontend *frontend, const void *bytes, size_t size, const int *fds,
                      unsigned count);
/* Waits until the back-end hangs up; -ETIMEDOUT. Swallows what it sends. */
int frontend_await_close(struct frontend *frontend, int milliseconds);

/* frontend_negotiation.c. The order of messages is the real one's. */
int frontend_negotiate(struct frontend *frontend);
/* Makes a back-end channel and gives the back-end its end. */
int frontend_give_channel(struct frontend *frontend);
int frontend_get_config(struct frontend *frontend, uint32_t offset, uint32_t size, void *to);

/* frontend_memory.c. Tells the back-end the guest's memory and, with QEMU's habits, every mapping
 * that the guest can reach: as a whole table (of at most 8 regions, as QEMU sends), or one region
 * after the other where CONFIGURE_MEM_SLOTS was negotiated. 1 when the back-end refused. */
int frontend_tell_memory(struct frontend *frontend);
/* To be called before a mapping goes: where regions are told one by one, it is taken back. */
int frontend_forget_mapping(struct frontend *frontend, struct guest_window_mapping *mapping);

/* frontend_rings.c. */
int frontend_start(struct frontend *frontend);
int frontend_start_ring(struct frontend *frontend, unsigned ring);
int frontend_enable_ring(struct frontend *frontend, unsigned ring, bool enable);
/* Disables and stops every ring; keeps where each stopped, so that frontend_start goes on there. */
int frontend_stop(struct frontend *frontend);
int frontend_stop_ring(struct frontend *frontend, unsigned ring);
/* Whether a stop can be a pause, after which the rings go on where they stopped: libkrun knows only
 * the reset. */
bool frontend_can_pause(const struct frontend *frontend);
/* What a guest's reset does: stops, drops the mappings if that is the habit, empties the rings. */
int frontend_reset(struct frontend *frontend);

/* frontend_channel.c. Serves what the back-end asks on its channel for that long, and watches the
 * main socket; returns early when 'wake' (or -1) can be read. -ECONNRESET when the main socket is
 * at its end. */
int frontend_pump(struct frontend *frontend, int wake, int milliseconds);
/* Serves one request of the channel, and waits for it. -ECONNRESET when the back-end has closed it.
 */
int frontend_serve(struct frontend *frontend);
void frontend_violate(struct frontend *frontend, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* frontend_request.c. Puts a request into a ring and kicks; gives its slot or -errno. */
int frontend_submit(struct frontend *frontend, unsigned ring, const void *request, size_t size,
                    size_t space);
/* Waits for the answer to a slot, as a driver does that sleeps until it is called. Copies up to
 * 'size' bytes of it, frees the slot and returns the length that the device reported; -ETIMEDOUT.
 */
int frontend_await(struct frontend *frontend, unsigned ring, unsigned slot, void *answer,
                   size_t size, int milliseconds);
/* Both. */
int frontend_request(struct frontend *frontend, unsigned ring, const void *request, size_t size,
                     void *answer, size_t space);

#endif

/* SPDX-License-Identifier: MIT */
#ifndef PROTOCOL_LINK_H
#define PROTOCOL_LINK_H

#include <stdint.h>

/*
 * The link: what the door and its worker say to each other, over a SOCK_SEQPACKET socketpair, one
 * message a packet. Both ends are the same program, so the layout has no version; the worker is
 * nevertheless not trusted (it parses what guests write), and the door checks its messages by the
 * same table as the worker checks the door's.
 */
#define LINK_MAX_REGIONS 32u
#define LINK_MAX_CONFIG 256u
#define LINK_MAX_LINE 512u  /* of a command, with the NUL at its end */
#define LINK_MAX_TEXT 4096u /* of its answer, likewise */

enum link_type {
    /* The door's. Those with an answer get LINK_ACK with the same serial. */
    LINK_FEATURES = 1, /* the negotiated virtio feature bits */
    LINK_MEM_TABLE,    /* the whole guest memory table; answered */
    LINK_RING_START,   /* answered; value 1 when a fresh driver was found */
    LINK_RING_ENABLE,  /* answered */
    LINK_RING_CALL,    /* another call descriptor, or none */
    LINK_RING_STOP,    /* answered; value is the ring's base */
    LINK_RESET,        /* the device begins anew; answered */
    LINK_CONFIG_WRITE, /* the driver wrote to the config space */
    LINK_WINDOW,       /* whether the guest's window can be used now */
    LINK_SHM_DONE,     /* the answer to LINK_SHM_MAP or LINK_SHM_UNMAP */
    LINK_DISPLAY,      /* the front-end's display socket */
    LINK_COMMAND,      /* a person's wish; answered by LINK_COMMAND_DONE, in its own time */
    LINK_OBJECT_FOUND, /* the answer to LINK_OBJECT_LOOKUP */
    LINK_SHELF_GIVE,   /* the answer to LINK_SHELF_ASK */
    /* The worker's. */
    LINK_HELLO, /* first of all: what the device is */
    LINK_ACK,
    LINK_SHM_MAP, /* put this descriptor into the window */
    LINK_SHM_UNMAP,
    LINK_CONFIG_CHANGED, /* tell the guest */
    LINK_COMMAND_DONE,
    LINK_OBJECT_ADD,    /* other devices of the VM may have this descriptor by its UUID */
    LINK_OBJECT_REMOVE, /* and not any more */
    LINK_OBJECT_LOOKUP, /* another device's descriptor */
    LINK_SHELF_ASK,     /* before hello: what the workers before it left (base/shelf.h) */
    LINK_SHELF_PUT,     /* keep this descriptor for the worker after this one */
    LINK_SHELF_DROP,    /* and not any more */
    LINK_TYPES,
};

/* Which end says it. */
enum link_end { LINK_DOOR, LINK_WORKER };

struct link_region {
    uint64_t gpa, size, user, fd_offset;
};

struct link_mem_table {
    uint32_t count;
    uint32_t pad;
    struct link_region regions[LINK_MAX_REGIONS];
};

#define LINK_RING_HAS_KICK 1u
#define LINK_RING_HAS_CALL 2u
#define LINK_RING_ENABLED 4u
#define LINK_RING_RESUMED 8u /* another worker ran it before: the driver is not fresh */

/* Descriptors: kick, then call, as 'flags' says. Addresses are the front-end's virtual ones. */
struct link_ring_start {
    uint32_t index;
    uint32_t size;
    uint32_t base;
    uint32_t flags;
    uint64_t desc, avail, used;
};

struct link_ring {
    uint32_t index;
    uint32_t value; /* RING_ENABLE: 0 or 1; RING_CALL: whether a descriptor comes */
};

struct link_config {
    uint32_t offset;
    uint32_t size;
    uint8_t data[LINK_MAX_CONFIG];
};

enum link_window_news {
    LINK_WINDOW_SHUT, /* for now: wait */
    LINK_WINDOW_OPEN,
    LINK_WINDOW_NONE, /* and there will be none: fail what waits */
};

struct link_window {
    uint32_t news; /* enum link_window_news */
    uint32_t pad;
};

struct link_shm {
    uint64_t ticket; /* the worker's name for the request */
    uint64_t shm_offset;
    uint64_t size;
    uint64_t fd_offset;
    uint32_t id;    /* the buffer's, for people */
    int32_t result; /* SHM_DONE: 0 or -errno */
};

struct link_hello {
    uint64_t features; /* virtio, with the ring's */
    uint32_t queues;
    uint32_t shmid;
    uint32_t config_size;
    uint32_t sandbox; /* the layers that the worker has around it, for people */
    uint32_t pad;
    uint32_t estate; /* the version of what it leaves to the worker after it */
    uint32_t pad_end;
    uint8_t config[LINK_MAX_CONFIG];
};

struct link_ack {
    int32_t result; /* 0 or -errno */
    uint32_t pad;
    uint64_t value;
};

/* The one command that is not the device's: the journal's settings are others now. */
#define LINK_LINE_SETTINGS "settings"

/* With a descriptor, perhaps, that the command is about: a file to write to. */
struct link_command {
    char line[LINK_MAX_LINE];
};

struct link_command_done {
    int32_t result; /* 0 or -errno */
    uint32_t pad;
    char text[LINK_MAX_TEXT]; /* what was asked for, or a sentence that says why not */
};

struct link_object {
    uint64_t ticket; /* the worker's name for a lookup */
    uint8_t uuid[16];
    int32_t result; /* OBJECT_FOUND: 0, and a descriptor comes; or -errno, and none does */
    uint32_t pad;
};

/* PUT, DROP: one key, DROP with 0 drops all. ASK: those with higher keys. */
struct link_shelf_key {
    uint64_t key;
};

#define LINK_SHELF_BATCH 32u

/* As many descriptors as keys, in the order of the keys; none at the end. */
struct link_shelf {
    uint32_t count;
    uint32_t pad;
    uint64_t keys[LINK_SHELF_BATCH];
};

struct link_message {
    uint32_t type;
    uint32_t
        serial; /* of the door's message; in LINK_ACK, LINK_COMMAND_DONE that of the answered */
    union {
        uint64_t features;
        struct link_mem_table mem_table;
        struct link_ring_start ring_start;
        struct link_ring ring;
        struct link_config config;
        struct link_window window;
        struct link_shm shm;
        struct link_hello hello;
        struct link_ack ack;
        struct link_command command;
        struct link_command_done command_done;
        struct link_object object;
        struct link_shelf_key shelf_key;
        struct link_shelf shelf;
    };
};

#define LINK_HEADER_SIZE 8u

struct link_rule {
    const char *name;
    uint32_t payload; /* bytes, exactly */
    uint8_t min_fds, max_fds;
    uint8_t from; /* enum link_end */
};

/* NULL when there is no such type. */
const struct link_rule *link_rule(uint32_t type);
/* The bytes of a message of that type, header included; 0 when there is no such type. */
uint32_t link_size(uint32_t type);
/* Makes it an empty message of that type, as far as such a message goes: the union is as large as
 * the largest, and to clear all of it is most of the work for a short one. */
void link_begin(struct link_message *message, uint32_t type);
/* NULL when the message, 'size' bytes with 'fds' descriptors from 'from', keeps its rule; else the
 * reason. */
const char *link_check(const struct link_message *message, uint32_t size, unsigned fds,
                       enum link_end from);

#endif

/* SPDX-License-Identifier: MIT */
#ifndef PROTOCOL_STARTER_H
#define PROTOCOL_STARTER_H

#include <stdint.h>

/*
 * What the door and the starter (daemon/starter_process.h) say to each other, over a SOCK_SEQPACKET
 * socketpair, one message a packet. Both ends are of the same program, so the layout has no
 * version. The door speaks with strangers: so the starter believes nothing of what it says but the
 * choice among these few things, none of which names a program, a path or a process.
 *
 * The live upgrade will be one more wish of the door: to start another door, with descriptors.
 */
#define STARTER_TEXT 120u /* bytes, with the NUL at the end */

enum starter_type {
    /* The door's wishes. */
    STARTER_WORKER = 1, /* start a worker; descriptors: link, journal, and the arena if any */
    STARTER_KILL,       /* kill the worker that runs */
    STARTER_READY,      /* tell whoever started us: the device can be served */
    STARTER_STOPPING,   /* it ends */
    STARTER_STATUS,     /* 'text', for people */
    STARTER_ALIVE,      /* the loop runs: for the watchdog */
    /* The starter's news. */
    STARTER_STARTED, /* 'pid'; or 'status', a negative errno: none was started */
    STARTER_ENDED,   /* 'pid', 'code' and 'status', as waitid tells them */
    STARTER_SETTLED, /* 'status': the layers of its own sandbox, for people */
    STARTER_TYPES,
};

struct starter_message {
    uint32_t type;
    int32_t pid;
    int32_t code;
    int32_t status;
    char text[STARTER_TEXT];
};

#endif

/* SPDX-License-Identifier: MIT */
#ifndef PROTOCOL_STARTER_H
#define PROTOCOL_STARTER_H

#include <stdint.h>

/*
 * What the door and the starter (daemon/starter_process.h) say to each other, over a SOCK_SEQPACKET
 * socketpair, one message a packet. The door speaks with strangers: so the starter believes nothing
 * of what it says but the choice among these few things, none of which names a program, a path or a
 * process.
 *
 * Both ends are of the same program, but during an upgrade, when the starter keeps the door of
 * another one beside its own: so that door begins by saying which version of all this it speaks.
 */
#define STARTER_VERSION 2u
#define STARTER_TEXT 120u /* bytes, with the NUL at the end */

enum starter_type {
    /* The door's wishes. */
    STARTER_WORKER = 1, /* start a worker; descriptors: link, journal, and the arena if any */
    STARTER_KILL,       /* kill the worker that runs */
    STARTER_READY,      /* tell whoever started us: the device can be served */
    STARTER_STOPPING,   /* it ends */
    STARTER_STATUS,     /* 'text', for people */
    STARTER_ALIVE,      /* the loop runs: for the watchdog */
    STARTER_UPGRADE,    /* start the program anew, beside this one; a descriptor for its door */
    STARTER_DROP,       /* end what was started so */
    STARTER_GIVEN,      /* the door beside this one is the device's from now on */
    /* Of a door beside the device's own. */
    STARTER_SPEAKS, /* first of all. 'status': STARTER_VERSION */
    STARTER_HOLDS,  /* it has all that it needs to be the device's door */
    /* The starter's news. */
    STARTER_STARTED,      /* 'pid'; or 'status', a negative errno: none was started */
    STARTER_ENDED,        /* 'pid', 'code' and 'status', as waitid tells them */
    STARTER_SETTLED,      /* 'status': the layers of its own sandbox, for people */
    STARTER_BESIDE_ENDED, /* the door beside: 'code' and 'status', as above; or 'code' 0 and
                             'status' a negative errno: it was not started */
    STARTER_YOURS,        /* to a door beside: it is the device's from now on */
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

/* SPDX-License-Identifier: MIT */
#ifndef DOOR_BACK_CHANNEL_H
#define DOOR_BACK_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

#include <bsd/sys/queue.h>
#include <systemd/sd-event.h>

#include "protocol/vhost_user.h"

/*
 * The back-end channel: our requests to the front-end. One is under way at a time, because answers
 * carry no tag; the others wait. Each has a time limit; when one passes, or an answer makes no
 * sense, the channel is of no use any more: it is closed and everything fails.
 *
 * While it is held (the rings are stopped) nothing is sent and no time runs.
 *
 * To set a timer and to stop it again are two system calls. So where requests come one after the
 * other it is left as it is, and put right when it rings; in vain at most once for many of them.
 *
 * Knocking. QEMU 11.1 dies of a SHMEM request that it reads while the device is stopped, and the
 * driver can stop the device at any moment, also between our sending and QEMU's reading. So with
 * 'knock' only a request's first byte is sent at first. QEMU reads requests in its main loop, under
 * the lock that a stop needs too, and waits there for the rest of a message that has begun. When
 * the byte has been read, and the main socket shows no stop that came before, none can come before
 * the request is handled: then the rest follows. If the device stops first, the rest that follows
 * makes the message one that QEMU does not know, and ignores but for a line in its log.
 *
 * Mute. libkrun takes SHMEM, but not REPLY_ACK: it never says what came of a request. It handles
 * one message after the other, each to its end. So with 'mute' each request has a CONFIG_CHANGE
 * behind it, which changes nothing: when that has been read, the request has been carried out. A
 * refusal is only in the front-end's log.
 */

/* 'result': 0, or the descriptor that was looked for, which the callee owns; -EIO refused by the
 * front-end; -ETIMEDOUT; -ECONNRESET the channel is gone; -ECANCELED. Comes exactly once, never
 * from within the call that made the request. */
typedef void back_channel_done(void *data, int result);

struct back_request {
    TAILQ_ENTRY(back_request) link; // back_channel::queue
    struct vhost_user_header header;
    union {
        struct vhost_user_mmap mmap;
        uint8_t uuid[16];
    } payload;
    int fd; /* borrowed, -1 if none */
    back_channel_done *done;
    void *data;
};

enum back_channel_phase {
    BACK_CHANNEL_IDLE,    /* nothing is under way */
    BACK_CHANNEL_KNOCKED, /* the first byte of a request is sent */
    BACK_CHANNEL_ASKED,   /* the whole request is sent */
};

struct back_channel {
    sd_event *loop;
    int fd; /* owned; -1: there is none, or it broke */
    sd_event_source *io, *timer;
    bool held;
    enum back_channel_phase phase; /* of the head of the queue */
    bool knock, mute;              /* see above */
    bool (*quiet)(void *data); /* whether the main socket holds nothing that was not handled yet */
    void *quiet_data;
    uint64_t limit_us;
    uint64_t due_us;    /* when the answer to what is under way must be there: the loop's clock */
    unsigned answered;  /* requests since the timer last rang for nothing */
    const char *broken; /* why it is about to be closed */
    unsigned have;      /* bytes of the answer that have arrived */
    int answer_fd;      /* that came with them, owned; -1: none */
    uint8_t answer[VHOST_USER_HEADER_SIZE + sizeof(uint64_t)];
    TAILQ_HEAD(, back_request) queue;
};

void back_channel_init(struct back_channel *ch, sd_event *loop, uint64_t limit_us,
                       bool (*quiet)(void *data), void *quiet_data);
/* Fails everything and closes. */
void back_channel_finish(struct back_channel *ch);
/* Takes ownership of 'fd' even on error; replaces an earlier channel. 0 or -errno. */
int back_channel_attach(struct back_channel *ch, int fd);
/* Whether requests can be made at all. */
bool back_channel_attached(const struct back_channel *ch);
/* Whether nothing is asked, and nothing half read. */
bool back_channel_rests(const struct back_channel *ch);
/* Reads nothing, for as long as another process has the channel too. */
void back_channel_deafen(struct back_channel *ch, bool deaf);
/* See above. Nothing that waits is forgotten. */
void back_channel_hold(struct back_channel *ch, bool hold);
/* The main socket's message has been handled: it may be quiet now. */
void back_channel_poke(struct back_channel *ch);
/* Takes an answer that has already arrived. */
void back_channel_drain(struct back_channel *ch);
/* Fails with -ECANCELED what waits and has not been sent. */
void back_channel_cancel_unsent(struct back_channel *ch);

/* Queues SHMEM_MAP or SHMEM_UNMAP. Borrows 'fd' (-1 for none) until 'done' is called. 0, or
 * -ENOTCONN or -ENOMEM: then 'done' is not called. */
int back_channel_mmap(struct back_channel *ch, uint32_t request, const struct vhost_user_mmap *mmap,
                      int fd, back_channel_done *done, void *data);
/*
 * Queues SHARED_OBJECT_ADD, _REMOVE or _LOOKUP (QEMU handles them whenever they come: it is not
 * knocked for them). The answer to a look-up is a descriptor, or -EIO when there is none, also
 * where the front-end says that it found one, but sends none. Returns as back_channel_mmap.
 */
int back_channel_object(struct back_channel *ch, uint32_t request, const uint8_t uuid[static 16],
                        back_channel_done *done, void *data);
/*
 * Comes to 'done' when everything asked before it is answered. With 'send' (needs SHARED_OBJECT) it
 * is a request that changes nothing and that QEMU answers without a line in its log:
 * SHARED_OBJECT_REMOVE of a UUID that nobody has. QEMU handles requests one after the other, each
 * to its end, but answers SHMEM_MAP before it commits: an answer to this one proves that the
 * mapping before it is committed. Without, nothing is sent. 'done' gets 0 unless the channel
 * breaks. Returns as back_channel_mmap.
 */
int back_channel_barrier(struct back_channel *ch, bool send, back_channel_done *done, void *data);
/* Tells the front-end to read the config space again; nobody waits for the answer. */
int back_channel_config_change(struct back_channel *ch);

#endif

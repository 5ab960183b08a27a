/* SPDX-License-Identifier: MIT */
#ifndef TESTS_GUEST_MEDIA_CLIENT_H
#define TESTS_GUEST_MEDIA_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "media_rpc.h"

/* A client process' end: what the C library and the kernel's interface would be. */
struct media_client {
    int fd;              /* owned: the socket to the driver */
    int bar_fd;          /* owned: the file of the BAR that holds the window */
    uint64_t bar_offset; /* where the window begins in it */
    uint64_t region;     /* bytes of the window */
};

/* Where the window is and what the device is, for those who have not opened it. */
struct media_place {
    char bar_path[128];
    uint64_t bar_offset;
    uint64_t region;
    uint32_t caps; /* V4L2_CAP_* */
};

/* A buffer's plane, mapped out of the window. */
struct media_window {
    uint8_t *at;
    uint64_t offset; /* in the window */
    uint64_t length; /* as the device said */
    size_t mapped;   /* whole pages */
};

/* Takes over 'fd'. Returns 0, or -errno when the BAR cannot be opened (fd is closed then). */
int media_client_init(struct media_client *client, int fd, const struct media_place *place);

/* Closes both descriptors: the driver then frees all that the client had. */
void media_client_finish(struct media_client *client);

/*
 * Each of these asks the driver and returns 0 or -errno: the device's answer, -EPROTO when the
 * answer was wrong in form, -EPIPE when the driver is gone.
 */
int media_client_open(struct media_client *client, uint32_t *session);
int media_client_close(struct media_client *client, uint32_t session);
/* 'code' is the whole VIDIOC_* number; 'size' bytes of payload go and come as it says. */
int media_client_ioctl(struct media_client *client, uint32_t session, uint32_t code, void *payload,
                       size_t size);
/* The window must be given back with media_client_munmap(), also after a close. */
int media_client_mmap(struct media_client *client, uint32_t session, uint32_t mem_offset,
                      struct media_window *window);
int media_client_munmap(struct media_client *client, struct media_window *window);
/* Waits up to 'ms' for a frame; -ETIMEDOUT. */
int media_client_dqbuf(struct media_client *client, uint32_t session, unsigned ms,
                       struct media_frame_info *info);
/*
 * Sends a command as it is; 'room' bytes may be written into 'answer'. Returns how many were, as
 * the used ring says, or -errno.
 */
int media_client_raw(struct media_client *client, const void *request, size_t size, void *answer,
                     size_t room);
int media_client_state(struct media_client *client, struct media_state *state);

#endif

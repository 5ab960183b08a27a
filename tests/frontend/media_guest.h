/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FRONTEND_MEDIA_GUEST_H
#define TESTS_FRONTEND_MEDIA_GUEST_H

#include <stdint.h>

#include "protocol/virtio_media.h"
#include "tests/frontend/frontend.h"

/*
 * A guest's virtio-media driver. Each function sends one command and returns the status of the
 * answer, 0 or a positive errno, or -errno when there was no proper answer.
 */
int media_guest_open(struct frontend *frontend, uint32_t *session);
/* Has no answer but its end. */
int media_guest_close(struct frontend *frontend, uint32_t session);
/* 'code' is the ioctl as <linux/videodev2.h> has it: its direction and size are in it. 'payload' is
 * read and written accordingly. */
int media_guest_ioctl(struct frontend *frontend, uint32_t session, unsigned long code,
                      void *payload);
/* The same for payloads with more behind the struct: 'in' bytes for the device to read, 'out' bytes
 * for it to write. */
int media_guest_ioctl_sized(struct frontend *frontend, uint32_t session, unsigned nr, void *payload,
                            size_t in, size_t out);
int media_guest_mmap(struct frontend *frontend, uint32_t session, uint32_t offset,
                     uint64_t *shm_offset, uint64_t *length);
int media_guest_munmap(struct frontend *frontend, uint64_t shm_offset);

/* Gives the device 'count' buffers for events. */
int media_guest_post_events(struct frontend *frontend, unsigned count);
/* Waits for an event, whose buffer it posts again. Returns the event's size in bytes or -errno. */
int media_guest_event(struct frontend *frontend, struct virtio_media_event_dqbuf *event,
                      int milliseconds);

#endif

/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_V4L2_USER_H
#define MEDIA_V4L2_USER_H

#include <stddef.h>
#include <stdint.h>

#include <linux/videodev2.h>

struct guest_memory;
struct guest_view;

/*
 * The planes of a USERPTR buffer for the host: guest pages, mapped here in place, whose addresses
 * here the host's driver gets. Linux keeps the pages of the address that it was given last, and
 * does not look again if it gets the same one: so what a buffer had stays mapped until the driver
 * has taken something else.
 */
struct v4l2_user {
    unsigned planes;
    struct {
        struct guest_view *view; /* owned; NULL for a plane without bytes */
        uint64_t given;          /* what the guest calls it */
        uint32_t length;
    } plane[VIDEO_MAX_PLANES];
};

/*
 * Maps the planes of 'buffer' (which 'planes' describes if it is multi-planar, else NULL), whose
 * pages the 'size' bytes of lists name: one after the other, of struct virtio_media_sg, each until
 * its plane's length is covered. Puts our addresses in the place of the guest's. What 'before' (or
 * NULL) shows already is taken over from there when it is settled, and is the same address. 0, or
 * -errno and nothing is mapped.
 */
int v4l2_user_init(struct v4l2_user *user, struct guest_memory *memory, struct v4l2_buffer *buffer,
                   struct v4l2_plane *planes, const void *lists, size_t size,
                   const struct v4l2_user *before);
/* The driver has taken 'fresh': it takes the place of what 'user' had, and is empty. */
void v4l2_user_replace(struct v4l2_user *user, struct v4l2_user *fresh);
/* Ends what is mapped for 'user' and not for 'kept' (or NULL). */
void v4l2_user_finish(struct v4l2_user *user, const struct v4l2_user *kept);
/* Puts our addresses into a buffer, or the guest's own back. */
void v4l2_user_to_host(const struct v4l2_user *user, struct v4l2_buffer *buffer,
                       struct v4l2_plane *planes);
void v4l2_user_to_guest(const struct v4l2_user *user, struct v4l2_buffer *buffer,
                        struct v4l2_plane *planes);

#endif

/* SPDX-License-Identifier: MIT */
#ifndef GUEST_3D_VK_DRAW_H
#define GUEST_3D_VK_DRAW_H

#include "vk.h"

#define VK_DRAW_WIDTH 320
#define VK_DRAW_HEIGHT 240

/* Renders the picture off-screen and copies it to 'pixels', which has room for WIDTH x HEIGHT
 * pixels of R, G, B, A bytes. */
VkResult vk_draw(struct vk *, struct vk_buffer *pixels);

#endif

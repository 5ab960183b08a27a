/* SPDX-License-Identifier: MIT */
#ifndef TESTS_GUEST_KMS_ABI_H
#define TESTS_GUEST_KMS_ABI_H

#include <stdint.h>
#include <sys/ioctl.h>

/* What the kernel's mode setting takes from user space, as far as this program uses it: its own
 * header is not in every package of kernel headers. */
struct abi_mode {
    uint32_t clock;
    uint16_t hdisplay, hsync_start, hsync_end, htotal, hskew;
    uint16_t vdisplay, vsync_start, vsync_end, vtotal, vscan;
    uint32_t vrefresh, flags, type;
    char name[32];
};

struct abi_resources {
    uint64_t fbs, crtcs, connectors, encoders; /* uint32_t each */
    uint32_t fb_count, crtc_count, connector_count, encoder_count;
    uint32_t min_width, max_width, min_height, max_height;
};

struct abi_connector {
    uint64_t encoders, modes, properties, values;
    uint32_t mode_count, property_count, encoder_count;
    uint32_t encoder, id, type, type_id;
    uint32_t connection; /* 1: something is plugged in */
    uint32_t mm_width, mm_height, subpixel, pad;
};

struct abi_crtc {
    uint64_t connectors;
    uint32_t connector_count, id, fb;
    uint32_t x, y, gamma_size, mode_valid;
    struct abi_mode mode;
};

struct abi_dumb {
    uint32_t height, width, bpp, flags;
    uint32_t handle, pitch; /* out */
    uint64_t size;          /* out */
};

struct abi_dumb_map {
    uint32_t handle, pad;
    uint64_t offset; /* out: for mmap */
};

struct abi_fb {
    uint32_t id; /* out */
    uint32_t width, height, pitch, bpp, depth, handle;
};

struct abi_clip {
    uint16_t x1, y1, x2, y2;
};

struct abi_dirty {
    uint32_t fb, flags, colour, clip_count;
    uint64_t clips;
};

enum { ABI_CURSOR_BO = 1, ABI_CURSOR_MOVE = 2 };

struct abi_cursor {
    uint32_t flags, crtc;
    int32_t x, y;
    uint32_t width, height, handle;
    int32_t hot_x, hot_y;
};

enum { ABI_FLIP_EVENT = 1 };

struct abi_flip {
    uint32_t crtc, fb, flags, reserved;
    uint64_t user_data;
};

#define ABI_KMS(number, type) _IOWR('d', number, type)
#define ABI_GET_RESOURCES ABI_KMS(0xa0, struct abi_resources)
#define ABI_SET_CRTC ABI_KMS(0xa2, struct abi_crtc)
#define ABI_GET_CONNECTOR ABI_KMS(0xa7, struct abi_connector)
#define ABI_ADD_FB ABI_KMS(0xae, struct abi_fb)
#define ABI_REMOVE_FB ABI_KMS(0xaf, uint32_t)
#define ABI_PAGE_FLIP ABI_KMS(0xb0, struct abi_flip)
#define ABI_DIRTY_FB ABI_KMS(0xb1, struct abi_dirty)
#define ABI_CREATE_DUMB ABI_KMS(0xb2, struct abi_dumb)
#define ABI_MAP_DUMB ABI_KMS(0xb3, struct abi_dumb_map)
#define ABI_DESTROY_DUMB ABI_KMS(0xb4, uint32_t)
#define ABI_CURSOR2 ABI_KMS(0xbb, struct abi_cursor)

_Static_assert(sizeof(struct abi_mode) == 68, "mode");
_Static_assert(sizeof(struct abi_resources) == 64, "resources");
_Static_assert(sizeof(struct abi_connector) == 80, "connector");
_Static_assert(sizeof(struct abi_crtc) == 104, "crtc");
_Static_assert(sizeof(struct abi_cursor) == 36, "cursor");

#endif

/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_FAKE_LOADER_H
#define TESTS_UNIT_FAKE_LOADER_H

/*
 * A libvulkan with devices whose memory is that of memory files. It says what a test wants it to
 * say, and fails where a test wants it to.
 */
#include <stdbool.h>
#include <stdint.h>

#define VK_NO_PROTOTYPES
#include <vulkan/vulkan_core.h>

#define FAKE_LOADER_DEVICES 2u
#define FAKE_LOADER_TYPES 3u

/* What is wrong with a device's memory. */
enum fake_loader_fault {
    FAKE_LOADER_NONE,
    FAKE_LOADER_ALLOCATE,   /* there is none */
    FAKE_LOADER_MAP,        /* it cannot be mapped */
    FAKE_LOADER_DESCRIPTOR, /* it cannot be exported after all */
    FAKE_LOADER_EMPTY,      /* its descriptor's file is empty */
    FAKE_LOADER_READ_ONLY,  /* its descriptor is only good for reading */
    FAKE_LOADER_ELSEWHERE,  /* what is written to it is not in the file */
};

struct fake_loader_device {
    bool unusable; /* it says all, and cannot be made */
    const char *extensions[4];
    VkExternalMemoryFeatureFlags opaque, dma_buf;
    uint32_t types; /* of memory */
    VkMemoryPropertyFlags flags[FAKE_LOADER_TYPES];
    uint32_t offsets[FAKE_LOADER_TYPES]; /* of the bytes in the file: pages */
    enum fake_loader_fault fault;
};

struct fake_loader {
    bool no_instance;
    const char *missing; /* a call that there is not */
    uint32_t count;      /* of devices */
    struct fake_loader_device devices[FAKE_LOADER_DEVICES];
    /* What there is now. */
    unsigned instances, made, memories;
};

extern struct fake_loader fake_loader;

#endif

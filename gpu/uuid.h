/* SPDX-License-Identifier: MIT */
#ifndef GPU_UUID_H
#define GPU_UUID_H

#include <stdbool.h>
#include <stdint.h>

#define UUID_BYTES 16u

struct resource;

/*
 * Names of resources for the VM's other devices (virtio specification, "Device Operation:
 * RESOURCE_ASSIGN_UUID"): a driver hands the UUID to another device, which has the front-end look
 * for the memory behind it.
 *
 * What has a descriptor of its own, and is not a blob whose driver did not say CROSS_DEVICE, is
 * shared for as long as the resource lives. A piece of the arena has none: whoever got the arena's
 * would have every resource of the guest, and with a copy two would write to different memories. It
 * has a UUID, and nobody finds it.
 */

struct uuid {
    uint8_t bytes[UUID_BYTES];
    uint32_t record; /* see gpu/estate.h */
    bool is_shared;  /* other devices can have the resource's memory by it */
};

/* It had the UUID 'bytes' under the worker before this one, who left it in 'record': its memory is
 * shared again. 0 or -ENOMEM. */
int uuid_restore(struct resource *resource, const uint8_t bytes[static UUID_BYTES],
                 uint32_t record);
/* The resource ends: its memory is shared no more. */
void uuid_release(struct resource *resource);

#endif

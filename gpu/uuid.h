/* SPDX-License-Identifier: MIT */
#ifndef GPU_UUID_H
#define GPU_UUID_H

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

/* It had a UUID under the worker before this one: its memory is shared again. */
void uuid_restore(struct resource *resource);
/* The resource ends: its memory is shared no more. */
void uuid_release(struct resource *resource);

#endif

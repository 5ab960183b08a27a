/* SPDX-License-Identifier: MIT */
#ifndef TESTS_GUEST_BLOB_DRIVER_H
#define TESTS_GUEST_BLOB_DRIVER_H

/*
 * The virtio_gpu driver as sysfs shows it. What goes wrong ends the program, as blob_card_fail().
 */
#define BLOB_DRIVER_NAME 256 /* bytes for a device's name */

/* The name of the device that the driver has, into BLOB_DRIVER_NAME bytes. */
void blob_driver_device(char *name);

/* Takes the device from its driver. */
void blob_driver_unbind(const char *device);

/* Gives the device to the driver. */
void blob_driver_bind(const char *device);

#endif

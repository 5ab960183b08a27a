/* SPDX-License-Identifier: MIT */
#ifndef TESTS_GUEST_MEDIA_PCI_H
#define TESTS_GUEST_MEDIA_PCI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/virtio_pci.h>

/*
 * A modern virtio device on PCI, driven by a root process through sysfs: virtio specification 1.2,
 * 4.1 "Virtio Over PCI Bus" and 3.1 "Device Initialization". No interrupts: INTx is switched off
 * and the rings are polled.
 */
#define MEDIA_PCI_BARS 6
#define MEDIA_PCI_SHM_MAX 4

struct media_pci_bar {
    uint8_t *base; /* mapped; NULL until a capability points into the BAR */
    uint64_t size; /* bytes */
};

/* A shared memory region: capability 8, specification 4.1.4.7. */
struct media_pci_shm {
    uint8_t id;
    uint8_t bar;
    uint64_t offset; /* bytes from the start of the BAR */
    uint64_t length; /* bytes */
};

struct media_pci {
    char path[96]; /* the device's directory in sysfs */
    int config_fd;
    struct media_pci_bar bars[MEDIA_PCI_BARS];
    volatile struct virtio_pci_common_cfg *common;
    volatile uint8_t *notify;
    uint32_t notify_length;
    uint32_t notify_multiplier;
    volatile uint8_t *device_config;
    uint32_t device_config_length;
    struct media_pci_shm shm[MEDIA_PCI_SHM_MAX];
    unsigned shm_count;
    uint64_t features; /* what both ends agreed on */
};

/*
 * Finds the first PCI device of virtio device id 'virtio_id' (PCI 1af4:1040+id), takes it away from
 * the kernel's virtio_pci driver, switches on memory access and bus mastering, maps what its
 * capabilities name (4.1.4) and resets it (3.1.1 step 1).
 * Returns 0, -ENODEV when there is none, -EBUSY when a virtio driver uses it, or the errno of the
 * step that failed. The device is to be closed with media_pci_close() in every case but failure.
 */
int media_pci_open(struct media_pci *pci, unsigned virtio_id);

/* Resets the device, unmaps its BARs and switches it off. */
void media_pci_close(struct media_pci *pci);

/*
 * Negotiates: takes those of 'wanted' that the device offers; bit 32 (VERSION_1) is a must.
 * Status goes over ACKNOWLEDGE and DRIVER to FEATURES_OK, which is read back (3.1.1 steps 2 to 6).
 * Returns 0 with pci->features set, or -ENOTSUP.
 */
int media_pci_negotiate(struct media_pci *pci, uint64_t wanted);

/* The number of entries that queue 'index' may have at most; 0 when there is no such queue. */
unsigned media_pci_queue_max(struct media_pci *pci, unsigned index);

/*
 * Gives queue 'index' its size and the bus addresses of its parts, and enables it (4.1.5.1.3).
 * Returns the address of its notify register, or NULL when that lies outside the capability.
 */
volatile uint16_t *media_pci_queue_enable(struct media_pci *pci, unsigned index, unsigned size,
                                          uint64_t desc, uint64_t avail, uint64_t used);

/* Sets DRIVER_OK (3.1.1 step 8). Returns 0, or -EIO when the device asks for a reset. */
int media_pci_driver_ok(struct media_pci *pci);

/* Writes status 0 and waits up to 5 s until it reads back as 0. Returns 0 or -ETIMEDOUT. */
int media_pci_reset(struct media_pci *pci);

/*
 * Copies 'size' bytes of the device's config space from 'offset', byte by byte, with the generation
 * checked (4.1.4.3.1). Returns 0 or -ERANGE when the config space is smaller.
 */
int media_pci_read_config(struct media_pci *pci, unsigned offset, void *to, size_t size);

/* The shared memory region with that id, or NULL. Owned by 'pci'. */
const struct media_pci_shm *media_pci_find_shm(const struct media_pci *pci, unsigned id);

/* Writes the path of the file that maps BAR 'bar' into 'to'. */
void media_pci_bar_path(const struct media_pci *pci, unsigned bar, char *to, size_t size);

#endif

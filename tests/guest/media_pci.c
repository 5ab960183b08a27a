/* SPDX-License-Identifier: MIT */
#include "media_pci.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/pci_regs.h>
#include <linux/virtio_config.h>

#define DEVICES "/sys/bus/pci/devices"
#define VENDOR 0x1af4u
#define MODERN_ID 0x1040u
#define RESET_POLLS 5000
#define GENERATION_TRIES 100

static int write_file(const char *dir, const char *name, const char *text)
{
    char path[512];
    int fd, rc = 0;

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (write(fd, text, strlen(text)) < 0)
        rc = -errno;
    close(fd);
    return rc;
}

static unsigned read_hex(const char *dir, const char *name)
{
    char path[512], text[32] = "";
    int fd;
    ssize_t n;

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    n = read(fd, text, sizeof(text) - 1);
    close(fd);
    return n > 0 ? (unsigned)strtoul(text, NULL, 16) : 0;
}

/* The directory of the first device with that PCI id, in bus order of the directory's listing. */
static int find_device(struct media_pci *pci, unsigned id)
{
    struct dirent **names;
    int n = scandir(DEVICES, &names, NULL, alphasort), rc = -ENODEV;

    if (n < 0)
        return -errno;
    for (int i = 0; i < n; i++) {
        char dir[300];

        snprintf(dir, sizeof(dir), DEVICES "/%s", names[i]->d_name);
        if (rc && names[i]->d_name[0] != '.' && strlen(dir) < sizeof(pci->path) &&
            read_hex(dir, "vendor") == VENDOR && read_hex(dir, "device") == id) {
            memcpy(pci->path, dir, strlen(dir) + 1);
            rc = 0;
        }
        free(names[i]);
    }
    free(names);
    return rc;
}

/*
 * The kernel's virtio_pci takes every modern device, also one whose virtio id no driver knows. It
 * is sent away, and 'driver_override' keeps it from coming back; but not from under a virtio
 * driver.
 */
static int take_from_kernel(struct media_pci *pci)
{
    const char *name = strrchr(pci->path, '/') + 1;
    char path[512];
    DIR *dir;
    struct dirent *entry;

    dir = opendir(pci->path);
    if (!dir)
        return -errno;
    while ((entry = readdir(dir))) {
        if (strncmp(entry->d_name, "virtio", 6))
            continue;
        snprintf(path, sizeof(path), "%s/%s/driver", pci->path, entry->d_name);
        if (!access(path, F_OK)) {
            closedir(dir);
            return -EBUSY;
        }
    }
    closedir(dir);
    write_file(pci->path, "driver_override", "hostblob-test");
    snprintf(path, sizeof(path), "%s/driver", pci->path);
    return access(path, F_OK) ? 0 : write_file(path, "unbind", name);
}

static int switch_on(struct media_pci *pci)
{
    char path[128];
    uint16_t command;
    int rc = write_file(pci->path, "enable", "1");

    if (rc)
        return rc;
    snprintf(path, sizeof(path), "%s/config", pci->path);
    pci->config_fd = open(path, O_RDWR | O_CLOEXEC);
    if (pci->config_fd < 0)
        return -errno;
    if (pread(pci->config_fd, &command, 2, PCI_COMMAND) != 2)
        return -EIO;
    command |= PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE;
    return pwrite(pci->config_fd, &command, 2, PCI_COMMAND) == 2 ? 0 : -EIO;
}

void media_pci_bar_path(const struct media_pci *pci, unsigned bar, char *to, size_t size)
{
    snprintf(to, size, "%s/resource%u", pci->path, bar);
}

static int map_bar(struct media_pci *pci, unsigned bar)
{
    char path[128];
    struct stat st;
    int fd, rc = 0;
    void *at;

    if (pci->bars[bar].base)
        return 0;
    media_pci_bar_path(pci, bar, path, sizeof(path));
    fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (fstat(fd, &st)) {
        rc = -errno;
    } else {
        at = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (at == MAP_FAILED) {
            rc = -errno;
        } else {
            pci->bars[bar].base = at;
            pci->bars[bar].size = (uint64_t)st.st_size;
        }
    }
    close(fd);
    return rc;
}

static int take_shm(struct media_pci *pci, const struct virtio_pci_cap64 *cap)
{
    struct media_pci_shm *shm = &pci->shm[pci->shm_count];

    if (pci->shm_count == MEDIA_PCI_SHM_MAX)
        return -ENOSPC;
    shm->id = cap->cap.id;
    shm->bar = cap->cap.bar;
    shm->offset = cap->cap.offset | (uint64_t)cap->offset_hi << 32;
    shm->length = cap->cap.length | (uint64_t)cap->length_hi << 32;
    pci->shm_count++;
    return 0;
}

/* One capability at 'at' of the config space; the first of each type counts (4.1.4.1). */
static int take_capability(struct media_pci *pci, unsigned at)
{
    union {
        struct virtio_pci_cap cap;
        struct virtio_pci_cap64 cap64;
        struct virtio_pci_notify_cap notify;
    } c;
    uint8_t *where;
    int rc;

    memset(&c, 0, sizeof(c));
    if (pread(pci->config_fd, &c, sizeof(c), at) < (ssize_t)sizeof(c.cap))
        return -EIO;
    if (c.cap.bar >= MEDIA_PCI_BARS)
        return 0;
    if (c.cap.cfg_type == VIRTIO_PCI_CAP_SHARED_MEMORY_CFG)
        return take_shm(pci, &c.cap64);
    if (c.cap.cfg_type != VIRTIO_PCI_CAP_COMMON_CFG &&
        c.cap.cfg_type != VIRTIO_PCI_CAP_NOTIFY_CFG && c.cap.cfg_type != VIRTIO_PCI_CAP_DEVICE_CFG)
        return 0;
    rc = map_bar(pci, c.cap.bar);
    if (rc)
        return rc;
    if ((uint64_t)c.cap.offset + c.cap.length > pci->bars[c.cap.bar].size)
        return -ERANGE;
    where = pci->bars[c.cap.bar].base + c.cap.offset;
    if (c.cap.cfg_type == VIRTIO_PCI_CAP_COMMON_CFG && !pci->common) {
        pci->common = (volatile struct virtio_pci_common_cfg *)(void *)where;
    } else if (c.cap.cfg_type == VIRTIO_PCI_CAP_NOTIFY_CFG && !pci->notify) {
        pci->notify = where;
        pci->notify_length = c.cap.length;
        pci->notify_multiplier = c.notify.notify_off_multiplier;
    } else if (c.cap.cfg_type == VIRTIO_PCI_CAP_DEVICE_CFG && !pci->device_config) {
        pci->device_config = where;
        pci->device_config_length = c.cap.length;
    }
    return 0;
}

static int read_capabilities(struct media_pci *pci)
{
    uint8_t next, head[2];

    if (pread(pci->config_fd, &next, 1, PCI_CAPABILITY_LIST) != 1)
        return -EIO;
    /* The list lies in 192 bytes: 48 entries at most, so a ring of them ends too. */
    for (unsigned i = 0; next && i < 48; i++) {
        unsigned at = next & ~3u;
        int rc;

        if (pread(pci->config_fd, head, 2, at) != 2)
            return -EIO;
        rc = head[0] == PCI_CAP_ID_VNDR ? take_capability(pci, at) : 0;
        if (rc)
            return rc;
        next = head[1];
    }
    return pci->common && pci->notify ? 0 : -ENOTSUP;
}

int media_pci_open(struct media_pci *pci, unsigned virtio_id)
{
    int rc;

    memset(pci, 0, sizeof(*pci));
    pci->config_fd = -1;
    rc = find_device(pci, MODERN_ID + virtio_id);
    if (!rc)
        rc = take_from_kernel(pci);
    if (!rc)
        rc = switch_on(pci);
    if (!rc)
        rc = read_capabilities(pci);
    if (!rc)
        rc = media_pci_reset(pci);
    if (rc)
        media_pci_close(pci);
    return rc;
}

void media_pci_close(struct media_pci *pci)
{
    if (pci->common)
        media_pci_reset(pci);
    for (unsigned i = 0; i < MEDIA_PCI_BARS; i++)
        if (pci->bars[i].base)
            munmap(pci->bars[i].base, pci->bars[i].size);
    if (pci->config_fd >= 0) {
        close(pci->config_fd);
        write_file(pci->path, "enable", "0");
    }
    memset(pci, 0, sizeof(*pci));
    pci->config_fd = -1;
}

static void add_status(struct media_pci *pci, uint8_t bit)
{
    pci->common->device_status = pci->common->device_status | bit;
}

int media_pci_negotiate(struct media_pci *pci, uint64_t wanted)
{
    uint64_t offered = 0;

    add_status(pci, VIRTIO_CONFIG_S_ACKNOWLEDGE);
    add_status(pci, VIRTIO_CONFIG_S_DRIVER);
    for (unsigned half = 0; half < 2; half++) {
        pci->common->device_feature_select = half;
        offered |= (uint64_t)pci->common->device_feature << (32 * half);
    }
    pci->features = offered & (wanted | 1ull << VIRTIO_F_VERSION_1);
    if (!(pci->features >> VIRTIO_F_VERSION_1 & 1))
        return -ENOTSUP;
    for (unsigned half = 0; half < 2; half++) {
        pci->common->guest_feature_select = half;
        pci->common->guest_feature = (uint32_t)(pci->features >> (32 * half));
    }
    add_status(pci, VIRTIO_CONFIG_S_FEATURES_OK);
    return pci->common->device_status & VIRTIO_CONFIG_S_FEATURES_OK ? 0 : -ENOTSUP;
}

unsigned media_pci_queue_max(struct media_pci *pci, unsigned index)
{
    if (index >= pci->common->num_queues)
        return 0;
    pci->common->queue_select = (uint16_t)index;
    return pci->common->queue_size;
}

volatile uint16_t *media_pci_queue_enable(struct media_pci *pci, unsigned index, unsigned size,
                                          uint64_t desc, uint64_t avail, uint64_t used)
{
    volatile struct virtio_pci_common_cfg *common = pci->common;
    uint64_t at;

    common->queue_select = (uint16_t)index;
    common->queue_size = (uint16_t)size;
    common->queue_desc_lo = (uint32_t)desc;
    common->queue_desc_hi = (uint32_t)(desc >> 32);
    common->queue_avail_lo = (uint32_t)avail;
    common->queue_avail_hi = (uint32_t)(avail >> 32);
    common->queue_used_lo = (uint32_t)used;
    common->queue_used_hi = (uint32_t)(used >> 32);
    at = (uint64_t)common->queue_notify_off * pci->notify_multiplier;
    if (at + 2 > pci->notify_length)
        return NULL;
    common->queue_enable = 1;
    return (volatile uint16_t *)(volatile void *)(pci->notify + at);
}

int media_pci_driver_ok(struct media_pci *pci)
{
    add_status(pci, VIRTIO_CONFIG_S_DRIVER_OK);
    return pci->common->device_status & VIRTIO_CONFIG_S_NEEDS_RESET ? -EIO : 0;
}

int media_pci_reset(struct media_pci *pci)
{
    pci->common->device_status = 0;
    for (unsigned i = 0; i < RESET_POLLS; i++) {
        if (!pci->common->device_status)
            return 0;
        usleep(1000);
    }
    return -ETIMEDOUT;
}

int media_pci_read_config(struct media_pci *pci, unsigned offset, void *to, size_t size)
{
    uint8_t *bytes = to;

    if (offset > pci->device_config_length || size > pci->device_config_length - offset)
        return -ERANGE;
    for (unsigned i = 0; i < GENERATION_TRIES; i++) {
        uint8_t before = pci->common->config_generation;

        for (size_t k = 0; k < size; k++)
            bytes[k] = pci->device_config[offset + k];
        if (before == pci->common->config_generation)
            return 0;
    }
    return -EAGAIN;
}

const struct media_pci_shm *media_pci_find_shm(const struct media_pci *pci, unsigned id)
{
    for (unsigned i = 0; i < pci->shm_count; i++)
        if (pci->shm[i].id == id)
            return &pci->shm[i];
    return NULL;
}

/* SPDX-License-Identifier: MIT */
#include "tests/frontend/guest_ram.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int guest_ram_init(struct guest_ram *ram, uint64_t size)
{
    memset(ram, 0, sizeof(*ram));
    ram->size = size;
    ram->fd = memfd_create("guest-ram", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (ram->fd < 0)
        return -errno;
    if (ftruncate(ram->fd, (off_t)size) < 0)
        return -errno;
    ram->data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, ram->fd, 0);
    if (ram->data == MAP_FAILED) {
        ram->data = NULL;
        return -errno;
    }
    /* Address 0 stays unused: a forgotten address must not look like a good one. */
    ram->used[GUEST_RAM_LOW] = 4096;
    return 0;
}

int guest_ram_seal(struct guest_ram *ram)
{
    return fcntl(ram->fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0 ? -errno : 0;
}

void guest_ram_finish(struct guest_ram *ram)
{
    if (ram->data != NULL)
        munmap(ram->data, ram->size);
    if (ram->fd >= 0)
        close(ram->fd);
    ram->data = NULL;
    ram->fd = -1;
}

uint64_t guest_ram_take(struct guest_ram *ram, enum guest_ram_half half, uint64_t size,
                        uint64_t align)
{
    uint64_t at = (ram->used[half] + align - 1) / align * align;

    if (size > ram->size / 2 || at > ram->size / 2 - size)
        return UINT64_MAX;
    ram->used[half] = at + size;
    return half == GUEST_RAM_LOW ? at : GUEST_RAM_HIGH + at;
}

void *guest_ram_at(const struct guest_ram *ram, uint64_t gpa)
{
    uint64_t half = ram->size / 2;

    if (gpa < half)
        return ram->data + gpa;
    if (gpa >= GUEST_RAM_HIGH && gpa - GUEST_RAM_HIGH < half)
        return ram->data + half + (gpa - GUEST_RAM_HIGH);
    return NULL;
}

void guest_ram_region(const struct guest_ram *ram, unsigned index, struct vhost_user_region *region)
{
    uint64_t half = ram->size / 2;

    region->gpa = index == 0 ? 0 : GUEST_RAM_HIGH;
    region->size = half;
    region->user = (uint64_t)(uintptr_t)(ram->data + index * half);
    region->mmap_offset = index * half;
}

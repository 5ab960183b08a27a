/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FRONTEND_GUEST_WINDOW_H
#define TESTS_FRONTEND_GUEST_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/vhost_user.h"

/* Whose habits a pretended front-end has. */
enum habit {
    HABIT_QEMU,    /* QEMU 11.1 */
    HABIT_CROSVM,  /* crosvm of August 2026 */
    HABIT_LIBKRUN, /* libkrun of August 2026, on rust-vmm's vhost 0.17 */
};

/*
 * The guest's window onto host buffers, as the front-end keeps it: reserved address space into
 * which SHMEM_MAP really maps what it brings.
 */
struct guest_window_mapping {
    uint64_t shm_offset, size, fd_offset;      /* bytes */
    int fd;                                    /* owned: a duplicate, as QEMU keeps one */
    bool writable;                             /* only QEMU does not look */
    bool committed;                            /* the guest can reach it */
    bool told;                                 /* the back-end has it as a memory region */
    struct guest_window_mapping *next, **link; /* where the list points to it */
};

struct guest_window {
    enum habit habit;
    uint8_t shmid;
    uint64_t size; /* 0: no window */
    uint8_t *base; /* PROT_NONE where nothing is mapped */
    struct guest_window_mapping *mappings;
    void *by_place; /* of search.h, the same mappings: no two of them overlap */
    unsigned count;
    bool light;    /* no descriptor is kept of what is mapped: 'fd' is -1 then */
    bool lax;      /* it takes what QEMU takes, whatever its habit */
    uint64_t lost; /* bytes that a guest wrote where nothing was mapped */
};

/* Reserves 'size' bytes. 0 or -errno. */
int guest_window_init(struct guest_window *window, enum habit habit, uint8_t shmid, uint64_t size);
void guest_window_finish(struct guest_window *window);

/* Whether the front-end would take this SHMEM_MAP: NULL if so, else the reason. Checks what QEMU
 * checks, and what crosvm and rust-vmm check with theirs. libkrun maps over what is there. */
const char *guest_window_check_map(const struct guest_window *window,
                                   const struct vhost_user_mmap *map, int fd);
/* Notes the mapping, which the guest cannot reach yet; duplicates 'fd'. NULL with errno set. */
struct guest_window_mapping *guest_window_add(struct guest_window *window,
                                              const struct vhost_user_mmap *map, int fd);
/* Lets the guest reach it. 0 or -errno. */
int guest_window_commit(struct guest_window *window, struct guest_window_mapping *mapping);
/* What this SHMEM_UNMAP means: QEMU compares offset and length, crosvm the offset alone. libkrun
 * clears any range; one that is no mapping's is a mistake of ours all the same. */
struct guest_window_mapping *guest_window_find(const struct guest_window *window,
                                               const struct vhost_user_mmap *unmap);
void guest_window_remove(struct guest_window *window, struct guest_window_mapping *mapping);
void guest_window_remove_all(struct guest_window *window);

/* The guest's pointer to 'size' bytes at 'offset'; NULL unless all of it lies in one mapping that
 * the guest can reach. */
void *guest_window_at(const struct guest_window *window, uint64_t offset, uint64_t size);
/* A guest's write. Where nothing is mapped it is lost, and counted in 'lost'. */
void guest_window_write(struct guest_window *window, uint64_t offset, const void *from,
                        size_t size);

#endif

/* SPDX-License-Identifier: MIT */
#include "tests/frontend/guest_window.h"

#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int guest_window_init(struct guest_window *window, enum habit habit, uint8_t shmid, uint64_t size)
{
    memset(window, 0, sizeof(*window));
    window->habit = habit;
    window->shmid = shmid;
    window->base = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (window->base == MAP_FAILED) {
        window->base = NULL;
        return -errno;
    }
    window->size = size;
    return 0;
}

void guest_window_finish(struct guest_window *window)
{
    guest_window_remove_all(window);
    if (window->base != NULL)
        munmap(window->base, window->size);
    memset(window, 0, sizeof(*window));
}

/* Ranges that have a byte in common count as the same. */
static int compare(const void *a, const void *b)
{
    const struct guest_window_mapping *one = a, *other = b;

    if (one->shm_offset + one->size <= other->shm_offset)
        return -1;
    return other->shm_offset + other->size <= one->shm_offset;
}

/* A mapping that has a byte in [offset, offset + size), or NULL. */
static struct guest_window_mapping *find_in(const struct guest_window *window, uint64_t offset,
                                            uint64_t size)
{
    const struct guest_window_mapping range = {.shm_offset = offset, .size = size};
    struct guest_window_mapping **found = tfind(&range, &window->by_place, compare);

    return found != NULL ? *found : NULL;
}

/* What QEMU does not check. */
static const char *check_map_strictly(const struct vhost_user_mmap *map)
{
    if (map->flags & ~VHOST_USER_MMAP_RW)
        return "unknown flags";
    if (map->shm_offset % 4096 != 0 || map->len % 4096 != 0)
        return "the range is not page aligned";
    return NULL;
}

const char *guest_window_check_map(const struct guest_window *window,
                                   const struct vhost_user_mmap *map, int fd)
{
    struct stat st;

    if (window->size == 0 || (window->habit != HABIT_LIBKRUN && map->shmid != window->shmid))
        return "no such region";
    if (map->len == 0)
        return "size zero";
    if (map->shm_offset > window->size || map->len > window->size - map->shm_offset)
        return "outside the region";
    if (window->habit != HABIT_LIBKRUN && find_in(window, map->shm_offset, map->len) != NULL)
        return "overlaps a mapping";
    if (fd < 0 || fstat(fd, &st) < 0)
        return "no descriptor";
    if (map->fd_offset % 4096 != 0)
        return "the offset in the file is not page aligned";
    if (S_ISREG(st.st_mode) &&
        (map->fd_offset > (uint64_t)st.st_size || map->len > st.st_size - map->fd_offset))
        return "past the end of the file";
    if ((fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDWR)
        return "the descriptor is not for reading and writing";
    return window->habit != HABIT_QEMU && !window->lax ? check_map_strictly(map) : NULL;
}

/* libkrun has no list: what is mapped over is no more. */
static void displace(struct guest_window *window, uint64_t offset, uint64_t size)
{
    struct guest_window_mapping *m;

    while ((m = find_in(window, offset, size)) != NULL)
        guest_window_remove(window, m);
}

struct guest_window_mapping *guest_window_add(struct guest_window *window,
                                              const struct vhost_user_mmap *map, int fd)
{
    struct guest_window_mapping *mapping = calloc(1, sizeof(*mapping));

    if (mapping == NULL)
        return NULL;
    displace(window, map->shm_offset, map->len);
    *mapping = (struct guest_window_mapping){
        .shm_offset = map->shm_offset,
        .size = map->len,
        .fd_offset = map->fd_offset,
        .writable = window->habit == HABIT_QEMU || (map->flags & VHOST_USER_MMAP_RW) != 0,
        .fd = fcntl(fd, F_DUPFD_CLOEXEC, 0),
        .next = window->mappings,
        .link = &window->mappings,
    };
    if (tsearch(mapping, &window->by_place, compare) == NULL) {
        close(mapping->fd);
        free(mapping);
        return NULL;
    }
    if (mapping->next != NULL)
        mapping->next->link = &mapping->next;
    window->mappings = mapping;
    window->count++;
    return mapping;
}

int guest_window_commit(struct guest_window *window, struct guest_window_mapping *mapping)
{
    int prot = mapping->writable ? PROT_READ | PROT_WRITE : PROT_READ;
    void *at = mmap(window->base + mapping->shm_offset, mapping->size, prot, MAP_SHARED | MAP_FIXED,
                    mapping->fd, (off_t)mapping->fd_offset);

    if (at == MAP_FAILED)
        return -errno;
    mapping->committed = true;
    if (window->light) {
        close(mapping->fd);
        mapping->fd = -1;
    }
    return 0;
}

struct guest_window_mapping *guest_window_find(const struct guest_window *window,
                                               const struct vhost_user_mmap *unmap)
{
    struct guest_window_mapping *m = find_in(window, unmap->shm_offset, 1);

    if (m == NULL || m->shm_offset != unmap->shm_offset ||
        (window->habit != HABIT_LIBKRUN && unmap->shmid != window->shmid) ||
        (window->habit != HABIT_CROSVM && m->size != unmap->len))
        return NULL;
    return m;
}

void guest_window_remove(struct guest_window *window, struct guest_window_mapping *mapping)
{
    *mapping->link = mapping->next;
    if (mapping->next != NULL)
        mapping->next->link = mapping->link;
    tdelete(mapping, &window->by_place, compare);
    /* The address space stays reserved. */
    if (mapping->committed)
        mmap(window->base + mapping->shm_offset, mapping->size, PROT_NONE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    if (mapping->fd >= 0)
        close(mapping->fd);
    free(mapping);
    window->count--;
}

void guest_window_remove_all(struct guest_window *window)
{
    while (window->mappings != NULL)
        guest_window_remove(window, window->mappings);
}

void *guest_window_at(const struct guest_window *window, uint64_t offset, uint64_t size)
{
    const struct guest_window_mapping *m = find_in(window, offset, 1);

    if (m == NULL || !m->committed || size > m->size - (offset - m->shm_offset))
        return NULL;
    return window->base + offset;
}

void guest_window_write(struct guest_window *window, uint64_t offset, const void *from, size_t size)
{
    void *to = guest_window_at(window, offset, size);

    if (to == NULL)
        window->lost += size;
    else
        memcpy(to, from, size);
}

/* SPDX-License-Identifier: MIT */
#include "guest/guest_memory.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"

void guest_memory_init(struct guest_memory *memory)
{
    *memory = (struct guest_memory){0};
}

static void region_finish(struct guest_region *region)
{
    guest_mapping_unref(region->mapping);
    region->mapping = NULL;
    region->data = NULL;
    fd_close(&region->fd);
}

void guest_memory_finish(struct guest_memory *memory)
{
    for (unsigned i = 0; i < memory->count; i++)
        region_finish(&memory->regions[i]);
    *memory = (struct guest_memory){.changes = memory->changes + 1};
}

/* Checks what the front-end says of a region. Fills *region, which borrows 'fd'. */
static int region_check(struct guest_region *region, const struct guest_region_spec *spec, int fd)
{
    struct stat st;
    uint64_t file_end;

    if (spec->size == 0 || spec->gpa > UINT64_MAX - spec->size ||
        spec->user > UINT64_MAX - spec->size || spec->fd_offset > INT64_MAX ||
        spec->size > INT64_MAX - spec->fd_offset) {
        log_stranger("memory region at 0x%" PRIx64 " is empty or wraps", spec->gpa);
        return -EINVAL;
    }
    if (fstat(fd, &st) < 0 || fd_file_size(fd, &file_end) < 0) {
        log_stranger("memory region at 0x%" PRIx64 " has no descriptor: %m", spec->gpa);
        return -EINVAL;
    }
    if (spec->fd_offset + spec->size > file_end) {
        log_stranger("memory region at 0x%" PRIx64 " ends at byte %" PRIu64
                     " of a file that has %" PRIu64,
                     spec->gpa, spec->fd_offset + spec->size, file_end);
        return -EINVAL;
    }
    *region = (struct guest_region){
        .gpa = spec->gpa,
        .size = spec->size,
        .user = spec->user,
        .fd_offset = spec->fd_offset,
        .fd = fd,
        .dev = st.st_dev,
        .ino = st.st_ino,
    };
    return 0;
}

/* The first region that ends above 'gpa': the one that holds it, if any does. */
static unsigned region_index(const struct guest_memory *memory, uint64_t gpa)
{
    unsigned low = 0;
    unsigned high = memory->count;

    while (low < high) {
        unsigned middle = (low + high) / 2;
        const struct guest_region *region = &memory->regions[middle];

        if (region->gpa + region->size > gpa)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* Puts 'region' in its place in the order, and gives its fd to 'memory'. */
static int region_insert(struct guest_memory *memory, const struct guest_region *region)
{
    unsigned at = region_index(memory, region->gpa);

    if (memory->count == GUEST_MEMORY_MAX_REGIONS)
        return -E2BIG;
    if (at < memory->count && memory->regions[at].gpa < region->gpa + region->size) {
        log_stranger("memory region at 0x%" PRIx64 " overlaps the one at 0x%" PRIx64, region->gpa,
                     memory->regions[at].gpa);
        return -EINVAL;
    }
    memmove(&memory->regions[at + 1], &memory->regions[at],
            (memory->count - at) * sizeof(memory->regions[0]));
    memory->regions[at] = *region;
    memory->count++;
    memory->last = 0;
    memory->changes++;
    return 0;
}

int guest_memory_add(struct guest_memory *memory, const struct guest_region_spec *spec, int fd)
{
    struct guest_region region;
    int ret = region_check(&region, spec, fd);

    if (ret == 0)
        ret = region_insert(memory, &region);
    if (ret < 0)
        fd_close(&fd);
    return ret;
}

static bool region_same(const struct guest_region *a, const struct guest_region *b)
{
    return a->gpa == b->gpa && a->size == b->size && a->user == b->user &&
           a->fd_offset == b->fd_offset && a->dev == b->dev && a->ino == b->ino;
}

/* A region that lost bytes is no memory any more, until the front-end tells it anew. Its mapping
 * stays as long: someone may be in the middle of using it. */
static void leave_lost(struct guest_memory *memory, unsigned faults)
{
    memory->faults = faults;
    for (unsigned i = 0; i < memory->count; i++) {
        struct guest_region *region = &memory->regions[i];

        if (region->mapping == NULL || region->broken || !guest_fault_lost(region->mapping->place))
            continue;
        log_stranger("the front-end has cut the memory region at 0x%" PRIx64
                     " short: it is used no more",
                     region->gpa);
        region->data = NULL;
        region->broken = true;
        memory->changes++;
    }
}

/* Moves the mappings of what did not change from the old table to the new one. */
static void keep_mappings(struct guest_memory *next, struct guest_memory *old)
{
    for (unsigned i = 0; i < next->count; i++) {
        unsigned at = region_index(old, next->regions[i].gpa);
        struct guest_region fresh = next->regions[i];

        if (at == old->count || old->regions[at].broken || !region_same(&old->regions[at], &fresh))
            continue;
        next->regions[i] = old->regions[at];
        old->regions[at].mapping = NULL;
        old->regions[at].fd = fresh.fd; /* closed with what is left of the old table */
    }
}

int guest_memory_set(struct guest_memory *memory, const struct guest_region_spec *specs,
                     const int *fds, unsigned count)
{
    struct guest_memory next;
    unsigned taken = 0;
    int ret = count > GUEST_MEMORY_MAX_REGIONS ? -E2BIG : 0;

    guest_memory_init(&next);
    while (ret == 0 && taken < count) {
        ret = guest_memory_add(&next, &specs[taken], fds[taken]);
        taken++;
    }
    for (unsigned i = taken; i < count; i++) {
        int fd = fds[i];

        fd_close(&fd);
    }
    if (ret < 0) {
        guest_memory_finish(&next);
        return ret;
    }
    leave_lost(memory, __atomic_load_n(&guest_fault_count, __ATOMIC_ACQUIRE));
    keep_mappings(&next, memory);
    next.faults = memory->faults;
    guest_memory_finish(memory);
    next.changes = memory->changes;
    *memory = next;
    return 0;
}

int guest_memory_remove(struct guest_memory *memory, const struct guest_region_spec *spec)
{
    unsigned at = region_index(memory, spec->gpa);
    struct guest_region *region = &memory->regions[at];

    if (at == memory->count || region->gpa != spec->gpa || region->size != spec->size ||
        region->user != spec->user)
        return -ENOENT;
    region_finish(region);
    memory->count--;
    memmove(region, region + 1, (memory->count - at) * sizeof(*region));
    memory->last = 0;
    memory->changes++;
    return 0;
}

static void region_map(struct guest_region *region)
{
    region->mapping = guest_mapping_create(region->fd, region->fd_offset, region->size);
    region->starved = region->mapping == NULL && errno == ENOMEM;
    if (region->mapping == NULL) {
        region->broken = !region->starved;
        log_stranger("cannot map the memory region at 0x%" PRIx64 ": %m", region->gpa);
        return;
    }
    region->data = region->mapping->data;
}

struct guest_region *guest_memory_region(struct guest_memory *memory, uint64_t gpa)
{
    struct guest_region *region = &memory->regions[memory->last];
    unsigned faults = __atomic_load_n(&guest_fault_count, __ATOMIC_ACQUIRE);

    if (memory->count == 0)
        return NULL;
    if (memory->faults != faults)
        leave_lost(memory, faults);
    if (gpa < region->gpa || gpa - region->gpa >= region->size) {
        unsigned at = region_index(memory, gpa);

        if (at == memory->count || memory->regions[at].gpa > gpa)
            return NULL;
        memory->last = at;
        region = &memory->regions[at];
    }
    if (region->data == NULL && !region->broken)
        region_map(region);
    return region->data != NULL ? region : NULL;
}

void *guest_memory_piece(struct guest_memory *memory, uint64_t gpa, uint64_t *size)
{
    struct guest_region *region = guest_memory_region(memory, gpa);
    uint64_t offset;

    if (region == NULL)
        return NULL;
    offset = gpa - region->gpa;
    if (*size > region->size - offset)
        *size = region->size - offset;
    return region->data + offset;
}

void *guest_memory_find(struct guest_memory *memory, uint64_t gpa, uint64_t size)
{
    uint64_t piece = size;
    void *data = guest_memory_piece(memory, gpa, &piece);

    return piece == size ? data : NULL;
}

bool guest_memory_from_user(const struct guest_memory *memory, uint64_t user, uint64_t *gpa)
{
    for (unsigned i = 0; i < memory->count; i++) {
        const struct guest_region *region = &memory->regions[i];

        if (user >= region->user && user - region->user < region->size) {
            *gpa = region->gpa + (user - region->user);
            return true;
        }
    }
    return false;
}

int guest_memory_file(const struct guest_memory *memory, const void *at, uint64_t size,
                      uint64_t *offset)
{
    for (unsigned i = 0; i < memory->count; i++) {
        const struct guest_region *region = &memory->regions[i];
        uint64_t skip = (uintptr_t)at - (uintptr_t)region->data;

        if (region->data == NULL || (uintptr_t)at < (uintptr_t)region->data ||
            skip > region->size || size > region->size - skip)
            continue;
        *offset = region->fd_offset + skip;
        return region->fd;
    }
    return -1;
}

bool guest_memory_starved(const struct guest_memory *memory, uint64_t gpa)
{
    unsigned at = region_index(memory, gpa);

    return at < memory->count && memory->regions[at].gpa <= gpa && memory->regions[at].starved;
}

bool guest_memory_read_pieces(struct guest_memory *memory, uint64_t gpa, void *to, size_t size)
{
    uint8_t *at = to;

    while (size > 0) {
        uint64_t piece = size;
        const void *data = guest_memory_piece(memory, gpa, &piece);

        if (data == NULL)
            return false;
        memcpy(at, data, piece);
        at += piece;
        gpa += piece;
        size -= piece;
    }
    guest_memory_copied();
    return true;
}

bool guest_memory_write_pieces(struct guest_memory *memory, uint64_t gpa, const void *from,
                               size_t size)
{
    const uint8_t *at = from;

    while (size > 0) {
        uint64_t piece = size;
        void *data = guest_memory_piece(memory, gpa, &piece);

        if (data == NULL)
            return false;
        memcpy(data, at, piece);
        at += piece;
        gpa += piece;
        size -= piece;
    }
    return true;
}

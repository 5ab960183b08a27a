/* SPDX-License-Identifier: MIT */
#include "door/front_memory.h"

#include <errno.h>
#include <string.h>

void front_memory_init(struct front_memory *memory)
{
    *memory = (struct front_memory){0};
}

void front_memory_finish(struct front_memory *memory)
{
    for (unsigned i = 0; i < memory->count; i++)
        fd_close(&memory->fds[i]);
    memory->count = 0;
}

/* A region's bytes must all be in its file; what has no size of its own (a character device) is
 * believed, as far as a file's offset goes. */
static bool file_covers(int fd, uint64_t offset, uint64_t size)
{
    uint64_t end;

    return offset <= INT64_MAX && size <= INT64_MAX - offset && fd_file_size(fd, &end) == 0 &&
           offset + size <= end;
}

static bool overlaps(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
    return a < b + b_size && b < a + a_size;
}

static bool region_good(const struct vhost_user_region *r, int fd)
{
    return r->size > 0 && r->gpa + r->size > r->gpa && r->user + r->size > r->user &&
           file_covers(fd, r->mmap_offset, r->size);
}

static bool regions_clash(const struct link_region *a, const struct vhost_user_region *b)
{
    return overlaps(a->gpa, a->size, b->gpa, b->size) ||
           overlaps(a->user, a->size, b->user, b->size);
}

static int append(struct front_memory *memory, const struct vhost_user_region *r, int fd)
{
    if (memory->count == LINK_MAX_REGIONS)
        return -E2BIG;
    if (fd < 0 || !region_good(r, fd))
        return -EINVAL;
    for (unsigned i = 0; i < memory->count; i++)
        if (regions_clash(&memory->regions[i], r))
            return -EINVAL;
    memory->regions[memory->count] = (struct link_region){r->gpa, r->size, r->user, r->mmap_offset};
    memory->fds[memory->count++] = fd;
    return 0;
}

int front_memory_set(struct front_memory *memory, const struct vhost_user_mem_table *table,
                     uint32_t payload_size, struct fd_list *fds)
{
    struct front_memory next = {0};

    if (table->count > VHOST_USER_MAX_REGIONS || table->count != fds->count ||
        payload_size < 8 + table->count * sizeof(table->regions[0]))
        return -EINVAL;
    for (unsigned i = 0; i < table->count; i++) {
        int r = append(&next, &table->regions[i], fds->fds[i]);
        if (r < 0)
            return r; /* 'next' only borrowed the descriptors so far */
    }
    for (unsigned i = 0; i < table->count; i++)
        fd_list_take(fds, i);
    front_memory_finish(memory);
    *memory = next;
    return 0;
}

int front_memory_add(struct front_memory *memory, const struct vhost_user_region *region,
                     struct fd_list *fds)
{
    int r = append(memory, region, fds->fds[0]);

    if (r == 0)
        fd_list_take(fds, 0);
    return r;
}

int front_memory_remove(struct front_memory *memory, const struct vhost_user_region *region)
{
    for (unsigned i = 0; i < memory->count; i++) {
        const struct link_region *r = &memory->regions[i];
        if (r->gpa != region->gpa || r->size != region->size || r->user != region->user)
            continue;
        fd_close(&memory->fds[i]);
        memory->count--;
        memory->regions[i] = memory->regions[memory->count];
        memory->fds[i] = memory->fds[memory->count];
        return 0;
    }
    return -ENOENT;
}

void front_memory_message(const struct front_memory *memory, struct link_message *message)
{
    link_begin(message, LINK_MEM_TABLE);
    message->mem_table.count = memory->count;
    memcpy(message->mem_table.regions, memory->regions, sizeof(memory->regions));
}

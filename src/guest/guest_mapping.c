/* SPDX-License-Identifier: MIT */
#include "guest/guest_mapping.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/units.h"

/* A file on hugetlbfs says by its block size what its pages are; anywhere else the larger alignment
 * only reserves a little more address space. */
static uint64_t page_size_of(int fd)
{
    uint64_t align = units_page_size();
    struct stat st;

    if (fstat(fd, &st) == 0 && st.st_blksize > 0) {
        uint64_t block = (uint64_t)st.st_blksize;

        if (block > align && (block & (block - 1)) == 0)
            align = block;
    }
    return align;
}

/* Maps from the page before the first byte. 0 or -errno. */
static int map(struct guest_mapping *mapping, int fd, uint64_t offset, uint64_t size)
{
    uint64_t align = page_size_of(fd);
    void *start;

    mapping->lead = offset & (align - 1);
    if (size > UINT64_MAX - mapping->lead ||
        !units_round_up(mapping->lead + size, align, &mapping->mapped) ||
        mapping->mapped > SIZE_MAX)
        return -EINVAL;
    start = mmap(NULL, mapping->mapped, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd,
                 (off_t)(offset - mapping->lead));
    if (start == MAP_FAILED)
        return -errno;
    /* The guest's memory is no part of our crash. */
    madvise(start, mapping->mapped, MADV_DONTDUMP);
    mapping->place = guest_fault_watch(start, mapping->mapped);
    if (mapping->place == NULL) {
        munmap(start, mapping->mapped);
        return -ENOMEM;
    }
    mapping->data = (uint8_t *)start + mapping->lead;
    return 0;
}

struct guest_mapping *guest_mapping_create(int fd, uint64_t offset, uint64_t size)
{
    struct guest_mapping *mapping = calloc(1, sizeof(*mapping));
    int ret = mapping != NULL ? map(mapping, fd, offset, size) : -ENOMEM;

    if (ret < 0) {
        free(mapping);
        errno = -ret;
        return NULL;
    }
    mapping->refs = 1;
    return mapping;
}

struct guest_mapping *guest_mapping_ref(struct guest_mapping *mapping)
{
    mapping->refs++;
    return mapping;
}

void guest_mapping_unref(struct guest_mapping *mapping)
{
    if (mapping == NULL || --mapping->refs > 0)
        return;
    guest_fault_forget(mapping->place);
    munmap(mapping->data - mapping->lead, mapping->mapped);
    free(mapping);
}

/* SPDX-License-Identifier: MIT */
#include "media_dma.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define HUGE_PAGE ((size_t)2 << 20)
#define PAGEMAP_PRESENT (1ull << 63)
#define PAGEMAP_FRAME ((1ull << 55) - 1)

static void write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0)
        return;
    if (write(fd, text, strlen(text)) < 0)
        fprintf(stderr, "media: %s stays as it is: %s\n", path, strerror(errno));
    close(fd);
}

static void *map(size_t size, int flags)
{
    /* Shared, as a private page is copied to another place when it is written after a fork. */
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE | MAP_LOCKED | flags, -1, 0);

    return at == MAP_FAILED ? NULL : at;
}

/* The physical address of the small page at 'at', or 0. */
static uint64_t look_up(int fd, const uint8_t *at)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint64_t entry;

    if (pread(fd, &entry, 8, (off_t)((uintptr_t)at / page * 8)) != 8)
        return 0;
    return entry & PAGEMAP_PRESENT ? (entry & PAGEMAP_FRAME) * page : 0;
}

static int look_up_all(const struct media_dma *dma, uint64_t *frames)
{
    int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC), rc = 0;

    if (fd < 0)
        return -errno;
    for (size_t i = 0; i < dma->size / dma->page && !rc; i++) {
        frames[i] = look_up(fd, dma->base + i * dma->page);
        if (!frames[i])
            rc = -EPERM;
    }
    close(fd);
    return rc;
}

int media_dma_init(struct media_dma *dma, size_t size, bool huge)
{
    int rc;

    memset(dma, 0, sizeof(*dma));
    /* Locked pages may still be moved by compaction, under the device's hands. */
    write_text("/proc/sys/vm/compact_unevictable_allowed", "0");
    if (huge) {
        write_text("/proc/sys/vm/nr_hugepages", "4");
        dma->page = HUGE_PAGE;
        dma->size = (size + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
        dma->base = map(dma->size, MAP_HUGETLB);
    }
    dma->huge = dma->base != NULL;
    if (!dma->base) {
        dma->page = (size_t)sysconf(_SC_PAGESIZE);
        dma->size = (size + dma->page - 1) & ~(dma->page - 1);
        dma->base = map(dma->size, 0);
    }
    if (!dma->base)
        return -errno;
    madvise(dma->base, dma->size, MADV_DONTFORK);
    memset(dma->base, 0, dma->size);
    dma->frames = calloc(dma->size / dma->page, sizeof(*dma->frames));
    rc = dma->frames ? look_up_all(dma, dma->frames) : -ENOMEM;
    if (rc)
        media_dma_finish(dma);
    return rc;
}

void media_dma_finish(struct media_dma *dma)
{
    if (dma->base)
        munmap(dma->base, dma->size);
    if (dma->huge)
        write_text("/proc/sys/vm/nr_hugepages", "0");
    free(dma->frames);
    memset(dma, 0, sizeof(*dma));
}

void *media_dma_alloc(struct media_dma *dma, size_t size, size_t align)
{
    size_t at = (dma->used + align - 1) & ~(align - 1);

    if (size <= dma->page && at / dma->page != (at + size - 1) / dma->page)
        at = (at + dma->page - 1) & ~(dma->page - 1);
    if (!size || at > dma->size || size > dma->size - at)
        return NULL;
    dma->used = at + size;
    return dma->base + at;
}

uint64_t media_dma_address(const struct media_dma *dma, const void *at, size_t size, size_t *run)
{
    size_t offset = (size_t)((const uint8_t *)at - dma->base), page = offset / dma->page;
    size_t here = dma->page - offset % dma->page;

    while (here < size && dma->frames[page + 1] == dma->frames[page] + dma->page) {
        here += dma->page;
        page++;
    }
    *run = here < size ? here : size;
    return dma->frames[offset / dma->page] + offset % dma->page;
}

int media_dma_check(const struct media_dma *dma)
{
    size_t count = dma->size / dma->page;
    uint64_t *now = calloc(count, sizeof(*now));
    int rc;

    if (!now)
        return -ENOMEM;
    rc = look_up_all(dma, now);
    if (!rc && memcmp(now, dma->frames, count * sizeof(*now)))
        rc = -ESTALE;
    free(now);
    return rc;
}

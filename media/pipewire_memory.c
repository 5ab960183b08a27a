/* SPDX-License-Identifier: MIT */
#include "media/pipewire_memory.h"

#include <errno.h>
#include <linux/dma-buf.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/* A file that is shorter than what is said of it would kill us at the first touch. */
static int check_size(int fd, uint64_t end)
{
    off_t size = lseek(fd, 0, SEEK_END);

    if (size < 0)
        return -errno;
    return (uint64_t)size >= end ? 0 : -EOVERFLOW;
}

static int map_block(struct pipewire_memory *memory, unsigned i, const struct spa_data *data)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), gap = data->mapoffset % page;
    int r = check_size((int)data->fd, (uint64_t)data->mapoffset + data->maxsize);
    void *map;

    if (r != 0)
        return r;
    map = mmap(NULL, gap + data->maxsize, PROT_READ, MAP_SHARED, (int)data->fd,
               (off_t)(data->mapoffset - gap));
    if (map == MAP_FAILED)
        return -errno;
    memory->map[i] = map;
    memory->map_size[i] = gap + data->maxsize;
    memory->data[i] = (const uint8_t *)map + gap;
    if (data->type == SPA_DATA_DmaBuf)
        memory->dmabuf[i] = (int)data->fd;
    return 0;
}

int pipewire_memory_init(struct pipewire_memory *memory, const struct spa_buffer *buffer)
{
    int result = 0;

    *memory = (struct pipewire_memory){.dmabuf = {-1, -1, -1}};
    for (unsigned i = 0; i < FRAME_MAX_PLANES && i < buffer->n_datas; i++) {
        const struct spa_data *data = &buffer->datas[i];
        int r = 0;

        if (data->type == SPA_DATA_MemPtr)
            memory->data[i] = data->data;
        else if (data->type == SPA_DATA_MemFd || data->type == SPA_DATA_DmaBuf)
            r = data->maxsize > 0 ? map_block(memory, i, data) : 0;
        else
            r = -EOPNOTSUPP;
        if (result == 0)
            result = r;
    }
    return result;
}

void pipewire_memory_finish(struct pipewire_memory *memory)
{
    for (unsigned i = 0; i < FRAME_MAX_PLANES; i++)
        if (memory->map[i] != NULL)
            munmap(memory->map[i], memory->map_size[i]);
    memset(memory->map, 0, sizeof(memory->map));
}

static int sync_block(int fd, uint64_t flags)
{
    struct dma_buf_sync sync = {.flags = flags | DMA_BUF_SYNC_READ};
    int r;

    if (fd < 0)
        return 0;
    do
        r = ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync);
    while (r < 0 && (errno == EINTR || errno == EAGAIN));
    return r < 0 ? -errno : 0;
}

int pipewire_memory_begin(const struct pipewire_memory *memory)
{
    for (unsigned i = 0; i < FRAME_MAX_PLANES; i++) {
        int r = sync_block(memory->dmabuf[i], DMA_BUF_SYNC_START);

        if (r != 0) {
            while (i-- > 0)
                sync_block(memory->dmabuf[i], DMA_BUF_SYNC_END);
            return r;
        }
    }
    return 0;
}

void pipewire_memory_end(const struct pipewire_memory *memory)
{
    for (unsigned i = 0; i < FRAME_MAX_PLANES; i++)
        sync_block(memory->dmabuf[i], DMA_BUF_SYNC_END);
}

/* SPDX-License-Identifier: MIT */
#include "buffer/exporter_source.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/units.h"
#include "buffer/gbm_node.h"
#include "buffer/self_test.h"

#define UDMABUF_PATH "/dev/udmabuf"
#define HEAP_PATH "/dev/dma_heap/system"

static int open_device(struct exporter *exporter, const char *path, char *text)
{
    exporter->device_fd = open(path, O_RDWR | O_CLOEXEC);
    if (exporter->device_fd >= 0)
        return 0;
    snprintf(text, EXPORTER_TEXT, "cannot open %s: %s", path, strerror(errno));
    return -errno;
}

static int open_memfd(struct exporter *exporter, const char *drm_node,
                      char text[static EXPORTER_TEXT])
{
    snprintf(text, EXPORTER_TEXT, "memory files of the kernel");
    return 0;
}

static struct buffer *create_memfd(struct exporter *exporter, uint64_t size)
{
    return buffer_memfd_create(size);
}

/* The largest udmabuf, which an administrator can set, or 0. Newer kernels begin with INT_MAX,
 * older ones with 64 MiB. */
static uint64_t udmabuf_limit(void)
{
    char digits[24] = "";
    int fd = open(EXPORTER_UDMABUF_LIMIT, O_RDONLY | O_CLOEXEC);
    long long mib;

    if (fd < 0)
        return 0;
    if (read(fd, digits, sizeof(digits) - 1) < 0)
        digits[0] = '\0';
    fd_close(&fd);
    mib = strtoll(digits, NULL, 10);
    return mib <= 0 || mib == INT_MAX ? 0 : (uint64_t)mib << 20;
}

static int open_udmabuf(struct exporter *exporter, const char *drm_node,
                        char text[static EXPORTER_TEXT])
{
    int result = open_device(exporter, UDMABUF_PATH, text);
    char size[24] = "any size";

    if (result < 0)
        return result;
    exporter->limit = udmabuf_limit();
    if (exporter->limit != 0)
        units_format_size(exporter->limit, size);
    snprintf(text, EXPORTER_TEXT, UDMABUF_PATH ", buffers of up to %s", size);
    return 0;
}

static struct buffer *create_udmabuf(struct exporter *exporter, uint64_t size)
{
    return buffer_udmabuf_create(exporter->device_fd, size);
}

static int open_heap(struct exporter *exporter, const char *drm_node,
                     char text[static EXPORTER_TEXT])
{
    int result = open_device(exporter, HEAP_PATH, text);

    if (result == 0)
        snprintf(text, EXPORTER_TEXT, HEAP_PATH);
    return result;
}

static struct buffer *create_from_heap(struct exporter *exporter, uint64_t size)
{
    return buffer_dma_heap_create(exporter->device_fd, size);
}

static int open_gbm(struct exporter *exporter, const char *drm_node,
                    char text[static EXPORTER_TEXT])
{
    int error;

    exporter->gbm = gbm_node_find(drm_node, &error, text);
    return exporter->gbm == NULL ? error : 0;
}

static struct buffer *create_gbm(struct exporter *exporter, uint64_t size)
{
    return gbm_node_bytes(exporter->gbm, size);
}

const struct exporter_source exporter_sources[EXPORTER_KINDS] = {
    [EXPORTER_ARENA] = {.name = "arena"},
    [EXPORTER_MEMFD] = {"memfd", open_memfd, create_memfd, "a kernel with memfd_create"},
    [EXPORTER_UDMABUF] = {"udmabuf", open_udmabuf, create_udmabuf,
                          "the kernel's module udmabuf, and leave to open " UDMABUF_PATH},
    [EXPORTER_DMA_HEAP] = {"dma_heap", open_heap, create_from_heap,
                           "a kernel with DMABUF_HEAPS_SYSTEM, and leave to open " HEAP_PATH},
    [EXPORTER_GBM] = {"gbm", open_gbm, create_gbm,
                      "a node in /dev/dri that may be opened, libgbm1 and its driver of Mesa"},
};

void exporter_source_close(struct exporter *exporter)
{
    fd_close(&exporter->device_fd);
    gbm_node_destroy(exporter->gbm);
    exporter->gbm = NULL;
    exporter->limit = 0;
}

int exporter_source_open(struct exporter *exporter, enum exporter_kind kind, const char *drm_node,
                         char text[static EXPORTER_TEXT])
{
    struct buffer *buffer;
    char why[EXPORTER_TEXT / 2] = "";
    int result = exporter_sources[kind].open(exporter, drm_node, text);

    if (result < 0)
        return result;
    buffer = exporter_sources[kind].create(exporter, 3 * units_page_size());
    result = buffer == NULL ? -errno : self_test_buffer(buffer, why, sizeof(why));
    if (buffer == NULL)
        snprintf(text, EXPORTER_TEXT, "it made no buffer: %s", strerror(-result));
    else if (result < 0)
        snprintf(text, EXPORTER_TEXT, "its buffers are of no use: %s", why);
    buffer_destroy(buffer);
    if (result < 0)
        exporter_source_close(exporter);
    return result;
}

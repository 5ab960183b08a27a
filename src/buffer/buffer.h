/* SPDX-License-Identifier: MIT */
#ifndef BUFFER_BUFFER_H
#define BUFFER_BUFFER_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Memory that is a descriptor. A buffer has one owner, who destroys it; a guest mapping is a hold
 * on it, so an owner takes it out of the guest's window (shm_port_unmap, and waits for the answer)
 * before buffer_destroy. Its bytes are shared by the host, the guest and every importer: never
 * trust what is read back from them.
 */
enum buffer_kind {
    BUFFER_ARENA,    /* a piece of the arena: no descriptor of its own, no message to map it */
    BUFFER_MEMFD,    /* a sealed memfd of its own */
    BUFFER_UDMABUF,  /* a dmabuf over a sealed memfd */
    BUFFER_DMA_HEAP, /* a dmabuf of the kernel's own memory */
    BUFFER_GBM,      /* a dmabuf of a DRM driver */
    BUFFER_IMPORTED, /* somebody else's descriptor */
    BUFFER_GUEST,    /* pages of the guest's own memory: never mapped into its window */
};

struct buffer;

struct buffer_impl {
    /* The bytes, readable and writable, mapped on the first call; NULL with errno set. The pointer
     * of an arena buffer changes when the buffer is placed elsewhere: ask again after each map or
     * unmap. */
    void *(*data)(struct buffer *buffer);
    void (*destroy)(struct buffer *buffer);
};

struct buffer {
    const struct buffer_impl *impl;
    uint64_t size; /* bytes, a multiple of the page size but for the guest's own */
    /* For SHMEM_MAP. The buffer owns fd; -1 for the arena's and the guest's. */
    uint64_t fd_offset;
    int fd;
    uint32_t id;    /* what the owner calls it (a resource id, a buffer cookie): shown to people */
    uint32_t owner; /* whose it is (a context, a session), likewise; 0: nobody's in particular */
    enum buffer_kind kind : 8;
    bool dmabuf; /* fd is a dmabuf: GPUs, displays and V4L2 can import it */
};

/* What the CPU is going to do, or has done. */
enum buffer_access {
    BUFFER_READ = 1,
    BUFFER_WRITE = 2,
};

/* See struct buffer_impl. */
void *buffer_data(struct buffer *buffer);
/*
 * Around whatever the CPU reads or writes through buffer_data: the driver of a dmabuf waits for
 * what its device still does to it, and brings the caches in order (DMA_BUF_IOCTL_SYNC). 'access'
 * is BUFFER_READ, BUFFER_WRITE or both, the same in both calls. Costs nothing where there is no
 * dmabuf. 0, or -errno: then the bytes may not be touched.
 */
int buffer_begin(struct buffer *buffer, unsigned access);
int buffer_end(struct buffer *buffer, unsigned access);
/* Frees the memory; takes NULL. The buffer must not be mapped in the guest any more. */
void buffer_destroy(struct buffer *buffer);
/* "arena", "memfd", ... */
const char *buffer_kind_name(enum buffer_kind kind);

/* A sealed memfd of 'size' bytes, rounded up to pages, zeroed. NULL with errno set. */
struct buffer *buffer_memfd_create(uint64_t size);
/* A dmabuf made by 'udmabuf_fd' (an open /dev/udmabuf, borrowed) over a sealed memfd. NULL with
 * errno set. */
struct buffer *buffer_udmabuf_create(int udmabuf_fd, uint64_t size);
/* A piece of somebody's sealed memfd. */
struct buffer_piece {
    int fd;                /* borrowed */
    uint64_t offset, size; /* multiples of the page size */
};

/* The most pieces that the kernel makes one dmabuf of, unless it is told otherwise. */
#define BUFFER_MAX_PIECES 1024u

/* The same over 'count' pieces, one behind the other, 1 to BUFFER_MAX_PIECES. The dmabuf holds the
 * pages, not the descriptors. NULL with errno set. */
struct buffer *buffer_udmabuf_list_create(int udmabuf_fd, const struct buffer_piece *pieces,
                                          unsigned count);
/* A dmabuf from 'heap_fd' (an open file of /dev/dma_heap, borrowed), zeroed. NULL with errno set.
 */
struct buffer *buffer_dma_heap_create(int heap_fd, uint64_t size);
/* Takes ownership of 'fd' even on error. Checks that it can be mapped read-write and that
 * [offset, offset + size) lies inside its file. NULL with errno set. */
struct buffer *buffer_imported_create(int fd, uint64_t offset, uint64_t size);

#endif

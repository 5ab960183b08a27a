/* SPDX-License-Identifier: MIT */
#ifndef TESTS_GUEST_BLOB_ABI_H
#define TESTS_GUEST_BLOB_ABI_H

#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>

/*
 * What the kernel's virtio_gpu driver takes from user space, as far as these programs use it. The
 * kernel's own header for it is in no package that both Debian 12 and 13 have: libdrm's lacks the
 * blobs, and Debian 12's linux-libc-dev leaves out all of drm.
 */
struct abi_version {
    int major, minor, patch;
    size_t name_size;
    char *name;
    size_t date_size;
    char *date;
    size_t text_size;
    char *text;
};

struct abi_gem_close {
    uint32_t handle;
    uint32_t pad;
};

struct abi_prime {
    uint32_t handle;
    uint32_t flags; /* O_CLOEXEC, O_RDWR */
    int32_t fd;
};

struct abi_map {
    uint64_t offset; /* out: for mmap */
    uint32_t handle;
    uint32_t pad;
};

enum { ABI_EXEC_FENCE_FD_OUT = 2, ABI_EXEC_RING_IDX = 4 };

struct abi_execbuffer {
    uint32_t flags;
    uint32_t size;
    uint64_t command;
    uint64_t handles; /* of the buffers that it works on, uint32_t each */
    uint32_t handle_count;
    int32_t fence_fd;
    uint32_t ring;
    uint32_t syncobj_stride;
    uint32_t in_syncobj_count;
    uint32_t out_syncobj_count;
    uint64_t in_syncobjs;
    uint64_t out_syncobjs;
};

enum {
    ABI_PARAM_3D = 1,
    ABI_PARAM_BLOB = 3,
    ABI_PARAM_HOST_VISIBLE = 4,
    ABI_PARAM_CONTEXT_INIT = 6,
    ABI_PARAM_CAPSETS = 7, /* bit N: capset id N */
};

struct abi_getparam {
    uint64_t param;
    uint64_t value; /* address of a uint64_t */
};

enum { ABI_BLOB_GUEST = 1, ABI_BLOB_HOST3D = 2 };
enum { ABI_BLOB_MAPPABLE = 1, ABI_BLOB_SHAREABLE = 2, ABI_BLOB_CROSS_DEVICE = 4 };

struct abi_create_blob {
    uint32_t memory;
    uint32_t flags;
    uint32_t handle;   /* out */
    uint32_t resource; /* out */
    uint64_t size;
    uint32_t pad;
    uint32_t command_size;
    uint64_t command;
    uint64_t blob_id;
};

enum { ABI_CONTEXT_CAPSET = 1, ABI_CONTEXT_RINGS = 2 };

struct abi_context_param {
    uint64_t param;
    uint64_t value;
};

struct abi_context_init {
    uint32_t count;
    uint32_t pad;
    uint64_t params; /* struct abi_context_param each */
};

struct abi_wait {
    uint32_t handle; /* until nobody works on that buffer any more */
    uint32_t flags;
};

struct abi_get_caps {
    uint32_t id;
    uint32_t version;
    uint64_t address;
    uint32_t size;
    uint32_t pad;
};

#define ABI_VERSION _IOWR('d', 0x00, struct abi_version)
#define ABI_GEM_CLOSE _IOW('d', 0x09, struct abi_gem_close)
#define ABI_PRIME_EXPORT _IOWR('d', 0x2d, struct abi_prime)
#define ABI_PRIME_IMPORT _IOWR('d', 0x2e, struct abi_prime)
#define ABI_MAP _IOWR('d', 0x41, struct abi_map)
#define ABI_EXECBUFFER _IOWR('d', 0x42, struct abi_execbuffer)
#define ABI_GETPARAM _IOWR('d', 0x43, struct abi_getparam)
#define ABI_WAIT _IOWR('d', 0x48, struct abi_wait)
#define ABI_GET_CAPS _IOWR('d', 0x49, struct abi_get_caps)
#define ABI_CREATE_BLOB _IOWR('d', 0x4a, struct abi_create_blob)
#define ABI_CONTEXT_INIT _IOWR('d', 0x4b, struct abi_context_init)

#endif

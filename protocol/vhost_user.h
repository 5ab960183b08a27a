/* SPDX-License-Identifier: MIT */
#ifndef PROTOCOL_VHOST_USER_H
#define PROTOCOL_VHOST_USER_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The vhost-user protocol as QEMU 11.1's interop/vhost-user manual has it, and the rules of each
 * message in one table. Numbers are in the byte order of the host: both ends are on one machine.
 */

struct vhost_user_header {
    uint32_t request;
    uint32_t flags;
    uint32_t size; /* of the payload that follows */
};

#define VHOST_USER_HEADER_SIZE 12u
#define VHOST_USER_VERSION 1u
#define VHOST_USER_VERSION_MASK 3u
#define VHOST_USER_FLAG_REPLY (1u << 2)
#define VHOST_USER_FLAG_NEED_REPLY (1u << 3)

#define VHOST_USER_MAX_PAYLOAD 4096u
#define VHOST_USER_MAX_REGIONS 32u /* in one SET_MEM_TABLE; QEMU sends 8 */
#define VHOST_USER_MAX_CONFIG 256u

enum vhost_user_request {
    VHOST_USER_GET_FEATURES = 1,
    VHOST_USER_SET_FEATURES = 2,
    VHOST_USER_SET_OWNER = 3,
    VHOST_USER_RESET_OWNER = 4,
    VHOST_USER_SET_MEM_TABLE = 5,
    VHOST_USER_SET_VRING_NUM = 8,
    VHOST_USER_SET_VRING_ADDR = 9,
    VHOST_USER_SET_VRING_BASE = 10,
    VHOST_USER_GET_VRING_BASE = 11,
    VHOST_USER_SET_VRING_KICK = 12,
    VHOST_USER_SET_VRING_CALL = 13,
    VHOST_USER_SET_VRING_ERR = 14,
    VHOST_USER_GET_PROTOCOL_FEATURES = 15,
    VHOST_USER_SET_PROTOCOL_FEATURES = 16,
    VHOST_USER_GET_QUEUE_NUM = 17,
    VHOST_USER_SET_VRING_ENABLE = 18,
    VHOST_USER_SET_BACKEND_REQ_FD = 21,
    VHOST_USER_GET_CONFIG = 24,
    VHOST_USER_SET_CONFIG = 25,
    VHOST_USER_GPU_SET_SOCKET = 33,
    VHOST_USER_RESET_DEVICE = 34,
    VHOST_USER_GET_MAX_MEM_SLOTS = 36,
    VHOST_USER_ADD_MEM_REG = 37,
    VHOST_USER_REM_MEM_REG = 38,
    VHOST_USER_GET_SHARED_OBJECT = 41,
    VHOST_USER_GET_SHMEM_CONFIG = 44,
    VHOST_USER_REQUESTS, /* one more than the highest */
};

enum vhost_user_backend_request {
    VHOST_USER_BACKEND_CONFIG_CHANGE = 2,
    VHOST_USER_BACKEND_SHARED_OBJECT_ADD = 6,
    VHOST_USER_BACKEND_SHARED_OBJECT_REMOVE = 7,
    VHOST_USER_BACKEND_SHARED_OBJECT_LOOKUP = 8,
    VHOST_USER_BACKEND_SHMEM_MAP = 9,
    VHOST_USER_BACKEND_SHMEM_UNMAP = 10,
};

/* Makes the number of a request that was begun one that nobody knows: the request is withdrawn. */
#define VHOST_USER_BACKEND_WITHDRAWN 0x7f000000u

/* The virtio feature bit that says that protocol features exist. */
#define VHOST_USER_F_PROTOCOL_FEATURES 30u

/* Numbers of protocol feature bits. */
enum vhost_user_protocol_feature {
    VHOST_USER_PROTOCOL_F_MQ = 0,
    VHOST_USER_PROTOCOL_F_REPLY_ACK = 3,
    VHOST_USER_PROTOCOL_F_BACKEND_REQ = 5,
    VHOST_USER_PROTOCOL_F_CONFIG = 9,
    VHOST_USER_PROTOCOL_F_BACKEND_SEND_FD = 10,
    VHOST_USER_PROTOCOL_F_RESET_DEVICE = 13,
    VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS = 15,
    VHOST_USER_PROTOCOL_F_SHARED_OBJECT = 18,
    VHOST_USER_PROTOCOL_F_OLD_SHMEM_20 = 20, /* where drafts of SHMEM had their bit */
    VHOST_USER_PROTOCOL_F_OLD_SHMEM_21 = 21,
    VHOST_USER_PROTOCOL_F_SHMEM = 22,
};

#define VHOST_USER_BIT(number) (UINT64_C(1) << (number))

/* Flag bit of SET_VRING_KICK, _CALL and _ERR: no descriptor comes with it. */
#define VHOST_USER_VRING_NO_FD VHOST_USER_BIT(8)
#define VHOST_USER_VRING_INDEX_MASK 0xffu

struct vhost_user_vring_state {
    uint32_t index;
    uint32_t num;
};

/* Addresses are the front-end's virtual ones. */
struct vhost_user_vring_addr {
    uint32_t index;
    uint32_t flags;
    uint64_t desc;
    uint64_t used;
    uint64_t avail;
    uint64_t log;
};

struct vhost_user_region {
    uint64_t gpa;
    uint64_t size;
    uint64_t user;
    uint64_t mmap_offset;
};

struct vhost_user_mem_table {
    uint32_t count;
    uint32_t pad;
    struct vhost_user_region regions[VHOST_USER_MAX_REGIONS];
};

struct vhost_user_mem_reg {
    uint64_t pad;
    struct vhost_user_region region;
};

#define VHOST_USER_CONFIG_HEADER_SIZE 12u

struct vhost_user_config {
    uint32_t offset;
    uint32_t size;
    uint32_t flags;
    uint8_t data[VHOST_USER_MAX_CONFIG];
};

struct vhost_user_shmem_config {
    uint32_t regions; /* how many sizes are not 0 */
    uint32_t pad;
    uint64_t sizes[256]; /* by shmid, bytes */
};

#define VHOST_USER_MMAP_RW UINT64_C(1)

/* Payload of SHMEM_MAP and SHMEM_UNMAP. */
struct vhost_user_mmap {
    uint8_t shmid;
    uint8_t pad[7];
    uint64_t fd_offset;
    uint64_t shm_offset;
    uint64_t len;
    uint64_t flags;
};

_Static_assert(sizeof(struct vhost_user_header) == VHOST_USER_HEADER_SIZE, "header");
_Static_assert(sizeof(struct vhost_user_vring_addr) == 40, "vring addr");
_Static_assert(sizeof(struct vhost_user_mem_reg) == 40, "mem reg");
_Static_assert(sizeof(struct vhost_user_shmem_config) == 2056, "shmem config");
_Static_assert(sizeof(struct vhost_user_mmap) == 40, "mmap");

/* One message; the payload is 'header.size' bytes of the union. */
struct vhost_user_message {
    struct vhost_user_header header;
    union {
        uint64_t u64;
        struct vhost_user_vring_state state;
        struct vhost_user_vring_addr addr;
        struct vhost_user_mem_table mem_table;
        struct vhost_user_mem_reg mem_reg;
        struct vhost_user_config config;
        struct vhost_user_shmem_config shmem_config;
        struct vhost_user_mmap mmap;
        uint8_t uuid[16];
        uint8_t bytes[VHOST_USER_MAX_PAYLOAD];
    };
};

/* When a message is allowed. */
enum vhost_user_state {
    VHOST_USER_IDLE = 1,    /* no ring runs */
    VHOST_USER_RUNNING = 2, /* at least one does */
    VHOST_USER_ANY = VHOST_USER_IDLE | VHOST_USER_RUNNING,
};

enum vhost_user_answer {
    VHOST_USER_ANSWER_ACK, /* a u64, 0 or not, if it was asked for */
    VHOST_USER_ANSWER_OWN, /* always an answer of its own form */
};

/* What must hold before a message's handler runs. */
struct vhost_user_rule {
    const char *name; /* NULL: no such message */
    uint32_t min_size, max_size;
    uint8_t min_fds, max_fds;
    uint64_t needs; /* protocol feature bits that must have been acked */
    uint8_t states; /* enum vhost_user_state */
    uint8_t answer; /* enum vhost_user_answer */
};

/* The rule of a request of the front-end, or NULL for one that this back-end does not know. */
const struct vhost_user_rule *vhost_user_rule(uint32_t request);
/* "SET_MEM_TABLE", or "?" */
const char *vhost_user_request_name(uint32_t request);

/* Whether a header can begin a message of the front-end: version, no reply flag, a payload that
 * fits. NULL if so, else the reason: the stream cannot be trusted any more. */
const char *vhost_user_check_header(const struct vhost_user_header *header);

/* Whether a whole message keeps its rule. NULL if so, else the reason. 'acked': protocol features;
 * 'state': one bit of enum vhost_user_state. */
const char *vhost_user_check(const struct vhost_user_header *header, unsigned fds, uint64_t acked,
                             unsigned state);

#endif

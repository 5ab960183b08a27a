/* SPDX-License-Identifier: MIT */
#include "protocol/feature_names.h"

#include <stddef.h>

#define COUNT(names) (sizeof(names) / sizeof((names)[0]))

/* Virtio specification, "Reserved Feature Bits"; 30 is vhost-user's own. */
static const char *const ring_names[] = {
    [24] = "NOTIFY_ON_EMPTY", [27] = "ANY_LAYOUT",  [28] = "INDIRECT_DESC",
    [29] = "EVENT_IDX",       [30] = "PROTOCOL",    [32] = "VERSION_1",
    [33] = "ACCESS_PLATFORM", [34] = "RING_PACKED", [35] = "IN_ORDER",
    [36] = "ORDER_PLATFORM",  [37] = "SR_IOV",      [38] = "NOTIFICATION_DATA",
    [39] = "NOTIF_CONFIG",    [40] = "RING_RESET",  [41] = "ADMIN_VQ",
};

/* QEMU's vhost-user manual, "Protocol features". */
static const char *const protocol_names[] = {
    [0] = "MQ",
    [1] = "LOG_SHMFD",
    [2] = "RARP",
    [3] = "REPLY_ACK",
    [4] = "MTU",
    [5] = "BACKEND_REQ",
    [6] = "CROSS_ENDIAN",
    [7] = "CRYPTO_SESSION",
    [8] = "PAGEFAULT",
    [9] = "CONFIG",
    [10] = "BACKEND_SEND_FD",
    [11] = "HOST_NOTIFIER",
    [12] = "INFLIGHT_SHMFD",
    [13] = "RESET_DEVICE",
    [14] = "INBAND_NOTIFICATIONS",
    [15] = "CONFIGURE_MEM_SLOTS",
    [16] = "STATUS",
    [17] = "XEN_MMAP",
    [18] = "SHARED_OBJECT",
    [19] = "DEVICE_STATE",
    [22] = "SHMEM",
};

const char *feature_names_ring(unsigned bit)
{
    return bit < COUNT(ring_names) ? ring_names[bit] : NULL;
}

const char *feature_names_protocol(unsigned bit)
{
    return bit < COUNT(protocol_names) ? protocol_names[bit] : NULL;
}

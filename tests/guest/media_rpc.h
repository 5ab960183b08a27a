/* SPDX-License-Identifier: MIT */
#ifndef TESTS_GUEST_MEDIA_RPC_H
#define TESTS_GUEST_MEDIA_RPC_H

#include <stddef.h>
#include <stdint.h>

#include <linux/videodev2.h>

/*
 * What a client process asks the driver process, over a SOCK_SEQPACKET socket. One question at a
 * time, one answer each: the same struct, with 'size' bytes of payload.
 */
#define MEDIA_RPC_PAYLOAD 4096u

enum media_rpc_op {
    MEDIA_RPC_OPEN = 1, /* answer: session */
    MEDIA_RPC_CLOSE,    /* session */
    MEDIA_RPC_IOCTL,    /* session, code = whole ioctl code, payload both ways */
    MEDIA_RPC_MMAP,     /* session, code = mem_offset; answer: offset, length */
    MEDIA_RPC_MUNMAP,   /* session, offset */
    MEDIA_RPC_DQBUF,    /* session, code = milliseconds; answer: struct media_frame_info */
    MEDIA_RPC_RAW,      /* payload as it is, code = bytes the device may write; answer: used */
    MEDIA_RPC_STATE,    /* answer: struct media_state */
};

struct media_rpc {
    uint32_t op;
    int32_t result; /* 0, the device's answer as negative errno, or the driver's */
    uint32_t session;
    uint32_t code;
    uint32_t size;   /* bytes of payload that follow */
    uint32_t used;   /* what the used ring said */
    uint64_t offset; /* bytes from the region's start */
    uint64_t length;
    uint8_t payload[MEDIA_RPC_PAYLOAD];
};

#define MEDIA_RPC_HEADER offsetof(struct media_rpc, payload)

/* A DQBUF event's content. */
struct media_frame_info {
    struct v4l2_buffer buffer;
    struct v4l2_plane planes[VIDEO_MAX_PLANES];
};

/* What the driver holds and has counted. */
struct media_state {
    uint32_t sessions;
    uint32_t mappings; /* live ones, each counted once */
    uint64_t commands;
    uint64_t events; /* DQBUF events */
    uint64_t faults; /* what the device did wrong */
    uint64_t kicks;
    uint64_t indirects;
};

#endif

/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SHORTAGE_NTH_PAGE_H
#define TESTS_SHORTAGE_NTH_PAGE_H

#include <stdatomic.h>
#include <stdint.h>

/*
 * What the preloaded library and the driver share: a page in a memfd that every process of the
 * device inherits. The library counts the calls of each kind in each process, and has one of them
 * fail.
 */
#define NTH_PAGE_FD "HOSTBLOB_NTH_FD" /* environment: the descriptor's number */

enum nth_role {
    NTH_STARTER,
    NTH_DOOR,
    NTH_WORKER, /* each one, one after the other */
    NTH_BESIDE, /* the door of the new program in an upgrade */
    NTH_ROLES,
};

enum nth_kind {
    NTH_MEMORY,  /* malloc and its like: ENOMEM */
    NTH_MAP,     /* mmap, memfd_create, ftruncate, fallocate: ENOMEM or ENOSPC */
    NTH_OPEN,    /* whatever gives a descriptor: EMFILE */
    NTH_SEND,    /* send, sendto, sendmsg: ENOBUFS */
    NTH_RECEIVE, /* recv, recvfrom, recvmsg: ENOMEM */
    NTH_CLONE,   /* fork, exec, a thread: EAGAIN */
    NTH_WATCH,   /* epoll_ctl, inotify_add_watch: ENOSPC */
    NTH_KINDS,
};

#define NTH_FRAMES 14u
#define NTH_FRAME_TEXT 80u

struct nth_page {
    /* Written by the driver. The call number 'nth' since the counts were cleared fails, and the
     * 'times' - 1 after it; 0: none. */
    _Atomic uint32_t role, kind;
    _Atomic uint64_t nth, times;
    /* Written by the library. */
    _Atomic uint64_t count[NTH_ROLES][NTH_KINDS];
    _Atomic int64_t live[NTH_ROLES];        /* allocations that were not freed yet */
    _Atomic uint32_t fired;                 /* calls that failed */
    char where[NTH_FRAMES][NTH_FRAME_TEXT]; /* the stack of the first, "file+0xoffset" */
};

#endif

/* SPDX-License-Identifier: MIT */
#ifndef BASE_STATS_H
#define BASE_STATS_H

#include <stdint.h>

/*
 * Counters of one device, in memory that its two processes share: each counter has one writer,
 * readers may see it a moment late. Names are what 'hostblob' shows.
 */
#define STATS_LIST(X)                                                                              \
    X(maps)             /* buffers put into the guest's window */                                  \
    X(unmaps)           /* and taken out */                                                        \
    X(shmem_requests)   /* SHMEM_MAP and SHMEM_UNMAP sent to the front-end */                      \
    X(shmem_refused)    /* refused by the front-end, or not answered in time */                    \
    X(commands)         /* answered to the guest */                                                \
    X(command_errors)   /* of them with an error */                                                \
    X(chains_bad)       /* descriptor chains that broke the rules */                               \
    X(memory_lost)      /* mappings of guest memory whose file was cut short */                    \
    X(front_end_errors) /* requests of the front-end that were refused */                          \
    X(connections)      /* front-ends that came */                                                 \
    X(left_mapped)      /* buffers that were in the window when a front-end left */                \
    X(worker_starts)    /* times that the worker was started */                                    \
    X(events_sent)      /* buffers of the event queue that were filled */                          \
    X(frames)           /* media frames given to the guest; pictures a GPU was given to show */    \
    X(frames_dropped)   /* ticks of the frame clock without a buffer */

struct stats {
#define STATS_FIELD(name) uint64_t name;
    STATS_LIST(STATS_FIELD)
#undef STATS_FIELD
};

static inline void stats_add(uint64_t *counter, uint64_t n)
{
    __atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

/* Calls 'each' with every counter's name and value. */
void stats_each(const struct stats *stats,
                void (*each)(void *data, const char *name, uint64_t value), void *data);

/* How many there are of what in a device, for people: kept by the device in the same shared memory.
 */
struct device_census {
    uint64_t resources; /* GPU resources, media buffers */
    uint64_t contexts;  /* GPU contexts, */
    uint64_t mortal;    /* and those of them that die with the worker: OpenGL's and Vulkan's */
    uint64_t sessions;  /* media sessions */
    uint64_t mapped;    /* of the resources, in the guest's window */
    uint64_t bytes;     /* of host memory that the resources may use */
};

#endif

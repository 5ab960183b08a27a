/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <linux/virtio_ring.h>

#include "base/log.h"
#include "worker/worker_parts.h"

#define STARVED_US 20000u /* from a request that there was no memory for to the next try */

void worker_serve_queue(struct worker *w, unsigned index)
{
    struct virtqueue *queue = &w->queues[index];

    if (!virtqueue_running(queue))
        return;
    w->device->impl->queue_ready(w->device, index);
    if (queue->broken)
        stats_add(&w->journal.page->stats.chains_bad, 1);
}

void worker_run_queue(void *data, unsigned index)
{
    struct worker *w = data;

    if (w->poll.span.limit > 0)
        worker_poll_notices(w, index);
    worker_serve_queue(w, index);
}

void worker_run_queues(struct worker *w)
{
    for (unsigned i = 0; i < w->facts.queues; i++)
        worker_run_queue(w, i);
}

/* No kick will come for a request that stayed in its ring. */
static void look_again(void *data)
{
    struct worker *w = data;

    sd_event_source_set_time_relative(w->starved, STARVED_US);
    sd_event_source_set_enabled(w->starved, SD_EVENT_ONESHOT);
}

static int on_starved(sd_event_source *source, uint64_t now, void *data)
{
    worker_run_queues(data);
    return 0;
}

/* The front-end took memory away under us: what a driver finds in its rings now means nothing. */
static int on_memory_lost(sd_event_source *source, int fd, uint32_t events, void *data)
{
    struct worker *w = data;
    uint64_t count;

    if (read(fd, &count, sizeof(count)) != sizeof(count))
        return 0;
    stats_add(&w->journal.page->stats.memory_lost, count);
    log_stranger("The front-end has cut guest memory short that the device was using: the rings "
                 "stand still until a driver begins anew.");
    for (unsigned i = 0; i < w->facts.queues; i++)
        virtqueue_break(&w->queues[i]);
    return 0;
}

static unsigned rings_started(const struct worker *w)
{
    unsigned n = 0;

    for (unsigned i = 0; i < w->facts.queues; i++)
        n += w->queues[i].started;
    return n;
}

void worker_begin_anew(struct worker *w)
{
    int r;

    for (unsigned i = 0; i < w->facts.queues; i++)
        if (!w->queues[i].started)
            virtqueue_reset(&w->queues[i]);
    port_forget(&w->port);
    worker_objects_forget(&w->objects);
    w->resumed = true;
    worker_shelf_clear(&w->shelf);
    journal_forget(&w->journal);
    journal_clear(&w->journal);
    w->device->impl->reset(w->device);
    if (w->exporter.kind == EXPORTER_ARENA) {
        r = arena_punch_all(&w->arena);
        if (r < 0)
            log_error("The arena cannot be emptied: %s.", strerror(-r));
    }
}

/* A driver goes on that another worker served. */
static void resume(struct worker *w)
{
    w->resumed = true;
    w->device->impl->resume(w->device);
    w->journal.page->resume_tries = 0;
    worker_shelf_settle(&w->shelf);
}

/* Front-end's addresses to the guest's own. */
static int place_ring(struct worker *w, const struct link_message *m, struct virtqueue_setup *setup)
{
    const struct link_ring_start *start = &m->ring_start;

    *setup = (struct virtqueue_setup){
        .size = (uint16_t)start->size,
        .base = (uint16_t)start->base,
        .event_idx = (w->features & WORKER_FEATURE(VIRTIO_RING_F_EVENT_IDX)) != 0,
        .no_indirect = (w->features & WORKER_FEATURE(VIRTIO_RING_F_INDIRECT_DESC)) == 0,
        .name = m->serial,
    };
    if (!guest_memory_from_user(&w->memory, start->desc, &setup->desc) ||
        !guest_memory_from_user(&w->memory, start->avail, &setup->avail) ||
        !guest_memory_from_user(&w->memory, start->used, &setup->used))
        return -EFAULT;
    return 0;
}

int worker_start_ring(struct worker *w, const struct link_message *m, struct fd_list *fds,
                      uint64_t *fresh)
{
    const struct link_ring_start *start = &m->ring_start;
    struct worker_ring *ring = &w->rings[start->index];
    struct virtqueue_setup setup;
    bool from_nothing;
    bool first = rings_started(w) == 0;
    int r = place_ring(w, m, &setup);

    if (r == 0)
        r = virtqueue_start(&w->queues[start->index], &setup, &from_nothing);
    if (r == 0)
        r = worker_ring_open(ring, w->loop, start->flags, fds);
    if (r < 0)
        return r;
    *fresh = first && from_nothing && !(start->flags & LINK_RING_RESUMED);
    if (*fresh)
        worker_begin_anew(w);
    else if (!w->resumed)
        resume(w);
    w->queues[start->index].enabled = (start->flags & LINK_RING_ENABLED) != 0;
    /* An answer may be there of which the worker before us could not tell the driver. */
    if (start->flags & LINK_RING_RESUMED)
        worker_ring_call(ring);
    return 0;
}

uint16_t worker_stop_ring(struct worker *w, unsigned index)
{
    uint16_t base = virtqueue_stop(&w->queues[index]);

    w->queues[index].enabled = false;
    worker_ring_close(&w->rings[index]);
    return base;
}

void worker_init_queues(struct worker *w)
{
    for (unsigned i = 0; i < DEVICE_MAX_QUEUES; i++) {
        virtqueue_init(&w->queues[i], &w->memory);
        w->queues[i].record = &w->journal.page->rings[i].record;
        w->queues[i].starved = look_again;
        w->queues[i].starved_data = w;
        worker_ring_init(&w->rings[i], i, worker_run_queue, w);
    }
}

int worker_watch_queues(struct worker *w)
{
    int lost_fd, r = guest_fault_init(&lost_fd);

    if (r == 0)
        r = sd_event_add_io(w->loop, &w->lost_io, lost_fd, EPOLLIN, on_memory_lost, w);
    if (r >= 0) /* before an answer goes out that was made of nothing */
        r = sd_event_source_set_priority(w->lost_io, SD_EVENT_PRIORITY_IMPORTANT);
    if (r >= 0)
        r = sd_event_add_time_relative(w->loop, &w->starved, CLOCK_MONOTONIC, 0, 0, on_starved, w);
    if (r >= 0)
        r = sd_event_source_set_enabled(w->starved, SD_EVENT_OFF);
    return r;
}

/* SPDX-License-Identifier: MIT */
#include "worker/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "base/fd.h"
#include "base/log.h"
#include "journal/journal.h"
#include "protocol/link.h"
#include "worker/port.h"
#include "worker/worker_command.h"
#include "worker/worker_objects.h"
#include "worker/worker_ring.h"
#include "worker/worker_shelf.h"

#define STARVED_US 20000u /* from a request that there was no memory for to the next try */
#define FEATURE(number) (UINT64_C(1) << (number))

/* What the rings can do, whatever the device: virtio 1.3, 6 "Reserved Feature Bits". */
#define RING_FEATURES                                                                              \
    (FEATURE(VIRTIO_F_VERSION_1) | FEATURE(VIRTIO_RING_F_INDIRECT_DESC) |                          \
     FEATURE(VIRTIO_RING_F_EVENT_IDX))

_Static_assert(DEVICE_MAX_QUEUES <= JOURNAL_RINGS, "the journal has room for every ring");
_Static_assert(DEVICE_MAX_CONFIG == LINK_MAX_CONFIG, "the link carries a whole config space");

struct worker {
    sd_event *loop;
    int link_fd;
    sd_event_source *link_io, *lost_io;
    sd_event_source *starved; /* looks again for requests that there was no memory for */
    struct journal journal;
    struct arena arena;
    struct exporter exporter;
    struct guest_memory memory;
    struct port port;
    struct virtqueue queues[DEVICE_MAX_QUEUES];
    struct worker_ring rings[DEVICE_MAX_QUEUES];
    uint64_t features;
    struct device_host host;
    struct quota quotas[QUOTAS_MAX];
    struct device_facts facts;
    struct device *device;
    struct worker_commands commands;
    struct worker_objects objects;
    unsigned layers; /* of the sandbox, for the door */
    struct worker_shelf shelf;
    bool resumed; /* or begun anew: what workers before us left is settled */
};

static struct worker *worker_of(struct device_host *host)
{
    return (struct worker *)(void *)((char *)host - offsetof(struct worker, host));
}

/* ---- what a device is lent ---- */

static void host_call(struct device_host *host, unsigned queue)
{
    struct worker *w = worker_of(host);

    if (w->rings[queue].call >= 0 && virtqueue_must_call(&w->queues[queue]))
        worker_ring_call(&w->rings[queue]);
}

static void send_message(struct worker *w, struct link_message *m)
{
    uint32_t size = link_size(m->type);

    if (fd_send(w->link_fd, m, size, NULL, 0) != (ssize_t)size)
        sd_event_exit(w->loop, EXIT_FAILURE);
}

static void host_config_changed(struct device_host *host, const void *config, uint32_t size)
{
    struct link_message m = {.type = LINK_CONFIG_CHANGED, .config.size = size};

    memcpy(m.config.data, config, size);
    send_message(worker_of(host), &m);
}

static int host_share_object(struct device_host *host, const uint8_t uuid[static 16], int fd)
{
    return worker_objects_share(&worker_of(host)->objects, uuid, fd);
}

static void host_unshare_object(struct device_host *host, const uint8_t uuid[static 16])
{
    worker_objects_unshare(&worker_of(host)->objects, uuid);
}

static int host_lookup_object(struct device_host *host, const uint8_t uuid[static 16],
                              device_object_done *done, void *data)
{
    return worker_objects_lookup(&worker_of(host)->objects, uuid, done, data);
}

/* ---- rings ---- */

static void run_queue(void *data, unsigned index)
{
    struct worker *w = data;
    struct virtqueue *queue = &w->queues[index];

    if (!queue->started || !queue->enabled || queue->broken)
        return;
    w->device->impl->queue_ready(w->device, index);
    if (queue->broken)
        stats_add(&w->journal.page->stats.chains_bad, 1);
}

static void run_queues(struct worker *w)
{
    for (unsigned i = 0; i < w->facts.queues; i++)
        run_queue(w, i);
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
    run_queues(data);
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

/* A driver begins from nothing: nothing of the last one may be left, nor be seen. */
static void begin_anew(struct worker *w)
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
    worker_shelf_settle(&w->shelf);
}

/* Front-end's addresses to the guest's own. */
static int place_ring(struct worker *w, const struct link_message *m, struct virtqueue_setup *setup)
{
    const struct link_ring_start *start = &m->ring_start;

    *setup = (struct virtqueue_setup){
        .size = (uint16_t)start->size,
        .base = (uint16_t)start->base,
        .event_idx = (w->features & FEATURE(VIRTIO_RING_F_EVENT_IDX)) != 0,
        .no_indirect = (w->features & FEATURE(VIRTIO_RING_F_INDIRECT_DESC)) == 0,
        .name = m->serial,
    };
    if (!guest_memory_from_user(&w->memory, start->desc, &setup->desc) ||
        !guest_memory_from_user(&w->memory, start->avail, &setup->avail) ||
        !guest_memory_from_user(&w->memory, start->used, &setup->used))
        return -EFAULT;
    return 0;
}

static int start_ring(struct worker *w, const struct link_message *m, struct fd_list *fds,
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
        begin_anew(w);
    else if (!w->resumed)
        resume(w);
    w->queues[start->index].enabled = (start->flags & LINK_RING_ENABLED) != 0;
    /* An answer may be there of which the worker before us could not tell the driver. */
    if (start->flags & LINK_RING_RESUMED)
        worker_ring_call(ring);
    return 0;
}

static uint16_t stop_ring(struct worker *w, unsigned index)
{
    uint16_t base = virtqueue_stop(&w->queues[index]);

    w->queues[index].enabled = false;
    worker_ring_close(&w->rings[index]);
    return base;
}

/* ---- the door's messages ---- */

static void acknowledge(struct worker *w, const struct link_message *m, int result, uint64_t value)
{
    struct link_message ack = {.type = LINK_ACK, .serial = m->serial};

    ack.ack = (struct link_ack){.result = result, .value = value};
    send_message(w, &ack);
}

static void take_features(struct worker *w, const struct link_message *m, struct fd_list *fds)
{
    w->features = m->features;
    w->device->impl->set_features(w->device, m->features);
}

static void take_memory(struct worker *w, const struct link_message *m, struct fd_list *fds)
{
    struct guest_region_spec specs[LINK_MAX_REGIONS];
    int owned[LINK_MAX_REGIONS];
    unsigned count = m->mem_table.count;
    int r = -EINVAL;

    if (count <= LINK_MAX_REGIONS && count == fds->count) {
        for (unsigned i = 0; i < count; i++) {
            const struct link_region *region = &m->mem_table.regions[i];
            specs[i] = (struct guest_region_spec){region->gpa, region->size, region->user,
                                                  region->fd_offset};
            owned[i] = fd_list_take(fds, i);
        }
        r = guest_memory_set(&w->memory, specs, owned, count);
    }
    acknowledge(w, m, r, 0);
    /* A request may have waited for the memory that it lies in. */
    run_queues(w);
}

static void take_ring_start(struct worker *w, const struct link_message *m, struct fd_list *fds)
{
    uint64_t fresh = 0;
    uint32_t index = m->ring_start.index;
    int r = index < w->facts.queues ? start_ring(w, m, fds, &fresh) : -EINVAL;

    /* The front-end has said its part, and the driver will not wait for ever: another worker takes
     * this one's place. */
    if (r == -ENOMEM || r == -ENOSPC || r == -EMFILE) {
        log_error("Ring %u cannot be served: %s.", index, strerror(-r));
        sd_event_exit(w->loop, EXIT_FAILURE);
        return;
    }
    acknowledge(w, m, r, fresh);
    if (r == 0)
        run_queue(w, index);
}

static void take_ring_enable(struct worker *w, const struct link_message *m, struct fd_list *fds)
{
    uint32_t index = m->ring.index;

    if (index >= w->facts.queues) {
        acknowledge(w, m, -EINVAL, 0);
        return;
    }
    w->queues[index].enabled = m->ring.value != 0;
    acknowledge(w, m, 0, 0);
    run_queue(w, index);
}

static void take_ring_call(struct worker *w, const struct link_message *m, struct fd_list *fds)
{
    if (m->ring.index < w->facts.queues)
        worker_ring_set_call(&w->rings[m->ring.index], fd_list_take(fds, 0));
}

static void take_ring_stop(struct worker *w, const struct link_message *m, struct fd_list *fds)
{
    uint32_t index = m->ring.index;

    if (index < w->facts.queues)
        acknowledge(w, m, 0, stop_ring(w, index));
    else
        acknowledge(w, m, -EINVAL, 0);
}

static void take_reset(struct worker *w, const struct link_message *m, struct fd_list *fds)
{
    for (unsigned i = 0; i < w->facts.queues; i++)
        stop_ring(w, i);
    begin_anew(w);
    acknowledge(w, m, 0, 0);
}

static void take_config_write(struct worker *w, const struct link_message *m, struct fd_list *fds)
{
    const struct link_config *c = &m->config;

    if (w->device->impl->write_config != NULL && c->size <= LINK_MAX_CONFIG &&
        c->offset <= LINK_MAX_CONFIG - c->size)
        w->device->impl->write_config(w->device, c->offset, c->data, c->size);
}

static void take_window(struct worker *w, const struct link_message *m, struct fd_list *fds)
{
    port_window(&w->port, (enum link_window_news)m->window.news);
    /* A request that was cancelled when the window shut is in hand still, if its ring ran on. */
    if (m->window.news != LINK_WINDOW_SHUT)
        run_queues(w);
}

static void take_shm_done(struct worker *w, const struct link_message *m, struct fd_list *fds)
{
    port_done(&w->port, &m->shm);
}

static void take_display(struct worker *w, const struct link_message *m, struct fd_list *fds)
{
    if (w->device->impl->take_display != NULL)
        w->device->impl->take_display(w->device, fd_list_take(fds, 0));
    else
        log_stranger("The front-end's display socket is not used: this device shows nothing.");
}

static void take_command(struct worker *w, const struct link_message *m, struct fd_list *fds)
{
    worker_commands_take(&w->commands, w->device, m, fds);
}

static void take_object_found(struct worker *w, const struct link_message *m, struct fd_list *fds)
{
    worker_objects_found(&w->objects, m, fds);
}

typedef void take_fn(struct worker *w, const struct link_message *m, struct fd_list *fds);

static take_fn *const takers[LINK_TYPES] = {
    [LINK_FEATURES] = take_features,
    [LINK_MEM_TABLE] = take_memory,
    [LINK_RING_START] = take_ring_start,
    [LINK_RING_ENABLE] = take_ring_enable,
    [LINK_RING_CALL] = take_ring_call,
    [LINK_RING_STOP] = take_ring_stop,
    [LINK_RESET] = take_reset,
    [LINK_CONFIG_WRITE] = take_config_write,
    [LINK_WINDOW] = take_window,
    [LINK_SHM_DONE] = take_shm_done,
    [LINK_DISPLAY] = take_display,
    [LINK_COMMAND] = take_command,
    [LINK_OBJECT_FOUND] = take_object_found,
};

static int on_link(sd_event_source *source, int fd, uint32_t events, void *data)
{
    struct worker *w = data;
    struct link_message m;
    struct fd_list fds = {0};
    ssize_t n = fd_receive(fd, &m, sizeof(m), &fds);
    const char *reason;

    if (n == -EAGAIN || n == -EINTR)
        return 0;
    if (n <= 0)
        return sd_event_exit(w->loop, n == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
    reason = link_check(&m, (uint32_t)n, fds.count, LINK_DOOR);
    if (reason != NULL) {
        log_error("The door's message %u is refused: %s.", m.type, reason);
        sd_event_exit(w->loop, EXIT_FAILURE);
    } else {
        takers[m.type](w, &m, &fds);
    }
    fd_list_finish(&fds);
    return 0;
}

/* ---- life ---- */

static void say_hello(struct worker *w)
{
    struct link_message m = {.type = LINK_HELLO};

    m.hello = (struct link_hello){
        .features = w->facts.features | RING_FEATURES,
        .queues = w->facts.queues,
        .shmid = w->facts.shmid,
        .config_size = w->facts.config_size,
        .sandbox = w->layers,
        .estate = w->facts.estate,
    };
    memcpy(m.hello.config, w->facts.config, sizeof(m.hello.config));
    send_message(w, &m);
}

static void lend(struct worker *w, const struct worker_options *options)
{
    quotas_init(w->quotas, options->quotas, w->journal.page->quotas, options->window_size,
                options->limits);
    w->host = (struct device_host){
        .loop = w->loop,
        .memory = &w->memory,
        .queues = w->queues,
        .exporter = &w->exporter,
        .port = &w->port.base,
        .stats = &w->journal.page->stats,
        .census = &w->journal.page->census,
        .quotas = w->quotas,
        .store = &w->journal.store,
        .shelf = &w->shelf.base,
        .running = &w->journal.page->running,
        .life = w->journal.page->lives,
        .call = host_call,
        .config_changed = host_config_changed,
        .share_object = host_share_object,
        .unshare_object = host_unshare_object,
        .lookup_object = host_lookup_object,
    };
    guest_memory_init(&w->memory);
    for (unsigned i = 0; i < DEVICE_MAX_QUEUES; i++) {
        virtqueue_init(&w->queues[i], &w->memory);
        w->queues[i].record = &w->journal.page->rings[i].record;
        w->queues[i].starved = look_again;
        w->queues[i].starved_data = w;
        worker_ring_init(&w->rings[i], i, run_queue, w);
    }
}

static int shut(struct worker *w, const struct worker_options *options, bool last)
{
    return options->shut != NULL ? options->shut(options->shut_data, last, &w->layers) : 0;
}

/* Takes what the door handed over. 0 or -errno. */
static int worker_init(struct worker *w, const struct worker_options *options)
{
    bool arena = options->arena_fd >= 0;
    int r, lost_fd;

    *w = (struct worker){.link_fd = options->link_fd};
    w->journal.fd = -1;
    r = sd_event_default(&w->loop);
    if (r >= 0)
        r = journal_attach(&w->journal, options->journal_fd);
    if (r == 0)
        r = worker_shelf_init(&w->shelf, w->link_fd);
    if (r == 0 && arena)
        r = arena_init(&w->arena, options->arena_fd, options->window_size);
    if (r == 0 && arena)
        w->arena.shelf = &w->shelf.base;
    if (r == 0)
        r = exporter_init(&w->exporter, options->exporter, arena ? &w->arena : NULL,
                          options->drm_node);
    if (r == 0)
        r = port_init(&w->port, w->loop, options->window_size, w->link_fd, arena ? &w->arena : NULL,
                      &w->journal);
    if (r < 0)
        return r;
    lend(w, options);
    worker_commands_init(&w->commands, w->link_fd);
    worker_objects_init(&w->objects, w->link_fd);
    r = shut(w, options, false);
    if (r < 0)
        return r;
    w->device = options->create(&w->host, options->device_options);
    if (w->device == NULL)
        return -errno;
    w->device->impl->facts(w->device, &w->facts);
    w->device->impl->reset(w->device);
    r = guest_fault_init(&lost_fd);
    if (r == 0)
        r = sd_event_add_io(w->loop, &w->lost_io, lost_fd, EPOLLIN, on_memory_lost, w);
    if (r >= 0) /* before an answer goes out that was made of nothing */
        r = sd_event_source_set_priority(w->lost_io, SD_EVENT_PRIORITY_IMPORTANT);
    if (r >= 0)
        r = sd_event_add_time_relative(w->loop, &w->starved, CLOCK_MONOTONIC, 0, 0, on_starved, w);
    if (r >= 0)
        r = sd_event_source_set_enabled(w->starved, SD_EVENT_OFF);
    if (r >= 0)
        r = sd_event_add_io(w->loop, &w->link_io, w->link_fd, EPOLLIN, on_link, w);
    return r < 0 ? r : shut(w, options, true);
}

static void worker_finish(struct worker *w, const struct worker_options *options)
{
    for (unsigned i = 0; i < DEVICE_MAX_QUEUES; i++) {
        worker_ring_close(&w->rings[i]);
        virtqueue_stop(&w->queues[i]);
        w->queues[i].record = NULL; /* what is in flight is whoever's comes after us */
    }
    port_forget(&w->port);
    w->device->impl->destroy(w->device);
    worker_commands_finish(&w->commands);
    worker_objects_finish(&w->objects);
    worker_shelf_finish(&w->shelf);
    for (unsigned i = 0; i < DEVICE_MAX_QUEUES; i++)
        virtqueue_finish(&w->queues[i]);
    port_finish(&w->port);
    exporter_finish(&w->exporter);
    if (options->arena_fd >= 0)
        arena_finish(&w->arena);
    guest_memory_finish(&w->memory);
    journal_finish(&w->journal);
    w->link_io = sd_event_source_disable_unref(w->link_io);
    w->lost_io = sd_event_source_disable_unref(w->lost_io);
    w->starved = sd_event_source_disable_unref(w->starved);
    sd_event_unref(w->loop);
    fd_close(&w->link_fd);
}

int worker_run(const struct worker_options *options)
{
    static struct worker w;
    int r = worker_init(&w, options);

    if (r < 0) {
        log_error("The device cannot be set up: %s.", strerror(-r));
        return EX_CONFIG;
    }
    say_hello(&w);
    r = sd_event_loop(w.loop);
    /* Unless the door wanted it, another worker goes on with all that is there. */
    if (r == EXIT_SUCCESS)
        worker_finish(&w, options);
    return r < 0 ? EXIT_FAILURE : r;
}

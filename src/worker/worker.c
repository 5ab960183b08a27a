/* SPDX-License-Identifier: MIT */
#include "worker/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/log.h"
#include "base/trace.h"
#include "worker/worker_parts.h"

#define RESUME_TRIES 3u /* by workers that the host lacked something for, one after the other */

_Static_assert(DEVICE_MAX_QUEUES <= JOURNAL_RINGS, "the journal has room for every ring");
_Static_assert(DEVICE_MAX_CONFIG == LINK_MAX_CONFIG, "the link carries a whole config space");

static struct worker *worker_of(struct device_host *host)
{
    return (struct worker *)(void *)((char *)host - offsetof(struct worker, host));
}

/* ---- what a device is lent ---- */

static void host_call(struct device_host *host, unsigned queue)
{
    struct worker *w = worker_of(host);

    if (w->poll.span.limit > 0)
        worker_poll_answered(w);
    if (w->rings[queue].call >= 0 && virtqueue_must_call(&w->queues[queue]))
        worker_ring_call(&w->rings[queue]);
}

/* The store is whole at any instant, and another worker begins with all that is in it. */
static void host_cannot_resume(struct device_host *host, int error)
{
    struct worker *w = worker_of(host);

    error = error > 0 ? -error : error;
    if (!fd_is_want(error) || w->journal.page->resume_tries >= RESUME_TRIES)
        return;
    w->journal.page->resume_tries++;
    log_error("Not all that the guest has can be brought back (%s): another worker tries.",
              strerror(-error));
    _exit(EXIT_FAILURE);
}

static void host_config_changed(struct device_host *host, const void *config, uint32_t size)
{
    struct link_message m = {.type = LINK_CONFIG_CHANGED, .config.size = size};

    memcpy(m.config.data, config, size);
    worker_send(worker_of(host), &m);
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

/* ---- life ---- */

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
        .cannot_resume = host_cannot_resume,
        .config_changed = host_config_changed,
        .share_object = host_share_object,
        .unshare_object = host_unshare_object,
        .lookup_object = host_lookup_object,
    };
    poll_span_init(&w->poll.span, options->poll_us * UINT64_C(1000));
    worker_take_settings(w);
    guest_memory_init(&w->memory);
    worker_init_queues(w);
}

static int shut(struct worker *w, const struct worker_options *options, bool last)
{
    return options->shut != NULL ? options->shut(options->shut_data, last, &w->layers) : 0;
}

static int on_turn(sd_event_source *source, void *data)
{
    trace_flush();
    return 0;
}

/* Takes what the door handed over. 0 or -errno. */
static int worker_init(struct worker *w, const struct worker_options *options)
{
    bool arena = options->arena_fd >= 0;
    int r;

    *w = (struct worker){.link_fd = options->link_fd};
    w->journal.fd = -1;
    r = sd_event_new(&w->loop); /* the default one asks for its thread's number at each turn */
    if (r >= 0 && TRACE_ON())
        r = sd_event_add_post(w->loop, NULL, on_turn, NULL);
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
    r = worker_watch_queues(w);
    if (r >= 0)
        r = sd_event_add_io(w->loop, &w->link_io, w->link_fd, EPOLLIN, worker_on_link, w);
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
    worker_say_hello(&w);
    r = worker_poll_loop(&w); /* whatever the limit is: a person may change it */
    /* Unless the door wanted it, another worker goes on with all that is there. */
    if (r == EXIT_SUCCESS)
        worker_finish(&w, options);
    trace_end();
    return r < 0 ? EXIT_FAILURE : r;
}

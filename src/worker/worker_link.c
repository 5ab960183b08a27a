/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "base/log.h"
#include "worker/worker_parts.h"

/* What the rings can do, whatever the device: virtio 1.3, 6 "Reserved Feature Bits". */
#define RING_FEATURES                                                                              \
    (WORKER_FEATURE(VIRTIO_F_VERSION_1) | WORKER_FEATURE(VIRTIO_RING_F_INDIRECT_DESC) |            \
     WORKER_FEATURE(VIRTIO_RING_F_EVENT_IDX))

void worker_send(struct worker *w, struct link_message *m)
{
    uint32_t size = link_size(m->type);

    if (fd_send(w->link_fd, m, size, NULL, 0) != (ssize_t)size)
        sd_event_exit(w->loop, EXIT_FAILURE);
}

void worker_say_hello(struct worker *w)
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
    worker_send(w, &m);
}

static void acknowledge(struct worker *w, const struct link_message *m, int result, uint64_t value)
{
    struct link_message ack;

    link_begin(&ack, LINK_ACK);
    ack.serial = m->serial;
    ack.ack = (struct link_ack){.result = result, .value = value};
    worker_send(w, &ack);
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
    worker_run_queues(w);
}

static void take_ring_start(struct worker *w, const struct link_message *m, struct fd_list *fds)
{
    uint64_t fresh = 0;
    uint32_t index = m->ring_start.index;
    int r = index < w->facts.queues ? worker_start_ring(w, m, fds, &fresh) : -EINVAL;

    /* The front-end has said its part, and the driver will not wait for ever: another worker takes
     * this one's place. */
    if (r == -ENOMEM || r == -ENOSPC || r == -EMFILE) {
        log_error("Ring %u cannot be served: %s.", index, strerror(-r));
        sd_event_exit(w->loop, EXIT_FAILURE);
        return;
    }
    acknowledge(w, m, r, fresh);
    if (r == 0)
        worker_run_queue(w, index);
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
    worker_run_queue(w, index);
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
        acknowledge(w, m, 0, worker_stop_ring(w, index));
    else
        acknowledge(w, m, -EINVAL, 0);
}

static void take_reset(struct worker *w, const struct link_message *m, struct fd_list *fds)
{
    for (unsigned i = 0; i < w->facts.queues; i++)
        worker_stop_ring(w, i);
    worker_begin_anew(w);
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
        worker_run_queues(w);
}

static void take_shm_done(struct worker *w, const struct link_message *m, struct fd_list *fds)
{
    /* What it lets go on need not wait for another turn of the loop. */
    w->host.soon = true;
    port_done(&w->port, &m->shm);
    w->host.soon = false;
    worker_run_queues(w);
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
    if (strcmp(m->command.line, LINK_LINE_SETTINGS) == 0) {
        worker_take_settings(w);
        worker_commands_answer(&w->commands, m->serial, 0, "");
        return;
    }
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

int worker_on_link(sd_event_source *source, int fd, uint32_t events, void *data)
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
    if (reason == NULL && takers[m.type] == NULL)
        reason = "nobody waits for it"; /* what was left on the shelf, a second time */
    if (reason != NULL) {
        log_error("The door's message %u is refused: %s.", m.type, reason);
        sd_event_exit(w->loop, EXIT_FAILURE);
    } else {
        takers[m.type](w, &m, &fds);
    }
    fd_list_finish(&fds);
    return 0;
}

/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_FAKE_PORT_H
#define TESTS_UNIT_FAKE_PORT_H

/*
 * A window that maps nothing but remembers what it should: it keeps the rules of shm_port.h, aborts
 * where the device breaks them, and answers when and how the test likes. An arena's pieces are
 * placed in it.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <systemd/sd-event.h>

#include "base/units.h"
#include "buffer/arena.h"
#include "device/shm_port.h"

#define FAKE_PORT_MAX 4096u

struct fake_mapping {
    struct buffer *buffer;
    uint64_t offset;
};

struct fake_request {
    bool map;
    struct fake_mapping about;
    shm_port_done *done;
    void *data;
};

struct fake_port {
    struct shm_port port; /* first */
    struct arena *arena;  /* or NULL */
    sd_event_source *answer;
    bool hold;     /* requests wait for fake_port_answer */
    int refuse;    /* a request is refused at once with this */
    int result;    /* what a request is answered with */
    unsigned maps; /* requests of each kind that were made */
    unsigned unmaps;
    unsigned count; /* live mappings */
    struct fake_mapping live[FAKE_PORT_MAX];
    unsigned asked; /* outstanding requests, answered in order */
    struct fake_request requests[FAKE_PORT_MAX];
};

#define FAKE_PORT_MUST(condition)                                                                  \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static inline struct fake_mapping *fake_port_find(struct fake_port *fake, struct buffer *buffer)
{
    for (unsigned i = 0; i < fake->count; i++)
        if (fake->live[i].buffer == buffer)
            return &fake->live[i];
    return NULL;
}

static inline bool fake_port_overlaps(struct fake_port *fake, uint64_t offset, uint64_t size)
{
    for (unsigned i = 0; i < fake->count; i++)
        if (offset < fake->live[i].offset + fake->live[i].buffer->size &&
            fake->live[i].offset < offset + size)
            return true;
    return false;
}

static inline void fake_port_enter(struct fake_port *fake, const struct fake_request *request)
{
    const struct fake_mapping *about = &request->about;
    struct fake_mapping *gone;

    if (request->map) {
        FAKE_PORT_MUST(fake->count < FAKE_PORT_MAX);
        fake->live[fake->count++] = *about;
        return;
    }
    if (about->buffer->kind == BUFFER_ARENA)
        arena_unpin(fake->arena, about->buffer);
    gone = fake_port_find(fake, about->buffer);
    FAKE_PORT_MUST(gone != NULL);
    *gone = fake->live[--fake->count];
}

/* Answers the oldest outstanding request. */
static inline void fake_port_answer(struct fake_port *fake, int result)
{
    struct fake_request request = fake->requests[0];

    FAKE_PORT_MUST(fake->asked > 0);
    fake->asked--;
    memmove(fake->requests, fake->requests + 1, fake->asked * sizeof(request));
    if (result == 0 && request.map && request.about.buffer->kind == BUFFER_ARENA)
        result = arena_place(fake->arena, request.about.buffer, request.about.offset);
    /* A mapping that was to go when all was cancelled is forgotten: the door takes it out. */
    if (result == 0 || (result == -ECANCELED && !request.map))
        fake_port_enter(fake, &request);
    request.done(request.data, result);
}

static inline int fake_port_more(sd_event_source *source, void *data)
{
    struct fake_port *fake = data;

    if (fake->asked > 0)
        fake_port_answer(fake, fake->result);
    if (fake->asked > 0)
        sd_event_source_set_enabled(fake->answer, SD_EVENT_ONESHOT);
    return 0;
}

static inline int fake_port_ask(struct fake_port *fake, bool map, struct buffer *buffer,
                                uint64_t offset, shm_port_done *done, void *data)
{
    if (fake->refuse != 0)
        return fake->refuse;
    FAKE_PORT_MUST(fake->asked < FAKE_PORT_MAX);
    fake->requests[fake->asked++] = (struct fake_request){map, {buffer, offset}, done, data};
    if (!fake->hold)
        sd_event_source_set_enabled(fake->answer, SD_EVENT_ONESHOT);
    return 0;
}

static inline int fake_port_map(struct shm_port *port, struct buffer *buffer, uint64_t offset,
                                shm_port_done *done, void *data)
{
    struct fake_port *fake = (struct fake_port *)(void *)port;

    fake->maps++;
    FAKE_PORT_MUST(fake_port_find(fake, buffer) == NULL);
    if (offset % units_page_size() != 0 || buffer->size > port->size ||
        offset > port->size - buffer->size)
        return -EINVAL;
    if (fake_port_overlaps(fake, offset, buffer->size))
        return -EEXIST;
    return fake_port_ask(fake, true, buffer, offset, done, data);
}

static inline int fake_port_unmap(struct shm_port *port, struct buffer *buffer, uint64_t offset,
                                  shm_port_done *done, void *data)
{
    struct fake_port *fake = (struct fake_port *)(void *)port;
    struct fake_mapping *mapping = fake_port_find(fake, buffer);

    fake->unmaps++;
    if (mapping == NULL)
        return -ENOENT;
    FAKE_PORT_MUST(mapping->offset == offset);
    return fake_port_ask(fake, false, buffer, offset, done, data);
}

static inline int fake_port_adopt(struct shm_port *port, struct buffer *buffer, uint64_t offset)
{
    struct fake_port *fake = (struct fake_port *)(void *)port;

    if (offset % units_page_size() != 0 || buffer->size > port->size ||
        offset > port->size - buffer->size)
        return -EINVAL;
    if (fake_port_overlaps(fake, offset, buffer->size))
        return -EEXIST;
    if (buffer->kind == BUFFER_ARENA)
        FAKE_PORT_MUST(arena_place(fake->arena, buffer, offset) == 0);
    FAKE_PORT_MUST(fake->count < FAKE_PORT_MAX);
    fake->live[fake->count++] = (struct fake_mapping){buffer, offset};
    return 0;
}

/* Nobody is shown anything. */
static inline void fake_port_name(struct shm_port *port, const struct buffer *buffer,
                                  uint64_t offset)
{
}

static inline void fake_port_init(struct fake_port *fake, sd_event *loop, struct arena *arena,
                                  uint64_t size)
{
    static const struct shm_port_impl impl = {fake_port_map, fake_port_unmap, fake_port_adopt,
                                              fake_port_name};

    *fake = (struct fake_port){.port = {.impl = &impl, .size = size}, .arena = arena};
    FAKE_PORT_MUST(sd_event_add_defer(loop, &fake->answer, fake_port_more, fake) >= 0);
    sd_event_source_set_enabled(fake->answer, SD_EVENT_OFF);
}

static inline void fake_port_finish(struct fake_port *fake)
{
    sd_event_source_disable_unref(fake->answer);
}

/* What the worker does at a reset: cancels, and forgets. */
static inline void fake_port_reset(struct fake_port *fake)
{
    while (fake->asked > 0)
        fake_port_answer(fake, -ECANCELED);
    for (unsigned i = 0; i < fake->count; i++)
        if (fake->live[i].buffer->kind == BUFFER_ARENA)
            arena_unpin(fake->arena, fake->live[i].buffer);
    fake->count = 0;
}

#endif

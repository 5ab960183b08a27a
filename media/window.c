/* SPDX-License-Identifier: MIT */
#include "media/window.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/units.h"
#include "buffer/arena.h"
#include "media/estate.h"
#include "media/media_quota.h"

static struct plane *plane_of(struct range *range)
{
    return (struct plane *)(void *)((char *)range - offsetof(struct plane, place));
}

static void census_show(const struct window *window)
{
    struct device_census *census = window->host->census;

    __atomic_store_n(&census->resources, window->places.count, __ATOMIC_RELAXED);
    __atomic_store_n(&census->mapped, window->mapped, __ATOMIC_RELAXED);
    __atomic_store_n(&census->bytes, window->places.bytes, __ATOMIC_RELAXED);
}

static struct quota *quota_of(const struct window *window, enum media_quota which)
{
    return &window->host->quotas[which];
}

/* One plane more, of 'size' bytes. 0 or -EDQUOT. */
static int take(struct window *window, uint64_t size)
{
    int r = quota_take(quota_of(window, MEDIA_QUOTA_MEMORY), size);

    if (r != 0)
        return r;
    r = quota_take(quota_of(window, MEDIA_QUOTA_BUFFERS), 1);
    if (r != 0)
        quota_give(quota_of(window, MEDIA_QUOTA_MEMORY), size);
    return r;
}

static void give(struct window *window, uint64_t size)
{
    quota_give(quota_of(window, MEDIA_QUOTA_MEMORY), size);
    quota_give(quota_of(window, MEDIA_QUOTA_BUFFERS), 1);
}

void window_init(struct window *window, struct device_host *host)
{
    *window = (struct window){.host = host};
    range_set_init(&window->places);
    census_show(window);
}

static void plane_free(struct plane *plane)
{
    buffer_destroy(plane->buffer);
    free(plane);
}

static bool owed_an_answer(const struct plane *plane)
{
    return plane->state == PLANE_ENTERING || plane->state == PLANE_LEAVING;
}

void window_reset(struct window *window)
{
    struct range *range;

    while ((range = range_set_first(&window->places)) != NULL) {
        struct plane *plane = plane_of(range);

        range_set_remove(&window->places, range);
        give(window, plane->place.size);
        if (plane->state != PLANE_OUT)
            quota_give(quota_of(window, MEDIA_QUOTA_MAPPINGS), 1);
        assert(!plane->held && plane->uses == 0);
        plane->window = NULL;
        plane->mmaps = 0;
        plane->done = NULL;
        /* The port may still look at the buffer: the answer frees it. */
        if (!owed_an_answer(plane))
            plane_free(plane);
    }
    window->mapped = 0;
    census_show(window);
}

struct plane *window_mapped_at(const struct window *window, uint64_t offset)
{
    struct range *range = range_set_at(&window->places, offset);

    if (range == NULL || range->start != offset || plane_of(range)->mmaps == 0)
        return NULL;
    return plane_of(range);
}

/* A buffer of the arena gets its place now, before the guest may see it: threads work on its bytes,
 * and they must not move when it is mapped. */
static struct buffer *plane_buffer_create(struct window *window, uint64_t size, uint64_t place)
{
    struct exporter *exporter = window->host->exporter;
    struct buffer *buffer = exporter_create(exporter, size);
    int r;

    if (buffer == NULL || exporter->kind != EXPORTER_ARENA)
        return buffer;
    r = arena_place(exporter->arena, buffer, place);
    if (r != 0) {
        buffer_destroy(buffer);
        errno = -r;
        return NULL;
    }
    arena_unpin(exporter->arena, buffer);
    return buffer;
}

/* Takes a free place for 'size' bytes (not 0), rounded up to pages, from the quotas. 0, -EDQUOT or
 * -ENOMEM. */
static int find_place(struct window *window, uint64_t size, struct range *place)
{
    int r;

    if (!units_round_up(size, units_page_size(), &place->size))
        return -ENOMEM;
    r = take(window, place->size);
    if (r != 0 || range_set_find_free(&window->places, place->size, units_page_size(),
                                      window->host->port->size, &place->start))
        return r;
    give(window, place->size);
    return -ENOMEM;
}

/* Takes over 'buffer', and what was taken of the quotas, also on error: then NULL with errno set.
 */
static struct plane *plane_at(struct window *window, struct buffer *buffer, uint32_t size,
                              const struct range *place)
{
    struct plane *plane = calloc(1, sizeof(*plane));

    if (plane == NULL) {
        buffer_destroy(buffer);
        give(window, place->size);
        errno = ENOMEM;
        return NULL;
    }
    *plane = (struct plane){
        .window = window,
        .buffer = buffer,
        .size = size,
        .held = true,
        .place = {.start = place->start, .size = place->size},
    };
    range_set_add(&window->places, &plane->place);
    census_show(window);
    return plane;
}

struct plane *plane_create(struct window *window, uint32_t size)
{
    struct range place;
    struct buffer *buffer;
    int r = find_place(window, size, &place);

    if (r != 0) {
        errno = -r;
        return NULL;
    }
    buffer = plane_buffer_create(window, place.size, place.start);
    if (buffer != NULL)
        return plane_at(window, buffer, size, &place);
    r = errno;
    give(window, place.size);
    errno = r;
    return NULL;
}

/* The bytes that were at 'place', or on the shelf. NULL with errno set. */
static struct buffer *restore_buffer(struct window *window, uint64_t key, const struct range *place)
{
    struct exporter *exporter = window->host->exporter;
    struct shelf *shelf = window->host->shelf;
    int fd;

    if (exporter->kind == EXPORTER_ARENA)
        return arena_buffer_restore(exporter->arena, place->size, arena_word(place->start));
    fd = shelf_take(shelf, key);
    if (fd < 0) {
        errno = -fd;
        return NULL;
    }
    return buffer_imported_create(fd, 0, place->size);
}

/* Takes over the guest's mapping, which stayed. 0 or -errno. */
static int adopt(struct plane *plane, uint32_t mmaps)
{
    struct quota *mappings = quota_of(plane->window, MEDIA_QUOTA_MAPPINGS);
    int r = quota_take(mappings, 1);

    if (r != 0)
        return r;
    r = shm_port_adopt(plane->window->host->port, plane->buffer, plane->place.start);
    if (r != 0) {
        quota_give(mappings, 1);
        return r;
    }
    plane->mmaps = mmaps;
    plane->state = PLANE_IN;
    plane->window->mapped++;
    census_show(plane->window);
    return 0;
}

void plane_name(struct plane *plane, uint32_t id, uint32_t owner)
{
    plane->buffer->id = id;
    plane->buffer->owner = owner;
    if (plane->window != NULL && plane->state == PLANE_IN)
        shm_port_name(plane->window->host->port, plane->buffer, plane->place.start);
}

struct plane *plane_restore(struct window *window, uint64_t at, uint64_t key, uint32_t size,
                            uint32_t mmaps)
{
    struct range place = {.start = at};
    struct buffer *buffer = NULL;
    struct plane *plane;
    int r = -EINVAL;

    if (size > 0 && units_round_up(size, units_page_size(), &place.size) &&
        at % units_page_size() == 0 && at <= window->host->port->size &&
        place.size <= window->host->port->size - at)
        r = range_set_overlap(&window->places, at, place.size) != NULL ? -EEXIST : 0;
    if (r == 0)
        r = take(window, place.size);
    if (r == 0) {
        buffer = restore_buffer(window, key, &place);
        r = buffer == NULL ? -errno : 0;
        if (r != 0)
            give(window, place.size);
    }
    plane = r == 0 ? plane_at(window, buffer, size, &place) : NULL;
    if (r == 0 && plane == NULL)
        r = -errno;
    if (r == 0 && mmaps > 0)
        r = adopt(plane, mmaps);
    if (r == 0) {
        plane->key = key;
        plane->held = false;
        return plane;
    }
    if (plane != NULL)
        plane_release(plane);
    errno = -r;
    return NULL;
}

struct plane *plane_import(struct window *window, struct buffer *buffer, uint32_t size)
{
    struct range place;
    int r = size <= buffer->size ? find_place(window, buffer->size, &place) : -EINVAL;

    if (r != 0) {
        buffer_destroy(buffer);
        errno = -r;
        return NULL;
    }
    return plane_at(window, buffer, size, &place);
}

struct plane *plane_of_guest(struct buffer *buffer, uint32_t size)
{
    struct plane *plane = calloc(1, sizeof(*plane));

    if (plane == NULL) {
        buffer_destroy(buffer);
        errno = ENOMEM;
        return NULL;
    }
    *plane = (struct plane){.buffer = buffer, .size = size, .held = true};
    return plane;
}

/* The one place that decides whether a plane still has a reason to live. */
static void plane_consider_end(struct plane *plane)
{
    struct window *window = plane->window;

    if (plane->held || plane->uses > 0 || plane->mmaps > 0 || plane->state != PLANE_OUT)
        return;
    if (window != NULL) {
        estate_plane_gone(window->estate, plane);
        range_set_remove(&window->places, &plane->place);
        give(window, plane->place.size);
        census_show(window);
    }
    plane_free(plane);
}

void plane_release(struct plane *plane)
{
    if (plane == NULL)
        return;
    plane->held = false;
    plane_consider_end(plane);
}

void plane_use(struct plane *plane)
{
    plane->uses++;
}

void plane_unuse(struct plane *plane)
{
    assert(plane->uses > 0);
    plane->uses--;
    plane_consider_end(plane);
}

/* It is where the port says, or not. */
static void plane_settled(struct plane *plane, enum plane_state state)
{
    struct window *window = plane->window;

    plane->state = state;
    if (state == PLANE_OUT)
        quota_give(quota_of(window, MEDIA_QUOTA_MAPPINGS), 1);
    if (state == PLANE_IN)
        window->mapped++;
    estate_mapping(window->estate, plane);
    census_show(window);
}

static void plane_answered(struct plane *plane, enum plane_state state, int result)
{
    plane_done *done = plane->done;
    void *data = plane->data;

    if (plane->window == NULL) {
        plane_free(plane);
        return;
    }
    plane->done = NULL;
    if (state != PLANE_IN && plane->mmaps > 0)
        plane->mmaps--; /* the mapping that was asked for in vain */
    plane_settled(plane, state);
    plane_consider_end(plane);
    if (done != NULL)
        done(data, result);
}

static void plane_entered(void *data, int result)
{
    plane_answered(data, result == 0 ? PLANE_IN : PLANE_OUT, result);
}

static void plane_left(void *data, int result)
{
    struct plane *plane = data;

    /* What a stop of the rings cancels, the door takes out later. */
    if (result == -ENOENT || result == -ECANCELED)
        result = 0;
    if (result != 0 && plane->window != NULL)
        log_stranger("a media buffer at 0x%llx cannot be taken out of the window: error %d",
                     (unsigned long long)plane->place.start, -result);
    plane_answered(plane, result == 0 ? PLANE_OUT : PLANE_LOST, result);
}

int plane_map(struct plane *plane, plane_done *done, void *data)
{
    struct quota *mappings = quota_of(plane->window, MEDIA_QUOTA_MAPPINGS);
    int r;

    if (plane->state == PLANE_IN) {
        if (plane->mmaps == UINT32_MAX)
            return -ENOMEM;
        plane->mmaps++;
        estate_mapping(plane->window->estate, plane);
        return 0;
    }
    if (plane->state != PLANE_OUT)
        return plane->state == PLANE_LOST ? -EIO : -EBUSY;
    r = quota_take(mappings, 1);
    if (r != 0)
        return r;
    r = shm_port_map(plane->window->host->port, plane->buffer, plane->place.start, plane_entered,
                     plane);
    if (r < 0) {
        quota_give(mappings, 1);
        return r;
    }
    plane->mmaps++;
    if (r > 0) {
        plane_settled(plane, PLANE_IN);
        return 0;
    }
    plane->state = PLANE_ENTERING;
    plane->done = done;
    plane->data = data;
    return -EINPROGRESS;
}

int plane_unmap(struct plane *plane, plane_done *done, void *data)
{
    int r;

    if (plane->mmaps == 0 || plane->state != PLANE_IN)
        return -EINVAL;
    if (--plane->mmaps > 0) {
        estate_mapping(plane->window->estate, plane);
        return 0;
    }
    r = shm_port_unmap(plane->window->host->port, plane->buffer, plane->place.start, plane_left,
                       plane);
    if (r < 0 && r != -ENOENT)
        return r;
    plane->window->mapped--;
    if (r != 0) { /* at once, or it was not there */
        plane_settled(plane, PLANE_OUT);
        plane_consider_end(plane);
        return 0;
    }
    census_show(plane->window);
    plane->state = PLANE_LEAVING;
    plane->done = done;
    plane->data = data;
    return -EINPROGRESS;
}

/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_MEDIA_LIVES_H
#define TESTS_UNIT_MEDIA_LIVES_H

/* Media devices one after the other, each with what the one before has left. */
#include "media_test.h"
#include "store_fixture.h"

static struct store_fixture left;
static struct ring_record records[2];
static struct ring_record *kept = records; /* NULL: rings without a record */

/* What every life is made of. */
struct lives {
    const struct media_options *options;
    enum exporter_kind kind;
    struct shelf *shelf; /* or NULL */
};

static inline void lives_init(void)
{
    store_fixture_init(&left);
    memset(records, 0, sizeof(records));
    kept = records;
}

static inline void lives_finish(void)
{
    store_fixture_finish(&left);
}

/* A device over the store, before its driver begins, or goes on. */
static inline struct media_fixture *lives_device(const struct lives *lives, uint64_t life)
{
    static const struct media_options none = {0};
    struct media_fixture *f = media_fixture_create(&none, lives->kind);

    f->device->impl->destroy(f->device);
    f->host.store = &left.store;
    f->host.shelf = lives->shelf;
    f->host.running = &left.running;
    f->host.life = life;
    for (unsigned q = 0; q < 2 && kept != NULL; q++)
        f->driver.queues[q].record = &kept[q];
    f->device = media_device_create(&f->host, lives->options);
    assert_non_null(f->device);
    f->media = (struct media *)(void *)f->device;
    f->device->impl->reset(f->device);
    f->device->impl->set_features(f->device, 0);
    return f;
}

/* Of a driver that begins from nothing. */
static inline struct media_fixture *lives_begin(const struct lives *lives)
{
    struct media_fixture *f = lives_device(lives, 1);

    for (unsigned q = 0; q < 2 && kept != NULL; q++) {
        const struct ring_driver_ring *ring = &f->driver.rings[q];
        const struct ring_place place = {ring->desc, ring->avail, ring->used, ring->size, 0};

        ring_record_begin(&kept[q], &place, 0);
    }
    store_clear(&left.store);
    f->device->impl->reset(f->device);
    return f;
}

/* Leaves all to the next one. */
static inline void lives_end(struct media_fixture *f)
{
    for (unsigned q = 0; q < 2; q++)
        f->driver.queues[q].record = NULL;
    media_fixture_destroy(f);
}

/* Of a driver that goes on with another worker. The rings are new ones, the record is not. */
static inline struct media_fixture *lives_go_on(const struct lives *lives)
{
    struct media_fixture *f;

    store_fixture_die(&left);
    f = lives_device(lives, 2);
    f->device->impl->resume(f->device);
    return f;
}

#endif

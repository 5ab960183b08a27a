/* SPDX-License-Identifier: MIT */
#include "base/ring_record.h"

#include <stdlib.h>

static uint64_t get(const uint64_t *at)
{
    return __atomic_load_n(at, __ATOMIC_ACQUIRE);
}

/* A place to go on from above all that was, whose low 16 bits are 'base'. Not the very next: a
 * worker that died may have noted a head there already. */
static uint64_t far_ahead(const struct ring_record *record, uint16_t base)
{
    uint64_t taken = get(&record->taken);

    if (taken < get(&record->since))
        taken = get(&record->since); /* an earlier beginning was cut off between its stores */
    return taken + (uint16_t)(base - (uint16_t)taken) + 65536;
}

void ring_record_begin(struct ring_record *record, const struct ring_place *place, uint16_t base)
{
    uint64_t taken = far_ahead(record, base);

    ring_record_put(&record->since, taken);
    ring_record_put(&record->answering, 0);
    record->place = *place;
    ring_record_put(&record->taken, taken);
}

void ring_record_void(struct ring_record *record)
{
    const struct ring_place place = record->place;

    ring_record_begin(record, &place, ring_record_base(record));
}

bool ring_record_matches(const struct ring_record *record, const struct ring_place *place,
                         uint16_t base)
{
    return ring_record_base(record) == base && get(&record->taken) >= get(&record->since) &&
           record->place.size == place->size && record->place.desc == place->desc &&
           record->place.avail == place->avail && record->place.used == place->used;
}

void ring_record_drop(struct ring_record *record, uint16_t head)
{
    ring_record_put(&record->flights[head % RING_RECORD_HEADS], 0);
}

static bool in_flight(const struct ring_record *record, unsigned head)
{
    uint64_t taken = get(&record->flights[head]);

    return taken > get(&record->since) && taken <= get(&record->taken);
}

void ring_record_settle(struct ring_record *record, uint16_t used)
{
    uint64_t answering = get(&record->answering);

    if (answering == 0)
        return;
    if ((uint16_t)(answering >> 16) == used)
        ring_record_drop(record, (uint16_t)answering);
    ring_record_put(&record->answering, 0);
}

uint16_t ring_record_base(const struct ring_record *record)
{
    return (uint16_t)get(&record->taken);
}

struct flight {
    uint64_t taken;
    uint16_t head;
};

static int flight_order(const void *a, const void *b)
{
    const struct flight *first = a;
    const struct flight *second = b;

    return (first->taken > second->taken) - (first->taken < second->taken);
}

uint16_t *ring_record_heads(const struct ring_record *record, unsigned size, unsigned *count)
{
    struct flight *flights;
    uint16_t *found;
    unsigned n = 0;

    *count = 0;
    for (unsigned head = 0; head < size && head < RING_RECORD_HEADS; head++)
        *count += in_flight(record, head);
    if (*count == 0)
        return NULL;
    flights = calloc(*count, sizeof(*flights));
    found = calloc(*count, sizeof(*found));
    if (flights == NULL || found == NULL) {
        free(flights);
        free(found);
        return NULL;
    }
    for (unsigned head = 0; head < size && head < RING_RECORD_HEADS && n < *count; head++)
        if (in_flight(record, head))
            flights[n++] = (struct flight){get(&record->flights[head]), (uint16_t)head};
    qsort(flights, n, sizeof(*flights), flight_order);
    for (unsigned i = 0; i < n; i++)
        found[i] = flights[i].head;
    free(flights);
    *count = n;
    return found;
}

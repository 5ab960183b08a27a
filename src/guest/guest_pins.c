/* SPDX-License-Identifier: MIT */
#include "guest/guest_pins.h"

#include <errno.h>
#include <stdlib.h>

_Static_assert(GUEST_MEMORY_MAX_REGIONS <= 64, "a word has a bit for each region");

/* Counts the places of one piece, and notes in *regions which regions they lie in. 0 or -errno. */
static int count_places(struct guest_memory *memory, const struct guest_piece *piece,
                        unsigned *count, uint64_t *regions)
{
    uint64_t gpa = piece->gpa;
    uint64_t left = piece->size;

    if (left == 0 || gpa > UINT64_MAX - left)
        return -EFAULT;
    while (left > 0) {
        const struct guest_region *region = guest_memory_region(memory, gpa);
        uint64_t part;

        if (region == NULL)
            return guest_memory_starved(memory, gpa) ? -ENOMEM : -EFAULT;
        if (*count == GUEST_PINS_MAX)
            return -E2BIG;
        part = region->size - (gpa - region->gpa);
        if (part > left)
            part = left;
        *regions |= UINT64_C(1) << (region - memory->regions);
        ++*count;
        gpa += part;
        left -= part;
    }
    return 0;
}

/* Appends the places of a piece that count_places has found right. */
static void add_places(struct guest_pins *pins, struct guest_memory *memory,
                       const struct guest_piece *piece)
{
    uint64_t gpa = piece->gpa;
    uint64_t left = piece->size;

    while (left > 0) {
        uint64_t part = left;
        void *at = guest_memory_piece(memory, gpa, &part);

        pins->iov[pins->count++] = (struct iovec){.iov_base = at, .iov_len = part};
        gpa += part;
        left -= part;
    }
}

static void hold_mappings(struct guest_pins *pins, const struct guest_memory *memory,
                          uint64_t regions)
{
    for (unsigned i = 0; i < memory->count; i++)
        if ((regions >> i & 1) != 0)
            pins->mappings[pins->mapping_count++] = guest_mapping_ref(memory->regions[i].mapping);
}

static struct guest_pins *pins_alloc(unsigned count)
{
    struct guest_pins *pins = calloc(1, sizeof(*pins));
    struct iovec *iov = calloc(count > 0 ? count : 1, sizeof(*iov));

    if (pins == NULL || iov == NULL) {
        free(pins);
        free(iov);
        errno = ENOMEM;
        return NULL;
    }
    pins->refs = 1;
    pins->iov = iov;
    return pins;
}

struct guest_pins *guest_pins_create(struct guest_memory *memory, const struct guest_piece *pieces,
                                     unsigned count)
{
    struct guest_pins *pins;
    uint64_t regions = 0;
    uint64_t size = 0;
    unsigned places = 0;

    for (unsigned i = 0; i < count; i++) {
        int ret = count_places(memory, &pieces[i], &places, &regions);

        if (ret == 0 && __builtin_add_overflow(size, pieces[i].size, &size))
            ret = -E2BIG;
        if (ret < 0) {
            errno = -ret;
            return NULL;
        }
    }
    pins = pins_alloc(places);
    if (pins == NULL)
        return NULL;
    pins->size = size;
    for (unsigned i = 0; i < count; i++)
        add_places(pins, memory, &pieces[i]);
    hold_mappings(pins, memory, regions);
    return pins;
}

struct guest_pins *guest_pins_ref(struct guest_pins *pins)
{
    pins->refs++;
    return pins;
}

void guest_pins_unref(struct guest_pins *pins)
{
    if (pins == NULL || --pins->refs > 0)
        return;
    for (unsigned i = 0; i < pins->mapping_count; i++)
        guest_mapping_unref(pins->mappings[i]);
    free(pins->iov);
    free(pins);
}

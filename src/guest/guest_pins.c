/* SPDX-License-Identifier: MIT */
#include "guest/guest_pins.h"

#include <errno.h>
#include <stdlib.h>

_Static_assert(GUEST_MEMORY_MAX_REGIONS <= 64, "a word has a bit for each region");

/* Pins that are being made. */
struct pinning {
    struct guest_memory *memory;
    const struct guest_region *region; /* where the last place was found; NULL at first */
    uint64_t regions;                  /* bit N: memory->regions[N] has places */
    struct iovec *iov;                 /* owned */
    unsigned count, room;              /* of 'iov' */
};

static int make_room(struct pinning *p, unsigned room)
{
    struct iovec *iov;

    if (room > GUEST_PINS_MAX)
        room = GUEST_PINS_MAX;
    if (p->count == room)
        return -E2BIG;
    iov = reallocarray(p->iov, room, sizeof(*iov));
    if (iov == NULL)
        return -ENOMEM;
    p->iov = iov;
    p->room = room;
    return 0;
}

/* Goes on in the region that 'gpa' is in. */
static int change_region(struct pinning *p, uint64_t gpa)
{
    p->region = guest_memory_region(p->memory, gpa);
    if (p->region == NULL)
        return guest_memory_starved(p->memory, gpa) ? -ENOMEM : -EFAULT;
    p->regions |= UINT64_C(1) << (p->region - p->memory->regions);
    return 0;
}

/* Appends the places of one piece: mostly it is one, in the region of the last. 0 or -errno. */
static int add_piece(struct pinning *p, uint64_t gpa, uint64_t left)
{
    if (left == 0 || gpa > UINT64_MAX - left)
        return -EFAULT;
    while (left > 0) {
        uint64_t skip = p->region != NULL ? gpa - p->region->gpa : UINT64_MAX;
        uint64_t part = left;
        int result = 0;

        if (p->region == NULL || skip >= p->region->size) {
            result = change_region(p, gpa);
            if (result < 0)
                return result;
            skip = gpa - p->region->gpa;
        }
        if (p->count == p->room)
            result = make_room(p, p->room * 2);
        if (result < 0)
            return result;
        if (part > p->region->size - skip)
            part = p->region->size - skip;
        p->iov[p->count++] = (struct iovec){.iov_base = p->region->data + skip, .iov_len = part};
        gpa += part;
        left -= part;
    }
    return 0;
}

/* What was found becomes the pins, which hold the mappings of its regions. NULL: no memory. */
static struct guest_pins *make_pins(struct pinning *p, uint64_t size)
{
    unsigned mappings = (unsigned)__builtin_popcountll(p->regions);
    struct guest_pins *pins = malloc(sizeof(*pins) + mappings * sizeof(pins->mappings[0]));

    if (pins == NULL)
        return NULL;
    *pins = (struct guest_pins){.refs = 1, .count = p->count, .iov = p->iov, .size = size};
    for (unsigned i = 0; i < p->memory->count; i++)
        if ((p->regions >> i & 1) != 0)
            pins->mappings[pins->mapping_count++] =
                guest_mapping_ref(p->memory->regions[i].mapping);
    return pins;
}

struct guest_pins *guest_pins_create(struct guest_memory *memory, const struct guest_piece *pieces,
                                     unsigned count)
{
    struct pinning p = {.memory = memory};
    struct guest_pins *pins = NULL;
    uint64_t size = 0;
    int result = make_room(&p, count > 0 ? count : 1);

    for (unsigned i = 0; i < count && result == 0; i++) {
        result = add_piece(&p, pieces[i].gpa, pieces[i].size);
        if (result == 0 && __builtin_add_overflow(size, pieces[i].size, &size))
            result = -E2BIG;
    }
    if (result == 0)
        pins = make_pins(&p, size);
    if (pins == NULL) {
        free(p.iov);
        errno = result < 0 ? -result : ENOMEM;
    }
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

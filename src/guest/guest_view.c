/* SPDX-License-Identifier: MIT */
#include "guest/guest_view.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/log.h"
#include "base/units.h"

/* Of all views. */
static const struct quota_row own_row = {.name = "pages"};
static struct quota_numbers own_numbers = {.limit = GUEST_VIEW_MAX_STRETCHES};
static struct quota own = {.row = &own_row, .numbers = &own_numbers};
static struct quota *quota = &own; /* of stretches that are mapped */

void guest_view_use(struct quota *other)
{
    quota = other != NULL ? other : &own;
}

/* What of a piece is still to be found. */
struct walk {
    struct guest_memory *memory;
    const struct guest_piece *pieces;
    unsigned count;
    uint64_t done; /* bytes of the first piece */
};

/* The next run of bytes inside one region: 1; 0 at the end; -EFAULT. */
static int walk_next(struct walk *walk, struct guest_stretch *stretch)
{
    const struct guest_piece *piece = walk->pieces;
    const struct guest_region *region;
    uint64_t gpa, skip;

    if (walk->count == 0)
        return 0;
    if (piece->size == 0 || piece->gpa > UINT64_MAX - piece->size)
        return -EFAULT;
    gpa = piece->gpa + walk->done;
    region = guest_memory_region(walk->memory, gpa);
    if (region == NULL)
        return -EFAULT;
    skip = gpa - region->gpa;
    *stretch = (struct guest_stretch){.dev = region->dev,
                                      .ino = region->ino,
                                      .offset = region->fd_offset + skip,
                                      .size = region->size - skip};
    if (stretch->size > piece->size - walk->done)
        stretch->size = piece->size - walk->done;
    walk->done += stretch->size;
    if (walk->done == piece->size) {
        walk->done = 0;
        walk->pieces++;
        walk->count--;
    }
    return 1;
}

static bool continues(const struct guest_stretch *last, const struct guest_stretch *next)
{
    return last->dev == next->dev && last->ino == next->ino &&
           last->offset + last->size == next->offset;
}

/* Whether 'next' can be mapped right behind 'last': each ends, or begins, with a whole page. */
static bool meet(const struct guest_stretch *last, const struct guest_stretch *next)
{
    uint64_t mask = units_page_size() - 1;

    return ((last->offset + last->size) & mask) == 0 && (next->offset & mask) == 0;
}

static int append(struct guest_view *view, unsigned room, const struct guest_stretch *stretch)
{
    struct guest_stretch *last = view->count > 0 ? &view->stretches[view->count - 1] : NULL;

    if (stretch->size > INT64_MAX - view->size)
        return -ENOMEM;
    view->size += stretch->size;
    if (last != NULL && continues(last, stretch)) {
        last->size += stretch->size;
        return 0;
    }
    if (last != NULL && !meet(last, stretch))
        return -EINVAL;
    if (view->count == room)
        return -ENOMEM;
    view->stretches[view->count++] = *stretch;
    return 0;
}

/* Finds where the pieces lie. 0 or -errno. */
static int find(struct guest_view *view, unsigned room, struct guest_memory *memory,
                const struct guest_piece *pieces, unsigned count)
{
    struct walk walk = {.memory = memory, .pieces = pieces, .count = count};
    struct guest_stretch stretch;
    int r;

    while ((r = walk_next(&walk, &stretch)) > 0) {
        r = append(view, room, &stretch);
        if (r != 0)
            return r;
    }
    return r != 0 || view->count > 0 ? r : -EFAULT;
}

/* One stretch: the region's mapping has it, unless it goes on in the next region. */
static int show_one(struct guest_view *view, struct guest_memory *memory,
                    const struct guest_piece *first)
{
    struct guest_region *region = guest_memory_region(memory, first->gpa);
    uint64_t skip = first->gpa - region->gpa;

    if (view->size <= region->size - skip) {
        view->mapping = guest_mapping_ref(region->mapping);
        view->data = region->data + skip;
        return 0;
    }
    view->mapping = guest_mapping_create(region->fd, view->stretches[0].offset, view->size);
    if (view->mapping == NULL)
        return -errno;
    view->data = view->mapping->data;
    return 0;
}

/* The region of the file that a stretch lies in: some piece's. */
static int fd_of(const struct guest_memory *memory, const struct guest_stretch *stretch)
{
    for (unsigned i = 0; i < memory->count; i++)
        if (memory->regions[i].dev == stretch->dev && memory->regions[i].ino == stretch->ino)
            return memory->regions[i].fd;
    return -1;
}

/* Puts one stretch at 'at', the place of the page that it begins in. 0 or -errno. */
static int show_stretch(const struct guest_memory *memory, const struct guest_stretch *stretch,
                        uint8_t *at)
{
    uint64_t lead = stretch->offset & (units_page_size() - 1);
    int fd = fd_of(memory, stretch);

    if (mmap(at, stretch->size + lead, PROT_READ | PROT_WRITE,
             MAP_SHARED | MAP_FIXED | MAP_NORESERVE, fd,
             (off_t)(stretch->offset - lead)) != MAP_FAILED)
        return 0;
    if (errno != EINVAL)
        return -errno;
    log_stranger("guest memory in huge pages (hugetlbfs) cannot be shown page by page: give the VM "
                 "memory of another kind, or have its programs use MMAP buffers");
    return -EOPNOTSUPP;
}

static void unmap(struct guest_view *view)
{
    guest_fault_forget(view->place);
    munmap(view->start, view->mapped);
}

/* Several stretches, one behind the other in a place reserved for all. */
static int show_many(struct guest_view *view, const struct guest_memory *memory)
{
    uint64_t lead = view->stretches[0].offset & (units_page_size() - 1);
    void *start;
    uint8_t *at;
    int r = 0;

    if (!units_round_up(lead + view->size, units_page_size(), &view->mapped))
        return -ENOMEM;
    start = mmap(NULL, view->mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (start == MAP_FAILED)
        return -errno;
    view->place = guest_fault_watch(start, view->mapped);
    if (view->place == NULL) {
        munmap(start, view->mapped);
        return -ENOMEM;
    }
    view->start = at = start;
    view->data = at + lead;
    for (unsigned i = 0; i < view->count && r == 0; i++) {
        r = show_stretch(memory, &view->stretches[i], at);
        at += (i == 0 ? lead : 0) + view->stretches[i].size;
    }
    if (r != 0) {
        unmap(view);
        return r;
    }
    madvise(view->start, view->mapped,
            MADV_DONTDUMP); /* the guest's memory is no part of a crash */
    return 0;
}

static int show(struct guest_view *view, struct guest_memory *memory,
                const struct guest_piece *pieces)
{
    int r;

    if (view->count == 1)
        return show_one(view, memory, pieces);
    r = quota_take(quota, view->count);
    if (r != 0)
        return r;
    r = show_many(view, memory);
    if (r != 0)
        quota_give(quota, view->count);
    return r;
}

/* Room for the stretches of 'count' pieces, most of which lie in one region each. */
static struct guest_view *view_alloc(unsigned count, unsigned *room)
{
    *room = count + GUEST_MEMORY_MAX_REGIONS;
    return calloc(1, sizeof(struct guest_view) + *room * sizeof(struct guest_stretch));
}

struct guest_view *guest_view_create(struct guest_memory *memory, const struct guest_piece *pieces,
                                     unsigned count)
{
    struct guest_view *view;
    unsigned room;
    int r;

    view = count <= GUEST_PINS_MAX ? view_alloc(count, &room) : NULL;
    if (view == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    r = find(view, room, memory, pieces, count);
    if (r == 0)
        r = show(view, memory, pieces);
    if (r != 0) {
        free(view);
        errno = -r;
        return NULL;
    }
    return view;
}

void guest_view_destroy(struct guest_view *view)
{
    if (view == NULL)
        return;
    if (view->mapping != NULL) {
        guest_mapping_unref(view->mapping);
    } else {
        unmap(view);
        quota_give(quota, view->count);
    }
    free(view);
}

bool guest_view_shows(const struct guest_view *view, struct guest_memory *memory,
                      const struct guest_piece *pieces, unsigned count)
{
    struct guest_view *now;
    unsigned room;
    bool same;

    if (count > GUEST_VIEW_MAX_STRETCHES ||
        guest_fault_lost(view->mapping != NULL ? view->mapping->place : view->place))
        return false;
    now = view_alloc(count, &room);
    if (now == NULL)
        return false;
    same = find(now, room, memory, pieces, count) == 0 && now->size == view->size &&
           now->count == view->count;
    for (unsigned i = 0; same && i < now->count; i++) {
        const struct guest_stretch *a = &now->stretches[i], *b = &view->stretches[i];

        same = a->dev == b->dev && a->ino == b->ino && a->offset == b->offset && a->size == b->size;
    }
    free(now);
    return same;
}

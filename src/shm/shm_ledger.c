/* SPDX-License-Identifier: MIT */
#include "shm/shm_ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/probe_point.h"
#include "base/trace.h"
#include "base/units.h"

#define MAPPING_OF(r) ((struct shm_mapping *)(void *)(r)) /* 'range' comes first */

const char *shm_region_check(uint64_t size)
{
    if (size < SHM_REGION_MIN)
        return "it must be at least 64K";
    if ((size & (size - 1)) != 0)
        return "it must be a power of two, because front-ends make it a PCI BAR";
    if (size % units_page_size() != 0)
        return "it must be a multiple of the host's page size";
    if (size > UINT64_C(1) << 46)
        return "no guest has that much address space";
    return NULL;
}

void shm_ledger_init(struct shm_ledger *ledger, struct shm_region region)
{
    *ledger = (struct shm_ledger){.region = region};
    range_set_init(&ledger->set);
}

static void note(const struct shm_mapping *m, enum trace_phase phase, const char *name)
{
    if (TRACE_ON())
        trace_put(&(struct trace_event){
            .phase = phase,
            .category = "map",
            .name = name,
            .id = m->serial,
            .args = {{"offset", m->range.start}, {"size", m->range.size}, {"id", m->id}},
        });
}

void shm_ledger_finish(struct shm_ledger *ledger)
{
    struct shm_mapping *m;

    while ((m = shm_ledger_first(ledger)) != NULL)
        shm_ledger_gone(ledger, m);
}

/* The file must be there up to the end of the range: a front-end checks, and a short one would
 * fault. */
static bool file_covers(int fd, uint64_t offset, uint64_t size)
{
    off_t end = lseek(fd, 0, SEEK_END);
    return end > 0 && offset <= (uint64_t)end && size <= (uint64_t)end - offset;
}

static bool wish_fits(const struct shm_ledger *ledger, const struct shm_wish *wish, int fd)
{
    uint64_t mask = units_page_size() - 1;
    int flags = fcntl(fd, F_GETFL);

    return wish->size > 0 && ((wish->offset | wish->size | wish->fd_offset) & mask) == 0 &&
           wish->offset <= ledger->region.size &&
           wish->size <= ledger->region.size - wish->offset && flags >= 0 &&
           (flags & O_ACCMODE) == O_RDWR && file_covers(fd, wish->fd_offset, wish->size);
}

int shm_ledger_ask(struct shm_ledger *ledger, const struct shm_wish *wish, int fd,
                   struct shm_mapping **mapping)
{
    struct shm_mapping *m = NULL;
    int r = wish_fits(ledger, wish, fd) ? 0 : -EINVAL;

    if (r == 0 && !fd_leaves_room(fd))
        r = -EMFILE;
    if (r == 0) {
        m = calloc(1, sizeof(*m));
        r = m != NULL ? 0 : -ENOMEM;
    }
    if (r == 0) {
        *m = (struct shm_mapping){
            .range = {.start = wish->offset, .size = wish->size},
            .state = SHM_ASKED,
            .fd = fd,
            .fd_offset = wish->fd_offset,
            .ticket = wish->ticket,
            .serial = ++ledger->last_serial,
            .id = wish->id,
        };
        r = range_set_add(&ledger->set, &m->range);
    }
    if (r < 0) {
        free(m);
        fd_close(&fd);
        return r;
    }
    *mapping = m;
    HOSTBLOB_PROBE3(map_asked, m->range.start, m->range.size, m->id);
    note(m, TRACE_BEGIN, "mapping");
    return 0;
}

struct shm_mapping *shm_ledger_find(const struct shm_ledger *ledger, uint64_t offset, uint64_t size)
{
    struct range *r = range_set_at(&ledger->set, offset);

    if (r == NULL || r->start != offset || r->size != size)
        return NULL;
    return MAPPING_OF(r);
}

void shm_ledger_mapped(struct shm_mapping *mapping)
{
    mapping->state = SHM_MAPPED;
    mapping->since_ns = units_now_ns();
    mapping->doubtful = false;
    HOSTBLOB_PROBE2(map_done, mapping->range.start, mapping->range.size);
    note(mapping, TRACE_STEP, "mapped");
}

void shm_ledger_leaving(struct shm_mapping *mapping, uint64_t ticket)
{
    mapping->state = SHM_LEAVING;
    mapping->ticket = ticket;
    HOSTBLOB_PROBE2(unmap_asked, mapping->range.start, mapping->range.size);
    note(mapping, TRACE_STEP, "leaving");
}

void shm_ledger_gone(struct shm_ledger *ledger, struct shm_mapping *mapping)
{
    HOSTBLOB_PROBE2(unmap_done, mapping->range.start, mapping->range.size);
    note(mapping, TRACE_END, "mapping");
    range_set_remove(&ledger->set, &mapping->range);
    fd_close(&mapping->fd);
    free(mapping);
}

struct shm_mapping *shm_ledger_first(const struct shm_ledger *ledger)
{
    return MAPPING_OF(range_set_first(&ledger->set));
}

struct shm_mapping *shm_ledger_next(struct shm_mapping *mapping)
{
    return MAPPING_OF(range_set_next(&mapping->range));
}

const char *shm_state_name(enum shm_state state)
{
    static const char *const names[] = {"asked", "mapped", "leaving"};
    return names[state];
}

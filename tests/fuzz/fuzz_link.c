/* SPDX-License-Identifier: MIT */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/units.h"
#include "door/guest_window.h"
#include "protocol/cursor.h"
#include "protocol/link.h"
#include "tests/unit/back_end_peer.h"

/*
 * A worker that says anything, a window that opens and shuts at any time, and a front-end that does
 * all it is asked. Whatever the worker says, the front-end must never have a reason to refuse
 * (crosvm stops the VM on one refusal), the ledger must be what the front-end has, and each request
 * must be answered once, to the worker who made it.
 */
#define PAGES 16u
#define STEPS 300u
#define TICKETS STEPS

static struct {
    sd_event *loop;
    struct guest_window window;
    struct peer peer;
    struct stats stats;
    uint64_t page;
    bool qemu;
    uint64_t next_ticket;
    struct {
        bool waits;
        bool unmap;     /* else map */
        bool forgotten; /* the worker gave it up when the window shut */
    } tickets[TICKETS + 1];
    unsigned owned; /* mappings that the worker believes in */
} f;

/* When the window shuts, a worker gives up what waits: a mapping is not there, an unmapping is the
 * door's matter. */
static void on_changed(void *data, enum guest_window_news news)
{
    for (unsigned i = 0; i <= TICKETS && news == GUEST_WINDOW_IS_SHUT; i++) {
        if (!f.tickets[i].waits || f.tickets[i].forgotten)
            continue;
        f.tickets[i].forgotten = true;
        f.owned -= f.tickets[i].unmap;
    }
}

static void on_done(void *data, uint64_t ticket, int result)
{
    PEER_MUST(ticket > 0 && ticket <= TICKETS && f.tickets[ticket].waits);
    PEER_MUST(result <= 0);
    f.tickets[ticket].waits = false;
    if (f.tickets[ticket].forgotten)
        return;
    if (f.tickets[ticket].unmap)
        f.owned -= result != -ENOENT;
    else
        f.owned += result == 0;
}

static bool on_quiet(void *data)
{
    return true;
}

static const struct guest_window_handler handler = {on_changed, on_done, on_quiet};

static void owner_is_gone(void)
{
    memset(f.tickets, 0, sizeof(f.tickets));
    f.owned = 0;
}

/* What the front-end has is what the ledger says, when nothing is under way. */
static void check_books(void)
{
    struct shm_mapping *m;

    PEER_MUST(f.peer.count == f.window.ledger.set.count);
    PEER_MUST(f.peer.count == f.owned + (f.window.arena_fd >= 0));
    for (m = shm_ledger_first(&f.window.ledger); m != NULL; m = shm_ledger_next(m)) {
        unsigned at = peer_find(&f.peer, m->range.start, m->range.size);

        PEER_MUST(m->state == SHM_MAPPED && !m->orphan && at < f.peer.count);
        PEER_MUST(f.peer.mappings[at].offset == m->range.start);
        PEER_MUST(f.peer.mappings[at].size == m->range.size);
    }
}

static void settle(void)
{
    peer_run(&f.peer, f.loop);
    PEER_MUST(f.stats.shmem_refused == 0);
    if (f.window.state == GUEST_WINDOW_SHUT)
        return;
    PEER_MUST(f.window.state == GUEST_WINDOW_OPEN);
    check_books();
    for (unsigned i = 0; i <= TICKETS; i++)
        PEER_MUST(!f.tickets[i].waits);
}

/* QEMU has begun to handle what was let in, and handles it to its end before it stops. */
static void shut(void)
{
    if (f.qemu && f.window.channel.phase == BACK_CHANNEL_ASKED && peer_has_request(&f.peer))
        peer_serve(&f.peer);
    guest_window_shut(&f.window);
}

/* A driver begins anew: QEMU drops the mappings, crosvm keeps them. */
static void reset(void)
{
    shut();
    if (f.qemu)
        f.peer.count = 0;
    guest_window_fresh(&f.window);
    owner_is_gone();
}

static int some_fd(uint8_t kind)
{
    int pair[2];

    if (kind % 8 == 0)
        return dup(f.peer.fd);
    if (kind % 8 == 1 && pipe(pair) == 0) {
        close(pair[0]);
        return pair[1];
    }
    return fd_memfd("fuzz", (kind % 4 + 1) * f.page);
}

/* The worker's message, as the door takes it. */
static void take(struct link_message *m, uint32_t size, unsigned fds, uint8_t kind)
{
    const struct link_rule *rule;
    struct shm_wish wish;

    if (link_check(m, size, fds, LINK_WORKER) != NULL)
        return;
    rule = link_rule(m->type);
    PEER_MUST(rule != NULL && rule->from == LINK_WORKER && size == link_size(m->type));
    PEER_MUST(size <= sizeof(*m) && fds >= rule->min_fds && fds <= rule->max_fds);
    if ((m->type != LINK_SHM_MAP && m->type != LINK_SHM_UNMAP) || f.next_ticket == TICKETS)
        return;
    wish = (struct shm_wish){m->shm.shm_offset, m->shm.size, m->shm.fd_offset, ++f.next_ticket,
                             m->shm.id};
    f.tickets[wish.ticket].waits = true;
    f.tickets[wish.ticket].unmap = m->type == LINK_SHM_UNMAP;
    if (m->type == LINK_SHM_MAP)
        guest_window_map(&f.window, &wish, some_fd(kind));
    else
        guest_window_unmap(&f.window, &wish);
}

/* Any bytes at all. */
static void say_anything(struct reader *r)
{
    struct link_message m;
    uint32_t size = reader_u8(r);
    uint8_t kind = reader_u8(r);

    memset(&m, 0, sizeof(m));
    m.type = reader_u32(r);
    if (kind & 0x80)
        m.type %= LINK_TYPES + 1u;
    if (kind & 0x40)
        size = link_size(m.type);
    reader_get(r, &m.shm, sizeof(m.shm));
    take(&m, size, kind % 3, kind);
}

/* What a worker says, with numbers that are mostly good. */
static void say_request(struct reader *r, uint32_t type)
{
    struct link_message m = {.type = type};
    uint8_t kind = reader_u8(r);

    m.shm.shm_offset = reader_u8(r) % (PAGES + 1) * f.page;
    m.shm.size = (reader_u8(r) % 8 == 0 ? 2 : 1) * f.page;
    if (kind >= 0xf0)
        m.shm.size = kind == 0xff ? PAGES * f.page : f.page / 2;
    m.shm.id = kind == 0xfe ? GUEST_WINDOW_ARENA_ID : kind;
    take(&m, link_size(type), type == LINK_SHM_MAP, kind);
}

static void step(struct reader *r)
{
    switch (reader_u8(r) % 16) {
    case 0:
        say_anything(r);
        break;
    case 1:
        shut();
        break;
    case 2:
        reset();
        break;
    case 3:
        guest_window_orphan_all(&f.window);
        owner_is_gone();
        break;
    case 4:
    case 5:
        guest_window_open(&f.window);
        break;
    case 6:
        settle();
        break;
    case 7:
        if (peer_has_request(&f.peer))
            peer_serve(&f.peer);
        break;
    case 8:
        sd_event_run(f.loop, 0);
        break;
    case 9:
        peer_read(&f.peer, 1);
        break;
    case 10:
    case 11:
    case 12:
        say_request(r, LINK_SHM_UNMAP);
        break;
    default:
        say_request(r, LINK_SHM_MAP);
    }
}

static void begin(uint8_t setup)
{
    struct shm_region region;

    log_init("fuzz", NULL, LOG_LEVEL_ERROR);
    memset(&f, 0, sizeof(f));
    f.page = units_page_size();
    f.qemu = setup & 1;
    region = (struct shm_region){.shmid = 1, .size = PAGES * f.page};
    PEER_MUST(sd_event_new(&f.loop) >= 0);
    guest_window_init(&f.window, f.loop, region, &handler, NULL);
    f.window.stats = &f.stats;
    f.window.writable = true;
    f.window.drops_at_reset = f.window.needs_barrier = f.window.channel.knock = f.qemu;
    if (setup & 2)
        f.window.arena_fd = fd_memfd("arena", region.size);
    PEER_MUST(back_channel_attach(&f.window.channel, peer_init(&f.peer)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned fds = peer_open_fds();
    struct reader r;
    int arena_fd;

    reader_init(&r, data, size);
    begin(reader_u8(&r));
    for (unsigned i = 0; i < STEPS && r.left > 0; i++)
        step(&r);
    guest_window_open(&f.window);
    settle();
    arena_fd = f.window.arena_fd;
    guest_window_finish(&f.window);
    PEER_MUST(f.window.ledger.set.count == 0);
    peer_finish(&f.peer);
    fd_close(&arena_fd);
    sd_event_unref(f.loop);
    PEER_MUST(peer_open_fds() == fds);
    return 0;
}

void fuzz_shape(uint8_t *data, size_t size, uint64_t (*next)(void))
{
    data[0] = (uint8_t)(next() % 8 == 0 ? 3 : next() % 2);
    if (size > 1)
        data[1] = 4; /* open it first */
}

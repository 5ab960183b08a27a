/* SPDX-License-Identifier: MIT */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/units.h"
#include "door/errands.h"
#include "door/guest_window.h"
#include "door/shared_objects.h"
#include "protocol/cursor.h"
#include "protocol/link.h"
#include "tests/unit/back_end_peer.h"

/*
 * A worker that says anything, a window that opens and shuts at any time, and a front-end that does
 * all it is asked. Whatever the worker says, the front-end must never have a reason to refuse
 * (crosvm stops the VM on one refusal), the ledger must be what the front-end has, and each request
 * must be answered once, to the worker who made it. So it is with what is shared by UUID, and with
 * the commands that people give the worker.
 */
#define PAGES 16u
#define STEPS 300u
#define TICKETS STEPS

static struct {
    sd_event *loop;
    struct guest_window window;
    struct peer peer;
    struct stats stats;
    struct journal_latencies latencies;
    uint64_t page;
    bool qemu;
    uint64_t next_ticket;
    struct {
        bool waits;
        bool unmap;     /* else map */
        bool forgotten; /* the worker gave it up when the window shut */
    } tickets[TICKETS + 1];
    unsigned owned; /* mappings that the worker believes in */
    struct shared_objects objects;
    unsigned lookups; /* that wait for an answer */
    struct keeper keeper;
    int worker; /* the worker's end of its link */
    struct errands errands;
    unsigned asked; /* commands that wait for an answer */
    uint32_t serial;
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
    if (news != GUEST_WINDOW_IS_SHUT)
        shared_objects_tell(&f.objects);
}

static void on_found(void *data, uint64_t ticket, int fd)
{
    PEER_MUST(f.lookups > 0 && ticket <= TICKETS);
    f.lookups--;
    fd_close(&fd);
}

static const struct shared_objects_handler objects_handler = {on_found};

static void on_errand(void *data, int result, const char *text)
{
    PEER_MUST(f.asked > 0 && result <= 0 && strlen(text) < LINK_MAX_TEXT);
    f.asked--;
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

/* What is there of workers that died, and was not asked for again. */
static unsigned heirlooms(void)
{
    unsigned count = 0;

    for (struct shm_mapping *m = shm_ledger_first(&f.window.ledger); m != NULL;
         m = shm_ledger_next(m))
        count += m->bequeathed && !m->orphan && m->state == SHM_MAPPED;
    return count;
}

/* The next worker has what was settled. */
static void owner_died(void)
{
    guest_window_bequeath(&f.window);
    shared_objects_bequeath(&f.objects);
    f.lookups = 0;
    errands_worker_died(&f.errands);
    PEER_MUST(f.asked == 0);
    owner_is_gone();
    f.owned = heirlooms();
}

/* The same of what is shared; each has a descriptor to give. */
static void check_objects(void)
{
    PEER_MUST(f.lookups == 0 && f.objects.lookups == 0);
    PEER_MUST(!f.qemu || f.peer.objects == f.objects.count);
    for (unsigned i = 0; i < f.peer.objects; i++)
        PEER_MUST(shared_objects_find(&f.objects, f.peer.uuids[i]) >= 0);
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
    check_objects();
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
    shared_objects_remove_all(&f.objects);
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

static void take_object(const struct link_message *m, uint8_t kind)
{
    const uint8_t uuid[16] = {m->object.uuid[0] % 4}; /* so that some meet again */

    if (m->type == LINK_OBJECT_ADD)
        shared_objects_add(&f.objects, uuid, some_fd(kind));
    else if (m->type == LINK_OBJECT_REMOVE)
        shared_objects_remove(&f.objects, uuid);
    if (m->type != LINK_OBJECT_LOOKUP)
        return;
    f.lookups++;
    shared_objects_lookup(&f.objects, uuid, kind);
}

/* The worker's message, as the door takes it. */
static void take(struct link_message *m, uint32_t size, unsigned fds, uint8_t kind)
{
    const struct link_rule *rule;
    struct shm_wish wish;
    unsigned before;

    if (link_check(m, size, fds, LINK_WORKER) != NULL)
        return;
    rule = link_rule(m->type);
    PEER_MUST(rule != NULL && rule->from == LINK_WORKER && size == link_size(m->type));
    PEER_MUST(size <= sizeof(*m) && fds >= rule->min_fds && fds <= rule->max_fds);
    take_object(m, kind);
    if (m->type == LINK_COMMAND_DONE)
        errands_answered(&f.errands, m);
    if ((m->type != LINK_SHM_MAP && m->type != LINK_SHM_UNMAP) || f.next_ticket == TICKETS)
        return;
    wish = (struct shm_wish){m->shm.shm_offset, m->shm.size, m->shm.fd_offset, ++f.next_ticket,
                             m->shm.id};
    f.tickets[wish.ticket].waits = true;
    f.tickets[wish.ticket].unmap = m->type == LINK_SHM_UNMAP;
    if (m->type == LINK_SHM_UNMAP) {
        guest_window_unmap(&f.window, &wish);
        return;
    }
    /* One that is taken up is counted when that is answered; one that is in the way goes out. */
    before = heirlooms();
    guest_window_map(&f.window, &wish, some_fd(kind));
    f.owned -= before - heirlooms();
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

static void say_object(struct reader *r)
{
    struct link_message m = {.type = LINK_OBJECT_ADD + reader_u8(r) % 3u};

    m.object.uuid[0] = reader_u8(r);
    take(&m, link_size(m.type), m.type == LINK_OBJECT_ADD, reader_u8(r));
}

/* Somebody commands something, the worker reads it, or answers anything. */
static void command(struct reader *r)
{
    struct link_message m;
    struct fd_list fds = {0};
    uint8_t what = reader_u8(r);

    memset(&m, what, sizeof(m));
    if (what % 2 == 0) {
        f.asked += errands_ask(&f.errands, "outputs", what % 4 == 0 ? f.peer.fd : -1, on_errand,
                               NULL) == 0;
    } else if (what % 4 == 1) {
        if (fd_receive(f.worker, &m, sizeof(m), &fds) > 0)
            f.serial = m.serial;
        fd_list_finish(&fds);
    } else {
        m.type = LINK_COMMAND_DONE;
        m.serial = what % 8 == 3 ? f.serial : reader_u8(r);
        take(&m, link_size(m.type), 0, what);
    }
}

static void step(struct reader *r)
{
    switch (reader_u8(r) % 20) {
    case 16:
    case 17:
        say_object(r);
        break;
    case 18:
        command(r);
        break;
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
        owner_died();
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

static const struct keeper_handler no_handler;

/* A worker that is a socket pair: the keeper believes that it runs. */
static void begin_worker(void)
{
    int pair[2];

    PEER_MUST(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
    keeper_init(&f.keeper, f.loop, &no_handler, NULL, NULL);
    f.keeper.fd = pair[0];
    f.keeper.ready = true;
    f.worker = pair[1];
    errands_init(&f.errands, f.loop, &f.keeper);
    shared_objects_init(&f.objects, &f.window.channel, &objects_handler, NULL);
    f.objects.usable = f.qemu;
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
    guest_window_init(&f.window, f.loop, FUZZ_PATIENCE_US, region, &handler, NULL);
    f.window.stats = &f.stats;
    f.window.latencies = &f.latencies;
    f.window.writable = true;
    f.window.drops_at_reset = f.window.needs_barrier = f.window.channel.knock = f.qemu;
    if (setup & 2)
        f.window.arena_fd = fd_memfd("arena", region.size);
    PEER_MUST(back_channel_attach(&f.window.channel, peer_init(&f.peer)) == 0);
    begin_worker();
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
    shared_objects_finish(&f.objects);
    errands_finish(&f.errands);
    keeper_finish(&f.keeper);
    fd_close(&f.worker);
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

/* SPDX-License-Identifier: MIT */
#include "stranger_state.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "door/door.h"
#include "door/parcel.h"
#include "door/unpack.h"
#include "fuzz.h"

/*
 * A door in the midst of strangers: the door of another program hands it a device, or is handed
 * one; a worker says anything; the starter carries out what it is asked for, in its time. Whatever
 * comes: nothing of the device is touched before it is this door's; what was taken whole can be
 * handed on; after an upgrade that was not made the front-end is served as before; the loop comes
 * to rest; and in the end no descriptor is left.
 */
#define STEPS 160u
#define TURNS 20000u
#define WINDOW (STATE_PAGES * units_page_size())
#define PID 100

static struct {
    sd_event *loop;
    struct door door;
    bool beside; /* it began so */
    bool yours;  /* and is the device's now */
    int starter; /* the starter's end; owned */
    int channel; /* the other door's; owned; -1 */
    int worker;  /* the worker's; owned; -1 */
    struct state_ends ends;
    struct journal journal; /* of the device that is handed over */
    int arena_fd;           /* likewise, owned; -1 */
    bool damaged;           /* what it says is any stranger's */
    struct stats stats;     /* what was in it */
    bool wants_worker, wants_end;
    unsigned asked;   /* upgrades that are not answered */
    bool gives;       /* the channel is to a door that this one hands over to */
    bool taken;       /* this one has said that it has all */
    bool knows_front; /* 'ends.front' is the session's */
} f;

static struct link_hello facts(void)
{
    return (struct link_hello){
        .features = UINT64_C(1) << 32, .queues = 2, .shmid = 1, .config_size = 16};
}

/* Nobody reads it (--wrap). */
void __wrap_log_write(enum log_level level, const char *file, int line, const char *format, ...);
void __wrap_log_write(enum log_level level, const char *file, int line, const char *format, ...)
{
}

/* ---- what a door is lent ---- */

static void on_status(void *data, const char *text)
{
}

static void on_news(void *data)
{
}

static bool is_asked(void *data)
{
    return false;
}

static void on_taken(void *data, int control_fd)
{
    fd_close(&control_fd);
}

static const struct door_handler handler = {on_status, on_news, on_news, is_asked, on_taken};

static void on_upgraded(void *data, int result, const char *text)
{
    PEER_MUST(f.asked > 0 && result <= 0 && strlen(text) < DOOR_STATE_TEXT);
    f.asked--;
}

static bool is_over(void)
{
    return sd_event_get_state(f.loop) == SD_EVENT_FINISHED;
}

/* ---- the starter ---- */

static void tell(enum starter_type type, int pid, int code, int status)
{
    const struct starter_message m = {.type = type, .pid = pid, .code = code, .status = status};

    fd_send_now(f.starter, &m, sizeof(m), NULL, 0);
}

static void take_wish(const struct starter_message *m, struct fd_list *fds)
{
    if (m->type == STARTER_WORKER) {
        PEER_MUST(fds->count >= 2);
        fd_close(&f.worker);
        f.worker = fd_list_take(fds, 0);
        f.wants_worker = true;
    } else if (m->type == STARTER_KILL) {
        f.wants_end = true;
    } else if (m->type == STARTER_UPGRADE) {
        fd_close(&f.channel);
        f.channel = fd_list_take(fds, 0);
        f.gives = true;
    }
}

static void hear_starter(void)
{
    struct starter_message m;
    struct fd_list fds = {0};

    while (fd_receive_now(f.starter, &m, sizeof(m), &fds) == sizeof(m)) {
        PEER_MUST(m.type > 0 && m.type <= STARTER_HOLDS);
        take_wish(&m, &fds);
        fd_list_finish(&fds);
    }
}

/* What the other door hears keeps to the table. */
static void hear_channel(void)
{
    struct door_state record;
    struct fd_list fds = {0};
    ssize_t n;

    while (f.channel >= 0 && (n = fd_receive_now(f.channel, &record, sizeof(record), &fds)) > 0) {
        PEER_MUST(door_state_check(&record, (uint32_t)n, fds.count,
                                   f.gives ? DOOR_STATE_GIVER : DOOR_STATE_TAKER) == NULL);
        f.taken |= record.kind == DOOR_STATE_TAKEN;
        fd_list_finish(&fds);
    }
}

/* So does what the worker is told. */
static void hear_worker(void)
{
    struct link_message m;
    struct fd_list fds = {0};
    ssize_t n;

    while (f.worker >= 0 && (n = fd_receive_now(f.worker, &m, sizeof(m), &fds)) > 0) {
        PEER_MUST(link_check(&m, (uint32_t)n, fds.count, LINK_DOOR) == NULL);
        fd_list_finish(&fds);
    }
}

/* Nobody has anything of the device that is another door's still. */
static void check_untouched(void)
{
    int ends[] = {f.ends.front, f.ends.back};
    uint8_t byte = 0;

    if (!f.beside || f.yours)
        return;
    for (unsigned i = 0; i < 2; i++)
        PEER_MUST(ends[i] < 0 || recv(ends[i], &byte, 1, MSG_DONTWAIT | MSG_PEEK) <= 0);
    PEER_MUST(memcmp(&f.journal.page->stats, &f.stats, sizeof(f.stats)) == 0);
    PEER_MUST(f.arena_fd < 0 || (pread(f.arena_fd, &byte, 1, 0) == 1 && byte == 0x5a));
}

/* Nobody can end a device's door, but its only front-end by leaving. */
static void check_end(void)
{
    int code = 0;

    if (!is_over() || (f.beside && !f.yours))
        return;
    PEER_MUST(sd_event_get_exit_code(f.loop, &code) >= 0 && code == 0 && f.door.listen_fd < 0);
}

static void turns(void)
{
    unsigned n = 0;

    while (!is_over() && sd_event_run(f.loop, 0) > 0)
        PEER_MUST(n++ < TURNS);
    hear_starter();
    hear_channel();
    hear_worker();
    check_untouched();
    check_end();
}

/* ---- the door, and one that it could hand on to ---- */

static void make_door(struct door *door, int *starter, int channel)
{
    int pair[2];
    struct door_options options = {.program = "hostblob-test",
                                   .window_size = WINDOW,
                                   .answer_limit_us = 5000000,
                                   .arena = f.arena_fd >= 0};
    int r;

    PEER_MUST(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
    options.starter_fd = pair[0];
    *starter = pair[1];
    PEER_MUST(fd_set_nonblock(*starter) == 0);
    r = channel >= 0 ? door_init_beside(door, f.loop, &options, channel, &handler, NULL)
                     : door_init(door, f.loop, &options, &handler, NULL);
    PEER_MUST(r == 0);
}

static const char *give(struct unpack *unpack, struct door *to, const struct parcel_item *item)
{
    struct fd_list fds = {.count = item->count};
    const char *reason;

    for (unsigned i = 0; i < item->count; i++)
        fds.fds[i] = fd_duplicate(item->fds[i]);
    reason = door_state_check(&item->record, item->record.size, fds.count, DOOR_STATE_GIVER);
    if (reason == NULL)
        reason = item->record.kind == DOOR_STATE_END ? unpack_end(unpack, to)
                                                     : unpack_take(unpack, to, &item->record, &fds);
    fd_list_finish(&fds);
    return reason;
}

/* What this door has taken, another would take of it. */
static void check_handing_on(void)
{
    struct door next;
    struct unpack unpack;
    struct parcel parcel;
    struct parcel_item *item;
    int starter;

    make_door(&next, &starter, -1);
    next.known = true;
    next.facts = f.door.facts;
    next.take_over.state = TAKE_OVER_TAKES;
    parcel_init(&parcel);
    unpack_init(&unpack);
    f.door.listen_fd = f.door.take_over.unpack.listen_fd; /* where it will be */
    PEER_MUST(parcel_fill(&parcel, &f.door) == 0);
    f.door.listen_fd = -1;
    TAILQ_FOREACH(item, &parcel.items, link)
    {
        const char *reason = give(&unpack, &next, item);

        if (reason != NULL)
            fprintf(stderr, "%s\n", reason);
        PEER_MUST(reason == NULL);
    }
    unpack_finish(&unpack);
    parcel_finish(&parcel);
    door_finish(&next);
    fd_close(&starter);
}

/* ---- what happens ---- */

static void oblige(void)
{
    if (f.wants_end) {
        fd_close(&f.worker);
        tell(STARTER_ENDED, PID, CLD_KILLED, SIGKILL);
    } else if (f.wants_worker) {
        tell(STARTER_STARTED, PID, 0, 0);
    }
    f.wants_end = f.wants_worker = false;
    turns();
}

static void send_state(struct reader *r, enum door_state_kind kind, bool spoilt)
{
    const struct state_house house = {f.journal.fd, f.arena_fd};
    struct state_parcel p;
    uint32_t size;

    state_fill(&p, r, kind, &house, &f.ends);
    if (kind == DOOR_STATE_SESSION)
        f.knows_front = !spoilt;
    size = p.record.size;
    if (spoilt)
        size = state_spoil(&p, r, &f.ends);
    state_send(&p, f.channel, size);
    turns();
    if (f.taken && f.door.take_over.state == TAKE_OVER_HOLDS)
        check_handing_on();
    f.taken = false;
}

static void send_offer(struct reader *r, bool spoilt)
{
    struct state_parcel p = {.count = 0};
    struct door_state_offer *offer = &p.record.offer;
    uint8_t choice = reader_u8(r);
    uint32_t size;

    parcel_offer(&f.door, &p.record);
    offer->facts = facts();
    offer->has_front_end = choice % 2;
    offer->worker_starts = choice;
    if (choice >= 240)
        offer->watchdog_us = state_number(r);
    size = p.record.size;
    if (spoilt)
        size = state_spoil(&p, r, &f.ends);
    state_send(&p, f.channel, size);
    turns();
}

/* Of whoever is at the other end of the channel. */
static void say_state(struct reader *r, bool spoilt)
{
    uint8_t choice = reader_u8(r);

    if (f.gives)
        send_state(r, DOOR_STATE_ACCEPTED + choice % 4u, spoilt);
    else if (choice % 16 == 0)
        send_offer(r, spoilt);
    else
        send_state(r, DOOR_STATE_HOUSE + choice % (DOOR_STATE_END - 1u), spoilt);
}

static void worker_hello(struct reader *r)
{
    struct link_message m = {.type = LINK_HELLO, .hello = facts()};
    uint8_t choice = reader_u8(r);

    if (choice >= 250)
        reader_get(r, (uint8_t *)&m.hello + choice % 5 * 4, 4);
    if (f.worker >= 0)
        fd_send_now(f.worker, &m, link_size(m.type), NULL, 0);
    turns();
}

static void worker_says(struct reader *r)
{
    struct link_message m = {.type = LINK_ACK + reader_u8(r) % (LINK_TYPES - LINK_ACK + 1u)};
    const struct link_rule *rule = link_rule(m.type);
    uint8_t choice = reader_u8(r);
    unsigned count = rule != NULL ? rule->max_fds : choice % 3;
    uint32_t size = rule != NULL ? link_size(m.type) : choice;
    int fds[FD_LIST_MAX];

    if (choice >= 250) {
        count = reader_u8(r) % (FD_LIST_MAX + 1);
        size = reader_u8(r);
    }
    for (unsigned i = 0; i < count; i++)
        fds[i] = fd_memfd("worker", units_page_size());
    m.serial = reader_u8(r);
    reader_get(r, &m.shm, choice % 2 ? sizeof(m.shm) : 1);
    if (f.worker >= 0) /* what a door that hands over does not read is lost */
        fd_send_now(f.worker, &m, size, fds, count);
    for (unsigned i = 0; i < count; i++)
        fd_close(&fds[i]);
    turns();
}

/* A request that is answered at once, whatever else goes on. */
static void front_asks(uint8_t choice)
{
    static const uint32_t requests[] = {VHOST_USER_GET_FEATURES, VHOST_USER_GET_QUEUE_NUM,
                                        VHOST_USER_GET_PROTOCOL_FEATURES,
                                        VHOST_USER_GET_SHMEM_CONFIG};
    const struct vhost_user_header header = {requests[choice % 4], VHOST_USER_VERSION, 0};

    if (f.ends.front >= 0)
        fd_send_now(f.ends.front, &header, sizeof(header), NULL, 0);
    turns();
}

/* A wait is over. */
static void time_passes(uint8_t choice)
{
    sd_event_source *const sources[] = {f.door.hand_over.limit, f.door.hand_over.step,
                                        f.door.keeper.again, f.door.keeper.limit};

    sd_event_source_set_time_relative(sources[choice % 4], 0);
    turns();
}

/* People reach the device's door alone. */
static void ask_for_upgrade(uint8_t choice)
{
    static const char *const lines[] = {"upgrade force", "upgrade", "upgrade seconds=3",
                                        "upgrade seconds=0", "upgrade now"};

    if (take_over_begins(&f.door.take_over))
        return;
    f.asked += hand_over_ask(&f.door.hand_over, lines[choice % 5], on_upgraded, &f) == 0;
    turns();
}

static void be_given(void)
{
    if (f.beside && f.door.take_over.state == TAKE_OVER_HOLDS) {
        f.yours = true;
        tell(STARTER_YOURS, 0, 0, 0);
    }
    turns();
}

static void starter_says(struct reader *r)
{
    uint8_t choice = reader_u8(r);

    if (choice % 4 == 0 && f.wants_worker)
        tell(STARTER_STARTED, 0, 0, -EAGAIN);
    else if (choice % 4 == 1)
        tell(STARTER_BESIDE_ENDED, 0, choice / 4 % 4, choice / 16);
    else if (choice % 4 == 2)
        tell(STARTER_SETTLED, 0, 0, choice);
    else if (f.door.keeper.running)
        f.wants_end = true; /* it ends by itself */
    turns();
}

static void step(struct reader *r)
{
    uint8_t choice = reader_u8(r);

    if (choice < 96)
        say_state(r, false);
    else if (choice < 112)
        say_state(r, true);
    else if (choice < 136)
        oblige();
    else if (choice < 144)
        starter_says(r);
    else if (choice < 156)
        be_given();
    else if (choice < 172)
        worker_hello(r);
    else if (choice < 192)
        worker_says(r);
    else if (choice < 204)
        front_asks(choice);
    else if (choice < 220)
        ask_for_upgrade(choice);
    else if (choice < 240)
        time_passes(choice);
    else if (choice < 243)
        fd_close(&f.channel);
    else if (choice < 246)
        fd_close(&f.worker);
    else if (choice < 248)
        fd_close(&f.ends.front);
}

/* ---- life ---- */

/* So far nobody does anything wrong: 'stages' of what an upgrade consists of. */
static void take_over(struct reader *r, unsigned stages)
{
    static const enum door_state_kind kinds[] = {DOOR_STATE_HOUSE, DOOR_STATE_SESSION,
                                                 DOOR_STATE_RING, DOOR_STATE_RING, DOOR_STATE_END};

    turns();
    worker_hello(r);
    send_offer(r, false);
    oblige();
    for (unsigned i = 0; i < 5 && i + 1 < stages; i++)
        send_state(r, kinds[i], false);
    if (stages < 7)
        return;
    be_given();
    time_passes(2);
    worker_hello(r);
}

/* The device that another door has. */
static void make_device(struct reader *r, uint8_t setup)
{
    uint8_t byte = 0x5a;

    PEER_MUST(journal_create(&f.journal) == 0);
    f.damaged = setup & 4;
    if (f.damaged)
        state_damage(&f.journal, r);
    f.stats = f.journal.page->stats;
    f.arena_fd = setup & 2 ? fd_memfd("arena", WINDOW) : -1;
    PEER_MUST(f.arena_fd < 0 || pwrite(f.arena_fd, &byte, 1, 0) == 1);
}

static void begin_beside(struct reader *r, unsigned stages)
{
    int pair[2];

    f.beside = true;
    PEER_MUST(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
    f.channel = pair[0];
    make_door(&f.door, &f.starter, pair[1]);
    if (stages > 0)
        take_over(r, stages);
}

/* A device that is this door's own, with a front-end that has said hello, or nobody. */
static void begin_alone(struct reader *r, bool front)
{
    make_door(&f.door, &f.starter, -1);
    turns();
    worker_hello(r);
    PEER_MUST(door_serve(&f.door, front ? state_socket(&f.ends.front) : state_listener(), !front) ==
              0);
    f.knows_front = front;
    turns();
}

static void begin(struct reader *r)
{
    uint8_t setup = reader_u8(r);

    memset(&f, 0, sizeof(f));
    f.channel = f.worker = f.ends.front = f.ends.back = -1;
    PEER_MUST(sd_event_new(&f.loop) >= 0);
    make_device(r, setup);
    if (setup & 1)
        begin_beside(r, setup >> 4 & 7);
    else
        begin_alone(r, setup & 8);
}

/* A front-end whose door keeps it is served. */
static void check_served(void)
{
    const struct session *s = f.door.session;
    uint8_t bytes[8192];

    if (is_over() || s == NULL || s->connection.broken || !f.knows_front || f.ends.front < 0 ||
        (f.beside && !f.yours) || f.door.hand_over.state != HAND_OVER_IDLE)
        return;
    while (recv(f.ends.front, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
        ;
    front_asks(0);
    PEER_MUST(recv(f.ends.front, bytes, sizeof(bytes), MSG_DONTWAIT) ==
              VHOST_USER_HEADER_SIZE + sizeof(uint64_t));
}

static void end(void)
{
    check_served();
    door_finish(&f.door);
    check_untouched();
    if (f.damaged)
        state_read_journal(f.journal.fd);
    journal_finish(&f.journal);
    fd_close(&f.arena_fd);
    fd_close(&f.starter);
    fd_close(&f.channel);
    fd_close(&f.worker);
    fd_close(&f.ends.front);
    fd_close(&f.ends.back);
    sd_event_unref(f.loop);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned fds = peer_open_fds();
    struct reader r;

    reader_init(&r, data, size);
    begin(&r);
    for (unsigned i = 0; i < STEPS && r.left > 0 && !is_over(); i++)
        step(&r);
    end();
    PEER_MUST(peer_open_fds() == fds);
    return 0;
}

/* Mostly an upgrade that is under way. */
void fuzz_shape(uint8_t *data, size_t size, uint64_t (*next)(void))
{
    data[0] = (uint8_t)(next() % 4 == 0 ? next() : (next() % 8 << 4 | 1));
}

/* SPDX-License-Identifier: MIT */
#include "fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/units.h"
#include "door/conversation.h"
#include "door/handlers.h"
#include "protocol/cursor.h"
#include "tests/unit/back_end_peer.h"

/*
 * A session with a front-end that says anything on both of its sockets, and a worker that is there
 * or not. Whatever comes: answers are whole and in the order of the requests, no descriptor is
 * lost, and the ledger is empty at the end.
 */
#define STEPS 120u
#define ASKED_MAX (STEPS + 32u)
#define WINDOW_PAGES 16u

static struct {
    sd_event *loop;
    struct session session;
    struct door_shelf shelf;
    struct keeper keeper;
    struct journal journal;
    struct link_hello facts;
    int front, worker, back; /* our ends; -1: none */
    int arena_fd;
    uint32_t serial;  /* the last that the worker was told */
    bool closed;      /* the session wants to end */
    bool talks_sense; /* only whole messages were sent: answers can be checked */
    uint32_t asked[ASKED_MAX];
    unsigned asked_count, asked_first;
} f;

static void on_closed(void *data)
{
    f.closed = true;
}

/* A new descriptor that the caller owns, of many a kind. */
static int some_fd(uint8_t kind)
{
    int pair[2];

    switch (kind % 8) {
    case 0:
        return eventfd(0, EFD_CLOEXEC);
    case 1:
        return open("/dev/zero", O_RDWR | O_CLOEXEC);
    case 2:
        if (pipe2(pair, O_CLOEXEC) < 0)
            return -1;
        close(pair[kind >> 7]);
        return pair[!(kind >> 7)];
    case 3:
        return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    case 4:
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
            return -1;
        fd_set_nonblock(pair[0]);
        fd_close(&f.back);
        f.back = pair[0];
        return pair[1];
    case 5: /* both channels on one socket: nobody can tell what is an answer */
        f.talks_sense = false;
        return dup(f.front);
    default:
        return fd_memfd("fuzz", (kind / 8 % 8) * units_page_size());
    }
}

/* ---- what the front-end hears ---- */

/* An answer must be to the oldest request that can have one: those before it were not to be
 * answered. */
static void check_answer(const struct vhost_user_header *header)
{
    PEER_MUST(header->flags == (VHOST_USER_VERSION | VHOST_USER_FLAG_REPLY));
    PEER_MUST(header->size <= VHOST_USER_MAX_PAYLOAD);
    while (f.asked_first < f.asked_count && f.asked[f.asked_first] != header->request)
        f.asked_first++;
    PEER_MUST(f.asked_first < f.asked_count);
    f.asked_first++;
}

static void hear(void)
{
    static uint8_t bytes[65536];
    struct vhost_user_header header;
    struct fd_list fds = {0};
    ssize_t n = f.front >= 0 ? fd_receive(f.front, bytes, sizeof(bytes), &fds) : 0;
    ssize_t at = 0;

    PEER_MUST(fds.count == 0);
    while (at < n && f.talks_sense) {
        PEER_MUST(n - at >= (ssize_t)sizeof(header));
        memcpy(&header, bytes + at, sizeof(header));
        check_answer(&header);
        at += (ssize_t)(sizeof(header) + header.size);
    }
    PEER_MUST(n <= 0 || at == n || !f.talks_sense);
}

static void turns(void)
{
    for (unsigned i = 0; i < 30 && sd_event_run(f.loop, 0) > 0; i++)
        ;
    hear();
}

/* ---- what the front-end says ---- */

static void send_front(const void *bytes, size_t size, const int *fds, unsigned count)
{
    if (f.front >= 0 && fd_send(f.front, bytes, size, fds, count) != (ssize_t)size)
        f.talks_sense = false;
}

/* A whole message that may break any rule. */
static void send_message(uint32_t request, uint32_t flags, const void *payload, uint32_t size,
                         const uint8_t *kinds, unsigned count)
{
    uint8_t bytes[VHOST_USER_HEADER_SIZE + VHOST_USER_MAX_PAYLOAD];
    struct vhost_user_header header = {request, flags, size};
    int fds[FD_LIST_MAX];

    for (unsigned i = 0; i < count; i++)
        fds[i] = some_fd(kinds[i]);
    memcpy(bytes, &header, sizeof(header));
    if (size > 0)
        memcpy(bytes + sizeof(header), payload, size);
    if (f.asked_count < ASKED_MAX)
        f.asked[f.asked_count++] = request;
    send_front(bytes, sizeof(header) + size, fds, count);
    for (unsigned i = 0; i < count; i++)
        fd_close(&fds[i]);
}

static void ask(uint32_t request, const void *payload, uint32_t size, int kind)
{
    uint8_t k = (uint8_t)kind;

    send_message(request, VHOST_USER_VERSION | VHOST_USER_FLAG_NEED_REPLY, payload, size, &k,
                 kind >= 0);
    turns();
}

/* Numbers near to what makes sense. */
static uint64_t number(struct reader *r)
{
    static const uint64_t odd[] = {0, 1, 4096, 65536, UINT32_MAX, INT64_MAX, UINT64_MAX};
    uint8_t choice = reader_u8(r);

    if (choice < 32)
        return odd[choice % 7];
    if (choice < 64)
        return reader_u64(r);
    if (choice < 160)
        return choice % 3;
    return (uint64_t)(choice % 16) * units_page_size();
}

static void fill_regions(struct reader *r, struct vhost_user_region *regions, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        uint64_t at = (uint64_t)(reader_u8(r) % 64) << 20;

        regions[i] = (struct vhost_user_region){at, units_page_size(), at, 0};
        if (reader_u8(r) % 8 == 0)
            regions[i] = (struct vhost_user_region){number(r), number(r), number(r), number(r)};
    }
}

static uint32_t fill_payload(struct reader *r, uint32_t request, const struct vhost_user_rule *rule,
                             struct vhost_user_message *m)
{
    uint64_t numbers[5] = {number(r), number(r), number(r), number(r), number(r)};

    memcpy(m->bytes, numbers, sizeof(numbers));
    switch (request) {
    case VHOST_USER_SET_FEATURES:
    case VHOST_USER_SET_PROTOCOL_FEATURES:
        m->u64 = reader_u64(r);
        break;
    case VHOST_USER_SET_MEM_TABLE:
        m->mem_table.count = reader_u8(r) % 12;
        fill_regions(r, m->mem_table.regions, 12);
        return 8 + m->mem_table.count * (uint32_t)sizeof(m->mem_table.regions[0]);
    case VHOST_USER_ADD_MEM_REG:
    case VHOST_USER_REM_MEM_REG:
        fill_regions(r, &m->mem_reg.region, 1);
        break;
    case VHOST_USER_GET_CONFIG:
    case VHOST_USER_SET_CONFIG:
        m->config.offset = reader_u8(r);
        m->config.size = reader_u8(r) + (m->config.offset % 2);
        return VHOST_USER_CONFIG_HEADER_SIZE + m->config.size;
    case VHOST_USER_SET_VRING_NUM:
    case VHOST_USER_SET_VRING_ENABLE:
    case VHOST_USER_GET_VRING_BASE:
        m->state.index = reader_u8(r) % 3;
        m->state.num = reader_u8(r) % 4;
        break;
    default:
        break;
    }
    return rule->min_size;
}

static void say_request(struct reader *r)
{
    struct vhost_user_message m;
    uint8_t kinds[FD_LIST_MAX];
    uint32_t request = reader_u8(r) % VHOST_USER_REQUESTS;
    const struct vhost_user_rule *rule = vhost_user_rule(request);
    uint8_t choice = reader_u8(r);
    uint32_t flags = VHOST_USER_VERSION | (choice & 1 ? VHOST_USER_FLAG_NEED_REPLY : 0);
    uint32_t size;
    unsigned count;

    if (rule == NULL && choice < 250)
        return;
    memset(&m, 0, sizeof(m));
    size = rule != NULL ? fill_payload(r, request, rule, &m) : 8;
    count = rule != NULL ? rule->max_fds : choice % 3;
    if (request == VHOST_USER_SET_MEM_TABLE)
        count = m.mem_table.count;
    else if (count > 0 && rule != NULL && rule->min_fds == 0)
        count = (m.u64 & VHOST_USER_VRING_NO_FD) == 0;
    if (choice >= 248)
        count = reader_u8(r) % (FD_LIST_MAX + 1);
    if (choice == 247)
        size = reader_u8(r);
    for (unsigned i = 0; i < count; i++)
        kinds[i] = choice & 2 && request == VHOST_USER_SET_MEM_TABLE ? 0x0f : reader_u8(r);
    send_message(request, flags, m.bytes, size, kinds, count);
}

/* Bytes that are no message, with a descriptor. */
static void say_anything(struct reader *r)
{
    uint8_t bytes[64];
    uint8_t size = reader_u8(r) % sizeof(bytes) + 1;
    int fd = some_fd(reader_u8(r));

    memset(bytes, 0, sizeof(bytes));
    reader_get(r, bytes, size);
    f.talks_sense = false;
    send_front(bytes, size, &fd, fd >= 0);
    fd_close(&fd);
}

/* ---- the back-end channel ---- */

static void answer_back(struct reader *r)
{
    struct vhost_user_header header = {
        reader_u8(r) % 12, VHOST_USER_VERSION | VHOST_USER_FLAG_REPLY, sizeof(uint64_t)};
    struct fd_list fds = {0};
    uint8_t bytes[VHOST_USER_HEADER_SIZE + sizeof(uint64_t)] = {0};
    struct vhost_user_header request;
    uint8_t wire[VHOST_USER_HEADER_SIZE + sizeof(struct vhost_user_mmap)];

    if (f.back < 0)
        return;
    if (fd_receive(f.back, wire, reader_u8(r) % 2 ? 1 : sizeof(wire), &fds) >= 12) {
        memcpy(&request, wire, sizeof(request));
        header.request = request.request;
    }
    fd_list_finish(&fds);
    turns();
    bytes[VHOST_USER_HEADER_SIZE] = reader_u8(r) % 4 == 0;
    if (reader_u8(r) % 32 == 0)
        header.flags = reader_u8(r);
    memcpy(bytes, &header, sizeof(header));
    fd_send(f.back, bytes, reader_u8(r) % 32 == 0 ? 7 : sizeof(bytes), &f.worker,
            reader_u8(r) % 64 == 0);
}

/* Answers what is under way as it should be. */
static void serve_back(void)
{
    struct back_channel *ch = &f.session.window.channel;
    struct vhost_user_header header = {0, VHOST_USER_VERSION | VHOST_USER_FLAG_REPLY, 8};
    uint8_t wire[128];
    struct fd_list fds = {0};

    for (unsigned i = 0; i < 4 && f.back >= 0; i++) {
        while (fd_receive(f.back, wire, sizeof(wire), &fds) > 0)
            fd_list_finish(&fds);
        turns();
        if (ch->phase != BACK_CHANNEL_ASKED)
            continue;
        header.request = TAILQ_FIRST(&ch->queue)->header.request;
        memset(wire, 0, sizeof(wire));
        memcpy(wire, &header, sizeof(header));
        fd_send(f.back, wire, VHOST_USER_HEADER_SIZE + 8, NULL, 0);
        turns();
    }
}

/* ---- the worker ---- */

/* Takes what it was told, and remembers the last serial. */
static void listen_as_worker(void)
{
    struct link_message m;
    struct fd_list fds = {0};
    ssize_t n;

    while ((n = fd_receive(f.worker, &m, sizeof(m), &fds)) > 0) {
        PEER_MUST(link_check(&m, (uint32_t)n, fds.count, LINK_DOOR) == NULL);
        PEER_MUST(m.type != LINK_MEM_TABLE || m.mem_table.count == fds.count);
        fd_list_finish(&fds);
        f.serial = m.serial;
    }
}

static void request_as_worker(struct reader *r)
{
    static const uint32_t types[] = {LINK_SHM_MAP, LINK_SHM_MAP, LINK_SHM_UNMAP,
                                     LINK_CONFIG_CHANGED};
    struct link_message m = {.type = types[reader_u8(r) % 4]};
    struct fd_list fds = {0};

    if (m.type == LINK_CONFIG_CHANGED) {
        m.config.size = reader_u8(r);
    } else {
        m.shm.ticket = reader_u8(r);
        m.shm.shm_offset = number(r);
        m.shm.size = reader_u8(r) % 4 == 0 ? number(r) : units_page_size();
        m.shm.fd_offset = reader_u8(r) % 4 == 0 ? number(r) : 0;
    }
    if (m.type == LINK_SHM_MAP)
        fds.fds[fds.count++] = some_fd(reader_u8(r) % 2 ? 15 : reader_u8(r));
    conversation_worker_request(&f.session, &m, &fds);
    fd_list_finish(&fds);
}

static void act_as_worker(struct reader *r)
{
    uint8_t choice = reader_u8(r) % 16;

    if (choice == 0 && f.keeper.ready) {
        f.keeper.ready = false;
        conversation_worker_died(&f.session);
    } else if (choice == 1 && !f.keeper.ready) {
        f.keeper.ready = true;
        conversation_worker_ready(&f.session);
    } else if (choice == 2) {
        conversation_worker_ack(&f.session, reader_u8(r) % 4, -(int)(reader_u8(r) % 2),
                                reader_u8(r));
    } else if (choice < 9) {
        listen_as_worker();
        conversation_worker_ack(&f.session, f.serial, -(int)(choice == 3), reader_u8(r) % 2);
    } else if (f.keeper.ready) {
        request_as_worker(r);
    }
}

/* ---- life ---- */

static void step(struct reader *r)
{
    uint8_t choice = reader_u8(r) % 32;

    if (choice < 12)
        say_request(r);
    else if (choice < 20)
        act_as_worker(r);
    else if (choice < 23)
        answer_back(r);
    else if (choice < 28)
        serve_back();
    else if (choice == 28 && reader_u8(r) % 16 == 0)
        say_anything(r);
    else if (choice == 29 && reader_u8(r) % 16 == 0)
        fd_close(&f.back);
    else if (choice == 30 && reader_u8(r) % 16 == 0)
        fd_close(&f.front);
    turns();
}

/* As QEMU or crosvm begins, up to two rings that run. */
static void negotiate(uint8_t setup)
{
    uint64_t features = VHOST_USER_BIT(VHOST_USER_F_PROTOCOL_FEATURES);
    uint64_t protocol = handlers_protocol_features(f.session.lent.mem_slots);

    if (setup & 2)
        protocol &= ~(VHOST_USER_BIT(VHOST_USER_PROTOCOL_F_BACKEND_SEND_FD) |
                      VHOST_USER_BIT(VHOST_USER_PROTOCOL_F_SHARED_OBJECT));
    ask(VHOST_USER_SET_FEATURES, &features, 8, -1);
    ask(VHOST_USER_SET_PROTOCOL_FEATURES, &protocol, 8, -1);
    ask(VHOST_USER_SET_BACKEND_REQ_FD, NULL, 0, 4);
    if (!(setup & 64)) /* else a front-end without a window */
        ask(VHOST_USER_GET_SHMEM_CONFIG, NULL, 0, -1);
    for (uint32_t i = 0; i < 1u + (setup >> 7); i++) {
        struct vhost_user_vring_state size = {i, 64}, on = {i, 1};
        struct vhost_user_vring_addr addr = {.index = i};
        uint64_t index = i;

        ask(VHOST_USER_SET_VRING_NUM, &size, sizeof(size), -1);
        ask(VHOST_USER_SET_VRING_ADDR, &addr, sizeof(addr), -1);
        ask(VHOST_USER_SET_VRING_KICK, &index, sizeof(index), 0);
        listen_as_worker();
        conversation_worker_ack(&f.session, f.serial, 0, 1);
        ask(VHOST_USER_SET_VRING_ENABLE, &on, sizeof(on), -1);
        listen_as_worker();
        conversation_worker_ack(&f.session, f.serial, 0, 0);
    }
    serve_back();
}

static void begin(uint8_t setup)
{
    int fronts[2], links[2];
    struct session_lent lent = {
        .answer_limit_us = 5000000,
        .keeper = &f.keeper,
        .journal = &f.journal,
        .facts = &f.facts,
        .window_size = WINDOW_PAGES * units_page_size(),
        .mem_slots = setup & 4,
        .shelf = &f.shelf,
    };

    log_init("fuzz", NULL, LOG_LEVEL_ERROR);
    memset(&f, 0, sizeof(f));
    f.facts = (struct link_hello){.queues = 2, .shmid = 1, .config_size = 16};
    door_shelf_init(&f.shelf);
    f.back = -1;
    f.talks_sense = true;
    PEER_MUST(sd_event_new(&f.loop) >= 0 && journal_create(&f.journal) == 0);
    PEER_MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fronts) == 0);
    PEER_MUST(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, links) == 0);
    keeper_init(&f.keeper, f.loop, NULL, NULL, NULL);
    f.keeper.fd = links[0];
    f.keeper.ready = setup & 8;
    f.worker = links[1];
    f.front = fronts[0];
    PEER_MUST(fd_set_nonblock(links[0]) == 0 && fd_set_nonblock(links[1]) == 0);
    PEER_MUST(fd_set_nonblock(f.front) == 0);
    f.arena_fd = setup & 16 ? fd_memfd("arena", lent.window_size) : -1;
    lent.arena_fd = f.arena_fd;
    lent.loop = f.loop;
    PEER_MUST(conversation_begin(&f.session, &lent, fronts[1], on_closed, NULL) == 0);
    if (setup & 1)
        negotiate(setup);
}

static void end(void)
{
    conversation_end(&f.session);
    PEER_MUST(f.session.window.ledger.set.count == 0);
    PEER_MUST(f.session.memory.count == 0);
    for (unsigned i = 0; i < JOURNAL_RINGS; i++)
        PEER_MUST(f.journal.page->rings[i].started == 0);
    keeper_finish(&f.keeper);
    journal_finish(&f.journal);
    fd_close(&f.front);
    fd_close(&f.worker);
    fd_close(&f.back);
    fd_close(&f.arena_fd);
    sd_event_unref(f.loop);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned fds = peer_open_fds();
    struct reader r;

    reader_init(&r, data, size);
    begin(reader_u8(&r));
    for (unsigned i = 0; i < STEPS && r.left > 0 && !f.closed; i++)
        step(&r);
    end();
    PEER_MUST(peer_open_fds() == fds);
    return 0;
}

/* Mostly a session that runs, with a worker. */
void fuzz_shape(uint8_t *data, size_t size, uint64_t (*next)(void))
{
    data[0] |= 1;
    if (next() % 4 != 0)
        data[0] |= 8;
}

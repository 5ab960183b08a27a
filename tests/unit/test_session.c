/* SPDX-License-Identifier: MIT */
#include "fd_count.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "back_end_peer.h"
#include "base/units.h"
#include "door/conversation.h"
#include "door/handlers.h"
#include "door/session_diagnosis.h"

/* What a session does when its worker is not what it should be. The front-end is a socket pair, and
 * so is the worker: the keeper believes that it runs. */
#define F(name) VHOST_USER_BIT(VHOST_USER_PROTOCOL_F_##name)

static sd_event *loop;
static struct session session;
static struct keeper keeper;
static struct journal journal;
static struct link_hello facts;
static struct peer peer; /* of the back-end channel */
static int front, worker;
static int arena_fd = -1; /* -1: none */
static unsigned closed_count;
static struct door_shelf shelf;

static void on_closed(void *data)
{
    closed_count++;
}

static void begin(bool with_worker)
{
    struct session_lent lent = {
        .answer_limit_us = 5000000,
        .keeper = &keeper,
        .journal = &journal,
        .facts = &facts,
        .window_size = 64 * units_page_size(),
        .arena_fd = arena_fd,
        .shelf = &shelf,
    };
    int fronts[2], links[2];

    assert_true(sd_event_new(&loop) >= 0);
    assert_int_equal(journal_create(&journal), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fronts), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, links), 0);
    facts = (struct link_hello){.queues = 2, .shmid = 1};
    closed_count = 0;
    door_shelf_init(&shelf);
    keeper_init(&keeper, loop, NULL, NULL, NULL);
    keeper.fd = links[0];
    keeper.ready = with_worker;
    worker = links[1];
    assert_int_equal(fd_set_nonblock(worker), 0);
    front = fronts[0];
    assert_int_equal(fd_set_nonblock(front), 0);
    lent.loop = loop;
    assert_int_equal(conversation_begin(&session, &lent, fronts[1], on_closed, NULL), 0);
}

static void end(void)
{
    conversation_end(&session);
    assert_int_equal(session.window.ledger.set.count, 0);
    keeper_finish(&keeper);
    journal_finish(&journal);
    fd_close(&front);
    fd_close(&worker);
    loop = sd_event_unref(loop);
}

static void tell(uint32_t request, const void *payload, uint32_t size, int fd)
{
    struct vhost_user_header header = {request, VHOST_USER_VERSION | VHOST_USER_FLAG_NEED_REPLY,
                                       size};
    uint8_t bytes[VHOST_USER_HEADER_SIZE + 64];

    memcpy(bytes, &header, VHOST_USER_HEADER_SIZE);
    if (size > 0)
        memcpy(bytes + VHOST_USER_HEADER_SIZE, payload, size);
    assert_int_equal(fd_send(front, bytes, VHOST_USER_HEADER_SIZE + size, &fd, fd >= 0),
                     VHOST_USER_HEADER_SIZE + size);
    loop_turns(loop);
}

static void tell_u64(uint32_t request, uint64_t value)
{
    tell(request, &value, sizeof(value), -1);
}

/* The answer, whose value is returned; -1 when there is none. */
static int64_t answered(uint32_t request)
{
    uint8_t bytes[VHOST_USER_HEADER_SIZE + sizeof(uint64_t)];
    struct vhost_user_header header;
    struct fd_list fds = {0};
    uint64_t value;

    if (fd_receive(front, bytes, sizeof(bytes), &fds) != sizeof(bytes))
        return -1;
    memcpy(&header, bytes, sizeof(header));
    memcpy(&value, bytes + sizeof(header), sizeof(value));
    assert_int_equal(header.request, request);
    return (int64_t)value;
}

/* The next message that the worker gets: its serial. */
static uint32_t told(uint32_t type)
{
    struct link_message m;
    struct fd_list fds = {0};

    do {
        assert_true(fd_receive(worker, &m, sizeof(m), &fds) > 0);
        fd_list_finish(&fds);
    } while (m.type != type);
    return m.serial;
}

/* The worker says something. */
static void worker_says(uint32_t type, const uint8_t *uuid, uint64_t ticket, int fd)
{
    struct link_message m = {.type = type, .object.ticket = ticket};
    struct fd_list fds = {.count = fd >= 0, .fds = {fd}};

    memcpy(m.object.uuid, uuid, sizeof(m.object.uuid));
    assert_null(link_check(&m, link_size(type), fds.count, LINK_WORKER));
    conversation_worker_request(&session, &m, &fds);
    fd_list_finish(&fds);
}

/* Asks how large the window is, as whoever has one does. */
static void ask_window(void)
{
    struct vhost_user_shmem_config config;
    uint8_t bytes[VHOST_USER_HEADER_SIZE + sizeof(config)];
    struct fd_list fds = {0};

    tell(VHOST_USER_GET_SHMEM_CONFIG, NULL, 0, -1);
    assert_int_equal(fd_receive(front, bytes, sizeof(bytes), &fds), sizeof(bytes));
    memcpy(&config, bytes + VHOST_USER_HEADER_SIZE, sizeof(config));
    assert_int_equal(config.regions, 1);
}

/* As QEMU negotiates, with one ring that could start. */
static void negotiate(void)
{
    struct vhost_user_vring_state size = {0, 64};
    struct vhost_user_vring_addr addr = {0};
    int channel_fd;

    tell_u64(VHOST_USER_SET_FEATURES, VHOST_USER_BIT(VHOST_USER_F_PROTOCOL_FEATURES));
    tell_u64(VHOST_USER_SET_PROTOCOL_FEATURES, handlers_protocol_features(session.lent.mem_slots));
    assert_int_equal(answered(VHOST_USER_SET_PROTOCOL_FEATURES), -1); /* REPLY_ACK begins here */
    channel_fd = peer_init(&peer);
    tell(VHOST_USER_SET_BACKEND_REQ_FD, NULL, 0, channel_fd);
    close(channel_fd);
    assert_int_equal(answered(VHOST_USER_SET_BACKEND_REQ_FD), 0);
    ask_window();
    tell(VHOST_USER_SET_VRING_NUM, &size, sizeof(size), -1);
    assert_int_equal(answered(VHOST_USER_SET_VRING_NUM), 0);
    tell(VHOST_USER_SET_VRING_ADDR, &addr, sizeof(addr), -1);
    assert_int_equal(answered(VHOST_USER_SET_VRING_ADDR), 0);
}

static void start_ring(void)
{
    struct vhost_user_vring_state on = {0, 1};
    uint64_t index = 0;
    int kick = eventfd(0, 0);

    tell(VHOST_USER_SET_VRING_KICK, &index, sizeof(index), kick);
    close(kick);
    assert_int_equal(answered(VHOST_USER_SET_VRING_KICK), -1); /* the worker has to start it */
    conversation_worker_ack(&session, told(LINK_RING_START), 0, 1);
    assert_int_equal(answered(VHOST_USER_SET_VRING_KICK), 0);
    tell(VHOST_USER_SET_VRING_ENABLE, &on, sizeof(on), -1);
    conversation_worker_ack(&session, told(LINK_RING_ENABLE), 0, 0);
    assert_int_equal(answered(VHOST_USER_SET_VRING_ENABLE), 0);
    peer_run(&peer, loop);
    assert_int_equal(session.news, GUEST_WINDOW_IS_OPEN);
}

static void finish_peer(void)
{
    peer_finish(&peer);
    end();
}

static void request_map(uint64_t ticket)
{
    struct link_message m = {.type = LINK_SHM_MAP};
    struct fd_list fds = {.count = 1};

    m.shm = (struct link_shm){.ticket = ticket, .size = units_page_size()};
    fds.fds[0] = fd_memfd("test", units_page_size());
    conversation_worker_request(&session, &m, &fds);
    fd_list_finish(&fds);
}

/* The worker parses what guests write: it may say anything. */
static void an_answer_that_nobody_awaits_is_no_answer(void **state)
{
    struct vhost_user_vring_state ring = {0, 0};

    begin(true);
    negotiate();
    start_ring();
    tell(VHOST_USER_GET_VRING_BASE, &ring, sizeof(ring), -1);
    conversation_worker_ack(&session, 12345, 0, 7); /* another than the one awaited */
    assert_int_equal(answered(VHOST_USER_GET_VRING_BASE), -1);
    conversation_worker_ack(&session, told(LINK_RING_STOP), 0, 7);
    assert_int_equal(answered(VHOST_USER_GET_VRING_BASE), INT64_C(7) << 32);
    conversation_worker_ack(&session, 0, 0, 9);
    assert_int_equal(answered(VHOST_USER_GET_VRING_BASE), -1);
    finish_peer();
}

/* A request that the front-end has begun to read must not be left waiting for it to speak. */
static void a_death_lets_a_knock_in(void **state)
{
    struct vhost_user_mem_table table = {0};

    begin(true);
    negotiate();
    start_ring();
    request_map(1);
    tell(VHOST_USER_SET_MEM_TABLE, &table, 8, -1); /* the worker never answers */
    peer_read(&peer, 1);
    assert_int_equal(peer.have, 1);
    loop_turns(loop);
    assert_int_equal(peer_unread(&peer), 0); /* not now: the front-end awaits its answer */
    keeper.ready = false;
    conversation_worker_died(&session);
    assert_int_equal(answered(VHOST_USER_SET_MEM_TABLE), 0);
    assert_true(peer_unread(&peer) > 0);
    peer_run(&peer, loop);
    assert_int_equal(peer.maps, 1);
    assert_int_equal(peer.count, 0); /* its owner is dead */
    assert_int_equal(session.window.ledger.set.count, 0);
    finish_peer();
}

/* What the worker would have to do counts as done. */
static void without_a_worker_the_front_end_is_served(void **state)
{
    struct vhost_user_vring_state ring = {0, 1};
    struct vhost_user_mem_table table = {0};
    uint64_t index = 0;
    int kick = eventfd(0, 0);

    begin(false);
    negotiate();
    tell(VHOST_USER_SET_MEM_TABLE, &table, 8, -1);
    assert_int_equal(answered(VHOST_USER_SET_MEM_TABLE), 0);
    tell(VHOST_USER_SET_VRING_KICK, &index, sizeof(index), kick);
    assert_int_equal(answered(VHOST_USER_SET_VRING_KICK), 0);
    tell(VHOST_USER_SET_VRING_ENABLE, &ring, sizeof(ring), -1);
    assert_int_equal(answered(VHOST_USER_SET_VRING_ENABLE), 0);
    tell(VHOST_USER_GET_VRING_BASE, &ring, sizeof(ring), -1);
    assert_int_equal(answered(VHOST_USER_GET_VRING_BASE), 0); /* nobody came any further */
    tell(VHOST_USER_RESET_DEVICE, NULL, 0, -1);
    assert_int_equal(answered(VHOST_USER_RESET_DEVICE), 0);
    close(kick);
    finish_peer();
}

/* What the worker writes of its first ring, which it starts at 'base'. */
static struct ring_record *start_record(uint16_t base)
{
    struct ring_record *record = &journal.page->rings[0].record;

    ring_record_begin(record, &(struct ring_place){.size = 64}, base);
    record->begun = session.rings[0].start;
    return record;
}

/* A worker that is being killed may still take requests: the base is where it stood at last. */
static void the_end_of_a_worker_is_waited_for(void **state)
{
    struct vhost_user_vring_state ring = {0, 0};
    struct ring_record *record;
    int link;

    begin(true);
    negotiate();
    start_ring();
    record = start_record(0);
    ring_record_take(record, 1);
    link = keeper.fd; /* as keeper_replace does it */
    keeper.fd = -1;
    keeper.ready = false;
    keeper.running = true;
    tell(VHOST_USER_GET_VRING_BASE, &ring, sizeof(ring), -1);
    assert_int_equal(answered(VHOST_USER_GET_VRING_BASE), -1);
    ring_record_take(record, 2);
    keeper.running = false;
    conversation_worker_died(&session);
    assert_int_equal(answered(VHOST_USER_GET_VRING_BASE), INT64_C(2) << 32);
    keeper.fd = link;
    finish_peer();
}

/* The next message that starts a ring: its base. */
static uint32_t started_at(void)
{
    struct link_message m;
    struct fd_list fds = {0};

    do {
        assert_true(fd_receive(worker, &m, sizeof(m), &fds) > 0);
        fd_list_finish(&fds);
    } while (m.type != LINK_RING_START);
    assert_true(m.ring_start.flags & LINK_RING_RESUMED);
    return m.ring_start.base;
}

/* What a worker wrote counts from when it started the ring; until then, what the front-end said. */
static void a_new_worker_goes_on_where_the_last_one_was(void **state)
{
    struct ring_record *record;

    begin(true);
    negotiate();
    session.rings[0].base = 70;
    record = start_record(1000); /* of an earlier life of the ring */
    start_ring();
    keeper.ready = false;
    conversation_worker_died(&session);
    keeper.ready = true;
    conversation_worker_ready(&session);
    assert_int_equal(started_at(), 70);
    start_record(70);
    ring_record_take(record, 1);
    conversation_worker_died(&session);
    conversation_worker_ready(&session);
    assert_int_equal(started_at(), 71);
    conversation_worker_died(&session); /* at once, when it had not come to the ring */
    conversation_worker_ready(&session);
    assert_int_equal(started_at(), 71);
    finish_peer();
}

/* Nobody else can: the next worker takes over rings that run. */
static void the_next_driver_sees_nothing_of_a_dead_worker(void **state)
{
    uint64_t index = 0, size = 64 * units_page_size();
    int kick = eventfd(0, 0);
    char byte = 'x';

    arena_fd = fd_memfd("arena", size);
    begin(false);
    negotiate();
    assert_int_equal(pwrite(arena_fd, &byte, 1, (off_t)size - 1), 1);
    tell(VHOST_USER_SET_VRING_KICK, &index, sizeof(index), kick);
    assert_int_equal(answered(VHOST_USER_SET_VRING_KICK), 0);
    assert_int_equal(pread(arena_fd, &byte, 1, (off_t)size - 1), 1);
    assert_int_equal(byte, 0);
    byte = 'x';
    assert_int_equal(pwrite(arena_fd, &byte, 1, 0), 1);
    tell(VHOST_USER_RESET_DEVICE, NULL, 0, -1);
    assert_int_equal(answered(VHOST_USER_RESET_DEVICE), 0);
    assert_int_equal(pread(arena_fd, &byte, 1, 0), 1);
    assert_int_equal(byte, 0);
    close(kick);
    finish_peer();
    fd_close(&arena_fd);
}

/* The descriptor that GET_SHARED_OBJECT brings, or -1. */
static int get_object(const uint8_t *uuid, uint32_t size)
{
    uint8_t bytes[VHOST_USER_HEADER_SIZE + 16];
    struct vhost_user_header header;
    struct fd_list fds = {0};

    tell(VHOST_USER_GET_SHARED_OBJECT, uuid, size, -1);
    assert_int_equal(fd_receive(front, bytes, sizeof(bytes), &fds), sizeof(bytes));
    memcpy(&header, bytes, sizeof(header));
    assert_int_equal(header.request, VHOST_USER_GET_SHARED_OBJECT);
    assert_int_equal(header.flags, VHOST_USER_VERSION | VHOST_USER_FLAG_REPLY);
    assert_int_equal(closed_count, 0);
    return fds.count > 0 ? fds.fds[0] : -1;
}

static void gives_what_is_shared(void **state)
{
    const uint8_t mine[16] = "mine", other[16] = "other";
    int fd = fd_memfd("object", units_page_size());
    int got;

    begin(true);
    negotiate();
    start_ring();
    worker_says(LINK_OBJECT_ADD, mine, 0, fd_duplicate(fd));
    worker_says(LINK_OBJECT_ADD, mine, 0, fd_duplicate(front)); /* the first counts */
    peer_run(&peer, loop);
    assert_int_equal(peer.adds, 1);
    got = get_object(mine, 16);
    assert_true(fd_same_file(got, fd));
    close(got);
    assert_int_equal(get_object(other, 16), -1);
    /* QEMU 11.1 does not say which. */
    assert_int_equal(get_object(mine, 0), -1);
    assert_int_equal(get_object(mine, 15), -1);
    worker_says(LINK_OBJECT_REMOVE, mine, 0, -1);
    assert_int_equal(get_object(mine, 16), -1);
    peer_run(&peer, loop);
    assert_int_equal(peer.objects, 0);
    close(fd);
    finish_peer();
}

/* A reset and another driver each end what was shared; the worker's death does not. */
static void nothing_is_shared_for_longer_than_it_is(void **state)
{
    const uint8_t mine[16] = "mine";
    struct vhost_user_vring_state ring = {0, 0};
    int got;

    begin(true);
    negotiate();
    for (unsigned how = 0; how < 3; how++) {
        start_ring();
        worker_says(LINK_OBJECT_ADD, mine, 0, fd_memfd("object", units_page_size()));
        peer_run(&peer, loop);
        assert_int_equal(peer.objects, 1);
        if (how == 2) {
            conversation_worker_died(&session);
            got = get_object(mine, 16);
            assert_true(got >= 0);
            close(got);
            peer_run(&peer, loop);
            assert_int_equal(peer.objects, 1);
            break;
        }
        tell(how == 0 ? VHOST_USER_GET_VRING_BASE : VHOST_USER_RESET_DEVICE, &ring,
             how == 0 ? sizeof(ring) : 0, -1);
        conversation_worker_ack(&session, told(how == 0 ? LINK_RING_STOP : LINK_RESET), 0, 0);
        assert_int_equal(answered(how == 0 ? VHOST_USER_GET_VRING_BASE : VHOST_USER_RESET_DEVICE),
                         0);
        assert_int_equal(peer.objects, 1); /* not while the rings are stopped */
        start_ring();
        assert_int_equal(peer.objects, 0);
        assert_int_equal(session.objects.count, 0);
        tell(VHOST_USER_GET_VRING_BASE, &ring, sizeof(ring), -1);
        conversation_worker_ack(&session, told(LINK_RING_STOP), 0, 0);
        assert_int_equal(answered(VHOST_USER_GET_VRING_BASE), 0);
    }
    finish_peer();
}

/* The next message that the worker gets, with its descriptor. */
static int told_fd(uint32_t type, struct link_message *m)
{
    struct fd_list fds = {0};

    do {
        fd_list_finish(&fds);
        assert_true(fd_receive(worker, m, sizeof(*m), &fds) > 0);
    } while (m->type != type);
    return fds.count > 0 ? fds.fds[0] : -1;
}

static void finds_what_others_share(void **state)
{
    const uint8_t theirs[16] = "theirs";
    struct link_message m;
    int fd = fd_memfd("object", units_page_size());
    int got;

    begin(true);
    negotiate();
    start_ring();
    peer.found = fd;
    worker_says(LINK_OBJECT_LOOKUP, theirs, 31, -1);
    peer_run(&peer, loop);
    got = told_fd(LINK_OBJECT_FOUND, &m);
    assert_true(fd_same_file(got, fd));
    assert_int_equal(m.object.ticket, 31);
    assert_int_equal(m.object.result, 0);
    close(got);
    peer.found = -1;
    worker_says(LINK_OBJECT_LOOKUP, theirs, 32, -1);
    peer_run(&peer, loop);
    assert_int_equal(told_fd(LINK_OBJECT_FOUND, &m), -1);
    assert_int_equal(m.object.ticket, 32);
    assert_int_equal(m.object.result, -ENOENT);
    close(fd);
    finish_peer();
}

/* The worker gets the front-end's display socket, and so does the next. */
static void a_display_is_for_every_worker(void **state)
{
    struct link_message m;
    int fd = fd_memfd("display", units_page_size());
    int got;

    begin(false);
    tell(VHOST_USER_GPU_SET_SOCKET, NULL, 0, fd); /* there is no worker yet */
    for (unsigned i = 0; i < 2; i++) {
        keeper.ready = true;
        conversation_worker_ready(&session);
        got = told_fd(LINK_DISPLAY, &m);
        assert_true(fd_same_file(got, fd));
        close(got);
    }
    close(fd);
    fd = fd_memfd("another", units_page_size());
    tell(VHOST_USER_GPU_SET_SOCKET, NULL, 0, fd);
    got = told_fd(LINK_DISPLAY, &m);
    assert_true(fd_same_file(got, fd));
    close(got);
    close(fd);
    end();
}

static void who_breaks_the_protocol_is_left(void **state)
{
    begin(false);
    tell_u64(VHOST_USER_GET_FEATURES, 0); /* has no payload */
    assert_int_equal(closed_count, 1);
    tell_u64(VHOST_USER_SET_FEATURES, 0); /* nobody listens any more */
    assert_int_equal(session.features, 0);
    assert_int_equal(closed_count, 1);
    end();
}

/* Guest memory of which nothing was written, or in which a queue does not lie, is none that the
 * guest shares. */
static void knows_what_the_front_end_has(void **state)
{
    const uint64_t user = UINT64_C(0x7f0000000000), size = UINT64_C(1) << 20;
    struct vhost_user_mem_table table = {.count = 1,
                                         .regions = {{.gpa = 0, .size = size, .user = user}}};
    struct vhost_user_vring_addr addr = {.desc = user, .avail = user + 4096, .used = user + 8192};
    struct diagnosis_facts f;
    int fd = fd_memfd("ram", size);

    begin(false);
    session_diagnosis_facts(&session, &f);
    assert_int_equal(f.stage, DIAGNOSIS_BEGUN);
    assert_false(f.channel);
    negotiate();
    tell(VHOST_USER_SET_MEM_TABLE, &table, 8 + sizeof(table.regions[0]), fd);
    session_diagnosis_facts(&session, &f);
    assert_int_equal(f.stage, DIAGNOSIS_ASKED);
    assert_true(f.channel && f.window_usable && f.outside && f.memory_empty);
    assert_int_equal(f.regions, 1);
    assert_true(f.bytes == size);
    assert_int_equal(f.queues, 2);
    assert_int_equal(f.sizes[0], 64);
    tell(VHOST_USER_SET_VRING_ADDR, &addr, sizeof(addr), -1);
    assert_int_equal(pwrite(fd, "x", 1, 0), 1);
    session_diagnosis_facts(&session, &f);
    assert_false(f.outside || f.memory_empty);
    addr.used = user + size;
    tell(VHOST_USER_SET_VRING_ADDR, &addr, sizeof(addr), -1);
    session_diagnosis_facts(&session, &f);
    assert_true(f.outside);
    close(fd);
    finish_peer();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(an_answer_that_nobody_awaits_is_no_answer),
        FD_TEST(a_death_lets_a_knock_in),
        FD_TEST(the_end_of_a_worker_is_waited_for),
        FD_TEST(a_new_worker_goes_on_where_the_last_one_was),
        FD_TEST(without_a_worker_the_front_end_is_served),
        FD_TEST(the_next_driver_sees_nothing_of_a_dead_worker),
        FD_TEST(gives_what_is_shared),
        FD_TEST(nothing_is_shared_for_longer_than_it_is),
        FD_TEST(finds_what_others_share),
        FD_TEST(a_display_is_for_every_worker),
        FD_TEST(who_breaks_the_protocol_is_left),
        FD_TEST(knows_what_the_front_end_has),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

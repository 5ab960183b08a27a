/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_TWO_DOORS_H
#define TESTS_UNIT_TWO_DOORS_H

/*
 * Two doors in one process, for upgrades: the old one has a session with something of everything,
 * the new one has nobody. Their starters are the test, which starts nothing.
 */
#include "fd_count.h"

#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "door/conversation.h"
#include "door/door.h"
#include "door/handlers.h"
#include "door/parcel.h"
#include "door/unpack.h"

#define TWO_DOORS_WINDOW (UINT64_C(1) << 20)
#define TWO_DOORS_PAGE UINT64_C(4096)
#define TWO_DOORS_SHELF 70u /* more than one batch */
#define TWO_DOORS_FEATURES (UINT64_C(1) << 32)

static sd_event *loop;
static struct door old, new;
static int old_starter, new_starter; /* the other ends of their lines */
static int front_end[2], channel_end;

static inline void no_status(void *data, const char *text)
{
}

static inline void no_news(void *data)
{
}

static inline bool nobody_asks(void *data)
{
    return false;
}

static inline void take_control(void *data, int fd)
{
    fd_close(&fd);
}

static const struct door_handler two_doors_handler = {no_status, no_news, no_news, nobody_asks,
                                                      take_control};

static inline struct link_hello two_doors_facts(void)
{
    return (struct link_hello){
        .features = TWO_DOORS_FEATURES, .queues = 2, .shmid = 1, .config_size = 16};
}

static inline void make_door(struct door *door, bool arena, int *starter)
{
    const struct door_options options = {.program = "hostblob-test",
                                         .window_size = TWO_DOORS_WINDOW,
                                         .answer_limit_us = 5000000,
                                         .arena = arena,
                                         .starter_fd = -1};
    struct door_options with = options;
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    with.starter_fd = pair[0];
    *starter = pair[1];
    assert_int_equal(door_init(door, loop, &with, &two_doors_handler, NULL), 0);
    door->known = true;
    door->facts = two_doors_facts();
}

static inline int listening_socket(void)
{
    const struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    assert_true(fd >= 0);
    /* The kernel finds a name. */
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(sa_family_t)), 0);
    assert_int_equal(listen(fd, 1), 0);
    return fd;
}

static inline void fill_rings(struct session *s)
{
    for (unsigned i = 0; i < 2; i++) {
        struct ring *ring = &s->rings[i];

        ring->size = 64u << i;
        ring->base = (uint16_t)(60000 + i);
        ring->has_addresses = ring->started = true;
        ring->enabled = i == 0;
        ring->desc = 0x1000 + i;
        ring->avail = 0x2000 + i;
        ring->used = 0x3000 + i;
        ring->kick = eventfd(0, EFD_CLOEXEC);
        ring->call = eventfd(0, EFD_CLOEXEC);
        ring->err = i == 0 ? -1 : eventfd(0, EFD_CLOEXEC);
    }
}

static inline void fill_memory(struct session *s)
{
    for (unsigned i = 0; i < 3; i++) {
        const struct vhost_user_region region = {
            .gpa = i << 20, .size = TWO_DOORS_PAGE, .user = (7 + i) << 20, .mmap_offset = 0};
        struct fd_list fds = {.count = 1, .fds = {fd_memfd("ram", TWO_DOORS_PAGE)}};

        assert_int_equal(front_memory_add(&s->memory, &region, &fds), 0);
        fd_list_finish(&fds);
    }
}

static inline void fill_window(struct session *s)
{
    for (unsigned i = 0; i < 4; i++) {
        const struct shm_wish wish = {
            .offset = i * 2 * TWO_DOORS_PAGE, .size = TWO_DOORS_PAGE, .id = 50 + i};
        struct shm_mapping *m;

        assert_int_equal(
            shm_ledger_ask(&s->window.ledger, &wish, fd_memfd("blob", TWO_DOORS_PAGE), &m), 0);
        shm_ledger_mapped(m);
        m->told = true;
        m->bequeathed = i < 2;
        m->orphan = i >= 2;
        if (i == 3) { /* to be taken out, and could not be */
            shm_ledger_leaving(m, 0);
            m->doubtful = true;
        }
    }
    s->window.state = GUEST_WINDOW_OPEN;
    s->window.writable = true;
    s->news = GUEST_WINDOW_IS_OPEN;
}

static inline void fill_objects(struct session *s)
{
    for (uint8_t i = 0; i < 3; i++) {
        struct shared_object_state state = {.uuid = {i, 1},
                                            .fd = i == 2 ? -1 : fd_memfd("object", 4096),
                                            .told = i != 1,
                                            .refused = i == 1};

        assert_int_equal(shared_objects_adopt(&s->objects, &state), 0);
    }
}

static inline void fill_shelf(struct door *door)
{
    for (uint64_t i = 1; i <= TWO_DOORS_SHELF; i++) {
        const struct link_message put = {.type = LINK_SHELF_PUT, .shelf_key.key = i * 3};
        struct fd_list fds = {.count = 1, .fds = {fd_memfd("shelf", 4096)}};

        door_shelf_take(&door->shelf, &put, &fds);
        fd_list_finish(&fds);
    }
}

static inline void fill_session(void)
{
    struct session_lent lent;
    struct session *s = calloc(1, sizeof(*s));
    int pair[2];

    assert_non_null(s);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, front_end), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    channel_end = pair[1];
    old.session = s;
    door_lend(&old, &lent);
    assert_int_equal(conversation_begin(s, &lent, front_end[0], door_session_closed, &old), 0);
    s->features = TWO_DOORS_FEATURES;
    handlers_take_protocol_features(s, handlers_protocol_features(false));
    assert_int_equal(back_channel_attach(&s->window.channel, pair[0]), 0);
    s->display_fd = eventfd(0, EFD_CLOEXEC);
    fill_rings(s);
    fill_memory(s);
    if (old.arena_fd < 0)
        fill_window(s);
    fill_objects(s);
}

/* Both doors, and the old one's session. */
static inline void two_doors_begin(bool arena)
{
    assert_true(sd_event_new(&loop) >= 0);
    make_door(&old, arena, &old_starter);
    make_door(&new, arena, &new_starter);
    new.take_over.state = TAKE_OVER_TAKES; /* what it has is another's still */
    old.listen_fd = listening_socket();
    fill_session();
    fill_shelf(&old);
}

static inline void two_doors_end(void)
{
    door_finish(&new);
    door_finish(&old);
    fd_close(&old_starter);
    fd_close(&new_starter);
    fd_close(&front_end[1]);
    fd_close(&channel_end);
    loop = sd_event_unref(loop);
}

#endif

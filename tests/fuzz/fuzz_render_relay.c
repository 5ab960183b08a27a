/* SPDX-License-Identifier: MIT */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../unit/back_end_peer.h"
#include "gpu/render_relay.h"
#include "protocol/cursor.h"

/*
 * The relay between the library and its render server, with strangers in the places of both: what
 * has run a guest's commands may say anything. Whatever comes: the library gets an answer of the
 * right form to each question, once and in its turn, and none that it did not ask for; and in the
 * end no descriptor is left.
 */
#define STEPS 200u

static struct {
    sd_event *loop;
    struct render_relay relay;
    int library, server;      /* the strangers' ends; owned; -1 */
    unsigned asked, answered; /* by this library, to it */
    uint8_t soon;
} f;

/* ---- what the relay tells ---- */

static void on_created(void *data, uint32_t ctx_id)
{
    PEER_MUST(f.relay.create.ctx_id == ctx_id);
}

static void on_destroyed(void *data, uint32_t ctx_id)
{
}

static void on_reset(void *data)
{
}

static void on_server_gone(void *data)
{
    fd_close(&f.server);
    render_relay_drop_server(&f.relay, f.soon++ % 2);
}

static void on_library_gone(void *data)
{
    PEER_MUST(f.relay.library_fd < 0);
    fd_close(&f.library);
}

static const struct render_relay_handler handler = {on_created, on_destroyed, on_reset,
                                                    on_server_gone, on_library_gone};

/* ---- the strangers ---- */

static int a_line(int *end)
{
    int pair[2];

    PEER_MUST(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
    fd_close(end);
    *end = pair[0];
    return pair[1];
}

/* Returns whether there was room for it. */
static bool send_packet(int fd, const void *bytes, size_t size, unsigned count)
{
    int fds[FD_LIST_MAX];
    ssize_t n = -1;

    for (unsigned i = 0; i < count; i++)
        fds[i] = eventfd(0, EFD_CLOEXEC);
    if (fd >= 0)
        n = fd_send(fd, bytes, size, fds, count);
    for (unsigned i = 0; i < count; i++)
        fd_close(&fds[i]);
    return n == (ssize_t)size;
}

/* Another one, which has asked nothing yet. */
static void library_comes(void)
{
    f.asked = f.answered = 0;
    PEER_MUST(render_relay_set_library(&f.relay, a_line(&f.library)) == 0);
}

static void library_says(struct reader *r)
{
    static const uint32_t sizes[] = {4, 8, 4, 40, 8};
    struct render_wire_create_context m = {.op = reader_u8(r) % 6};
    uint8_t choice = reader_u8(r), bytes[300] = {0};
    size_t size = m.op < 5 ? sizes[m.op] : choice;

    m.ctx_id = choice % 4;
    memcpy(bytes, &m, sizeof(m));
    if (choice >= 240)
        size = reader_u8(r) + (choice % 2 ? 45u : 0u);
    if (send_packet(f.library, bytes, size, choice % 16 == 15 ? reader_u8(r) % 33 : 0))
        f.asked += m.op == RENDER_WIRE_CREATE_CONTEXT && size == sizeof(m);
}

static void server_says(struct reader *r)
{
    uint8_t bytes[300] = {reader_u8(r) % 2};
    uint8_t choice = reader_u8(r);
    size_t size = 1;
    unsigned count = bytes[0];

    if (choice >= 224) {
        bytes[0] = choice;
        size = reader_u8(r);
        count = reader_u8(r) % (FD_LIST_MAX + 1);
    }
    send_packet(f.server, bytes, size, count);
}

/* An answer is one to a question. */
static void library_hears(void)
{
    uint8_t bytes[300];
    struct fd_list fds = {0};
    ssize_t n;

    while (f.library >= 0 && (n = fd_receive(f.library, bytes, sizeof(bytes), &fds)) > 0) {
        PEER_MUST(n == 1 && bytes[0] <= 1 && fds.count == bytes[0]);
        PEER_MUST(++f.answered <= f.asked);
        fd_list_finish(&fds);
    }
}

static void server_hears(void)
{
    uint8_t bytes[300];
    struct fd_list fds = {0};

    while (f.server >= 0 && fd_receive(f.server, bytes, sizeof(bytes), &fds) > 0)
        fd_list_finish(&fds);
}

static void turns(void)
{
    for (unsigned i = 0; i < 100 && sd_event_run(f.loop, 0) > 0; i++)
        ;
    library_hears();
}

static void step(struct reader *r)
{
    uint8_t choice = reader_u8(r);

    if (choice < 100)
        library_says(r);
    else if (choice < 180)
        server_says(r);
    else if (choice < 190)
        fd_close(&f.server);
    else if (choice < 200)
        PEER_MUST(render_relay_set_server(&f.relay, a_line(&f.server)) == 0);
    else if (choice < 208)
        render_relay_drop_server(&f.relay, choice % 2);
    else if (choice < 212)
        fd_close(&f.library);
    else if (choice < 216)
        library_comes();
    else if (choice < 240)
        server_hears();
    if (choice % 4 != 3)
        turns();
}

/* ---- life ---- */

static void begin(uint8_t setup)
{
    memset(&f, 0, sizeof(f));
    f.library = f.server = -1;
    PEER_MUST(sd_event_new(&f.loop) >= 0);
    render_relay_init(&f.relay, f.loop, &handler, NULL);
    library_comes();
    if (setup % 4 != 0)
        PEER_MUST(render_relay_set_server(&f.relay, a_line(&f.server)) == 0);
}

/* Nothing that was asked stays without an answer. */
static void end(void)
{
    turns();
    render_relay_drop_server(&f.relay, false);
    for (unsigned i = 0; i < 4; i++)
        turns();
    PEER_MUST(f.library < 0 || f.answered == f.asked);
    render_relay_finish(&f.relay);
    fd_close(&f.library);
    fd_close(&f.server);
    sd_event_unref(f.loop);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned fds = peer_open_fds();
    struct reader r;

    reader_init(&r, data, size);
    begin(reader_u8(&r));
    for (unsigned i = 0; i < STEPS && r.left > 0; i++)
        step(&r);
    end();
    PEER_MUST(peer_open_fds() == fds);
    return 0;
}

/* Mostly with a server. */
void fuzz_shape(uint8_t *data, size_t size, uint64_t (*next)(void))
{
    data[0] = (uint8_t)next();
}

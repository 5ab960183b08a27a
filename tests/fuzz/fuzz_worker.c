/* SPDX-License-Identifier: MIT */
#include <signal.h>

#include <linux/virtio_ring.h>

#include "fuzz.h"
#include "stranger_state.h"

#include "base/log.h"
/* For what it keeps to itself: how it begins and ends without its process. */
#include "../../src/worker/worker.c"

/*
 * A worker whose door has gone over to a stranger: memory of any kind and in any place, rings that
 * lie anywhere, answers to questions that nobody asked, a journal and a shelf that no worker left.
 * Whatever comes: what the worker says keeps to the table, it ends its loop or goes on, and in the
 * end no descriptor is left.
 */
#define STEPS 120u
#define RAM 0x4000u
#define RAM_USER 0x10000000u
#define RING 8u /* entries */
#define WINDOW (STATE_PAGES * units_page_size())

static struct {
    struct worker worker;
    int door; /* our end of the link; owned */
    int ram;  /* the guest's memory; owned */
    uint8_t calls;
    unsigned lookups;
} f;

/* Nobody reads it (--wrap). */
void __wrap_log_write(enum log_level level, const char *file, int line, const char *format, ...);
void __wrap_log_write(enum log_level level, const char *file, int line, const char *format, ...)
{
}

/* ---- a device that does a little of everything ---- */

static void fake_facts(struct device *device, struct device_facts *facts)
{
    *facts = (struct device_facts){.queues = 2, .shmid = 1, .config_size = 16};
}

static void fake_reset(struct device *device)
{
}

static void on_found(void *data, int fd)
{
    PEER_MUST(f.lookups > 0);
    f.lookups--;
    fd_close(&fd);
}

static void share(struct device_host *host, uint8_t what)
{
    const uint8_t uuid[16] = {what % 4};

    if (what % 3 == 0)
        f.lookups += host->lookup_object(host, uuid, on_found, NULL) == 0;
    else if (what % 3 == 1)
        host->share_object(host, uuid, f.ram);
    else
        host->unshare_object(host, uuid);
}

static void fake_ready(struct device *device, unsigned index)
{
    struct virtqueue *queue = &device->host->queues[index];
    struct chain *chain;
    uint8_t bytes[64];

    for (unsigned i = 0; i < 2 * RING && (chain = virtqueue_pop(queue)) != NULL; i++) {
        size_t got = chain_read(chain, device->host->memory, 0, bytes, sizeof(bytes));

        PEER_MUST(got <= sizeof(bytes) && got <= chain->readable_size);
        if (got > 0)
            share(device->host, bytes[0]);
        chain_write(chain, device->host->memory, 0, bytes, sizeof(bytes));
        virtqueue_push(queue, chain, 1);
    }
    device->host->call(device->host, index);
}

static void fake_features(struct device *device, uint64_t features)
{
}

static void fake_config(struct device *device, uint32_t offset, const void *bytes, uint32_t size)
{
    PEER_MUST(offset <= DEVICE_MAX_CONFIG && size <= DEVICE_MAX_CONFIG - offset);
    device->host->config_changed(device->host, bytes, size);
}

static void fake_display(struct device *device, int fd)
{
    fd_close(&fd);
}

static void fake_command(struct device *device, const char *line, int fd, device_answer *answer,
                         void *data)
{
    PEER_MUST(strlen(line) < LINK_MAX_LINE);
    fd_close(&fd);
    answer(data, 0, line);
}

static void fake_destroy(struct device *device)
{
}

static const struct device_impl impl = {"fake",       fake_facts,    fake_reset,  fake_reset,
                                        fake_ready,   fake_features, fake_config, fake_display,
                                        fake_command, fake_destroy};

static struct device *fake_create(struct device_host *host, const void *options)
{
    static struct device device = {.impl = &impl};

    device.host = host;
    return &device;
}

/* ---- the stranger ---- */

static void send_message(const struct link_message *m, uint32_t size, int *fds, unsigned count)
{
    fd_send_now(f.door, m, size, fds, count);
    for (unsigned i = 0; i < count; i++)
        fd_close(&fds[i]);
}

static uint64_t place(struct reader *r, uint64_t usual)
{
    uint8_t choice = reader_u8(r);

    return choice < 240 ? usual : state_number(r) + (choice % 2 ? RAM_USER : 0);
}

static void say_memory(struct reader *r)
{
    struct link_message m = {.type = LINK_MEM_TABLE};
    struct state_ends ends = {-1, -1};
    int fds[FD_LIST_MAX];
    uint8_t choice = reader_u8(r);
    unsigned count = choice % 4;

    for (unsigned i = 0; i < count; i++) {
        m.mem_table.regions[i] = (struct link_region){place(r, i * RAM), place(r, RAM),
                                                      place(r, RAM_USER + i * RAM), place(r, 0)};
        fds[i] = choice < 224 ? dup(f.ram) : state_odd_fd(r, &ends);
    }
    m.mem_table.count = choice % 16 == 15 ? choice : count;
    send_message(&m, link_size(m.type), fds, count);
    fd_close(&ends.back);
}

static void say_start(struct reader *r)
{
    struct link_message m = {.type = LINK_RING_START, .serial = 1};
    uint8_t choice = reader_u8(r);
    struct state_ends ends = {-1, -1};
    int fds[2];
    unsigned count = 0;

    m.ring_start = (struct link_ring_start){
        .index = choice % 3,
        .size = (uint32_t)place(r, RING),
        .base = choice / 4 % 2,
        .flags = reader_u8(r) % 16,
        .desc = place(r, RAM_USER),
        .avail = place(r, RAM_USER + 0x1000),
        .used = place(r, RAM_USER + 0x2000),
    };
    for (unsigned i = 0; i < 2; i++)
        if (m.ring_start.flags & 1u << i)
            fds[count++] = choice < 224 ? eventfd(1, EFD_CLOEXEC) : state_odd_fd(r, &ends);
    if (choice % 16 == 15 && count > 0)
        fd_close(&fds[--count]);
    send_message(&m, link_size(m.type), fds, count);
    fd_close(&ends.back);
}

/* Any other; mostly of the right form. */
static void say(struct reader *r)
{
    struct link_message m = {.type = 1 + reader_u8(r) % (LINK_SHELF_GIVE + 1u)};
    const struct link_rule *rule = link_rule(m.type);
    uint8_t choice = reader_u8(r);
    uint32_t size = choice < 248 ? link_size(m.type) : reader_u8(r);
    unsigned count = rule->min_fds + (choice % 2 ? rule->max_fds > rule->min_fds : 0);
    int fds[FD_LIST_MAX];

    m.serial = reader_u8(r) % 4;
    reader_get(r, &m.ring, choice / 16);
    if (m.type == LINK_SHELF_GIVE)
        m.shelf.count = count;
    for (unsigned i = 0; i < count; i++)
        fds[i] = fd_memfd("any", units_page_size());
    send_message(&m, size, fds, count);
}

/* What it is left on the shelf, which it waits for as it begins: batches, and their end. */
static void leave_shelf(struct reader *r)
{
    struct link_message m = {.type = LINK_SHELF_GIVE};
    struct link_message end = m;
    int fds[FD_LIST_MAX];

    for (unsigned batches = reader_u8(r) % 4; batches > 0; batches--) {
        m.shelf.count = 1 + reader_u8(r) % 4;
        for (unsigned i = 0; i < m.shelf.count; i++) {
            m.shelf.keys[i] = state_number(r);
            fds[i] = fd_memfd("shelf", units_page_size());
        }
        send_message(&m, link_size(m.type), fds, m.shelf.count);
    }
    send_message(&end, link_size(end.type), NULL, 0);
}

static void hear(void)
{
    struct link_message m;
    struct fd_list fds = {0};
    ssize_t n;

    while ((n = fd_receive_now(f.door, &m, sizeof(m), &fds)) > 0) {
        PEER_MUST(link_check(&m, (uint32_t)n, fds.count, LINK_WORKER) == NULL);
        fd_list_finish(&fds);
    }
}

/* ---- life ---- */

/* What the driver has written: descriptors, and which of them are requests. */
static void fill_ram(struct reader *r)
{
    uint8_t bytes[RAM] = {0};
    struct vring_desc desc[RING];
    uint16_t avail[2 + RING] = {0, reader_u8(r) % (RING + 1)};

    for (unsigned i = 0; i < RING; i++) {
        uint8_t choice = reader_u8(r);

        desc[i] = (struct vring_desc){.addr = 0x3000u + choice % 16 * 64u,
                                      .len = choice / 4,
                                      .flags = choice % 4,
                                      .next = (uint16_t)(i + 1)};
        if (choice >= 250)
            reader_get(r, &desc[i], sizeof(desc[i]));
        avail[2 + i] = i;
    }
    memcpy(bytes, desc, sizeof(desc));
    memcpy(bytes + 0x1000, avail, sizeof(avail));
    reader_get(r, bytes + 0x3000, 16);
    f.ram = fd_memfd("ram", RAM);
    PEER_MUST(f.ram >= 0 && pwrite(f.ram, bytes, sizeof(bytes), 0) == sizeof(bytes));
}

static void turns(void)
{
    for (unsigned i = 0; i < 50; i++)
        if (sd_event_get_state(f.worker.loop) == SD_EVENT_FINISHED ||
            worker_poll_turn(&f.worker, 0) <= 0)
            break;
    hear();
}

static void step(struct reader *r)
{
    uint8_t choice = reader_u8(r);

    if (choice < 60)
        say_memory(r);
    else if (choice < 130)
        say_start(r);
    else
        say(r);
    if (choice % 8 != 7)
        turns();
}

static void begin(struct reader *r, struct worker_options *options)
{
    struct journal journal;
    uint8_t setup = reader_u8(r);
    int pair[2];

    memset(&f, 0, sizeof(f));
    PEER_MUST(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
    f.door = pair[0];
    PEER_MUST(journal_create(&journal) == 0);
    if (setup & 1)
        state_damage(&journal, r);
    options->link_fd = pair[1];
    options->journal_fd = dup(journal.fd);
    options->arena_fd = setup & 2 ? fd_memfd("arena", WINDOW) : -1;
    options->exporter = setup & 2 ? EXPORTER_ARENA : EXPORTER_MEMFD;
    options->window_size = WINDOW;
    options->poll_us = setup & 4 ? 1000 : 0;
    journal_finish(&journal);
    fill_ram(r);
    leave_shelf(r);
}

/* As the process would, which ends: it fails with the journal or the shelf, if at all. */
static void give_up(struct worker_options *options)
{
    worker_shelf_finish(&f.worker.shelf);
    journal_finish(&f.worker.journal);
    sd_event_unref(f.worker.loop);
    fd_close(&f.worker.link_fd);
    fd_close(&options->arena_fd);
}

/* A stranger says this and that, for as long as he is listened to. */
static void visit(struct reader *r, const struct worker_options *options)
{
    worker_say_hello(&f.worker);
    turns();
    for (unsigned i = 0; i < STEPS && r->left > 0; i++)
        if (sd_event_get_state(f.worker.loop) != SD_EVENT_FINISHED)
            step(r);
    worker_finish(&f.worker, options);
}

static void end(void)
{
    fd_close(&f.door);
    fd_close(&f.ram);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct quota_row no_quotas[] = {{.name = NULL}};
    static const uint64_t no_limits[1];
    struct worker_options options = {
        .create = fake_create, .quotas = no_quotas, .limits = no_limits};
    struct reader r;
    unsigned fds;
    int wake;

    signal(SIGPIPE, SIG_IGN);                /* as the starter has it, and a worker inherits it */
    PEER_MUST(guest_fault_init(&wake) == 0); /* which stays open */
    fds = peer_open_fds();
    reader_init(&r, data, size);
    begin(&r, &options);
    if (worker_init(&f.worker, &options) < 0)
        give_up(&options);
    else
        visit(&r, &options);
    end();
    PEER_MUST(peer_open_fds() == fds);
    return 0;
}

/* Mostly a journal as it should be. */
void fuzz_shape(uint8_t *data, size_t size, uint64_t (*next)(void))
{
    data[0] = (uint8_t)(next() % 4 == 0 ? next() : next() % 4 * 2);
}

/* SPDX-License-Identifier: MIT */
#include "media_driver.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define COMMAND_LIMIT_NS 5000000000ull
#define DMA_SIZE ((size_t)1 << 20)
#define FAULTS_SHOWN 20

volatile sig_atomic_t media_driver_stop;

uint64_t media_driver_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

void media_driver_fault(struct media_driver *driver, const char *format, ...)
{
    va_list args;

    if (driver->faults++ >= FAULTS_SHOWN)
        return;
    printf("@@ fault=");
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
    fflush(stdout);
}

static int start(struct media_driver *driver, const struct media_driver_options *options)
{
    struct media_dma *dma = &driver->dma;
    int rc = media_pci_negotiate(&driver->pci, options->features);

    if (!rc)
        rc = media_dma_init(dma, DMA_SIZE, !options->small_pages);
    if (rc)
        return rc;
    driver->shm = media_pci_find_shm(&driver->pci, VIRTIO_MEDIA_SHMID);
    driver->request = media_dma_alloc(dma, 64, 64);
    driver->answer = media_dma_alloc(dma, 64, 64);
    driver->payload = media_dma_alloc(dma, MEDIA_RPC_PAYLOAD, 64);
    rc = media_ring_init(&driver->commands, &driver->pci, dma, VIRTIO_MEDIA_COMMANDQ);
    if (!rc)
        rc = media_ring_init(&driver->events, &driver->pci, dma, VIRTIO_MEDIA_EVENTQ);
    if (!rc)
        rc = media_driver_post_events(driver);
    if (!rc)
        rc = media_pci_driver_ok(&driver->pci);
    if (!rc)
        media_ring_kick(&driver->events);
    return rc;
}

int media_driver_init(struct media_driver *driver, const struct media_driver_options *options)
{
    int rc;

    memset(driver, 0, sizeof(*driver));
    for (unsigned i = 0; i < MEDIA_DRIVER_CLIENTS; i++)
        driver->peers[i].fd = -1;
    driver->event_count = options->event_buffers;
    rc = media_pci_open(&driver->pci, options->virtio_id);
    if (rc) {
        fprintf(stderr, "media: no device with virtio id %u can be used: %s\n", options->virtio_id,
                strerror(-rc));
        return rc;
    }
    rc = start(driver, options);
    if (rc) {
        fprintf(stderr, "media: the device with virtio id %u does not start: %s\n",
                options->virtio_id, strerror(-rc));
        media_pci_close(&driver->pci);
        media_dma_finish(&driver->dma);
    }
    return rc;
}

int media_driver_finish(struct media_driver *driver)
{
    int rc = media_dma_check(&driver->dma);

    if (rc)
        fprintf(stderr, "media: the kernel moved memory that the device uses\n");
    media_pci_close(&driver->pci);
    media_dma_finish(&driver->dma);
    for (unsigned i = 0; i < MEDIA_DRIVER_CLIENTS; i++)
        if (driver->peers[i].fd >= 0)
            close(driver->peers[i].fd);
    return rc;
}

/* Adds 'size' bytes at 'at', in pieces of 'step' bytes (0: whole). */
static unsigned add_pieces(struct media_piece *pieces, unsigned count, void *at, uint32_t size,
                           bool write, uint32_t step)
{
    for (uint32_t done = 0; done < size;) {
        uint32_t n = step && size - done > step ? step : size - done;

        pieces[count].at = (uint8_t *)at + done;
        pieces[count].size = n;
        pieces[count].write = write;
        count++;
        done += n;
    }
    return count;
}

/* Short sleeps leave the processor to the other end, which may share it under emulation. */
static int wait_for_answer(struct media_driver *driver, struct media_done *done)
{
    uint64_t from = media_driver_now(), took;

    for (;;) {
        int rc = media_ring_take(&driver->commands, done);

        took = media_driver_now() - from;
        if (rc) {
            if (took > driver->slowest)
                driver->slowest = took;
            return rc < 0 ? rc : 0;
        }
        if (took > COMMAND_LIMIT_NS)
            return -ETIMEDOUT;
        usleep(took < 2000000 ? 20 : 200);
    }
}

int media_driver_command(struct media_driver *driver, uint32_t head, uint32_t in, uint32_t tail,
                         uint32_t out)
{
    struct media_piece pieces[MEDIA_RING_CHAIN];
    uint32_t number = (uint32_t)driver->command_count++, step = 0;
    struct media_done done;
    unsigned n = 0;
    int rc;

    if (driver->dead)
        return -ETIMEDOUT;
    /* Every form in turn: whole and direct, whole and indirect, in odd little pieces. */
    if (number % 4 == 3)
        step = 12 + (in > out ? in : out) / 24;
    n = add_pieces(pieces, n, driver->request, head, false, step);
    n = add_pieces(pieces, n, driver->payload, in, false, step);
    n = add_pieces(pieces, n, driver->answer, tail, true, step);
    n = add_pieces(pieces, n, driver->payload, out, true, step);
    memset(driver->answer, 0xee, 64);
    rc = media_ring_add(&driver->commands, pieces, n, n > 8 || number % 4 == 2, number);
    if (!rc) {
        media_ring_kick(&driver->commands);
        rc = wait_for_answer(driver, &done);
    }
    if (!rc && done.token != number)
        rc = -EPROTO;
    if (!rc)
        return (int)done.used;
    driver->dead = true;
    media_driver_fault(driver, "command %u (%u+%u bytes, %u pieces) got no good end: %s", number,
                       head, in, n, strerror(-rc));
    return rc;
}

static void answer(struct media_driver *driver, unsigned client, struct media_rpc *rpc)
{
    /* A client that is gone is noticed when its socket is read. */
    if (send(driver->peers[client].fd, rpc, MEDIA_RPC_HEADER + rpc->size, MSG_NOSIGNAL) < 0 &&
        errno != EPIPE && errno != ECONNRESET)
        fprintf(stderr, "media: client %u cannot be answered: %s\n", client, strerror(errno));
}

/* A waiting client gets its frame, or an error when its time is up. */
static void serve_waiting(struct media_driver *driver, unsigned client)
{
    struct media_peer *peer = &driver->peers[client];
    struct media_session *session = media_driver_session(driver, client, peer->session);
    struct media_rpc rpc = {.op = MEDIA_RPC_DQBUF, .session = peer->session};

    if (session && session->count) {
        memcpy(rpc.payload, &session->frames[session->first], sizeof(session->frames[0]));
        rpc.size = sizeof(session->frames[0]);
        session->first = (session->first + 1) % MEDIA_DRIVER_BUFFERS;
        session->count--;
    } else if (!session || driver->dead) {
        rpc.result = -EINVAL;
    } else if (media_driver_now() >= peer->deadline) {
        rpc.result = -ETIMEDOUT;
    } else {
        return;
    }
    peer->waiting = false;
    answer(driver, client, &rpc);
}

static void serve_client(struct media_driver *driver, unsigned client)
{
    struct media_peer *peer = &driver->peers[client];
    struct media_rpc rpc;
    ssize_t n;

    memset(&rpc, 0, sizeof(rpc));
    n = recv(peer->fd, &rpc, sizeof(rpc), 0);
    if (n < (ssize_t)MEDIA_RPC_HEADER || (size_t)n != MEDIA_RPC_HEADER + rpc.size) {
        close(peer->fd);
        peer->fd = -1;
        peer->waiting = false;
        media_driver_bury(driver, client);
        return;
    }
    if (rpc.op == MEDIA_RPC_DQBUF) {
        peer->waiting = true;
        peer->session = rpc.session;
        peer->deadline = media_driver_now() + (uint64_t)rpc.code * 1000000;
        return;
    }
    media_driver_execute(driver, client, &rpc);
    answer(driver, client, &rpc);
}

void media_driver_serve(struct media_driver *driver)
{
    for (;;) {
        struct pollfd fds[MEDIA_DRIVER_CLIENTS];
        unsigned open = 0;

        for (unsigned i = 0; i < MEDIA_DRIVER_CLIENTS; i++) {
            fds[i].fd = driver->peers[i].fd;
            fds[i].events = POLLIN;
            fds[i].revents = 0;
            open += driver->peers[i].fd >= 0;
        }
        if (!open || media_driver_stop)
            return;
        /* Events come without an interrupt: look every millisecond. */
        poll(fds, MEDIA_DRIVER_CLIENTS, 1);
        media_driver_take_events(driver);
        for (unsigned i = 0; i < MEDIA_DRIVER_CLIENTS; i++) {
            if (fds[i].revents)
                serve_client(driver, i);
            if (driver->peers[i].waiting)
                serve_waiting(driver, i);
        }
    }
}

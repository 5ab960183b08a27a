/* SPDX-License-Identifier: MIT */
#include "tests/bench/volley.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "tests/bench/clock.h"

#define TICK_US 100000
#define PATIENCE_MS 8000
#define SPOILT 0xeeeeeeeeu

static bool lean;

static void on_tick(int number)
{
}

void volley_lean(bool on)
{
    /* Without SA_RESTART: read() comes back. A tick that comes just before it is made up for by the
     * next one. */
    struct sigaction action = {.sa_handler = on_tick};
    struct itimerval every = {{0, on ? TICK_US : 0}, {0, on ? TICK_US : 0}};

    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &every, NULL);
    lean = on;
}

void *volley_place(struct volley *volley, unsigned slot, size_t size, uint64_t at, size_t more,
                   size_t space, uint32_t expect)
{
    uint32_t *answer = (uint32_t *)(uintptr_t)driver_queue_answer(volley->queue, slot);

    if (driver_queue_place(volley->queue, slot, size, at, more, space) < 0)
        return NULL;
    volley->expect[slot] = expect;
    *answer = SPOILT;
    return memset(driver_queue_request(volley->queue, slot), 0, size);
}

/* Everything but the ring. */
static int attend(struct volley *volley, int milliseconds)
{
    struct pollfd call = {.fd = volley->queue->call, .events = POLLIN};
    int r;

    if (volley->attend != NULL)
        return volley->attend(volley->data, volley->queue->call, milliseconds);
    r = poll(&call, 1, milliseconds);
    return r > 0 ? 0 : r == 0 ? -ETIMEDOUT : errno == EINTR ? 0 : -errno;
}

/* Sleeps until the device calls. */
static int sleep_lean(struct volley *volley)
{
    int64_t end = clock_ns() + PATIENCE_MS * INT64_C(1000000);
    uint64_t calls;

    while (read(volley->queue->call, &calls, sizeof(calls)) < 0) {
        int r;

        if (errno != EINTR && errno != EAGAIN)
            return -errno;
        r = attend(volley, errno == EAGAIN ? TICK_US / 1000 : 0);
        if (r < 0 && r != -ETIMEDOUT)
            return r;
        if (clock_ns() > end)
            return -ETIMEDOUT;
    }
    return 0;
}

static int sleep_attentive(struct volley *volley)
{
    uint64_t calls;
    int r = attend(volley, PATIENCE_MS);

    if (r < 0)
        return r;
    return read(volley->queue->call, &calls, sizeof(calls)) < 0 && errno != EAGAIN && errno != EINTR
               ? -errno
               : 0;
}

/* Looks at what came back, and makes the slots free. */
static int check(struct volley *volley, unsigned first, unsigned count)
{
    int r = 0;

    for (unsigned slot = first; slot < first + count; slot++) {
        uint32_t *word = (uint32_t *)(uintptr_t)driver_queue_answer(volley->queue, slot);

        if (*word != volley->expect[slot] && r == 0) {
            volley->got = *word;
            r = -EPROTO;
        }
        *word = SPOILT;
        driver_queue_release(volley->queue, slot);
    }
    return volley->queue->violations > 0 ? -EBADMSG : r;
}

int volley_fire(struct volley *volley, unsigned first, unsigned count)
{
    struct driver_queue *queue = volley->queue;
    uint16_t end = (uint16_t)(queue->seen_used + count);

    driver_queue_offer(queue, first, count);
    driver_queue_kick(queue);
    for (;;) {
        int r;

        driver_queue_collect(queue);
        if (queue->seen_used == end)
            return check(volley, first, count);
        if (!driver_queue_arm(queue))
            continue;
        r = lean ? sleep_lean(volley) : sleep_attentive(volley);
        if (r < 0)
            return r;
    }
}

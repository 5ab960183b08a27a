/* SPDX-License-Identifier: MIT */
#include "tests/frontend/frontend.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int frontend_submit(struct frontend *frontend, unsigned ring, const void *request, size_t size,
                    size_t space)
{
    int slot = driver_queue_submit(&frontend->queues[ring], request, size, space);

    if (slot >= 0)
        driver_queue_kick(&frontend->queues[ring]);
    return slot;
}

/* Sleeps until the device calls, and looks then: an answer without a call is not noticed. */
static int sleep_until_called(struct frontend *frontend, struct driver_queue *queue,
                              const struct driver_slot *slot, int64_t end)
{
    uint64_t calls;

    driver_queue_collect(queue);
    while (!slot->answered) {
        int64_t left = end - now_ms();
        int r;

        if (!driver_queue_arm(queue)) {
            driver_queue_collect(queue);
            continue;
        }
        r = frontend_pump(frontend, queue->call, left > 0 ? (int)left : 0);
        if (r == -ETIMEDOUT && !driver_queue_arm(queue))
            frontend_violate(frontend, "an answer came without a call");
        if (r < 0)
            return r;
        if (read(queue->call, &calls, sizeof(calls)) > 0)
            driver_queue_collect(queue);
    }
    return 0;
}

int frontend_await(struct frontend *frontend, unsigned ring, unsigned slot, void *answer,
                   size_t size, int milliseconds)
{
    struct driver_queue *queue = &frontend->queues[ring];
    int r = sleep_until_called(frontend, queue, &queue->slot[slot], now_ms() + milliseconds);
    uint32_t length = queue->slot[slot].length;

    if (r < 0)
        return r;
    if (length > DRIVER_QUEUE_ANSWER) {
        frontend_violate(frontend, "the device says it wrote %u bytes", length);
        length = DRIVER_QUEUE_ANSWER;
    }
    if (size > 0)
        memcpy(answer, driver_queue_answer(queue, slot), size < length ? size : length);
    driver_queue_release(queue, slot);
    return (int)length;
}

int frontend_request(struct frontend *frontend, unsigned ring, const void *request, size_t size,
                     void *answer, size_t space)
{
    int slot = frontend_submit(frontend, ring, request, size, space);

    if (slot < 0)
        return slot;
    return frontend_await(frontend, ring, (unsigned)slot, answer, space, FRONTEND_PATIENCE);
}

/* SPDX-License-Identifier: MIT */
#include "gpu/hand.h"

#include "gpu/estate.h"
#include "gpu/gpu.h"

#include <stdlib.h>

void hand_init(struct hand *hand, unsigned queue, struct quota *commands,
               struct quota *command_bytes)
{
    *hand = (struct hand){.queue = queue, .commands = commands, .command_bytes = command_bytes};
    TAILQ_INIT(&hand->requests);
    TAILQ_INIT(&hand->turns);
}

void hand_finish(struct hand *hand)
{
    free(hand->spare);
    hand->spare = NULL;
}

bool hand_has_room(const struct hand *hand)
{
    return quota_fits(hand->commands, 1) && quota_fits(hand->command_bytes, REQUEST_MAX_SIZE);
}

struct request *hand_take(struct hand *hand)
{
    struct request *request = hand->spare;

    hand->spare = NULL;
    if (request == NULL)
        request = malloc(sizeof(*request));
    if (request == NULL)
        return NULL;
    TAILQ_INSERT_TAIL(&hand->requests, request, in_hand);
    hand->count++;
    return request;
}

/* Most requests are answered at once, and never come here: there was room (hand_has_room). */
void hand_keep(struct request *request)
{
    quota_take(request->hand->commands, 1);
    quota_take(request->hand->command_bytes, request->size);
    request->kept = true;
}

static bool is_waiting(enum request_state state)
{
    return state == REQUEST_AGAIN || state == REQUEST_READY;
}

static inline void enter(struct request *request, enum request_state state)
{
    struct hand *hand = request->hand;

    if (is_waiting(request->state))
        TAILQ_REMOVE(&hand->turns, request, turn);
    hand->held -= request->state == REQUEST_HELD;
    request->state = state;
    if (is_waiting(state))
        TAILQ_INSERT_TAIL(&hand->turns, request, turn);
    hand->held += state == REQUEST_HELD;
}

void hand_drop(struct request *request)
{
    struct hand *hand = request->hand;

    enter(request, REQUEST_WORKS);
    if (request->kept) {
        quota_give(hand->commands, 1);
        quota_give(hand->command_bytes, request->size);
    }
    if (request->record != 0)
        estate_over(request);
    request_finish(request);
    TAILQ_REMOVE(&hand->requests, request, in_hand);
    hand->count--;
    if (hand->spare == NULL)
        hand->spare = request;
    else
        free(request);
}

void hand_work(struct request *request)
{
    enter(request, REQUEST_WORKS);
}

void hand_fence(struct request *request)
{
    enter(request, REQUEST_FENCED);
}

/* A request whose ring began anew has nobody who waits for it. */
static inline void wait_for_turn(struct request *request, enum request_state state)
{
    if (request->chain == NULL) {
        hand_drop(request);
        return;
    }
    enter(request, state);
    if (state != REQUEST_HELD && !request->hand->runs && !request->gpu->device.host->soon)
        sd_event_source_set_enabled(request->hand->wake, SD_EVENT_ONESHOT);
}

void hand_ready(struct request *request)
{
    wait_for_turn(request, REQUEST_READY);
}

void hand_again(struct request *request)
{
    wait_for_turn(request, REQUEST_AGAIN);
}

void hand_hold(struct request *request)
{
    wait_for_turn(request, REQUEST_HELD);
}

void hand_let_go(struct hand *hand)
{
    struct request *request;

    if (hand->held == 0)
        return;
    TAILQ_FOREACH(request, &hand->requests, in_hand)
    {
        if (request->state == REQUEST_HELD)
            enter(request, REQUEST_AGAIN);
    }
}

struct request *hand_next(struct hand *hand)
{
    return TAILQ_FIRST(&hand->turns);
}

void hand_again_all(struct request_list *list)
{
    struct request *request;

    while ((request = TAILQ_FIRST(list)) != NULL) {
        request_unpark(request);
        hand_again(request);
    }
}

void hand_hold_all(struct request_list *list)
{
    struct request *request;

    while ((request = TAILQ_FIRST(list)) != NULL) {
        request_unpark(request);
        hand_hold(request);
    }
}

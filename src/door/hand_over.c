/* SPDX-License-Identifier: MIT */
#include "door/hand_over.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/units.h"
#include "door/conversation.h"
#include "door/door.h"
#include "protocol/upgrade_wish.h"

#define ACCURACY_US 1000u
#define STEP_US 1000u      /* how often is looked whether the front-end has come to rest */
#define ENDS_US 1500000u   /* for that: the guest waits */
#define GIVES_US 1500000u  /* for the other door to take all */
#define GIVEN_US 20000000u /* for its worker to run */
#define LEAVES_US 2000000u /* for who asked to read the answer */

static void set_limit(struct hand_over *h, uint64_t us)
{
    if (us > 0)
        sd_event_source_set_time_relative(h->limit, us);
    sd_event_source_set_enabled(h->limit, us > 0 ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

static void step_soon(struct hand_over *h, uint64_t us)
{
    sd_event_source_set_time_relative(h->step, us);
    sd_event_source_set_enabled(h->step, SD_EVENT_ONESHOT);
}

static void hang_up(struct hand_over *h)
{
    h->io = sd_event_source_disable_unref(h->io);
    fd_close(&h->channel);
    parcel_finish(&h->parcel);
    set_limit(h, 0);
}

static void say_done(struct hand_over *h, int result, const char *text)
{
    hand_over_done *done = h->done;

    h->done = NULL;
    if (done != NULL)
        done(h->data, result, text);
}

/* ---- no ---- */

/* The guest is served as before. */
static void go_on(struct hand_over *h)
{
    struct door *door = h->door;

    if (h->state == HAND_OVER_GIVES) {
        if (door_listen(door, true) < 0)
            log_error("No other front-end can be let in any more.");
        if (door->session != NULL) {
            back_channel_deafen(&door->session->window.channel, false);
            connection_hold(&door->session->connection, false);
        }
    }
    if (h->state == HAND_OVER_ENDS || h->state == HAND_OVER_GIVES)
        keeper_wake(&door->keeper);
    h->state = HAND_OVER_IDLE;
}

/* Who asked is told at the loop's next turn: never from within the call that asks. */
static void fail(struct hand_over *h, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void fail(struct hand_over *h, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(h->refusal, sizeof(h->refusal), format, args);
    va_end(args);
    log_warning("The upgrade is not made: %s. The device goes on as it is.", h->refusal);
    hang_up(h);
    if (h->beside)
        starter_say(&h->door->starter, STARTER_DROP, NULL);
    go_on(h);
    step_soon(h, 0);
}

/* ---- the other door ---- */

static void let_go(struct hand_over *h)
{
    struct door *door = h->door;

    if (starter_say(&door->starter, STARTER_GIVEN, NULL) < 0) {
        fail(h, "the process that starts the workers does not hear of it");
        return;
    }
    h->state = HAND_OVER_GIVEN;
    door_abandon(door);
    set_limit(h, GIVEN_US);
}

static void begin_ending(struct hand_over *h)
{
    h->state = HAND_OVER_ENDS;
    keeper_rest(&h->door->keeper);
    set_limit(h, h->ends_us);
    step_soon(h, 0);
}

static void finish_given(struct hand_over *h, int result, const char *text)
{
    hang_up(h);
    say_done(h, result, text);
    h->state = HAND_OVER_LEAVES;
    set_limit(h, LEAVES_US);
    step_soon(h, STEP_US);
}

static void take_answer(struct hand_over *h, struct door_state *m)
{
    if (m->kind == DOOR_STATE_REFUSED && h->state < HAND_OVER_GIVEN) {
        m->refused.text[DOOR_STATE_TEXT - 1] = '\0';
        fail(h, "%s", m->refused.text);
    } else if (m->kind == DOOR_STATE_ACCEPTED && h->state == HAND_OVER_TRIES) {
        begin_ending(h);
    } else if (m->kind == DOOR_STATE_TAKEN && h->state == HAND_OVER_GIVES &&
               TAILQ_EMPTY(&h->parcel.items)) {
        let_go(h);
    } else if (m->kind == DOOR_STATE_RUNS && h->state == HAND_OVER_GIVEN) {
        finish_given(h, 0, "the new program serves the device");
    } else if (h->state < HAND_OVER_GIVEN) {
        fail(h, "the new program speaks out of turn");
    }
}

/* Returns whether there was one. */
static bool read_answer(struct hand_over *h)
{
    struct door_state m;
    struct fd_list fds = {0};
    ssize_t n = fd_receive(h->channel, &m, sizeof(m), &fds);
    unsigned count = fds.count;
    const char *reason;

    fd_list_finish(&fds);
    if (n == -EAGAIN || n == -EINTR)
        return false;
    if (n <= 0 && h->state == HAND_OVER_GIVEN) {
        finish_given(h, -EPIPE, "the new program has the device, but does not say that it runs");
        return false;
    }
    if (n <= 0) { /* the starter tells how it ended */
        sd_event_source_set_enabled(h->io, SD_EVENT_OFF);
        return false;
    }
    reason = door_state_check(&m, (uint32_t)n, count, DOOR_STATE_TAKER);
    if (reason != NULL)
        fail(h, "%s", reason);
    else
        take_answer(h, &m);
    return true;
}

static void send_more(struct hand_over *h)
{
    int r = parcel_send(&h->parcel, h->channel);

    if (r < 0)
        fail(h, "the state cannot be sent: %s", strerror(-r));
    else
        sd_event_source_set_io_events(h->io, r == 0 ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *data)
{
    struct hand_over *h = data;

    if (events & ~(uint32_t)EPOLLOUT)
        read_answer(h);
    else if (h->state == HAND_OVER_GIVES)
        send_more(h);
    return 0;
}

static void give(struct hand_over *h)
{
    struct door *door = h->door;
    int r;

    h->state = HAND_OVER_GIVES;
    door_listen(door, false);
    if (door->session != NULL) {
        connection_hold(&door->session->connection, true);
        back_channel_deafen(&door->session->window.channel, true);
    }
    set_limit(h, h->gives_us);
    r = parcel_fill(&h->parcel, door);
    if (r < 0)
        fail(h, "there is no memory");
    else
        send_more(h);
}

/* ---- time ---- */

static int on_step(sd_event_source *source, uint64_t now, void *data)
{
    struct hand_over *h = data;
    char text[DOOR_STATE_TEXT];

    if (h->refusal[0] != '\0') {
        memcpy(text, h->refusal, sizeof(text));
        h->refusal[0] = '\0';
        say_done(h, -ECANCELED, text);
    } else if (h->state == HAND_OVER_ENDS && !h->door->keeper.running && parcel_possible(h->door)) {
        give(h);
    } else if (h->state == HAND_OVER_LEAVES && !h->door->handler->is_asked(h->door->data)) {
        return sd_event_exit(h->door->loop, 0);
    } else if (h->state == HAND_OVER_ENDS || h->state == HAND_OVER_LEAVES) {
        step_soon(h, STEP_US);
    }
    return 0;
}

static int on_limit(sd_event_source *source, uint64_t now, void *data)
{
    struct hand_over *h = data;

    if (h->state == HAND_OVER_TRIES)
        fail(h, "the new program did not say in time that it fits");
    else if (h->state == HAND_OVER_ENDS)
        fail(h, "the front-end did not finish in time what was under way; try again");
    else if (h->state == HAND_OVER_GIVES)
        fail(h, "the new program did not take the device in time");
    else if (h->state == HAND_OVER_GIVEN)
        finish_given(h, -ETIMEDOUT,
                     "the new program has the device, but does not say that it runs");
    else if (h->state == HAND_OVER_LEAVES)
        return sd_event_exit(h->door->loop, 0);
    return 0;
}

/* ---- the starter ---- */

static void on_beside_ended(void *data, int code, int status)
{
    struct hand_over *h = data;

    h->beside = false;
    /* Its last word may be there still: it says more than its end. */
    while (h->channel >= 0 && read_answer(h)) {
    }
    if (h->state == HAND_OVER_IDLE || h->state >= HAND_OVER_GIVEN)
        return;
    if (code == 0)
        fail(h, "the new program cannot be started: %s", strerror(-status));
    else if (code == CLD_EXITED)
        fail(h, "the new program ended with status %d; the device's log says more", status);
    else
        fail(h, "the new program was killed by signal %d (%s)", status,
             sigabbrev_np(status) ? sigabbrev_np(status) : "?");
}

static void on_yours(void *data)
{
    struct hand_over *h = data;

    take_over_yours(&h->door->take_over);
}

static const struct starter_upgrade_handler upgrade_handler = {on_beside_ended, on_yours};

/* ---- asking ---- */

bool hand_over_is(const char *line)
{
    return strncmp(line, "upgrade", 7) == 0 && (line[7] == '\0' || line[7] == ' ');
}

/* False: it is not understood. */
static bool parse(const char *line, bool *force, unsigned *seconds)
{
    char copy[LINK_MAX_LINE], *at = NULL, *word;

    *force = false;
    *seconds = UPGRADE_WISH_SECONDS;
    snprintf(copy, sizeof(copy), "%s", line);
    strtok_r(copy, " ", &at);
    while ((word = strtok_r(NULL, " ", &at)) != NULL) {
        if (strcmp(word, "force") == 0) {
            *force = true;
        } else if (strncmp(word, "seconds=", 8) == 0) {
            if (!units_parse_number(word + 8, 1, UPGRADE_WISH_SECONDS_MAX, seconds))
                return false;
        } else {
            return false;
        }
    }
    return true;
}

/* What the guest would lose, in words; "" for nothing. */
static void losses(const struct door *door, char text[static DOOR_STATE_TEXT])
{
    uint64_t mortal = __atomic_load_n(&door->journal.page->census.mortal, __ATOMIC_RELAXED);

    text[0] = '\0';
    if (door->session != NULL && mortal > 0)
        snprintf(text, DOOR_STATE_TEXT,
                 "%llu of the guest's OpenGL and Vulkan contexts would be lost",
                 (unsigned long long)mortal);
}

static int begin(struct hand_over *h, unsigned seconds)
{
    struct door_state offer;
    int pair[2];
    int r;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
        return -errno;
    h->channel = pair[0];
    r = sd_event_add_io(h->door->loop, &h->io, h->channel, EPOLLIN, on_io, h);
    parcel_offer(h->door, &offer);
    if (r >= 0 && fd_send(h->channel, &offer, offer.size, NULL, 0) != (ssize_t)offer.size)
        r = -EIO;
    if (r >= 0)
        r = starter_upgrade(&h->door->starter, pair[1]);
    close(pair[1]);
    if (r < 0)
        return r;
    h->beside = true;
    h->state = HAND_OVER_TRIES;
    set_limit(h, seconds * UINT64_C(1000000));
    return 0;
}

int hand_over_ask(struct hand_over *h, const char *line, hand_over_done *done, void *data)
{
    char text[DOOR_STATE_TEXT];
    unsigned seconds;
    bool force;
    int r;

    if (h->state != HAND_OVER_IDLE || h->beside || h->done != NULL)
        return -EBUSY;
    h->done = done;
    h->data = data;
    h->refusal[0] = '\0'; /* for who asked before, and left */
    losses(h->door, text);
    if (!parse(line, &force, &seconds))
        fail(h, "an upgrade takes no such words");
    else if (!h->door->known)
        fail(h, "the device is not ready yet");
    else if (text[0] != '\0' && !force)
        fail(h, "%s; with --force it is done nevertheless", text);
    else if ((r = begin(h, seconds)) < 0)
        fail(h, "it cannot be begun: %s", strerror(-r));
    return 0;
}

void hand_over_forget(struct hand_over *h, const void *data)
{
    if (h->done != NULL && h->data == data)
        h->done = NULL;
}

/* ---- life ---- */

int hand_over_init(struct hand_over *h, struct door *door)
{
    int r;

    *h = (struct hand_over){.door = door, .channel = -1, .ends_us = ENDS_US, .gives_us = GIVES_US};
    parcel_init(&h->parcel);
    r = sd_event_add_time_relative(door->loop, &h->limit, CLOCK_MONOTONIC, 0, ACCURACY_US, on_limit,
                                   h);
    if (r >= 0)
        r = sd_event_add_time_relative(door->loop, &h->step, CLOCK_MONOTONIC, 0, ACCURACY_US,
                                       on_step, h);
    if (r < 0)
        return r;
    sd_event_source_set_enabled(h->limit, SD_EVENT_OFF);
    sd_event_source_set_enabled(h->step, SD_EVENT_OFF);
    door->starter.upgrade = &upgrade_handler;
    door->starter.upgrade_data = h;
    return 0;
}

void hand_over_finish(struct hand_over *h)
{
    if (h->door == NULL)
        return;
    hang_up(h);
    h->limit = sd_event_source_disable_unref(h->limit);
    h->step = sd_event_source_disable_unref(h->step);
    h->door->starter.upgrade = NULL;
}

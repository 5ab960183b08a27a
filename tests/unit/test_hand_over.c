/* SPDX-License-Identifier: MIT */
#include "two_doors.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "base/units.h"

/*
 * An upgrade between two doors, with a starter and workers that the test plays. Either the new door
 * has the session in the end, or the old one serves it as before.
 */
#define WORKER_PID 100
#define PATIENCE_MS 60000u /* for what comes, on however busy a machine */
#define SOON_US 100000u    /* a limit that is to be reached */

/* What becomes of the program that is tried. */
enum beside {
    IS_THE_NEW_DOOR,
    IS_NOT_THERE,
    ENDS_AT_ONCE,
    IS_PLAYED, /* by the test, at 'channel' */
};

static struct {
    enum beside beside;
    bool no_hello; /* of the new door's workers */
    int channel;   /* owned; -1 */
    bool has_new, dropped, given;
    unsigned starts[2]; /* workers of the old door, of the new one */
    int links[2];       /* the workers' ends; -1 */
} starter;
static sd_event *new_loop; /* of the new door: it is another process's */
static int result;         /* of the upgrade; 1: it is not over */
static char said[DOOR_STATE_TEXT];

static void on_done(void *data, int r, const char *text)
{
    assert_int_equal(result, 1);
    result = r;
    snprintf(said, sizeof(said), "%s", text);
}

/* ---- the starter ---- */

static void tell(int line, enum starter_type type, int pid, int code, int status)
{
    const struct starter_message m = {.type = type, .pid = pid, .code = code, .status = status};

    fd_send(line, &m, sizeof(m), NULL, 0);
}

static void start_worker(unsigned whose, int line, struct fd_list *fds)
{
    struct link_message hello = {.type = LINK_HELLO, .hello = two_doors_facts()};

    fd_close(&starter.links[whose]);
    starter.links[whose] = fd_list_take(fds, 0);
    starter.starts[whose]++;
    tell(line, STARTER_STARTED, WORKER_PID, 0, 0);
    if (whose == 0 || !starter.no_hello)
        fd_send(starter.links[whose], &hello, link_size(LINK_HELLO), NULL, 0);
}

static void start_beside(struct fd_list *fds)
{
    const struct door_options options = {.program = "hostblob-test",
                                         .window_size = TWO_DOORS_WINDOW,
                                         .answer_limit_us = PATIENCE_MS * 1000u,
                                         .starter_fd = -1};
    struct door_options with = options;
    int pair[2];

    if (starter.beside == IS_PLAYED) {
        starter.channel = fd_list_take(fds, 0);
    } else if (starter.beside == IS_NOT_THERE) {
        tell(old_starter, STARTER_BESIDE_ENDED, 0, 0, -ENOENT);
    } else if (starter.beside == ENDS_AT_ONCE) {
        tell(old_starter, STARTER_BESIDE_ENDED, 0, CLD_EXITED, 3);
    } else {
        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
        with.starter_fd = pair[0];
        new_starter = pair[1];
        starter.has_new = true;
        assert_true(sd_event_new(&new_loop) >= 0);
        assert_int_equal(
            door_init_beside(&new, new_loop, &with, fd_list_take(fds, 0), &two_doors_handler, NULL),
            0);
    }
}

static void end_new(void)
{
    if (starter.has_new)
        door_finish(&new);
    starter.has_new = false;
    new_loop = sd_event_unref(new_loop);
    fd_close(&new_starter);
}

static void drop(void)
{
    starter.dropped = true;
    end_new();
    fd_close(&starter.channel);
    tell(old_starter, STARTER_BESIDE_ENDED, 0, CLD_KILLED, SIGKILL);
}

static void take_wish(unsigned whose, int line, const struct starter_message *m,
                      struct fd_list *fds)
{
    switch (m->type) {
    case STARTER_WORKER:
        start_worker(whose, line, fds);
        break;
    case STARTER_KILL:
        fd_close(&starter.links[whose]);
        tell(line, STARTER_ENDED, WORKER_PID, CLD_KILLED, SIGKILL);
        break;
    case STARTER_UPGRADE:
        start_beside(fds);
        break;
    case STARTER_DROP:
        drop();
        break;
    case STARTER_GIVEN:
        starter.given = true;
        if (starter.has_new)
            tell(new_starter, STARTER_YOURS, 0, 0, 0);
        break;
    default:
        break;
    }
}

static void read_line(unsigned whose, int line)
{
    struct starter_message m;
    struct fd_list fds = {0};

    while (line >= 0 && fd_receive_now(line, &m, sizeof(m), &fds) == sizeof(m)) {
        take_wish(whose, line, &m, &fds);
        fd_list_finish(&fds);
    }
}

/* ---- the test ---- */

static void run_loop(sd_event *which)
{
    if (sd_event_get_state(which) != SD_EVENT_FINISHED)
        assert_true(sd_event_run(which, 1000) >= 0);
}

static void run(void)
{
    run_loop(loop);
    read_line(0, old_starter);
    if (!starter.has_new)
        return;
    run_loop(new_loop);
    read_line(1, new_starter);
    if (starter.has_new && sd_event_get_state(new_loop) == SD_EVENT_FINISHED) {
        end_new();
        tell(old_starter, STARTER_BESIDE_ENDED, 0, CLD_EXITED, EXIT_FAILURE);
    }
}

/* Until the upgrade is over. */
static void await_result(void)
{
    uint64_t end = units_now_ns() + PATIENCE_MS * UINT64_C(1000000);

    while (result == 1 && units_now_ns() < end)
        run();
}

/* Nothing is to be taken out of the window: nobody would answer. */
static void settle_window(struct shm_ledger *ledger)
{
    struct shm_mapping *m, *next;

    for (m = shm_ledger_first(ledger); m != NULL; m = next) {
        next = shm_ledger_next(m);
        if (m->orphan)
            shm_ledger_gone(ledger, m);
    }
}

static void begin(enum beside beside)
{
    memset(&starter, 0, sizeof(starter));
    starter.beside = beside;
    starter.channel = starter.links[0] = starter.links[1] = -1;
    result = 1;
    assert_true(sd_event_new(&loop) >= 0);
    make_door(&old, false, &old_starter);
    new_starter = -1;
    old.hand_over.ends_us = old.hand_over.gives_us = PATIENCE_MS * 1000u;
    old.listen_fd = listening_socket();
    fill_session();
    settle_window(&old.session->window.ledger);
    fill_shelf(&old);
    for (unsigned i = 0; i < 10; i++)
        run();
    assert_int_equal(starter.starts[0], 1);
    assert_true(old.keeper.ready);
}

static void end(void)
{
    end_new();
    door_finish(&old);
    fd_close(&starter.channel);
    fd_close(&starter.links[0]);
    fd_close(&starter.links[1]);
    fd_close(&old_starter);
    fd_close(&front_end[1]);
    fd_close(&channel_end);
    loop = sd_event_unref(loop);
}

static void ask(const char *line)
{
    assert_true(hand_over_is(line));
    assert_int_equal(hand_over_ask(&old.hand_over, line, on_done, NULL), 0);
}

/* The front-end asks something, and is answered. */
static void assert_served(void)
{
    const struct vhost_user_header request = {.request = VHOST_USER_GET_QUEUE_NUM,
                                              .flags = VHOST_USER_VERSION};
    uint8_t answer[VHOST_USER_HEADER_SIZE + 8];
    ssize_t n = -1;

    assert_int_equal(write(front_end[1], &request, sizeof(request)), sizeof(request));
    for (unsigned i = 0; i < 500 && n < 0; i++) {
        run();
        n = recv(front_end[1], answer, sizeof(answer), MSG_DONTWAIT);
    }
    assert_int_equal(n, sizeof(answer));
}

/* Nothing has changed, and another upgrade may be asked for. */
static void assert_as_before(const char *why)
{
    assert_int_equal(result, -ECANCELED);
    if (strstr(said, why) == NULL)
        fail_msg("it said: %s", said);
    for (unsigned i = 0; i < 20; i++)
        run();
    assert_false(starter.given);
    assert_non_null(old.session);
    assert_true(old.keeper.ready);
    assert_served();
    assert_int_equal(old.hand_over.state, HAND_OVER_IDLE);
    assert_false(old.hand_over.beside);
}

static void the_device_changes_doors(void **state)
{
    begin(IS_THE_NEW_DOOR);
    ask("upgrade");
    await_result();
    if (result != 0)
        fail_msg("it said: %s", said);
    assert_true(starter.given);
    assert_null(old.session);
    assert_non_null(new.session);
    assert_int_equal(new.listen_fd >= 0, 1);
    assert_int_equal(starter.starts[1], 2); /* the one to learn from, and the device's */
    assert_int_equal(new.keeper.starts, 2); /* as one counts from outside */
    assert_int_equal(new.shelf.count, TWO_DOORS_SHELF);
    assert_false(take_over_begins(&new.take_over));
    assert_served();
    end();
}

/* What the old door says then is nothing to the device's door. */
static void a_door_that_gave_away_has_no_say(void **state)
{
    begin(IS_THE_NEW_DOOR);
    ask("upgrade");
    while (!starter.given)
        run();
    starter.no_hello = true;
    for (unsigned i = 0; i < 500 && new.take_over.state != TAKE_OVER_STARTS; i++)
        run();
    assert_int_equal(new.take_over.state, TAKE_OVER_STARTS);
    assert_int_equal(fd_send(old.hand_over.channel, "no", 2, NULL, 0), 2);
    for (unsigned i = 0; i < 20; i++)
        run();
    assert_true(starter.has_new);
    assert_int_equal(new.take_over.state, TAKE_OVER_STARTS);
    end();
}

/* A front-end that was told less keeps to it; the next one is told all. */
static void features_are_what_was_said(void **state)
{
    begin(IS_THE_NEW_DOOR);
    old.facts.features = 0;
    old.session->features = 0;
    ask("upgrade seconds=60");
    await_result();
    assert_int_equal(result, 0);
    assert_true(new.facts.features == 0);
    assert_true(new.later_features == TWO_DOORS_FEATURES);
    end();
}

static void what_cannot_be_started_changes_nothing(void **state)
{
    begin(IS_NOT_THERE);
    ask("upgrade");
    await_result();
    assert_as_before("No such file");
    starter.beside = ENDS_AT_ONCE;
    result = 1;
    ask("upgrade");
    await_result();
    assert_as_before("status 3");
    assert_int_equal(starter.starts[0], 1);
    end();
}

static void what_says_nothing_is_dropped(void **state)
{
    begin(IS_THE_NEW_DOOR);
    starter.no_hello = true;
    ask("upgrade seconds=1");
    await_result();
    assert_as_before("in time");
    assert_true(starter.dropped);
    assert_int_equal(starter.starts[0], 1);
    end();
}

static void what_does_not_fit_refuses(void **state)
{
    begin(IS_THE_NEW_DOOR);
    old.facts.estate = 9;
    ask("upgrade");
    await_result();
    assert_as_before("layout");
    assert_int_equal(starter.starts[0], 1); /* not even the worker died */
    end();
}

static void wishes_are_understood(void **state)
{
    static const char *const wrong[] = {"upgrade now", "upgrade seconds=0", "upgrade seconds=x",
                                        "upgrade seconds=3601", "upgrade seconds=+5"};

    begin(IS_NOT_THERE);
    assert_false(hand_over_is("upgrades"));
    assert_false(hand_over_is("outputs"));
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        result = 1;
        ask(wrong[i]);
        assert_int_equal(result, 1); /* never from within */
        await_result();
        assert_as_before("no such words");
    }
    result = 1;
    ask("upgrade");
    assert_int_equal(hand_over_ask(&old.hand_over, "upgrade", on_done, NULL), -EBUSY);
    await_result();
    assert_as_before("No such file");
    /* Who asked is gone before the answer, which is not the next one's. */
    result = 1;
    ask("upgrade now");
    hand_over_forget(&old.hand_over, NULL);
    ask("upgrade");
    await_result();
    assert_as_before("No such file");
    end();
}

static void what_would_be_lost_is_said(void **state)
{
    begin(IS_NOT_THERE);
    old.journal.page->census.mortal = 2;
    ask("upgrade");
    await_result();
    assert_as_before("2 of the guest's OpenGL");
    result = 1;
    ask("upgrade force");
    await_result();
    assert_as_before("No such file");
    end();
}

/* ---- another door that lies ---- */

static void say(enum door_state_kind kind)
{
    struct door_state m;

    door_state_init(&m, kind);
    snprintf(m.refused.text, kind == DOOR_STATE_REFUSED ? sizeof(m.refused.text) : 0, "no room");
    assert_int_equal(fd_send(starter.channel, &m, m.size, NULL, 0), m.size);
}

/* Takes what comes up to a record of that kind. */
static void hear(enum door_state_kind kind)
{
    struct door_state m = {.kind = 0};
    struct fd_list fds = {0};

    for (uint64_t end = units_now_ns() + PATIENCE_MS * UINT64_C(1000000);
         m.kind != (uint16_t)kind;) {
        assert_true(units_now_ns() < end);
        run();
        while (m.kind != (uint16_t)kind && fd_receive_now(starter.channel, &m, sizeof(m), &fds) > 0)
            fd_list_finish(&fds);
    }
}

static void begin_played(void)
{
    begin(IS_PLAYED);
    ask("upgrade seconds=60");
    while (starter.channel < 0)
        run();
    hear(DOOR_STATE_OFFER);
}

static void a_late_refusal_leads_back(void **state)
{
    begin_played();
    say(DOOR_STATE_ACCEPTED);
    hear(DOOR_STATE_END);
    assert_int_equal(starter.starts[0], 1);
    say(DOOR_STATE_REFUSED);
    await_result();
    assert_as_before("no room");
    assert_true(starter.dropped);
    assert_int_equal(starter.starts[0], 2); /* the worker was ended, and another is there */
    end();
}

static void a_door_that_takes_nothing_leads_back(void **state)
{
    begin_played();
    old.hand_over.gives_us = SOON_US;
    say(DOOR_STATE_ACCEPTED);
    await_result(); /* nobody reads */
    assert_as_before("in time");
    assert_int_equal(starter.starts[0], 2);
    end();
}

static void a_front_end_that_does_not_rest_leads_back(void **state)
{
    begin_played();
    old.hand_over.ends_us = SOON_US;
    old.session->waits_for = 77;
    say(DOOR_STATE_ACCEPTED);
    old.session->connection.have = 1; /* it is in mid-message */
    await_result();
    old.session->connection.have = 0;
    assert_as_before("front-end");
    assert_int_equal(starter.starts[0], 2);
    end();
}

static void words_out_of_turn_lead_back(void **state)
{
    static const enum door_state_kind kinds[] = {DOOR_STATE_TAKEN, DOOR_STATE_RUNS, DOOR_STATE_END};

    for (unsigned i = 0; i < 3; i++) {
        begin_played();
        say(kinds[i]);
        await_result();
        assert_as_before(i < 2 ? "out of turn" : "wrong sender");
        end();
    }
}

static void a_door_that_never_runs_is_told(void **state)
{
    begin_played();
    say(DOOR_STATE_ACCEPTED);
    hear(DOOR_STATE_END);
    say(DOOR_STATE_TAKEN);
    while (!starter.given)
        run();
    assert_null(old.session);
    fd_close(&starter.channel);
    await_result();
    assert_int_equal(result, -EPIPE);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(the_device_changes_doors),
        FD_TEST(a_door_that_gave_away_has_no_say),
        FD_TEST(features_are_what_was_said),
        FD_TEST(what_cannot_be_started_changes_nothing),
        FD_TEST(what_says_nothing_is_dropped),
        FD_TEST(what_does_not_fit_refuses),
        FD_TEST(wishes_are_understood),
        FD_TEST(what_would_be_lost_is_said),
        FD_TEST(a_late_refusal_leads_back),
        FD_TEST(a_door_that_takes_nothing_leads_back),
        FD_TEST(a_front_end_that_does_not_rest_leads_back),
        FD_TEST(words_out_of_turn_lead_back),
        FD_TEST(a_door_that_never_runs_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

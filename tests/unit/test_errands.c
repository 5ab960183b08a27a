/* SPDX-License-Identifier: MIT */
#include "fd_count.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/units.h"
#include "door/errands.h"

static sd_event *loop;
static struct keeper keeper;
static struct errands errands;
static int worker; /* the other end of its link */
static unsigned answers;
static struct {
    const void *who;
    int result;
    char text[LINK_MAX_TEXT];
} got[ERRANDS_MAX + 1];

static const struct keeper_handler no_handler;

static void done(void *data, int result, const char *text)
{
    assert_true(answers <= ERRANDS_MAX);
    got[answers].who = data;
    got[answers].result = result;
    strcpy(got[answers++].text, text);
}

/* The keeper believes that its worker runs. */
static void begin(void)
{
    int pair[2];

    answers = 0;
    assert_true(sd_event_new(&loop) >= 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair),
                     0);
    keeper_init(&keeper, loop, &no_handler, NULL, NULL);
    keeper.fd = pair[0];
    keeper.ready = true;
    worker = pair[1];
    errands_init(&errands, loop, &keeper);
}

static void end(void)
{
    errands_finish(&errands);
    keeper_finish(&keeper);
    fd_close(&worker);
    loop = sd_event_unref(loop);
}

/* What the worker is told: its serial. */
static uint32_t told(const char *line, unsigned fds_expected)
{
    struct link_message m;
    struct fd_list fds = {0};

    assert_int_equal(fd_receive(worker, &m, sizeof(m), &fds), link_size(LINK_COMMAND));
    assert_int_equal(m.type, LINK_COMMAND);
    assert_string_equal(m.command.line, line);
    assert_int_equal(fds.count, fds_expected);
    fd_list_finish(&fds);
    return m.serial;
}

static void says(uint32_t serial, int result, const char *text)
{
    static struct link_message m;

    memset(&m, 'x', sizeof(m));
    m.serial = serial;
    m.type = LINK_COMMAND_DONE;
    m.command_done.result = result;
    if (text != NULL)
        strcpy(m.command_done.text, text);
    errands_answered(&errands, &m);
}

static void an_answer_comes_to_who_asked(void **state)
{
    char a, b;
    uint32_t first, second;

    begin();
    assert_int_equal(errands_ask(&errands, "one", -1, done, &a), 0);
    assert_int_equal(errands_ask(&errands, "two", worker, done, &b), 0);
    first = told("one", 0);
    second = told("two", 1);
    says(second, -ENOENT, "there is none");
    assert_int_equal(answers, 1);
    assert_ptr_equal(got[0].who, &b);
    assert_int_equal(got[0].result, -ENOENT);
    assert_string_equal(got[0].text, "there is none");
    says(second, 0, "again"); /* once is enough */
    says(0, 0, "of nothing");
    says(first + 1000, 0, "of another");
    assert_int_equal(answers, 1);
    says(first, 0, "here");
    assert_int_equal(answers, 2);
    assert_ptr_equal(got[1].who, &a);
    assert_string_equal(got[1].text, "here");
    end();
}

/* The worker parses what guests write. */
static void a_worker_may_say_anything(void **state)
{
    begin();
    assert_int_equal(errands_ask(&errands, "one", -1, done, NULL), 0);
    says(told("one", 0), 12345, NULL); /* without an end */
    assert_int_equal(answers, 1);
    assert_int_equal(got[0].result, 0);
    assert_int_equal(strlen(got[0].text), LINK_MAX_TEXT - 1);
    end();
}

static void says_why_it_cannot_be_asked(void **state)
{
    char line[LINK_MAX_LINE + 1];

    begin();
    memset(line, 'x', sizeof(line));
    line[LINK_MAX_LINE] = '\0';
    assert_int_equal(errands_ask(&errands, line, -1, done, NULL), -EMSGSIZE);
    line[LINK_MAX_LINE - 1] = '\0';
    assert_int_equal(errands_ask(&errands, line, -1, done, NULL), 0);
    for (unsigned i = 1; i < ERRANDS_MAX; i++)
        assert_int_equal(errands_ask(&errands, "one", -1, done, NULL), 0);
    assert_int_equal(errands_ask(&errands, "one", -1, done, NULL), -EBUSY);
    errands_worker_died(&errands);
    assert_int_equal(answers, ERRANDS_MAX);
    for (unsigned i = 0; i < answers; i++)
        assert_int_equal(got[i].result, -ECONNRESET);
    keeper.ready = false;
    assert_int_equal(errands_ask(&errands, "one", -1, done, NULL), -ENOTCONN);
    assert_int_equal(answers, ERRANDS_MAX);
    end();
}

static void nobody_waits_for_ever(void **state)
{
    uint64_t until;
    uint32_t serial;

    begin();
    errands.limit_us = 20000;
    assert_int_equal(errands_ask(&errands, "one", -1, done, NULL), 0);
    serial = told("one", 0);
    until = units_now_ns() + UINT64_C(2000000000);
    while (answers == 0 && units_now_ns() < until)
        sd_event_run(loop, 10000);
    assert_int_equal(answers, 1);
    assert_int_equal(got[0].result, -ETIMEDOUT);
    says(serial, 0, "late");
    assert_int_equal(answers, 1);
    assert_true(keeper.ready); /* a slow command does not cost the worker its life */
    end();
}

static void who_left_is_not_told(void **state)
{
    char a, b;
    uint32_t first, second;

    begin();
    assert_int_equal(errands_ask(&errands, "one", -1, done, &a), 0);
    assert_int_equal(errands_ask(&errands, "two", -1, done, &b), 0);
    first = told("one", 0);
    second = told("two", 0);
    errands_forget(&errands, &a);
    says(first, 0, "");
    assert_int_equal(answers, 0);
    says(second, 0, "");
    assert_int_equal(answers, 1);
    assert_ptr_equal(got[0].who, &b);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(an_answer_comes_to_who_asked), FD_TEST(a_worker_may_say_anything),
        FD_TEST(says_why_it_cannot_be_asked),  FD_TEST(nobody_waits_for_ever),
        FD_TEST(who_left_is_not_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

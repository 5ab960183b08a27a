/* SPDX-License-Identifier: MIT */
#include "fd_count.h"

#include "worker/poll_span.h"

#define LIMIT 200000u

/* The clock of these tests, and whose span it is. */
static uint64_t now;
static struct poll_span s;

static void begin(uint64_t limit)
{
    now = UINT64_C(5) << 40;
    poll_span_init(&s, limit);
}

/* An answer, and the next command after 'idle'. */
static void idle_for(uint64_t idle)
{
    poll_span_answered(&s, now);
    now += idle;
    poll_span_came(&s, now);
}

/* How long it would look after an answer now. */
static uint64_t looks_for(void)
{
    uint64_t n = 0;

    poll_span_answered(&s, now);
    while (!poll_span_is_over(&s, now + n))
        n += 1000;
    return n;
}

static void it_begins_with_sleep(void **state)
{
    begin(LIMIT);
    assert_int_equal(looks_for(), 0);
    poll_span_came(&s, now + 50); /* what it looked for came too soon to say anything */
    poll_span_came(&s, now + 100000);
    assert_int_equal(s.span, POLL_SPAN_FIRST); /* and no idle time counts twice */
}

static void it_grows_up_to_the_limit(void **state)
{
    begin(LIMIT);
    for (uint64_t expected = POLL_SPAN_FIRST; expected < LIMIT; expected *= 2) {
        idle_for(LIMIT);
        assert_int_equal(looks_for(), expected);
    }
    idle_for(LIMIT);
    assert_int_equal(looks_for(), LIMIT);
    idle_for(LIMIT);
    assert_int_equal(looks_for(), LIMIT);
}

static void it_is_no_longer_than_it_has_to_be(void **state)
{
    begin(LIMIT);
    for (unsigned i = 0; i < 100; i++)
        idle_for(35000);
    assert_int_equal(looks_for(), 40000); /* of 10, 20, 40: the first that is enough */
    now += 40000;
    poll_span_came(&s, now);
    assert_int_equal(s.span, 40000);
}

static void in_vain_is_the_last_time(void **state)
{
    begin(LIMIT);
    while (s.span < LIMIT)
        idle_for(LIMIT);
    idle_for(LIMIT + 1);
    assert_int_equal(looks_for(), 0);
    idle_for(LIMIT + 1);
    assert_int_equal(looks_for(), 0);
    now += 1000;
    poll_span_came(&s, now); /* two that come soon have it begin again */
    assert_int_equal(looks_for(), 0);
    now += 1000;
    poll_span_came(&s, now);
    assert_int_equal(looks_for(), POLL_SPAN_FIRST);
}

/* How many commands have to come close together now. */
static unsigned close_ones_until_it_looks(void)
{
    unsigned n = 0;

    while (s.span == 0) {
        idle_for(1000);
        n++;
    }
    return n;
}

static void doubt_grows_and_goes(void **state)
{
    begin(LIMIT);
    for (unsigned expected = 1; expected <= POLL_SPAN_MOST_DOUBT + 1; expected *= 2) {
        assert_int_equal(close_ones_until_it_looks(), expected);
        idle_for(LIMIT + 1);
    }
    assert_int_equal(close_ones_until_it_looks(), POLL_SPAN_MOST_DOUBT + 1); /* and no more */
    for (unsigned i = 0; i < 30; i++)
        idle_for(POLL_SPAN_FIRST); /* it was right */
    idle_for(LIMIT + 1);
    assert_int_equal(close_ones_until_it_looks(), 2);
}

/* Three that are found are worth one long look in vain. */
static void bursts_are_looked_for(void **state)
{
    unsigned found = 0;

    begin(LIMIT);
    for (unsigned i = 0; i < 1000; i++) {
        for (unsigned n = 0; n < 6; n++) {
            found += s.span >= 8000;
            idle_for(8000);
        }
        idle_for(16000000);
    }
    assert_true(found >= 3000);
}

/* However long it sleeps in between. */
static void close_ones_are_counted_on(void **state)
{
    begin(LIMIT);
    for (unsigned n = 0; n < 5; n++) {
        close_ones_until_it_looks();
        idle_for(LIMIT + 1);
    }
    for (unsigned n = 0; n < 31; n++) {
        idle_for(1000);
        idle_for(LIMIT + 1);
    }
    assert_int_equal(s.span, 0);
    idle_for(1000);
    assert_int_equal(s.span, POLL_SPAN_FIRST);
}

/* The driver gets our processor when we sleep, and not before. */
static void a_shared_processor_is_left_to_others(void **state)
{
    uint64_t looked = 0;
    const unsigned commands = 100000;

    begin(LIMIT);
    for (unsigned i = 0; i < commands; i++) {
        looked += s.span;
        idle_for(s.span + 5000);
    }
    assert_true(looked / commands < 50);
}

/* A device may answer on and on while its driver asks for nothing. */
static void answers_alone_do_not_keep_it_up(void **state)
{
    uint64_t looked = 0;

    begin(LIMIT);
    while (s.span < LIMIT)
        idle_for(LIMIT);
    for (unsigned i = 0; i < 100; i++, now += 16000000)
        looked += looks_for();
    assert_int_equal(looked, LIMIT);
    /* Those that are one behind the other are no command either. */
    for (unsigned i = 0; i < 100; i++, now += LIMIT / 2)
        poll_span_answered(&s, now);
    assert_int_equal(s.span, 0);
}

/* However the commands come, no idle time costs more than the limit, or than itself. */
static void nobody_has_it_look_longer(void **state)
{
    uint32_t random = 1;

    begin(LIMIT);
    for (unsigned i = 0; i < 100000; i++) {
        random = random * 1664525u + 1013904223u;
        assert_true(looks_for() <= LIMIT);
        now += (random >> 8) % (i % 7 == 0 ? 40 * LIMIT : LIMIT / 2);
        poll_span_came(&s, now);
    }
}

static void a_small_limit_is_kept(void **state)
{
    begin(1000);
    for (unsigned i = 0; i < 10; i++) {
        idle_for(900);
        assert_int_equal(looks_for(), 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(it_begins_with_sleep),
        FD_TEST(it_grows_up_to_the_limit),
        FD_TEST(it_is_no_longer_than_it_has_to_be),
        FD_TEST(in_vain_is_the_last_time),
        FD_TEST(doubt_grows_and_goes),
        FD_TEST(bursts_are_looked_for),
        FD_TEST(close_ones_are_counted_on),
        FD_TEST(a_shared_processor_is_left_to_others),
        FD_TEST(answers_alone_do_not_keep_it_up),
        FD_TEST(nobody_has_it_look_longer),
        FD_TEST(a_small_limit_is_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

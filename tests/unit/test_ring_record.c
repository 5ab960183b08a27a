/* SPDX-License-Identifier: MIT */
#include "fd_count.h"

#include <string.h>

#include "base/ring_record.h"

static struct ring_record record;

static const struct ring_place place = {
    .desc = 0x1000, .avail = 0x2000, .used = 0x3000, .size = 16};

static void begin(uint16_t base)
{
    memset(&record, 0, sizeof(record));
    ring_record_begin(&record, &place, base);
    assert_int_equal(ring_record_base(&record), base);
}

/* These heads are in flight, in this order; -1 ends them. */
static void expect(const int *heads)
{
    unsigned count;
    uint16_t *found = ring_record_heads(&record, 16, &count);

    for (unsigned i = 0; i < count; i++)
        assert_int_equal(found[i], heads[i]);
    assert_int_equal(heads[count], -1);
    assert_true((found == NULL) == (count == 0));
    free(found);
}

#define EXPECT(...) expect((const int[]){__VA_ARGS__, -1})
#define EXPECT_NONE() expect((const int[]){-1})

static void what_is_taken_is_in_flight(void **state)
{
    begin(65535);
    EXPECT_NONE();
    ring_record_take(&record, 9);
    ring_record_take(&record, 2);
    ring_record_take(&record, 15);
    assert_int_equal(ring_record_base(&record), 2); /* 16 bits, as in the ring */
    EXPECT(9, 2, 15);
    ring_record_answer(&record, 2, 1);
    ring_record_answered(&record, 2);
    EXPECT(9, 15);
    ring_record_take(&record, 2);
    EXPECT(9, 15, 2);
    ring_record_drop(&record, 9);
    EXPECT(15, 2);
    assert_int_equal(ring_record_base(&record), 3);
}

/* Order by age also when the ring has gone round many times. */
static void a_request_may_take_long(void **state)
{
    begin(0);
    ring_record_take(&record, 1);
    for (unsigned i = 0; i < 3 * 65536 - 1; i++) {
        ring_record_take(&record, 2);
        ring_record_answered(&record, 2);
    }
    assert_int_equal(ring_record_base(&record), 0);
    ring_record_take(&record, 3);
    EXPECT(1, 3);
    assert_int_equal(ring_record_base(&record), 1);
}

static void a_new_beginning_forgets(void **state)
{
    for (unsigned base = 0; base < 65536; base += 4369) {
        begin(7);
        ring_record_take(&record, 1);
        ring_record_take(&record, 2);
        record.flights[3] = record.taken + 1; /* cut off by a death */
        ring_record_begin(&record, &place, (uint16_t)base);
        EXPECT_NONE();
        assert_int_equal(ring_record_base(&record), base);
        ring_record_take(&record, 4);
        EXPECT(4);
    }
}

static void a_void_record_stays_where_it_is(void **state)
{
    begin(7);
    ring_record_take(&record, 1);
    ring_record_answer(&record, 1, 8);
    record.flights[2] = record.taken + 1; /* cut off by a death */
    EXPECT(1);
    ring_record_void(&record);
    EXPECT_NONE();
    assert_int_equal(ring_record_base(&record), 8);
    ring_record_take(&record, 1);
    ring_record_settle(&record, 8);
    EXPECT(1);
}

static void a_record_is_of_one_place(void **state)
{
    struct ring_place other;

    begin(7);
    assert_true(ring_record_matches(&record, &place, 7));
    assert_false(ring_record_matches(&record, &place, 8));
    for (unsigned i = 0; i < 4; i++) {
        other = place;
        *(i == 0 ? &other.desc : i == 1 ? &other.avail : &other.used) += i < 3;
        other.size += i == 3;
        assert_false(ring_record_matches(&record, &other, 7));
    }
}

/* The used index decides whether the driver has seen the answer. */
static void an_answer_is_seen_or_not(void **state)
{
    begin(10);
    ring_record_take(&record, 1);
    ring_record_take(&record, 2);
    ring_record_answer(&record, 1, 11);
    ring_record_settle(&record, 10);
    EXPECT(1, 2);
    ring_record_settle(&record, 11); /* it was decided already */
    EXPECT(1, 2);
    ring_record_answer(&record, 1, 11);
    ring_record_settle(&record, 11);
    EXPECT(2);
}

/* Whatever a worker that was taken over by its guest has written, nothing is found that cannot be.
 */
static void nothing_is_believed(void **state)
{
    unsigned count;

    memset(&record, 0xff, sizeof(record));
    ring_record_settle(&record, 65535);
    free(ring_record_heads(&record, RING_RECORD_HEADS + 1000, &count));
    assert_true(count <= RING_RECORD_HEADS);
    ring_record_take(&record, 65535);
    ring_record_answered(&record, 65535);
    ring_record_begin(&record, &place, 5);
    assert_int_equal(ring_record_base(&record), 5);
    EXPECT_NONE();
    begin(0);
    ring_record_take(&record, 100); /* past the end of the ring */
    EXPECT_NONE();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(what_is_taken_is_in_flight), FD_TEST(a_request_may_take_long),
        FD_TEST(a_new_beginning_forgets),    FD_TEST(a_void_record_stays_where_it_is),
        FD_TEST(a_record_is_of_one_place),   FD_TEST(an_answer_is_seen_or_not),
        FD_TEST(nothing_is_believed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
#include "led.h"
#include "store_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "journal/store.h"

enum { APPLE = 1, PEAR = 2, CHERRY = 3 };

/* ---- what it is for ---- */

static void records_come_back(void **state)
{
    void *memory = store_memory_map();
    uint8_t long_one[5000], back[6000];
    struct store first, second;
    uint32_t a, b, at = 0;

    for (unsigned i = 0; i < sizeof(long_one); i++)
        long_one[i] = (uint8_t)(i * 7);
    store_create(&first, memory);
    a = store_put(&first, APPLE, 11, "red", 4);
    b = store_put(&first, PEAR, 12, long_one, sizeof(long_one));
    assert_true(a != 0 && b != 0 && a != b);
    assert_int_equal(store_count(&first, APPLE), 0); /* not before the commit */
    store_commit(&first);
    assert_int_equal(store_attach(&second, memory), 0);
    assert_true(store_next(&second, APPLE, &at));
    assert_int_equal(store_id(&second, at), 11);
    assert_int_equal(store_read(&second, at, back, sizeof(back)), 4);
    assert_string_equal(back, "red");
    assert_false(store_next(&second, APPLE, &at));
    at = 0;
    assert_true(store_next(&second, PEAR, &at));
    assert_int_equal(store_read(&second, at, back, sizeof(back)), sizeof(long_one));
    assert_memory_equal(back, long_one, sizeof(long_one));
    assert_int_equal(store_read(&second, at, back, 7), 7);
    store_memory_unmap(memory);
}

static void what_is_not_committed_is_not_there(void **state)
{
    void *memory = store_memory_map();
    struct store first, second;
    uint32_t a, b;

    store_create(&first, memory);
    a = store_put(&first, APPLE, 1, "x", 2);
    store_commit(&first);
    store_erase(&first, &a);
    b = store_put(&first, PEAR, 1, "x", 2);
    assert_int_equal(a, 0);
    assert_int_not_equal(b, 0);
    assert_int_equal(store_attach(&second, memory), 0);
    assert_int_equal(store_count(&second, APPLE), 1);
    assert_int_equal(store_count(&second, PEAR), 0);
    store_memory_unmap(memory);
}

static uint64_t word_at(const struct store *store, uint32_t handle, size_t at)
{
    uint64_t words[4] = {0};

    assert_int_equal(store_read(store, handle, words, sizeof(words)), sizeof(words));
    return words[at / 8];
}

static void a_word_is_set_with_the_next_commit(void **state)
{
    const uint64_t words[4] = {1, 2, 3, 4};
    void *memory = store_memory_map();
    struct store first;
    uint32_t a, b, gone;

    store_create(&first, memory);
    a = store_put(&first, APPLE, 1, words, sizeof(words));
    store_set(&first, a, 8, 20); /* before anybody sees it */
    assert_int_equal(word_at(&first, a, 8), 20);
    store_commit(&first);
    assert_false(store_is_changed(&first));
    store_set(&first, a, 8, 21);
    store_set(&first, a, 24, 41);
    store_set(&first, a, 8, 22);
    store_set(&first, 0, 8, 23);
    assert_true(store_is_changed(&first));
    assert_int_equal(word_at(&first, a, 8), 20);
    store_commit_answer(&first, 7, 0, NULL, 0);
    assert_false(store_is_changed(&first));
    assert_int_equal(word_at(&first, a, 0), 1);
    assert_int_equal(word_at(&first, a, 8), 22);
    assert_int_equal(word_at(&first, a, 24), 41);
    /* One that is erased in the same change leaves no word in whatever takes its place. */
    store_set(&first, a, 16, 99);
    gone = a;
    store_erase(&first, &gone);
    store_set(&first, a, 16, 98);
    b = store_put(&first, PEAR, 1, words, sizeof(words));
    store_set(&first, b, 16, 33);
    store_commit(&first);
    assert_int_equal(store_count(&first, APPLE), 0);
    assert_int_equal(word_at(&first, b, 16), 33);
    a = store_put(&first, APPLE, 1, words, sizeof(words));
    store_commit(&first);
    assert_int_equal(word_at(&first, a, 16), 3);
    store_memory_unmap(memory);
}

static void many_words_go_in_piece_by_piece(void **state)
{
    const uint64_t words[4] = {1, 2, 3, 4};
    void *memory = store_memory_map();
    uint32_t handles[3 * STORE_MAX_CHANGES];
    struct store store;

    store_create(&store, memory);
    for (unsigned i = 0; i < 3 * STORE_MAX_CHANGES; i++)
        handles[i] = store_put(&store, APPLE, i, words, sizeof(words));
    store_commit(&store);
    for (unsigned i = 0; i < 3 * STORE_MAX_CHANGES; i++)
        store_set(&store, handles[i], 24, i);
    store_commit(&store);
    for (unsigned i = 0; i < 3 * STORE_MAX_CHANGES; i++)
        assert_int_equal(word_at(&store, handles[i], 24), i);
    store_memory_unmap(memory);
}

static void a_record_that_never_was_leaves_nothing(void **state)
{
    void *memory = store_memory_map();
    struct store store;
    uint32_t a, b;

    store_create(&store, memory);
    a = b = store_put(&store, APPLE, 1, "x", 2);
    store_erase(&store, &a);
    assert_false(store_is_changed(&store));
    a = store_put(&store, PEAR, 1, "x", 2);
    assert_int_equal(a, b); /* its cell again */
    store_memory_unmap(memory);
}

static void a_record_takes_the_place_of_another(void **state)
{
    void *memory = store_memory_map();
    struct store first, second;
    uint32_t handle = 0, old, at = 0;
    char back[4];

    store_create(&first, memory);
    store_replace(&first, APPLE, 1, "old", 4, &handle);
    assert_int_not_equal(handle, 0);
    store_commit(&first);
    old = handle;
    store_replace(&first, PEAR, 2, "new", 4, &handle);
    assert_int_not_equal(handle, old);
    assert_int_equal(store_attach(&second, memory), 0); /* before the commit: the old one is */
    assert_int_equal(store_count(&second, APPLE), 1);
    assert_int_equal(store_count(&second, PEAR), 0);
    store_replace(&second, PEAR, 2, "new", 4, &old);
    store_commit(&second);
    assert_int_equal(store_count(&second, APPLE), 0);
    assert_true(store_next(&second, PEAR, &at));
    assert_int_equal(at, old);
    assert_true(store_read_whole(&second, at, back, sizeof(back)));
    assert_string_equal(back, "new");
    store_memory_unmap(memory);
}

static void a_record_of_another_size_is_not_read(void **state)
{
    void *memory = store_memory_map();
    char back[8] = "before";
    struct store store;
    uint32_t handle;

    store_create(&store, memory);
    handle = store_put(&store, APPLE, 1, "1234", 4);
    store_commit(&store);
    assert_false(store_read_whole(&store, handle, back, 3));
    assert_false(store_read_whole(&store, handle, back, 5));
    assert_string_equal(back, "before");
    assert_true(store_read_whole(&store, handle, back, 4));
    assert_memory_equal(back, "1234re", 6);
    store_memory_unmap(memory);
}

static void an_answer_is_found_until_it_is_given(void **state)
{
    void *memory = store_memory_map();
    uint8_t bytes[STORE_MAX_ANSWER];
    struct store_answer found;
    struct store first, second;
    uint32_t handle;

    store_create(&first, memory);
    store_put(&first, APPLE, 1, "x", 2);
    handle = store_commit_answer(&first, 77, 5, "ab", 3);
    assert_int_not_equal(handle, 0);
    assert_int_equal(store_attach(&second, memory), 0);
    assert_int_equal(store_find_answer(&second, 78, &found, bytes), 0);
    assert_int_equal(store_find_answer(&second, 77, &found, bytes), handle);
    assert_int_equal(found.type, 5);
    assert_int_equal(found.size, 3);
    assert_string_equal(found.bytes, "ab");
    store_answered(&second, &handle);
    assert_int_equal(store_find_answer(&second, 77, &found, bytes), 0);
    assert_int_equal(store_count(&second, APPLE), 1);
    store_memory_unmap(memory);
}

/* Memory comes back: ten times what there is goes through it. */
static void cells_are_used_again(void **state)
{
    void *memory = store_memory_map();
    static uint8_t bytes[100000];
    struct store store;
    const struct store_head *head = memory;

    store_create(&store, memory);
    for (unsigned i = 0; i < 25000; i++) {
        uint32_t a = store_put(&store, APPLE, i, bytes, sizeof(bytes));
        uint32_t b = store_put(&store, PEAR, i, bytes, 3);

        assert_true(a != 0 && b != 0);
        store_commit(&store);
        store_erase(&store, &a);
        store_erase(&store, &b);
        store_commit(&store);
    }
    assert_true(head->high < 2 * sizeof(bytes) / STORE_CELL_BYTES);
    store_memory_unmap(memory);
}

static void more_than_there_is_room_for_is_refused(void **state)
{
    void *memory = store_memory_map();
    size_t size = (size_t)STORE_CELLS * STORE_CELL_BYTES;
    uint8_t *bytes =
        mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    struct store store;
    uint32_t a;

    assert_true(bytes != MAP_FAILED);
    store_create(&store, memory);
    assert_int_equal(store_put(&store, APPLE, 1, bytes, size), 0);
    a = store_put(&store, APPLE, 1, "x", 2); /* and nothing was lost over it */
    assert_int_not_equal(a, 0);
    store_commit(&store);
    assert_int_equal(store_count(&store, APPLE), 1);
    munmap(bytes, size);
    store_memory_unmap(memory);
}

static void a_large_change_goes_in_piece_by_piece(void **state)
{
    void *memory = store_memory_map();
    struct store store;

    store_create(&store, memory);
    for (uint32_t i = 0; i < 3 * STORE_MAX_CHANGES; i++)
        store_put(&store, APPLE, i, &i, sizeof(i));
    store_commit(&store);
    assert_int_equal(store_count(&store, APPLE), 3 * STORE_MAX_CHANGES);
    store_memory_unmap(memory);
}

static void the_other_end_may_forget_all(void **state)
{
    void *memory = store_memory_map();
    struct store door, worker;
    uint32_t a, b;

    store_create(&door, memory);
    assert_int_equal(store_attach(&worker, memory), 0);
    a = store_put(&worker, APPLE, 1, "x", 2);
    b = store_put(&worker, APPLE, 2, "x", 2);
    store_commit(&worker);
    store_erase(&worker, &a);
    store_commit(&worker);
    store_clear(&door);
    assert_int_equal(store_count(&worker, APPLE), 0);
    store_erase(&worker, &b); /* of nothing */
    store_commit(&worker);
    a = store_put(&worker, PEAR, 3, "x", 2);
    assert_int_not_equal(a, 0);
    store_commit(&worker);
    assert_int_equal(store_count(&door, PEAR), 1);
    store_memory_unmap(memory);
}

/* ---- a stranger's memory ---- */

static void damage_is_left_out(void **state)
{
    void *memory = store_memory_map();
    struct store_cell *cells = memory;
    static uint8_t bytes[1000];
    struct store store;

    for (unsigned way = 0; way < 7; way++) {
        uint32_t a, b;

        memset(memory, 0, 256 * sizeof(*cells));
        store_create(&store, memory);
        a = store_put(&store, APPLE, 1, bytes, sizeof(bytes));
        b = store_put(&store, PEAR, 1, bytes, sizeof(bytes));
        store_commit(&store);
        if (way == 0)
            cells[a].next = STORE_CELLS + 5;
        else if (way == 1)
            cells[a].next = a;
        else if (way == 2)
            cells[a].next = b;
        else if (way == 3)
            cells[a].next = cells[b].next;
        else if (way == 4)
            cells[a].size = UINT32_MAX;
        else if (way == 5)
            cells[a].size = 3;
        else
            cells[cells[a].next].kind = CHERRY;
        assert_int_equal(store_attach(&store, memory), 0);
        assert_true(store_count(&store, APPLE) + store_count(&store, PEAR) <= (way == 3 ? 1 : 2));
        for (uint32_t at = 0; store_next(&store, APPLE, &at);)
            assert_true(store_read(&store, at, bytes, sizeof(bytes)) <= sizeof(bytes));
        if (way != 6 && way != 2 && way != 3)
            assert_int_equal(store_count(&store, PEAR), 1);
        a = store_put(&store, CHERRY, 1, bytes, sizeof(bytes));
        assert_int_not_equal(a, 0);
        store_commit(&store);
        assert_true(store_count(&store, CHERRY) >= 1);
    }
    store_memory_unmap(memory);
}

#define CELL_WORDS (sizeof(struct store_cell) / sizeof(uint32_t))

static void noise_is_no_store(void **state)
{
    void *memory = store_memory_map();
    struct store_head *head = memory;
    struct store store;

    assert_int_equal(store_attach(&store, memory), -EPROTO);
    store_create(&store, memory);
    head->high = STORE_CELLS + 1;
    assert_int_equal(store_attach(&store, memory), -EPROTO);
    head->high = 0;
    assert_int_equal(store_attach(&store, memory), -EPROTO);
    /* Cells of noise below a sound head: whatever comes, it ends, and the store can be used. */
    srand(4711);
    for (unsigned round = 0; round < 300; round++) {
        uint32_t *words = memory;

        store_create(&store, memory);
        for (size_t i = CELL_WORDS; i < 40 * CELL_WORDS; i++)
            words[i] = rand() % 3 == 0 ? (uint32_t)(rand() % 64) : (uint32_t)rand();
        for (unsigned i = 1; i < 40; i++)
            ((struct store_cell *)memory)[i].kind = (uint32_t)(STORE_KINDS + rand() % 4);
        head->high = 40;
        assert_int_equal(store_attach(&store, memory), 0);
        assert_int_not_equal(store_put(&store, APPLE, 1, "x", 2), 0);
        store_commit(&store);
        assert_true(store_count(&store, APPLE) >= 1);
    }
    store_memory_unmap(memory);
}

/* ---- death at any instant ---- */

#define STEPS 24u
#define BYTES UINT64_C(0x0101010101010101)
#define PART (192u * sizeof(struct store_cell)) /* all that the life below uses */

struct seen {
    char text[600];
};

static void *living, *copy;
static uint8_t last[PART];
static struct seen legal[STEPS + 1]; /* after each commit */
static unsigned legal_count, reached, looked;
static bool recording;

static void describe(struct store *store, struct seen *seen)
{
    char *to = seen->text;
    size_t left = sizeof(seen->text);
    uint8_t rest[STORE_MAX_ANSWER];
    struct store_answer answer;

    memset(seen, 0, sizeof(*seen));
    for (uint32_t kind = APPLE; kind <= CHERRY; kind++)
        for (uint32_t id = 0; id < 8; id++)
            for (uint32_t at = 0; store_next(store, kind, &at);) {
                uint8_t bytes[1024] = {0};
                size_t n = store_read(store, at, bytes, sizeof(bytes));
                int used;

                if (store_id(store, at) != id)
                    continue;
                for (size_t i = 1; i < n; i++)
                    assert_int_equal(bytes[i], bytes[0]);
                used = snprintf(to, left, "%u.%u:%zu*%u ", kind, id, n, bytes[0]);
                assert_true(used > 0 && (size_t)used < left);
                to += used;
                left -= (size_t)used;
            }
    for (uint64_t tag = 1; tag < 10; tag++)
        if (store_find_answer(store, tag, &answer, rest) != 0) {
            int used =
                snprintf(to, left, "answer %u=%u:%u ", (unsigned)tag, answer.type, answer.size);

            for (uint32_t i = 0; i < answer.size; i++)
                assert_int_equal(rest[i], tag);
            to += used;
            left -= (size_t)used;
        }
}

/* A commit, or a given answer: the next legal state. */
static void note(struct store *store)
{
    if (recording)
        describe(store, &legal[legal_count++]);
}

static uint32_t put(struct store *store, uint32_t kind, uint32_t id, size_t size, uint8_t byte)
{
    uint8_t bytes[1024];

    memset(bytes, byte, sizeof(bytes));
    return store_put(store, kind, id, bytes, size);
}

/* Of two the length is what a mapping's and an unmapping's answers have. */
static uint32_t answer_size(uint64_t tag)
{
    return tag == 7 ? sizeof(uint64_t) : tag == 8 ? 0 : (uint32_t)tag * 9;
}

static uint32_t commit(struct store *store, uint64_t tag)
{
    uint8_t bytes[STORE_MAX_ANSWER];
    uint32_t handle;

    memset(bytes, (int)tag, sizeof(bytes));
    handle = store_commit_answer(store, tag, (uint32_t)tag * 11, bytes, answer_size(tag));
    note(store);
    return handle;
}

static void life(void)
{
    struct store store;
    uint32_t a, b, c, d, e, one, two;

    if (store_attach(&store, living) != 0)
        _exit(2);
    note(&store);
    a = put(&store, APPLE, 1, 700, 1);
    b = put(&store, PEAR, 1, 10, 2);
    e = put(&store, CHERRY, 6, 8, 8);
    one = commit(&store, 1);
    c = put(&store, APPLE, 2, 10, 3);
    store_erase(&store, &b);
    store_set(&store, e, 0, 9 * BYTES);
    two = commit(&store, 2);
    store_answered(&store, &one);
    note(&store);
    d = put(&store, CHERRY, 3, 600, 4);
    b = put(&store, PEAR, 4, 500, 5);
    store_erase(&store, &a);
    store_erase(&store, &c);
    one = commit(&store, 3);
    store_answered(&store, &two);
    note(&store);
    commit(&store, 0); /* of nothing */
    store_set(&store, e, 0, 10 * BYTES);
    commit(&store, 0); /* a word alone */
    store_set(&store, e, 0, 11 * BYTES);
    commit(&store, 6); /* with an answer */
    store_set(&store, e, 0, 13 * BYTES);
    commit(&store, 7);
    store_set(&store, e, 0, 14 * BYTES);
    commit(&store, 8);
    a = put(&store, APPLE, 5, 900, 6);
    commit(&store, 0);
    two = commit(&store, 4); /* an answer alone */
    store_set(&store, d, 0, 12 * BYTES);
    store_erase(&store, &d);
    store_erase(&store, &b);
    store_erase(&store, &a);
    commit(&store, 0);
    store_answered(&store, &one);
    note(&store);
    store_clear(&store);
    note(&store);
    put(&store, PEAR, 6, 300, 7);
    commit(&store, 5);
}

static void look(void)
{
    struct store successor;
    struct seen now;

    if (memcmp(last, living, PART) == 0)
        return;
    memcpy(last, living, PART);
    memcpy(copy, living, PART);
    looked++;
    assert_int_equal(store_attach(&successor, copy), 0);
    describe(&successor, &now);
    while (reached < legal_count && strcmp(legal[reached].text, now.text) != 0)
        reached++;
    assert_true(reached < legal_count);
    /* And he can go on. */
    assert_int_not_equal(store_put(&successor, CHERRY, 7, "x", 2), 0);
    store_commit(&successor);
}

/* Any instant of a worker's life may be its last: the next one sees all of a change, or nothing,
 * and never goes back behind one. */
static void each_change_is_whole(void **state)
{
    struct store store;

    living = store_memory_map();
    copy = store_memory_map();
    store_create(&store, living);
    recording = true;
    life();
    recording = false;
    assert_true(legal_count > 10);
    memset(living, 0, PART);
    store_create(&store, living);
    led_watch(life, look);
    assert_true(looked > 150); /* or we saw nothing of it */
    assert_int_equal(reached, legal_count - 1);
    store_memory_unmap(living);
    store_memory_unmap(copy);
}

int main(void)
{
    log_init("test", NULL, LOG_LEVEL_WARNING); /* what is said is led step by step as well */
    const struct CMUnitTest tests[] = {
        FD_TEST(records_come_back),
        FD_TEST(what_is_not_committed_is_not_there),
        FD_TEST(a_word_is_set_with_the_next_commit),
        FD_TEST(many_words_go_in_piece_by_piece),
        FD_TEST(a_record_that_never_was_leaves_nothing),
        FD_TEST(a_record_takes_the_place_of_another),
        FD_TEST(a_record_of_another_size_is_not_read),
        FD_TEST(an_answer_is_found_until_it_is_given),
        FD_TEST(cells_are_used_again),
        FD_TEST(more_than_there_is_room_for_is_refused),
        FD_TEST(a_large_change_goes_in_piece_by_piece),
        FD_TEST(the_other_end_may_forget_all),
        FD_TEST(damage_is_left_out),
        FD_TEST(noise_is_no_store),
        FD_TEST(each_change_is_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

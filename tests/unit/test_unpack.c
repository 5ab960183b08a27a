/* SPDX-License-Identifier: MIT */
#include "two_doors.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>

/* The state that one door hands to another: whole, and of all that a stranger might make of it. */

/* Changes a record on its way, and its descriptors; whoever closes one sets it to -1. */
typedef void spoil_fn(struct door_state *record, struct fd_list *fds);

/* The record of 'kind' is spoilt; NULL: none is. What the new door said: NULL for nothing. */
static const char *hand_over(enum door_state_kind kind, spoil_fn *spoil)
{
    struct unpack unpack;
    struct parcel parcel;
    struct parcel_item *item;
    const char *reason = NULL;
    bool ended = false;

    parcel_init(&parcel);
    unpack_init(&unpack);
    assert_int_equal(parcel_fill(&parcel, &old), 0);
    TAILQ_FOREACH(item, &parcel.items, link)
    {
        struct fd_list fds = {.count = item->count};

        assert_false(ended);
        for (unsigned i = 0; i < item->count; i++)
            fds.fds[i] = fd_duplicate(item->fds[i]);
        if (item->record.kind == (uint16_t)kind && spoil != NULL)
            spoil(&item->record, &fds);
        reason = door_state_check(&item->record, item->record.size, fds.count, DOOR_STATE_GIVER);
        ended = item->record.kind == DOOR_STATE_END;
        if (reason == NULL)
            reason =
                ended ? unpack_end(&unpack, &new) : unpack_take(&unpack, &new, &item->record, &fds);
        fd_list_finish(&fds);
        if (reason != NULL)
            break;
    }
    if (reason == NULL)
        assert_true(ended && fd_same_file(unpack.listen_fd, old.listen_fd));
    unpack_finish(&unpack);
    parcel_finish(&parcel);
    return reason;
}

static void assert_same_ring(const struct ring *a, const struct ring *b)
{
    assert_int_equal(a->size, b->size);
    assert_int_equal(a->base, b->base);
    assert_int_equal(a->has_addresses, b->has_addresses);
    assert_int_equal(a->started, b->started);
    assert_int_equal(a->enabled, b->enabled);
    assert_true(a->desc == b->desc && a->avail == b->avail && a->used == b->used);
    assert_true(a->kick != b->kick && b->kick >= 0);
    assert_int_equal(a->err >= 0, b->err >= 0);
}

static void assert_same_window(const struct guest_window *a, const struct guest_window *b)
{
    struct shm_mapping *x = shm_ledger_first(&a->ledger), *y = shm_ledger_first(&b->ledger);

    for (; x != NULL; x = shm_ledger_next(x), y = shm_ledger_next(y)) {
        assert_non_null(y);
        assert_true(x->range.start == y->range.start && x->range.size == y->range.size);
        assert_true(x->fd_offset == y->fd_offset && x->id == y->id);
        assert_true(x->orphan == y->orphan && x->doubtful == y->doubtful);
        assert_true(x->told == y->told && x->bequeathed == y->bequeathed);
        assert_true(x->fd != y->fd && fd_same_file(x->fd, y->fd));
    }
    assert_null(y);
    assert_int_equal(a->state, b->state);
    assert_int_equal(a->channel.held, b->channel.held);
    assert_int_equal(a->channel.knock, b->channel.knock);
    assert_int_equal(a->writable, b->writable);
    assert_int_equal(a->needs_barrier, b->needs_barrier);
    assert_int_equal(a->drops_at_reset, b->drops_at_reset);
}

static void assert_same_session(const struct session *a, const struct session *b)
{
    assert_non_null(b);
    assert_true(a->features == b->features && a->protocol_features == b->protocol_features);
    assert_int_equal(a->news, b->news);
    assert_true(fd_same_file(a->connection.fd, b->connection.fd));
    assert_true(fd_same_file(a->window.channel.fd, b->window.channel.fd));
    assert_true(fd_same_file(a->display_fd, b->display_fd));
    assert_int_equal(a->memory.count, b->memory.count);
    assert_memory_equal(a->memory.regions, b->memory.regions,
                        a->memory.count * sizeof(a->memory.regions[0]));
    for (unsigned i = 0; i < 2; i++)
        assert_same_ring(&a->rings[i], &b->rings[i]);
    assert_same_window(&a->window, &b->window);
    assert_int_equal(a->objects.count, b->objects.count);
    assert_int_equal(a->objects.usable, b->objects.usable);
}

static void all_of_it_comes_over(void **state)
{
    two_doors_begin(false);
    back_channel_hold(&old.session->window.channel, false);
    old.journal.page->stats.maps = 77;
    assert_null(hand_over(DOOR_STATE_KINDS, NULL));
    assert_same_session(old.session, new.session);
    assert_int_equal(new.shelf.count, TWO_DOORS_SHELF);
    assert_true(fd_same_file(new.journal.fd, old.journal.fd));
    assert_int_equal(new.journal.page->stats.maps, 77);
    two_doors_end();
}

static void an_arena_comes_over(void **state)
{
    two_doors_begin(true);
    assert_null(hand_over(DOOR_STATE_KINDS, NULL));
    assert_true(fd_same_file(new.arena_fd, old.arena_fd));
    assert_int_equal(new.session->lent.arena_fd, new.arena_fd);
    two_doors_end();
}

/* ---- forms ---- */

static void each_record_keeps_to_the_table(void **state)
{
    struct door_state record;

    for (unsigned kind = 1; kind < DOOR_STATE_KINDS; kind++) {
        enum door_state_end end = kind < DOOR_STATE_ACCEPTED ? DOOR_STATE_GIVER : DOOR_STATE_TAKER;
        unsigned fds = 0;

        door_state_init(&record, (enum door_state_kind)kind);
        while (door_state_check(&record, record.size, fds, end) != NULL && fds < 33)
            fds++;
        assert_in_range(fds, 0, 1);
        assert_non_null(door_state_check(&record, record.size, 33, end));
        assert_non_null(door_state_check(&record, record.size - 1, fds, end));
        assert_non_null(door_state_check(&record, record.size + 1, fds, end));
        assert_non_null(door_state_check(&record, record.size, fds, !end));
        for (uint32_t size = 0; size < DOOR_STATE_HEADER; size++)
            assert_non_null(door_state_check(&record, size, fds, end));
        record.size++;
        assert_non_null(door_state_check(&record, record.size, fds, end));
        record.size--;
        record.version++;
        assert_non_null(strstr(door_state_check(&record, record.size, fds, end), "version 2"));
        record.version = 0;
        assert_non_null(door_state_check(&record, record.size, fds, end));
    }
    memset(&record, 0xff, sizeof(record));
    assert_non_null(door_state_check(&record, sizeof(record), 0, DOOR_STATE_GIVER));
    memset(&record, 0, sizeof(record));
    assert_non_null(door_state_check(&record, sizeof(record), 0, DOOR_STATE_GIVER));
}

/* ---- contents ---- */

static void drop_last(struct door_state *record, struct fd_list *fds)
{
    fd_close(&fds->fds[--fds->count]);
}

static void other_first(struct door_state *record, struct fd_list *fds)
{
    fd_close(&fds->fds[0]);
    fds->fds[0] = fd_memfd("other", 4096);
}

static void read_only(struct door_state *record, struct fd_list *fds)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fds->fds[0]);
    fd_close(&fds->fds[0]);
    fds->fds[0] = open(path, O_RDONLY | O_CLOEXEC);
}

static void journal_of_later(struct door_state *record, struct fd_list *fds)
{
    old.journal.page->version++;
}

static void store_of_later(struct door_state *record, struct fd_list *fds)
{
    ((struct store_head *)(void *)old.journal.store.cells)->version++;
}

static void no_listener(struct door_state *record, struct fd_list *fds)
{
    unsigned last = fds->count - 1;

    fd_close(&fds->fds[last]);
    fds->fds[last] = fd_duplicate(front_end[1]);
}

static void no_window(struct door_state *record, struct fd_list *fds)
{
    record->session.news = 3;
}

static void ring_of_three(struct door_state *record, struct fd_list *fds)
{
    record->ring.size = 3;
}

static void ring_too_large(struct door_state *record, struct fd_list *fds)
{
    record->ring.size = 65536;
}

static void ring_too_far(struct door_state *record, struct fd_list *fds)
{
    record->ring.base = 65536;
}

static void ring_of_no_device(struct door_state *record, struct fd_list *fds)
{
    record->ring.index = 2;
}

static void ring_twice(struct door_state *record, struct fd_list *fds)
{
    record->ring.index = 0;
}

static void ring_without_kick(struct door_state *record, struct fd_list *fds)
{
    record->ring.flags &= ~DOOR_STATE_RING_KICK;
    drop_last(record, fds);
}

static void ring_without_place(struct door_state *record, struct fd_list *fds)
{
    record->ring.flags &= ~DOOR_STATE_RING_PLACED;
}

static void region_too_long(struct door_state *record, struct fd_list *fds)
{
    record->region.region.size *= 2;
}

static void region_twice(struct door_state *record, struct fd_list *fds)
{
    record->region.region.gpa = 0;
}

static void mapping_outside(struct door_state *record, struct fd_list *fds)
{
    record->mapping.offset = TWO_DOORS_WINDOW;
}

static void mapping_twice(struct door_state *record, struct fd_list *fds)
{
    record->mapping.offset = 0;
}

static void mapping_askew(struct door_state *record, struct fd_list *fds)
{
    record->mapping.fd_offset = 1;
}

static void object_twice(struct door_state *record, struct fd_list *fds)
{
    memset(record->object.uuid, 9, 16);
}

static void shelf_miscounted(struct door_state *record, struct fd_list *fds)
{
    record->shelf.count++;
}

static void becomes_end(struct door_state *record, struct fd_list *fds)
{
    for (unsigned i = 0; i < fds->count; i++)
        fd_close(&fds->fds[i]);
    fds->count = 0;
    door_state_init(record, DOOR_STATE_END);
}

static void becomes_shelf(struct door_state *record, struct fd_list *fds)
{
    struct door_state shelf;

    door_state_init(&shelf, DOOR_STATE_SHELF);
    shelf.shelf.count = fds->count;
    *record = shelf;
}

static void what_cannot_be_is_refused(void **state)
{
    static const struct {
        enum door_state_kind kind;
        spoil_fn *spoil;
        const char *says;
    } rows[] = {
        {DOOR_STATE_HOUSE, drop_last, "descriptors"},
        {DOOR_STATE_HOUSE, other_first, "journal"},
        {DOOR_STATE_HOUSE, journal_of_later, "journal"},
        {DOOR_STATE_HOUSE, store_of_later, "journal"},
        {DOOR_STATE_HOUSE, no_listener, "listen"},
        {DOOR_STATE_HOUSE, becomes_shelf, "order"},
        {DOOR_STATE_SESSION, drop_last, "descriptors"},
        {DOOR_STATE_SESSION, other_first, "descriptors"},
        {DOOR_STATE_SESSION, no_window, "window"},
        {DOOR_STATE_SESSION, becomes_shelf, "order"},
        {DOOR_STATE_REGION, other_first, NULL}, /* as good as the one before */
        {DOOR_STATE_REGION, region_too_long, "memory"},
        {DOOR_STATE_REGION, region_twice, "memory"},
        {DOOR_STATE_RING, ring_of_three, "ring"},
        {DOOR_STATE_RING, ring_too_large, "ring"},
        {DOOR_STATE_RING, ring_too_far, "ring"},
        {DOOR_STATE_RING, ring_of_no_device, "ring"},
        {DOOR_STATE_RING, ring_twice, "ring"},
        {DOOR_STATE_RING, ring_without_kick, "ring"},
        {DOOR_STATE_RING, ring_without_place, "ring"},
        {DOOR_STATE_RING, drop_last, "ring"},
        {DOOR_STATE_RING, becomes_end, "whole"},
        {DOOR_STATE_MAPPING, mapping_outside, "mapping"},
        {DOOR_STATE_MAPPING, mapping_twice, "mapping"},
        {DOOR_STATE_MAPPING, mapping_askew, "mapping"},
        {DOOR_STATE_MAPPING, read_only, "mapping"},
        {DOOR_STATE_OBJECT, object_twice, "object"},
        {DOOR_STATE_SHELF, shelf_miscounted, "shelf"},
        {DOOR_STATE_SHELF, drop_last, "shelf"},
    };

    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *reason;

        two_doors_begin(false);
        reason = hand_over(rows[i].kind, rows[i].spoil);
        if (rows[i].says == NULL ? reason != NULL
                                 : reason == NULL || strstr(reason, rows[i].says) == NULL)
            fail_msg("row %u: %s", i, reason != NULL ? reason : "it was taken");
        two_doors_end();
    }
}

static void other_size(struct door_state *record, struct fd_list *fds)
{
    fd_close(&fds->fds[1]);
    fds->fds[1] = fd_memfd("arena", TWO_DOORS_WINDOW / 2);
}

static void not_sealed(struct door_state *record, struct fd_list *fds)
{
    fd_close(&fds->fds[1]);
    fds->fds[1] = memfd_create("arena", MFD_CLOEXEC);
    assert_int_equal(ftruncate(fds->fds[1], TWO_DOORS_WINDOW), 0);
}

static void an_arena_of_another_size_is_refused(void **state)
{
    spoil_fn *const spoils[] = {other_size, not_sealed};

    for (unsigned i = 0; i < 2; i++) {
        const char *reason;

        two_doors_begin(true);
        reason = hand_over(DOOR_STATE_HOUSE, spoils[i]);
        assert_non_null(reason);
        assert_non_null(strstr(reason, "arena"));
        two_doors_end();
    }
}

/* ---- whether it fits at all ---- */

static void a_device_that_differs_is_refused(void **state)
{
    struct door_state offer;
    uint64_t window = TWO_DOORS_WINDOW;

    two_doors_begin(false);
    parcel_offer(&old, &offer);
    assert_null(take_over_check(&new, &offer.offer));
#define DIFFERS(field, value)                                                                      \
    do {                                                                                           \
        parcel_offer(&old, &offer);                                                                \
        offer.offer.field = value;                                                                 \
        assert_non_null(take_over_check(&new, &offer.offer));                                      \
    } while (0)
    DIFFERS(program[9], 'X');
    DIFFERS(layouts.journal, JOURNAL_VERSION + 1);
    DIFFERS(layouts.journal_page, 1);
    DIFFERS(layouts.store, STORE_VERSION + 1);
    DIFFERS(facts.estate, 7);
    DIFFERS(facts.queues, 1);
    DIFFERS(facts.shmid, 0);
    DIFFERS(facts.config_size, 17);
    DIFFERS(facts.features, TWO_DOORS_FEATURES | 1);
    DIFFERS(window_size, window * 2);
    DIFFERS(arena, 1);
    DIFFERS(protocol_features, UINT64_C(1) << 63);
    DIFFERS(watchdog_us, 1);
    new.facts.features |= 1; /* it may have more */
    parcel_offer(&old, &offer);
    assert_null(take_over_check(&new, &offer.offer));
    two_doors_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(all_of_it_comes_over),
        FD_TEST(an_arena_comes_over),
        FD_TEST(each_record_keeps_to_the_table),
        FD_TEST(what_cannot_be_is_refused),
        FD_TEST(an_arena_of_another_size_is_refused),
        FD_TEST(a_device_that_differs_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

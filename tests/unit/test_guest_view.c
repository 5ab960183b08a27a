/* SPDX-License-Identifier: MIT */
#include "guest_ring.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/units.h"
#include "guest/guest_view.h"

#define PAGES 64u

/* How many mappings of the files called 'name' this process has. */
static unsigned mappings_of(const char *name)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[512];
    unsigned count = 0;

    assert_non_null(maps);
    while (fgets(line, sizeof(line), maps) != NULL)
        count += strstr(line, name) != NULL;
    fclose(maps);
    return count;
}

/* Two regions that touch, of two files; a third behind them that goes on in the second's file. */
struct view_guest {
    struct guest_memory memory;
    uint64_t page;
    int files[2];
};

static void set_table(struct view_guest *g, unsigned count, uint64_t shift)
{
    uint64_t half = PAGES / 2 * g->page;
    const struct guest_region_spec specs[3] = {
        {0x100000, PAGES * g->page, 0x10000000, 0},
        {0x100000 + PAGES * g->page, half, 0x20000000, shift},
        {0x100000 + PAGES * g->page + half, half - g->page, 0x30000000, half},
    };
    int fds[3] = {fd_duplicate(g->files[0]), -1, -1};

    for (unsigned i = 1; i < count; i++)
        fds[i] = fd_duplicate(g->files[1]);
    if (count == 0)
        fd_close(&fds[0]);
    assert_int_equal(guest_memory_set(&g->memory, specs, fds, count), 0);
}

static void guest_init(struct view_guest *g)
{
    guest_memory_init(&g->memory);
    g->page = units_page_size();
    g->files[0] = fd_memfd("viewed-a", PAGES * g->page);
    g->files[1] = fd_memfd("viewed-b", PAGES * g->page);
    set_table(g, 3, 0);
}

static void guest_finish(struct view_guest *g)
{
    guest_memory_finish(&g->memory);
    fd_close(&g->files[0]);
    fd_close(&g->files[1]);
    assert_int_equal(mappings_of("viewed-"), 0);
}

/* The guest address of a page of the first file, or of the second. */
static uint64_t page_at(const struct view_guest *g, unsigned number)
{
    return 0x100000 + number * g->page;
}

static struct guest_view *view(struct view_guest *g, const struct guest_piece *pieces,
                               unsigned count)
{
    struct guest_view *made = guest_view_create(&g->memory, pieces, count);

    assert_non_null(made);
    assert_true(guest_view_shows(made, &g->memory, pieces, count));
    return made;
}

static void refused(struct view_guest *g, const struct guest_piece *pieces, unsigned count,
                    int error)
{
    errno = 0;
    assert_null(guest_view_create(&g->memory, pieces, count));
    assert_int_equal(errno, error);
}

/* Whether what is written in the view is what the guest finds at 'gpa', and the other way round. */
static void same_bytes(struct view_guest *g, const struct guest_view *v, uint64_t at, uint64_t gpa,
                       uint64_t size)
{
    uint8_t *bytes = malloc(size);

    for (uint64_t i = 0; i < size; i++)
        v->data[at + i] = (uint8_t)(i * 7 + gpa / 4096);
    assert_true(guest_memory_read(&g->memory, gpa, bytes, size));
    assert_memory_equal(bytes, v->data + at, size);
    memset(bytes, 0x5a, size);
    assert_true(guest_memory_write(&g->memory, gpa, bytes, size));
    assert_memory_equal(bytes, v->data + at, size);
    free(bytes);
}

/* As a program's memory lies in a guest: it begins in a page and ends in a page, the pages are
 * anywhere. */
static void pages_anywhere_are_one(void **state)
{
    struct view_guest g;
    uint64_t page, at = 0;
    struct guest_view *v;

    guest_init(&g);
    page = g.page;
    {
        const struct guest_piece pieces[] = {
            {page_at(&g, 9) + 0x123, page - 0x123},
            {page_at(&g, 3), page},
            {page_at(&g, 3), page}, /* once more: the same bytes twice */
            {page_at(&g, 80), 2 * page},
            {page_at(&g, 2), 17},
        };

        v = view(&g, pieces, 5);
        assert_int_equal(v->count, 5);
        assert_int_equal(v->size, 5 * page - 0x123 + 17);
        assert_int_equal((uintptr_t)v->data % page, 0x123);
        assert_int_equal(mappings_of("viewed-"), 2 + 5); /* of the table, and of the view */
        for (unsigned i = 0; i < 5; i++) {
            same_bytes(&g, v, at, pieces[i].gpa, pieces[i].size);
            at += pieces[i].size;
        }
        assert_memory_equal(v->data + page - 0x123, v->data + 2 * page - 0x123, page);
        guest_view_destroy(v);
        assert_int_equal(mappings_of("viewed-"), 2);
    }
    guest_finish(&g);
}

/* What lies together costs no mapping of its own. */
static void one_stretch_is_borrowed(void **state)
{
    struct view_guest g;
    struct guest_view *v;

    guest_init(&g);
    {
        const struct guest_piece pieces[] = {
            {page_at(&g, 4) + 8, g.page - 8}, {page_at(&g, 5), g.page}, {page_at(&g, 6), 100}};

        v = view(&g, pieces, 3);
        assert_int_equal(v->count, 1);
        assert_non_null(v->mapping);
        assert_int_equal(mappings_of("viewed-"), 1);
        same_bytes(&g, v, 0, pieces[0].gpa, v->size);
        guest_view_destroy(v);
    }
    {
        /* In pieces of any size, as long as they go on where the last one ended. */
        const struct guest_piece pieces[] = {{page_at(&g, 4), 3}, {page_at(&g, 4) + 3, 9}};

        v = view(&g, pieces, 2);
        assert_int_equal(v->count, 1);
        guest_view_destroy(v);
    }
    {
        /* Over the border of two regions, where the file goes on: and where another begins. */
        const struct guest_piece goes_on = {page_at(&g, PAGES + PAGES / 2 - 2), 4 * g.page};
        const struct guest_piece begins = {page_at(&g, PAGES - 2), 4 * g.page};

        v = view(&g, &goes_on, 1);
        assert_int_equal(v->count, 1);
        same_bytes(&g, v, 0, goes_on.gpa, goes_on.size);
        guest_view_destroy(v);
        v = view(&g, &begins, 1);
        assert_int_equal(v->count, 2);
        same_bytes(&g, v, 0, begins.gpa, begins.size);
        guest_view_destroy(v);
    }
    guest_finish(&g);
}

/* The pages stay, whatever becomes of the table; and are known to be others in another. */
static void a_view_outlives_the_table(void **state)
{
    struct view_guest g;
    struct guest_view *many, *one;

    guest_init(&g);
    {
        const struct guest_piece pieces[] = {{page_at(&g, 70), g.page}, {page_at(&g, 66), g.page}};

        many = view(&g, pieces, 2);
        one = view(&g, pieces, 1);
        memcpy(many->data, "here", 5);
        set_table(&g, 3, 0); /* the same */
        assert_true(guest_view_shows(many, &g.memory, pieces, 2));
        assert_true(guest_view_shows(one, &g.memory, pieces, 1));
        set_table(&g, 3, g.page); /* another page of the file is there now */
        assert_false(guest_view_shows(many, &g.memory, pieces, 2));
        assert_false(guest_view_shows(one, &g.memory, pieces, 1));
        set_table(&g, 0, 0);
        assert_false(guest_view_shows(many, &g.memory, pieces, 2));
        guest_memory_finish(&g.memory);
        assert_memory_equal(one->data, "here", 5);
        memcpy(one->data, "and!", 5);
        assert_memory_equal(many->data, "and!", 5);
    }
    guest_view_destroy(many);
    guest_view_destroy(one);
    guest_finish(&g);
}

static void what_cannot_be_shown_is_refused(void **state)
{
    struct view_guest g;
    uint64_t page, end;

    guest_init(&g);
    page = g.page;
    end = page_at(&g, 2 * PAGES - 1);
    refused(&g, NULL, 0, EFAULT);
    refused(&g, (const struct guest_piece[]){{page_at(&g, 1), 0}}, 1, EFAULT);
    refused(&g, (const struct guest_piece[]){{end - 1, 2}}, 1, EFAULT);
    refused(&g, (const struct guest_piece[]){{0xfffff, 2}}, 1, EFAULT);
    refused(&g, (const struct guest_piece[]){{UINT64_MAX, 2}}, 1, EFAULT);
    refused(&g, (const struct guest_piece[]){{page_at(&g, 1), UINT64_MAX - page}}, 1, EFAULT);
    refused(&g, (const struct guest_piece[]){{page_at(&g, 1), page}, {end, page}}, 2, EFAULT);
    /* Ends, or begins, within a page. */
    refused(&g, (const struct guest_piece[]){{page_at(&g, 1), 8}, {page_at(&g, 9), page}}, 2,
            EINVAL);
    refused(&g, (const struct guest_piece[]){{page_at(&g, 1), page}, {page_at(&g, 9) + 8, page}}, 2,
            EINVAL);
    refused(&g, (const struct guest_piece[]){{page_at(&g, 1), 8}, {page_at(&g, 9) + 8, page}}, 2,
            EINVAL);
    assert_int_equal(mappings_of("viewed-"), 2); /* of the table: nobody pointed to the second */
    guest_finish(&g);
}

/* A guest that wants more mappings than a process has is refused, and takes nobody else's. */
static void there_is_a_limit(void **state)
{
    enum { LARGE = 4096 };
    static struct guest_piece pieces[LARGE];
    struct guest_view *views[16];
    struct view_guest g;
    unsigned count = 0;

    guest_init(&g);
    for (unsigned i = 0; i < LARGE; i++)
        pieces[i] = (struct guest_piece){page_at(&g, i % 2 * 4), g.page};
    while (count < 16 && (views[count] = guest_view_create(&g.memory, pieces, LARGE)) != NULL)
        count++;
    assert_int_equal(count, GUEST_VIEW_MAX_STRETCHES / LARGE);
    assert_int_equal(errno, EDQUOT);
    guest_view_destroy(views[--count]);
    views[count] = view(&g, pieces, LARGE);
    assert_int_equal(views[count]->size, LARGE * g.page);
    for (unsigned i = 0; i <= count; i++)
        guest_view_destroy(views[i]);
    guest_finish(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(pages_anywhere_are_one),    FD_TEST(one_stretch_is_borrowed),
        FD_TEST(a_view_outlives_the_table), FD_TEST(what_cannot_be_shown_is_refused),
        FD_TEST(there_is_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
#include "media_test.h"

#include "media/window.h"

/*
 * Codecs come and go, each with many buffers of its own sizes, and programs leave a mapping behind
 * at times. As long as half of the window is free, everyone finds room: first fit keeps the free
 * half together. (Best fit was tried too: it needs more.)
 */
#define WINDOW (4ull << 30)
#define LIVE (2ull << 30)
#define CODECS 2000u
#define MOST 64u

struct codec {
    unsigned count;
    struct plane *planes[MOST];
};

struct crowd {
    struct device_census census;
    struct quota quotas[QUOTAS_MAX];
    struct quota_numbers numbers[QUOTAS_MAX];
    struct arena arena;
    struct exporter exporter;
    struct shm_port port;
    struct device_host host;
    struct window window;
    struct codec codecs[512];
    unsigned count;
    uint64_t random, most; /* bytes that were in use at once */
};

static void crowd_init(struct crowd *c, enum exporter_kind kind)
{
    *c = (struct crowd){.port = {.size = WINDOW}, .random = 99};
    assert_int_equal(arena_init(&c->arena, fd_memfd("arena", WINDOW), WINDOW), 0);
    assert_int_equal(exporter_init(&c->exporter, kind, &c->arena, NULL), 0);
    quotas_init(c->quotas, media_quota_rows, c->numbers, WINDOW, NULL);
    c->host = (struct device_host){
        .exporter = &c->exporter, .port = &c->port, .census = &c->census, .quotas = c->quotas};
    window_init(&c->window, &c->host);
}

static uint32_t below(struct crowd *c, uint32_t limit)
{
    c->random = c->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(c->random >> 33) % limit;
}

/* Ends some codec, but for a buffer or two that stay mapped now and then. */
static void end_one(struct crowd *c)
{
    struct codec *codec = &c->codecs[below(c, c->count)];
    unsigned keep = codec->count > 2 && below(c, 3) == 0 ? 1 + below(c, 2) : 0;

    while (codec->count > keep) {
        unsigned which = below(c, codec->count);

        plane_release(codec->planes[which]);
        codec->planes[which] = codec->planes[--codec->count];
    }
    if (codec->count == 0)
        *codec = c->codecs[--c->count];
}

static void add_buffers(struct crowd *c, struct codec *codec, unsigned count, uint32_t size)
{
    for (unsigned i = 0; i < count; i++) {
        struct plane *plane = plane_create(&c->window, size);

        if (plane == NULL)
            fail_msg("no room for %u bytes: %llu of %llu are in use", size,
                     (unsigned long long)c->window.places.bytes, WINDOW);
        codec->planes[codec->count++] = plane;
    }
}

static void begin_one(struct crowd *c)
{
    static const uint32_t pixels[] = {320 * 240,   640 * 480,   1280 * 720,
                                      1920 * 1088, 2560 * 1440, 3840 * 2160};
    static const unsigned counts[] = {2, 4, 8, 16, 20, 32};
    uint32_t picture = pixels[below(c, 6)] * 3 / 2, stream = (1 + below(c, 12)) << 18;
    unsigned pictures = counts[below(c, 6)], streams = 2 + below(c, 8);
    uint64_t need = (uint64_t)picture * pictures + (uint64_t)stream * streams + 32 * 65536;

    while (c->window.places.bytes + need > LIVE || c->count == 512)
        end_one(c);
    c->codecs[c->count].count = 0;
    add_buffers(c, &c->codecs[c->count], pictures, picture);
    add_buffers(c, &c->codecs[c->count], streams, stream);
    c->count++;
    if (c->window.places.bytes > c->most)
        c->most = c->window.places.bytes;
}

static void everyone_finds_room(enum exporter_kind kind, unsigned codecs)
{
    struct crowd *c = malloc(sizeof(*c));

    assert_non_null(c);
    crowd_init(c, kind);
    for (unsigned i = 0; i < codecs; i++)
        begin_one(c);
    assert_true(c->most > LIVE - (LIVE >> 5)); /* it was as full as it was to be */
    assert_int_equal(c->census.bytes, c->window.places.bytes);
    while (c->count > 0)
        end_one(c);
    assert_int_equal(c->census.resources, 0);
    assert_int_equal(c->census.bytes, 0);
    assert_int_equal(c->arena.loans.count, 0);
    exporter_finish(&c->exporter);
    arena_finish(&c->arena);
    free(c);
}

static void test_two_gigabytes_in_the_arena(void **state)
{
    everyone_finds_room(EXPORTER_ARENA, CODECS);
}

static void test_two_gigabytes_one_by_one(void **state)
{
    everyone_finds_room(EXPORTER_MEMFD, CODECS / 8);
}

static void on_done(void *data, int result)
{
    *(int *)data = result;
}

/* A buffer that is let go of while it enters or leaves the window stays in its place until the door
 * has answered: another one put there would be refused, or taken out in its stead. */
static void test_place_is_kept_while_it_is_left(void **state)
{
    struct media_fixture *f = *state;
    struct window *window = &f->media->window;
    struct plane *old = plane_create(window, 4096), *new;
    int result = 1;

    f->port.hold = true;
    assert_int_equal(plane_map(old, on_done, &result), -EINPROGRESS);
    fake_port_answer(&f->port, 0);
    assert_int_equal(result, 0);
    assert_int_equal(plane_unmap(old, on_done, &result), -EINPROGRESS);
    plane_release(old);
    assert_int_equal(f->census.resources, 1);
    new = plane_create(window, 4096);
    assert_non_null(new);
    assert_int_not_equal(new->place.start, old->place.start);
    result = 1;
    fake_port_answer(&f->port, 0);
    assert_int_equal(result, 0);
    assert_int_equal(f->census.resources, 1);
    plane_release(new);
    media_assert_empty(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(test_two_gigabytes_in_the_arena),
        FD_TEST(test_two_gigabytes_one_by_one),
        MEDIA_TEST(test_place_is_kept_while_it_is_left),
        MEDIA_ARENA_TEST(test_place_is_kept_while_it_is_left),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

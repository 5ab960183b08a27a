/* SPDX-License-Identifier: MIT */
#include "codec_crowd.h"

#include <string.h>

#include "footprint.h"

/* Crowds at the codecs of real devices. */
#define STEPS 1200u

/* Each of them has had something to do. */
static void assert_worked(const struct codec_crowd *crowd)
{
    assert_true(crowd->streams > CODEC_CROWD_SESSIONS && crowd->sources > CODEC_CROWD_SESSIONS);
    if (crowd->encodes)
        assert_true(crowd->pictures > CODEC_CROWD_SESSIONS);
}

static void a_crowd_comes_and_goes(struct story *s, const char *kind)
{
    struct footprint door, worker;
    static struct codec_crowd crowd;
    pid_t before;

    crowd = (struct codec_crowd){.random = 5, .encodes = strstr(kind, "encoder") != NULL};
    codec_crowd_start(s, kind);
    codec_crowd_round(s, &crowd, STEPS / 2); /* so that what is loaded at the first use is there */
    footprint_take(&door, s->daemon.pid);
    before = story_worker(s);
    footprint_take(&worker, before);
    codec_crowd_round(s, &crowd, STEPS);
    assert_int_equal(story_worker(s), before); /* nobody died of it */
    footprint_assert_same(&door, s->daemon.pid, 1024);
    footprint_assert_same(&worker, before, 4096);
    print_message("%u sessions, %u streams, %u sources, %u pictures; %u closed at work\n",
                  crowd.opened, crowd.streams, crowd.sources, crowd.pictures, crowd.killed_at_work);
    assert_int_equal(crowd.opened, crowd.closed);
    assert_true(crowd.killed_at_work > CODEC_CROWD_SESSIONS);
    assert_worked(&crowd);
    story_end(s);
}

static void a_hundred_sessions_encode(void **state)
{
    a_crowd_comes_and_goes(story(state), "--kind=encoder");
}

/* What they decode are no streams at all. */
static void a_hundred_sessions_decode(void **state)
{
    a_crowd_comes_and_goes(story(state), "--kind=decoder");
}

/* Workers die while all work: whatever came back can be queued again, so nothing comes twice;
 * and all goes on, so nothing is kept for good. */
static void a_crowd_outlives_its_workers(struct story *s, const char *kind)
{
    static struct codec_crowd crowd;
    pid_t first;

    crowd =
        (struct codec_crowd){.random = 9, .encodes = strstr(kind, "encoder") != NULL, .deaths = 8};
    codec_crowd_start(s, kind);
    first = story_worker(s);
    codec_crowd_round(s, &crowd, STEPS);
    assert_int_not_equal(story_worker(s), first);
    print_message("%u sessions, %u streams, %u sources, %u pictures over %u deaths\n", crowd.opened,
                  crowd.streams, crowd.sources, crowd.pictures, crowd.deaths);
    assert_worked(&crowd);
    story_end(s);
}

static void encoders_outlive_workers(void **state)
{
    a_crowd_outlives_its_workers(story(state), "--kind=encoder");
}

static void decoders_outlive_workers(void **state)
{
    a_crowd_outlives_its_workers(story(state), "--kind=decoder");
}

/* So does the program: all that is open and at work goes on in the other one. */
static void a_crowd_outlives_its_program(struct story *s, const char *kind)
{
    static struct codec_crowd crowd;

    crowd = (struct codec_crowd){
        .random = 3, .encodes = strstr(kind, "encoder") != NULL, .upgrades = 2};
    codec_crowd_start(s, kind);
    codec_crowd_round(s, &crowd, STEPS / 2);
    print_message("%u sessions, %u streams, %u sources, %u pictures over %u upgrades\n",
                  crowd.opened, crowd.streams, crowd.sources, crowd.pictures, crowd.upgrades);
    assert_int_equal(crowd.opened, crowd.closed);
    assert_worked(&crowd);
    story_end(s);
}

static void encoders_outlive_programs(void **state)
{
    a_crowd_outlives_its_program(story(state), "--kind=encoder");
}

static void decoders_outlive_programs(void **state)
{
    a_crowd_outlives_its_program(story(state), "--kind=decoder");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_hundred_sessions_encode, media_qemu),
        STORY(a_hundred_sessions_decode, media_qemu),
        STORY(a_hundred_sessions_decode, media_crosvm),
        STORY(encoders_outlive_workers, media_qemu),
        STORY(decoders_outlive_workers, media_qemu),
        STORY(encoders_outlive_programs, media_qemu),
        STORY(decoders_outlive_programs, media_qemu),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

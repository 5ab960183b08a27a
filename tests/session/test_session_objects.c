/* SPDX-License-Identifier: MIT */
#include "gpu_story.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define UUID VIRTIO_GPU_RESP_OK_RESOURCE_UUID
#define MOST_OBJECTS 1024u /* that the door keeps */

/* Serves the back-end until it shares so many objects. */
static void await_objects(struct story *s, unsigned expected)
{
    for (unsigned waited = 0; waited < 5000 && s->frontend.objects != expected; waited += 5)
        assert_int_equal(frontend_pump(&s->frontend, -1, 5), 0);
    assert_int_equal(s->frontend.objects, expected);
}

/* A blob in context 1 that has a UUID. */
static void create_named(struct story *s, uint32_t id, uint64_t size, uint8_t uuid[static 16])
{
    assert_int_equal(gpu_guest_create_shared(&s->frontend, 1, id, size), OK);
    assert_int_equal(gpu_guest_assign_uuid(&s->frontend, id, uuid), UUID);
}

/* What another device of the VM gets. */
static bool can_be_had(struct story *s, const uint8_t uuid[static 16])
{
    int fd = frontend_get_object(&s->frontend, uuid);

    if (fd >= 0)
        close(fd);
    else
        assert_int_equal(fd, -ENOENT);
    return fd >= 0;
}

static void another_device_gets_what_is_shared(void **state)
{
    struct story *s = story(state);
    struct vhost_user_message answer;
    uint8_t uuid[16], nobodys[16] = "nobody's";
    uint64_t *words;
    int fd;

    story_unless(s, HABIT_LIBKRUN, "SHARED_OBJECT");
    story_unless(s, HABIT_CROSVM, "SHARED_OBJECT");
    gpu_story_open(s, NULL);
    create_named(s, 1, MIB, uuid);
    assert_int_equal(gpu_guest_attach(&s->frontend, 1, 1), OK);
    assert_int_equal(gpu_guest_fill(&s->frontend, 1, 1, 0, MIB, 77), OK);
    await_objects(s, 1);
    assert_memory_equal(s->frontend.uuids[0], uuid, 16);
    fd = frontend_get_object(&s->frontend, uuid);
    assert_true(fd >= 0);
    words = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(words, MAP_FAILED);
    for (uint64_t i = 0; i < MIB / 8; i++)
        assert_true(words[i] == memory_stream_word(77, i));
    assert_false(can_be_had(s, nobodys));
    /* QEMU 11.1 does not say which it wants: the conversation goes on. */
    assert_int_equal(frontend_ask(&s->frontend, VHOST_USER_GET_SHARED_OBJECT, NULL, 0, &answer), 0);
    assert_int_equal(gpu_guest_unref(&s->frontend, 1), OK);
    await_objects(s, 0);
    assert_false(can_be_had(s, uuid));
    assert_true(words[5] == memory_stream_word(77, 5)); /* who has it keeps it */
    munmap(words, MIB);
    close(fd);
    story_end(s);
}

/* Whoever had the arena's descriptor had every blob. */
static void the_arena_is_not_shared(void **state)
{
    struct story *s = story(state);
    uint8_t uuid[16];

    story_unless(s, HABIT_LIBKRUN, "SHARED_OBJECT");
    story_unless(s, HABIT_CROSVM, "SHARED_OBJECT");
    gpu_story_open(s, NULL);
    create_named(s, 1, MIB, uuid);
    assert_int_equal(frontend_pump(&s->frontend, -1, 50), 0);
    assert_int_equal(s->frontend.counts.adds, 0);
    assert_false(can_be_had(s, uuid));
    story_end(s);
}

/* Who does not know shared objects hears nothing of them. */
static void a_uuid_needs_no_front_end(void **state)
{
    struct story *s = story(state);
    uint8_t uuid[16];

    gpu_story_open(s, NULL);
    create_named(s, 1, MIB, uuid);
    assert_int_equal(frontend_pump(&s->frontend, -1, 50), 0);
    assert_int_equal(s->frontend.counts.adds, 0);
    assert_int_equal(gpu_guest_unref(&s->frontend, 1), OK);
    story_end(s);
}

static void there_is_an_end_to_it(void **state)
{
    struct story *s = story(state);
    uint8_t uuids[MOST_OBJECTS + 5][16];

    story_unless(s, HABIT_LIBKRUN, "SHARED_OBJECT");
    story_unless(s, HABIT_CROSVM, "SHARED_OBJECT");
    gpu_story_open(s, NULL);
    for (uint32_t i = 0; i < MOST_OBJECTS + 5; i++)
        create_named(s, i + 1, 4096, uuids[i]);
    await_objects(s, MOST_OBJECTS);
    assert_int_equal(daemon_process_number(&s->daemon, "/shared_objects"), MOST_OBJECTS);
    assert_true(can_be_had(s, uuids[0]));
    assert_true(can_be_had(s, uuids[MOST_OBJECTS - 1]));
    assert_false(can_be_had(s, uuids[MOST_OBJECTS]));
    /* There is room again when one goes. */
    assert_int_equal(gpu_guest_unref(&s->frontend, 1), OK);
    await_objects(s, MOST_OBJECTS - 1);
    create_named(s, 1, 4096, uuids[0]);
    await_objects(s, MOST_OBJECTS);
    assert_true(can_be_had(s, uuids[0]));
    story_end(s);
}

static void a_reset_ends_it(void **state)
{
    struct story *s = story(state);
    uint8_t uuid[16];

    story_unless(s, HABIT_LIBKRUN, "SHARED_OBJECT");
    story_unless(s, HABIT_CROSVM, "SHARED_OBJECT");
    gpu_story_open(s, NULL);
    for (unsigned i = 0; i < 5; i++)
        create_named(s, i + 1, 4096, uuid);
    await_objects(s, 5);
    assert_int_equal(frontend_reset(&s->frontend), 0);
    assert_int_equal(frontend_start(&s->frontend), 0);
    await_objects(s, 0);
    assert_int_equal(s->frontend.counts.removes, 5);
    assert_false(can_be_had(s, uuid));
    gpu_story_bind(s);
    create_named(s, 1, 4096, uuid);
    await_objects(s, 1);
    assert_true(can_be_had(s, uuid));
    story_end(s);
}

/* A pause does not: but what ends meanwhile is told when the device runs again. */
static void a_pause_does_not_end_it(void **state)
{
    struct story *s = story(state);
    uint8_t uuid[16];
    unsigned adds;

    story_unless(s, HABIT_LIBKRUN, "SHARED_OBJECT");
    story_unless(s, HABIT_CROSVM, "SHARED_OBJECT");
    gpu_story_open(s, NULL);
    create_named(s, 1, 4096, uuid);
    await_objects(s, 1);
    adds = s->frontend.counts.adds;
    assert_int_equal(frontend_stop(&s->frontend), 0);
    assert_true(can_be_had(s, uuid));
    assert_int_equal(frontend_start(&s->frontend), 0);
    assert_true(can_be_had(s, uuid));
    assert_int_equal(gpu_guest_unref(&s->frontend, 1), OK);
    await_objects(s, 0);
    assert_int_equal(s->frontend.counts.adds, adds);
    story_end(s);
}

/* The next worker shares what the last one did, and ends it with the resource. */
static void a_death_does_not_end_it(void **state)
{
    struct story *s = story(state);
    uint8_t uuids[10][16];
    unsigned adds;

    story_unless(s, HABIT_LIBKRUN, "SHARED_OBJECT");
    story_unless(s, HABIT_CROSVM, "SHARED_OBJECT");
    gpu_story_open(s, NULL);
    for (unsigned i = 0; i < 10; i++)
        create_named(s, i + 1, 4096, uuids[i]);
    await_objects(s, 10);
    adds = s->frontend.counts.adds;
    kill(story_worker(s), SIGKILL);
    assert_true(can_be_had(s, uuids[3]));
    story_await(s, "/worker/starts", 2);
    assert_int_equal(gpu_story_ping(s), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
    story_await(s, "/shared_objects", 10);
    for (unsigned i = 0; i < 10; i++)
        assert_true(can_be_had(s, uuids[i]));
    assert_int_equal(s->frontend.counts.adds, adds);
    assert_int_equal(gpu_guest_unref(&s->frontend, 4), OK);
    await_objects(s, 9);
    assert_false(can_be_had(s, uuids[3]));
    create_named(s, 20, 4096, uuids[0]);
    await_objects(s, 10);
    story_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(another_device_gets_what_is_shared, gpu_qemu_single),
        STORY(the_arena_is_not_shared, gpu_qemu_arena),
        STORY(a_uuid_needs_no_front_end, gpu_crosvm_single),
        STORY(there_is_an_end_to_it, gpu_qemu_single),
        STORY(a_reset_ends_it, gpu_qemu_single),
        STORY(a_pause_does_not_end_it, gpu_qemu_single),
        STORY(a_death_does_not_end_it, gpu_qemu_single),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

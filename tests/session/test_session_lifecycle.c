/* SPDX-License-Identifier: MIT */
#include "gpu_story.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "subject.h"
#include "unharmed.h"

static void start(struct story *s)
{
    assert_int_equal(frontend_start(&s->frontend), 0);
}

/* Nothing may come on the back-end channel while the rings are stopped. */
static void watch_the_channel(struct story *s, int milliseconds)
{
    assert_int_equal(frontend_pump(&s->frontend, -1, milliseconds), 0);
    story_assert_clean(s);
}

static void a_pause_keeps_the_mappings(void **state)
{
    struct story *s = story(state);
    unsigned before;

    story_unless(s, HABIT_LIBKRUN, "pause");
    gpu_story_open(s, NULL);
    gpu_story_create_mapped(s, 1, MIB, MIB);
    gpu_story_create_mapped(s, 2, 65536, 0);
    gpu_story_verify_down(s, 1, MIB, MIB, 11);
    before = s->frontend.counts.unmaps;
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(frontend_stop(&s->frontend), 0);
        assert_int_not_equal(s->frontend.base[GPU_GUEST_CONTROLQ], 0);
        watch_the_channel(s, 30);
        start(s);
        assert_int_equal(gpu_story_ping(s), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
        assert_true(gpu_story_sees(s, MIB, MIB, 11));
    }
    assert_int_equal(s->frontend.counts.unmaps, before);
    assert_int_equal(s->frontend.counts.refused, 0);
    gpu_story_verify_up(s, 1, MIB, MIB, 12);
    assert_int_equal(gpu_guest_unref(&s->frontend, 2), OK);
    gpu_story_create_mapped(s, 3, 65536, 0);
    gpu_story_verify_up(s, 3, 0, 65536, 13);
    story_end(s);
}

/* A request that the guest made while the device was paused is served when it goes on. */
static void requests_wait_for_the_end_of_a_pause(void **state)
{
    struct virtio_gpu_ctrl_hdr ping = {.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO};
    struct virtio_gpu_resp_display_info answer;
    struct story *s = story(state);
    int slot;

    story_unless(s, HABIT_LIBKRUN, "pause");
    gpu_story_open(s, NULL);
    assert_int_equal(frontend_stop(&s->frontend), 0);
    slot = gpu_guest_begin(&s->frontend, &ping, sizeof(ping), sizeof(answer));
    watch_the_channel(s, 50);
    assert_int_equal(driver_queue_in_flight(&s->frontend.queues[0]), 1);
    start(s);
    assert_int_equal(gpu_guest_end(&s->frontend, slot, &answer, sizeof(answer), FRONTEND_PATIENCE),
                     VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
    story_end(s);
}

/* A driver that begins anew finds nothing of the one before: neither names nor bytes. QEMU has
 * dropped the mappings, crosvm has not. */
static void a_reset_forgets_everything(void **state)
{
    struct story *s = story(state);

    gpu_story_open(s, NULL);
    for (unsigned i = 0; i < 10; i++) {
        volatile uint64_t *words;
        uint64_t wrong = 0;

        gpu_story_create_mapped(s, 1, MIB, MIB);
        gpu_story_create_mapped(s, 2, 65536, 0);
        gpu_story_verify_down(s, 1, MIB, MIB, 21 + i);
        assert_int_equal(frontend_reset(&s->frontend), 0);
        watch_the_channel(s, 20);
        start(s);
        gpu_story_bind(s);
        assert_true(gpu_guest_unref(&s->frontend, 1) >= REFUSED);
        gpu_story_create_mapped(s, 1, MIB, MIB);
        words = gpu_story_seen(s, MIB, MIB);
        for (uint64_t word = 0; word < MIB / 8; word++)
            wrong += words[word] != 0;
        assert_int_equal(wrong, 0);
        assert_int_equal(gpu_guest_unref(&s->frontend, 1), OK);
        story_await(s, "/device/resources", 1);
        story_await(s, "/ledger", 1);
    }
    if (s->cast.habit == HABIT_CROSVM)
        assert_int_equal(s->frontend.counts.refused, 0);
    story_end(s);
}

/* The cursor queue alone is reset: blobs have nothing to do with it. */
static void a_reset_of_one_ring_is_no_reset(void **state)
{
    struct story *s = story(state);

    story_unless(s, HABIT_LIBKRUN, "reset of one ring");
    gpu_story_open(s, NULL);
    gpu_story_create_mapped(s, 1, MIB, MIB);
    gpu_story_verify_down(s, 1, MIB, MIB, 31);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(frontend_enable_ring(&s->frontend, GPU_GUEST_CURSORQ, false), 0);
        assert_int_equal(frontend_stop_ring(&s->frontend, GPU_GUEST_CURSORQ), 0);
        driver_queue_fresh(&s->frontend.queues[GPU_GUEST_CURSORQ]);
        s->frontend.base[GPU_GUEST_CURSORQ] = 0;
        assert_int_equal(gpu_story_ping(s), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
        assert_int_equal(frontend_start_ring(&s->frontend, GPU_GUEST_CURSORQ), 0);
        assert_int_equal(frontend_enable_ring(&s->frontend, GPU_GUEST_CURSORQ, true), 0);
        gpu_story_verify_up(s, 1, MIB, MIB, 32 + i);
    }
    assert_int_equal(gpu_guest_unref(&s->frontend, 1), OK);
    gpu_story_create_mapped(s, 1, MIB, MIB);
    gpu_story_verify_up(s, 1, MIB, MIB, 39);
    story_end(s);
}

/* RESET_DEVICE, as vhost-user-gpu-pci sends it: the rings have to be started again. */
static void reset_device_forgets_everything(void **state)
{
    struct story *s = story(state);

    story_unless(s, HABIT_CROSVM, "RESET_DEVICE");
    story_unless(s, HABIT_LIBKRUN, "RESET_DEVICE");
    gpu_story_open(s, NULL);
    gpu_story_create_mapped(s, 1, MIB, MIB);
    assert_int_equal(frontend_stop(&s->frontend), 0);
    assert_int_equal(frontend_tell(&s->frontend, VHOST_USER_RESET_DEVICE, NULL, 0, NULL, 0, true),
                     0);
    assert_int_equal(frontend_reset(&s->frontend), 0);
    watch_the_channel(s, 30);
    story_await(s, "/device/resources", 0);
    start(s);
    gpu_story_bind(s);
    assert_true(gpu_guest_unref(&s->frontend, 1) >= REFUSED);
    gpu_story_create_mapped(s, 1, MIB, MIB);
    gpu_story_verify_up(s, 1, MIB, MIB, 41);
    story_end(s);
}

static int table_result;

static void send_a_table(struct frontend *frontend, void *data)
{
    table_result = frontend_tell_memory(frontend);
}

/* QEMU sends a memory table, and waits for the ack, while our SHMEM request lies unread. */
static void a_table_comes_in_the_middle_of_a_map(void **state)
{
    struct story *s = story(state);

    story_start(s, NULL);
    story_join(s);
    subject_bind(s);
    for (unsigned i = 0; i < 20; i++) {
        table_result = -1;
        s->frontend.mischief.before_answer = send_a_table;
        assert_true(subject_map(s));
        assert_int_equal(table_result, 0);
        subject_verify(s);
        assert_true(subject_unmap(s));
    }
    story_end(s);
}

static int stop_result;

static void stop_the_rings(struct frontend *frontend, void *data)
{
    stop_result = frontend_stop(frontend);
}

/* The VM is paused while a SHMEM request is under way; QEMU answers it after the stop, crosvm
 * before. What came of it is known when the device goes on. */
static void stop_in_the_middle(struct story *s, enum spoil spoil)
{
    long mapped;
    int slot;

    story_unless(s, HABIT_LIBKRUN, "pause");
    story_start(s, NULL);
    story_join(s);
    subject_bind(s);
    mapped = daemon_process_number(&s->daemon, "/ledger");
    stop_result = -1;
    s->frontend.mischief.before_answer = stop_the_rings;
    s->frontend.mischief.spoil = spoil;
    s->frontend.mischief.spoil_at = 1;
    slot = subject_map_begin(s);
    for (unsigned i = 0; i < 1000 && stop_result < 0; i++)
        assert_int_equal(frontend_pump(&s->frontend, -1, 5), 0);
    assert_int_equal(stop_result, 0);
    watch_the_channel(s, 100);
    start(s);
    if (!subject_map_end(s, slot))
        assert_true(subject_map(s));
    subject_verify(s);
    assert_true(subject_unmap(s));
    story_await(s, "/ledger", mapped);
    story_end(s);
}

/* The mappings of a driver that is reset are out of the window, whoever took them out. */
static void a_reset_frees_the_window(void **state)
{
    struct story *s = story(state);
    struct unharmed before;

    story_start(s, NULL);
    unharmed_take(&before, s);
    story_join(s);
    for (unsigned i = 0; i < 5; i++) {
        subject_bind(s);
        assert_true(subject_map(s));
        subject_verify(s);
        assert_int_equal(frontend_reset(&s->frontend), 0);
        watch_the_channel(s, 20);
        start(s);
        story_await(s, "/device/mapped", 0);
        story_await(s, "/device/sessions", 0);
        story_await(s, "/device/resources", 0);
    }
    if (s->cast.habit == HABIT_CROSVM)
        assert_int_equal(s->frontend.counts.refused, 0);
    story_leave(s);
    unharmed_check(&before, s);
    story_end(s);
}

static void a_pause_comes_in_the_middle_of_a_map(void **state)
{
    stop_in_the_middle(story(state), SPOIL_NOTHING);
}

static void a_pause_comes_in_the_middle_of_a_map_that_fails(void **state)
{
    struct story *s = story(state);

    story_unless(s, HABIT_CROSVM, "life after a refused request");
    stop_in_the_middle(s, SPOIL_REFUSE);
}

/* The driver stops the device after our request was begun, and before QEMU turned to read it. QEMU
 * 11.1 would crash on a SHMEM request then: what it finds must be none. */
static void a_stop_comes_before_a_request_is_read(void **state)
{
    struct virtio_gpu_resp_map_info answer;
    struct story *s = story(state);

    story_unless(s, HABIT_LIBKRUN, "pause");
    gpu_story_open(s, NULL);
    for (unsigned i = 0; i < 10; i++) {
        unsigned requests;
        int slot, unread = 0;

        gpu_story_create(s, 1, MIB);
        requests = story_shmem_requests(s);
        s->frontend.mischief.deaf = true;
        slot = gpu_guest_map_begin(&s->frontend, 1, MIB);
        for (unsigned n = 0; n < 1000 && unread == 0; n++) {
            usleep(1000);
            assert_int_equal(ioctl(s->frontend.channel, FIONREAD, &unread), 0);
        }
        assert_int_not_equal(unread, 0);
        assert_int_equal(frontend_stop(&s->frontend), 0);
        s->frontend.mischief.deaf = false;
        watch_the_channel(s, 20);
        if (s->cast.habit == HABIT_QEMU)
            assert_int_equal(s->frontend.counts.withdrawn, i + 1);
        assert_int_equal(story_shmem_requests(s), requests);
        start(s);
        if (gpu_guest_end(&s->frontend, slot, &answer, sizeof(answer), FRONTEND_PATIENCE) != MAPPED)
            assert_int_equal(gpu_guest_map(&s->frontend, 1, MIB), MAPPED);
        gpu_story_verify_up(s, 1, MIB, MIB, 55 + i);
        assert_int_equal(gpu_guest_unref(&s->frontend, 1), OK);
        story_await(s, "/ledger", 1);
    }
    story_end(s);
}

/* A guest resets while a map is under way. */
static void a_reset_comes_in_the_middle_of_a_map(void **state)
{
    struct story *s = story(state);

    gpu_story_open(s, NULL);
    for (unsigned i = 0; i < 10; i++) {
        gpu_story_create(s, 1, MIB);
        stop_result = -1;
        s->frontend.mischief.before_answer = stop_the_rings;
        assert_true(gpu_guest_map_begin(&s->frontend, 1, MIB) >= 0);
        for (unsigned n = 0; n < 1000 && stop_result < 0; n++)
            assert_int_equal(frontend_pump(&s->frontend, -1, 5), 0);
        assert_int_equal(frontend_reset(&s->frontend), 0);
        watch_the_channel(s, 20);
        start(s);
        gpu_story_bind(s);
        gpu_story_create_mapped(s, 2, MIB, MIB);
        gpu_story_verify_up(s, 2, MIB, MIB, 61 + i);
        story_await(s, "/device/resources", 2);
        story_await(s, "/ledger", 2);
        assert_int_equal(gpu_guest_unref(&s->frontend, 2), OK);
    }
    story_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_pause_keeps_the_mappings, gpu_qemu_arena),
        STORY(a_pause_keeps_the_mappings, gpu_qemu_single),
        STORY(a_pause_keeps_the_mappings, gpu_crosvm_arena),
        STORY(a_pause_keeps_the_mappings, gpu_crosvm_single),
        STORY(requests_wait_for_the_end_of_a_pause, gpu_qemu_arena),
        STORY(requests_wait_for_the_end_of_a_pause, gpu_crosvm_arena),
        STORY(a_reset_forgets_everything, gpu_qemu_arena),
        STORY(a_reset_forgets_everything, gpu_qemu_single),
        STORY(a_reset_forgets_everything, gpu_crosvm_arena),
        STORY(a_reset_forgets_everything, gpu_crosvm_single),
        STORY(a_reset_of_one_ring_is_no_reset, gpu_qemu_arena),
        STORY(a_reset_of_one_ring_is_no_reset, gpu_qemu_single),
        STORY(reset_device_forgets_everything, gpu_qemu_arena),
        STORY(reset_device_forgets_everything, gpu_qemu_single),
        STORY(a_table_comes_in_the_middle_of_a_map, gpu_qemu_single),
        STORY(a_table_comes_in_the_middle_of_a_map, gpu_crosvm_single),
        STORY(a_table_comes_in_the_middle_of_a_map, media_qemu_single),
        STORY(a_table_comes_in_the_middle_of_a_map, media_crosvm_single),
        STORY(a_pause_comes_in_the_middle_of_a_map, gpu_qemu_single),
        STORY(a_pause_comes_in_the_middle_of_a_map, gpu_crosvm_single),
        STORY(a_pause_comes_in_the_middle_of_a_map, media_qemu_single),
        STORY(a_pause_comes_in_the_middle_of_a_map, media_crosvm_single),
        STORY(a_pause_comes_in_the_middle_of_a_map_that_fails, gpu_qemu_single),
        STORY(a_pause_comes_in_the_middle_of_a_map_that_fails, media_qemu_single),
        STORY(a_stop_comes_before_a_request_is_read, gpu_qemu_single),
        STORY(a_stop_comes_before_a_request_is_read, gpu_crosvm_single),
        STORY(a_reset_comes_in_the_middle_of_a_map, gpu_qemu_single),
        STORY(a_reset_comes_in_the_middle_of_a_map, gpu_crosvm_single),
        STORY(a_reset_frees_the_window, gpu_qemu_single),
        STORY(a_reset_frees_the_window, gpu_crosvm_single),
        STORY(a_reset_frees_the_window, media_qemu),
        STORY(a_reset_frees_the_window, media_qemu_single),
        STORY(a_reset_frees_the_window, media_crosvm),
        STORY(a_reset_frees_the_window, media_crosvm_single),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
#include "gpu_story.h"

#include <stdlib.h>
#include <string.h>

/*
 * QEMU answers SHMEM_MAP before the mapping is there. A guest that is told too early, and writes at
 * once, loses the write. Here the front-end waits between the two, looks whether the guest was
 * told, and then has the guest write.
 */
#define ROUNDS 10000u
#define SIZE 16384u
#define COMMIT_US 30u

static struct {
    int slot;        /* of MAP_BLOB; -1: no guest waits for one */
    uint64_t offset; /* where it maps */
    uint64_t words[SIZE / 8];
    unsigned written; /* times that the guest wrote before the mapping was there */
} guest;

static unsigned rounds(unsigned usual)
{
    const char *fewer = getenv("HOSTBLOB_TEST_ROUNDS");

    return fewer != NULL && (unsigned)atoi(fewer) < usual ? (unsigned)atoi(fewer) : usual;
}

/* The guest, while the front-end is still at work. */
static void guest_watches(struct frontend *frontend, void *data)
{
    struct driver_queue *queue = &frontend->queues[GPU_GUEST_CONTROLQ];

    if (guest.slot < 0)
        return;
    driver_queue_collect(queue);
    if (!queue->slot[guest.slot].answered)
        return;
    guest_window_write(&frontend->window, guest.offset, guest.words, sizeof(guest.words));
    guest.written++;
    guest.slot = -1;
}

/* Maps, writes at once if not already done, and has the host sum what it sees. */
static void map_write_verify(struct story *s, uint32_t id, uint64_t offset, uint64_t seed)
{
    volatile uint64_t *result;
    struct virtio_gpu_resp_map_info answer;
    unsigned written = guest.written;

    for (unsigned i = 0; i < SIZE / 8; i++)
        guest.words[i] = memory_stream_word(seed, i);
    guest.offset = offset;
    guest.slot = gpu_guest_map_begin(&s->frontend, id, offset);
    assert_int_equal(
        gpu_guest_end(&s->frontend, guest.slot, &answer, sizeof(answer), FRONTEND_PATIENCE),
        MAPPED);
    guest.slot = -1;
    if (guest.written == written)
        guest_window_write(&s->frontend.window, offset, guest.words, sizeof(guest.words));
    result = gpu_story_seen(s, GPU_STORY_RESULT_AT, 8);
    *result = 0;
    assert_int_equal(gpu_guest_sum(&s->frontend, 1, id, 0, SIZE, GPU_STORY_RESULT, 0), OK);
    if (*result != memory_stream_sum(guest.words, SIZE / 8))
        fail_msg("a write was lost: the guest was told of a mapping before it was there");
}

static void no_write_is_lost(void **state)
{
    struct story *s = story(state);

    memset(&guest, 0, sizeof(guest));
    guest.slot = -1;
    gpu_story_open(s, NULL);
    s->frontend.mischief.commit_us = COMMIT_US;
    s->frontend.mischief.before_commit = guest_watches;
    gpu_story_create(s, 1, SIZE);
    for (unsigned i = 0; i < rounds(ROUNDS); i++) {
        map_write_verify(s, 1, i % 64 * 65536ull, i);
        assert_int_equal(gpu_guest_unmap(&s->frontend, 1), OK);
    }
    assert_int_equal(guest.written, 0);
    story_await(s, "/ledger", 1);
    story_end(s);
}

/* The same at the start of a driver, which is when the arena is mapped. */
static void no_write_is_lost_at_a_start(void **state)
{
    struct story *s = story(state);

    memset(&guest, 0, sizeof(guest));
    guest.slot = -1;
    gpu_story_open(s, NULL);
    s->frontend.mischief.commit_us = COMMIT_US * 20;
    s->frontend.mischief.before_commit = guest_watches;
    for (unsigned i = 0; i < rounds(200); i++) {
        assert_int_equal(frontend_reset(&s->frontend), 0);
        assert_int_equal(frontend_start(&s->frontend), 0);
        assert_int_equal(gpu_guest_context(&s->frontend, 1), OK);
        gpu_story_create(s, 1, SIZE);
        gpu_story_create_mapped(s, GPU_STORY_RESULT, 4096, GPU_STORY_RESULT_AT);
        map_write_verify(s, 1, i % 64 * 65536ull, i);
    }
    assert_int_equal(guest.written, 0);
    story_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(no_write_is_lost, gpu_qemu_single),
        STORY(no_write_is_lost, gpu_qemu_arena),
        STORY(no_write_is_lost, gpu_crosvm_single),
        STORY(no_write_is_lost_at_a_start, gpu_qemu_arena),
        STORY(no_write_is_lost_at_a_start, gpu_qemu_single),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
#include "gpu_story.h"

#include <string.h>
#include <unistd.h>

static void a_blob_lives(void **state)
{
    struct story *s = story(state);
    unsigned per_blob, before;

    gpu_story_open(s, NULL);
    per_blob = story_single(s) ? 2 : 0;
    before = story_shmem_requests(s);
    for (uint32_t i = 0; i < 5; i++) {
        uint64_t size = 4096ull << (3 * i), offset = i * 4096;

        gpu_story_create_mapped(s, i + 1, size, offset);
        gpu_story_verify_up(s, i + 1, offset, size, 77 + i);
        gpu_story_verify_down(s, i + 1, offset, size, 99 + i);
        story_await(s, "/device/mapped", 2);
        assert_int_equal(gpu_guest_unmap(&s->frontend, i + 1), OK);
        if (story_single(s))
            assert_null(guest_window_at(&s->frontend.window, offset, 8));
        assert_int_equal(gpu_guest_unref(&s->frontend, i + 1), OK);
        assert_int_equal(story_shmem_requests(s), before + per_blob * (i + 1));
    }
    story_await(s, "/device/resources", 1);
    story_end(s);
}

/* The fresh blob at a place where another one lay is empty. */
static void a_new_blob_is_empty(void **state)
{
    struct story *s = story(state);
    volatile uint64_t *words;

    gpu_story_open(s, NULL);
    for (uint32_t id = 1; id <= 20; id++) {
        uint64_t wrong = 0;

        gpu_story_create_mapped(s, id, MIB, MIB);
        words = gpu_story_seen(s, MIB, MIB);
        for (uint64_t i = 0; i < MIB / 8; i++)
            wrong += words[i] != 0;
        assert_int_equal(wrong, 0);
        memset((void *)(uintptr_t)words, 0x5a, MIB);
        assert_int_equal(gpu_guest_unref(&s->frontend, id), OK);
    }
    story_end(s);
}

static struct {
    int slot;
    bool early, late;
} unref_story;

/* SHMEM_UNMAP has come and is not answered yet: nor may UNREF be. */
static void unref_must_wait(struct frontend *frontend, void *data)
{
    struct driver_queue *queue = &frontend->queues[GPU_GUEST_CONTROLQ];

    usleep(20000);
    driver_queue_collect(queue);
    unref_story.late = true;
    unref_story.early = queue->slot[unref_story.slot].answered;
}

static void unref_is_answered_when_the_mapping_is_gone(void **state)
{
    struct virtio_gpu_resource_unref unref = {.hdr = {.type = VIRTIO_GPU_CMD_RESOURCE_UNREF},
                                              .resource_id = 1};
    struct virtio_gpu_ctrl_hdr answer;
    struct story *s = story(state);

    gpu_story_open(s, NULL);
    gpu_story_create_mapped(s, 1, MIB, 0);
    memset(&unref_story, 0, sizeof(unref_story));
    s->frontend.mischief.before_answer = unref_must_wait;
    unref_story.slot = gpu_guest_begin(&s->frontend, &unref, sizeof(unref), sizeof(answer));
    assert_int_equal(
        gpu_guest_end(&s->frontend, unref_story.slot, &answer, sizeof(answer), FRONTEND_PATIENCE),
        OK);
    assert_true(unref_story.late);
    assert_false(unref_story.early);
    assert_int_equal(s->frontend.counts.unmaps, 1);
    assert_null(guest_window_at(&s->frontend.window, 0, 8));
    story_end(s);
}

static void many_blobs_live_together(void **state)
{
    struct story *s = story(state);
    unsigned before, blobs = 200;

    gpu_story_open(s, NULL);
    before = story_shmem_requests(s);
    for (uint32_t id = 1; id <= blobs; id++) {
        gpu_story_create_mapped(s, id, 65536, id * 65536ull);
    }
    assert_int_equal(story_shmem_requests(s) - before, story_single(s) ? blobs : 0);
    for (uint32_t id = 1; id <= blobs; id++)
        gpu_story_verify_down(s, id, id * 65536ull, 65536, id);
    for (uint32_t id = 1; id <= blobs; id++) {
        volatile uint64_t *words = gpu_story_seen(s, id * 65536ull, 65536);

        assert_true(words[8191] == memory_stream_word(id, 8191));
    }
    story_await(s, "/device/resources", blobs + 1);
    story_await(s, "/ledger", story_single(s) ? blobs + 1 : 1);
    for (uint32_t id = 1; id <= blobs; id++)
        assert_int_equal(gpu_guest_unref(&s->frontend, id), OK);
    story_await(s, "/device/resources", 1);
    story_await(s, "/ledger", 1);
    story_end(s);
}

/* crosvm stops the VM over one refused request, so nonsense must not get that far. */
static void nonsense_does_not_reach_the_front_end(void **state)
{
    struct story *s = story(state);
    unsigned before;

    gpu_story_open(s, NULL);
    gpu_story_create(s, 1, MIB);
    gpu_story_create(s, 2, MIB);
    assert_int_equal(gpu_guest_map(&s->frontend, 1, MIB), MAPPED);
    before = story_shmem_requests(s);
    const struct {
        uint32_t id;
        uint64_t offset;
    } bad[] = {
        {2, MIB},                   /* taken */
        {2, MIB / 2},               /* overlaps from below */
        {2, MIB + MIB / 2},         /* and from above */
        {2, 64 * MIB},              /* behind the window */
        {2, 64 * MIB - MIB / 2},    /* half behind it */
        {2, UINT64_MAX - MIB + 1},  /* wraps */
        {2, UINT64_MAX & ~4095ull}, /* wraps too */
        {2, 512},                   /* not on a page */
        {1, 4 * MIB},               /* mapped already */
        {77, 4 * MIB},              /* no such resource */
        {0, 4 * MIB},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_true(gpu_guest_map(&s->frontend, bad[i].id, bad[i].offset) >= REFUSED);
    assert_true(gpu_guest_unmap(&s->frontend, 2) >= REFUSED);
    assert_true(gpu_guest_unmap(&s->frontend, 77) >= REFUSED);
    assert_true(gpu_guest_unref(&s->frontend, 77) >= REFUSED);
    assert_int_equal(story_shmem_requests(s), before);
    gpu_story_verify_up(s, 1, MIB, MIB, 5);
    assert_int_equal(gpu_guest_map(&s->frontend, 2, 4 * MIB), MAPPED);
    gpu_story_verify_up(s, 2, 4 * MIB, MIB, 6);
    assert_int_equal(s->frontend.counts.refused, 0);
    story_end(s);
}

/* As Linux does it: MAP_BLOB right behind CREATE_BLOB, the answers awaited later. */
static void map_follows_create_without_waiting(void **state)
{
    struct story *s = story(state);
    struct virtio_gpu_resp_map_info answer;
    int slots[40];

    gpu_story_open(s, NULL);
    for (uint32_t i = 0; i < 20; i++) {
        struct virtio_gpu_resource_create_blob create = {
            .hdr = {.type = VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB, .ctx_id = 1},
            .resource_id = i + 1,
            .blob_mem = VIRTIO_GPU_BLOB_MEM_HOST3D,
            .blob_flags = VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE,
            .size = 65536,
        };
        slots[2 * i] = gpu_guest_begin(&s->frontend, &create, sizeof(create), sizeof(create.hdr));
        slots[2 * i + 1] = gpu_guest_map_begin(&s->frontend, i + 1, i * 65536ull);
    }
    for (uint32_t i = 0; i < 40; i++)
        assert_int_equal(gpu_guest_end(&s->frontend, slots[i], &answer,
                                       i % 2 == 0 ? sizeof(answer.hdr) : sizeof(answer),
                                       FRONTEND_PATIENCE),
                         i % 2 == 0 ? OK : MAPPED);
    for (uint32_t i = 0; i < 20; i++)
        assert_int_equal(gpu_guest_unref(&s->frontend, i + 1), OK);
    story_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_blob_lives, gpu_qemu_arena),
        STORY(a_blob_lives, gpu_qemu_single),
        STORY(a_blob_lives, gpu_crosvm_arena),
        STORY(a_blob_lives, gpu_crosvm_single),
        STORY(a_new_blob_is_empty, gpu_qemu_arena),
        STORY(a_new_blob_is_empty, gpu_qemu_single),
        STORY(unref_is_answered_when_the_mapping_is_gone, gpu_qemu_single),
        STORY(unref_is_answered_when_the_mapping_is_gone, gpu_crosvm_single),
        STORY(many_blobs_live_together, gpu_qemu_arena),
        STORY(many_blobs_live_together, gpu_qemu_single),
        STORY(many_blobs_live_together, gpu_crosvm_single),
        STORY(nonsense_does_not_reach_the_front_end, gpu_qemu_arena),
        STORY(nonsense_does_not_reach_the_front_end, gpu_qemu_single),
        STORY(nonsense_does_not_reach_the_front_end, gpu_crosvm_arena),
        STORY(nonsense_does_not_reach_the_front_end, gpu_crosvm_single),
        STORY(map_follows_create_without_waiting, gpu_qemu_arena),
        STORY(map_follows_create_without_waiting, gpu_qemu_single),
        STORY(map_follows_create_without_waiting, gpu_crosvm_single),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

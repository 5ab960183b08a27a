/* SPDX-License-Identifier: MIT */
#include "gpu_story.h"
#include "media_story.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/*
 * A guest that comes to each limit: it gets its error, the report counts it, and what it gives back
 * it may have again. Another worker counts what is there as the first one did, and after a reset
 * nothing is counted.
 */
#define PAGE 4096u
#define NO_MEMORY VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY

static void expect(struct story *s, const char *limit, long used, long refused)
{
    char path[64];

    snprintf(path, sizeof(path), "/limits/%s/used", limit);
    story_await(s, path, used);
    snprintf(path, sizeof(path), "/limits/%s/refused", limit);
    story_await(s, path, refused);
}

static void kill_the_worker(struct story *s)
{
    long starts = daemon_process_number(&s->daemon, "/worker/starts");

    kill(story_worker(s), SIGKILL);
    for (unsigned i = 0; i < 1500; i++) {
        if (daemon_process_number(&s->daemon, "/worker/starts") > starts)
            return;
        assert_int_equal(frontend_pump(&s->frontend, -1, 10), 0);
    }
    fail_msg("no new worker came");
}

static void begin_anew(struct story *s)
{
    assert_int_equal(frontend_reset(&s->frontend), 0);
    assert_int_equal(frontend_pump(&s->frontend, -1, 50), 0);
    assert_int_equal(frontend_start(&s->frontend), 0);
}

/* ---- gpu ---- */

static int create_2d(struct story *s, uint32_t id, uint32_t side)
{
    struct virtio_gpu_resource_create_2d request = {
        .hdr.type = VIRTIO_GPU_CMD_RESOURCE_CREATE_2D,
        .resource_id = id,
        .format = VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM,
        .width = side,
        .height = side,
    };
    struct virtio_gpu_ctrl_hdr answer;

    return gpu_guest_command(&s->frontend, &request, sizeof(request), &answer, sizeof(answer));
}

/* With the story's own context and its mapped blob of a page. */
static void expect_gpu(struct story *s, long refused_contexts)
{
    expect(s, "memory", PAGE + 32768 + 16384 + 65536, 1);
    expect(s, "resources", 4, 1);
    expect(s, "contexts", 2, refused_contexts);
    expect(s, "mappings", 2, 1);
    expect(s, "attachments", 2, 1);
}

static void a_gpu_guest_comes_to_its_limits(void **state)
{
    static const char *const limits[] = {"--limit=memory=128K",   "--limit=resources=4",
                                         "--limit=contexts=2",    "--limit=mappings=2",
                                         "--limit=attachments=2", NULL};
    struct story *s = story(state);
    struct frontend *f = &s->frontend;

    gpu_story_open(s, limits);
    expect(s, "mappings", 1, 0);
    assert_int_equal(gpu_guest_context(f, 7), OK);
    assert_int_equal(gpu_guest_context(f, 8), NO_MEMORY);
    assert_int_equal(gpu_guest_create(f, 7, 1, 32768), OK);
    assert_int_equal(gpu_guest_create(f, 7, 2, 16384), OK);
    assert_int_equal(gpu_guest_create(f, 7, 3, 131072), NO_MEMORY);
    assert_int_equal(create_2d(s, 3, 128), OK);
    assert_int_equal(create_2d(s, 4, 1), NO_MEMORY);
    assert_int_equal(gpu_guest_map(f, 1, MIB), MAPPED);
    assert_int_equal(gpu_guest_map(f, 2, 2 * MIB), NO_MEMORY);
    assert_int_equal(gpu_guest_attach(f, 7, 1), OK);
    assert_int_equal(gpu_guest_attach(f, 7, 2), NO_MEMORY);
    expect_gpu(s, 1);
    /* What is given back may be had again. */
    assert_int_equal(gpu_guest_unref(f, 1), OK);
    assert_int_equal(gpu_guest_context_destroy(f, 7), OK);
    assert_int_equal(gpu_guest_context(f, 8), OK);
    assert_int_equal(gpu_guest_create(f, 8, 4, 32768), OK);
    assert_int_equal(gpu_guest_map(f, 2, 2 * MIB), MAPPED);
    assert_int_equal(gpu_guest_attach(f, 8, 2), OK);
    expect_gpu(s, 1);
    kill_the_worker(s);
    assert_int_equal(gpu_guest_context(f, 9), NO_MEMORY);
    expect_gpu(s, 2);
    begin_anew(s);
    expect(s, "memory", 0, 1);
    expect(s, "resources", 0, 1);
    expect(s, "contexts", 0, 2);
    expect(s, "mappings", 0, 1);
    expect(s, "attachments", 0, 1);
    gpu_story_bind(s);
    expect(s, "contexts", 1, 2);
    story_end(s);
}

/* ---- media ---- */

#define FRAME (128u * 96 * 2)

static void expect_media(struct story *s)
{
    expect(s, "memory", 2l * FRAME, 1);
    expect(s, "buffers", 2, 0);
    expect(s, "sessions", 2, 1);
    expect(s, "mappings", 1, 1);
    expect(s, "subscriptions", 1, 1);
}

static int subscribe(struct story *s, uint32_t session)
{
    struct v4l2_event_subscription wish = {.type = V4L2_EVENT_CTRL, .id = V4L2_CID_BRIGHTNESS};

    return media_guest_ioctl(&s->frontend, session, VIDIOC_SUBSCRIBE_EVENT, &wish);
}

static void a_media_guest_comes_to_its_limits(void **state)
{
    static const char *const limits[] = {"--limit=memory=64K", "--limit=sessions=2",
                                         "--limit=mappings=1", "--limit=subscriptions=1", NULL};
    struct story *s = story(state);
    struct frontend *f = &s->frontend;
    struct stream stream = {0};
    struct v4l2_buffer second = {.index = 1, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
    uint32_t other, third, count = 8, none = 0;
    uint64_t offset, length;

    story_start(s, limits);
    story_join(s);
    assert_int_equal(media_guest_open(f, &stream.session), 0);
    assert_int_equal(media_guest_open(f, &other), 0);
    assert_int_equal(media_guest_open(f, &third), ENOMEM);
    set_format(s, &stream, 128, 96); /* two of its frames fit */
    assert_int_equal(request_buffers(s, stream.session, &count), 0);
    assert_int_equal(count, 2);
    map_buffer(s, &stream, 0);
    assert_int_equal(media_guest_ioctl(f, stream.session, VIDIOC_QUERYBUF, &second), 0);
    assert_int_equal(media_guest_mmap(f, stream.session, second.m.offset, &offset, &length),
                     ENOMEM);
    assert_int_equal(subscribe(s, other), 0);
    assert_int_equal(subscribe(s, stream.session), ENOMEM);
    expect_media(s);
    kill_the_worker(s);
    expect_media(s);
    /* What is given back may be had again. */
    assert_int_equal(media_guest_munmap(f, stream.offset[0]), 0);
    assert_int_equal(media_guest_mmap(f, stream.session, second.m.offset, &offset, &length), 0);
    assert_true(media_guest_close(f, other) >= 0);
    assert_int_equal(media_guest_open(f, &third), 0);
    assert_int_equal(subscribe(s, stream.session), 0);
    expect_media(s);
    assert_int_equal(media_guest_munmap(f, offset), 0);
    assert_int_equal(request_buffers(s, stream.session, &none), 0);
    expect(s, "memory", 0, 1);
    count = 1;
    assert_int_equal(request_buffers(s, stream.session, &count), 0);
    expect(s, "memory", FRAME, 1);
    begin_anew(s);
    expect(s, "memory", 0, 1);
    expect(s, "buffers", 0, 0);
    expect(s, "sessions", 0, 1);
    expect(s, "mappings", 0, 1);
    expect(s, "subscriptions", 0, 1);
    story_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_gpu_guest_comes_to_its_limits, gpu_qemu_arena),
        STORY(a_gpu_guest_comes_to_its_limits, gpu_crosvm_single),
        STORY(a_media_guest_comes_to_its_limits, media_qemu),
        STORY(a_media_guest_comes_to_its_limits, media_crosvm_single),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
#include "media_test.h"
#include "nth_sweep.h"

/* A camera in need: whatever it cannot get, the program gets an answer, and the next one all. */
#define WIDTH 128u
#define HEIGHT 96u
#define BUFFERS 3u

static bool good;

/* A step that went as it should. */
#define STEP(call) (good = ((call) == 0) && good)

static void set_control(struct media_fixture *f, uint32_t session)
{
    struct v4l2_event_subscription wish = {.type = V4L2_EVENT_CTRL,
                                           .id = V4L2_CID_BRIGHTNESS,
                                           .flags = V4L2_EVENT_SUB_FL_ALLOW_FEEDBACK};
    struct v4l2_control control = {.id = V4L2_CID_BRIGHTNESS, .value = 5};

    STEP(MEDIA_IOCTL(f, session, SUBSCRIBE_EVENT, &wish));
    STEP(MEDIA_IOCTL(f, session, S_CTRL, &control));
    control.value = 0;
    STEP(MEDIA_IOCTL(f, session, S_CTRL, &control));
}

/* Returns where the buffers are mapped. */
static void map_buffers(struct media_fixture *f, uint32_t session, uint64_t at[BUFFERS])
{
    struct media_buffer_payload b;
    struct virtio_media_resp_mmap answer;
    uint32_t count = BUFFERS;

    STEP(media_reqbufs(f, session, &count));
    for (uint32_t i = 0; i < BUFFERS; i++) {
        bool multi = V4L2_TYPE_IS_MULTIPLANAR(media_type(f));

        at[i] = UINT64_MAX;
        if (media_querybuf(f, session, i, &b) != 0 ||
            media_mmap(f, session, multi ? b.planes[0].m.mem_offset : b.buffer.m.offset, &answer) !=
                0) {
            good = false;
            continue;
        }
        at[i] = answer.shm_offset;
        STEP(media_qbuf(f, session, i));
    }
}

static bool use(void *fixture)
{
    struct media_fixture *f = fixture;
    uint32_t session, none = 0;
    uint64_t at[BUFFERS];

    good = true;
    media_post_events(f, 8, sizeof(struct virtio_media_event_dqbuf));
    for (unsigned i = 0; i < 2; i++) {
        if (media_open(f, &session) != 0) {
            good = false;
            continue;
        }
        STEP(media_set(f, session, V4L2_PIX_FMT_YUYV, WIDTH, HEIGHT, 120));
        set_control(f, session);
        map_buffers(f, session, at);
        STEP(media_streamon(f, session));
        media_loop_for(f, 5);
        if (i == 1)
            break; /* it is left as it is */
        STEP(media_streamoff(f, session));
        for (unsigned k = 0; k < BUFFERS; k++)
            if (at[k] != UINT64_MAX)
                STEP(media_munmap(f, at[k]));
        STEP(media_reqbufs(f, session, &none));
        media_close(f, session);
    }
    return good;
}

static const struct media_options options = {0};

static void *create(enum exporter_kind kind)
{
    return media_fixture_create(&options, kind);
}

static void reboot(void *fixture)
{
    media_fixture_reboot(fixture);
}

static void end(void *fixture)
{
    media_assert_empty(fixture);
    media_fixture_destroy(fixture);
}

static const struct nth_subject subject = {create, use, reboot, end};

static void every_call_fails_in_turn(void **state)
{
    nth_sweep(&subject, EXPORTER_MEMFD);
}

static void every_call_fails_in_turn_with_the_arena(void **state)
{
    nth_sweep(&subject, EXPORTER_ARENA);
}

/* It is made, or it is not; and nothing is left of it. */
static void every_call_of_its_making_fails_in_turn(void **state)
{
    struct media_fixture *f = create(EXPORTER_MEMFD);
    unsigned refused = 0;
    bool fired = true;

    for (unsigned nth = 1; fired; nth++) {
        f->device->impl->destroy(f->device);
        nth_arm(nth);
        f->device = media_device_create(&f->host, &options);
        fired = nth_disarm();
        refused += f->device == NULL;
        if (f->device == NULL)
            f->device = media_device_create(&f->host, &options);
        assert_non_null(f->device);
        f->media = (struct media *)(void *)f->device;
        f->device->impl->reset(f->device);
        f->device->impl->set_features(f->device, 0);
    }
    assert_true(refused > 5);
    assert_true(use(f));
    media_fixture_destroy(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(every_call_fails_in_turn),
        FD_TEST(every_call_fails_in_turn_with_the_arena),
        FD_TEST(every_call_of_its_making_fails_in_turn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
